//! What a person asks of a camera becomes a row that may be stored. Pure.
//!
//! Belongs here: what stays when it is not mentioned, what is refused with which advice, what the journal is told. Does not:
//! reading or writing rows.

use farwatch_shared::keys::Sealed;
use farwatch_shared::size::ByteSize;
use farwatch_shared::wire::latest::SourceChoice;

use super::super::prelude::*;
use super::super::show;
use crate::audit::Entry;
use crate::policy::{self, PolicyError};
use crate::store::cameras::CameraRow;
use crate::store::recording::{Mode, Targets};

/// Days a camera's footage is kept at least, unless said otherwise.
const FLOOR_DAYS: u32 = 30;
/// Largest certificate authority text taken.
const MOST_PEM: usize = 32 << 10;

/// A new camera as it was asked for.
pub(super) fn new(agent: AgentId, ask: AddCamera, now: WallMs) -> Result<CameraRow, Fail> {
    if ask.sealed_credential.is_some() && ask.id.is_none() {
        return Err(Fail::bad(
            "id_required",
            "a sealed credential is bound to the camera's id, and none was given",
            "make a UUIDv7, seal the credential with it, and send both",
        ));
    }
    let id = ask.id.unwrap_or_else(CameraId::generate);
    Ok(CameraRow {
        name: take::name("camera", &ask.name, 100)?,
        source: wire_source(ask.source),
        recording: ask.recording.map(show::recording::mode).unwrap_or_default(),
        audio_purpose: sound(None, ask.audio, ask.audio_purpose)?,
        url: ask.url,
        sub_url: ask.sub_url.filter(|url| !url.trim().is_empty()),
        credential: ask.sealed_credential.map(sealed).transpose()?,
        recovery: ask.sealed_recovery.map(sealed).transpose()?,
        ca_pem: ask.ca_pem.filter(|pem| !pem.trim().is_empty()),
        ceiling_days: ask.ceiling_days.filter(|days| *days != 0),
        event_days: ask.event_days.filter(|days| *days != 0),
        quota: ask.quota_bytes.filter(|quota| *quota != ByteSize(0)),
        targets: ask.targets.map(show::recording::wire_targets).unwrap_or_default(),
        ..unmade(id, agent, ask.floor_days.unwrap_or(FLOOR_DAYS), now)
    })
}

/// A camera of which nothing is known but how long its footage should be kept.
pub(super) fn unmade(camera: CameraId, agent: AgentId, floor_days: u32, now: WallMs) -> CameraRow {
    CameraRow {
        camera,
        agent,
        name: String::new(),
        source: SourceChoice::Auto,
        recording: Mode::Continuous,
        audio_purpose: None,
        url: String::new(),
        sub_url: None,
        credential: None,
        recovery: None,
        ca_pem: None,
        floor_days,
        ceiling_days: None,
        event_days: None,
        quota: None,
        targets: Targets::default(),
        created_ms: now,
        removed_ms: None,
    }
}

/// Sound is on when it has a purpose: the words decide, the switch only takes them away (CAP-02).
fn sound(was: Option<String>, on: Option<bool>, purpose: Option<String>) -> Result<Option<String>, Fail> {
    let purpose = match (on, purpose) {
        (Some(false), _) => None,
        (_, Some(text)) => Some(text).filter(|text| !text.trim().is_empty()),
        (_, None) => was,
    };
    if on == Some(true) && purpose.is_none() {
        return Err(PolicyError::AudioPurpose.into());
    }
    Ok(purpose)
}

/// What was asked, over what is. Pure.
pub(super) fn changed(mut row: CameraRow, ask: ChangeCamera) -> Result<CameraRow, Fail> {
    // Before anything else: a password in a URL is named as what it is.
    ask.url.as_deref().map(|url| policy::camera_url("main", url)).transpose()?;
    let moved = ask.url.as_ref().is_some_and(|url| host_of(url) != host_of(&row.url));
    if moved && row.credential.is_some() && ask.sealed_credential.is_none() {
        return Err(Fail::bad(
            "credential_required",
            "the stored credential is bound to the old host and would not open for the new one",
            "enter the camera's user and password again",
        ));
    }
    if let Some(name) = ask.name {
        row.name = take::name("camera", &name, 100)?;
    }
    if let Some(url) = ask.url {
        row.url = url;
    }
    if let Some(url) = ask.sub_url {
        row.sub_url = Some(url).filter(|url| !url.trim().is_empty());
    }
    if let Some(source) = ask.source {
        row.source = wire_source(source);
    }
    if let Some(recording) = ask.recording {
        row.recording = show::recording::mode(recording);
    }
    row.audio_purpose = sound(row.audio_purpose, ask.audio, ask.audio_purpose)?;
    row.floor_days = ask.floor_days.unwrap_or(row.floor_days);
    if let Some(days) = ask.ceiling_days {
        row.ceiling_days = Some(days).filter(|days| *days != 0);
    }
    if let Some(days) = ask.event_days {
        row.event_days = Some(days).filter(|days| *days != 0);
    }
    if let Some(quota) = ask.quota_bytes {
        row.quota = Some(quota).filter(|quota| *quota != ByteSize(0));
    }
    if let Some(targets) = ask.targets {
        row.targets = show::recording::wire_targets(targets);
    }
    if let Some(secret) = ask.sealed_credential {
        row.credential = Some(sealed(secret)?);
        // A recovery copy of the old secret would bring back the wrong one.
        row.recovery = None;
    }
    if let Some(secret) = ask.sealed_recovery {
        row.recovery = Some(sealed(secret)?);
    }
    if let Some(pem) = ask.ca_pem {
        row.ca_pem = Some(pem).filter(|pem| !pem.trim().is_empty());
    }
    Ok(row)
}

