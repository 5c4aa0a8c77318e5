//! An append-only file of entries: CRC-framed, hash-chained, preallocated, one writer, any number of readers.
//!
//! Belongs here: appending, cutting a torn tail, reading from any position while the file grows. Does not: the format
//! (`shared::evidence::log`), what an entry says ([`super::entry`]), or when it must be safe (the caller syncs before it acts).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub use farwatch_shared::evidence::log::{ENTRY_LIMIT, Entry, Position};
use farwatch_shared::evidence::log::{FRAME_HEAD, Frame, MAGIC, frame, read_frame};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The file grows by this much at a time, so that appending rarely changes its metadata.
const GROWTH: u64 = 256 << 10;

/// What can be wrong with a log.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the log {path} cannot be {doing}")]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
    #[error("{path} is not a log of this format")]
    NotALog { path: PathBuf },
    #[error("entry {index} of the log {path} does not follow from the one before it; the file was altered")]
    BrokenChain { path: PathBuf, index: u64 },
    #[error("an entry of {len} bytes is over the limit of {ENTRY_LIMIT}")]
    TooLarge { len: usize },
    #[error("entry {index} of the log {path} is not understood")]
    NotUnderstood { path: PathBuf, index: u64, source: serde_json::Error },
    #[error("an entry cannot be written as JSON")]
    Unwritable(#[source] serde_json::Error),
}

