//! The model of what agents should do, validated, rendered to a desired state.
//!
//! Belongs here: whether a camera, a hold or a retention makes sense, rendering rows to parts
//! ([`render`]). Pure. Does not: writing rows, signing, sending (`dispatch`).

mod render;

use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::WallMs;
use url::Url;

pub use render::{MIN_FREE, Rendered, digest_of, render};

/// Most days anything is kept by a floor or ceiling.
pub const MAX_DAYS: u32 = 3650;
/// Longest hold: a year.
pub const MAX_HOLD_MS: i64 = 366 * 86_400_000;

/// Why a wish is refused. The text never repeats what was given: it may hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PolicyError {
    #[error("the {0} URL is not a URL; write it like rtsp://10.0.0.9:554/main")]
    NotAUrl(&'static str),
    #[error(
        "the {0} URL holds a user name, a password or a token; give them in their own fields, they are sealed to the agent"
    )]
    SecretInUrl(&'static str),
    #[error("the {0} URL's scheme is not one a camera is read by (rtsp, rtsps, v4l2, libcamera, udp, http, https)")]
    Scheme(&'static str),
    #[error("a name has 1 to 120 characters and no control characters")]
    Name,
    #[error("ceiling {ceiling} days is below the floor of {floor} days; raise the one or lower the other")]
    CeilingBelowFloor { floor: u32, ceiling: u32 },
    #[error("{0} days is more than {MAX_DAYS}")]
    TooManyDays(u32),
    #[error("a reason is needed, of at most 1000 characters")]
    Reason,
    #[error("the range ends before it begins, or is longer than allowed")]
    Range,
    #[error("{0:?} is not an IANA time zone, such as Asia/Shanghai")]
    TimeZone(String),
}

impl PolicyError {
    /// The word for the wire.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::SecretInUrl(_) => Refusal::SecretInUrl,
            Self::CeilingBelowFloor { .. } => Refusal::CeilingBelowFloor,
            Self::Range => Refusal::BadRange,
            Self::NotAUrl(_)
            | Self::Scheme(_)
            | Self::Name
            | Self::TooManyDays(_)
            | Self::Reason
            | Self::TimeZone(_) => Refusal::Malformed,
        }
    }
}

/// A URL a camera may be read by: without secrets, of a known scheme.
///
/// # Errors
/// Says which rule is broken, without repeating the URL. `which` is `main` or `sub`.
pub fn camera_url(which: &'static str, text: &str) -> Result<Url, PolicyError> {
    let url = Url::parse(text.trim()).map_err(|_| PolicyError::NotAUrl(which))?;
    if !matches!(url.scheme(), "rtsp" | "rtsps" | "v4l2" | "libcamera" | "udp" | "http" | "https") {
        return Err(PolicyError::Scheme(which));
    }
    let secret_query = url.query_pairs().any(|(key, value)| {
        let key = key.to_ascii_lowercase();
        !value.is_empty()
            && [
                "pass", "pwd", "password", "passwd", "token", "secret", "auth", "apikey", "api_key", "key", "user",
                "username",
            ]
            .contains(&key.as_str())
    });
    if !url.username().is_empty() || url.password().is_some() || secret_query {
        return Err(PolicyError::SecretInUrl(which));
    }
    if matches!(url.scheme(), "rtsp" | "rtsps" | "http" | "https") && url.host_str().is_none_or(str::is_empty) {
        return Err(PolicyError::NotAUrl(which));
    }
    Ok(url)
}

/// `host:port` of a camera URL as a credential is bound to.
#[must_use]
pub fn binding_host(url: &Url) -> String {
    farwatch_shared::wire::latest::credential_host(url.as_str()).unwrap_or_default()
}

/// # Errors
/// When the name is empty, too long, or has control characters.
pub fn name(text: &str) -> Result<String, PolicyError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 120 || text.chars().any(char::is_control) {
        return Err(PolicyError::Name);
    }
    Ok(text.to_owned())
}

/// # Errors
/// When there is none, or it is too long.
pub fn reason(text: &str) -> Result<String, PolicyError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > 1000 {
        return Err(PolicyError::Reason);
    }
    Ok(text.to_owned())
}

/// # Errors
/// When the ceiling is below the floor, or a figure is out of range.
pub fn retention(floor: u32, ceiling: Option<u32>) -> Result<(), PolicyError> {
    if let Some(days) = [Some(floor), ceiling].into_iter().flatten().find(|days| *days > MAX_DAYS) {
        return Err(PolicyError::TooManyDays(days));
    }
    match ceiling {
        Some(ceiling) if ceiling < floor => Err(PolicyError::CeilingBelowFloor { floor, ceiling }),
        _ => Ok(()),
    }
}

/// # Errors
/// When the range is empty, reversed or longer than allowed.
pub fn range(start: WallMs, end: WallMs, longest_ms: i64) -> Result<(), PolicyError> {
    if start.0 < 0 || start >= end || end.since(start) > longest_ms {
        return Err(PolicyError::Range);
    }
    Ok(())
}

/// # Errors
/// When the name is not in the time zone database.
pub fn time_zone(text: &str) -> Result<String, PolicyError> {
    match jiff::tz::TimeZone::get(text) {
        Ok(_) if !text.is_empty() && text.len() <= 64 => Ok(text.to_owned()),
        _ => Err(PolicyError::TimeZone(text.chars().take(64).collect())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SEC-02
    #[test]
    fn a_url_with_a_secret_is_refused_and_not_repeated() {
        for bad in ["rtsp://admin:hunter2@10.0.0.9/x", "rtsp://admin@10.0.0.9/x", "rtsp://10.0.0.9/x?Password=hunter2"]
        {
            let refused = camera_url("main", bad).unwrap_err();
            assert_eq!(refused, PolicyError::SecretInUrl("main"), "{bad}");
            assert!(!refused.to_string().contains("hunter2"));
        }
        assert!(camera_url("main", "rtsp://10.0.0.9:554/x?channel=1").is_ok());
        assert_eq!(camera_url("sub", "file:///etc/passwd"), Err(PolicyError::Scheme("sub")));
        assert_eq!(camera_url("sub", "10.0.0.9"), Err(PolicyError::NotAUrl("sub")));
    }

    #[test]
    fn a_credential_is_bound_to_host_and_port() {
        let host = |text| binding_host(&camera_url("main", text).unwrap());
        assert_eq!(host("rtsp://CAM.local/x"), "cam.local:554");
        assert_eq!(host("rtsps://cam.local/x"), "cam.local:322");
        assert_eq!(host("rtsp://[fe80::1]:8554/x"), "[fe80::1]:8554");
    }

    // RET-04
    #[test]
    fn a_ceiling_below_the_floor_is_refused_with_both_figures() {
        let refused = retention(30, Some(7)).unwrap_err();
        assert!(refused.to_string().contains("30") && refused.to_string().contains('7'));
        assert!(retention(0, None).is_ok() && retention(30, Some(30)).is_ok());
        assert!(retention(99_999, None).is_err());
    }

    #[test]
    fn a_time_zone_is_one_the_world_knows() {
        assert!(time_zone("Asia/Shanghai").is_ok());
        assert!(time_zone("Mars/Olympus").is_err());
        assert!(time_zone("").is_err());
    }
}
