//! Forecasts over simulated footage.

use super::*;
use crate::catalog::Sum;
use crate::retention::lines::Lines;
use farwatch_shared::id::StreamName;
use farwatch_shared::wire::latest::RetentionRule;

const GIB: u64 = 1 << 30;
/// Noon of a day, so that yesterday and today are a day and a half.
const NOW: WallMs = WallMs(20_833 * DAY_MS + DAY_MS / 2);

fn day(gib_milli: u64, first_ms: WallMs) -> AgeDay {
    let bytes = GIB / 1000 * gib_milli;
    AgeDay { plain: Sum { segments: 1, bytes }, event: Sum::default(), added: bytes, first_ms, blocks: (0, 0) }
}

/// One stream of 1 GiB a day over the last `days` days.
fn footage(camera: CameraId, days: u32) -> Ages {
    let today = day_of(NOW);
    let mut of_stream: BTreeMap<Day, AgeDay> =
        (today - days..today).map(|number| (number, day(1000, day_start(number)))).collect();
    of_stream.insert(today, day(500, day_start(today)));
    Ages::from([(StreamKey { camera, stream: StreamName::Main }, of_stream)])
}

fn policy(camera: CameraId, floor_days: u32) -> Policy {
    let rule = RetentionRule { floor_days, ceiling_days: None, event_days: None, quota: None };
    let lines = Lines::of(ByteSize(2 * GIB));
    Policy { cameras: BTreeMap::from([(camera, rule)]), lines, ..Policy::default() }
}

fn look(ages: &Ages, policy: &Policy, free_gib: u64, held: ByteSize) -> RetentionHealth {
    let streams = rates(ages, NOW);
    let footage: u64 = ages.values().flat_map(BTreeMap::values).map(|figures| figures.bytes().0).sum();
    let measured = Measured { rates: by_camera(&streams), capacity: ByteSize(footage + free_gib * GIB), held };
    let seen = BTreeMap::new();
    forecast(&Outlook { now: NOW, policy, ages, rates: &streams, measured: &measured, seen: &seen }).unwrap()
}

// CAP-04 RET-02
#[test]
fn a_disk_for_thirty_days_breaks_a_promise_of_sixty_on_the_day_it_is_full() {
    let camera = CameraId::generate();
    let ages = footage(camera, 10);
    let sixty = look(&ages, &policy(camera, 60), 22, ByteSize(0));
    assert_eq!(sixty.bytes_per_day.0 / (GIB / 100), 99, "a GiB a day, to a rounding");
    assert_eq!((sixty.hours_possible / 24, sixty.floor_hours), (30, 1440));
    let days = sixty.breach_at_ms.unwrap().since(NOW) / DAY_MS;
    assert_eq!(days, 21, "21 GiB are free above the hard floor");
    assert!((28..=30).contains(&(sixty.missing.0 / GIB)), "{}", sixty.missing);
    let thirty = look(&ages, &policy(camera, 29), 22, ByteSize(0));
    assert_eq!((thirty.breach_at_ms, thirty.missing), (None, ByteSize(0)));
    assert_eq!(thirty.bound.0 / (GIB / 10), 104, "all of it is under its floor");
    assert_eq!(thirty.next_to_go.unwrap().start_ms, day_start(day_of(NOW) - 10));
}

#[test]
fn holds_bring_the_breach_nearer() {
    let camera = CameraId::generate();
    let ages = footage(camera, 10);
    let free = look(&ages, &policy(camera, 29), 22, ByteSize(0));
    let held = look(&ages, &policy(camera, 29), 22, ByteSize(9 * GIB));
    assert_eq!(free.breach_at_ms, None);
    assert_eq!(held.breach_at_ms.unwrap().since(NOW) / DAY_MS, 12);
    assert_eq!(held.bound.0 - free.bound.0, 9 * GIB);
}

// CAP-04
#[test]
fn a_camera_switched_to_twice_the_rate_is_seen_in_the_forecast_within_the_day() {
    let camera = CameraId::generate();
    let mut ages = footage(camera, 10);
    let before = look(&ages, &policy(camera, 25), 22, ByteSize(0));
    let today = day_of(NOW);
    ages.values_mut().next().unwrap().insert(today, day(1000, day_start(today)));
    let after = look(&ages, &policy(camera, 25), 22, ByteSize(0));
    assert!(after.bytes_per_day.0 > before.bytes_per_day.0 * 5 / 4);
    assert!(before.breach_at_ms.is_none() && after.breach_at_ms.is_some());
}

#[test]
fn nothing_is_forecast_from_less_than_an_hour_and_deletions_do_not_lower_a_rate() {
    let camera = CameraId::generate();
    let stream = StreamKey { camera, stream: StreamName::Main };
    let young = day(100, NOW.plus_ms(-HOUR_MS + 1));
    assert!(rates(&Ages::from([(stream, BTreeMap::from([(day_of(NOW), young)]))]), NOW).is_empty());
    let mut hour = day(1000, NOW.plus_ms(-HOUR_MS));
    hour.plain = Sum::default();
    let rate = rates(&Ages::from([(stream, BTreeMap::from([(day_of(NOW), hour)]))]), NOW)[&stream];
    assert_eq!(rate.bytes_per_day, GIB / 1000 * 1000 * 24);
}
