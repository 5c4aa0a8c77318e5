//! Simulated ledgers of days, counted and compared with the truth second by second.

use proptest::prelude::*;

use super::super::entry::{ClosedWhy, Gap, Moment, RecorderEntry};
use super::super::ledgered::{StreamKey, Walk};
use super::*;
use crate::id::{CameraId, RecorderId, RunId, SegmentId, StreamName};
use crate::time::{BootNs, ClockState};

/// 2026-11-24T00:00:00Z.
const T: i64 = 1_795_478_400_000;

fn at(ms: i64) -> Moment {
    Moment { boot_ns: BootNs(ms * 1_000_000), wall_ms: WallMs(T + ms) }
}

fn key() -> StreamKey {
    ("01890a5d-ac96-774b-bcce-b302099a8057".parse::<CameraId>().unwrap(), StreamName::Main)
}

fn started() -> RecorderEntry {
    let boot_id = "00000001-0000-0000-0000-000000000000".into();
    RecorderEntry::Started { recorder: RecorderId::generate(), version: "0".into(), boot_id, at: at(0) }
}

fn closed(sequence: u32, start: i64, end: i64) -> Closed {
    let (camera, stream) = key();
    Closed {
        segment: SegmentId { camera, stream, run: RunId { boot: 1, counter: 1 }, sequence },
        start: at(start),
        end: at(end),
        bytes: ByteSize(10),
        fragments: 1,
        frames: 1,
        digest: Digest::of(&sequence.to_le_bytes()),
        previous: Digest::ZERO,
        clock: ClockState::Ntp,
        codec: "avc1.640028".into(),
        width: 1,
        height: 1,
        audio_codec: None,
        audio_derived: false,
        needs_previous: false,
        media_ticks90k: 0,
        why: ClosedWhy::Length,
        activity: Vec::new(),
    }
}

fn gap(start: i64, end: i64, cause: GapCause) -> RecorderEntry {
    let (camera, stream) = key();
    RecorderEntry::Gap(Gap { camera, stream, start: at(start), end: at(end), cause, detail: None, across_boots: false })
}

fn count(entries: &[RecorderEntry], mut day: DayCount) -> DaySums {
    let mut walk = Walk::default();
    for entry in entries {
        if let Some((_, stretches)) = walk.take(entry) {
            stretches.iter().for_each(|stretch| day.count(&stretch));
        }
    }
    day.sums()
}

fn day(start: i64, end: i64) -> DayCount {
    DayCount::new(Span { start_ms: WallMs(T + start), end_ms: WallMs(T + end) }, Vec::new(), Vec::new())
}

fn total(sums: &DaySums) -> u64 {
    sums.recorded_ms + sums.damaged_ms + sums.gaps.iter().map(|g| g.ms).sum::<u64>()
}

/// A stream's story: what follows what, in milliseconds.
#[derive(Debug, Clone, Copy)]
enum Part {
    Segment(i64),
    Gap(i64, GapCause),
    Off(i64),
}

fn part() -> impl Strategy<Value = Part> {
    let cause =
        prop_oneof![Just(GapCause::Camera), Just(GapCause::Power), Just(GapCause::Schedule), Just(GapCause::Operator)];
    prop_oneof![
        4 => (1i64..900).prop_map(Part::Segment),
        2 => (1i64..400, cause).prop_map(|(ms, cause)| Part::Gap(ms, cause)),
        1 => (1i64..600).prop_map(Part::Off),
    ]
}

/// Writes the story down as a recorder does, and what is true of each millisecond: `r`ecorded, `g`ap, or nobody's.
fn tell(parts: &[Part]) -> (Vec<RecorderEntry>, Vec<u8>) {
    let (camera, stream) = key();
    let (mut entries, mut truth, mut sequence) = (vec![started()], Vec::new(), 0);
    for part in parts {
        let now = i64::try_from(truth.len()).unwrap();
        let fill = |truth: &mut Vec<u8>, ms: i64, what: u8| {
            truth.extend(std::iter::repeat_n(what, usize::try_from(ms).unwrap()))
        };
        match *part {
            Part::Segment(ms) => {
                entries.push(RecorderEntry::Closed(closed(sequence, now, now + ms)));
                sequence += 1;
                fill(&mut truth, ms, b'r');
            }
            Part::Gap(ms, cause) => {
                entries.push(gap(now, now + ms, cause));
                fill(&mut truth, ms, b'g');
            }
            Part::Off(ms) => {
                entries.push(RecorderEntry::SwitchedOff { camera, stream, at: at(now) });
                entries.push(gap(now, now + ms, GapCause::Operator));
                fill(&mut truth, ms, b' ');
            }
        }
    }
    (entries, truth)
}

