//! The thread that owns the queue: reads the ledgers on, takes receipts, hands out batches.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use farwatch_shared::time::{BootNs, Clock};
use farwatch_shared::wire::latest::{FactBatch, FactClass, Received};
use tokio::sync::{oneshot, watch};
use tracing::{error, info, warn};

use super::derive::{Draft, of_agent, of_recorder};
use super::queue::{OutboxState, Queue};
use crate::ledger::agent::AgentEntry;
use crate::ledger::follow::Follower;
use crate::ledger::log::LogReader;
use crate::store::{Db, StoreError};

/// Requests that wait for the thread. When full, the asker waits (receipts, batches) or drops (health).
const DEPTH: usize = 64;
/// How often the ledgers are looked at without being told to.
const LOOK: Duration = Duration::from_millis(500);
/// Entries read in one go, so that a request never waits long.
const READ: usize = 500;
/// How often receipts become durable.
const SETTLE_NS: i64 = 10_000_000_000;
const CACHE: u64 = 1 << 20;

/// What the outbox needs.
pub struct OutboxConfig {
    pub dir: PathBuf,
    pub mark: PathBuf,
    pub recorder_ledgers: PathBuf,
    pub agent_ledger: PathBuf,
    pub bound: u64,
    pub clock: Clock,
}

enum Request {
    Push(Box<Draft>),
    Received(Received),
    Next { class: FactClass, after: u64, answer: oneshot::Sender<Option<FactBatch>> },
    Look,
    Stop { done: oneshot::Sender<()> },
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Outbox {
    requests: SyncSender<Request>,
    state: watch::Receiver<Option<OutboxState>>,
}

impl Outbox {
    /// As it is; `None` until the database is open.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<Option<OutboxState>> {
        self.state.clone()
    }

    /// A fact no ledger holds (health of time away). Dropped when the thread is busy.
    pub fn push(&self, draft: Draft) {
        let _ = self.requests.try_send(Request::Push(Box::new(draft)));
    }

    /// Says that a ledger grew.
    pub fn look(&self) {
        let _ = self.requests.try_send(Request::Look);
    }

    /// Takes a receipt; a lost one is said again by the hub.
    pub fn received(&self, received: Received) {
        let _ = self.requests.try_send(Request::Received(received));
    }

    /// The next facts of a class.
    pub async fn next(&self, class: FactClass, after: u64) -> Option<FactBatch> {
        let (answer, got) = oneshot::channel();
        self.requests.try_send(Request::Next { class, after, answer }).ok()?;
        got.await.ok().flatten()
    }

    /// Closes in order.
    pub async fn stop(&self) {
        let (done, stopped) = oneshot::channel();
        let requests = self.requests.clone();
        let sent = tokio::task::spawn_blocking(move || requests.send(Request::Stop { done })).await;
        if sent.is_ok_and(|s| s.is_ok()) {
            let _ = stopped.await;
        }
    }
}

/// Starts the thread. The database is opened on it, so that a large one delays nobody.
///
/// # Errors
/// When the system gives no thread.
pub fn start(config: OutboxConfig) -> std::io::Result<Outbox> {
    let (requests, queue) = sync_channel(DEPTH);
    let (state_in, state) = watch::channel(None);
    std::thread::Builder::new()
        .name("outbox".into())
        .stack_size(512 << 10)
        .spawn(move || live(&config, &queue, &state_in))?;
    Ok(Outbox { requests, state })
}

fn live(config: &OutboxConfig, requests: &Receiver<Request>, state: &watch::Sender<Option<OutboxState>>) {
    let mut told = false;
    loop {
        match open(config) {
            Ok(queue) => match run(config, queue, requests, state) {
                Ok(()) => return,
                Err(error) => error!(%error, "the outbox failed; it is opened again"),
            },
            Err(error) if !told => {
                error!(%error, "the outbox cannot be opened; no facts are sent until it can");
                told = true;
            }
            Err(_) => {}
        }
        // Requests are answered by dropping them until the disk has room again.
        match requests.recv_timeout(Duration::from_secs(5)) {
            Ok(Request::Stop { .. }) | Err(RecvTimeoutError::Disconnected) => return,
            _ => {}
        }
    }
}

