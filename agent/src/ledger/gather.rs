//! The task that gathers closings into chain heads and writes those into the agent's log.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use farwatch_shared::id::RecorderId;
use farwatch_shared::time::Clock;
use farwatch_shared::wire::latest::ChainHeadFact;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::agent::{AgentBody, AgentLedger};
use super::entry::RecorderEntry;
use super::follow::{Cursors, Followed, Follower};
use super::heads::Heads;
use super::log::Position;

/// Entries read in one go.
const READ: usize = 200;
const LOOK: Duration = Duration::from_secs(1);

/// Runs until stopped; then what is gathered is written down too, so that the hub's picture is complete.
///
/// `nudge` changes when a recorder's log grew.
pub async fn gather(
    ledger: AgentLedger,
    recorder_ledgers: PathBuf,
    clock: Clock,
    mut nudge: watch::Receiver<u64>,
    stop: CancellationToken,
) {
    let (covered, mut cursors): (_, Cursors) = ledger.state(|s| (s.heads.clone(), s.resume.clone()));
    let mut heads = Heads::new(covered);
    let mut follower = Follower::new(recorder_ledgers);
    loop {
        let mut done = Vec::new();
        loop {
            let entries = follower.read(&mut cursors, READ);
            entries.iter().for_each(|followed| take_in(&mut heads, followed, &mut done));
            if entries.len() < READ {
                break;
            }
        }
        done.extend(heads.due(clock.wall()));
        let stopping = stop.is_cancelled();
        if stopping {
            done.extend(heads.all());
        }
        if !write(&ledger, &heads, &cursors, done).await {
            // Nothing may be skipped: start over from what the ledger has, once the disk takes it again.
            let (covered, again) = ledger.state(|s| (s.heads.clone(), s.resume.clone()));
            (heads, cursors) = (Heads::new(covered), again);
            follower.forget();
            tokio::time::sleep(Duration::from_secs(5)).await;
        }
        if stopping {
            return;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            changed = nudge.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

fn take_in(heads: &mut Heads, followed: &Followed, done: &mut Vec<(RecorderId, ChainHeadFact)>) {
    match &followed.entry {
        RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => {
            done.extend(heads.closed(followed.log, followed.at, closed));
        }
        RecorderEntry::Gap(gap) => done.extend(heads.ended(gap.camera, gap.stream)),
        RecorderEntry::SwitchedOff { camera, stream, .. } => done.extend(heads.ended(*camera, *stream)),
        RecorderEntry::CleanStop { .. } => done.extend(heads.all()),
        RecorderEntry::Started { .. }
        | RecorderEntry::Settled { .. }
        | RecorderEntry::Clock { .. }
        | RecorderEntry::RunOpened { .. }
        | RecorderEntry::Event { .. }
        | RecorderEntry::Deleted { .. } => {}
    }
}

/// Writes heads down; `false` when the disk refuses.
async fn write(
    ledger: &AgentLedger,
    heads: &Heads,
    cursors: &BTreeMap<RecorderId, Position>,
    done: Vec<(RecorderId, ChainHeadFact)>,
) -> bool {
    // While several are written, reading must begin again before the earliest that is not.
    let mut left = done.len();
    for (log, fact) in done {
        left -= 1;
        let read = cursors.get(&log).copied().unwrap_or_else(|| Position::start(&log.to_string()));
        let before = ledger.state(|s| s.resume.get(&log).copied());
        let resume = if left == 0 {
            heads.resume(log, read)
        } else {
            before.unwrap_or_else(|| Position::start(&log.to_string()))
        };
        if let Err(error) = ledger.append(AgentBody::Head { fact, log, resume }).await {
            warn!(%error, "a chain head cannot be written down");
            return false;
        }
    }
    true
}
