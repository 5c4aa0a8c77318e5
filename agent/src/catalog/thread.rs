//! The thread that owns the catalog: opens it in the background, follows the recorders' logs, answers questions.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use farwatch_shared::id::SegmentId;
use farwatch_shared::time::{Span, WallMs};
use tokio::sync::{oneshot, watch};
use tracing::{error, info, warn};

use super::ages::{Ages, Day};
use super::block::{Entry, StreamKey};
use super::build::{Evidence, Repair, compare, follow, learn_clock};
use super::index::{DeletedByRecorder, Index, Totals};
use crate::ledger::agent::RecorderLine;
use crate::ledger::follow::Follower;
use crate::store::{Db, Opened, StoreError};
use crate::vault::{Standing, Vault, Volume};

/// Questions that wait. When full the asker is told busy.
const DEPTH: usize = 64;
const LOOK: Duration = Duration::from_secs(1);
const FLUSH_NS: i64 = 10_000_000_000;
/// sled takes three to five times as much memory as it is told.
const CACHE: u64 = 1 << 20;

/// Why a question has no answer.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum CatalogError {
    #[error("the catalog is not open yet; ask again in a moment")]
    NotOpen,
    #[error("the catalog is busy")]
    Busy,
}

/// What the catalog needs.
pub struct CatalogConfig {
    pub dir: PathBuf,
    pub vault: Vault,
    pub volume: Volume,
    pub recorder_ledgers: PathBuf,
    pub evidence: Evidence,
}

enum Request {
    Overlapping(StreamKey, Span, oneshot::Sender<Vec<Entry>>),
    Oldest(StreamKey, WallMs, usize, oneshot::Sender<Vec<Entry>>),
    Remove(Vec<(SegmentId, WallMs)>, oneshot::Sender<()>),
    Mark(SegmentId, WallMs, bool, oneshot::Sender<bool>),
    Lost(oneshot::Sender<Vec<(SegmentId, Span)>>),
    Told(Vec<SegmentId>, oneshot::Sender<()>),
    Ages(oneshot::Sender<Ages>),
    OfDay(StreamKey, Day, oneshot::Sender<Vec<Entry>>),
    Deleted(Option<Vec<RecorderLine>>, oneshot::Sender<Vec<DeletedByRecorder>>),
    Look,
    Stop(oneshot::Sender<()>),
}

/// Figures of every stream.
pub type AllTotals = BTreeMap<StreamKey, Totals>;

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Catalog {
    requests: SyncSender<Request>,
    totals: watch::Receiver<Option<AllTotals>>,
}

impl Catalog {
    /// Figures of every stream, as they change; `None` until the catalog is open.
    #[must_use]
    pub fn totals(&self) -> watch::Receiver<Option<AllTotals>> {
        self.totals.clone()
    }

    /// The closed segments of a stream that overlap a range, in order of time. What the logs have is taken in first.
    ///
    /// # Errors
    /// When it is not open or busy.
    pub async fn overlapping(&self, stream: StreamKey, range: Span) -> Result<Vec<Entry>, CatalogError> {
        self.ask(|answer| Request::Overlapping(stream, range, answer)).await
    }

    /// The oldest segments of a stream from a time on.
    ///
    /// # Errors
    /// When it is not open or busy.
    pub async fn oldest(&self, stream: StreamKey, from: WallMs, most: usize) -> Result<Vec<Entry>, CatalogError> {
        self.ask(|answer| Request::Oldest(stream, from, most, answer)).await
    }

    /// What lies where, by age.
    ///
    /// # Errors
    /// When it is not open or busy.
    pub async fn ages(&self) -> Result<Ages, CatalogError> {
        self.ask(Request::Ages).await
    }

    /// The segments of a stream that became safe on a day of the line of evidence, oldest first.
    ///
    /// # Errors
    /// When it is not open or busy.
    pub async fn of_day(&self, stream: StreamKey, day: Day) -> Result<Vec<Entry>, CatalogError> {
        self.ask(|answer| Request::OfDay(stream, day, answer)).await
    }

    /// What recorders deleted by themselves and nobody has told of yet.
    ///
    /// # Errors
    /// When it is not open or busy.
    pub async fn deleted_by_recorders(&self) -> Result<Vec<DeletedByRecorder>, CatalogError> {
        self.ask(|answer| Request::Deleted(None, answer)).await
    }

