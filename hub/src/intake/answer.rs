//! What the agents' door says when it will not.

use axum::Json;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::wire::latest::RefusalAnswer;

use crate::enrol::EnrolError;
use crate::store::StoreError;

/// How far an upload is durable.
pub const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");

/// A refusal on its way out: the word and its sentence for the box, the detail for the journal.
#[derive(Debug, Clone)]
pub struct Refused {
    pub refusal: Refusal,
    pub detail: String,
    offset: Option<u64>,
}

impl Refused {
    pub fn plain(refusal: Refusal) -> Self {
        Self { refusal, detail: String::new(), offset: None }
    }

    pub fn because(refusal: Refusal, detail: impl ToString) -> Self {
        Self { refusal, detail: detail.to_string(), offset: None }
    }

    /// With the offset the box should go on from.
    pub fn at(self, offset: u64) -> Self {
        Self { offset: Some(offset), ..self }
    }

    fn status(&self) -> StatusCode {
        match self.refusal {
            Refusal::NotYours | Refusal::Revoked | Refusal::BadToken | Refusal::BadSignature | Refusal::Expired => {
                StatusCode::FORBIDDEN
            }
            Refusal::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Refusal::BadOffset | Refusal::OtherManifest | Refusal::NotOpen | Refusal::AlreadySpent => {
                StatusCode::CONFLICT
            }
            Refusal::DigestMismatch | Refusal::BadRange => StatusCode::UNPROCESSABLE_ENTITY,
            Refusal::MissingPart | Refusal::NoFootage => StatusCode::NOT_FOUND,
            Refusal::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Refusal::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            Refusal::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let body = RefusalAnswer { refusal: self.refusal, message: self.refusal.to_string() };
        let mut headers = HeaderMap::new();
        if let Some(offset) = self.offset {
            headers.insert(UPLOAD_OFFSET, HeaderValue::from(offset));
        }
        let mut response = (self.status(), headers, Json(body)).into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<StoreError> for Refused {
    fn from(e: StoreError) -> Self {
        tracing::error!(error = %e, "the agents' door could not use the database");
        Self::because(Refusal::Internal, e)
    }
}

impl From<EnrolError> for Refused {
    fn from(e: EnrolError) -> Self {
        Self::because(e.refusal(), e)
    }
}
