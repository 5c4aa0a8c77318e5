//! Schedules across the nights on which clocks change, in zones that do it differently.

use jiff::civil::DateTime;
use proptest::prelude::*;

use super::*;

const ZONES: &[&str] = &[
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    // Half an hour of daylight saving.
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    // Daylight saving the other way round.
    "Europe/Dublin",
    "Africa/Casablanca",
    "Asia/Shanghai",
    "Asia/Kathmandu",
];

fn window(days: &[u8], start_minute: u16, end_minute: u16) -> Window {
    Window { days: days.to_vec(), start_minute, end_minute }
}

fn schedule(zone: &str, windows: Vec<Window>) -> Schedule {
    Schedule { time_zone: zone.into(), windows }
}

fn weekly(zone: &str, windows: Vec<Window>) -> Weekly {
    Weekly::read(&schedule(zone, windows)).unwrap()
}

fn at(zone: &str, text: &str) -> WallMs {
    let civil: DateTime = text.parse().unwrap();
    WallMs(TimeZone::get(zone).unwrap().to_timestamp(civil).unwrap().as_millisecond())
}

fn utc(text: &str) -> WallMs {
    WallMs(text.parse::<Timestamp>().unwrap().as_millisecond())
}

const DAILY: &[u8] = &[1, 2, 3, 4, 5, 6, 7];

// CAP-02
#[test]
fn a_shop_is_recorded_while_it_is_closed() {
    let nights = weekly("Europe/Berlin", vec![window(&[1, 2, 3, 4, 5], 20 * 60, 6 * 60), window(&[6, 7], 0, 1_440)]);
    let is = |text| nights.is_open(at("Europe/Berlin", text));
    // 2026-11-27 is a Friday.
    assert!(!is("2026-11-27T19:59:59.999"));
    assert!(is("2026-11-27T20:00") && is("2026-11-28T05:59:59.999") && is("2026-11-28T06:00"));
    assert!(is("2026-11-29T23:59:59.999"));
    assert!(!is("2026-11-30T00:00"), "Sunday has no night window");
    let from_friday = nights.standing(at("Europe/Berlin", "2026-11-27T20:00"));
    assert_eq!(from_friday, Standing { open: true, until: Some(at("Europe/Berlin", "2026-11-30T00:00")) });
}

// CAP-02
#[test]
fn the_night_clocks_go_forward_loses_no_minute_of_a_window() {
    // Berlin, 2026-03-29: 02:00 becomes 03:00 at 01:00 UTC.
    let night = weekly("Europe/Berlin", vec![window(DAILY, 150, 240)]);
    let change = utc("2026-03-29T01:00:00Z");
    assert!(!night.is_open(change.plus_ms(-1)));
    assert_eq!(night.next_change(change.plus_ms(-1)), Some(change), "02:30 does not come: 03:00 is past it");
    assert_eq!(night.next_change(change), Some(utc("2026-03-29T02:00:00Z")));
    let skipped = weekly("Europe/Berlin", vec![window(DAILY, 130, 170)]);
    assert_eq!(skipped.next_change(utc("2026-03-28T12:00:00Z")), Some(utc("2026-03-30T00:10:00Z")), "02:10 next night");
}

// CAP-02
#[test]
fn the_hour_that_comes_twice_is_open_both_times() {
    // Berlin, 2026-10-25: 03:00 becomes 02:00 at 01:00 UTC.
    let night = weekly("Europe/Berlin", vec![window(DAILY, 60, 150)]);
    let mut changes = vec![utc("2026-10-24T12:00:00Z")];
    for _ in 0..4 {
        changes.push(night.next_change(*changes.last().unwrap()).unwrap());
    }
    let expected = ["2026-10-24T23:00:00Z", "2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z"];
    assert_eq!(changes[1..], expected.map(utc));
    let long = weekly("Europe/Berlin", vec![window(DAILY, 60, 240)]);
    let opened = long.next_change(utc("2026-10-24T12:00:00Z")).unwrap();
    assert_eq!(
        long.next_change(opened).unwrap().since(opened),
        4 * 3_600_000,
        "three hours on the wall, four in truth"
    );
}

