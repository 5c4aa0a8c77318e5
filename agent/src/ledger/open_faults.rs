//! What is broken now, as a replay of the agent's log gives it.
//!
//! Belongs here: which entry opens and which one ends the same fault (pure). Does not: deciding that something is broken
//! (`health`, `scrub`, `record`, `retention` measure), writing it down (`health::faults`).

use std::collections::BTreeMap;

use farwatch_shared::id::{CameraId, SegmentId, StreamName};
use farwatch_shared::time::{Span, WallMs};
use farwatch_shared::wire::latest::{FaultFact, FaultKind};

/// What makes two facts tell of the same fault. The span counts for damage alone: a target that drifts is one fault
/// however long it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FaultKey {
    pub fault: FaultKind,
    pub camera: Option<CameraId>,
    pub stream: Option<StreamName>,
    pub span: Option<Span>,
}

impl FaultKey {
    #[must_use]
    pub fn of(fact: &FaultFact) -> Self {
        let span = if fact.fault == FaultKind::Damage { fact.span } else { None };
        Self { fault: fact.fault, camera: fact.camera, stream: fact.stream, span }
    }
}

/// A fault nobody has seen mended yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFault {
    pub since_ms: WallMs,
    pub fact: FaultFact,
    /// The file it is about, for damage.
    pub segment: Option<SegmentId>,
}

/// All of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpenFaults(BTreeMap<FaultKey, OpenFault>);

impl OpenFaults {
    /// Takes in an entry of the log.
    pub fn learn(&mut self, at_ms: WallMs, fact: &FaultFact, segment: Option<SegmentId>) {
        let key = FaultKey::of(fact);
        if fact.open {
            self.0.entry(key).or_insert_with(|| OpenFault { since_ms: at_ms, fact: fact.clone(), segment });
        } else {
            self.0.remove(&key);
        }
    }

    #[must_use]
    pub fn get(&self, key: &FaultKey) -> Option<&OpenFault> {
        self.0.get(key)
    }

    /// In the order of their keys.
    pub fn iter(&self) -> impl Iterator<Item = &OpenFault> {
        self.0.values()
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Segments whose bytes are no longer what was recorded.
    pub fn damaged(&self) -> impl Iterator<Item = (SegmentId, &OpenFault)> {
        self.0
            .values()
            .filter(|open| open.fact.fault == FaultKind::Damage)
            .filter_map(|open| Some((open.segment?, open)))
    }
}
