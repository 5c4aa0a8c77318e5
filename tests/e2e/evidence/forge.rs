//! What somebody with a copy of a box's directory, and without its key, could do to it.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farwatch_agent::ledger::log::LogReader;
use farwatch_shared::evidence::entry::{Closed, RecorderEntry};
use farwatch_shared::evidence::log::{MAGIC, Position, frame};
use farwatch_shared::id::SegmentId;
use farwatch_shared::keys::SignKey;
use farwatch_shared::seal::{Document, Signed};
use serde_json::Value;

/// A box's directory, copied.
pub struct Copy {
    _keep: tempfile::TempDir,
    pub dir: PathBuf,
}

impl Copy {
    pub fn of(dir: &Path) -> Self {
        let keep = tempfile::tempdir().expect("a temporary directory");
        let to = keep.path().join("copy");
        for part in ["vault", "ledger"] {
            copy(&dir.join(part), &to.join(part));
        }
        Self { _keep: keep, dir: to }
    }

    pub fn segment(&self, id: &SegmentId) -> PathBuf {
        farwatch_agent::vault::Vault::new(self.dir.join("vault")).path(id)
    }

    pub fn own_log(&self) -> PathBuf {
        self.dir.join("ledger/agent.log")
    }

    pub fn swap(&self, a: &SegmentId, b: &SegmentId) {
        let (a, b) = (self.segment(a), self.segment(b));
        let spare = a.with_extension("spare");
        std::fs::rename(&a, &spare).and_then(|()| std::fs::rename(&b, &a)).expect("files can be moved");
        std::fs::rename(&spare, &b).expect("files can be moved");
    }

    /// The recorders' logs, oldest first.
    pub fn logs(&self) -> Vec<PathBuf> {
        logs(&self.dir)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a directory can be made");
    for entry in std::fs::read_dir(from).expect("a directory").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            std::fs::copy(entry.path(), to).expect("a file can be copied");
        }
    }
}

pub fn logs(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir.join("ledger/recorder")).expect("logs");
    let mut paths: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    paths
}

pub fn payloads(log: &Path) -> Vec<Vec<u8>> {
    let mut reader = LogReader::open(log, None).expect("a log");
    std::iter::from_fn(|| reader.next_entry().expect("a sound log")).map(|entry| entry.payload).collect()
}

/// Every closing of the logs, in their order.
pub fn closings(dir: &Path) -> Vec<Closed> {
    logs(dir)
        .iter()
        .flat_map(|log| payloads(log))
        .filter_map(|payload| match serde_json::from_slice(&payload) {
            Ok(RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. }) => Some(closed),
            _ => None,
        })
        .collect()
}

/// Writes a log anew with other entries, its chain computed as it should be.
pub fn rewrite(log: &Path, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let mut entries = payloads(log);
    edit(&mut entries);
    let name = log.file_stem().expect("a name").to_string_lossy();
    let mut at = Position::start(&name);
    let mut bytes = MAGIC.to_vec();
    for payload in entries {
        let (frame, next) = frame(&at, &payload);
        bytes.extend(frame);
        at = next;
    }
    std::fs::write(log, bytes).expect("a log can be written");
}

/// Changes one signed document: the first of which `edit` says that it changed it. With a key it is signed anew, else it
/// keeps the signature it had.
pub fn forge<T: Document>(log: &Path, kind: &str, key: Option<&SignKey>, edit: impl Fn(&mut T) -> bool) {
    rewrite(log, |entries| {
        for payload in entries.iter_mut() {
            let mut line: Value = serde_json::from_slice(payload).expect("a line of JSON");
            if line["is"] != kind {
                continue;
            }
            let signed: Signed<T> = serde_json::from_value(line["signed"].clone()).expect("an envelope");
            let mut document = signed.unverified().expect("a document");
            if !edit(&mut document) {
                continue;
            }
            match key {
                Some(key) => {
                    let again = Signed::sign(&document, key).expect("a signature");
                    line["signed"] = serde_json::to_value(again).expect("JSON");
                }
                None => {
                    let bytes = serde_json::to_vec(&document).expect("JSON");
                    line["signed"]["payload"] = STANDARD.encode(bytes).into();
                }
            }
            *payload = serde_json::to_vec(&line).expect("JSON");
            return;
        }
        panic!("no {kind} to forge");
    });
}

/// Cuts the last entries off a log, as if they had never been written.
pub fn cut(log: &Path, entries: usize) {
    rewrite(log, |all| all.truncate(all.len() - entries));
}
