//! Bytes from agents become events or are rejected; dedupe; route.
//!
//! Belongs here: one function per topic, what is counted, what waits for its commit. Does not: the broker, SQL, who is
//! told afterwards (`fleet`, `dispatch`). The sender is the session's certificate, never the payload.
//!
//! Health is live and may be lost; everything else is acknowledged only after its commit. What cannot be read is counted
//! and acknowledged all the same: it must not come again for ever.

mod documents;
mod facts;
mod health;
mod keep;
mod refusals;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use farwatch_shared::id::AgentId;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::Clock;
use farwatch_shared::topic::Up;
use farwatch_shared::wire::latest::{CameraStatus, HealthSample, OrderResult, Presence, PresenceState, Reported};
use futures::future::BoxFuture;
use serde::de::DeserializeOwned;
use tokio::sync::Notify;
use tracing::{info, warn};

use crate::broker::{Ears, Heard, Uplink};
use crate::dispatch::Marks;
use crate::enrol::Gate;
use crate::fleet::{self, Fleet, FleetChange};
use crate::footage;
use crate::store::{self, Db, StoreError};

pub use facts::{Batch, Disbelieved, Rejected, read_batch};
pub use health::HealthBuffer;
pub use refusals::{FACTS_PER_DAY, Refusals};

/// What was heard since the hub started, for the metrics.
#[derive(Debug, Default)]
pub struct Counters {
    pub messages: AtomicU64,
    pub facts: AtomicU64,
    pub duplicates: AtomicU64,
    pub lost_facts: AtomicU64,
    pub quarantined: AtomicU64,
    /// Signed documents that were not believed, or left a hole.
    pub disbelieved: AtomicU64,
    pub unreadable: AtomicU64,
    pub refused: AtomicU64,
}

/// The hub's ears.
#[derive(Clone)]
pub struct Ingest {
    pub db: Db,
    pub fleet: Fleet,
    pub clock: Clock,
    pub gate: Gate,
    pub marks: Marks,
    pub refusals: Refusals,
    pub health: HealthBuffer,
    pub counters: Arc<Counters>,
    /// Wakes the dispatcher.
    pub dispatch: Arc<Notify>,
    /// Wakes who looks after pulls.
    pub pulls: Arc<Notify>,
}

/// Why a message was not taken in.
enum Missed {
    /// Cannot be read, or makes no sense: counted.
    Refused(Refusal, String),
    /// The database failed: the agent must send it again.
    Store(StoreError),
}

impl From<StoreError> for Missed {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Missed> {
    serde_json::from_slice(body).map_err(|e| Missed::Refused(Refusal::Malformed, e.to_string()))
}

impl Ingest {
    async fn take(&self, message: Uplink) -> Heard {
        self.counters.messages.fetch_add(1, Ordering::Relaxed);
        let (agent, up) = (message.agent, message.up);
        self.refusals.pace(agent, &self.clock).await;
        if self.fleet.seen(agent, self.clock.wall()) {
            self.note_alive(agent).await;
        }
        let done = match up {
            Up::Presence => self.presence(message).await,
            Up::Health => self.health(message).await,
            Up::Camera => self.camera(message).await,
            Up::Reported => self.reported(message).await,
            Up::Fact => self.facts(message).await,
            Up::Result => self.result(message).await,
        };
        match done {
            Ok(()) => Heard::Taken,
            Err(Missed::Refused(refusal, detail)) => {
                self.counters.unreadable.fetch_add(1, Ordering::Relaxed);
                self.fleet.reject(agent);
                self.refusals.count(agent, up.as_str(), refusal, &detail, &self.clock);
                Heard::Taken
            }
            Err(Missed::Store(e)) => {
                warn!(%agent, ?up, error = %e, "a message could not be committed; its session is closed");
                Heard::Close
            }
        }
    }

    async fn note_alive(&self, agent: AgentId) {
        let written = self.db.write(move |c| Box::pin(async move { store::agents::alive(c, agent).await })).await;
        if let Err(e) = written {
            warn!(%agent, error = %e, "a sign of life could not be written");
        }
        self.dispatch.notify_one();
    }

