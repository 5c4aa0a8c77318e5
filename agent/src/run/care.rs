//! Starts what looks after the disk, the footage on it, and the clock.

use farwatch_shared::wire::latest::DiskWear;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::Base;
use crate::health::{watch_clock, watch_wear};
use crate::ledger::prune::{PruneConfig, prune};
use crate::media::worker::Launch;
use crate::reconcile::RecorderView;
use crate::scrub::{Progress, ScrubConfig, pictures, scrub};

/// Longest that a file may be missing before its line in a log is, generously.
const SETTLE: std::time::Duration = std::time::Duration::from_secs(60);

/// What it says.
pub struct Care {
    pub scrub: watch::Receiver<Progress>,
    pub wear: watch::Receiver<Option<DiskWear>>,
}

pub fn start_care(
    base: &Base,
    recorder: &watch::Receiver<RecorderView>,
    tasks: &mut JoinSet<()>,
    stop: &CancellationToken,
) -> Care {
    let config = ScrubConfig {
        vault: base.vault.clone(),
        volume: base.volume(),
        catalog: base.catalog.clone(),
        faults: base.faults.clone(),
        trusted: base.trusted.clone(),
        clock: base.clock.clone(),
        recorder: recorder.clone(),
        agent_ledger: base.home.agent_ledger(),
        recorder_ledgers: base.home.recorder_ledgers(),
        progress: base.home.scrub(),
        judged: base.home.judged(),
        launch: Launch::this_program(),
        pace: crate::scrub::pace::Pace::default(),
        settle: SETTLE,
    };
    let (progress, said) = watch::channel(Progress::default());
    tasks.spawn(pictures(config.clone(), stop.clone()));
    tasks.spawn(scrub(config, progress, stop.clone()));
    let (wear_in, wear) = watch::channel(None);
    tasks.spawn(watch_wear(base.home.vault(), base.faults.clone(), wear_in, stop.clone()));
    tasks.spawn(watch_clock(base.clock.clone(), base.trusted.clone(), base.faults.clone(), stop.clone()));
    let pruning = PruneConfig {
        ledger: base.ledger.clone(),
        recorder_ledgers: base.home.recorder_ledgers(),
        vault: base.vault.clone(),
        trusted: base.trusted.clone(),
        seen: base.home.rested_logs(),
    };
    tasks.spawn(prune(pruning, stop.clone()));
    Care { scrub: said, wear }
}
