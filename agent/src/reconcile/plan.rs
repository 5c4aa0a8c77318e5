//! The recorder's plan, made of the desired state. Pure.

use farwatch_shared::id::{AgentId, CameraId};
use farwatch_shared::keys::{OpenKey, Sealed};
use farwatch_shared::policy::schedule::Weekly;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::secret::Secret;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::Span;
use farwatch_shared::wire::latest::{DesiredCamera, Problem, Recording, RetentionPart, credential_binding};
use url::Url;

use crate::config::Settings;
use crate::desired::Parts;
use crate::recorder::protocol::{DiskRule, Plan, PlanCamera, PlanHold, PlanMode, PlanStream};
use crate::retention::{Hold, Lines, Policy};

/// Free space kept when no policy says how much.
const DEFAULT_MIN_FREE: ByteSize = ByteSize::gib(2);

/// What comes of a desired state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Numbered by whoever sends it.
    pub plan: Plan,
    pub policy: Policy,
    pub holds: Vec<Hold>,
    /// What cannot be done; the rest is.
    pub problems: Vec<Problem>,
}

/// Makes the plan.
#[must_use]
pub fn make_plan(parts: &Parts, agent: AgentId, key: &OpenKey, settings: &Settings) -> Made {
    let mut problems = Vec::new();
    let policy = policy_of(parts.retention.as_ref());
    let holds: Vec<Hold> = parts
        .holds
        .holds
        .iter()
        .filter_map(|h| Some(Hold { camera: h.camera, span: Span::new(h.start_ms, h.end_ms)? }))
        .collect();
    let cameras = parts
        .cameras
        .cameras
        .iter()
        .map(|camera| {
            let rule = policy.rule(camera.camera);
            // The recorder does not know which footage has an event in it; to be safe, all of it may.
            let floor_days = rule.floor_days.max(rule.event_days.unwrap_or(0));
            plan_camera(camera, floor_days, key, &mut problems)
        })
        .collect();
    let disk = DiskRule {
        lines: policy.lines,
        give_way: policy.steps().to_vec(),
        holds: holds.iter().map(|h| PlanHold { camera: h.camera, span: h.span }).collect(),
    };
    let plan = Plan {
        number: 0,
        agent: Some(agent),
        cameras,
        disk,
        segment_seconds: settings.segment_seconds,
        fragment_ms: settings.fragment_ms,
        buffer: settings.buffer_mib.map(|mib| ByteSize::mib(u64::from(mib))),
    };
    Made { plan, policy, holds, problems }
}

/// A retention part as the engine and the recorder work by it.
fn policy_of(part: Option<&RetentionPart>) -> Policy {
    let Some(part) = part else { return Policy { lines: Lines::of(DEFAULT_MIN_FREE), ..Policy::default() } };
    Policy {
        cameras: part.cameras.clone(),
        lines: Lines::of(part.min_free),
        when_short: part.when_short,
        give_way: part.give_way.clone(),
    }
}

fn plan_camera(camera: &DesiredCamera, floor_days: u32, key: &OpenKey, problems: &mut Vec<Problem>) -> PlanCamera {
    let mut problem = |refusal: Refusal, detail: String| {
        problems.push(Problem { camera: Some(camera.camera), refusal, detail, missing: None });
    };
    let mut credential: Option<Secret> = None;
    let mut streams = Vec::new();
    if camera.audio && !camera.records_sound() {
        problem(Refusal::NoAudioPurpose, "recorded without sound".into());
    }
    let mode = mode(&camera.recording).unwrap_or_else(|refusal| {
        problem(refusal, "not recorded until its schedule is corrected".into());
        PlanMode::Off
    });
    for stream in &camera.streams {
        let Ok(url) = Url::parse(&stream.url) else {
            problem(Refusal::Malformed, format!("the {} stream's address is not a URL", stream.stream));
            continue;
        };
        if url.password().is_some() || !url.username().is_empty() {
            problem(Refusal::SecretInUrl, format!("the {} stream's address holds a user or password", stream.stream));
            continue;
        }
        if let Some(sealed) = &camera.credential {
            match open(key, sealed, camera.camera, &authority(&stream.url)) {
                Some(opened) => credential = Some(opened),
                None => {
                    let detail = format!("for the {} stream at {}", stream.stream, authority(&stream.url));
                    problem(Refusal::CredentialUnreadable, detail);
                    continue;
                }
            }
        }
        let mode = if stream.record { mode.clone() } else { PlanMode::Off };
        streams.push(PlanStream { stream: stream.stream, url: stream.url.clone(), mode });
    }
    PlanCamera {
        camera: camera.camera,
        streams,
        credential,
        source: camera.source,
        audio: camera.records_sound(),
        ca_pem: camera.ca_pem.clone(),
        floor_days,
    }
}

/// What the recorder is told. A schedule nobody can read records nothing: it may be there to forbid.
fn mode(recording: &Recording) -> Result<PlanMode, Refusal> {
    Ok(match recording {
        Recording::Off => PlanMode::Off,
        Recording::Continuous => PlanMode::Continuous,
        Recording::Schedule(schedule) => {
            Weekly::read(schedule)?;
            PlanMode::Schedule(schedule.clone())
        }
        Recording::Event(event) => PlanMode::Event(event.clone()),
        Recording::LiveOnly(_) => PlanMode::LiveOnly,
    })
}

