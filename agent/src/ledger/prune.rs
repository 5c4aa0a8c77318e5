//! Lets go of recorders' logs that speak of nothing any more, so that years of recording leave no years of logs.
//!
//! A log goes when every segment in it has gone (retention named each with its digest in the agent's own log), and a month
//! and a half have passed since it last grew: then its gaps are in signed coverage statements, its facts at the hub, and
//! its end in signed checkpoints. That it goes, and where it ended, is a line of the agent's log before it does, so that
//! whoever verifies knows that nobody took it away. The two newest logs always stay: the next recorder reads them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use farwatch_shared::evidence::LogHead;
use farwatch_shared::evidence::entry::RecorderEntry;
use farwatch_shared::id::RecorderId;
use farwatch_shared::time::{DAY_MS, WallMs};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::agent::{AgentBody, AgentLedger};
use super::follow::logs;
use super::log::{LogError, LogReader};
use crate::enrol::TrustedTime;
use crate::store::replace_json;
use crate::vault::Vault;

/// How long a log stays after it last grew. Statements are made within days, and an outbox that is full has had its
/// fortnight several times.
const KEEP_MS: i64 = 45 * DAY_MS;
/// Logs that stay in any case.
const NEWEST: usize = 2;
const LOOK: Duration = Duration::from_secs(6 * 3_600);

/// What pruning needs.
pub struct PruneConfig {
    pub ledger: AgentLedger,
    pub recorder_ledgers: PathBuf,
    pub vault: Vault,
    pub trusted: TrustedTime,
    /// A file that may be lost: then the waiting begins anew.
    pub seen: PathBuf,
}

/// Size of each log, and since when (in trusted time, which no stepped clock moves) it has been so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen(BTreeMap<RecorderId, (u64, WallMs)>);

impl Seen {
    /// Takes in what there is now; gives the logs that may be looked into, oldest first.
    pub fn look(&mut self, sizes: &[(RecorderId, u64)], now: WallMs) -> Vec<RecorderId> {
        self.0.retain(|log, _| sizes.iter().any(|(there, _)| there == log));
        for (log, size) in sizes {
            let seen = self.0.entry(*log).or_insert((*size, now));
            if seen.0 != *size {
                *seen = (*size, now);
            }
        }
        let mut rested: Vec<RecorderId> = sizes.iter().map(|(log, _)| *log).collect();
        rested.sort_unstable();
        rested.truncate(rested.len().saturating_sub(NEWEST));
        rested.retain(|log| self.0.get(log).is_some_and(|(_, since)| now.since(*since) >= KEEP_MS));
        rested
    }
}