    /// The agent's log tells of these now.
    ///
    /// # Errors
    /// When it is not open or busy.
    pub async fn told_of(&self, lines: Vec<RecorderLine>) -> Result<(), CatalogError> {
        self.ask(|answer| Request::Deleted(Some(lines), answer)).await.map(|_| ())
    }

    /// Forgets segments whose files are gone.
    ///
    /// # Errors
    /// When it is not open or busy; a later comparison with the vault forgets them too.
    pub async fn remove(&self, gone: Vec<(SegmentId, WallMs)>) -> Result<(), CatalogError> {
        self.ask(|answer| Request::Remove(gone, answer)).await
    }

    /// Says of a segment that starts at a known time whether its bytes are those that were recorded; whether it is known.
    ///
    /// # Errors
    /// When it is not open or busy.
    pub async fn mark(&self, segment: SegmentId, start_ms: WallMs, damaged: bool) -> Result<bool, CatalogError> {
        self.ask(|answer| Request::Mark(segment, start_ms, damaged, answer)).await
    }

    /// Segments whose files were not there when the catalog was compared with the vault, and the time they covered.
    ///
    /// # Errors
    /// When it is not open or busy.
    pub async fn lost(&self) -> Result<Vec<(SegmentId, Span)>, CatalogError> {
        self.ask(Request::Lost).await
    }

    /// Those are told of, or went on purpose.
    ///
    /// # Errors
    /// When it is not open or busy; they are then named again.
    pub async fn told(&self, lost: Vec<SegmentId>) -> Result<(), CatalogError> {
        self.ask(|answer| Request::Told(lost, answer)).await
    }

    /// Says that a recorder's log grew.
    pub fn look(&self) {
        let _ = self.requests.try_send(Request::Look);
    }

    /// Closes in order.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        let requests = self.requests.clone();
        let sent = tokio::task::spawn_blocking(move || requests.send(Request::Stop(done))).await;
        if sent.is_ok_and(|s| s.is_ok()) {
            let _ = stopped.await;
        }
    }

    async fn ask<A>(&self, make: impl FnOnce(oneshot::Sender<A>) -> Request) -> Result<A, CatalogError> {
        let (answer, got) = oneshot::channel();
        self.requests.try_send(make(answer)).map_err(|error| match error {
            TrySendError::Full(_) => CatalogError::Busy,
            TrySendError::Disconnected(_) => CatalogError::NotOpen,
        })?;
        got.await.map_err(|_| CatalogError::NotOpen)
    }
}

/// Starts the thread; opening, which reads the whole database once, happens on it.
///
/// # Errors
/// When the system gives no thread.
pub fn start(config: CatalogConfig) -> std::io::Result<Catalog> {
    let (requests, queue) = sync_channel(DEPTH);
    let (totals_in, totals) = watch::channel(None);
    std::thread::Builder::new()
        .name("catalog".into())
        .stack_size(512 << 10)
        .spawn(move || live(&config, &queue, &totals_in))?;
    Ok(Catalog { requests, totals })
}

fn live(config: &CatalogConfig, requests: &Receiver<Request>, totals: &watch::Sender<Option<AllTotals>>) {
    let mut told = false;
    loop {
        match open(config) {
            Ok(index) => match run(config, index, requests, totals) {
                Ok(()) => return,
                Err(error) => error!(%error, "the catalog failed; it is opened again"),
            },
            Err(error) if !told => {
                error!(%error, "the catalog cannot be opened; recording goes on without it");
                told = true;
            }
            Err(_) => {}
        }
        match requests.recv_timeout(Duration::from_secs(5)) {
            Ok(Request::Stop(_)) | Err(RecvTimeoutError::Disconnected) => return,
            _ => {}
        }
    }
}

