//! Watches the vault's disk: stops the writing when it is the wrong one or full to the last line; and for a silent agent lets
//! footage go by the plan's rule when free space falls under the hard floor.

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
use crate::record::clocks;
use crate::record::gate::Gate;
use crate::retention::{Lines, free_space};
use crate::vault::{Standing, Vault, VaultError, Volume};

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
    pub gate: Gate,
    pub volume: Volume,
}

impl Guard {
    /// Shuts the gate when footage would go to the wrong disk, or to one that is full to its last line; opens it again
    /// when that is over. Says whether something may be deleted here.
    pub fn look_at_disk(&self, lines: Lines) -> Option<ByteSize> {
        let standing = self.volume.look();
        if standing == Standing::Gone {
            if self.gate.shut(standing.words()) {
                tracing::error!("{}", standing.words());
            }
            return None;
        }
        let free = free_space(self.vault.root())?;
        if free < lines.stop() {
            if self.gate.shut("the disk is full to the line where recording stops") {
                tracing::error!(%free, stop = %lines.stop(), "the disk is full: recording stops");
            }
        } else if (free >= lines.hard_floor || !self.is_full()) && self.gate.open() {
            tracing::info!(%free, "footage may be written again");
        }
        (standing == Standing::Right).then_some(free)
    }

    /// Whether the gate is shut for want of room, and not of a disk.
    fn is_full(&self) -> bool {
        self.gate.why_shut().is_some_and(|why| why != Standing::Gone.words())
    }

    pub fn look(&mut self) {
        let now = self.clock.boot();
        let rule = self.rule.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let lines = rule.disk.lines;
        let free = self.look_at_disk(lines);
        if self.wakeups.heard() {
            self.heard_at = now;
        }
        let Some(free) = free else { return };
        // An agent that listens and lets the disk fill all the same cannot delete; at the last line nobody waits for it.
        let is_silent = now.since(self.heard_at) >= SILENT_NS;
        if free >= lines.hard_floor || !is_silent && free >= lines.stop() {
            return;
        }
        let need = ByteSize(lines.relieved().0.saturating_sub(free.0));
        match self.candidates() {
            Ok(candidates) => {
                let chosen = give_way::choose(&candidates, &rule.disk, &rule.floors, self.clock.wall(), need);
                tracing::warn!(
                    %free,
                    hard_floor = %lines.hard_floor,
                    files = chosen.len(),
                    "the disk is full and the agent does nothing: footage gives way"
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
        let entry = RecorderEntry::Deleted {
            segment,
            bytes,
            span,
            why: DeletedWhy::HardFloor,
            at: Some(clocks::now(&self.clock)),
        };
        let done = self.book.write_synced(&entry).map_err(|e| e.to_string());
        let done = done.and_then(|()| std::fs::remove_file(self.vault.path(&segment)).map_err(|e| e.to_string()));
        if let Err(error) = done {
            tracing::error!(%segment, error, "a segment that should give way stays");
        }
    }
}
