//! Carries the plan out: every minute and on new desired state, never for a clock that only jumped.
//!
//! A deletion is a line in the ledger before the file goes; a file that is gone already is no error.

use std::collections::BTreeMap;
use std::time::Duration;

use farwatch_shared::evidence::DeletedWhy;
use farwatch_shared::evidence::entry::GoneSegment;
use farwatch_shared::id::{CameraId, SegmentId};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::BreachFact;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::plan::{Candidate, Deletion, Hold, Now, Outcome, Rule, Space, Why, is_held, plan};
use crate::catalog::{Catalog, Entry, StreamKey};
use crate::enrol::TrustedTime;
use crate::ledger::agent::{AgentBody, AgentLedger};
use crate::vault::Vault;

const EVERY: Duration = Duration::from_secs(60);
/// Oldest segments of each stream that are looked at in one go; the next go follows at once while there is work.
const WINDOW: usize = 240;
/// Segments of one ledger line.
const LINE: usize = 500;
/// A breach that lasts is told again this often.
const BREACH_AGAIN_MS: i64 = 24 * 3_600_000;

/// What the desired state says about keeping.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    pub rules: BTreeMap<CameraId, Rule>,
    pub holds: Vec<Hold>,
    /// `None` until there is a desired state: then nothing is deleted.
    pub min_free: Option<ByteSize>,
}

/// What the sweep needs.
pub struct SweepConfig {
    pub vault: Vault,
    pub catalog: Catalog,
    pub ledger: AgentLedger,
    pub trusted: TrustedTime,
    pub wanted: watch::Receiver<Wanted>,
    /// Footage on its way to the hub may not go meanwhile.
    pub busy: watch::Receiver<Vec<Hold>>,
}

