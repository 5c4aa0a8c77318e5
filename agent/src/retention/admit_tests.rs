//! What is taken and what is refused.

use super::*;
use crate::retention::forecast::Rate;
use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::wire::latest::{
    DesiredCamera, DesiredStream, Recording, RetentionRule, SourceChoice, StreamTarget, WhenShort,
};
use std::collections::BTreeMap;

const DAY: u64 = 24_000_000;

fn part(camera: CameraId, floor_days: u32) -> RetentionPart {
    let rule = RetentionRule { floor_days, ceiling_days: None, event_days: None, quota: None };
    RetentionPart {
        cameras: BTreeMap::from([(camera, rule)]),
        min_free: ByteSize(1_000),
        when_short: WhenShort::KeepRecording,
        give_way: Vec::new(),
    }
}

fn cameras(camera: CameraId, bits_per_s: Option<u64>) -> CamerasPart {
    let target = StreamTarget { width: None, height: None, fps_milli: None, bits_per_s };
    let stream =
        DesiredStream { stream: StreamName::Main, url: "rtsp://cam/main".into(), record: true, target: Some(target) };
    let camera = DesiredCamera {
        camera,
        name: "Gate".into(),
        recording: Recording::Continuous,
        audio: false,
        audio_purpose: None,
        source: SourceChoice::Auto,
        streams: vec![stream],
        credential: None,
        ca_pem: None,
    };
    CamerasPart { cameras: vec![camera], time_zone: None }
}

/// Room for thirty days and the hour of turnover.
fn measured(camera: CameraId) -> Measured {
    Measured {
        rates: BTreeMap::from([(camera, Rate { bytes_per_day: DAY, event_bytes_per_day: 0 })]),
        capacity: ByteSize(DAY * 30 + DAY / 24 + 1_000),
        held: ByteSize(0),
    }
}

// RET-02
#[test]
fn sixty_days_on_a_disk_for_thirty_are_refused_with_the_bytes_missing_and_the_old_rule_stays_over_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("retention.json");
    let camera = CameraId::generate();
    let (known, measured) = (cameras(camera, None), measured(camera));
    let thirty = InForce::load(&path).judge(&part(camera, 30), &known, Some(&measured));
    assert_eq!((thirty.policy.as_ref(), &thirty.refused), (Some(&part(camera, 30)), &None));
    let after = thirty.judge(&part(camera, 60), &known, Some(&measured));
    assert_eq!(after.policy, Some(part(camera, 30)));
    let problem = after.refused.as_ref().unwrap().problem();
    assert_eq!((problem.refusal, problem.missing), (Refusal::PolicyTooLarge, Some(ByteSize(DAY * 30))));
    assert!(problem.detail.contains("room for 30 days and 1 hours") && problem.detail.contains("stays in force"));
    after.save(&path).unwrap();
    let restarted = InForce::load(&path).judge(&part(camera, 60), &known, None);
    assert_eq!(restarted, after, "what was refused is not taken because nothing is measured yet");
    let larger = Measured { capacity: ByteSize(DAY * 61 + 1_000), ..measured };
    assert_eq!(restarted.judge(&part(camera, 60), &known, Some(&larger)).policy, Some(part(camera, 60)));
}

// RET-02
#[test]
fn a_policy_that_asks_for_less_is_taken_even_when_it_cannot_be_kept_either() {
    let camera = CameraId::generate();
    let (known, measured) = (cameras(camera, None), measured(camera));
    let ninety = InForce { policy: Some(part(camera, 90)), refused: None };
    let sixty = ninety.judge(&part(camera, 60), &known, Some(&measured));
    assert_eq!((sixty.policy, sixty.refused), (Some(part(camera, 60)), None));
}

// RET-02
#[test]
fn a_declared_rate_counts_until_one_is_measured_and_an_unknown_one_refuses_nothing() {
    let camera = CameraId::generate();
    let unmeasured = Measured { rates: BTreeMap::new(), ..measured(camera) };
    let judge = |bits| InForce::default().judge(&part(camera, 60), &cameras(camera, bits), Some(&unmeasured));
    assert_eq!(judge(None).refused, None);
    let refused = judge(Some(DAY * 8 / 86_400)).refused.unwrap();
    assert!(refused.missing.0.abs_diff(DAY * 30) < DAY / 100, "{}", refused.missing);
    assert_eq!(judge(Some(DAY * 8 / 86_400)).policy, None, "nothing was in force before");
}
