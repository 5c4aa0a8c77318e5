//! Takes orders in, has two at a time carried out, and says how they go.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use farwatch_shared::id::OrderId;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::Signed;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Clock, Span, WallMs};
use farwatch_shared::topic::Up;
use farwatch_shared::wire::latest::{AccessFact, AccessOutcome, Order, OrderBody, OrderResult, OrderState, PullOrder};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::accept::{Context, Refused, accept};
use super::carry::{Carried, Carrier};
use super::open::{OpenPull, forget, load_all, save};
use super::upload::Shaper;
use crate::catalog::{Catalog, StreamKey};
use crate::config::Home;
use crate::enrol::{Door, Identity, TrustedTime};
use crate::ledger::agent::{AgentBody, AgentLedger};
use crate::ledger::log::LogError;
use crate::ledger::security::Security;
use crate::outbox::{Outbox, has_room};
use crate::reconcile::Applied;
use crate::retention::Hold;
use crate::uplink::{DownMessage, Priority, Uplink};
use crate::vault::Vault;

/// Uploads at a time; the others wait their turn.
const AT_ONCE: usize = 2;
/// Orders open at a time; more are refused.
const MOST_OPEN: usize = 64;
/// Results are said again in a new session for this long.
const REMEMBER_MS: i64 = 3_600_000;

/// What the desk needs.
pub struct DeskConfig {
    pub home: Home,
    pub vault: Vault,
    pub catalog: Catalog,
    pub ledger: AgentLedger,
    pub security: Security,
    pub identity: watch::Receiver<Arc<Identity>>,
    pub door: watch::Receiver<Arc<Door>>,
    pub trusted: TrustedTime,
    pub clock: Clock,
    pub uplink: Uplink,
    pub applied: watch::Receiver<Applied>,
    pub outbox: Outbox,
    /// Footage that retention leaves alone meanwhile.
    pub busy: watch::Sender<Vec<Hold>>,
    pub upload_bytes_per_s: Option<u64>,
}

struct Open {
    pull: PullOrder,
    sent: watch::Receiver<u64>,
    total: watch::Receiver<u64>,
    told: u64,
}

struct Told {
    result: OrderResult,
    said: bool,
}

pub struct Desk {
    config: Arc<DeskConfig>,
    shaper: Shaper,
    turns: Arc<Semaphore>,
    tasks: JoinSet<(OrderId, Carried)>,
    open: BTreeMap<OrderId, Open>,
    results: BTreeMap<OrderId, Told>,
    stop: CancellationToken,
}

impl Desk {
    #[must_use]
    pub fn new(config: DeskConfig, stop: CancellationToken) -> Self {
        let shaper = Shaper::new(config.upload_bytes_per_s, config.clock.clone());
        Self {
            config: Arc::new(config),
            shaper,
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            tasks: JoinSet::new(),
            open: BTreeMap::new(),
            results: BTreeMap::new(),
            stop,
        }
    }

