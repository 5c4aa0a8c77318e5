//! The hole a stream is in while nothing is recorded: since when, why, and how much of it is ledgered already.
//!
//! A long hole is ledgered piece by piece, so that it is known while it lasts and a crash loses little of its story.
//! Pieces join without overlap.

use farwatch_shared::time::BootNs;
use farwatch_shared::wire::latest::GapCause;

use super::cut::Action;
use crate::ledger::entry::Moment;

/// A stream that was never recorded is not missed before this has passed: connecting takes a moment.
const GRACE_NS: i64 = 10_000_000_000;
/// When the first piece of a hole is ledgered, and how long the following ones are.
const FIRST_PIECE_NS: i64 = 10_000_000_000;
const NEXT_PIECE_NS: i64 = 600_000_000_000;
/// A frame that is on its way may still be mapped to shortly before now.
const MARGIN_NS: i64 = 1_000_000_000;

/// A part of a hole, ready for the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HolePiece {
    pub start: Moment,
    pub end: Moment,
    pub cause: GapCause,
    pub detail: Option<String>,
    pub across_boots: bool,
}

#[derive(Debug, Clone)]
pub struct Hole {
    /// Up to here everything is ledgered; absent while a new stream is in its grace.
    ledgered: Option<Moment>,
    wanted_since: Moment,
    cause: GapCause,
    detail: String,
    pieces: u32,
    /// `ledgered` is of an earlier boot.
    across_boots: bool,
}

impl Hole {
    /// A stream never recorded before.
    #[must_use]
    pub fn never_recorded(now: Moment) -> Self {
        Self {
            ledgered: None,
            wanted_since: now,
            cause: GapCause::Camera,
            detail: "no picture since recording was switched on".into(),
            pieces: 0,
            across_boots: false,
        }
    }

    /// A stream that was recorded up to `end`, in this boot or an earlier one.
    #[must_use]
    pub fn since(end: Moment, cause: GapCause, detail: &str, across_boots: bool, now: Moment) -> Self {
        Self { ledgered: Some(end), wanted_since: now, cause, detail: detail.into(), pieces: 0, across_boots }
    }

    /// No boundary of this boot comes before this.
    #[must_use]
    pub fn floor(&self) -> BootNs {
        match self.ledgered {
            Some(end) if !self.across_boots => end.boot_ns,
            _ => BootNs(0),
        }
    }

    #[must_use]
    pub fn cause(&self) -> Option<GapCause> {
        self.ledgered.map(|_| self.cause)
    }

    #[must_use]
    pub fn ledgered(&self) -> Option<Moment> {
        self.ledgered
    }

    /// Footage ended here.
    pub(super) fn open(&mut self, end: Moment, cause: GapCause, detail: &str) {
        *self = Self::since(end, cause, detail, false, end);
    }

    /// Footage begins here.
    pub(super) fn close(&mut self, start: Moment, out: &mut Vec<Action>) {
        self.piece(start, out);
    }

    /// From now on another cause keeps the hole open; the story so far is ledgered under its own.
    pub(super) fn blame(&mut self, cause: GapCause, detail: &str, now: Moment, out: &mut Vec<Action>) {
        let outside = |cause| matches!(cause, GapCause::Camera | GapCause::Network);
        if cause == self.cause {
            return;
        }
        // Camera and network are the same silence seen with more or less knowledge; others are another story.
        if !(outside(cause) && outside(self.cause)) {
            self.piece(now, out);
        }
        self.cause = cause;
        self.detail = detail.into();
    }

    pub(super) fn suspect_network(&mut self, detail: &str) {
        if self.cause == GapCause::Camera {
            self.cause = GapCause::Network;
            self.detail = detail.into();
        }
    }

    /// Ledgers what is due.
    pub(super) fn tick(&mut self, now: Moment, out: &mut Vec<Action>) {
        let Some(ledgered) = self.ledgered else {
            if now.boot_ns.since(self.wanted_since.boot_ns) >= GRACE_NS {
                self.ledgered = Some(self.wanted_since);
            }
            return;
        };
        let from = if self.across_boots { self.wanted_since } else { ledgered };
        let due = if self.pieces == 0 { FIRST_PIECE_NS } else { NEXT_PIECE_NS };
        if now.boot_ns.since(from.boot_ns) >= due + MARGIN_NS {
            self.piece(now.plus_ns(-MARGIN_NS), out);
        }
    }

    /// The wall clock was stepped: a piece must not be as long as the step.
    pub(super) fn step_wall(&mut self, before: Moment, after: Moment, out: &mut Vec<Action>) {
        if self.across_boots {
            return;
        }
        self.piece(before, out);
        let restate =
            |m: Moment| Moment { wall_ms: after.wall_ms.plus_ms(-(after.boot_ns.since(m.boot_ns) / 1_000_000)), ..m };
        self.ledgered = self.ledgered.map(restate);
        self.wanted_since = restate(self.wanted_since);
    }

    /// Nothing is missed after now.
    pub(super) fn settle(&mut self, now: Moment, out: &mut Vec<Action>) {
        self.piece(now, out);
    }

    fn piece(&mut self, end: Moment, out: &mut Vec<Action>) {
        let Some(start) = self.ledgered else { return };
        if self.across_boots || start.boot_ns < end.boot_ns {
            out.push(Action::Gap(HolePiece {
                start,
                end,
                cause: self.cause,
                detail: (!self.detail.is_empty()).then(|| self.detail.clone()),
                across_boots: self.across_boots,
            }));
            self.ledgered = Some(end);
            self.across_boots = false;
            self.pieces += 1;
        }
    }
}
