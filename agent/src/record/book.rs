//! The recorder's log as the threads share it; every entry wakes the listeners.
//!
//! An entry that cannot be written (disk full) is kept in memory and written as soon as it can be: an entry is never
//! lost while the process lives, up to [`BACKLOG`].

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farwatch_shared::id::RecorderId;

use crate::ledger::entry::RecorderEntry;
use crate::ledger::log::{LogError, LogWriter};
use crate::recorder::protocol::Up;
use crate::recorder::socket::Wakeups;

/// Entries kept while the log cannot be written: over an hour of a box whose cameras all flap.
const BACKLOG: usize = 20_000;

/// The log with its backlog. Cheap to clone.
#[derive(Clone)]
pub struct Book {
    id: RecorderId,
    inner: Arc<Mutex<Inner>>,
    wakeups: Wakeups,
}

#[derive(Debug)]
struct Inner {
    log: LogWriter,
    backlog: VecDeque<RecorderEntry>,
}

impl Book {
    #[must_use]
    pub fn new(id: RecorderId, log: LogWriter, wakeups: Wakeups) -> Self {
        Self { id, inner: Arc::new(Mutex::new(Inner { log, backlog: VecDeque::new() })), wakeups }
    }

    #[must_use]
    pub fn id(&self) -> RecorderId {
        self.id
    }

    #[must_use]
    pub fn wakeups(&self) -> &Wakeups {
        &self.wakeups
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends, after whatever is still waiting. Visible to readers at once, safe after the next sync.
    pub fn write(&self, entry: RecorderEntry) {
        let mut inner = self.lock();
        inner.backlog.push_back(entry);
        if inner.backlog.len() > BACKLOG {
            let lost = inner.backlog.pop_front();
            tracing::error!(?lost, "the log cannot be written and its backlog is full; an entry is lost");
        }
        self.flush(&mut inner);
    }

    /// Tries again what could not be written.
    pub fn retry(&self) {
        let mut inner = self.lock();
        if !inner.backlog.is_empty() {
            self.flush(&mut inner);
        }
    }

    /// Appends and syncs: only then may the deed follow.
    ///
    /// # Errors
    /// When it is not safe on the disk; the deed must not be done.
    pub fn write_synced(&self, entry: &RecorderEntry) -> Result<(), LogError> {
        let mut inner = self.lock();
        self.flush(&mut inner);
        let index = inner.log.append(entry)?;
        inner.log.sync()?;
        self.wakeups.say(&Up::Log { log: self.id, index });
        Ok(())
    }

    /// The file, for syncing without holding the lock.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        self.lock().log.file()
    }

    fn flush(&self, inner: &mut Inner) {
        let mut last = None;
        while let Some(entry) = inner.backlog.front() {
            match inner.log.append(entry) {
                Ok(index) => last = Some(index),
                Err(LogError::TooLarge { len }) => tracing::error!(len, "an entry is too large for the log"),
                Err(error) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, "the log cannot be written now");
                    break;
                }
            }
            inner.backlog.pop_front();
        }
        if let Some(index) = last {
            self.wakeups.say(&Up::Log { log: self.id, index });
        }
    }
}
