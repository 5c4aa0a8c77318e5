//! A box without a clock chip does not know how long it was off: its clock goes on where it stopped, or in 1970. When the
//! clock is set, the hole that was ledgered as the box started is too short, and the rest of it is owed.
//!
//! The rest is a gap of its own, across boots, by the wall clock alone: it ends when the box truly started. What is owed
//! is read from the logs of this boot, so that it does not matter which recorder of it saw the clock being set.

use std::collections::BTreeMap;
use std::path::Path;

use farwatch_shared::evidence::ledgered::LONGEST_MS;
use farwatch_shared::time::{BootNs, WallMs};

use super::book::Book;
use super::clocks::Boot;
use super::intake::StreamKey;
use crate::ledger::entry::{Gap, Moment, RecorderEntry};
use crate::ledger::follow::logs;
use crate::ledger::log::LogReader;

/// The hole before this boot of each stream: its first piece, stretched by what was owed and told before.
#[derive(Debug, Default)]
pub struct Holes(BTreeMap<StreamKey, Hole>);

#[derive(Debug)]
struct Hole {
    gap: Gap,
    /// Up to here it is ledgered.
    told: WallMs,
    /// When the box started, as far as is known.
    came: WallMs,
}

impl Holes {
    /// Takes an entry of this boot in, in order.
    pub fn learn(&mut self, entry: RecorderEntry) {
        let RecorderEntry::Gap(gap) = entry else { return };
        if !gap.across_boots {
            return;
        }
        let (start, end) = (gap.start.wall_ms, gap.end.wall_ms);
        let counted = end.since(start);
        let told = if (0..=LONGEST_MS).contains(&counted) { end } else { start };
        match self.0.get_mut(&(gap.camera, gap.stream)) {
            // What was owed the last time.
            Some(hole) => (hole.told, hole.came) = (end, end),
            None => drop(self.0.insert((gap.camera, gap.stream), Hole { gap, told, came: end })),
        }
    }

    /// The clock was set forward by this much: what is missing of each hole.
    #[must_use]
    pub fn owed(&self, by_ms: i64) -> Vec<Gap> {
        let rest = |hole: &Hole| {
            let came = hole.came.plus_ms(by_ms);
            let is_believed = (1..=LONGEST_MS).contains(&came.since(hole.told));
            // No boot clock reaches over a boot; zero is before everything, so that nobody takes it for where a stream stands.
            let at = |wall_ms| Moment { boot_ns: BootNs(0), wall_ms };
            is_believed.then(|| Gap { start: at(hole.told), end: at(came), ..hole.gap.clone() })
        };
        self.0.values().filter_map(rest).collect()
    }
}

/// Ledgers what is owed, now that the clock of this boot was set forward.
pub fn tell(ledgers: &Path, boot: &Boot, book: &Book, by_ms: i64) {
    let mut of_boot = Vec::new();
    for (_, path) in logs(ledgers).into_iter().rev() {
        match entries(&path, boot) {
            Some(entries) => of_boot.push(entries),
            None => break,
        }
    }
    let mut holes = Holes::default();
    of_boot.into_iter().rev().flatten().for_each(|entry| holes.learn(entry));
    for gap in holes.owed(by_ms) {
        tracing::info!(camera = %gap.camera, stream = %gap.stream, from = %gap.start.wall_ms, to = %gap.end.wall_ms,
            "the box was off for longer than its clock showed");
        book.write(RecorderEntry::Gap(gap));
    }
}