fn host_of(url: &str) -> Option<String> {
    policy::camera_url("main", url).ok().map(|url| policy::binding_host(&url))
}

/// A row that may be stored: its URLs without secrets, its bounds in order.
pub(super) fn checked(mut row: CameraRow) -> Result<CameraRow, Fail> {
    policy::camera_url("main", &row.url)?;
    row.url = row.url.trim().to_owned();
    if let Some(url) = &mut row.sub_url {
        policy::camera_url("sub", url)?;
        *url = url.trim().to_owned();
    }
    let elsewhere = row.sub_url.as_deref().is_some_and(|sub| host_of(sub) != host_of(&row.url));
    if elsewhere && row.credential.is_some() {
        return Err(Fail::bad(
            "two_hosts",
            "the two streams are on different hosts, and one credential is sealed to one host",
            "add them as two cameras",
        ));
    }
    row = policy::terms(row)?;
    if row.ca_pem.as_ref().is_some_and(|pem| pem.len() > MOST_PEM || !pem.contains("-----BEGIN CERTIFICATE-----")) {
        return Err(Fail::bad(
            "bad_ca",
            "the camera's authority is not a certificate in PEM form, or is very large",
            "paste the text that begins with -----BEGIN CERTIFICATE-----",
        ));
    }
    Ok(row)
}

/// A sealed secret in the form ours has; what is inside only the agent can tell.
fn sealed(secret: SealedSecret) -> Result<Sealed, Fail> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let enc = STANDARD.decode(&secret.enc).ok().filter(|enc| enc.len() == 32);
    let ct = STANDARD.decode(&secret.ct).ok().filter(|ct| (17..=4096).contains(&ct.len()));
    if enc.is_none() || ct.is_none() {
        return Err(Fail::bad(
            "bad_sealed",
            "the sealed credential is not an HPKE message of ours (32 bytes and a ciphertext, base64)",
            "load the page again and enter the credential again",
        ));
    }
    Ok(Sealed { enc: secret.enc, ct: secret.ct })
}

pub(super) fn told(entry: Entry, row: &CameraRow, when_short: Option<ShortChoice>) -> Entry {
    let mut entry = entry
        .with("name", row.name.clone())
        .with("url", row.url.clone())
        .with("recording", row.recording.word())
        .with("floor_days", i64::from(row.floor_days))
        .with("ceiling_days", i64::from(row.ceiling_days.unwrap_or(0)))
        .with("credential", if row.credential.is_some() { "sealed" } else { "none" });
    if !matches!(row.recording, Mode::Continuous | Mode::Off) {
        entry = entry.with("terms", serde_json::to_string(&row.recording).unwrap_or_default());
    }
    if let Some(purpose) = &row.audio_purpose {
        entry = entry.with("audio_purpose", purpose.as_str());
    }
    if let Some(days) = row.event_days {
        entry = entry.with("event_days", i64::from(days));
    }
    if let Some(quota) = row.quota {
        entry = entry.with("quota_bytes", quota.bytes());
    }
    match when_short {
        Some(ShortChoice::KeepFloor) => entry.with("when_short", "keep_floor"),
        Some(ShortChoice::KeepRecording) => entry.with("when_short", "keep_recording"),
        None => entry,
    }
}

fn wire_source(way: SourceWay) -> SourceChoice {
    match way {
        SourceWay::Auto => SourceChoice::Auto,
        SourceWay::Rtsp => SourceChoice::Rtsp,
        SourceWay::Gst => SourceChoice::Gst,
    }
}

