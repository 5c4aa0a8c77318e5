//! Many short stretches of footage become few spans that can be drawn.
//!
//! Belongs here: joining, merging to a bounded number, resampling the activity; pure. Does not: gaps, fetching.

use farwatch_shared::time::{ClockState, Span, WallMs};

use super::size;
use crate::api::shape::{ClockTrust, FootageSpan};
use crate::api::show;

/// Stretches this close are one: the last frame's nominal end and the next file's first frame seldom meet to the
/// millisecond. A real hole is in the gap ledger, however short.
const JOIN_MS: i64 = 1_000;

/// How finely a strip is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fine {
    /// Most spans in one answer.
    pub spans: usize,
    /// Slots of activity over the whole of what was asked.
    pub slots: i64,
}

impl Fine {
    /// A camera's own page.
    pub(super) const PAGE: Self = Self { spans: 2_000, slots: 1_200 };
    /// A cell of a page with many cameras.
    pub(super) const CELL: Self = Self { spans: 200, slots: 200 };
}

/// A stretch of footage that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::api) struct Kept {
    pub span: Span,
    pub bytes: u64,
    /// Slots of equal length over the span.
    pub activity: Vec<u32>,
    pub clock: ClockState,
}

impl Kept {
    /// Footage that is known to be there, and no more is known of it.
    pub(super) fn unreported(span: Span) -> Self {
        Self { span, bytes: 0, activity: Vec::new(), clock: ClockState::Unsynced }
    }

    /// A part of it: bytes by share of time, the slots whose middle lies in it.
    pub(super) fn part(&self, span: Span) -> Self {
        let whole = i128::from(self.span.len_ms());
        let bytes = i128::from(self.bytes) * i128::from(span.len_ms()) / whole.max(1);
        let count = i64::try_from(self.activity.len()).unwrap_or(1).max(1);
        let middle = |slot: i64| self.span.start_ms.plus_ms((2 * slot + 1) * self.span.len_ms() / (2 * count));
        let slots = (0..).zip(&self.activity).filter(|(slot, _)| span.contains(middle(*slot)));
        Self {
            span,
            bytes: u64::try_from(bytes).unwrap_or(0),
            activity: slots.map(|(_, bytes)| *bytes).collect(),
            clock: self.clock,
        }
    }
}

/// The spans to draw of footage that comes by start, and the distance below which some were merged for number's sake
/// (0: none were).
pub(super) fn drawn(kept: &[Kept], range: Span, fine: Fine) -> (Vec<FootageSpan>, i64) {
    let mut within = JOIN_MS;
    let mut found = groups(kept, within);
    while found.len() > fine.spans {
        within *= 2;
        found = groups(kept, within);
    }
    let slot_ms = (range.len_ms() / fine.slots).max(1_000);
    let spans = found.into_iter().map(|group| draw(group, slot_ms)).collect();
    (spans, if within == JOIN_MS { 0 } else { within })
}

/// The stretch from the end of what is reported to what is already safe on the agent's disk.
pub(super) fn open_stretch(
    reported_until: Option<WallMs>,
    unbroken_since: Option<WallMs>,
    committed_until: Option<WallMs>,
) -> Option<Span> {
    let from = reported_until.max(unbroken_since)?;
    // Without a beginning of the unbroken stretch nothing is known to reach until now.
    unbroken_since.and(committed_until).and_then(|until| Span::new(from, until))
}

/// Footage that is not reported yet although the camera broke off since: the heads of a chain come every ten minutes, its
/// gaps at once. It is what lies between the last report and the last gap, less all gaps.
///
/// Nothing is claimed unless a gap is known that ends where the unbroken stretch begins: else it may still be on its way.
pub(super) fn between_gaps(from: Option<WallMs>, unbroken_since: Option<WallMs>, gaps: &[Span]) -> Vec<Span> {
    let (Some(mut from), Some(until)) = (from, unbroken_since) else { return Vec::new() };
    if !gaps.iter().any(|gap| gap.end_ms.since(until).abs() <= JOIN_MS) {
        return Vec::new();
    }
    let mut out = Vec::new();
    for gap in gaps.iter().filter(|gap| gap.start_ms < until) {
        out.extend(Span::new(from, gap.start_ms));
        from = from.max(gap.end_ms);
    }
    out.extend(Span::new(from, until).filter(|rest| rest.len_ms() > JOIN_MS));
    out
}