proptest! {
    // RET-05, EVD-01
    #[test]
    fn recorded_and_missing_time_are_disjoint_and_give_the_expected_time(
        parts in proptest::collection::vec(part(), 1..60),
        cut in 0usize..20_000,
        len in 1usize..20_000,
        held in 0i64..10_000,
        damaged in 0i64..10_000,
    ) {
        let (entries, truth) = tell(&parts);
        let (from, to) = (cut.min(truth.len()), (cut + len).min(truth.len()));
        let (start, end) = (i64::try_from(cut).unwrap(), i64::try_from(cut + len).unwrap());
        let span = Span { start_ms: WallMs(T + start), end_ms: WallMs(T + end) };
        let span_of = |at: i64| vec![Span { start_ms: WallMs(T + at), end_ms: WallMs(T + at + 500) }; 2];
        let sums = count(&entries, DayCount::new(span, span_of(held), span_of(damaged)));
        let within = |at: usize, begin: i64| (begin..begin + 500).contains(&i64::try_from(at).unwrap());
        let true_of = |what: fn(u8) -> bool, and: &dyn Fn(usize) -> bool| {
            (from..to).filter(|i| what(truth[*i]) && and(*i)).count() as u64
        };
        prop_assert_eq!(sums.expected_ms, true_of(|w| w != b' ', &|_| true));
        prop_assert_eq!(sums.recorded_ms, true_of(|w| w == b'r', &|i| !within(i, damaged)));
        prop_assert_eq!(sums.damaged_ms, true_of(|w| w == b'r', &|i| within(i, damaged)));
        prop_assert_eq!(sums.gaps.iter().map(|g| g.ms).sum::<u64>(), true_of(|w| w == b'g', &|_| true));
        prop_assert_eq!(total(&sums), sums.expected_ms);
        prop_assert!(sums.held_ms <= sums.recorded_ms);
    }

    // RET-05
    #[test]
    fn days_that_follow_each_other_count_everything_once(
        parts in proptest::collection::vec(part(), 1..60),
        length in 100i64..5_000,
    ) {
        let (entries, truth) = tell(&parts);
        let all = i64::try_from(truth.len()).unwrap();
        let whole = count(&entries, day(0, all));
        let days: Vec<DaySums> = (0..=all / length).map(|n| count(&entries, day(n * length, (n + 1) * length))).collect();
        prop_assert_eq!(days.iter().map(|d| d.expected_ms).sum::<u64>(), whole.expected_ms);
        prop_assert_eq!(days.iter().map(|d| d.recorded_ms).sum::<u64>(), whole.recorded_ms);
        prop_assert_eq!(days.iter().map(|d| d.segments).sum::<u64>(), whole.segments);
    }
}

#[test]
fn time_the_log_passes_over_in_silence_is_missing_all_the_same() {
    let entries =
        [started(), RecorderEntry::Closed(closed(0, 0, 60_000)), RecorderEntry::Closed(closed(1, 65_000, 120_000))];
    let sums = count(&entries, day(0, 200_000));
    assert_eq!((sums.expected_ms, sums.recorded_ms), (120_000, 115_000));
    assert_eq!(sums.gaps, [CauseTotal { cause: GapCause::Agent, count: 1, ms: 5_000 }]);
}

#[test]
fn time_two_recorders_saw_counts_once() {
    let entries =
        [started(), RecorderEntry::Closed(closed(0, 0, 60_000)), RecorderEntry::Closed(closed(1, 50_000, 90_000))];
    let sums = count(&entries, day(0, 200_000));
    assert_eq!((sums.expected_ms, sums.recorded_ms), (90_000, 90_000));
}

#[test]
fn a_tail_that_a_power_cut_took_is_not_counted_as_recorded() {
    let mut short = closed(0, 0, 59_000);
    short.why = ClosedWhy::Crash;
    let entries = [
        started(),
        RecorderEntry::Closed(closed(0, 0, 60_000)),
        RecorderEntry::Recovered { closed: short, cut: ByteSize(9) },
        gap(59_000, 70_000, GapCause::Power),
    ];
    let sums = count(&entries, day(0, 200_000));
    assert_eq!((sums.expected_ms, sums.recorded_ms), (70_000, 59_000));
    assert_eq!(sums.gaps, [CauseTotal { cause: GapCause::Power, count: 1, ms: 11_000 }]);
}

#[test]
fn pieces_of_one_hole_are_one_gap_and_a_schedule_does_not_break_footage() {
    let entries = [
        started(),
        RecorderEntry::Closed(closed(0, 0, 10_000)),
        gap(10_000, 20_000, GapCause::Camera),
        gap(20_000, 30_000, GapCause::Camera),
        RecorderEntry::Closed(closed(1, 30_000, 40_000)),
        gap(40_000, 50_000, GapCause::Schedule),
        RecorderEntry::Closed(closed(2, 50_000, 60_000)),
    ];
    let sums = count(&entries, day(0, 60_000));
    assert_eq!(sums.gaps[0], CauseTotal { cause: GapCause::Camera, count: 1, ms: 20_000 });
    assert_eq!(sums.unbroken_since_ms, Some(WallMs(T + 30_000)));
    let next = count(&entries, day(45_000, 60_000));
    let span = Span { start_ms: WallMs(T + 45_000), end_ms: WallMs(T + 60_000) };
    let since = |before| next.unbroken_since(span, before, None);
    assert_eq!(since(Some((span.start_ms, WallMs(T + 30_000)))), Some(WallMs(T + 30_000)));
    assert_eq!(since(None), Some(WallMs(T + 50_000)));
}

// RET-05
#[test]
fn the_days_of_a_site_follow_its_clocks_over_a_change_of_the_hour() {
    let days = SiteDays::of(Some("Europe/Berlin"));
    assert_eq!(days.zone(), "Europe/Berlin");
    let mut at = WallMs(1_790_000_000_000);
    let mut lengths = Vec::new();
    for _ in 0..400 {
        let day = days.day_of(at);
        assert!(day.span.contains(at), "{day:?}");
        lengths.push(day.span.len_ms() / 3_600_000);
        let next = days.day_of(day.span.end_ms);
        assert_eq!(next.span.start_ms, day.span.end_ms, "no time between two days");
        at = day.span.end_ms;
    }
    assert_eq!(lengths.iter().filter(|hours| **hours == 23).count(), 1);
    assert_eq!(lengths.iter().filter(|hours| **hours == 25).count(), 1);
    assert_eq!(SiteDays::of(Some("Nowhere/Atlantis")).day_of(WallMs(T)).day, "2026-11-24");
}