#[test]
fn a_schedule_that_never_changes_says_so() {
    let always = weekly("Europe/Berlin", vec![window(DAILY, 0, 1_440)]);
    assert_eq!(always.standing(WallMs(0)), Standing { open: true, until: None });
    assert_eq!(always.standing(utc("2026-03-29T00:59:00Z")), Standing { open: true, until: None });
    let round = weekly("Europe/Berlin", vec![window(DAILY, 480, 480)]);
    assert_eq!(round.standing(WallMs(0)), Standing { open: true, until: None }, "from eight to eight is all day");
    let never = weekly("Europe/Berlin", Vec::new());
    assert_eq!(never.standing(WallMs(0)), Standing { open: false, until: None });
}

#[test]
fn nonsense_is_refused() {
    let good = window(&[1], 0, 60);
    for (zone, bad) in [
        ("Mars/Olympus", good.clone()),
        ("", good.clone()),
        ("Europe/Berlin", window(&[], 0, 60)),
        ("Europe/Berlin", window(&[0], 0, 60)),
        ("Europe/Berlin", window(&[8], 0, 60)),
        ("Europe/Berlin", window(&[1], 1_440, 60)),
        ("Europe/Berlin", window(&[1], 0, 1_441)),
    ] {
        assert_eq!(
            Weekly::read(&schedule(zone, vec![bad.clone()])).unwrap_err(),
            Refusal::BadSchedule,
            "{zone} {bad:?}"
        );
    }
    assert!(Weekly::read(&schedule("Europe/Berlin", vec![good; 201])).is_err());
}

#[test]
fn zones_are_known_without_a_system_that_has_them() {
    let built_in = jiff::tz::TimeZoneDatabase::bundled();
    for zone in ZONES {
        assert!(built_in.get(zone).is_ok(), "{zone}");
    }
}

fn windows() -> impl Strategy<Value = Vec<Window>> {
    let one = (proptest::collection::vec(1u8..=7, 1..4), 0u16..1_440, 0u16..=1_440);
    proptest::collection::vec(one.prop_map(|(days, start, end)| window(&days, start, end)), 0..4)
}

/// The definition, written the slow way: the reading on the wall, by the calendar.
fn by_the_wall(schedule: &Schedule, at: WallMs) -> bool {
    let zone = TimeZone::get(&schedule.time_zone).unwrap();
    let reading = zone.to_datetime(Timestamp::from_millisecond(at.0).unwrap());
    let minute = u16::from(reading.hour().unsigned_abs()) * 60 + u16::from(reading.minute().unsigned_abs());
    let today = reading.weekday().to_monday_one_offset().unsigned_abs();
    let yesterday = if today == 1 { 7 } else { today - 1 };
    schedule.windows.iter().any(|w| {
        let over_night = w.end_minute <= w.start_minute;
        let began = w.days.contains(&today) && minute >= w.start_minute && (over_night || minute < w.end_minute);
        began || (over_night && w.days.contains(&yesterday) && minute < w.end_minute)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    // CAP-02: minute by minute over the three days around each change of 2026, and over an ordinary week.
    #[test]
    fn every_minute_is_as_the_wall_clock_says_and_changes_are_foretold(
        zone in proptest::sample::select(ZONES),
        windows in windows(),
        pick in 0usize..3,
    ) {
        let schedule = schedule(zone, windows);
        let weekly = Weekly::read(&schedule).unwrap();
        let new_year = Timestamp::from_millisecond(1_767_225_600_000).unwrap();
        let shifts: Vec<i64> =
            TimeZone::get(zone).unwrap().following(new_year).take(2).map(|t| t.timestamp().as_millisecond()).collect();
        let middle = shifts.get(pick).copied().unwrap_or(1_790_000_040_000);
        let from = WallMs((middle - 36 * 3_600_000).div_euclid(MINUTE_MS) * MINUTE_MS);
        let mut foretold = weekly.next_change(from);
        let mut before = weekly.is_open(from);
        prop_assert_eq!(before, by_the_wall(&schedule, from));
        for minute in 1..72 * 60 {
            let now = from.plus_ms(minute * MINUTE_MS);
            let open = weekly.is_open(now);
            prop_assert_eq!(open, by_the_wall(&schedule, now), "{}", now);
            if open != before {
                prop_assert_eq!(foretold, Some(now));
                foretold = weekly.next_change(now);
            } else {
                prop_assert!(foretold.is_none_or(|change| change > now), "{} was foretold for {:?}", now, foretold);
            }
            before = open;
        }
    }
}