/// The holes a log tells of; `None` when it is of another boot.
fn entries(path: &Path, boot: &Boot) -> Option<Vec<RecorderEntry>> {
    let mut reader = LogReader::open(path, None).ok()?;
    let mut found = Vec::new();
    let first: RecorderEntry = serde_json::from_slice(&reader.next_entry().ok()??.payload).ok()?;
    if !matches!(first, RecorderEntry::Started { boot_id, .. } if boot_id == boot.id) {
        return None;
    }
    while let Ok(Some(entry)) = reader.next_entry() {
        if let Ok(entry @ RecorderEntry::Gap(Gap { across_boots: true, .. })) = serde_json::from_slice(&entry.payload) {
            found.push(entry);
        }
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::evidence::ledgered::Walk;
    use farwatch_shared::id::{CameraId, StreamName};
    use farwatch_shared::wire::latest::GapCause;

    const T: i64 = 1_800_000_000_000;

    fn hole(start: i64, end: i64) -> RecorderEntry {
        RecorderEntry::Gap(Gap {
            camera: "01890a5d-ac96-774b-bcce-b302099a8057".parse::<CameraId>().unwrap(),
            stream: StreamName::Main,
            start: Moment { boot_ns: BootNs(9), wall_ms: WallMs(start) },
            end: Moment { boot_ns: BootNs(30_000_000_000), wall_ms: WallMs(end) },
            cause: GapCause::Power,
            detail: None,
            across_boots: true,
        })
    }

    fn owed(holes: &Holes, by_ms: i64) -> Vec<(i64, i64)> {
        holes.owed(by_ms).iter().map(|gap| (gap.start.wall_ms.0 - T, gap.end.wall_ms.0 - T)).collect()
    }

    // RET-05, CAP-05
    #[test]
    fn what_is_owed_is_counted_once_by_whoever_reads_the_log_from_wherever() {
        let mut holes = Holes::default();
        let first = hole(T, T + 20_000);
        holes.learn(first.clone());
        let rest = RecorderEntry::Gap(holes.owed(3_600_000).remove(0));
        let lengths = |walk: &mut Walk, entry: &RecorderEntry| -> Vec<i64> {
            walk.take(entry).map(|(_, stretches)| stretches.iter().map(|s| s.len_ms).collect()).unwrap_or_default()
        };
        let mut whole = Walk::default();
        whole.goes_on_in("0000000a-1111-2222-3333-444444444444");
        assert_eq!(lengths(&mut whole, &first), [20_000]);
        assert_eq!(lengths(&mut whole, &rest), [3_600_000]);
        let next = hole(T + 20_000, T + 50_000);
        let RecorderEntry::Gap(next) = next else { return };
        let end = Moment { boot_ns: BootNs(60_000_000_000), wall_ms: WallMs(T + 50_000) };
        let next = RecorderEntry::Gap(Gap {
            start: Moment { boot_ns: BootNs(30_000_000_000), ..next.start },
            end,
            across_boots: false,
            ..next
        });
        assert_eq!(lengths(&mut whole, &next), [30_000], "the stream stands where it stood");
        let mut part = Walk::default();
        part.goes_on_in("0000000a-1111-2222-3333-444444444444");
        assert_eq!(lengths(&mut part, &rest), [3_600_000]);
        assert_eq!(lengths(&mut part, &next), [30_000]);
    }

    // CAP-03, CAP-05
    #[test]
    fn a_hole_is_as_long_as_the_box_was_off_once_the_clock_is_set() {
        let three_hours = 3 * 3_600_000;
        // The clock went on where it stopped: twenty seconds are ledgered.
        let mut holes = Holes::default();
        holes.learn(hole(T, T + 20_000));
        assert_eq!(owed(&holes, three_hours), [(20_000, 20_000 + three_hours)]);
        // Set again, by a little more.
        for gap in holes.owed(three_hours) {
            holes.learn(RecorderEntry::Gap(gap));
        }
        assert_eq!(owed(&holes, 4_000), [(20_000 + three_hours, 24_000 + three_hours)]);
        assert_eq!(owed(&holes, -4_000), [], "what was told stays told");
        // In 1970 nothing could be ledgered.
        let mut holes = Holes::default();
        holes.learn(hole(T, 30_000));
        assert_eq!(owed(&holes, T + three_hours), [(0, 30_000 + three_hours)]);
        assert_eq!(owed(&holes, -5), [], "still in 1970");
    }
}