/// Looks now and then, until stopped.
pub async fn prune(config: PruneConfig, stop: CancellationToken) {
    let mut seen: Seen =
        std::fs::read(&config.seen).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    loop {
        once(&config, &mut seen).await;
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}

/// One look; gives how many logs went.
pub async fn once(config: &PruneConfig, seen: &mut Seen) -> usize {
    let there = logs(&config.recorder_ledgers);
    let sizes: Vec<(RecorderId, u64)> =
        there.iter().filter_map(|(log, path)| Some((*log, std::fs::metadata(path).ok()?.len()))).collect();
    let rested = seen.look(&sizes, config.trusted.now());
    if let Err(error) = replace_json(&config.seen, seen) {
        debug!(%error, "how long logs have rested cannot be kept");
    }
    let mut gone = 0;
    for (log, path) in there.into_iter().filter(|(log, _)| rested.contains(log)) {
        let (vault, examined) = (config.vault.clone(), path.clone());
        let name = format!("recorder/{log}");
        let end = match tokio::task::spawn_blocking(move || spoken_for(&examined, &vault, name)).await {
            Ok(Ok(Some(end))) => end,
            Ok(Ok(None)) => continue,
            // An altered log is evidence of that, and stays.
            Ok(Err(error)) => {
                debug!(%log, %error, "a log that cannot be read to its end stays");
                continue;
            }
            Err(_) => return gone,
        };
        let entries = end.entries;
        if let Err(error) = config.ledger.append(AgentBody::LogGone { head: end }).await {
            warn!(%error, "an old log stays: that it goes cannot be written down");
            return gone;
        }
        match std::fs::remove_file(&path) {
            Ok(()) => {
                info!(%log, entries, "the log of a recorder whose footage is all gone was removed");
                gone += 1;
            }
            Err(error) => warn!(%log, %error, "an old log cannot be removed"),
        }
    }
    gone
}

/// Where the log ends, when no segment it tells of is left.
fn spoken_for(path: &Path, vault: &Vault, name: String) -> Result<Option<LogHead>, LogError> {
    let mut reader = LogReader::open(path, None)?;
    while let Some(entry) = reader.next_entry()? {
        let told: Option<RecorderEntry> = serde_json::from_slice(&entry.payload).ok();
        if let Some(RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. }) = told
            && vault.path(&closed.segment).exists()
        {
            return Ok(None);
        }
    }
    let end = reader.position();
    Ok(Some(LogHead { log: name, entries: end.index, chain: end.chain }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entry::Moment;
    use crate::ledger::log::LogWriter;
    use farwatch_shared::time::{BootNs, Clock, SimClock};

    fn ids() -> [RecorderId; 4] {
        let mut ids = [(); 4].map(|()| RecorderId::generate());
        ids.sort_unstable();
        ids
    }

    #[test]
    fn a_log_rests_before_it_may_go_and_the_newest_two_never_do() {
        let (ids, mut seen) = (ids(), Seen::default());
        let day = |n: i64| WallMs(1_800_000_000_000 + n * DAY_MS);
        let sizes = |second: u64| [(ids[0], 10), (ids[1], second), (ids[2], 10), (ids[3], 10)];
        assert!(seen.look(&sizes(10), day(0)).is_empty());
        assert!(seen.look(&sizes(11), day(20)).is_empty(), "it grew");
        assert_eq!(seen.look(&sizes(11), day(45)), [ids[0]]);
        assert_eq!(seen.look(&sizes(11), day(400)), [ids[0], ids[1]]);
        assert!(Seen::default().look(&sizes(11), day(400)).is_empty(), "lost, the waiting begins anew");
    }

    // EVD-01
    #[tokio::test]
    async fn a_log_without_footage_goes_and_the_agents_log_says_where_it_ended() {
        let dir = tempfile::tempdir().unwrap();
        let logs_dir = dir.path().join("logs");
        std::fs::create_dir_all(&logs_dir).unwrap();
        let at = Moment { boot_ns: BootNs(1), wall_ms: WallMs(1) };
        let ids = ids();
        let mut ends = Vec::new();
        for id in ids {
            let mut log = LogWriter::open(&logs_dir.join(format!("{id}.log")), |_| {}).unwrap();
            log.append(&RecorderEntry::CleanStop { boot_id: "b".into(), at }).unwrap();
            ends.push(log.position().chain);
        }
        let sim = SimClock::at(WallMs(1_800_000_000_000));
        let path = dir.path().join("agent.log");
        let config = PruneConfig {
            ledger: AgentLedger::open(path.clone(), Clock::real(), WallMs(0)).unwrap(),
            recorder_ledgers: logs_dir.clone(),
            vault: Vault::new(dir.path().join("vault")),
            trusted: TrustedTime::unpersisted(sim.clock()),
            seen: dir.path().join("seen.json"),
        };
        let mut seen = Seen::default();
        assert_eq!(once(&config, &mut seen).await, 0);
        sim.advance_ms(KEEP_MS);
        assert_eq!(once(&config, &mut seen).await, 2);
        assert_eq!(logs(&logs_dir).into_iter().map(|(id, _)| id).collect::<Vec<_>>(), ids[2..]);
        let mut told = Vec::new();
        LogWriter::open(&path, |entry| {
            let entry: super::super::agent::AgentEntry = serde_json::from_slice(&entry.payload).unwrap();
            if let AgentBody::LogGone { head } = entry.body {
                told.push((head.log, head.entries, head.chain));
            }
        })
        .unwrap();
        let expected: Vec<_> = (0..2).map(|n| (format!("recorder/{}", ids[n]), 1, ends[n])).collect();
        assert_eq!(told, expected);
    }
}
