//! Watches free space for a silent agent, and lets footage go by the plan's rule when it falls under the hard floor.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use farwatch_shared::id::{CameraId, SegmentId};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{BootNs, Clock, Span, WallMs};

use super::give_way::{self, Candidate};
use super::protocol::{DiskRule, Plan};
use super::socket::Wakeups;
use crate::ledger::entry::{DeletedWhy, RecorderEntry};
use crate::record::book::Book;
use crate::vault::{Vault, VaultError};

/// An agent that does not listen for so long is silent.
const SILENT_NS: i64 = 10_000_000_000;
/// Segments looked at per stream and time: enough for what one second can fill.
const PER_STREAM: usize = 200;

/// What the plan says about the disk.
#[derive(Debug, Clone, Default)]
pub struct Rule {
    pub disk: DiskRule,
    pub floors: BTreeMap<CameraId, u32>,
}

impl Rule {
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        Self {
            disk: plan.disk.clone(),
            floors: plan.cameras.iter().map(|camera| (camera.camera, camera.floor_days)).collect(),
        }
    }
}

/// Called once a second by the sync thread.
pub struct Guard {
    pub vault: Vault,
    pub book: Book,
    pub clock: Clock,
    pub wakeups: Wakeups,
    pub rule: Arc<Mutex<Rule>>,
    pub heard_at: BootNs,
}

impl Guard {
    pub fn look(&mut self) {
        let now = self.clock.boot();
        if self.wakeups.heard() {
            self.heard_at = now;
            return;
        }
        if now.since(self.heard_at) < SILENT_NS {
            return;
        }
        let rule = self.rule.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let Ok(space) = rustix::fs::statvfs(self.vault.root()) else { return };
        let free = space.f_bavail.saturating_mul(space.f_frsize);
        let floor = rule.disk.hard_floor.bytes();
        if free >= floor {
            return;
        }
        // A little more than needed, so that not every second deletes one file.
        let need = ByteSize(floor - free + floor / 20);
        match self.candidates() {
            Ok(candidates) => {
                let chosen = give_way::choose(&candidates, &rule.disk, &rule.floors, self.clock.wall(), need);
                tracing::warn!(
                    free,
                    floor,
                    files = chosen.len(),
                    "the disk is full and the agent silent: footage gives way"
                );
                chosen.into_iter().for_each(|candidate| self.delete(candidate));
            }
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "the vault cannot be listed to make room");
            }
        }
    }

    /// The oldest closed segments of every stream.
    fn candidates(&self) -> Result<Vec<Candidate>, VaultError> {
        let mut candidates = Vec::new();
        for (camera, stream) in self.vault.streams()? {
            let runs = self.vault.runs(camera, stream)?;
            let mut taken = 0;
            for run in &runs {
                let mut found = self.vault.segments(camera, stream, *run)?;
                if runs.last() == Some(run) {
                    // It may be being written.
                    found.pop();
                }
                for found in found.into_iter().take(PER_STREAM - taken) {
                    if let Some(span) = self.span(&found.segment) {
                        candidates.push(Candidate { segment: found.segment, bytes: found.size, span });
                    }
                    taken += 1;
                }
                if taken >= PER_STREAM {
                    break;
                }
            }
        }
        Ok(candidates)
    }

    /// From its head to its last write: close enough to judge age, and never too short to be held.
    fn span(&self, segment: &SegmentId) -> Option<Span> {
        let start = self.vault.ident(segment).ok()?.wall_ms;
        let modified = std::fs::metadata(self.vault.path(segment)).ok()?.modified().ok()?;
        let end = modified.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis();
        let end = WallMs(i64::try_from(end).ok()?);
        Span::new(start, end.max(start.plus_ms(1)))
    }

    /// Logged and synced first, then done.
    fn delete(&self, candidate: Candidate) {
        let Candidate { segment, bytes, span } = candidate;
        let entry = RecorderEntry::Deleted { segment, bytes, span, why: DeletedWhy::HardFloor };
        let done = self.book.write_synced(&entry).map_err(|e| e.to_string());
        let done = done.and_then(|()| std::fs::remove_file(self.vault.path(&segment)).map_err(|e| e.to_string()));
        if let Err(error) = done {
            tracing::error!(%segment, error, "a segment that should give way stays");
        }
    }
}
