//! What goes into a checkpoint: heads of the chains that grew, and how far the logs had come (pure).

use std::collections::BTreeMap;

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::{ChainHead, Checkpoint, LogHead, MAX_HEADS};
use farwatch_shared::id::{AgentId, CameraId, RecorderId, RunId, StreamName};
use farwatch_shared::time::{BootNs, ClockState, WallMs};

use super::entry::Closed;
use super::follow::Cursors;
use super::log::Position;
use super::proved::Last;

/// Most logs in one checkpoint, so that it fits a packet.
const MAX_LOGS: usize = 64;

/// Newest closed segment of every run that grew since the checkpoint before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrownHeads(BTreeMap<(CameraId, StreamName, RunId), ChainHead>);

impl GrownHeads {
    pub fn closed(&mut self, closed: &Closed) {
        let id = closed.segment;
        let run = (id.camera, id.stream, id.run);
        if self.0.get(&run).is_some_and(|known| known.last_sequence > id.sequence) {
            return;
        }
        let head = ChainHead {
            camera: id.camera,
            stream: id.stream,
            run: id.run,
            last_sequence: id.sequence,
            end_ms: closed.end.wall_ms,
            head: closed.digest,
        };
        self.0.insert(run, head);
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The moment of a checkpoint.
#[derive(Debug, Clone)]
pub struct Instant {
    pub wall_ms: WallMs,
    pub boot_ns: BootNs,
    pub boot_id: String,
    pub clock: ClockState,
    pub clock_error_us: Option<i64>,
}

/// A checkpoint to be signed, and how far it covers the recorders' logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    pub checkpoint: Checkpoint,
    pub covered: BTreeMap<RecorderId, u64>,
}

/// One checkpoint, or as many as all that grew needs; all but the digest of the one before is filled in.
#[must_use]
pub fn make(
    agent: AgentId,
    last: Last,
    heads: &GrownHeads,
    (read, covered): (&Cursors, &BTreeMap<RecorderId, u64>),
    own: Position,
    now: &Instant,
) -> Vec<Made> {
    let grown: Vec<(RecorderId, Position)> = read
        .iter()
        .filter(|(log, at)| covered.get(log).copied().unwrap_or(0) < at.index)
        .map(|(log, at)| (*log, *at))
        .collect();
    let heads: Vec<ChainHead> = heads.0.values().cloned().collect();
    let count = heads.len().div_ceil(MAX_HEADS).max(grown.len().div_ceil(MAX_LOGS)).max(1);
    let mut heads = heads.chunks(MAX_HEADS);
    let mut grown = grown.chunks(MAX_LOGS);
    (0..count)
        .map(|n| {
            let logs = grown.next().unwrap_or_default();
            let named = logs.iter().map(|(log, at)| (format!("recorder/{log}"), *at));
            let checkpoint = Checkpoint {
                agent,
                number: last.number + 1 + n as u64,
                issued_at_ms: now.wall_ms,
                boot_id: now.boot_id.clone(),
                boot_ns: now.boot_ns,
                clock: now.clock,
                clock_error_us: now.clock_error_us,
                previous: Digest::ZERO,
                heads: heads.next().unwrap_or_default().to_vec(),
                logs: std::iter::once(("agent".to_owned(), own))
                    .chain(named)
                    .map(|(log, at)| LogHead { log, entries: at.index, chain: at.chain })
                    .collect(),
                crit: Vec::new(),
            };
            Made { checkpoint, covered: logs.iter().map(|(log, at)| (*log, at.index)).collect() }
        })
        .collect()
}
