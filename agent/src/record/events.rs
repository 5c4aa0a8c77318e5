//! What happened in front of the cameras, as the log tells of it: at once, and merged so that flapping floods nothing. Pure.
//!
//! Belongs here: when an event begins, goes on and is over. Does not: what is recorded around it (`modes`), noticing it
//! (`activity`, whoever pulls a trigger).
//!
//! A trigger opens an event and is told at once. Further triggers extend it. What was added is told every few minutes and
//! when it is over. An event that follows soon after another must be quiet for longer before it is over, so that an input
//! that flaps all day becomes one event told every few minutes.

use std::collections::BTreeMap;

use farwatch_shared::id::CameraId;
use farwatch_shared::time::BootNs;
use farwatch_shared::wire::latest::Trigger;

use crate::ledger::entry::{Moment, RecorderEntry};

const SECOND_NS: i64 = 1_000_000_000;
/// An event is over when nothing was added for so long.
const QUIET_NS: i64 = 30 * SECOND_NS;
const LONGEST_QUIET_NS: i64 = 600 * SECOND_NS;
/// A new event so soon after the one before means flapping.
const SOON_NS: i64 = 600 * SECOND_NS;
/// A long event is told in pieces of this length.
const PIECE_NS: i64 = 300 * SECOND_NS;
/// Characters of a detail that are kept.
pub const DETAIL: usize = 200;

/// The events of all cameras.
#[derive(Debug, Default)]
pub struct Events {
    all: BTreeMap<(CameraId, Trigger), Event>,
}

#[derive(Debug)]
struct Event {
    /// Everything before is told.
    told: Moment,
    told_at: BootNs,
    end: Moment,
    detail: Option<String>,
    quiet_ns: i64,
    over: bool,
}

/// One trigger, or a stretch of one that lasts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Happened {
    pub trigger: Trigger,
    pub start: Moment,
    pub end: Moment,
    pub detail: Option<String>,
}

impl Events {
    /// Something happened or goes on. Gives what must be told at once.
    pub fn happened(&mut self, camera: CameraId, what: &Happened, now: Moment) -> Option<RecorderEntry> {
        let key = (camera, what.trigger);
        let before = self.all.get_mut(&key);
        if let Some(event) = before.filter(|event| !event.over) {
            event.end = event.end.max(what.end);
            return None;
        }
        let quiet_ns = match self.all.get(&key) {
            Some(event) if what.start.boot_ns.since(event.end.boot_ns) < SOON_NS => {
                event.quiet_ns.saturating_mul(2).min(LONGEST_QUIET_NS)
            }
            _ => QUIET_NS,
        };
        // Events of one kind do not overlap, however long ago one says it began.
        let start = self.all.get(&key).map_or(what.start, |event| what.start.max(event.end));
        let end = what.end.max(start);
        let detail: Option<String> = what.detail.as_ref().map(|text| text.chars().take(DETAIL).collect());
        let event = Event { told: end, told_at: now.boot_ns, end, detail: detail.clone(), quiet_ns, over: false };
        self.all.insert(key, event);
        Some(RecorderEntry::Event { camera, trigger: what.trigger, start, end, detail })
    }

    /// Time passes. Gives what is due to be told.
    pub fn tick(&mut self, now: Moment) -> Vec<RecorderEntry> {
        let mut due = Vec::new();
        for ((camera, trigger), event) in self.all.iter_mut().filter(|(_, event)| !event.over) {
            event.over = now.boot_ns.since(event.end.boot_ns) >= event.quiet_ns;
            if event.over || now.boot_ns.since(event.told_at) >= PIECE_NS {
                due.extend(event.tell(*camera, *trigger, now));
            }
        }
        self.all.retain(|_, event| !event.over || now.boot_ns.since(event.end.boot_ns) < SOON_NS);
        due
    }

    /// The recorder stops: whatever is not told yet.
    pub fn all(&mut self, now: Moment) -> Vec<RecorderEntry> {
        self.all.iter_mut().filter_map(|((camera, trigger), event)| event.tell(*camera, *trigger, now)).collect()
    }
}

impl Event {
    fn tell(&mut self, camera: CameraId, trigger: Trigger, now: Moment) -> Option<RecorderEntry> {
        self.told_at = now.boot_ns;
        let (start, end) = (self.told, self.end);
        self.told = end;
        let detail = self.detail.clone();
        (start.boot_ns < end.boot_ns).then_some(RecorderEntry::Event { camera, trigger, start, end, detail })
    }
}

#[cfg(test)]
mod tests {
    use farwatch_shared::time::WallMs;

    use super::*;

    fn at(s: i64) -> Moment {
        Moment { boot_ns: BootNs(s * SECOND_NS), wall_ms: WallMs(s * 1_000) }
    }

    fn happened(from: i64, to: i64) -> Happened {
        Happened { trigger: Trigger::Input, start: at(from), end: at(to), detail: None }
    }

    fn spans(entries: &[RecorderEntry]) -> Vec<(i64, i64)> {
        let span = |entry: &RecorderEntry| match entry {
            RecorderEntry::Event { start, end, .. } => Some((start.wall_ms.0 / 1_000, end.wall_ms.0 / 1_000)),
            _ => None,
        };
        entries.iter().filter_map(span).collect()
    }

    // CAP-04
    #[test]
    fn an_event_is_told_at_once_and_what_was_added_when_it_is_over() {
        let (mut events, camera, mut told) = (Events::default(), CameraId::generate(), Vec::new());
        told.extend(events.happened(camera, &happened(100, 110), at(100)));
        assert_eq!(spans(&told), [(100, 110)]);
        told.extend(events.happened(camera, &happened(112, 125), at(112)));
        for s in 112..200 {
            told.extend(events.tick(at(s)));
        }
        assert_eq!(spans(&told), [(100, 110), (110, 125)]);
        told.extend(events.happened(camera, &happened(2_000, 2_010), at(2_000)));
        assert_eq!(spans(&told)[2..], [(2_000, 2_010)], "a new one");
    }

    #[test]
    fn an_input_that_flaps_for_a_day_is_a_few_hundred_lines_and_no_second_is_lost() {
        for every in [1, 29, 45, 100, 400] {
            let (mut events, camera, mut told) = (Events::default(), CameraId::generate(), Vec::new());
            for s in 0..86_400 {
                if s % every == 0 {
                    told.extend(events.happened(camera, &happened(s, s + 1), at(s)));
                }
                told.extend(events.tick(at(s)));
            }
            told.extend(events.all(at(86_400)));
            let spans = spans(&told);
            assert!(spans.len() <= 300, "every {every} s: {} lines", spans.len());
            assert!(spans.windows(2).all(|w| w[0].1 <= w[1].0), "every {every} s: disjoint");
            let inside = |s: i64| spans.iter().any(|(from, to)| (*from..*to).contains(&s));
            assert!((0..86_400).filter(|s| s % every == 0).all(inside), "every {every} s");
        }
    }
}
