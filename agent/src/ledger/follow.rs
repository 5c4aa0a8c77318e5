//! Reads all recorders' logs on, from where the last reading ended.
//!
//! Belongs here: which logs there are, in which order, what is new. Does not: what an entry causes. Each follower keeps its own
//! cursors together with what it made of the entries, so that both are lost together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use farwatch_shared::id::RecorderId;
use tracing::warn;

use super::entry::RecorderEntry;
use super::log::{LogError, LogReader, Position};

/// Where reading goes on, per log.
pub type Cursors = BTreeMap<RecorderId, Position>;

/// An entry and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Followed {
    pub log: RecorderId,
    pub index: u64,
    /// Reading from here gives this entry again.
    pub at: Position,
    pub entry: RecorderEntry,
}

impl Followed {
    /// How a fact names the entry it was made from: the same for ever.
    #[must_use]
    pub fn origin(&self) -> String {
        format!("recorder/{}/{}", self.log, self.index)
    }
}

/// A reader of the directory of logs.
pub struct Follower {
    dir: PathBuf,
    /// Size and change time at which a log had nothing more.
    seen: BTreeMap<RecorderId, (u64, SystemTime)>,
    /// Logs whose chain is broken: told once, then left alone.
    broken: BTreeMap<RecorderId, String>,
}

impl Follower {
    #[must_use]
    pub fn new(dir: PathBuf) -> Self {
        Self { dir, seen: BTreeMap::new(), broken: BTreeMap::new() }
    }

    /// Looks at every log again, also at those that have not changed: the cursors were set back.
    pub fn forget(&mut self) {
        self.seen.clear();
    }

    /// Logs that were altered, and how it was noticed.
    #[must_use]
    pub fn broken(&self) -> &BTreeMap<RecorderId, String> {
        &self.broken
    }

    /// Reads up to `most` entries on from the cursors and moves them. An empty answer means there is nothing new.
    pub fn read(&mut self, cursors: &mut Cursors, most: usize) -> Vec<Followed> {
        let mut found = Vec::new();
        for (log, path) in logs(&self.dir) {
            if found.len() >= most {
                break;
            }
            if self.broken.contains_key(&log) {
                continue;
            }
            let Some(stamp) = stamp(&path) else { continue };
            if cursors.contains_key(&log) && self.seen.get(&log) == Some(&stamp) {
                continue;
            }
            match self.read_one(log, &path, cursors, most, &mut found) {
                // Only a log read to its end may be skipped until it changes again.
                Ok(true) => {
                    self.seen.insert(log, stamp);
                }
                Ok(false) => {}
                Err(error @ (LogError::BrokenChain { .. } | LogError::NotALog { .. })) => {
                    warn!(%log, %error, "a recorder's log is damaged; what follows in it is not believed");
                    self.broken.insert(log, error.to_string());
                }
                Err(error) => warn!(%log, %error, "a recorder's log cannot be read now"),
            }
        }
        found
    }

    fn read_one(
        &self,
        log: RecorderId,
        path: &Path,
        cursors: &mut Cursors,
        most: usize,
        found: &mut Vec<Followed>,
    ) -> Result<bool, LogError> {
        let mut reader = LogReader::open(path, cursors.get(&log).copied())?;
        cursors.entry(log).or_insert_with(|| reader.position());
        while found.len() < most {
            let at = reader.position();
            let Some(entry) = reader.next_entry()? else { return Ok(true) };
            match serde_json::from_slice(&entry.payload) {
                Ok(decoded) => found.push(Followed { log, index: entry.index, at, entry: decoded }),
                Err(error) => warn!(%log, index = entry.index, %error, "an entry of a later version is passed over"),
            }
            cursors.insert(log, entry.next);
        }
        Ok(false)
    }
}

fn stamp(path: &Path) -> Option<(u64, SystemTime)> {
    let meta = std::fs::metadata(path).ok()?;
    Some((meta.len(), meta.modified().ok()?))
}

/// The logs of a directory, oldest recorder first (their ids sort by time).
pub(crate) fn logs(dir: &Path) -> Vec<(RecorderId, PathBuf)> {
    let mut logs: Vec<_> = std::fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let id = path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok()?;
            Some((id, path))
        })
        .collect();
    logs.sort_unstable();
    logs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entry::Moment;
    use crate::ledger::log::LogWriter;
    use farwatch_shared::time::{BootNs, WallMs};

    fn stop(n: i64) -> RecorderEntry {
        RecorderEntry::CleanStop { boot_id: "b".into(), at: Moment { boot_ns: BootNs(n), wall_ms: WallMs(n) } }
    }

    #[test]
    fn every_entry_of_every_log_is_read_once_and_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let (first, second) = (RecorderId::generate(), RecorderId::generate());
        let open = |id: RecorderId| LogWriter::open(&dir.path().join(format!("{id}.log")), |_| ()).unwrap();
        let mut one = open(first);
        one.append(&stop(1)).unwrap();
        one.append(&stop(2)).unwrap();
        let (mut follower, mut cursors) = (Follower::new(dir.path().into()), Cursors::new());
        assert_eq!(follower.read(&mut cursors, 1).len(), 1);
        assert_eq!(follower.read(&mut cursors, 9)[0].entry, stop(2));
        assert!(follower.read(&mut cursors, 9).is_empty());
        let mut two = open(second);
        two.append(&stop(3)).unwrap();
        one.append(&stop(4)).unwrap();
        let mut fresh = Follower::new(dir.path().into());
        let entries: Vec<_> = fresh.read(&mut cursors, 9).into_iter().map(|f| (f.log, f.entry)).collect();
        assert_eq!(entries, [(first, stop(4)), (second, stop(3))]);
        assert_eq!(fresh.read(&mut Cursors::new(), 9).len(), 4, "without cursors all is read again");
    }
}
