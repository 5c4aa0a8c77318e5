//! What the lens, the vault and the ledger say of one camera stream, held against each other.
//!
//! Belongs here: the three accounts of one stream and the verdict over them, on the box's boot clock, which no step of
//! the wall clock moves. Does not: reading logs and journals or decoding files (`books`).

use std::collections::BTreeSet;

use farwatch_agent::ledger::entry::{Closed, Gap, Moment};
use farwatch_shared::id::{CameraId, StreamName};

use crate::person::GapSeen;
use crate::truth::{FRAME_MS, FrameIndex, SentFrame};

const FRAME_NS: i64 = FRAME_MS as i64 * 1_000_000;

/// One camera stream's accounts so far.
#[derive(Debug, Clone)]
pub struct Account {
    pub camera: CameraId,
    pub stream: StreamName,
    /// The test camera's mount it is recorded from.
    pub mount: String,
    /// Frames the camera handed to the kernel whole.
    pub sent: BTreeSet<FrameIndex>,
    /// Frames that decode from closed files. Stays when a file is deleted.
    pub recorded: BTreeSet<FrameIndex>,
    /// Frames that decode from files still being written, as of the last look.
    pub open: BTreeSet<FrameIndex>,
    /// Closed files, as ledgered.
    pub closed: Vec<Closed>,
    /// Holes, as ledgered.
    pub gaps: Vec<Gap>,
    /// Moments recording was switched off: nothing is expected from there to the next piece.
    pub switched_off: Vec<Moment>,
    /// Files that did not decode cleanly, and why.
    pub unreadable: Vec<String>,
    /// Frames found twice.
    pub doubled: Vec<FrameIndex>,
    /// From a frame's time on the camera's clock to the box's boot clock, with the least delay seen.
    lag_ns: Option<i64>,
}

/// What an account comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub sent: usize,
    /// In closed files and, as of the last look, in open ones.
    pub recorded: usize,
    pub segments: usize,
    pub gaps: usize,
    /// All gaps together.
    pub missing_ms: i64,
    /// From the first ledgered moment to the last, stretches switched off left out.
    pub expected_ms: i64,
}

impl Account {
    pub(crate) fn new(camera: CameraId, stream: StreamName, mount: &str) -> Self {
        Self {
            camera,
            stream,
            mount: mount.to_owned(),
            sent: BTreeSet::new(),
            recorded: BTreeSet::new(),
            open: BTreeSet::new(),
            closed: Vec::new(),
            gaps: Vec::new(),
            switched_off: Vec::new(),
            unreadable: Vec::new(),
            doubled: Vec::new(),
            lag_ns: None,
        }
    }

    pub(crate) fn note_sent(&mut self, frame: &SentFrame) {
        let lag = frame.sent_boot_ns - taken_ns(frame.frame);
        self.lag_ns = Some(self.lag_ns.map_or(lag, |known| known.min(lag)));
        if frame.dropped == 0 {
            self.sent.insert(frame.frame);
        }
    }

    /// When a frame was sent at the earliest, on the box's boot clock.
    #[must_use]
    pub fn boot_ns(&self, frame: FrameIndex) -> i64 {
        taken_ns(frame) + self.lag_ns.unwrap_or(0)
    }

    /// The frame with this burnt-in number that was sent nearest to a boot time (30 s wrong at most).
    #[must_use]
    pub fn frame_near(&self, counter: u16, boot_ns: i64) -> FrameIndex {
        let taken_ms = (boot_ns - self.lag_ns.unwrap_or(0)) / 1_000_000;
        FrameIndex::nearest(counter, u64::try_from(taken_ms).unwrap_or(0))
    }

    /// Every frame that decodes, also from the files still being written.
    #[must_use]
    pub fn held(&self) -> BTreeSet<FrameIndex> {
        self.recorded.union(&self.open).copied().collect()
    }

    /// The holes as a hub tells of them: pieces of one cause that meet are one.
    #[must_use]
    pub fn told(&self) -> Vec<GapSeen> {
        let mut gaps: Vec<&Gap> = self.gaps.iter().collect();
        gaps.sort_by_key(|gap| gap.start.boot_ns);
        let mut told: Vec<GapSeen> = Vec::new();
        for gap in gaps {
            let cause = serde_json::to_value(gap.cause).ok().and_then(|v| v.as_str().map(str::to_owned));
            let (start_ms, end_ms, cause) = (gap.start.wall_ms.0, gap.end.wall_ms.0, cause.unwrap_or_default());
            match told.last_mut() {
                Some(last) if last.end_ms == start_ms && last.cause == cause => last.end_ms = end_ms,
                // Less than a millisecond is no span on the wall clock.
                _ if start_ms >= end_ms => {}
                _ => told.push(GapSeen { start_ms, end_ms, cause }),
            }
        }
        told
    }

