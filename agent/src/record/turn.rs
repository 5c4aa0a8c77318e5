//! A recorder's log that has grown large is followed by another, so that old ones can go while the recorder goes on for
//! years.
//!
//! The new log begins as a recorder's own does: `started`, then `settled` with where every stream stands, so that nothing
//! before it needs reading. It is made while nothing is written; what takes long, reading the old log, is done before.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use farwatch_shared::id::RecorderId;
use farwatch_shared::time::Clock;

use super::book::Book;
use super::clocks::{self, Boot};
use super::recover::Reading;
use crate::ledger::entry::RecorderEntry;
use crate::ledger::log::LogError;

/// A log of this size is followed by another: some days of a site.
pub const LIMIT: u64 = 32 << 20;

/// The path of a log.
#[must_use]
pub fn log_path(ledgers: &Path, id: RecorderId) -> PathBuf {
    ledgers.join(format!("{id}.log"))
}

/// What the next log of the directory is called: it sorts after all there are, whatever the clock says.
#[must_use]
pub fn next_id(ledgers: &Path) -> RecorderId {
    let last = crate::ledger::follow::logs(ledgers).last().map(|(id, _)| *id);
    last.map_or_else(RecorderId::generate, RecorderId::after)
}

/// Looks after the size of the log. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Turner {
    ledgers: PathBuf,
    boot: Boot,
    limit: u64,
    turning: Arc<AtomicBool>,
}

impl Turner {
    #[must_use]
    pub fn new(ledgers: PathBuf, boot: Boot, limit: u64) -> Self {
        Self { ledgers, boot, limit, turning: Arc::default() }
    }

    /// Begins another log when this one is large, on a thread of its own.
    pub fn look(&self, book: &Book, clock: &Clock) {
        if book.size() < self.limit || self.turning.swap(true, Ordering::AcqRel) {
            return;
        }
        let (turner, book, clock) = (self.clone(), book.clone(), clock.clone());
        let work = move || {
            if let Err(error) = turner.turn(&book, &clock) {
                tracing::error!(error = &error as &dyn std::error::Error, "the log goes on growing");
            }
            turner.turning.store(false, Ordering::Release);
        };
        if let Err(error) = std::thread::Builder::new().name("turn".into()).spawn(work) {
            self.turning.store(false, Ordering::Release);
            tracing::error!(%error, "the log goes on growing");
        }
    }

    /// Begins another log.
    ///
    /// # Errors
    /// When the old one cannot be read or the new one not be made; the old one goes on.
    pub fn turn(&self, book: &Book, clock: &Clock) -> Result<RecorderId, LogError> {
        let mut reading = Reading::of(&log_path(&self.ledgers, book.id()))?;
        reading.on()?;
        let first = |recorder| {
            reading.on()?;
            let (version, boot_id) = (env!("CARGO_PKG_VERSION").to_owned(), self.boot.id.clone());
            let started = RecorderEntry::Started { recorder, version, boot_id, at: clocks::now(clock) };
            Ok(vec![started, RecorderEntry::Settled { streams: reading.ends() }])
        };
        let id = book.turn(|id| log_path(&self.ledgers, id), first)?;
        tracing::info!(log = %id, "the recorder's log goes on in another file");
        Ok(id)
    }
}