/// Stretches closer than the distance are one, unless their clocks differ (which is given up when there are too many).
fn groups(rows: &[Kept], within_ms: i64) -> Vec<&[Kept]> {
    let mut out = Vec::new();
    let mut first = 0;
    let mut end = None;
    for (i, row) in rows.iter().enumerate() {
        let other_clock = within_ms == JOIN_MS && i > first && rows[i - 1].clock != row.clock;
        if other_clock || end.is_some_and(|end| row.span.start_ms.since(end) > within_ms) {
            out.push(&rows[first..i]);
            first = i;
            end = None;
        }
        end = Some(end.map_or(row.span.end_ms, |end: WallMs| end.max(row.span.end_ms)));
    }
    if first < rows.len() {
        out.push(&rows[first..]);
    }
    out
}

fn draw(group: &[Kept], slot_ms: i64) -> FootageSpan {
    let start_ms = group.iter().map(|r| r.span.start_ms).min().unwrap_or_default();
    let end_ms = group.iter().map(|r| r.span.end_ms).max().unwrap_or_default();
    let bytes = group.iter().fold(0u64, |sum, r| sum.saturating_add(r.bytes));
    let activity = match group {
        // One stretch as it was reported keeps its own slots, unless they are finer than can be drawn.
        [one] if i64::try_from(one.activity.len()).unwrap_or(0) * slot_ms <= one.span.len_ms().max(60_000) => {
            one.activity.clone()
        }
        _ => resample(group, start_ms, end_ms, slot_ms),
    };
    // The words rise from the most to the least trusted.
    let clock = group.iter().map(|r| show::condition::trust(r.clock)).max().unwrap_or(ClockTrust::Unsynced);
    FootageSpan { start_ms, end_ms, bytes: size(bytes), activity, clock }
}

