//! Keeps the accounts of a box's camera streams up to date while it records.
//!
//! Belongs here: reading on in the camera's journal and in the recorders' logs, decoding each file once when it is
//! closed, so that an hour of many cameras costs no more than its frames. Does not: judging (`account`).

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use farwatch_agent::config::Home;
use farwatch_agent::ledger::entry::{Closed, RecorderEntry};
use farwatch_agent::ledger::log::{LogReader, Position};
use farwatch_agent::vault::Vault;
use farwatch_shared::id::{CameraId, SegmentId, StreamName};

use crate::account::Account;
use crate::frames;
use crate::site::Site;
use crate::truth::{FRAME_MS, FrameIndex, JournalReader, Line};

/// The accounts of one box and one test camera.
pub struct Books {
    vault: Vault,
    ledgers: PathBuf,
    journal: JournalReader,
    /// How far each log is read. None is held open, so that a disk can be unmounted.
    logs: BTreeMap<PathBuf, Option<Position>>,
    accounts: BTreeMap<CameraId, Account>,
    /// Files that may be deleted before they are read.
    held: BTreeMap<SegmentId, File>,
}

impl Books {
    /// # Panics
    /// When the journal cannot be opened.
    #[must_use]
    pub fn open(agent_dir: &Path, journal: &Path) -> Self {
        let home = Home::new(agent_dir);
        Self {
            vault: Vault::new(home.vault()),
            ledgers: home.recorder_ledgers(),
            journal: JournalReader::open(journal).expect("the camera's journal"),
            logs: BTreeMap::new(),
            accounts: BTreeMap::new(),
            held: BTreeMap::new(),
        }
    }

    /// The books of a house, with its first camera on a mount.
    #[must_use]
    pub fn of(site: &Site, mount: &str) -> Self {
        let mut books = Self::open(&site.agent.dir, site.eye.journal_file());
        books.follow(&site.camera, mount);
        books
    }

    /// Begins an account of a camera's main stream, recorded from a mount no other followed camera has.
    ///
    /// # Panics
    /// When that is no camera's id.
    pub fn follow(&mut self, camera: &str, mount: &str) {
        let camera: CameraId = camera.parse().expect("a camera's id");
        self.accounts.insert(camera, Account::new(camera, StreamName::Main, mount));
    }

    /// # Panics
    /// When the camera is not followed.
    #[must_use]
    pub fn account(&self, camera: &str) -> &Account {
        let camera: CameraId = camera.parse().expect("a camera's id");
        self.accounts.get(&camera).expect("a camera that is followed")
    }

