//! Removes footage: a line in the agent's log with ids and digests first, then the files, then the catalog's rows.
//!
//! Belongs here: the order of these three, breaches, what recorders removed by themselves. Does not: choosing.

use farwatch_shared::evidence::DeletedWhy;
use farwatch_shared::evidence::entry::GoneSegment;
use farwatch_shared::id::SegmentId;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{DAY_MS, WallMs};
use farwatch_shared::wire::latest::BreachFact;
use tracing::{info, warn};

use super::rules::{Class, Policy, promised_days};
use crate::catalog::{Catalog, DeletedByRecorder, Entry, StreamKey};
use crate::ledger::agent::{AgentBody, AgentLedger};
use crate::ledger::log::LogError;
use crate::vault::Vault;

/// Segments of one line: it stays well under the log's limit.
const LINE: usize = 400;

/// What removing needs.
#[derive(Clone)]
pub struct Remover {
    pub vault: Vault,
    pub catalog: Catalog,
    pub ledger: AgentLedger,
}

/// What became of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removed {
    pub segments: usize,
    pub bytes: ByteSize,
    /// Something would not go: it is tried again later, not at once.
    pub failed: bool,
}

impl Remover {
    /// Removes segments of one stream for one reason.
    pub async fn remove(&self, stream: StreamKey, why: DeletedWhy, entries: &[Entry], policy: &Policy) -> Removed {
        let mut removed = Removed::default();
        for chunk in entries.chunks(LINE) {
            let gone: Vec<GoneSegment> = chunk.iter().map(gone).collect();
            let (first, rest) = match self.say(stream, why, &gone, policy).await {
                Ok(()) => (Vec::new(), chunk),
                Err(error) if is_full(&error) && why != DeletedWhy::Breach => {
                    // Not even the line has room. One file makes some, and the line that follows names it too.
                    let first = self.unlink(chunk[..1].to_vec()).await;
                    if let Err(error) = self.say(stream, why, &gone, policy).await {
                        warn!(%error, "deletions cannot be written down; nothing more is deleted");
                        return Removed { failed: true, ..removed };
                    }
                    (first, &chunk[1..])
                }
                Err(error) => {
                    warn!(%error, "deletions cannot be written down; nothing is deleted");
                    return Removed { failed: true, ..removed };
                }
            };
            let mut done = first;
            done.extend(self.unlink(rest.to_vec()).await);
            removed.failed |= done.len() < chunk.len();
            removed.segments += done.len();
            let bytes = |id: &SegmentId| chunk.iter().find(|e| e.segment == *id).map_or(0, |e| e.bytes.0);
            removed.bytes.0 += done.iter().map(|(id, _)| bytes(id)).sum::<u64>();
            if self.catalog.remove(done).await.is_err() {
                warn!("the catalog could not forget deleted footage now; it will when it is compared with the vault");
                removed.failed = true;
            }
        }
        if removed.segments > 0 {
            info!(camera = %stream.camera, stream = %stream.stream, ?why, segments = removed.segments,
                bytes = %removed.bytes, "footage deleted by retention");
        }
        removed
    }

    /// The lines that come before the deed: for a breach two, the promise that is broken and what goes.
    async fn say(
        &self,
        stream: StreamKey,
        why: DeletedWhy,
        gone: &[GoneSegment],
        policy: &Policy,
    ) -> Result<(), LogError> {
        if why == DeletedWhy::Breach
            && let Some(fact) = breach(stream, gone, policy, "retention")
        {
            self.ledger.append(AgentBody::Breach { fact }).await?;
        }
        self.ledger.append(AgentBody::Deleting { why, segments: gone.to_vec(), by: None }).await
    }

    async fn unlink(&self, entries: Vec<Entry>) -> Vec<(SegmentId, WallMs)> {
        let vault = self.vault.clone();
        tokio::task::spawn_blocking(move || unlink(&vault, &entries)).await.unwrap_or_default()
    }

