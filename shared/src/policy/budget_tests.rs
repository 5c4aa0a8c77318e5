//! The sum of a retention policy, by example and by property.

use super::*;
use crate::wire::v1::{EventRecording, SourceChoice, StreamTarget, Window};
use proptest::prelude::*;

const DAY: ByteSize = ByteSize(24_000);

fn rule(floor_days: u32) -> RetentionRule {
    RetentionRule { floor_days, ceiling_days: None, event_days: None, quota: None }
}

fn demand(rule: RetentionRule) -> Demand {
    Demand { camera: CameraId::generate(), bytes_per_day: Some(DAY), event_permille: 100, rule }
}

// RET-02
#[test]
fn a_policy_of_sixty_days_on_a_disk_for_thirty_is_missing_thirty_days_of_bytes() {
    let room = Room { capacity: ByteSize(DAY.0 * 30 + 1_000 + 500), min_free: ByteSize(500), held: ByteSize(0) };
    let thirty = budget(&[demand(rule(30))], room);
    assert!(thirty.fits(), "{thirty:?}");
    assert_eq!((thirty.hours_possible, thirty.floor_hours), (Some(721), 720));
    let sixty = budget(&[demand(rule(60))], room);
    assert!(!sixty.fits());
    assert_eq!(sixty.missing, ByteSize(DAY.0 * 30));
}

// RET-02
#[test]
fn holds_events_and_a_second_camera_take_room() {
    let room = Room { capacity: ByteSize(DAY.0 * 10 + 1_000), min_free: ByteSize(0), held: ByteSize(0) };
    assert!(budget(&[demand(rule(10))], room).fits());
    let held = Room { held: ByteSize(7), ..room };
    assert_eq!(budget(&[demand(rule(10))], held).missing, ByteSize(7));
    let events = RetentionRule { event_days: Some(30), ..rule(10) };
    assert_eq!(budget(&[demand(events)], room).missing, ByteSize(DAY.0 * 20 / 10), "a tenth of twenty more days");
    assert_eq!(budget(&[demand(rule(10)), demand(rule(1))], room).missing, ByteSize(DAY.0 + 1_000));
}

#[test]
fn a_quota_below_the_camera_s_own_floor_is_a_contradiction_no_disk_mends() {
    let room = Room { capacity: ByteSize(u64::MAX), ..Room::default() };
    let small = RetentionRule { quota: Some(DAY), ..rule(2) };
    let sum = budget(&[demand(small)], room);
    assert_eq!(sum.missing, ByteSize(DAY.0 + 1_000));
    assert_eq!(sum.over_quota.len(), 1);
}

#[test]
fn a_camera_of_unknown_rate_is_named_and_asks_for_nothing() {
    let nobody_knows = Demand { bytes_per_day: None, ..demand(rule(30)) };
    let sum = budget(&[nobody_knows], Room::default());
    assert!(sum.fits());
    assert_eq!((sum.unknown, sum.hours_possible), (vec![nobody_knows.camera], None));
}

#[test]
fn windows_that_overlap_or_reach_over_midnight_count_each_minute_once() {
    let window = |days: &[u8], start, end| Window { days: days.to_vec(), start_minute: start, end_minute: end };
    let permille = |windows| recorded_permille(&Recording::Schedule(Schedule { time_zone: "UTC".into(), windows }));
    let all: Vec<u8> = (1..=7).collect();
    assert_eq!(permille(vec![window(&all, 0, 1440)]), 1000);
    assert_eq!(permille(vec![window(&all, 0, 720), window(&all, 360, 720)]), 500);
    assert_eq!(permille(vec![window(&all, 1320, 120)]), 167, "22:00 to 02:00 is a sixth of the day");
    assert_eq!(permille(vec![window(&[7], 720, 720)]), 143, "a day from Sunday noon is a seventh of the week");
    assert_eq!(permille(Vec::new()), 0);
}

#[test]
fn a_declared_rate_counts_for_the_time_that_is_recorded() {
    let target = StreamTarget { width: None, height: None, fps_milli: None, bits_per_s: Some(4_000_000) };
    let stream = |record, target| crate::wire::v1::DesiredStream {
        stream: crate::id::StreamName::Main,
        url: "rtsp://cam/x".into(),
        record,
        target,
    };
    let mut camera = DesiredCamera {
        camera: CameraId::generate(),
        name: "Gate".into(),
        recording: Recording::Continuous,
        audio: false,
        audio_purpose: None,
        source: SourceChoice::Auto,
        streams: vec![stream(true, Some(target)), stream(false, None)],
        credential: None,
        ca_pem: None,
    };
    assert_eq!(declared_per_day(&camera), Some(ByteSize(43_200_000_000)));
    camera.recording = Recording::Event(EventRecording { pre_s: 5, post_s: 5, triggers: Vec::new() });
    assert_eq!(declared_per_day(&camera), Some(ByteSize(8_640_000_000)));
    camera.streams[1].record = true;
    assert_eq!(declared_per_day(&camera), None);
}

prop_compose! {
    fn demands()(asked in prop::collection::vec((1u64..1 << 40, 0u32..400, 0u32..1001), 1..16)) -> Vec<Demand> {
        asked
            .into_iter()
            .map(|(rate, floor, permille)| Demand {
                bytes_per_day: Some(ByteSize(rate)),
                event_permille: permille,
                ..demand(rule(floor))
            })
            .collect()
    }
}

proptest! {
    /// What is said to be missing is exactly what makes the policy fit.
    #[test]
    fn a_disk_larger_by_the_missing_bytes_keeps_the_promise(demands in demands(), capacity in 0u64..1 << 50) {
        let room = Room { capacity: ByteSize(capacity), min_free: ByteSize::gib(1), held: ByteSize::mib(3) };
        let sum = budget(&demands, room);
        let blocked = (room.min_free.0 + room.held.0).saturating_sub(capacity);
        let larger = |by: u64| budget(&demands, Room { capacity: ByteSize(capacity + by + blocked), ..room });
        prop_assert!(larger(sum.missing.0).fits());
        if sum.missing.0 > 0 {
            prop_assert!(!larger(sum.missing.0 - 1).fits());
        }
    }

    /// Asking for less never misses more.
    #[test]
    fn a_shorter_floor_never_needs_more(demands in demands(), capacity in 0u64..1 << 50) {
        let room = Room { capacity: ByteSize(capacity), ..Room::default() };
        let shorter: Vec<Demand> = demands
            .iter()
            .map(|d| Demand { rule: RetentionRule { floor_days: d.rule.floor_days / 2, ..d.rule }, ..*d })
            .collect();
        prop_assert!(budget(&shorter, room).missing <= budget(&demands, room).missing);
    }
}