/// A log's name is its file name without `.log`; it seeds the chain, so a file moved under another name does not pass.
fn name_of(path: &Path) -> String {
    path.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The one writer of a log.
#[derive(Debug)]
pub struct LogWriter {
    path: PathBuf,
    file: Arc<File>,
    at: Position,
    allocated: u64,
}

impl LogWriter {
    /// Opens or makes a log, replays it, cuts a torn tail off. `replay` sees every whole entry, in order.
    ///
    /// Readable by the owner only. The directory is synced when the file is new.
    ///
    /// # Errors
    /// When the file cannot be used or its chain is broken; `replay` is not called for what follows the break.
    pub fn open(path: &Path, mut replay: impl FnMut(&Entry)) -> Result<Self, LogError> {
        let io = |doing| move |source| LogError::Io { path: path.into(), doing, source };
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io("opened"))?;
        let len = file.metadata().map_err(io("measured"))?.len();
        let mut at = Position::start(&name_of(path));
        if len < MAGIC.len() as u64 {
            file.set_len(0).map_err(io("emptied"))?;
            file.write_all_at(MAGIC, 0).map_err(io("begun"))?;
            file.sync_all().map_err(io("synced"))?;
            if let Some(dir) = path.parent() {
                File::open(dir).and_then(|d| d.sync_all()).map_err(io("entered in its directory"))?;
            }
        } else {
            let mut reader = LogReader::open(path, None)?;
            while let Some(entry) = reader.next_entry()? {
                replay(&entry);
                at = entry.next;
            }
            // Whatever follows the last whole entry was torn by a crash, or is preallocated room: make it zeros again.
            file.set_len(at.offset).map_err(io("cut"))?;
        }
        let mut writer = Self { path: path.into(), file: Arc::new(file), at, allocated: at.offset };
        writer.allocate(0);
        writer.sync()?;
        Ok(writer)
    }

    /// Where the next entry goes.
    #[must_use]
    pub fn position(&self) -> Position {
        self.at
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// For a thread that syncs on the writer's behalf.
    #[must_use]
    pub fn file(&self) -> Arc<File> {
        self.file.clone()
    }

    /// Appends an entry as JSON in one write and gives its index. It is visible to readers at once, and safe after
    /// [`Self::sync`].
    ///
    /// # Errors
    /// When it is too large or cannot be written; the log is then as it was before.
    pub fn append<T: Serialize>(&mut self, entry: &T) -> Result<u64, LogError> {
        let payload = serde_json::to_vec(entry).map_err(LogError::Unwritable)?;
        if payload.len() > ENTRY_LIMIT {
            return Err(LogError::TooLarge { len: payload.len() });
        }
        let (frame, next) = frame(&self.at, &payload);
        self.allocate(frame.len() as u64);
        if let Err(source) = self.file.write_all_at(&frame, self.at.offset) {
            // A reader must not take half a frame for the end of the log for ever.
            let _ = self.file.set_len(self.at.offset);
            self.allocated = self.at.offset;
            return Err(LogError::Io { path: self.path.clone(), doing: "appended to", source });
        }
        let index = self.at.index;
        self.at = next;
        Ok(index)
    }

    /// Returns once every entry appended so far survives a power cut.
    ///
    /// # Errors
    /// When the disk refuses; nothing may be acted on then.
    pub fn sync(&self) -> Result<(), LogError> {
        self.file.sync_data().map_err(|source| LogError::Io { path: self.path.clone(), doing: "synced", source })
    }

    /// Room for `more` bytes. Without support from the file system appending simply grows the file.
    fn allocate(&mut self, more: u64) {
        let need = self.at.offset + more;
        if need <= self.allocated && more > 0 {
            return;
        }
        let to = (need / GROWTH + 1) * GROWTH;
        let flags = rustix::fs::FallocateFlags::empty();
        if rustix::fs::fallocate(&*self.file, flags, self.at.offset, to - self.at.offset).is_ok() {
            self.allocated = to;
        }
    }
}

/// Reads a log from any position, also while its writer appends.
#[derive(Debug)]
pub struct LogReader {
    path: PathBuf,
    file: File,
    at: Position,
    buffer: Vec<u8>,
    /// File offset of `buffer[0]`.
    buffer_at: u64,
}

const READ_AHEAD: usize = 64 << 10;

impl LogReader {
    /// Opens at a position got earlier from this log, or at its start.
    ///
    /// # Errors
    /// When the file cannot be read or is no log.
    pub fn open(path: &Path, from: Option<Position>) -> Result<Self, LogError> {
        let io = |doing| move |source| LogError::Io { path: path.into(), doing, source };
        let file = File::open(path).map_err(io("opened"))?;
        let mut magic = [0; MAGIC.len()];
        match file.read_exact_at(&mut magic, 0) {
            Ok(()) if &magic == MAGIC => {}
            Ok(()) => return Err(LogError::NotALog { path: path.into() }),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Err(LogError::NotALog { path: path.into() }),
            Err(e) => return Err(io("read")(e)),
        }
        let at = from.unwrap_or_else(|| Position::start(&name_of(path)));
        Ok(Self { path: path.into(), file, at, buffer: Vec::new(), buffer_at: at.offset })
    }

    #[must_use]
    pub fn position(&self) -> Position {
        self.at
    }

    /// The next whole entry, or `None` when there is none yet (or a torn one, which only a crash leaves).
    ///
    /// # Errors
    /// When the file cannot be read, or an entry does not follow from the one before.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, LogError> {
        let (at, mut want) = (self.at, FRAME_HEAD);
        loop {
            let Some(bytes) = self.read(at.offset, want)? else { return Ok(None) };
            match read_frame(bytes, &at) {
                Frame::Needs(bytes) => want = bytes,
                Frame::Whole(entry) => {
                    self.at = entry.next;
                    return Ok(Some(entry));
                }
                Frame::End | Frame::Torn => {
                    self.forget();
                    return Ok(None);
                }
                Frame::Broken => return Err(LogError::BrokenChain { path: self.path.clone(), index: at.index }),
            }
        }
    }

    /// The next entry, decoded.
    ///
    /// # Errors
    /// As [`Self::next_entry`], and when the entry is of a kind this version does not know.
    pub fn next_as<T: DeserializeOwned>(&mut self) -> Result<Option<(u64, T)>, LogError> {
        let Some(entry) = self.next_entry()? else { return Ok(None) };
        serde_json::from_slice(&entry.payload)
            .map(|decoded| Some((entry.index, decoded)))
            .map_err(|source| LogError::NotUnderstood { path: self.path.clone(), index: entry.index, source })
    }

    /// Bytes at the end may change until a frame is whole: they are read afresh the next time.
    fn forget(&mut self) {
        self.buffer.clear();
    }

    /// `len` bytes at `offset`, or `None` when the file is shorter.
    fn read(&mut self, offset: u64, len: usize) -> Result<Option<&[u8]>, LogError> {
        let start = usize::try_from(offset.saturating_sub(self.buffer_at)).unwrap_or(usize::MAX);
        if offset >= self.buffer_at && start.checked_add(len).is_some_and(|end| end <= self.buffer.len()) {
            return Ok(Some(&self.buffer[start..start + len]));
        }
        let mut filled = 0;
        let mut buffer = vec![0; len.max(READ_AHEAD)];
        while filled < buffer.len() {
            match self.file.read_at(&mut buffer[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(source) => return Err(LogError::Io { path: self.path.clone(), doing: "read", source }),
            }
        }
        buffer.truncate(filled);
        self.buffer = buffer;
        self.buffer_at = offset;
        if filled < len {
            self.forget();
            return Ok(None);
        }
        Ok(Some(&self.buffer[..len]))
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