fn open(config: &OutboxConfig) -> Result<Queue, StoreError> {
    let (db, how) = Db::open(&config.dir, CACHE, &config.clock)?;
    info!(?how, "outbox open");
    Queue::resume(db, config.mark.clone(), config.clock.clone(), config.bound)
}

fn run(
    config: &OutboxConfig,
    mut queue: Queue,
    requests: &Receiver<Request>,
    state: &watch::Sender<Option<OutboxState>>,
) -> Result<(), StoreError> {
    let mut ledgers =
        Ledgers { follower: Follower::new(config.recorder_ledgers.clone()), agent: config.agent_ledger.clone() };
    let mut settled = config.clock.boot();
    let mut looked = BootNs(i64::MIN);
    loop {
        let mut changed = false;
        let mut health = Vec::new();
        // The first request is waited for, the rest of what has come is taken with it.
        let mut wait = LOOK;
        loop {
            match requests.recv_timeout(wait) {
                Ok(Request::Stop { done }) => {
                    let closed = queue.close();
                    let _ = done.send(());
                    return closed;
                }
                Err(RecvTimeoutError::Disconnected) => return queue.close(),
                Ok(Request::Push(draft)) => health.push(*draft),
                Ok(Request::Received(received)) => {
                    queue.received(&received)?;
                    changed = true;
                }
                Ok(Request::Next { class, after, answer }) => {
                    let _ = answer.send(queue.batch(class, after)?);
                }
                Ok(Request::Look) => looked = BootNs(i64::MIN),
                Err(RecvTimeoutError::Timeout) => break,
            }
            wait = Duration::ZERO;
        }
        let now = config.clock.boot();
        // A queue full of what may not be dropped stops reading: the ledgers keep it.
        if !queue.is_full() && now.since(looked) >= 200_000_000 {
            looked = now;
            let mut reading = queue.reading().clone();
            let mut drafts = ledgers.read(&mut reading);
            drafts.append(&mut health);
            if !drafts.is_empty() {
                queue.push(drafts, reading)?;
                changed = true;
            }
        } else if !health.is_empty() {
            let reading = queue.reading().clone();
            queue.push(health, reading)?;
            changed = true;
        }
        if now.since(settled) >= SETTLE_NS {
            queue.settle()?;
            settled = now;
        }
        if changed || state.borrow().is_none() {
            state.send_replace(Some(queue.state()));
        }
    }
}

struct Ledgers {
    follower: Follower,
    agent: PathBuf,
}

impl Ledgers {
    /// Facts of what is new, and how far that is. Without facts the reading need not be kept: it is read again.
    fn read(&mut self, reading: &mut super::mark::Reading) -> Vec<Draft> {
        let mut drafts = Vec::new();
        loop {
            let entries = self.follower.read(&mut reading.recorders, READ);
            let more = entries.len() == READ;
            drafts.extend(entries.iter().filter_map(of_recorder));
            if !more || drafts.len() >= READ {
                break;
            }
        }
        match self.read_agent(reading) {
            Ok(mut own) => drafts.append(&mut own),
            Err(error) => warn!(%error, "the agent's log cannot be read for the hub"),
        }
        drafts
    }

    fn read_agent(&self, reading: &mut super::mark::Reading) -> Result<Vec<Draft>, crate::ledger::log::LogError> {
        let mut drafts = Vec::new();
        if !self.agent.exists() {
            return Ok(drafts);
        }
        let mut reader = LogReader::open(&self.agent, reading.agent)?;
        while drafts.len() < READ {
            let Some(entry) = reader.next_entry()? else { break };
            if let Ok(decoded) = serde_json::from_slice::<AgentEntry>(&entry.payload) {
                drafts.extend(of_agent(entry.index, &decoded));
            }
            reading.agent = Some(entry.next);
        }
        Ok(drafts)
    }
}
