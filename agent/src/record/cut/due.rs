//! What is due, as the cutter sees it: a gate that changes, and holes under the cause that keeps them open.

use farwatch_shared::media::sets::VideoConfig;
use farwatch_shared::time::BootNs;
use farwatch_shared::wire::latest::GapCause;

use super::{Action, Cutter, Due, Hole, NOTHING_DUE};
use crate::ledger::entry::{ClosedWhy, Moment};

/// When something becomes due, a playing camera's next keyframe is waited for so long before it is missed.
const GRACE_NS: i64 = 10_000_000_000;

impl Cutter {
    /// From now on other footage is due. A file that is open and not due any more ends here.
    pub fn set_gate(&mut self, mut gate: Due, now: Moment, out: &mut Vec<Action>) {
        if !gate.is_open(now.wall_ms) {
            self.finish(now, ClosedWhy::NotDue, GapCause::Schedule, NOTHING_DUE, out);
        }
        if gate.is_never() && !self.gate.is_never() {
            self.hole.settle(now, out);
            let since = self.hole.ledgered().unwrap_or(now);
            self.hole = Hole::since(since, GapCause::Operator, "recording was switched off", false, now);
        }
        self.gate = gate;
    }

    /// Frames that came since then are held back: no hole is ledgered beyond.
    pub fn hold_since(&mut self, since: Option<BootNs>) {
        self.held_since = since;
    }

    /// Whether anything is to be recorded now.
    pub fn is_due(&mut self, now: Moment) -> bool {
        self.gate.is_open(now.wall_ms)
    }

    /// The picture format of the session, once it is known.
    #[must_use]
    pub fn format(&self) -> Option<&VideoConfig> {
        self.session.as_ref()?.config.as_ref()
    }

    /// A hole is under the cause that keeps it open: nothing due, or why what is due does not come.
    pub(super) fn tick_hole(&mut self, now: Moment, out: &mut Vec<Action>) {
        let due = self.gate.standing(now);
        if !due.open {
            self.hole.rest(due.since.unwrap_or(now), out);
        } else if self.hole.cause() == Some(GapCause::Schedule) {
            let since = due.since.unwrap_or(self.hole.wanted_since());
            match &self.down {
                Some((cause, detail)) => self.hole.blame(*cause, detail, since, out),
                // The next keyframe may take a moment.
                None if now.boot_ns.since(since.boot_ns) < GRACE_NS => {}
                None => self.hole.blame(GapCause::Camera, "no keyframe since recording was due", since, out),
            }
        }
        // The hole ends with the first picture that waits for its decode time, and that may be seconds back.
        if self.window.peek().is_some() {
            return;
        }
        let held = self.held_since.map_or(0, |since| now.boot_ns.since(since));
        self.hole.tick(now.plus_ns(-held), out);
    }

    /// Whether a frame with this decode time is due.
    pub(super) fn is_due_at(&mut self, ticks: i64) -> bool {
        let Some(at) = self.session.as_ref().and_then(|s| s.line.at(ticks)) else { return true };
        let wall = self.wall_at(at);
        self.gate.is_open(wall)
    }
}