    pub fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.accounts.values()
    }

    /// Takes up what was sent, ledgered and closed since the last time. Must be called before retention removes a file.
    ///
    /// # Panics
    /// When a journal or log cannot be read; a file that cannot be is noted in its account.
    pub fn read(&mut self) {
        self.read_journal();
        for entry in self.read_logs() {
            self.enter(entry);
        }
    }

    /// Keeps hold of every file there is until it is closed and read: from now on deleting one does not hide it. Its room stays
    /// taken as long.
    pub fn hold(&mut self) {
        for found in self.vault.scan().unwrap_or_default() {
            let read = self.accounts.values().any(|a| a.closed.iter().any(|closed| closed.segment == found.segment));
            if !read
                && !self.held.contains_key(&found.segment)
                && let Ok(file) = File::open(self.vault.path(&found.segment))
            {
                self.held.insert(found.segment, file);
            }
        }
    }

    /// The end of [`Self::hold`].
    pub fn let_go(&mut self) {
        self.held.clear();
    }

    /// As [`Self::read`], and looks into the files still being written.
    ///
    /// # Panics
    /// As [`Self::read`].
    pub fn read_with_open(&mut self) {
        self.read();
        for account in self.accounts.values_mut() {
            account.open.clear();
        }
        for found in self.vault.scan().expect("the vault can be walked") {
            let Some(account) = self.accounts.get_mut(&found.segment.camera) else { continue };
            let known = account.closed.iter().any(|closed| closed.segment == found.segment);
            if known || found.segment.stream != account.stream {
                continue;
            }
            // A head alone has no picture yet.
            let Ok(contents) = self.vault.read(&found.segment) else { continue };
            let Some(first) = contents.pieces.iter().find_map(|piece| piece.fragment) else { continue };
            // Only what is whole: the writer may be in the middle of a fragment.
            let whole = tempfile::Builder::new().suffix(".mp4").tempfile().expect("a temporary file");
            let mut bytes = std::fs::read(self.vault.path(&found.segment)).expect("a file that is being written");
            bytes.truncate(usize::try_from(contents.size().bytes()).unwrap_or(usize::MAX));
            std::fs::write(whole.path(), bytes).expect("a copy");
            match decode(whole.path(), account, first.ident.boot_ns.0) {
                Ok(frames) => account.open.extend(frames.into_iter().flatten()),
                Err(why) => account.unreadable.push(format!("{} (open): {why}", found.segment)),
            }
        }
    }

    fn read_journal(&mut self) {
        while let Some(line) = self.journal.next_line().expect("the camera's journal") {
            match line {
                Line::Frame(frame) => {
                    if let Some(account) = self.accounts.values_mut().find(|a| a.mount == frame.mount) {
                        account.note_sent(&frame);
                    }
                }
                Line::Missing { lines } => panic!("the camera's journal lost {lines} lines and is no truth"),
                Line::Play(_) | Line::End(_) => {}
            }
        }
    }

    fn read_logs(&mut self) -> Vec<RecorderEntry> {
        let names = std::fs::read_dir(&self.ledgers).into_iter().flatten().flatten().map(|entry| entry.path());
        for path in names.filter(|path| path.extension().is_some_and(|e| e == "log")) {
            self.logs.entry(path).or_default();
        }
        let mut entries = Vec::new();
        for (path, position) in &mut self.logs {
            // One that was made this moment has no beginning yet: the next time.
            let Ok(mut log) = LogReader::open(path, *position) else { continue };
            while let Some((_, entry)) = log.next_as().expect("a recorder's log") {
                entries.push(entry);
            }
            *position = Some(log.position());
        }
        entries
    }

    fn enter(&mut self, entry: RecorderEntry) {
        match entry {
            RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => self.enter_file(closed),
            RecorderEntry::Gap(gap) => {
                if let Some(account) = self.accounts.get_mut(&gap.camera).filter(|a| a.stream == gap.stream) {
                    account.gaps.push(gap);
                }
            }
            RecorderEntry::SwitchedOff { camera, stream, at } => {
                if let Some(account) = self.accounts.get_mut(&camera).filter(|a| a.stream == stream) {
                    account.switched_off.push(at);
                }
            }
            _ => {}
        }
    }

    fn enter_file(&mut self, closed: Closed) {
        let Some(account) = self.accounts.get_mut(&closed.segment.camera) else { return };
        if account.stream != closed.segment.stream {
            return;
        }
        let held = self.held.remove(&closed.segment);
        let mut path = self.vault.path(&closed.segment);
        if let Some(file) = held.as_ref().filter(|_| !path.exists()) {
            path = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()));
        }
        match decode(&path, account, closed.start.boot_ns.0) {
            Ok(frames) => {
                let readable = frames.iter().flatten().count();
                let told = usize::try_from(closed.frames).unwrap_or(usize::MAX);
                if readable != told {
                    account.unreadable.push(format!("{}: {readable} of {told} frames read", closed.segment));
                }
                for frame in frames.into_iter().flatten() {
                    if !account.recorded.insert(frame) {
                        account.doubled.push(frame);
                    }
                }
            }
            Err(why) => account.unreadable.push(format!("{}: {why}", closed.segment)),
        }
        account.closed.push(closed);
    }
}

/// The frames of a file, in order of presentation; `None` for a picture whose number cannot be read.
fn decode(file: &Path, account: &Account, start_boot_ns: i64) -> Result<Vec<Option<FrameIndex>>, String> {
    let decoded = frames::decode(file).map_err(|error| error.to_string())?;
    if let Some(complaint) = decoded.complaints.first() {
        return Err(format!("{complaint} ({} complaints)", decoded.complaints.len()));
    }
    let frame_ns = i64::try_from(FRAME_MS).unwrap_or(50) * 1_000_000;
    let at = (0..).map(|n: i64| start_boot_ns + n * frame_ns);
    Ok(decoded.frames.iter().zip(at).map(|(f, at)| Some(account.frame_near(f.counter?, at))).collect())
}
