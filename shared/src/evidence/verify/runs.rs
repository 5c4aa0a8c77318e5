//! What is known of each run: which segments the logs have, which of them went, which are missing.
//!
//! Memory grows with the number of runs and of holes in them, not with the number of segments.

use std::collections::{BTreeMap, VecDeque};

use crate::digest::Digest;
use crate::evidence::ledgered::StreamKey;
use crate::id::{RunId, SegmentId};
use crate::time::{Span, WallMs};

/// Sequences, as ranges.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sequences(BTreeMap<u32, u32>);

impl Sequences {
    /// Adds one; says whether it is new.
    pub fn add(&mut self, sequence: u32) -> bool {
        if self.has(sequence) {
            return false;
        }
        let mut last = sequence;
        if let Some(next) = sequence.checked_add(1)
            && let Some(end) = self.0.remove(&next)
        {
            last = end;
        }
        match self.0.range_mut(..sequence).next_back() {
            Some((_, end)) if end.checked_add(1) == Some(sequence) => *end = last,
            _ => drop(self.0.insert(sequence, last)),
        }
        true
    }

    #[must_use]
    pub fn has(&self, sequence: u32) -> bool {
        self.0.range(..=sequence).next_back().is_some_and(|(_, end)| sequence <= *end)
    }
}

/// A run's newest segment as a checkpoint names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedHead {
    pub sequence: u32,
    pub digest: Digest,
    pub end_ms: WallMs,
    pub checkpoint: u64,
}

/// One run.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Segments the logs say were closed.
    pub closed: Sequences,
    /// The last of them.
    pub last: Option<(u32, Digest, Span)>,
    /// Segments the logs say went.
    pub gone: Sequences,
    /// Closed, not there, and not yet known to have gone.
    pub missing: Vec<(u32, Span)>,
    /// Heads that checkpoints name, not yet met.
    pub heads: VecDeque<NamedHead>,
    /// Over sequence and digest of all that went, as the deletions say and as the closings say.
    gone_said: [u8; 32],
    gone_closed: [u8; 32],
    gone_met: u64,
    gone_count: u64,
}

impl Run {
    /// A deletion names a segment.
    pub fn goes(&mut self, segment: &SegmentId, digest: Option<Digest>) {
        if self.gone.add(segment.sequence)
            && let Some(digest) = digest
        {
            self.gone_count += 1;
            mix(&mut self.gone_said, segment.sequence, digest);
        }
    }

    /// The closing of a segment that went was met; `instead` is what an earlier closing of it said.
    pub fn went(&mut self, sequence: u32, digest: Digest, instead: Option<Digest>) {
        mix(&mut self.gone_closed, sequence, digest);
        match instead {
            Some(before) => mix(&mut self.gone_closed, sequence, before),
            None => self.gone_met += 1,
        }
    }

    /// Whether deletions name what was closed, as far as all closings are there.
    #[must_use]
    pub fn is_gone_consistent(&self) -> bool {
        self.gone_met != self.gone_count || self.gone_said == self.gone_closed
    }
}

/// Order does not matter and a pair cancels itself out.
fn mix(sum: &mut [u8; 32], sequence: u32, digest: Digest) {
    let one = Digest::of_parts(&[&sequence.to_be_bytes(), &digest.0]);
    sum.iter_mut().zip(one.0).for_each(|(sum, byte)| *sum ^= byte);
}

/// All runs of a box.
pub type Runs = BTreeMap<(StreamKey, RunId), Run>;

/// Where a segment's run is kept.
#[must_use]
pub fn run_of(segment: &SegmentId) -> (StreamKey, RunId) {
    ((segment.camera, segment.stream), segment.run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_in_any_order_become_ranges() {
        let mut some = Sequences::default();
        for n in [5, 7, 6, 0, 9, 1] {
            assert!(some.add(n), "{n}");
        }
        assert!(!some.add(6));
        assert!(some.has(7) && !some.has(8) && !some.has(2));
        assert_eq!(some.0.into_iter().collect::<Vec<_>>(), [(0, 1), (5, 7), (9, 9)]);
    }
}