    async fn presence(&self, message: Uplink) -> Result<(), Missed> {
        let (agent, p, now) = (message.agent, read::<Presence>(&message.body)?, self.clock.wall());
        if p.state == PresenceState::Lost || p.nonce.len() > 128 || p.session == 0 || p.session >= 1 << 53 {
            return Err(Missed::Refused(Refusal::Malformed, "not a presence an agent says of itself".into()));
        }
        let row = p.clone();
        let taken = self
            .db
            .write(move |c| Box::pin(async move { store::agents::take_presence(c, agent, &row, now).await }))
            .await?;
        if !taken {
            return Err(Missed::Refused(
                Refusal::WrongSession,
                format!("session {} is older than one heard", p.session),
            ));
        }
        info!(%agent, session = p.session, state = ?p.state, version = %p.version, "presence");
        if self.fleet.agent(agent).is_none() {
            fleet::refresh_agent(&self.fleet, &mut *self.db.read().await?, agent, now).await?;
        }
        self.fleet.presence(agent, &p, now);
        let marks = store::facts::marks(&mut *self.db.read().await?, agent).await?;
        self.marks.say_again(agent, marks);
        self.dispatch.notify_one();
        self.pulls.notify_one();
        Ok(())
    }

    async fn health(&self, message: Uplink) -> Result<(), Missed> {
        let sample: HealthSample = read(&message.body)?;
        let (agent, now) = (message.agent, self.clock.wall());
        if sample.cameras.len() > 512 {
            return Err(Missed::Refused(Refusal::TooLarge, format!("{} cameras", sample.cameras.len())));
        }
        for status in &sample.cameras {
            if self.owns(agent, status).await? {
                self.fleet.camera_status(agent, Arc::new(status.clone()), now);
            }
        }
        let sample = Arc::new(sample);
        self.fleet.health(agent, sample.clone(), now);
        self.health.add(agent, sample);
        Ok(())
    }

    /// Whether a camera is this agent's, as the fleet knows it, else as the row says.
    async fn owns(&self, agent: AgentId, status: &CameraStatus) -> Result<bool, Missed> {
        if self.fleet.camera(status.camera).streams.get(&status.stream).is_some_and(|s| s.agent == agent) {
            return Ok(true);
        }
        let owner = store::cameras::owner(&mut *self.db.read().await?, status.camera).await?;
        Ok(owner == Some(agent))
    }

    async fn camera(&self, message: Uplink) -> Result<(), Missed> {
        let (agent, status, now) = (message.agent, read::<CameraStatus>(&message.body)?, self.clock.wall());
        let row = status.clone();
        let taken = self
            .db
            .write(move |c| Box::pin(async move { store::cameras::put_status(c, agent, &row, now).await }))
            .await?;
        if !taken {
            return Err(Missed::Refused(Refusal::UnknownCamera, status.camera.to_string()));
        }
        self.fleet.camera_status(agent, Arc::new(status), now);
        Ok(())
    }

    async fn reported(&self, message: Uplink) -> Result<(), Missed> {
        let (agent, report, now) = (message.agent, read::<Reported>(&message.body)?, self.clock.wall());
        let row = report.clone();
        self.db
            .write(move |c| Box::pin(async move { store::desired::put_reported(c, agent, &row, now).await }))
            .await?;
        if let Some(refused) = &report.refused {
            warn!(%agent, generation = refused.generation, refusal = %refused.refusal, "the agent refused a desired state");
        }
        self.fleet.update(agent, |a| {
            if a.reported.as_ref().is_none_or(|old| old.session <= report.session) {
                a.reported = Some(Arc::new(report));
                a.reported_ms = Some(now);
            }
        });
        self.dispatch.notify_one();
        Ok(())
    }

    async fn result(&self, message: Uplink) -> Result<(), Missed> {
        let (agent, result, now) = (message.agent, read::<OrderResult>(&message.body)?, self.clock.wall());
        let order = result.order;
        let known =
            self.db.write(move |c| Box::pin(async move { footage::on_result(c, agent, &result, now).await })).await?;
        if known.is_none() {
            return Err(Missed::Refused(Refusal::NotYours, format!("no order {order} of this agent")));
        }
        self.fleet.tell(FleetChange::Pull(order));
        self.pulls.notify_one();
        Ok(())
    }

