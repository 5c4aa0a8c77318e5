//! The task that keeps a session with one of the hubs, and the handle others publish through.

use std::future::Future;
use std::sync::Arc;

use farwatch_shared::id::AgentId;
use farwatch_shared::keys::random32;
use farwatch_shared::time::{Clock, WallMs};
use farwatch_shared::wire::latest::HubAddress;
use rustls::ClientConfig;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::backoff::Backoff;
use super::message::{Down, Message, Priority, UplinkError};
use super::session::{self, Counters, Ended, Ports, Session, Start};

/// Messages on their way up. When full, [`Uplink::publish`] says busy and the owner tries again later.
const UP_DEPTH: usize = 64;

/// Whether the hub hears us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Line {
    Down { since_ms: WallMs },
    Up(Session),
}

impl Line {
    #[must_use]
    pub fn session(&self) -> Option<&Session> {
        match self {
            Self::Up(session) => Some(session),
            Self::Down { .. } => None,
        }
    }
}

/// Gives session numbers that only rise, each durable before it is used.
pub trait Numbers: Send + 'static {
    /// The next number, or `None` when it cannot be made durable; then no session may begin.
    fn next(&mut self) -> impl Future<Output = Option<u64>> + Send;
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Uplink {
    messages: mpsc::Sender<Message>,
    line: watch::Receiver<Line>,
    counters: Arc<Counters>,
}

impl Uplink {
    /// Takes a message if the line is up and there is room.
    ///
    /// # Errors
    /// When it is away or busy; the owner keeps the message.
    pub fn publish(&self, message: Message) -> Result<(), UplinkError> {
        if self.line.borrow().session().is_none() {
            return Err(UplinkError::Away);
        }
        self.messages.try_send(message).map_err(|_| UplinkError::Busy)
    }

    /// Whether the hub hears us, as it changes.
    #[must_use]
    pub fn line(&self) -> watch::Receiver<Line> {
        self.line.clone()
    }

    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }
}

/// What the uplink needs.
pub struct Settings<N> {
    pub agent: AgentId,
    pub clock: Clock,
    pub tls: watch::Receiver<Arc<ClientConfig>>,
    /// Where the hub may be; read anew for every attempt.
    pub hubs: watch::Receiver<Vec<HubAddress>>,
    pub numbers: N,
    pub boot_id: String,
    pub hostname: String,
    pub target: String,
}

/// Makes the handle and the future that keeps the line until stopped.
///
/// `down` receives what the hub says; when it is full the session ends, and the hub says it again in the next.
pub fn start<N: Numbers>(
    settings: Settings<N>,
    down: mpsc::Sender<Down>,
    stop: CancellationToken,
) -> (Uplink, impl Future<Output = ()> + Send) {
    let (messages_in, messages) = mpsc::channel(UP_DEPTH);
    let (line_in, line) = watch::channel(Line::Down { since_ms: settings.clock.wall() });
    let counters = Arc::new(Counters::default());
    let uplink = Uplink { messages: messages_in, line, counters: counters.clone() };
    let keeper = Keeper { settings, down, stop, messages, line: line_in, counters };
    (uplink, keeper.keep())
}

struct Keeper<N> {
    settings: Settings<N>,
    down: mpsc::Sender<Down>,
    stop: CancellationToken,
    messages: mpsc::Receiver<Message>,
    line: watch::Sender<Line>,
    counters: Arc<Counters>,
}

impl<N: Numbers> Keeper<N> {
    async fn keep(mut self) {
        let mut backoff = Backoff::default();
        let mut order: Vec<HubAddress> = Vec::new();
        while !self.stop.is_cancelled() {
            let known = self.settings.hubs.borrow_and_update().clone();
            if order.is_empty() || order.iter().any(|a| !known.contains(a)) {
                order = shuffled(known);
            }
            let ended = match order.pop() {
                Some(address) => self.session(address).await,
                None => Ended::Silent,
            };
            let was_up = self.line.borrow().session().is_some();
            if was_up {
                backoff.succeeded();
                self.line.send_replace(Line::Down { since_ms: self.settings.clock.wall() });
            }
            self.drop_stale();
            match ended {
                Ended::Stopped => return,
                Ended::Renewed => {
                    info!("reconnecting with the renewed certificate");
                    continue;
                }
                other if was_up => warn!(reason = %other, "the line to the hub is down"),
                other => info!(reason = %other, "the hub cannot be reached"),
            }
            let wait = backoff.failed(random());
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    async fn session(&mut self, address: HubAddress) -> Ended {
        let Ok(nonce) = random32() else { return Ended::Silent };
        let Some(number) = self.settings.numbers.next().await else {
            warn!("the session number cannot be written down, so no session begins; see to the disk");
            return Ended::Silent;
        };
        let tls = self.settings.tls.borrow_and_update().clone();
        let start = Start {
            agent: self.settings.agent,
            address,
            tls,
            session: Session { number, nonce: hex::encode(nonce), since_ms: self.settings.clock.wall() },
            boot_id: self.settings.boot_id.clone(),
            hostname: self.settings.hostname.clone(),
            target: self.settings.target.clone(),
            clock: self.settings.clock.clone(),
        };
        let mut held = None;
        let ports = Ports {
            messages: &mut self.messages,
            held: &mut held,
            down: &self.down,
            line: &self.line,
            renewed: &mut self.settings.tls,
            stop: &self.stop,
            counters: &self.counters,
        };
        session::run(&start, ports).await
    }

    /// What was queued for the session that ended is sent again by its owners, fresh.
    fn drop_stale(&mut self) {
        while self.messages.try_recv().is_ok() {}
    }
}

/// A number nobody can guess; constant when the system has no randomness, which only costs spreading.
fn random() -> u64 {
    random32().map_or(0, |bytes| u64::from_le_bytes(bytes[..8].try_into().unwrap_or_default()))
}

/// The addresses in random order, each once.
fn shuffled(mut addresses: Vec<HubAddress>) -> Vec<HubAddress> {
    for end in (1..addresses.len()).rev() {
        let bound = u64::try_from(end + 1).unwrap_or(1);
        let pick = usize::try_from(random() % bound).unwrap_or(0);
        addresses.swap(end, pick);
    }
    addresses.dedup();
    addresses
}

impl Uplink {
    /// [`Message::new`] and [`Uplink::publish`] in one.
    ///
    /// # Errors
    /// As both.
    pub fn say<T: serde::Serialize>(
        &self,
        topic: farwatch_shared::topic::Up,
        body: &T,
        priority: Priority,
    ) -> Result<(), UplinkError> {
        self.publish(Message::new(topic, body, priority)?)
    }
}