    /// Frames sent between the first and the last held one that are neither held nor in a gap, and held frames that
    /// lie in a gap; one frame of tolerance at each edge.
    #[must_use]
    pub fn disputed(&self) -> (Vec<FrameIndex>, Vec<FrameIndex>) {
        let held = self.held();
        let (Some(first), Some(last)) = (held.first(), held.last()) else {
            return (self.sent.iter().copied().collect(), Vec::new());
        };
        let gaps: Vec<(i64, i64)> = self.gaps.iter().map(|gap| (gap.start.boot_ns.0, gap.end.boot_ns.0)).collect();
        let covers = |at: i64, margin: i64| gaps.iter().any(|(start, end)| start - margin <= at && at < end + margin);
        let inside = |at: i64| gaps.iter().any(|(start, end)| start + FRAME_NS < at && at + 2 * FRAME_NS < *end);
        let missed = |frame: &&FrameIndex| !held.contains(frame) && !covers(self.boot_ns(**frame), FRAME_NS);
        let unsaid = self.sent.range(*first..=*last).filter(missed).copied().collect();
        let contradicted = held.iter().filter(|frame| inside(self.boot_ns(**frame))).copied().collect();
        (unsaid, contradicted)
    }

    /// Where the ledgered pieces overlap or leave something out.
    #[must_use]
    pub fn seams(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        let pieces = self.pieces();
        for pair in pieces.windows(2) {
            let ((_, end, what), (start, _, next)) = (&pair[0], &pair[1]);
            let off = self.switched_off.iter().any(|at| at.boot_ns.0 == *end);
            if start < end {
                wrong.push(format!("{what} and {next} overlap by {} ns", end - start));
            } else if start > end && !off {
                wrong.push(format!("{} ns between {what} and {next} are in neither", start - end));
            }
        }
        wrong
    }

    /// Footage and holes by begin, on the boot clock. Holes that began in another boot have no place on it.
    fn pieces(&self) -> Vec<(i64, i64, String)> {
        let footage = self.closed.iter().map(|c| (c.start, c.end, format!("segment {}", c.segment)));
        let holes = self.gaps.iter().filter(|gap| !gap.across_boots);
        let holes = holes.map(|gap| (gap.start, gap.end, format!("a gap ({:?}: {:?})", gap.cause, gap.detail)));
        let mut pieces: Vec<_> =
            footage.chain(holes).map(|(start, end, what)| (start.boot_ns.0, end.boot_ns.0, what)).collect();
        pieces.sort();
        pieces
    }

    /// What it comes to, whether right or not.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let pieces = self.pieces();
        let off: i64 = pieces.windows(2).map(|pair| (pair[1].0 - pair[0].1).max(0)).sum();
        let whole = pieces.last().map_or(0, |last| last.1) - pieces.first().map_or(0, |first| first.0);
        Verdict {
            sent: self.sent.len(),
            recorded: self.held().len(),
            segments: self.closed.len(),
            gaps: self.gaps.len(),
            missing_ms: self.gaps.iter().map(|gap| gap.end.boot_ns.since(gap.start.boot_ns)).sum::<i64>() / 1_000_000,
            expected_ms: (whole - off) / 1_000_000,
        }
    }

    /// # Panics
    /// When a frame is unaccounted for, a file unreadable, a frame doubled, or the ledger leaves something out or says
    /// it twice.
    pub fn settle(&self) -> Verdict {
        let (verdict, mount) = (self.verdict(), &self.mount);
        println!("{mount}: {verdict:?}");
        let (unsaid, contradicted) = self.disputed();
        assert!(self.unreadable.is_empty(), "{mount}: unreadable: {:#?}", self.unreadable);
        assert!(self.doubled.is_empty(), "{mount}: doubled: {:?}", self.doubled);
        assert!(unsaid.is_empty(), "{mount}: sent, not recorded, in no gap: {unsaid:?}; gaps {:#?}", self.gaps);
        assert!(contradicted.is_empty(), "{mount}: recorded, and yet in a gap: {contradicted:?}; {:#?}", self.gaps);
        let seams = self.seams();
        assert!(seams.is_empty(), "{mount}: the ledger does not add up: {seams:#?}");
        verdict
    }
}

fn taken_ns(frame: FrameIndex) -> i64 {
    i64::try_from(frame.wall_ms()).unwrap_or(0).saturating_mul(1_000_000)
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
