//! `Range`, one at a time, over bytes of which only the beginning may be there; pure.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};

use crate::api::Fail;

/// What a request wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    All,
    /// From here to there, inclusive, or to the end.
    From(u64, Option<u64>),
    /// The last so many.
    Last(u64),
}

/// What it gets: `[start, end)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub start: u64,
    pub end: u64,
    /// Whether a range was asked for: then the answer is 206.
    pub asked: bool,
}

/// Why it gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unsatisfied {
    NotThereYet,
    BeyondTheEnd,
}

impl Wanted {
    /// Reads the header. What cannot be read, and several ranges at once, count as none: RFC 9110 14.2 allows ignoring.
    pub(super) fn read(header: &[u8]) -> Self {
        let read = || {
            let spec = std::str::from_utf8(header).ok()?.trim().strip_prefix("bytes=")?;
            let (from, to) = spec.split_once('-')?;
            let (from, to) = (from.trim(), to.trim());
            if from.is_empty() {
                return Some(Self::Last(number(to)?));
            }
            let from = number(from)?;
            let to = if to.is_empty() { None } else { Some(number(to)?) };
            to.is_none_or(|to| to >= from).then_some(Self::From(from, to))
        };
        read().unwrap_or(Self::All)
    }

    /// Against `ready` bytes of `total`.
    pub(super) fn of(self, ready: u64, total: u64) -> Result<Part, Unsatisfied> {
        let (start, last, asked) = match self {
            Self::All => return Ok(Part { start: 0, end: ready, asked: false }),
            Self::From(from, to) => (from, to.unwrap_or(total), true),
            Self::Last(0) => return Err(Unsatisfied::BeyondTheEnd),
            Self::Last(n) => (total.saturating_sub(n), total, true),
        };
        if start >= total {
            return Err(Unsatisfied::BeyondTheEnd);
        }
        if start >= ready {
            return Err(Unsatisfied::NotThereYet);
        }
        Ok(Part { start, end: last.saturating_add(1).min(ready), asked })
    }
}

/// Digits only: `parse` alone would take a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Unsatisfied {
    pub(super) fn answer(self, total: u64) -> Response {
        let (code, said, next) = match self {
            Self::NotThereYet => ("not_there_yet", "these bytes have not arrived yet", "ask again in a moment"),
            Self::BeyondTheEnd => ("bad_range", "the range lies beyond the end", "ask for what the clip lists"),
        };
        let mut response = Fail::new(StatusCode::RANGE_NOT_SATISFIABLE, code, said, next).into_response();
        if let Ok(value) = HeaderValue::from_str(&format!("bytes */{total}")) {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_to_what_has_arrived() {
        let of = |text: &str| Wanted::read(text.as_bytes()).of(600, 1000);
        let part = |start, end| Ok(Part { start, end, asked: true });
        assert_eq!(of("bytes=0-"), part(0, 600));
        assert_eq!(of("bytes=100-199"), part(100, 200));
        assert_eq!(of("bytes=599-2000"), part(599, 600));
        assert_eq!(of("bytes=600-"), Err(Unsatisfied::NotThereYet));
        assert_eq!(of("bytes=1000-"), Err(Unsatisfied::BeyondTheEnd));
        assert_eq!(of("bytes=-500"), part(500, 600));
        assert_eq!(of("bytes=-400"), Err(Unsatisfied::NotThereYet));
        assert_eq!(of("bytes=-0"), Err(Unsatisfied::BeyondTheEnd));
        assert_eq!(of("bytes=0-18446744073709551615"), part(0, 600));
        for ignored in ["bytes=5-4", "bytes=+5-", "bytes=0-1,5-6", "items=0-1", "bytes=", "bytes=a-b"] {
            assert_eq!(of(ignored), Ok(Part { start: 0, end: 600, asked: false }), "{ignored}");
        }
        assert_eq!(Wanted::All.of(0, 1000), Ok(Part { start: 0, end: 0, asked: false }));
    }
}
