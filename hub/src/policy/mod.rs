//! The model of what agents should do, validated, rendered to a desired state.
//!
//! Belongs here: whether a camera, a hold or a retention makes sense ([`terms`]), whether a disk can keep it ([`admit`]),
//! rendering rows to parts ([`render`]). Pure. Does not: writing rows, signing, sending (`dispatch`).

mod admission;
pub mod days;
mod render;
mod terms;

use farwatch_shared::refusal::Refusal;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use url::Url;

pub use admission::{Asked, Verdict, admit};
pub use render::{MIN_FREE, Rendered, Site, digest_of, render};
pub use terms::{mode, purpose, retention, terms};

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
    #[error("the schedule cannot be kept: {0}")]
    Schedule(String),
    #[error(
        "{pre_s} s before and {post_s} s after an event are too much; at most 60 s before and 3600 s after are kept"
    )]
    Roll { pre_s: u16, post_s: u16 },
    #[error("sound is recorded only for a stated purpose, of at most 1000 characters")]
    AudioPurpose,
    #[error(
        "event days of {days} are below the floor of {floor} days; events are kept at least as long as all footage"
    )]
    EventBelowFloor { floor: u32, days: u32 },
    #[error("event days of {days} are above the ceiling of {ceiling} days; everything older must go")]
    EventAboveCeiling { days: u32, ceiling: u32 },
    #[error("a quota of {0} is too small; give at least 64 MiB, or none")]
    QuotaTooSmall(ByteSize),
    #[error("a target is out of range: 16 to 16384 pixels, 0.1 to 240 frames a second, 1 kbit/s to 400 Mbit/s")]
    Target,
    #[error(
        "the policy cannot be kept: the box's disk is {missing} ({} bytes) short of what the floors need at the cameras' rates",
        .missing.bytes()
    )]
    TooLarge { missing: ByteSize },
}

impl PolicyError {
    /// The word for the wire.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::SecretInUrl(_) => Refusal::SecretInUrl,
            Self::CeilingBelowFloor { .. } => Refusal::CeilingBelowFloor,
            Self::Range => Refusal::BadRange,
            Self::Schedule(_) => Refusal::BadSchedule,
            Self::AudioPurpose => Refusal::NoAudioPurpose,
            Self::TooLarge { .. } => Refusal::PolicyTooLarge,
            Self::NotAUrl(_)
            | Self::Scheme(_)
            | Self::Name
            | Self::TooManyDays(_)
            | Self::Reason
            | Self::TimeZone(_)
            | Self::Roll { .. }
            | Self::EventBelowFloor { .. }
            | Self::EventAboveCeiling { .. }
            | Self::QuotaTooSmall(_)
            | Self::Target => Refusal::Malformed,
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
    use crate::store::cameras::CameraRow;
    use crate::store::recording::{Mode, Targets};
    use farwatch_shared::id::{AgentId, CameraId};
    use farwatch_shared::wire::latest::SourceChoice;

    /// A camera recorded all the time and kept for thirty days.
    pub(super) fn camera(name: &str) -> CameraRow {
        CameraRow {
            camera: CameraId::generate(),
            agent: AgentId::generate(),
            name: name.into(),
            source: SourceChoice::Auto,
            recording: Mode::Continuous,
            audio_purpose: None,
            url: "rtsp://10.0.0.9/main".into(),
            sub_url: None,
            credential: None,
            recovery: None,
            ca_pem: None,
            floor_days: 30,
            ceiling_days: None,
            event_days: None,
            quota: None,
            targets: Targets::default(),
            created_ms: WallMs(0),
            removed_ms: None,
        }
    }

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

    #[test]
    fn a_time_zone_is_one_the_world_knows() {
        assert!(time_zone("Asia/Shanghai").is_ok());
        assert!(time_zone("Mars/Olympus").is_err());
        assert!(time_zone("").is_err());
    }
}
