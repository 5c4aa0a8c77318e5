//! When footage was, by what is known of the box's clock since. Pure.
//!
//! Files and logs keep the times the clock showed. Footage recorded while nobody had set it is moved, when somebody does,
//! by an entry of the recorder's log; the catalog finds it at its true time. Ages are counted so that no footage is
//! thought older than it can be, whichever way the clock was stepped.

use farwatch_shared::time::{BootNs, ClockState, Span, WallMs};
use farwatch_shared::wire::latest::{ClockChange, ClockFact};
use serde::{Deserialize, Serialize};

use crate::ledger::entry::Closed;
use crate::record::clocks::Boot;

/// Changes remembered; the oldest go first. A box whose clock is set at every boot has as many boots behind it.
const MOST: usize = 512;

/// One change of one boot's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The boot, as in a run's name.
    boot: u32,
    at: BootNs,
    by_ms: i64,
    /// It moves unsynced footage from before it: which of its boot's that do it is, from 1. Absent: it only says how the
    /// clock jumped.
    #[serde(default)]
    anchor: Option<u8>,
}

/// An anchoring that the catalog's entries must follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    pub boot: u32,
    pub by_ms: i64,
    pub number: u8,
}

/// All that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchors(Vec<Change>);

/// Where footage belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    pub span: Span,
    /// Up to which anchoring of its boot it was moved.
    pub anchored: u8,
}

impl Anchors {
    /// Takes in what a log says. An entry read again says nothing new.
    pub fn learn(&mut self, fact: &ClockFact) -> Option<Anchor> {
        let boot = Boot::of(&fact.boot_id).short;
        let of_boot = |c: &&Change| c.boot == boot;
        let (at, by_ms, anchors) = match fact.change {
            ClockChange::Stepped { by_ms } => (fact.boot_ns, by_ms, false),
            ClockChange::Reanchored { until_boot_ns, by_ms } => (until_boot_ns, by_ms, true),
            ClockChange::State { .. } => return None,
        };
        let known = self.0.iter().find(|c| (c.boot, c.at, c.anchor.is_some()) == (boot, at, anchors)).copied();
        let change = known.unwrap_or_else(|| {
            let last = self.0.iter().filter(of_boot).filter_map(|c| c.anchor).max().unwrap_or(0);
            let change = Change { boot, at, by_ms, anchor: anchors.then_some(last.saturating_add(1)) };
            self.0.push(change);
            if self.0.len() > MOST {
                self.0.remove(0);
            }
            change
        });
        change.anchor.map(|number| Anchor { boot, by_ms: change.by_ms, number })
    }

    /// Where footage of a boot belongs that began then and covers this by the clock it was recorded with.
    #[must_use]
    pub fn place(&self, boot: u32, start: BootNs, recorded: Span, clock: ClockState) -> Placed {
        let anchors = self.0.iter().filter(|c| c.boot == boot && c.anchor.is_some());
        let anchored = anchors.clone().filter_map(|c| c.anchor).max().unwrap_or(0);
        let by_ms = match clock {
            ClockState::Unsynced => anchors.filter(|c| start < c.at).map(|c| c.by_ms).fold(0, i64::saturating_add),
            ClockState::Rtc | ClockState::Ntp => 0,
        };
        Placed { span: moved(recorded, by_ms), anchored }
    }

    /// By how much footage that began then may be younger than it says: the clock may have been right at any time of its
    /// boot, and footage is as old as the latest of those says.
    fn younger_by_ms(&self, boot: u32, start: BootNs) -> i64 {
        let (mut offset, mut own, mut latest) = (0i64, 0i64, 0i64);
        for step in self.0.iter().filter(|c| c.boot == boot && c.anchor.is_none()) {
            offset = offset.saturating_add(step.by_ms);
            latest = latest.max(offset);
            if step.at <= start {
                own = offset;
            }
        }
        latest.saturating_sub(own)
    }

    /// Where the end of a closed segment lies on the line of evidence when that was not measured as it closed.
    #[must_use]
    pub fn aged_from(&self, closed: &Closed, placed: Placed, trusted: WallMs) -> WallMs {
        let end = placed.span.end_ms;
        let moved = placed.span.end_ms != closed.end.wall_ms;
        let latest = match (closed.clock, moved) {
            // Nobody knows when this was, but that it is in the past.
            (ClockState::Unsynced, false) => trusted,
            (ClockState::Unsynced, true) => end,
            (ClockState::Rtc | ClockState::Ntp, _) => {
                let by_ms = self.younger_by_ms(closed.segment.run.boot, closed.start.boot_ns);
                end.plus_ms(by_ms).min(trusted)
            }
        };
        latest.max(end)
    }
}

/// A span at another time.
#[must_use]
pub fn moved(span: Span, by_ms: i64) -> Span {
    Span { start_ms: span.start_ms.plus_ms(by_ms), end_ms: span.end_ms.plus_ms(by_ms) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::time::DAY_MS;

    const BOOT: &str = "0000000a-1111-2222-3333-444444444444";

    fn fact(at_s: i64, change: ClockChange) -> ClockFact {
        ClockFact { at_ms: WallMs(0), boot_id: BOOT.into(), boot_ns: BootNs(at_s * 1_000_000_000), change }
    }

    fn anchor(at_s: i64, by_ms: i64) -> ClockFact {
        fact(at_s, ClockChange::Reanchored { until_boot_ns: BootNs(at_s * 1_000_000_000), by_ms })
    }

    // CAP-05
    #[test]
    fn unsynced_footage_is_moved_by_every_anchoring_after_it_and_set_footage_by_none() {
        let mut anchors = Anchors::default();
        assert_eq!(anchors.learn(&anchor(100, 1_000_000)), Some(Anchor { boot: 10, by_ms: 1_000_000, number: 1 }));
        assert_eq!(anchors.learn(&anchor(200, -5_000)), Some(Anchor { boot: 10, by_ms: -5_000, number: 2 }));
        assert_eq!(anchors.learn(&anchor(100, 1_000_000)).map(|a| a.number), Some(1), "read again");
        let recorded = Span { start_ms: WallMs(50), end_ms: WallMs(60) };
        let start =
            |s: i64, boot, clock| anchors.place(boot, BootNs(s * 1_000_000_000), recorded, clock).span.start_ms.0;
        let unsynced = ClockState::Unsynced;
        assert_eq!(
            [start(50, 10, unsynced), start(150, 10, unsynced), start(250, 10, unsynced)],
            [995_050, -4_950, 50]
        );
        assert_eq!([start(50, 10, ClockState::Ntp), start(50, 11, unsynced)], [50, 50]);
        assert_eq!(anchors.place(10, BootNs(0), recorded, unsynced).anchored, 2);
    }

    #[test]
    fn a_line_about_the_clock_begins_as_it_is_looked_for() {
        let entry = crate::ledger::entry::RecorderEntry::Clock { fact: anchor(1, 2) };
        assert!(serde_json::to_string(&entry).unwrap().starts_with(r#"{"is":"clock""#));
    }

    // CAP-05
    #[test]
    fn footage_is_never_thought_older_than_its_boots_clock_ever_made_it() {
        let mut anchors = Anchors::default();
        anchors.learn(&fact(100, ClockChange::Stepped { by_ms: 40 * DAY_MS }));
        anchors.learn(&fact(200, ClockChange::Stepped { by_ms: -41 * DAY_MS }));
        let younger = |s: i64| anchors.younger_by_ms(10, BootNs(s * 1_000_000_000)) / DAY_MS;
        assert_eq!([younger(50), younger(150), younger(250)], [40, 0, 41]);
    }
}