    async fn facts(&self, message: Uplink) -> Result<(), Missed> {
        let (agent, now) = (message.agent, self.clock.wall());
        let topic = message.up.as_str();
        let batch = match read_batch(&message.body) {
            Ok(batch) => batch,
            Err(Rejected(reason)) => {
                let (body, why) = (message.body.to_vec(), reason.clone());
                let kept = self
                    .db
                    .write(move |c| {
                        Box::pin(async move { store::quarantine::put(c, agent, topic, &why, body, now).await })
                    })
                    .await?;
                self.counters.quarantined.fetch_add(u64::from(kept), Ordering::Relaxed);
                return Err(Missed::Refused(Refusal::Malformed, reason));
            }
        };
        if !self.refusals.may_store(agent, batch.facts.len(), now) {
            return Err(Missed::Refused(Refusal::TooMany, format!("more than {FACTS_PER_DAY} facts today")));
        }
        let (epoch, class) = (batch.epoch, batch.class.clone());
        let stored = self.db.write(move |c| Box::pin(async move { facts::store(c, agent, batch, now).await })).await?;
        let count = |counter: &AtomicU64, n: u64| {
            let _ = counter.fetch_add(n, Ordering::Relaxed);
        };
        count(&self.counters.facts, stored.new);
        count(&self.counters.duplicates, stored.duplicates);
        count(&self.counters.lost_facts, stored.lost);
        count(&self.counters.quarantined, stored.quarantined);
        if stored.lost > 0 {
            warn!(%agent, %class, lost = stored.lost, "facts are missing: numbers were skipped");
        }
        for Disbelieved { what, refusal, detail } in &stored.disbelieved {
            warn!(%agent, what, %refusal, detail, "a signed document is not believed, or others before it are missing");
            self.fleet.reject(agent);
            self.refusals.count(agent, what, *refusal, detail, &self.clock);
        }
        count(&self.counters.disbelieved, stored.disbelieved.len() as u64);
        if let Some(faults) = stored.faults {
            self.fleet.update(agent, |a| a.faults = faults);
        }
        for camera in stored.cameras {
            self.fleet.tell(FleetChange::Camera(camera));
        }
        self.marks.say(agent, epoch, &class, stored.through);
        Ok(())
    }
}

impl Ears for Ingest {
    fn admit<'a>(&'a self, agent: AgentId, serial: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(async move {
            match self.gate.check(agent, serial).await {
                Ok(Ok(())) => true,
                Ok(Err(refusal)) => {
                    self.refusals.count(agent, "connect", refusal, serial, &self.clock);
                    false
                }
                Err(e) => {
                    warn!(%agent, error = %e, "nobody is let in while the database cannot be asked");
                    false
                }
            }
        })
    }

    fn hear(&self, message: Uplink) -> BoxFuture<'_, Heard> {
        Box::pin(self.take(message))
    }

    fn will(&self, message: Uplink) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let agent = message.agent;
            let Ok(p) = serde_json::from_slice::<Presence>(&message.body) else {
                self.refusals.count(agent, "will", Refusal::Malformed, "not a presence", &self.clock);
                return;
            };
            let now = self.clock.wall();
            let taken = self
                .db
                .write(move |c| Box::pin(async move { store::agents::take_will(c, agent, p.session, now).await }))
                .await;
            match taken {
                Ok(true) => self.fleet.will(agent, now),
                Ok(false) => {}
                Err(e) => warn!(%agent, error = %e, "a Will could not be written"),
            }
        })
    }

    fn refused(&self, agent: AgentId, what: &'static str, detail: &str) {
        self.counters.refused.fetch_add(1, Ordering::Relaxed);
        self.fleet.reject(agent);
        self.refusals.count(agent, what, Refusal::NotYours, detail, &self.clock);
    }

    fn alive(&self, agent: AgentId) {
        self.fleet.seen(agent, self.clock.wall());
    }
}
