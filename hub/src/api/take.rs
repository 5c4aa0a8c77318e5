//! How a request is read: JSON body, path and query, each failing in our one error shape.
//!
//! Belongs here: the extractors and the small checks every handler shares (a reason, a name, a range of time).
//! Does not: who asks ([`crate::auth`]).

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use farwatch_shared::time::{DAY_MS, Span, WallMs};
use serde::de::DeserializeOwned;

use super::Fail;
use crate::door::Remote;

/// A body that takes longer is given up: a connection must not be held by dribbling.
const BODY_TIME: Duration = Duration::from_secs(20);

/// A JSON body.
pub struct Body<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Fail;

    async fn from_request(request: Request, state: &S) -> Result<Self, Fail> {
        let read = tokio::time::timeout(BODY_TIME, Json::<T>::from_request(request, state)).await;
        let Ok(read) = read else {
            return Err(Fail::new(
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                format!("the body did not arrive within {} s", BODY_TIME.as_secs()),
                "try again",
            ));
        };
        match read {
            Ok(Json(body)) => Ok(Self(body)),
            Err(JsonRejection::MissingJsonContentType(_)) => Err(Fail::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "not_json",
                "the body is not announced as JSON",
                format!("send {}: application/json", header::CONTENT_TYPE),
            )),
            Err(refused) if refused.status() == StatusCode::PAYLOAD_TOO_LARGE => Err(Fail::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the body is larger than any request of ours",
                "send less",
            )),
            Err(refused) => Err(misfit("body", &refused.body_text())),
        }
    }
}

/// What the path names.
pub struct Named<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Named<T> {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fail> {
        // An id that cannot be read names nothing, which is what 404 says.
        Path::<T>::from_request_parts(parts, state)
            .await
            .map(|Path(named)| Self(named))
            .map_err(|_| Fail::not_found("thing"))
    }
}

/// What the query asks for.
pub struct Asked<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Fail> {
        Query::<T>::from_request_parts(parts, state)
            .await
            .map(|Query(asked)| Self(asked))
            .map_err(|e| misfit("query", &e.body_text()))
    }
}

/// The library's reason, after its own introduction.
fn misfit(what: &str, text: &str) -> Fail {
    let reason = text.split_once(": ").map_or(text, |(_, reason)| reason);
    Fail::bad("malformed", format!("the {what} does not fit: {reason}"), "compare it with /api/v1/openapi.json")
}

/// The address a request comes from, as the door saw it.
pub struct From(pub IpAddr);

impl<S: Send + Sync> FromRequestParts<S> for From {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Fail> {
        // Only a door that forgot to say whom it let in gives none; then all share one address, and one limit.
        let address = parts.extensions.get::<Remote>().map(|remote| remote.address.ip());
        Ok(Self(address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))))
    }
}

/// Longest reason, in characters.
const MAX_REASON: usize = 500;

/// A reason a person gave, trimmed.
///
/// # Errors
/// When there is none (ACC-02), or it is a novel.
pub fn reason(text: &str) -> Result<String, Fail> {
    let text = text.trim();
    if text.is_empty() {
        return Err(Fail::reason_required());
    }
    if text.chars().count() > MAX_REASON {
        return Err(Fail::bad(
            "reason_too_long",
            format!("the reason has {} characters, at most {MAX_REASON} are kept", text.chars().count()),
            "say it shorter",
        ));
    }
    Ok(text.to_owned())
}

/// A name for a thing, trimmed: 1 to `most` characters, none of them a control character.
///
/// # Errors
/// Says which of these it breaks.
pub fn name(what: &str, text: &str, most: usize) -> Result<String, Fail> {
    let text = text.trim();
    let count = text.chars().count();
    if count == 0 || count > most || text.chars().any(char::is_control) {
        return Err(Fail::bad(
            "bad_name",
            format!("the name of a {what} has 1 to {most} characters on one line, this one has {count}"),
            "choose another name",
        ));
    }
    Ok(text.to_owned())
}

/// How many of a list: 100 unless said otherwise, at most 500.
pub fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(100).clamp(1, 500)
}

/// The stretch of time a query means: the last day before `now` unless said otherwise.
///
/// # Errors
/// When it is empty or longer than `most_days`.
pub fn stretch(from_ms: Option<i64>, to_ms: Option<i64>, now: WallMs, most_days: i64) -> Result<Span, Fail> {
    let to = to_ms.map_or(now, WallMs);
    let from = from_ms.map_or(to.plus_ms(-DAY_MS), WallMs);
    Span::new(from, to).filter(|span| span.len_ms() <= most_days * DAY_MS).ok_or_else(|| {
        Fail::bad(
            "bad_range",
            format!("the stretch from {from} to {to} is empty, or longer than {most_days} days"),
            "choose a start before the end",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // ACC-02
    #[test]
    fn white_space_is_no_reason() {
        assert_eq!(reason(" \n\t ").unwrap_err().code, "reason_required");
        assert_eq!(reason(" theft at gate 3 ").as_deref(), Ok("theft at gate 3"));
        assert_eq!(reason(&"x".repeat(501)).unwrap_err().code, "reason_too_long");
    }

    #[test]
    fn a_stretch_is_the_last_day_unless_said_otherwise() {
        let now = WallMs(10 * DAY_MS);
        assert_eq!(stretch(None, None, now, 40).unwrap().len_ms(), DAY_MS);
        assert_eq!(stretch(Some(5), Some(5), now, 40).unwrap_err().code, "bad_range");
        assert_eq!(stretch(Some(0), Some(41 * DAY_MS), now, 40).unwrap_err().code, "bad_range");
        assert!(stretch(Some(i64::MIN), Some(i64::MAX), now, 40).is_err());
    }
}