    /// Runs until stopped; open orders go on after the next start.
    pub async fn run(mut self, mut orders: mpsc::Receiver<DownMessage>) {
        self.resume();
        let mut line = self.config.uplink.line();
        let mut tick = tokio::time::interval(Duration::from_secs(1));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => break,
                Some(done) = self.tasks.join_next() => match done {
                    Ok((order, carried)) => self.finished(order, carried).await,
                    Err(error) => warn!(%error, "an upload broke off; the next start goes on with it"),
                },
                order = orders.recv() => match order {
                    Some(order) => self.take(order).await,
                    None => break,
                },
                changed = line.changed() => {
                    if changed.is_err() {
                        break;
                    }
                    if line.borrow_and_update().session().is_some() {
                        self.say_again();
                    }
                }
                _ = tick.tick() => self.progress(),
            }
        }
        self.tasks.shutdown().await;
    }

    /// Orders that were open when the agent stopped.
    fn resume(&mut self) {
        for open in load_all(&self.config.home) {
            let id = open.order.order;
            // The line in the ledger comes before the first byte, also for one that was cut short between the two.
            if self.config.ledger.state(|s| s.spent.contains_key(&id)) {
                info!(order = %id, "going on with an order");
                self.begin(open.order);
            } else {
                forget(&self.config.home, id);
            }
        }
    }

    async fn take(&mut self, message: DownMessage) {
        let signed: Signed<Order> = match serde_json::from_slice(&message.body) {
            Ok(signed) => signed,
            Err(error) => return self.config.security.saw(Refusal::Malformed, "order", &error.to_string()).await,
        };
        match self.decide(&signed, &message.session.nonce) {
            Ok(order) => {
                self.config.trusted.saw_document(order.issued_at_ms);
                self.grant(order).await;
            }
            Err(refused) => self.refuse(refused).await,
        }
    }

    fn decide(&self, signed: &Signed<Order>, nonce: &str) -> Result<Order, Refused> {
        let identity = self.config.identity.borrow().clone();
        let known = self.known();
        let state = self.config.ledger.state(|s| s.spent.clone());
        let with = Context {
            me: identity.hub.agent,
            key: &identity.hub.document_key,
            nonce,
            trusted: self.config.trusted.now(),
            wall: self.config.clock.wall(),
            spent: &state,
            known: &known,
            outbox_has_room: has_room(&self.config.outbox.state()),
        };
        let order = accept(signed, &with)?;
        if self.open.len() >= MOST_OPEN {
            return Err((Refusal::TooMany, Some(Box::new(order))));
        }
        Ok(order.into_inner())
    }

    /// Streams that are wanted, and those that still have footage.
    fn known(&self) -> BTreeSet<StreamKey> {
        let mut known = self.config.applied.borrow().known.clone();
        known.extend(self.config.catalog.totals().borrow().iter().flat_map(|t| t.keys().copied()));
        known
    }

    async fn refuse(&mut self, (refusal, order): Refused) {
        let Some(order) = order else {
            return self.config.security.saw(refusal, "order", &refusal.to_string()).await;
        };
        let id = order.order;
        let hostile = matches!(refusal, Refusal::AlreadySpent | Refusal::WrongSession | Refusal::WrongAddressee);
        if hostile {
            self.config.security.saw(refusal, "order", &format!("order {id}")).await;
            // The hub may only have missed how it went.
            if let Some(told) = self.results.get_mut(&id) {
                told.said = false;
                self.say(id);
                return;
            }
        } else {
            info!(order = %id, ?refusal, "order refused");
            let OrderBody::Pull(pull) = &order.body;
            let written = async {
                self.config.ledger.append(access(id, pull, AccessOutcome::Refused { refusal })).await?;
                self.config.ledger.append(spent(&order)).await
            };
            if let Err(error) = written.await {
                warn!(%error, "a refusal cannot be written down");
            }
        }
        if refusal != Refusal::WrongAddressee {
            self.tell(id, OrderState::Refused { refusal, detail: refusal.to_string() });
        }
    }

    async fn grant(&mut self, order: Order) {
        let id = order.order;
        let OrderBody::Pull(pull) = &order.body;
        if let Err(error) = save(&self.config.home, &OpenPull { order: order.clone() }) {
            warn!(order = %id, %error, "an order cannot be kept");
            return self
                .tell(id, OrderState::Refused { refusal: Refusal::DiskFull, detail: Refusal::DiskFull.to_string() });
        }
        let written: Result<(), LogError> = async {
            self.config.ledger.append(access(id, pull, AccessOutcome::Granted)).await?;
            self.config.ledger.append(spent(&order)).await
        }
        .await;
        if let Err(error) = written {
            warn!(order = %id, %error, "an access cannot be written down, so nothing leaves");
            forget(&self.config.home, id);
            let refusal = Refusal::LedgerUnwritable;
            return self.tell(id, OrderState::Refused { refusal, detail: refusal.to_string() });
        }
        info!(order = %id, camera = %pull.camera, person = %pull.person, reason = %pull.reason, "access granted");
        self.tell(id, OrderState::Accepted);
        self.begin(order);
    }

    fn begin(&mut self, order: Order) {
        let id = order.order;
        let OrderBody::Pull(pull) = order.body.clone();
        let (sent, sent_seen) = watch::channel(0);
        let (total, total_seen) = watch::channel(0);
        self.open.insert(id, Open { pull, sent: sent_seen, total: total_seen, told: 0 });
        self.hold_busy();
        let carrier = Carrier { config: self.config.clone(), shaper: self.shaper.clone(), order, sent, total };
        let (turns, stop) = (self.turns.clone(), self.stop.clone());
        self.tasks.spawn(async move { (id, carrier.carry(&turns, &stop).await) });
    }

    async fn finished(&mut self, id: OrderId, carried: Carried) {
        let Some(open) = self.open.remove(&id) else { return };
        self.hold_busy();
        let sent = ByteSize(*open.sent.borrow());
        let (outcome, state) = match carried {
            Carried::Stopped => return,
            Carried::Done => (AccessOutcome::Completed { bytes: sent }, OrderState::Done { sent }),
            Carried::Refused { refusal, detail } => {
                if refusal == Refusal::DigestMismatch {
                    self.config.security.saw(refusal, "footage", &detail).await;
                }
                (AccessOutcome::Refused { refusal }, OrderState::Refused { refusal, detail })
            }
            Carried::Failed { refusal, detail } => {
                (AccessOutcome::Abandoned { bytes: sent }, OrderState::Failed { refusal, detail })
            }
        };
        info!(order = %id, ?state, "order finished");
        if let Err(error) = self.config.ledger.append(access(id, &open.pull, outcome)).await {
            warn!(%error, "the end of an access cannot be written down");
        }
        forget(&self.config.home, id);
        self.tell(id, state);
    }

    fn hold_busy(&self) {
        const MARGIN_MS: i64 = 600_000;
        let holds = self.open.values().filter_map(|open| {
            let span = Span::new(open.pull.start_ms.plus_ms(-MARGIN_MS), open.pull.end_ms.plus_ms(MARGIN_MS))?;
            Some(Hold { camera: open.pull.camera, span })
        });
        self.config.busy.send_replace(holds.collect());
    }

    fn progress(&mut self) {
        let moved: Vec<(OrderId, u64, u64)> = self
            .open
            .iter_mut()
            .filter_map(|(id, open)| {
                let sent = *open.sent.borrow();
                let changed = sent != open.told;
                open.told = sent;
                changed.then(|| (*id, sent, *open.total.borrow()))
            })
            .collect();
        for (id, sent, total) in moved {
            self.tell(id, OrderState::Running { sent: ByteSize(sent), total: ByteSize(total) });
        }
        let unsaid: Vec<OrderId> = self.results.iter().filter(|(_, t)| !t.said).map(|(id, _)| *id).collect();
        unsaid.into_iter().for_each(|id| self.say(id));
    }

    fn tell(&mut self, order: OrderId, state: OrderState) {
        let now: WallMs = self.config.clock.wall();
        self.results.retain(|id, told| self.open.contains_key(id) || now.since(told.result.at_ms) < REMEMBER_MS);
        self.results.insert(order, Told { result: OrderResult { order, at_ms: now, state }, said: false });
        self.say(order);
    }

    fn say(&mut self, order: OrderId) {
        let Some(told) = self.results.get_mut(&order) else { return };
        match self.config.uplink.say(Up::Result, &told.result, Priority::Certain) {
            Ok(()) => told.said = true,
            Err(error) => debug!(%order, %error, "a result waits"),
        }
    }

    /// What the last session may have lost.
    fn say_again(&mut self) {
        self.results.values_mut().for_each(|told| told.said = false);
        self.progress();
    }
}

fn access(order: OrderId, pull: &PullOrder, outcome: AccessOutcome) -> AgentBody {
    let fact = AccessFact {
        order,
        person: pull.person,
        camera: pull.camera,
        stream: pull.stream,
        start_ms: pull.start_ms,
        end_ms: pull.end_ms,
        reason: pull.reason.chars().take(2_000).collect(),
        outcome,
    };
    AgentBody::Access { fact }
}

fn spent(order: &Order) -> AgentBody {
    AgentBody::Spent { order: order.order, expires_at_ms: order.expires_at_ms }
}
