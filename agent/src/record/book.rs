//! The recorder's log as the threads share it; every entry wakes the listeners.
//!
//! An entry that cannot be written (disk full) is kept in memory and written as soon as it can be: an entry is never
//! lost while the process lives, up to [`BACKLOG`].

use std::collections::VecDeque;
use std::fs::File;
use std::path::PathBuf;
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
    inner: Arc<Mutex<Inner>>,
    wakeups: Wakeups,
}

#[derive(Debug)]
struct Inner {
    /// Names the log.
    id: RecorderId,
    log: LogWriter,
    backlog: VecDeque<RecorderEntry>,
}

impl Book {
    #[must_use]
    pub fn new(id: RecorderId, log: LogWriter, wakeups: Wakeups) -> Self {
        Self { inner: Arc::new(Mutex::new(Inner { id, log, backlog: VecDeque::new() })), wakeups }
    }

    /// The log's name.
    #[must_use]
    pub fn id(&self) -> RecorderId {
        self.lock().id
    }

    /// Bytes in the log.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.lock().log.position().offset
    }

    /// Goes on in another log. `first` makes its first entries, knowing that the old log is complete and safe; nothing is
    /// written meanwhile. Whatever fails, the old log goes on.
    ///
    /// # Errors
    /// When the disk refuses either log.
    pub fn turn(
        &self,
        path: impl FnOnce(RecorderId) -> PathBuf,
        first: impl FnOnce(RecorderId) -> Result<Vec<RecorderEntry>, LogError>,
    ) -> Result<RecorderId, LogError> {
        let mut inner = self.lock();
        self.flush(&mut inner);
        if !inner.backlog.is_empty() {
            return Ok(inner.id);
        }
        inner.log.sync()?;
        let id = RecorderId::after(inner.id);
        let entries = first(id)?;
        let path = path(id);
        let begin = || {
            let mut log = LogWriter::open(&path, |_| {})?;
            for entry in &entries {
                log.append(entry)?;
            }
            log.sync()?;
            Ok(log)
        };
        inner.log = begin().inspect_err(|_: &LogError| {
            // Half begun it would look like a recorder's that died at once.
            let _ = std::fs::remove_file(&path);
        })?;
        inner.id = id;
        self.wakeups.say(&Up::Log { log: id, index: inner.log.position().index });
        Ok(id)
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
        self.wakeups.say(&Up::Log { log: inner.id, index });
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
            self.wakeups.say(&Up::Log { log: inner.id, index });
        }
    }
}