fn open(key: &OpenKey, sealed: &Sealed, camera: CameraId, host: &str) -> Option<Secret> {
    let opened = key.open(sealed, &credential_binding(camera, host)).ok()?;
    std::str::from_utf8(&opened).ok().map(Secret::new)
}

/// A URL's authority without user info, as written: what a credential is bound to.
fn authority(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    authority.rsplit_once('@').map_or(authority, |(_, host)| host).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::id::StreamName;
    use farwatch_shared::wire::latest::{CamerasPart, DesiredStream, Schedule, SourceChoice, Window};

    fn camera(url: &str, credential: Option<Sealed>, id: CameraId) -> Parts {
        let stream = DesiredStream { stream: StreamName::Main, url: url.into(), record: true, target: None };
        let camera = DesiredCamera {
            camera: id,
            name: "Gate".into(),
            recording: Recording::Continuous,
            audio: false,
            audio_purpose: None,
            source: SourceChoice::Auto,
            streams: vec![stream],
            credential,
            ca_pem: None,
        };
        Parts { cameras: CamerasPart { cameras: vec![camera], time_zone: None }, ..Parts::default() }
    }

    // OPS-03
    #[test]
    fn a_credential_opens_only_for_its_camera_and_host() {
        let (key, id, me) = (OpenKey::generate(), CameraId::generate(), AgentId::generate());
        let sealed = key.public().seal(b"admin:pw", &credential_binding(id, "10.0.0.9:554")).unwrap();
        let settings = Settings::default();
        let made = make_plan(&camera("rtsp://10.0.0.9:554/main", Some(sealed.clone()), id), me, &key, &settings);
        assert_eq!(made.plan.cameras[0].credential, Some(Secret::new("admin:pw")));
        assert!(made.problems.is_empty());
        let made = make_plan(&camera("rtsp://10.0.0.66:554/main", Some(sealed), id), me, &key, &settings);
        assert_eq!((made.plan.cameras[0].streams.len(), made.plan.cameras[0].credential.clone()), (0, None));
        assert_eq!(made.problems[0].refusal, Refusal::CredentialUnreadable);
    }

    #[test]
    fn a_password_in_a_url_is_refused() {
        let (key, id) = (OpenKey::generate(), CameraId::generate());
        let parts = camera("rtsp://admin:pw@10.0.0.9/main", None, id);
        let made = make_plan(&parts, AgentId::generate(), &key, &Settings::default());
        assert!(made.plan.cameras[0].streams.is_empty());
        assert_eq!(made.problems[0].refusal, Refusal::SecretInUrl);
        assert!(!format!("{made:?}").contains("pw@"));
    }

    #[test]
    fn a_camera_switched_off_stays_in_the_plan_without_recording() {
        let id = CameraId::generate();
        let mut parts = camera("rtsp://10.0.0.9/main", None, id);
        parts.cameras.cameras[0].recording = Recording::Off;
        let made = make_plan(&parts, AgentId::generate(), &OpenKey::generate(), &Settings::default());
        assert_eq!(made.plan.cameras[0].streams[0].mode, PlanMode::Off);
        assert_eq!(made.plan.cameras[0].floor_days, 30);
    }

    // CAP-02
    #[test]
    fn sound_is_recorded_for_a_stated_purpose_only() {
        for (audio, purpose, sound, problems) in [
            (false, None, false, 0),
            (false, Some("till robberies"), false, 0),
            (true, None, false, 1),
            (true, Some("  "), false, 1),
            (true, Some("till robberies"), true, 0),
        ] {
            let mut parts = camera("rtsp://10.0.0.9/main", None, CameraId::generate());
            let desired = &mut parts.cameras.cameras[0];
            (desired.audio, desired.audio_purpose) = (audio, purpose.map(str::to_owned));
            let made = make_plan(&parts, AgentId::generate(), &OpenKey::generate(), &Settings::default());
            assert_eq!((made.plan.cameras[0].audio, made.problems.len()), (sound, problems), "{audio} {purpose:?}");
            assert!(made.problems.iter().all(|p| p.refusal == Refusal::NoAudioPurpose));
        }
    }

    // CAP-02
    #[test]
    fn a_schedule_nobody_can_read_is_a_problem_and_records_nothing() {
        let window = Window { days: vec![1, 2], start_minute: 0, end_minute: 600 };
        for (time_zone, mode_is_off) in [("Europe/Berlin", false), ("Europe/Atlantis", true)] {
            let mut parts = camera("rtsp://10.0.0.9/main", None, CameraId::generate());
            let schedule = Schedule { time_zone: time_zone.into(), windows: vec![window.clone()] };
            parts.cameras.cameras[0].recording = Recording::Schedule(schedule);
            let made = make_plan(&parts, AgentId::generate(), &OpenKey::generate(), &Settings::default());
            assert_eq!(made.plan.cameras[0].streams[0].mode == PlanMode::Off, mode_is_off);
            assert_eq!(
                made.problems.iter().map(|p| p.refusal).collect::<Vec<_>>(),
                vec![Refusal::BadSchedule; usize::from(mode_is_off)]
            );
        }
    }
}
