//! The session cookie, and the header that says a page of ours made the request.
//!
//! `__Host-` makes the browser insist on Secure, on our own host and on the whole path; `SameSite=Strict` keeps other
//! pages' requests from carrying it; the header cannot be set by a form or a link of another page at all.

use farwatch_shared::secret::Secret;
use hyper::header::{self, HeaderMap, HeaderValue};

/// Name of the cookie.
pub const COOKIE: &str = "__Host-fw";

/// Header every request that changes something must carry, with the value `1`.
pub const PAGE_HEADER: &str = "x-farwatch";

/// The session secret a request brings, if any. A request with two is refused as one without: one of them was planted.
#[must_use]
pub fn secret_of(headers: &HeaderMap) -> Option<Secret> {
    let mut found = headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|text| text.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .filter(|(name, _)| *name == COOKIE)
        .map(|(_, value)| value);
    let value = found.next()?;
    (found.next().is_none() && value.len() <= 128).then(|| Secret::new(value))
}

/// `Set-Cookie` for a new session.
#[must_use]
pub fn set(secret: &Secret, life_ms: i64) -> HeaderValue {
    let text =
        format!("{COOKIE}={}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age={}", secret.expose(), life_ms / 1000);
    let mut value = HeaderValue::from_str(&text).unwrap_or_else(|_| clear());
    value.set_sensitive(true);
    value
}

/// `Set-Cookie` that takes it away.
#[must_use]
pub fn clear() -> HeaderValue {
    HeaderValue::from_static("__Host-fw=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0")
}

/// Whether the request says that a page of ours (or a script that means it) made it.
#[must_use]
pub fn from_our_page(headers: &HeaderMap) -> bool {
    headers.get(PAGE_HEADER).is_some_and(|value| value == "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(cookies: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(header::COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        secret_of(&headers).map(|s| s.expose().to_owned())
    }

    #[test]
    fn a_planted_second_cookie_makes_both_worthless() {
        assert_eq!(with(&["theme=dark; __Host-fw=abc; x=y"]).as_deref(), Some("abc"));
        assert_eq!(with(&["__Host-fw=abc; __Host-fw=evil"]), None);
        assert_eq!(with(&["__Host-fw=abc", "__Host-fw=evil"]), None);
        assert_eq!(with(&["__Host-fwx=abc", "fw=1"]), None);
        assert_eq!(with(&[&format!("__Host-fw={}", "a".repeat(4096))]), None);
    }
}