/// Spreads each stretch's slots over common slots of equal length, by share of time.
fn resample(group: &[Kept], start: WallMs, end: WallMs, slot_ms: i64) -> Vec<u32> {
    let length = end.since(start).max(1);
    let slots = usize::try_from((length / slot_ms).max(1)).unwrap_or(1);
    if group.iter().all(|r| r.activity.is_empty()) {
        return Vec::new();
    }
    let mut out = vec![0u64; slots];
    // In microseconds, so that slots of uneven milliseconds lose nothing.
    let place = |us: i64| us * i64::try_from(slots).unwrap_or(1) / (length * 1000);
    for row in group {
        let count = i64::try_from(row.activity.len()).unwrap_or(1).max(1);
        let step = row.span.len_ms() * 1000 / count;
        let offset = row.span.start_ms.since(start) * 1000;
        for (i, bytes) in (0..).zip(&row.activity) {
            let middle = offset + step * i + step / 2;
            if let Some(slot) = usize::try_from(place(middle)).ok().and_then(|slot| out.get_mut(slot)) {
                *slot += u64::from(*bytes);
            }
        }
    }
    out.into_iter().map(|bytes| u32::try_from(bytes).unwrap_or(u32::MAX)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::time::DAY_MS;

    fn row(start: i64, end: i64, bytes: u64, activity: &[u32]) -> Kept {
        let span = Span::new(WallMs(start), WallMs(end)).unwrap();
        Kept { span, bytes, activity: activity.to_vec(), clock: ClockState::Ntp }
    }

    fn strip(range_ms: i64, rows: Vec<Kept>) -> (Vec<FootageSpan>, i64) {
        drawn(&rows, Span::new(WallMs(0), WallMs(range_ms)).unwrap(), Fine::PAGE)
    }

    #[test]
    fn minutes_that_touch_are_one_span_and_no_byte_is_lost() {
        let minutes: Vec<Kept> = (0..1440).map(|m| row(m * 60_000, m * 60_000 + 59_960, 60, &[1; 60])).collect();
        let (spans, merged_ms) = strip(DAY_MS, minutes);
        assert_eq!((spans.len(), merged_ms), (1, 0));
        assert_eq!(spans[0].bytes.bytes(), 1440 * 60);
        assert_eq!(spans[0].activity.iter().sum::<u32>(), 1440 * 60);
        assert_eq!(spans[0].activity.len(), 1199);
        assert!(spans[0].activity.iter().all(|slot| (60..=90).contains(slot)), "{:?}", spans[0].activity);
    }

    #[test]
    fn overlapping_recorders_are_united() {
        let rows = vec![
            row(0, 60_000, 10, &[]),
            row(55_000, 70_000, 5, &[]),
            row(56_000, 58_000, 1, &[]),
            row(90_000, 99_000, 7, &[]),
        ];
        let (spans, _) = strip(DAY_MS, rows);
        let got: Vec<_> = spans.iter().map(|s| (s.start_ms.0, s.end_ms.0, s.bytes.bytes())).collect();
        assert_eq!(got, [(0, 70_000, 16), (90_000, 99_000, 7)]);
    }

    #[test]
    fn a_flapping_camera_does_not_make_the_answer_large() {
        let rows: Vec<Kept> = (0..20_000).map(|n| row(n * 10_000, n * 10_000 + 5_000, 1, &[1; 5])).collect();
        let (spans, merged_ms) = strip(40 * DAY_MS, rows);
        assert!(spans.len() <= Fine::PAGE.spans, "{}", spans.len());
        assert!(merged_ms > JOIN_MS);
        assert_eq!(spans.iter().map(|s| s.bytes.bytes()).sum::<u64>(), 20_000);
        let slots: usize = spans.iter().map(|s| s.activity.len()).sum();
        assert!(slots <= Fine::PAGE.spans + usize::try_from(Fine::PAGE.slots).unwrap(), "{slots}");
    }

    #[test]
    fn footage_between_the_last_report_and_a_gap_is_not_hidden() {
        let span = |start, end| Span::new(WallMs(start), WallMs(end)).unwrap();
        let at = |ms| Some(WallMs(ms));
        let gaps = [span(50_000, 60_000), span(200_000, 230_000)];
        assert_eq!(between_gaps(at(100_000), at(230_000), &gaps), [span(100_000, 200_000)]);
        assert_eq!(between_gaps(at(0), at(230_100), &gaps), [span(0, 50_000), span(60_000, 200_000)]);
        assert_eq!(between_gaps(at(100_000), at(300_000), &gaps), [], "the gap before 300 s is still on its way");
        assert_eq!(between_gaps(at(100_000), None, &gaps), []);
        assert_eq!(between_gaps(at(230_000), at(230_000), &gaps), []);
    }

    #[test]
    fn the_open_file_is_told_apart_from_what_is_closed() {
        let at = |ms| Some(WallMs(ms));
        assert_eq!(open_stretch(at(100), at(10), at(150)), Span::new(WallMs(100), WallMs(150)));
        // Reconnected after what is reported: the stretch begins at the reconnect.
        assert_eq!(open_stretch(at(100), at(120), at(150)), Span::new(WallMs(120), WallMs(150)));
        assert_eq!(open_stretch(at(100), at(10), at(90)), None);
        assert_eq!(open_stretch(at(100), None, at(150)), None, "the camera is not recording");
        assert_eq!(open_stretch(None, at(10), at(15)), Span::new(WallMs(10), WallMs(15)));
    }

    // CAP-05
    #[test]
    fn footage_of_an_unsure_clock_is_a_span_of_its_own() {
        let unsure = Kept { clock: ClockState::Unsynced, ..row(0, 100, 1, &[]) };
        let (spans, _) = strip(DAY_MS, vec![unsure, row(100, 200, 1, &[]), row(200, 300, 1, &[])]);
        let seen: Vec<_> = spans.iter().map(|s| (s.start_ms.0, s.end_ms.0, s.clock)).collect();
        assert_eq!(seen, [(0, 100, ClockTrust::Unsynced), (100, 300, ClockTrust::Ntp)]);
    }
}
