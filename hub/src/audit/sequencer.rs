//! Gives pending journal entries their place and signs the checkpoint.
//!
//! Belongs here: one batch ([`run_once`]) and the task around it. Does not: what an entry says.
//! Wakes on: every 500 ms. A checkpoint is signed only after its size is committed; one that a crash left unsigned is
//! signed at the next start.

use std::sync::Arc;
use std::time::Duration;

use farwatch_shared::keys::SignKey;
use farwatch_shared::time::Clock;
use tokio_util::sync::CancellationToken;
use tracing::error;

use super::merkle::{Tree, checkpoint, leaf_hash};
use crate::store::{self, Db, StoreError, journal};

/// Most entries in one batch.
const BATCH: u32 = 1000;
const EVERY: Duration = Duration::from_millis(500);

/// What the sequencer needs.
pub struct Sequencer {
    pub db: Db,
    /// Name of the log in its checkpoints.
    pub origin: String,
    pub key: Arc<SignKey>,
    pub clock: Clock,
}

impl Sequencer {
    /// Runs until stopped; one last batch at the end.
    pub async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            let last = tokio::select! {
                biased;
                () = stop.cancelled() => true,
                _ = tick.tick() => false,
            };
            if let Err(e) = self.run_once().await {
                error!(error = %e, "the journal could not be ordered; entries stay pending");
            }
            if last {
                return;
            }
        }
    }

    /// Orders what is pending, then signs. Returns how many entries got their place.
    ///
    /// # Errors
    /// When the database fails or the journal's own rows are damaged.
    pub async fn run_once(&self) -> store::Result<u64> {
        let waiting = {
            let mut c = self.db.read().await?;
            let newest = journal::newest_checkpoint(&mut c).await?;
            (!journal::pending(&mut c, 1).await?.is_empty(), newest)
        };
        let placed = if waiting.0 { self.place().await? } else { 0 };
        if placed > 0 || waiting.1.is_some_and(|p| p.note.is_none()) {
            self.sign().await?;
        }
        Ok(placed)
    }

    async fn place(&self) -> store::Result<u64> {
        let now = self.clock.wall();
        self.db
            .write(move |c| {
                Box::pin(async move {
                    let mut tree = match journal::newest_checkpoint(&mut *c).await? {
                        None => Tree::default(),
                        Some(p) => Tree::resume(p.size, p.frontier).ok_or(StoreError::Corrupt {
                            table: "journal_checkpoint",
                            what: "frontier",
                            text: p.size.to_string(),
                        })?,
                    };
                    let before = tree.size();
                    for entry in journal::pending(&mut *c, BATCH).await? {
                        let hash = leaf_hash(&entry.leaf);
                        journal::settle(&mut *c, tree.size(), &entry, &hash).await?;
                        tree.push(hash);
                    }
                    if tree.size() > before {
                        let point = journal::CheckpointRow {
                            size: tree.size(),
                            frontier: tree.frontier().to_vec(),
                            root: tree.root(),
                            at_ms: now,
                            note: None,
                        };
                        journal::insert_checkpoint(&mut *c, &point).await?;
                    }
                    Ok(tree.size() - before)
                })
            })
            .await
    }

    async fn sign(&self) -> store::Result<()> {
        let newest = journal::newest_checkpoint(&mut *self.db.read().await?).await?;
        let Some(point) = newest.filter(|p| p.note.is_none()) else { return Ok(()) };
        let note = checkpoint(&self.origin, point.size, &point.root, point.at_ms, &self.key);
        self.db.write(move |c| Box::pin(async move { journal::sign_checkpoint(c, point.size, &note).await })).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Actor, Entry, append};
    use farwatch_shared::time::WallMs;

    #[tokio::test]
    async fn entries_get_places_without_holes_and_a_signed_checkpoint() {
        let (db, _dir) = store::testing::db().await;
        let key = Arc::new(SignKey::generate().unwrap());
        let sequencer = Sequencer { db: db.clone(), origin: "test".into(), key, clock: Clock::real() };
        for round in 0..3 {
            for n in 0..5 {
                let entry = Entry::done(WallMs(n), Actor::Hub, "test.entry", round);
                db.write(move |c| Box::pin(async move { append(c, &entry).await })).await.unwrap();
            }
            assert_eq!(sequencer.run_once().await.unwrap(), 5);
            assert_eq!(sequencer.run_once().await.unwrap(), 0);
        }
        let mut c = db.read().await.unwrap();
        let rows = journal::before(&mut c, None, 100).await.unwrap();
        assert_eq!(rows.iter().map(|r| r.position).collect::<Vec<_>>(), (0..15).rev().collect::<Vec<_>>());
        let point = journal::newest_checkpoint(&mut c).await.unwrap().unwrap();
        let mut tree = Tree::default();
        for row in rows.iter().rev() {
            assert_eq!(leaf_hash(&row.leaf), row.leaf_hash);
            tree.push(row.leaf_hash);
        }
        assert_eq!((point.size, point.root), (15, tree.root()));
        assert!(point.note.unwrap().starts_with("test\n15\n"));
    }
}
