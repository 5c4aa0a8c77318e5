//! What coverage statements rest on besides the recorders' logs: holds, known damage, deletions under the floor, and what
//! was stated before.
//!
//! Belongs here: gathering it in the order of the agent's log. Does not: reading that log; agent and verifier both do, each
//! in its way.

use std::collections::{BTreeMap, BTreeSet};

use super::coverage::DayCount;
use super::documents::{CoverageStatement, DeletedWhy};
use super::entry::GoneSegment;
use super::ledgered::StreamKey;
use crate::id::{CameraId, HoldId, StreamName};
use crate::time::{Span, WallMs};
use crate::wire::v1::{FaultFact, FaultKind, HoldFact};

/// As of a place in the agent's log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grounds {
    holds: BTreeMap<HoldId, (CameraId, Span)>,
    damage: BTreeSet<(CameraId, Option<StreamName>, Span)>,
    under_floor: BTreeSet<StreamKey>,
    stated: BTreeMap<StreamKey, Stated>,
}

/// The last statement of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stated {
    end_ms: WallMs,
    unbroken_since_ms: Option<WallMs>,
}

impl Grounds {
    pub fn hold(&mut self, fact: &HoldFact) {
        match Span::new(fact.start_ms, fact.end_ms).filter(|_| fact.placed) {
            Some(span) => drop(self.holds.insert(fact.hold, (fact.camera, span))),
            None => drop(self.holds.remove(&fact.hold)),
        }
    }

    pub fn fault(&mut self, fact: &FaultFact) {
        let (FaultKind::Damage, Some(camera), Some(span)) = (fact.fault, fact.camera, fact.span) else { return };
        let damaged = (camera, fact.stream, span);
        if fact.open {
            self.damage.insert(damaged);
        } else {
            self.damage.remove(&damaged);
        }
    }

    pub fn deleting(&mut self, why: DeletedWhy, segments: &[GoneSegment]) {
        if why == DeletedWhy::Breach {
            self.under_floor.extend(segments.iter().map(|gone| (gone.segment.camera, gone.segment.stream)));
        }
    }

    pub fn stated(&mut self, statement: &CoverageStatement) {
        let key = (statement.camera, statement.stream);
        self.under_floor.remove(&key);
        let last = Stated { end_ms: statement.end_ms, unbroken_since_ms: statement.unbroken_since_ms };
        let kept = self.stated.entry(key).or_insert(last);
        if last.end_ms >= kept.end_ms {
            *kept = last;
        }
    }

    /// Whether holds and damage are the same, so that days come out the same.
    #[must_use]
    pub fn is_same_footing(&self, other: &Self) -> bool {
        (&self.holds, &self.damage) == (&other.holds, &other.damage)
    }

    /// Up to where a stream's days are stated.
    #[must_use]
    pub fn stated_through(&self, stream: &StreamKey) -> Option<WallMs> {
        self.stated.get(stream).map(|stated| stated.end_ms)
    }

    /// End of the day stated last, and since when its footage was unbroken.
    #[must_use]
    pub fn unbroken(&self, stream: &StreamKey) -> Option<(WallMs, WallMs)> {
        self.stated.get(stream).and_then(|stated| Some((stated.end_ms, stated.unbroken_since_ms?)))
    }

    /// Whether nothing of a stream under its floor went since it was stated last.
    #[must_use]
    pub fn floor_kept(&self, stream: &StreamKey) -> bool {
        !self.under_floor.contains(stream)
    }

    /// A day of a stream, ready to be counted.
    #[must_use]
    pub fn day(&self, (camera, stream): StreamKey, span: Span) -> DayCount {
        let held = self.holds.values().filter(|(of, held)| *of == camera && held.overlaps(&span));
        let damaged = self.damage.iter().filter(|(of, name, damaged)| {
            *of == camera && name.is_none_or(|name| name == stream) && damaged.overlaps(&span)
        });
        DayCount::new(span, held.map(|(_, held)| *held).collect(), damaged.map(|(.., damaged)| *damaged).collect())
    }
}
