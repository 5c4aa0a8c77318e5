//! The sidecar file: how far the outbox had come, written after each of its commits. An outbox behind it has lost something.

use std::collections::BTreeMap;

use farwatch_shared::id::OutboxEpoch;
use farwatch_shared::wire::latest::FactClass;
use serde::{Deserialize, Serialize};

use crate::ledger::follow::Cursors;
use crate::ledger::log::Position;

/// Where reading the ledgers goes on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    pub recorders: Cursors,
    pub agent: Option<Position>,
}

/// `store/outbox.mark`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub epoch: OutboxEpoch,
    /// Highest number handed out per class.
    pub high: BTreeMap<FactClass, u64>,
    /// Every fact of ledger entries before here is known as received.
    pub safe: Reading,
}

/// What the database says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    pub epoch: OutboxEpoch,
    /// Highest number handed out per class.
    pub high: BTreeMap<FactClass, u64>,
    /// What the hub has committed, per class.
    pub received: BTreeMap<FactClass, u64>,
    pub reading: Reading,
    /// Facts dropped in this epoch.
    pub dropped: u64,
}

impl Meta {
    /// A new epoch that reads on from there.
    #[must_use]
    pub fn begin(reading: Reading) -> Self {
        Self { epoch: OutboxEpoch::generate(), high: BTreeMap::new(), received: BTreeMap::new(), reading, dropped: 0 }
    }
}

/// Whether the outbox goes on or starts anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    Continue,
    NewEpoch { why: String },
}

/// Compares the database with the mark. `rows_whole`: every row from the first unreceived number on was there and readable.
#[must_use]
pub fn judge(meta: Option<&Meta>, mark: Option<&Mark>, rows_whole: bool) -> Verdict {
    let anew = |why: &str| Verdict::NewEpoch { why: why.into() };
    match (meta, mark) {
        (None, None) => anew("first start"),
        (None, Some(_)) => anew("the outbox was lost"),
        (Some(_), None) => anew("the outbox's high-water mark was lost"),
        (Some(meta), Some(mark)) if meta.epoch != mark.epoch => anew("the outbox is not the one of the mark"),
        (Some(meta), Some(mark)) => {
            let behind = mark.high.iter().any(|(class, high)| meta.high.get(class).copied().unwrap_or(0) < *high);
            if behind {
                anew("the outbox is behind its high-water mark")
            } else if !rows_whole {
                anew("facts are missing from the outbox")
            } else {
                Verdict::Continue
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // OPS-02
    #[test]
    fn an_outbox_behind_its_mark_starts_a_new_epoch() {
        let mut meta = Meta::begin(Reading::default());
        meta.high.insert(FactClass::Gap, 7);
        let mut mark = Mark { epoch: meta.epoch, high: meta.high.clone(), safe: Reading::default() };
        assert_eq!(judge(Some(&meta), Some(&mark), true), Verdict::Continue);
        assert_ne!(judge(Some(&meta), Some(&mark), false), Verdict::Continue);
        meta.high.insert(FactClass::Gap, 8);
        assert_eq!(judge(Some(&meta), Some(&mark), true), Verdict::Continue, "ahead: the mark is written after");
        mark.high.insert(FactClass::Gap, 9);
        assert_ne!(judge(Some(&meta), Some(&mark), true), Verdict::Continue);
        mark.high.insert(FactClass::Gap, 8);
        mark.high.insert(FactClass::Access, 1);
        assert_ne!(judge(Some(&meta), Some(&mark), true), Verdict::Continue);
        let other = Mark { epoch: OutboxEpoch::generate(), high: BTreeMap::new(), safe: Reading::default() };
        for (meta, mark) in [(None, None), (None, Some(&mark)), (Some(&meta), None), (Some(&meta), Some(&other))] {
            assert_ne!(judge(meta, mark, true), Verdict::Continue);
        }
    }
}
