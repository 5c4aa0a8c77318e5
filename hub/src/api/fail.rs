//! How a handler says no: status, one word, what happened, what to do next.
//!
//! Belongs here: the one error type of the people's door and how our inner errors become it. Does not: refusals of the
//! agents' door ([`farwatch_shared::refusal`]), logging of what is only our business.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use farwatch_shared::size::ByteSize;

use super::shape::{Failure, FailureDetail};

/// A request that is not answered with what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fail {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: String,
    pub next: String,
    /// Seconds after which it is worth trying again.
    pub retry_after_s: Option<u32>,
    /// Bytes the agent's disk is short of.
    pub missing_bytes: Option<ByteSize>,
}

impl Fail {
    #[must_use]
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), next: next.into(), retry_after_s: None, missing_bytes: None }
    }

    /// 400: the request itself is wrong.
    #[must_use]
    pub fn bad(code: &'static str, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message, next)
    }

    /// 401: nobody is signed in here.
    #[must_use]
    pub fn no_session() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "no_session", "nobody is signed in, or the session has ended", "sign in")
    }

    /// 403.
    #[must_use]
    pub fn forbidden(code: &'static str, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, message, next)
    }

    /// 404: no such thing, or none this person may know of.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("there is no such {what}"), "go back and look again")
    }

    /// 409: it cannot be done as things are.
    #[must_use]
    pub fn conflict(code: &'static str, message: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, message, next)
    }

    /// 429.
    #[must_use]
    pub fn too_many(wait_s: u32) -> Self {
        Self {
            retry_after_s: Some(wait_s),
            ..Self::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too_many_tries",
                "too many tries with this name or from this address",
                format!("wait {wait_s} s, then try again"),
            )
        }
    }

    /// 400 ACC-02: no reason, no footage.
    #[must_use]
    pub fn reason_required() -> Self {
        Self::bad("reason_required", "footage is shown for a reason only, and none was given", "say why in a few words")
    }

    /// 500: our own failure. The cause goes to the log, not over the wire.
    pub fn internal(doing: &'static str, cause: &dyn std::error::Error) -> Self {
        let mut chain = cause.to_string();
        let mut next = cause.source();
        while let Some(inner) = next {
            chain.push_str(": ");
            chain.push_str(&inner.to_string());
            next = inner.source();
        }
        tracing::error!(doing, error = %chain, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the hub failed while {doing}"),
            "try again; if it stays, look into the hub's log",
        )
    }
}

impl IntoResponse for Fail {
    fn into_response(self) -> Response {
        let body = Failure {
            error: FailureDetail {
                code: self.code.to_owned(),
                message: self.message,
                next: self.next,
                missing_bytes: self.missing_bytes,
            },
        };
        let mut response = (self.status, Json(body)).into_response();
        if let Some(wait) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait));
        }
        response
    }
}
