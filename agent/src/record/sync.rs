//! The thread that makes footage safe: every second all files that were written since are synced, new directories with
//! them, then the log.
//!
//! The bound it publishes is the worst time between a byte's arrival and its being safe, over the last passes.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farwatch_shared::time::Clock;
use farwatch_shared::wire::latest::ClockFact;

use super::book::Book;
use super::clocks::ClockWatch;
use crate::ledger::entry::RecorderEntry;
use crate::recorder::protocol::Up;

const EVERY: Duration = Duration::from_secs(1);
/// Passes over which the published bound is the worst.
const PASSES: usize = 30;
/// A bound over this is worth waking someone.
const ALARM_MS: u64 = 2_000;

/// The files that need syncing. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Syncer {
    inner: Arc<Mutex<Inner>>,
    bound_ms: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Files written since the last pass, by address.
    dirty: BTreeMap<usize, Arc<File>>,
    /// Directories that got a new entry.
    dirs: BTreeSet<PathBuf>,
}

fn address(file: &Arc<File>) -> usize {
    Arc::as_ptr(file).addr()
}

impl Syncer {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A file was made, perhaps with the three directories above it.
    pub(super) fn opened(&self, path: &Path, file: &Arc<File>) {
        let mut inner = self.lock();
        // Run, stream, camera, vault: each may be new.
        inner.dirs.extend(path.ancestors().skip(1).take(4).map(Path::to_path_buf));
        inner.dirty.insert(address(file), file.clone());
    }

    pub(super) fn written(&self, file: &Arc<File>) {
        self.lock().dirty.insert(address(file), file.clone());
    }

    pub(super) fn closed(&self, file: &Arc<File>) {
        self.written(file);
    }

    /// Worst time lately between a byte's arrival and its being safe.
    #[must_use]
    pub fn bound_ms(&self) -> u64 {
        self.bound_ms.load(Ordering::Relaxed)
    }

    pub fn stop(&self) {
        self.stop.store(true, Ordering::Relaxed);
    }

    /// One pass over everything: files first, then the directories, then the log, so that the log never knows of more
    /// than the disk has.
    pub fn pass(&self, book: &Book) {
        let (dirty, dirs) = {
            let mut inner = self.lock();
            (std::mem::take(&mut inner.dirty), std::mem::take(&mut inner.dirs))
        };
        // All begin to be written before the first is waited for: by then what the file system has to note of the others is
        // ready too, so that its journal commits once or twice for all of them and not once for each. The last that began is
        // waited for first. What was safe before leaves the page cache; nobody reads it soon.
        for file in dirty.values() {
            let _ = rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed);
        }
        for file in dirty.values().rev() {
            if let Err(error) = file.sync_data() {
                tracing::error!(%error, "a segment cannot be synced");
            }
        }
        for dir in dirs {
            if let Err(error) = File::open(&dir).and_then(|d| d.sync_all()) {
                tracing::error!(%error, dir = %dir.display(), "a directory cannot be synced");
            }
        }
        book.retry();
        if let Err(error) = book.file().sync_data() {
            tracing::error!(%error, "the log cannot be synced");
        }
    }
}

/// Passes until told to stop, then once more. `each` is called after every pass with what
/// changed of the clock, for what else is due each second.
fn run(syncer: &Syncer, book: &Book, clock: &Clock, clock_watch: &ClockWatch, mut each: impl FnMut(&[ClockFact])) {
    let mut spans: VecDeque<u64> = VecDeque::with_capacity(PASSES);
    let mut began = clock.boot();
    while !syncer.stop.load(Ordering::Relaxed) {
        std::thread::sleep(EVERY);
        let changes = clock_watch.look(clock);
        for fact in &changes {
            tracing::warn!(change = ?fact.change, at = %fact.at_ms, "the wall clock changed");
            book.write(RecorderEntry::Clock { fact: fact.clone() });
        }
        // A byte written right after the last pass began waited until this one ended.
        let before = std::mem::replace(&mut began, clock.boot());
        syncer.pass(book);
        let span = u64::try_from(clock.boot().since(before) / 1_000_000);
        if spans.len() == PASSES {
            spans.pop_front();
        }
        spans.push_back(span.unwrap_or(0));
        let bound = spans.iter().copied().max().unwrap_or(0);
        let before = syncer.bound_ms.swap(bound, Ordering::Relaxed);
        if bound > ALARM_MS && before <= ALARM_MS {
            tracing::warn!(bound_ms = bound, "the disk is slow: footage is safe later than promised");
        }
        if bound / 250 != before / 250 {
            book.wakeups().say(&Up::Sync { bound_ms: bound });
        }
        each(&changes);
    }
    syncer.pass(book);
}

/// Starts the thread.
///
/// # Errors
/// When the system has no thread to give.
pub fn start(
    syncer: Syncer,
    book: Book,
    clock: Clock,
    clock_watch: ClockWatch,
    each: impl FnMut(&[ClockFact]) + Send + 'static,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let work = move || run(&syncer, &book, &clock, &clock_watch, each);
    std::thread::Builder::new().name("sync".into()).spawn(work)
}
