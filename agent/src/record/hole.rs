//! The hole a stream is in while nothing is recorded: since when, why, and how much of it is ledgered already.
//!
//! A long hole is ledgered piece by piece, so that it is known while it lasts and a crash loses little of its story.
//! Pieces join without overlap.

use farwatch_shared::time::{BootNs, WallMs};
use farwatch_shared::wire::latest::GapCause;

use super::cut::Action;
use crate::ledger::entry::Moment;

/// A stream that was never recorded is not missed before this has passed: connecting takes a moment.
const GRACE_NS: i64 = 10_000_000_000;
/// When the first piece of a hole is ledgered, and how long the following ones are.
const FIRST_PIECE_NS: i64 = 10_000_000_000;
const NEXT_PIECE_NS: i64 = 600_000_000_000;
/// A dead network is noticed at the latest so long after the last frame: the watchdog, and a connection that times out.
const KNOWN_AFTER_NS: i64 = 20_000_000_000;
/// Footage ends at most so long before the error that ended it, told in whole seconds.
const UNSYNCED_MS: i64 = 3_000;
/// A frame that is on its way may still be mapped to shortly before now.
const MARGIN_NS: i64 = 1_000_000_000;

/// Said of a hole in which nothing was to be recorded.
pub const NOTHING_DUE: &str = "nothing was due";

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

    /// Nobody was there to see why footage ended, but the file system remembers an error since: then it was the disk.
    pub(super) fn explain_by_disk(&mut self, last_error: Option<WallMs>) {
        let unseen = matches!(self.cause, GapCause::Agent | GapCause::Power);
        let since = self.ledgered.map(|end| end.wall_ms.plus_ms(-UNSYNCED_MS));
        if unseen && since.zip(last_error).is_some_and(|(since, error)| since <= error) {
            self.cause = GapCause::Disk;
            self.detail = "the file system met an error and stopped".into();
        }
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
        if cause == self.cause {
            return;
        }
        if self.cause == GapCause::Camera && cause == GapCause::Network {
            self.suspect_network(detail, now, out);
            return;
        }
        self.piece(now, out);
        self.cause = cause;
        self.detail = detail.into();
    }

    /// More is known of why the camera is to blame.
    pub(super) fn explain(&mut self, detail: &str) {
        if self.cause == GapCause::Camera && self.detail != detail {
            self.detail = detail.into();
        }
    }

    /// Nothing has been due since then; the story before that is ledgered under its own cause.
    pub(super) fn rest(&mut self, since: Moment, out: &mut Vec<Action>) {
        if self.cause == GapCause::Schedule && self.ledgered.is_some() {
            return;
        }
        match self.ledgered {
            Some(_) => self.piece(since, out),
            // A stream never recorded is not missed, and its story is told from when it was wanted.
            None => self.ledgered = Some(self.wanted_since),
        }
        self.cause = GapCause::Schedule;
        self.detail = NOTHING_DUE.into();
    }

    /// When this stream began to be wanted.
    #[must_use]
    pub fn wanted_since(&self) -> Moment {
        self.wanted_since
    }

    /// One camera's silence turns out to be the network's: the same silence seen with more knowledge, unless it had lasted
    /// longer than it takes to know.
    pub(super) fn suspect_network(&mut self, detail: &str, now: Moment, out: &mut Vec<Action>) {
        if self.cause != GapCause::Camera {
            return;
        }
        if self.ledgered.is_some_and(|since| now.boot_ns.since(since.boot_ns) > KNOWN_AFTER_NS) {
            self.piece(now, out);
        }
        self.cause = GapCause::Network;
        self.detail = detail.into();
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
        // What an earlier boot left reaches at least into this one.
        let end = if self.across_boots { end.max(self.wanted_since) } else { end };
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

#[cfg(test)]
mod tests {
    use super::*;

    fn at(s: i64) -> Moment {
        Moment { boot_ns: BootNs(s * 1_000_000_000), wall_ms: WallMs(1_790_000_000_000 + s * 1_000) }
    }

    fn causes(pieces: &[Action]) -> Vec<(i64, GapCause)> {
        let piece = |action: &Action| match action {
            Action::Gap(piece) => Some((piece.end.boot_ns.since(piece.start.boot_ns) / 1_000_000_000, piece.cause)),
            _ => None,
        };
        pieces.iter().filter_map(piece).collect()
    }

    // CAP-03
    #[test]
    fn a_silence_is_the_networks_from_when_the_network_was_down_and_the_cameras_after_it() {
        let mut out = Vec::new();
        let mut hole = Hole::since(at(0), GapCause::Camera, "silent", false, at(0));
        hole.suspect_network("down", at(7), &mut out);
        assert_eq!(causes(&out), [], "the same silence, seen with more knowledge");
        hole.blame(GapCause::Camera, "refused", at(100), &mut out);
        hole.suspect_network("down", at(160), &mut out);
        hole.close(at(170), &mut out);
        assert_eq!(causes(&out), [(100, GapCause::Network), (60, GapCause::Camera), (10, GapCause::Network)]);
    }

    // CAP-03
    #[test]
    fn an_absence_after_an_error_of_the_file_system_is_the_disks() {
        let cause = |hole: GapCause, error: Option<i64>| {
            let mut hole = Hole::since(at(100), hole, "", false, at(200));
            hole.explain_by_disk(error.map(|s| at(s).wall_ms));
            hole.cause()
        };
        assert_eq!(cause(GapCause::Agent, Some(99)), Some(GapCause::Disk));
        assert_eq!(cause(GapCause::Power, Some(150)), Some(GapCause::Disk));
        assert_eq!(cause(GapCause::Power, Some(90)), Some(GapCause::Power), "an older error, and recording went on");
        assert_eq!(cause(GapCause::Power, None), Some(GapCause::Power));
        assert_eq!(cause(GapCause::Operator, Some(150)), Some(GapCause::Operator));
    }
}