    /// Tells of what recorders let go by themselves while the agent was silent; a line per stream and reason.
    pub async fn tell_of_recorders(&self, policy: &Policy) {
        let Ok(mut deleted) = self.catalog.deleted_by_recorders().await else { return };
        if deleted.is_empty() {
            return;
        }
        let lines: Vec<_> = deleted.iter().map(|d| d.line).collect();
        let told = self.ledger.state(|s| s.told_deletions.clone());
        deleted.retain(|d| told.get(&d.line.log).is_none_or(|index| d.line.index > *index));
        // In the order of the log, so that "told up to here" is true of every line written.
        deleted.sort_by_key(|d| (d.line.log, d.line.index));
        let kind = |d: &DeletedByRecorder| (d.line.log, key(d), was_breach(d, policy));
        for chunk in deleted.chunk_by(|a, b| kind(a) == kind(b)).flat_map(|chunk| chunk.chunks(LINE)) {
            let Some(last) = chunk.last() else { continue };
            let segments: Vec<GoneSegment> = chunk.iter().map(|d| d.gone.clone()).collect();
            let is_breach = was_breach(last, policy);
            let mut done = Ok(());
            if is_breach && let Some(fact) = breach(key(last), &segments, policy, "the recorder") {
                done = self.ledger.append(AgentBody::Breach { fact }).await;
            }
            let why = if is_breach { DeletedWhy::Breach } else { DeletedWhy::Space };
            let line = AgentBody::Deleting { why, segments, by: Some(last.line) };
            if done.is_ok() {
                done = self.ledger.append(line).await;
            }
            if let Err(error) = done {
                warn!(%error, "what a recorder deleted cannot be written down now");
                return;
            }
        }
        if self.catalog.told_of(lines).await.is_err() {
            warn!("the catalog was busy; what recorders deleted is looked at again");
        }
    }
}

fn is_full(error: &LogError) -> bool {
    matches!(error, LogError::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull)
}

fn gone(entry: &Entry) -> GoneSegment {
    GoneSegment { segment: entry.segment, digest: entry.digest, span: entry.span, bytes: entry.bytes }
}

fn key(deleted: &DeletedByRecorder) -> StreamKey {
    StreamKey { camera: deleted.gone.segment.camera, stream: deleted.gone.segment.stream }
}

fn was_breach(deleted: &DeletedByRecorder, policy: &Policy) -> bool {
    let rule = policy.rule(deleted.gone.segment.camera);
    deleted.age_ms <= i64::from(promised_days(&rule, Class::of(deleted.has_event))) * DAY_MS
}

/// Says which promise was broken, and by whom.
fn breach(stream: StreamKey, gone: &[GoneSegment], policy: &Policy, by: &str) -> Option<BreachFact> {
    let start_ms = gone.iter().map(|g| g.span.start_ms).min()?;
    let end_ms = gone.iter().map(|g| g.span.end_ms).max()?;
    let rule = policy.rule(stream.camera);
    let bytes = ByteSize(gone.iter().map(|g| g.bytes.0).fold(0, u64::saturating_add));
    Some(BreachFact {
        camera: stream.camera,
        stream: stream.stream,
        start_ms,
        end_ms,
        bytes,
        detail: format!(
            "{} segments ({bytes}) of a camera promised {} days gave way to the recording going on, by {by}, in the \
             declared order: give this box a larger disk, a lower bit rate or a shorter floor",
            gone.len(),
            promised_days(&rule, Class::Event),
        ),
    })
}

/// Removes files and the directories they leave empty. A file that is gone already is no error.
fn unlink(vault: &Vault, entries: &[Entry]) -> Vec<(SegmentId, WallMs)> {
    let mut gone = Vec::new();
    for entry in entries {
        let path = vault.path(&entry.segment);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                warn!(path = %path.display(), %error, "a segment cannot be deleted");
                continue;
            }
        }
        gone.push((entry.segment, entry.span.start_ms));
        // Only an empty directory lets itself be removed.
        if let Some(run) = path.parent() {
            let _ = std::fs::remove_dir(run);
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::digest::Digest;
    use farwatch_shared::id::{CameraId, RunId, StreamName};
    use farwatch_shared::time::{ClockState, Span};

    #[test]
    fn a_removed_run_leaves_no_directory_and_a_missing_file_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::new(dir.path());
        let entry = |sequence| Entry {
            segment: SegmentId {
                camera: "01890a5d-ac96-774b-bcce-b302099a8057".parse::<CameraId>().unwrap(),
                stream: StreamName::Main,
                run: RunId { boot: 1, counter: 1 },
                sequence,
            },
            span: Span { start_ms: WallMs(0), end_ms: WallMs(1) },
            bytes: ByteSize(1),
            digest: Digest::ZERO,
            skew_s: 0,
            clock: ClockState::Ntp,
            recovered: false,
            damaged: false,
            anchored: 0,
            has_event: false,
        };
        let path = vault.path(&entry(0).segment);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"x").unwrap();
        let gone = unlink(&vault, &[entry(0), entry(1)]);
        assert_eq!(gone, [(entry(0).segment, WallMs(0)), (entry(1).segment, WallMs(0))]);
        assert!(!path.parent().unwrap().exists());
    }
}