impl From<PolicyError> for Fail {
    fn from(e: PolicyError) -> Self {
        let (code, next) = match &e {
            PolicyError::SecretInUrl(_) => {
                ("secret_in_url", "take user and password out of the URL and enter them in their own fields")
            }
            PolicyError::NotAUrl(_) | PolicyError::Scheme(_) => ("bad_url", "correct the URL"),
            PolicyError::CeilingBelowFloor { .. } => ("ceiling_below_floor", "raise the ceiling or lower the floor"),
            PolicyError::TooManyDays(_) => ("too_many_days", "keep it for fewer days"),
            PolicyError::Name => ("bad_name", "choose another name"),
            PolicyError::Reason => ("reason_required", "say why in a few words"),
            PolicyError::Range => ("bad_range", "choose a start before the end"),
            PolicyError::TimeZone(_) => ("bad_time_zone", "use an IANA name such as Asia/Shanghai"),
            PolicyError::Schedule(_) => ("bad_schedule", "correct the windows"),
            PolicyError::Roll { .. } => ("bad_roll", "choose less pre- or post-roll"),
            PolicyError::AudioPurpose => ("no_audio_purpose", "say what the sound is for, or leave sound off"),
            PolicyError::EventBelowFloor { .. } | PolicyError::EventAboveCeiling { .. } => {
                ("bad_event_days", "choose event days between the floor and the ceiling")
            }
            PolicyError::QuotaTooSmall(_) => ("quota_too_small", "give a larger quota, or none"),
            PolicyError::Target => ("bad_target", "correct the target"),
            PolicyError::TooLarge { .. } => {
                ("policy_too_large", "shorten the floor, lower the bit rate, or give the box a larger disk")
            }
        };
        match e {
            PolicyError::TooLarge { missing } => Self {
                missing_bytes: Some(missing),
                ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, e.to_string(), next)
            },
            _ => Self::bad(code, e.to_string(), next),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> CameraRow {
        CameraRow {
            camera: CameraId::generate(),
            agent: AgentId::generate(),
            name: "Gate".into(),
            source: SourceChoice::Auto,
            recording: Mode::Continuous,
            audio_purpose: None,
            url: "rtsp://10.0.0.9/main".into(),
            sub_url: Some("rtsp://10.0.0.9/sub".into()),
            credential: Some(Sealed { enc: "a".into(), ct: "b".into() }),
            recovery: Some(Sealed { enc: "c".into(), ct: "d".into() }),
            ca_pem: None,
            floor_days: 30,
            ceiling_days: Some(60),
            event_days: Some(40),
            quota: None,
            targets: Targets::default(),
            created_ms: WallMs(1),
            removed_ms: None,
        }
    }

    #[test]
    fn what_is_not_mentioned_stays() {
        let before = row();
        let after = changed(before.clone(), ChangeCamera::default()).unwrap();
        assert_eq!(after, before);
        let ask = ChangeCamera { ceiling_days: Some(0), sub_url: Some(String::new()), ..ChangeCamera::default() };
        let after = changed(before, ask).unwrap();
        assert_eq!((after.ceiling_days, after.sub_url), (None, None));
    }

    // SEC-02
    #[test]
    fn a_new_host_asks_for_the_credential_again() {
        let to = |url: &str| ChangeCamera { url: Some(url.into()), ..ChangeCamera::default() };
        assert_eq!(changed(row(), to("rtsp://10.0.0.8/main")).unwrap_err().code, "credential_required");
        assert_eq!(changed(row(), to("rtsp://a:b@10.0.0.8/main")).unwrap_err().code, "secret_in_url");
        assert!(changed(row(), to("rtsp://10.0.0.9:554/other")).is_ok());
    }

    #[test]
    fn a_password_in_a_url_is_refused_with_advice() {
        let refused = checked(CameraRow { url: "rtsp://admin:pw@10.0.0.9/x".into(), ..row() }).unwrap_err();
        assert_eq!(refused.code, "secret_in_url");
        assert!(refused.next.contains("own fields"), "{}", refused.next);
        assert_eq!(checked(CameraRow { ceiling_days: Some(7), ..row() }).unwrap_err().code, "ceiling_below_floor");
        let sub_url = Some("rtsp://10.0.0.8/sub".to_owned());
        assert_eq!(checked(CameraRow { sub_url, ..row() }).unwrap_err().code, "two_hosts");
    }

    // CAP-02
    #[test]
    fn sound_is_on_only_with_a_purpose() {
        let on = |audio, purpose: Option<&str>| ChangeCamera {
            audio,
            audio_purpose: purpose.map(str::to_owned),
            ..ChangeCamera::default()
        };
        assert_eq!(changed(row(), on(Some(true), None)).unwrap_err().code, "no_audio_purpose");
        assert_eq!(changed(row(), on(Some(true), Some(" "))).unwrap_err().code, "no_audio_purpose");
        let sounding = checked(changed(row(), on(None, Some(" intercom "))).unwrap()).unwrap();
        assert_eq!(sounding.audio_purpose.as_deref(), Some("intercom"));
        assert_eq!(changed(sounding.clone(), on(Some(true), None)).unwrap().audio_purpose, sounding.audio_purpose);
        for off in [on(Some(false), None), on(None, Some(""))] {
            assert_eq!(changed(sounding.clone(), off).unwrap().audio_purpose, None);
        }
    }
}
