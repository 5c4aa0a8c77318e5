//! One sled database, used as measured: its own handle for fsync, a small cache, moved aside when damaged.
//!
//! sled's `flush` is `sync_file_range`, which does not survive a power cut; with `sync_all` on a handle of our own it does
//! (26 of 26 simulated cuts against 7). It may panic while opening, so it is opened under `catch_unwind`. All calls
//! come from one thread, which the owner of a [`Db`] provides.

use std::fs::{File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use farwatch_shared::time::Clock;

use super::file::replace_file;

const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// Five seconds.
const TRIES: u32 = 250;

/// What went wrong in the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database {path} cannot be opened while the disk is full; free space first, its data is unharmed")]
    DiskFull { path: PathBuf },
    #[error("the database {path} is in use by another process; stop that first")]
    InUse { path: PathBuf },
    #[error("the database {path} can neither be opened nor moved aside")]
    Unusable { path: PathBuf, source: io::Error },
    #[error("the database {path} failed to open twice: {reason}")]
    Broken { path: PathBuf, reason: String },
    #[error("the database failed")]
    Sled(#[from] sled::Error),
    #[error("the database cannot be made durable")]
    Sync(#[source] io::Error),
}

/// How a database came up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// As it was closed.
    Clean,
    /// It was there, but nobody closed it: compare it with the truth.
    Unclean,
    /// There was none.
    New,
    /// A damaged one was moved aside; this one is empty.
    MovedAside { to: PathBuf, why: String },
}

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Writes that belong together.
#[derive(Default)]
pub struct Batch(sled::Batch);

impl Batch {
    pub fn put(&mut self, key: &[u8], value: Vec<u8>) {
        self.0.insert(key, value);
    }

    pub fn remove(&mut self, key: &[u8]) {
        self.0.remove(key);
    }
}

/// An open database.
pub struct Db {
    db: sled::Db,
    file: File,
    dir: PathBuf,
    /// It was closed in order the last time.
    was_clean: bool,
}

impl Db {
    /// Opens the database of a directory, or moves a damaged one aside and opens an empty one.
    ///
    /// After an unclean stop every row is read once, since sled's checksums are only looked at then.
    ///
    /// # Errors
    /// [`StoreError::DiskFull`] when only space is missing, [`StoreError::InUse`] when somebody else has it open; others when not even an empty one can be made.
    pub fn open(dir: &Path, cache_bytes: u64, clock: &Clock) -> Result<(Self, Opened), StoreError> {
        let unusable = |source| StoreError::Unusable { path: dir.into(), source };
        wait_until_free(dir)?;
        let was_there = dir.join("db").exists();
        let clean = dir.join("clean");
        // A file that changed since it was closed is not the one that was closed.
        let marked = std::fs::read_to_string(&clean).ok();
        let was_clean = marked.is_some() && marked == stamp(&dir.join("db"));
        if marked.is_some() {
            std::fs::remove_file(&clean).map_err(unusable)?;
        }
        remove_half_written_snapshots(dir);
        match attempt(dir, cache_bytes, was_clean) {
            Ok(db) if !was_there => Ok((db, Opened::New)),
            Ok(db) if was_clean => Ok((db, Opened::Clean)),
            Ok(db) => Ok((db, Opened::Unclean)),
            Err(Attempt::DiskFull) => Err(StoreError::DiskFull { path: dir.into() }),
            Err(Attempt::Damaged(why)) => {
                let name = format!("{}.bad-{}", dir.file_name().unwrap_or_default().display(), clock.wall().0);
                let to = dir.with_file_name(name);
                std::fs::rename(dir, &to).map_err(unusable)?;
                match attempt(dir, cache_bytes, false) {
                    Ok(db) => Ok((db, Opened::MovedAside { to, why })),
                    Err(Attempt::DiskFull) => Err(StoreError::DiskFull { path: dir.into() }),
                    Err(Attempt::Damaged(reason)) => Err(StoreError::Broken { path: dir.into(), reason }),
                }
            }
        }
    }

    /// Whether it was closed in order the last time: then what was kept beside the rows still fits them.
    #[must_use]
    pub fn was_clean(&self) -> bool {
        self.was_clean
    }

    /// The value of a key.
    ///
    /// # Errors
    /// When the database fails.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.db.get(key)?.map(|value| value.to_vec()))
    }

    /// Writes all of a batch or nothing of it. Durable only after [`Db::durable`].
    ///
    /// # Errors
    /// When the database fails.
    pub fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        Ok(self.db.apply_batch(batch.0)?)
    }

    /// Rows with `from <= key < to`, in order of their keys; reversible.
    pub fn range(&self, from: &[u8], to: &[u8]) -> impl DoubleEndedIterator<Item = Result<Row, StoreError>> + use<> {
        self.db.range(from.to_vec()..to.to_vec()).map(|row| {
            let (key, value) = row?;
            Ok((key.to_vec(), value.to_vec()))
        })
    }

    /// After this the writes so far survive a power cut.
    ///
    /// # Errors
    /// When sled or the disk fails; nothing may then be promised to anybody.
    pub fn durable(&self) -> Result<(), StoreError> {
        self.db.flush()?;
        self.file.sync_all().map_err(StoreError::Sync)
    }

    /// Closes in order, so that the next start need not compare everything.
    ///
    /// # Errors
    /// When the last writes cannot be made durable; the next start then finds it unclean.
    pub fn close(self) -> Result<(), StoreError> {
        self.durable()?;
        let Self { db, file, dir, .. } = self;
        drop((db, file));
        let Some(stamp) = stamp(&dir.join("db")) else { return Ok(()) };
        replace_file(&dir.join("clean"), stamp.as_bytes()).map_err(StoreError::Sync)
    }
}