/// Runs until stopped.
pub async fn sweep(mut config: SweepConfig, stop: CancellationToken) {
    let mut breach_told: Option<WallMs> = None;
    loop {
        let wanted = config.wanted.borrow_and_update().clone();
        if let Some(min_free) = wanted.min_free {
            while !stop.is_cancelled() && once(&config, &wanted, min_free, &mut breach_told).await {}
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = config.wanted.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// One pass; says whether another should follow at once.
async fn once(config: &SweepConfig, wanted: &Wanted, min_free: ByteSize, breach_told: &mut Option<WallMs>) -> bool {
    let Some(free) = free_space(config.vault.root()) else { return false };
    let mut holds = wanted.holds.clone();
    holds.extend(config.busy.borrow().iter().copied());
    let Some((candidates, is_cut)) = candidates(config, &holds).await else { return false };
    let now = Now { trusted: config.trusted.now(), clock: config.trusted.clock_state() };
    let space = Space { free, min_free };
    let outcome = plan(&candidates, &wanted.rules, &holds, space, now);
    if outcome.missing.0 > 0 && !is_cut {
        tell_breach(config, &outcome, &candidates, now.trusted, breach_told).await;
    } else if outcome.missing.0 == 0 {
        *breach_told = None;
    }
    if outcome.deletions.is_empty() {
        return false;
    }
    carry_out(config, &outcome.deletions).await && is_cut
}

fn free_space(root: &std::path::Path) -> Option<ByteSize> {
    match rustix::fs::statvfs(root) {
        Ok(stat) => Some(ByteSize(stat.f_bavail.saturating_mul(stat.f_frsize))),
        Err(error) => {
            debug!(%error, "the vault's file system cannot be asked; nothing is deleted");
            None
        }
    }
}

/// The oldest unheld segments of every stream; and whether there are more behind them.
async fn candidates(config: &SweepConfig, holds: &[Hold]) -> Option<(Vec<Candidate>, bool)> {
    let streams: Vec<StreamKey> = config.catalog.totals().borrow().as_ref()?.keys().copied().collect();
    let mut candidates = Vec::new();
    let mut is_cut = false;
    for stream in streams {
        let mut from = WallMs(i64::MIN);
        let mut of_stream = Vec::new();
        while of_stream.len() < WINDOW {
            let entries = config.catalog.oldest(stream, from, WINDOW).await.ok()?;
            let Some(last) = entries.last() else { break };
            from = last.span.start_ms.plus_ms(1);
            of_stream.extend(entries.iter().filter(|e| !is_held(holds, stream.camera, &e.span)).map(candidate));
        }
        is_cut |= of_stream.len() >= WINDOW;
        candidates.extend(of_stream);
    }
    Some((candidates, is_cut))
}

fn candidate(entry: &Entry) -> Candidate {
    Candidate {
        segment: entry.segment,
        span: entry.span,
        aged_from: entry.aged_from(),
        bytes: entry.bytes,
        digest: entry.digest,
    }
}

/// Says in the ledger what goes, removes it, and has the catalog forget it.
async fn carry_out(config: &SweepConfig, deletions: &[Deletion]) -> bool {
    // A line is of one stream and one reason, as the certificate is that is made of it.
    let mut ordered = deletions.to_vec();
    ordered.sort_by_key(|d| (d.segment.camera, d.segment.stream, d.why, d.span.start_ms));
    let kind = |d: &Deletion| (d.segment.camera, d.segment.stream, d.why);
    for chunk in ordered.chunk_by(|a, b| kind(a) == kind(b)).flat_map(|kind| kind.chunks(LINE)) {
        let gone = |d: &Deletion| GoneSegment { segment: d.segment, digest: d.digest, span: d.span, bytes: d.bytes };
        let segments: Vec<GoneSegment> = chunk.iter().map(gone).collect();
        let bytes = ByteSize(chunk.iter().map(|d| d.bytes.0).sum());
        let why = match chunk.first().map(|d| d.why) {
            Some(Why::Ceiling) => DeletedWhy::Ceiling,
            _ => DeletedWhy::Space,
        };
        let line = AgentBody::Deleting { why, segments, by: None };
        if let Err(error) = config.ledger.append(line).await {
            // On a full disk the line has no room either; room comes first, since only old, unheld footage goes.
            warn!(%error, "deletions cannot be written down");
        }
        let vault = config.vault.clone();
        let chunk = chunk.to_vec();
        let gone = tokio::task::spawn_blocking(move || remove(&vault, &chunk)).await.unwrap_or_default();
        if gone.is_empty() {
            return false;
        }
        info!(segments = gone.len(), %bytes, ?why, "footage deleted by retention");
        if config.catalog.remove(gone).await.is_err() {
            warn!("the catalog could not forget deleted footage now; it will when it is compared with the vault");
            return false;
        }
    }
    true
}

/// Removes files and the directories they leave empty.
fn remove(vault: &Vault, deletions: &[Deletion]) -> Vec<(SegmentId, WallMs)> {
    let mut gone = Vec::new();
    for deletion in deletions {
        let path = vault.path(&deletion.segment);
        match std::fs::remove_file(&path) {
            Ok(()) => {}
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => {
                warn!(path = %path.display(), %error, "a segment cannot be deleted");
                continue;
            }
        }
        gone.push((deletion.segment, deletion.span.start_ms));
        // Only an empty directory lets itself be removed.
        if let Some(run) = path.parent() {
            let _ = std::fs::remove_dir(run);
        }
    }
    gone
}

/// The disk cannot keep the promise: said once, and once a day while it lasts.
async fn tell_breach(
    config: &SweepConfig,
    outcome: &Outcome,
    candidates: &[Candidate],
    now: WallMs,
    told: &mut Option<WallMs>,
) {
    if told.is_some_and(|at| now.since(at) < BREACH_AGAIN_MS) {
        return;
    }
    let Some(oldest) = candidates.iter().min_by_key(|c| c.aged_from) else { return };
    let fact = BreachFact {
        camera: oldest.segment.camera,
        stream: oldest.segment.stream,
        start_ms: oldest.span.start_ms,
        end_ms: oldest.span.end_ms,
        bytes: outcome.missing,
        detail: format!(
            "{} are missing for the free space the policy asks for, and no footage is old enough to go; \
             recording stops when the disk is full: give this box a larger disk or a shorter floor",
            outcome.missing
        ),
    };
    warn!(missing = %outcome.missing, "the retention policy cannot be kept on this disk");
    match config.ledger.append(AgentBody::Breach { fact }).await {
        Ok(()) => *told = Some(now),
        Err(error) => warn!(%error, "the breach cannot be written down"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::digest::Digest;
    use farwatch_shared::id::{RunId, StreamName};
    use farwatch_shared::time::Span;

    #[test]
    fn a_removed_run_leaves_no_directory_and_a_missing_file_is_no_error() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::new(dir.path());
        let segment = |sequence| SegmentId {
            camera: "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap(),
            stream: StreamName::Main,
            run: RunId { boot: 1, counter: 1 },
            sequence,
        };
        let path = vault.path(&segment(0));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, b"x").unwrap();
        let span = Span { start_ms: WallMs(0), end_ms: WallMs(1) };
        let deletion =
            |n| Deletion { segment: segment(n), span, bytes: ByteSize(1), digest: Digest::ZERO, why: Why::Ceiling };
        let gone = remove(&vault, &[deletion(0), deletion(1)]);
        assert_eq!(gone, [(segment(0), WallMs(0)), (segment(1), WallMs(0))]);
        assert!(!path.parent().unwrap().exists());
    }
}