fn open(config: &CatalogConfig) -> Result<Index, StoreError> {
    let (db, how) = Db::open(&config.dir, CACHE, &config.evidence.clock)?;
    let (mut index, damaged) = Index::load(db)?;
    if let Opened::MovedAside { to, why } = &how {
        warn!(to = %to.display(), %why, "the catalog was damaged; it is rebuilt from the logs and the vault");
    }
    learn_clock(&mut index, &config.recorder_ledgers);
    let mut follower = Follower::new(config.recorder_ledgers.clone());
    follow(&mut index, &mut follower, &config.evidence)?;
    if how != Opened::Clean || !damaged.is_empty() {
        // Compared with the disk below the missing one, all footage would be forgotten.
        let standing = config.volume.look();
        if standing == Standing::Gone {
            let source = std::io::Error::new(std::io::ErrorKind::NotFound, standing.words());
            return Err(StoreError::Unusable { path: config.vault.root().into(), source });
        }
        compare(&mut index, &config.vault)?;
        index.flush()?;
    }
    let segments: u64 = index.totals().values().map(|t| t.segments).sum();
    info!(?how, segments, "catalog open");
    Ok(index)
}

fn run(
    config: &CatalogConfig,
    mut index: Index,
    requests: &Receiver<Request>,
    totals: &watch::Sender<Option<AllTotals>>,
) -> Result<(), StoreError> {
    let mut follower = Follower::new(config.recorder_ledgers.clone());
    let mut flushed = config.evidence.clock.boot();
    totals.send_replace(Some(index.totals().clone()));
    loop {
        let request = requests.recv_timeout(LOOK);
        let mut changed = follow(&mut index, &mut follower, &config.evidence)?;
        match request {
            Ok(Request::Overlapping(stream, range, answer)) => {
                let _ = answer.send(index.overlapping(stream, range)?);
            }
            Ok(Request::Oldest(stream, from, most, answer)) => {
                let _ = answer.send(index.oldest(stream, from, most)?);
            }
            Ok(Request::Remove(gone, answer)) => {
                for (segment, start_ms) in gone {
                    index.remove(&segment, start_ms)?;
                }
                let _ = answer.send(());
                changed = true;
            }
            Ok(Request::Mark(segment, start_ms, damaged, answer)) => {
                let _ = answer.send(index.mark(&segment, start_ms, damaged)?);
            }
            Ok(Request::Lost(answer)) => {
                let _ = answer.send(index.meta.lost.clone());
            }
            Ok(Request::Told(lost, answer)) => {
                index.meta.lost.retain(|(segment, _)| !lost.contains(segment));
                let _ = answer.send(());
            }
            Ok(Request::Ages(answer)) => {
                let _ = answer.send(index.ages().clone());
            }
            Ok(Request::OfDay(stream, day, answer)) => {
                let _ = answer.send(index.of_day(stream, day)?);
            }
            Ok(Request::Deleted(told, answer)) => {
                if let Some(told) = told {
                    index.meta.deleted.retain(|d| !told.contains(&d.line));
                }
                let _ = answer.send(index.meta.deleted.clone());
            }
            Ok(Request::Look) | Err(RecvTimeoutError::Timeout) => {}
            Ok(Request::Stop(done)) => {
                let closed = index.close();
                let _ = done.send(());
                return closed;
            }
            Err(RecvTimeoutError::Disconnected) => return index.close(),
        }
        if changed {
            totals.send_replace(Some(index.totals().clone()));
        }
        let now = config.evidence.clock.boot();
        if now.since(flushed) >= FLUSH_NS {
            index.flush()?;
            flushed = now;
        }
    }
}

/// Rebuilds the catalog from nothing, while no agent runs. The old one is removed only after the new one stands.
///
/// # Errors
/// When the database cannot be made.
pub fn reindex(config: &CatalogConfig) -> Result<Repair, StoreError> {
    let fresh = config.dir.with_extension("new");
    let unusable = |source| StoreError::Unusable { path: config.dir.clone(), source };
    if fresh.exists() {
        std::fs::remove_dir_all(&fresh).map_err(unusable)?;
    }
    let (db, _) = Db::open(&fresh, CACHE, &config.evidence.clock)?;
    let (mut index, _) = Index::load(db)?;
    learn_clock(&mut index, &config.recorder_ledgers);
    follow(&mut index, &mut Follower::new(config.recorder_ledgers.clone()), &config.evidence)?;
    let repair = compare(&mut index, &config.vault)?;
    index.close()?;
    if config.dir.exists() {
        std::fs::remove_dir_all(&config.dir).map_err(unusable)?;
    }
    std::fs::rename(&fresh, &config.dir).map_err(unusable)?;
    Ok(repair)
}