/// A database in use is not a damaged one and must not be moved aside. sled's own threads hold the file for a moment after
/// its owner let go of it.
fn wait_until_free(dir: &Path) -> Result<(), StoreError> {
    let Ok(file) = File::open(dir.join("db")) else { return Ok(()) };
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            // The kernel tells nobody that a lock was let go of.
            Err(TryLockError::WouldBlock) => std::thread::sleep(BETWEEN_TRIES),
            Err(TryLockError::Error(source)) => return Err(StoreError::Unusable { path: dir.into(), source }),
        }
    }
    Err(StoreError::InUse { path: dir.into() })
}

/// A file's size and time of change.
fn stamp(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = std::fs::metadata(path).ok()?;
    Some(format!("{} {}.{:09}", meta.size(), meta.mtime(), meta.mtime_nsec()))
}

enum Attempt {
    DiskFull,
    Damaged(String),
}

fn attempt(dir: &Path, cache_bytes: u64, was_clean: bool) -> Result<Db, Attempt> {
    let open = || -> Result<Db, Attempt> {
        std::fs::create_dir_all(dir).map_err(|e| judge_io(&e))?;
        // Never without the flusher: sled's garbage collection runs nowhere else.
        let db = sled::Config::new()
            .path(dir)
            .cache_capacity(cache_bytes)
            .flush_every_ms(Some(10_000))
            .open()
            .map_err(|e| judge(&e))?;
        if !was_clean {
            for row in &*db {
                row.map_err(|e| judge(&e))?;
            }
        }
        let file = File::open(dir.join("db")).map_err(|e| judge_io(&e))?;
        for synced in [dir, dir.parent().unwrap_or(dir)] {
            File::open(synced).and_then(|d| d.sync_all()).map_err(|e| judge_io(&e))?;
        }
        Ok(Db { db, file, dir: dir.into(), was_clean })
    };
    catch_unwind(AssertUnwindSafe(open)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
        Err(Attempt::Damaged(text.unwrap_or_else(|| "it panicked".into())))
    })
}

fn judge(error: &sled::Error) -> Attempt {
    match error {
        sled::Error::Io(e) => judge_io(e),
        other => Attempt::Damaged(other.to_string()),
    }
}

fn judge_io(error: &io::Error) -> Attempt {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Attempt::DiskFull,
        _ => Attempt::Damaged(error.to_string()),
    }
}

/// A snapshot that was being written when the power went keeps sled from opening.
fn remove_half_written_snapshots(dir: &Path) {
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().ends_with(".generating") {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::FileExt as _;

    const CACHE: u64 = 1 << 20;

    #[test]
    fn a_database_in_use_is_not_taken_for_a_damaged_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let (db, _) = Db::open(&path, CACHE, &Clock::real()).unwrap();
        let again = Db::open(&path, CACHE, &Clock::real()).map(|(_, how)| how);
        assert!(matches!(again, Err(StoreError::InUse { .. })), "{again:?}");
        assert!(path.join("db").exists(), "it stayed where it was");
        drop(db);
    }

    #[test]
    fn what_was_made_durable_is_there_after_an_unclean_stop() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let (db, how) = Db::open(&path, CACHE, &Clock::real()).unwrap();
        assert_eq!(how, Opened::New);
        let mut batch = Batch::default();
        batch.put(b"k", b"v".to_vec());
        db.apply(batch).unwrap();
        db.durable().unwrap();
        drop(db);
        let (db, how) = Db::open(&path, CACHE, &Clock::real()).unwrap();
        assert_eq!(how, Opened::Unclean);
        assert_eq!(db.get(b"k").unwrap().unwrap(), b"v");
        db.close().unwrap();
        assert_eq!(Db::open(&path, CACHE, &Clock::real()).unwrap().1, Opened::Clean);
    }

    // CAP-01
    #[test]
    fn a_damaged_database_is_moved_aside_and_an_empty_one_opened() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x");
        let (db, _) = Db::open(&path, CACHE, &Clock::real()).unwrap();
        for n in 0..20_000u32 {
            let mut batch = Batch::default();
            batch.put(&n.to_be_bytes(), vec![7; 100]);
            db.apply(batch).unwrap();
        }
        db.close().unwrap();
        let file = File::options().write(true).open(path.join("db")).unwrap();
        for page in 0..file.metadata().unwrap().len() / 65_536 {
            file.write_all_at(&[0xa5; 4096], page * 65_536 + 8_192).unwrap();
        }
        let (db, how) = Db::open(&path, CACHE, &Clock::real()).unwrap();
        let Opened::MovedAside { to, .. } = how else { panic!("opened {how:?}") };
        assert!(to.join("db").exists());
        assert_eq!(db.range(&[], &[0xff; 5]).count(), 0);
    }
}
