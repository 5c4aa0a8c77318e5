//! Rows not yet delivered are signed and published; the only sender to agents.
//!
//! Belongs here: rendering a changed policy into the next generation, publishing desired states and orders in the session
//! they are for, telling outboxes what is received ([`Marks`]). Does not: deciding what an agent should do.
//! Wakes on: a nudge, and every second. It takes no input but the rows, and so heals after any crash: what was published
//! and not noted is published again, which an agent ignores.

mod marks;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use farwatch_shared::digest::Digest;
use farwatch_shared::id::AgentId;
use farwatch_shared::seal::Signed;
use farwatch_shared::time::{Clock, WallMs};
use farwatch_shared::topic::Down;
use farwatch_shared::wire::latest::{Desired, HubAddress, Order, OrderBody, PullOrder};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::broker::{Bus, Outgoing};
use crate::fleet::{Drift, Fleet, PresenceNow};
use crate::keys::Keys;
use crate::policy;
use crate::store::agents::AgentRow;
use crate::store::desired::DesiredRow;
use crate::store::pulls::PullRow;
use crate::store::{self, Db, StoreError};

pub use marks::Marks;

const EVERY: Duration = Duration::from_secs(1);
/// An unreported desired state is published again after this long in the same session.
const AGAIN_MS: i64 = 30_000;
/// Messages to agents that are not there are not kept by the broker for longer.
const KEEP_S: u32 = 300;

/// What the dispatcher needs.
pub struct Dispatch {
    pub db: Db,
    pub bus: Arc<dyn Bus>,
    pub fleet: Fleet,
    pub keys: Arc<Keys>,
    pub clock: Clock,
    pub hubs: Vec<HubAddress>,
    pub nudge: Arc<Notify>,
}

impl Dispatch {
    pub async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
                () = self.nudge.notified() => {}
            }
            if let Err(e) = self.run_once().await {
                error!(error = %e, "rows could not be delivered; tried again in a second");
            }
        }
    }

    /// Renders, publishes, notes; once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_once(&self) -> store::Result<()> {
        let changed = store::agents::to_render(&mut *self.db.read().await?).await?;
        for agent in changed {
            self.render(&agent).await?;
        }
        self.unsettle().await?;
        let desired = store::desired::undelivered(&mut *self.db.read().await?).await?;
        for row in desired {
            self.desired(row).await?;
        }
        let pulls = store::pulls::unordered(&mut *self.db.read().await?).await?;
        for pull in pulls {
            self.order(pull).await?;
        }
        Ok(())
    }

    /// Makes the next generation of an agent's desired state, if its content changed.
    async fn render(&self, agent: &AgentRow) -> store::Result<()> {
        let (site, cameras, holds, before) = {
            let mut c = self.db.read().await?;
            let site = store::sites::get(&mut c, agent.site).await?;
            let cameras = store::cameras::of_agent(&mut c, agent.agent).await?;
            let mut holds = Vec::new();
            for camera in &cameras {
                holds.extend(store::cameras::holds(&mut c, camera.camera).await?);
            }
            (site, cameras, holds, store::desired::find(&mut c, agent.agent).await?)
        };
        let encode = |source| StoreError::Encode { what: "desired state", source };
        let site = policy::Site { time_zone: &site.time_zone, when_short: agent.when_short };
        let rendered = policy::render(&cameras, &holds, &self.hubs, site).map_err(encode)?;
        let (id, version) = (agent.agent, agent.policy_version);
        if before.as_ref().is_some_and(|d| d.content_digest == rendered.content) {
            return self
                .db
                .write(move |c| Box::pin(async move { store::desired::unchanged(c, id, version).await }))
                .await;
        }
        let now = self.clock.wall();
        let desired = Desired {
            agent: id,
            generation: before.map_or(0, |d| d.generation) + 1,
            issued_at_ms: now,
            parts: rendered.parts,
            crit: Vec::new(),
        };
        let payload = serde_json::to_vec(&desired).map_err(encode)?;
        let signed = Signed::sign(&desired, &self.keys.document).map_err(encode)?;
        let row = DesiredRow {
            agent: id,
            generation: desired.generation,
            content_digest: rendered.content,
            envelope: serde_json::to_string(&signed).map_err(encode)?,
            payload_digest: Digest::of(&payload),
            issued_ms: now,
            rendered_from: version,
            published_session: 0,
            published_ms: None,
        };
        info!(agent = %id, generation = row.generation, "a new desired state");
        let picture = crate::fleet::DesiredNow {
            generation: row.generation,
            digest: row.payload_digest,
            issued_ms: now,
            published: false,
        };
        let apart = rendered.apart;
        self.db.write(move |c| Box::pin(async move { store::desired::put(c, &row, &apart).await })).await?;
        self.fleet.update(id, |a| a.desired = Some(picture));
        Ok(())
    }

    /// Marks for publishing again what was published in this session and not reported for a while.
    async fn unsettle(&self) -> store::Result<()> {
        let now = self.clock.wall();
        let waiting: Vec<AgentId> = self
            .fleet
            .agents()
            .iter()
            .filter(|a| a.presence == PresenceNow::Online && matches!(a.drift(), Drift::Waiting { .. }))
            .map(|a| a.agent)
            .collect();
        for agent in waiting {
            let row = store::desired::find(&mut *self.db.read().await?, agent).await?;
            let Some(row) = row.filter(|d| d.published_ms.is_some_and(|at| now.since(at) > AGAIN_MS)) else { continue };
            warn!(%agent, generation = row.generation, "not reported yet; published again");
            self.db
                .write(move |c| {
                    Box::pin(async move { store::desired::published(c, agent, row.generation, 0, now).await })
                })
                .await?;
        }
        Ok(())
    }

    async fn desired(&self, row: DesiredRow) -> store::Result<()> {
        let Some(agent) = store::agents::find(&mut *self.db.read().await?, row.agent).await? else { return Ok(()) };
        let message =
            Outgoing { agent: row.agent, topic: Down::Desired, body: Bytes::from(row.envelope), expires_s: KEEP_S };
        if let Err(e) = self.bus.publish(message).await {
            warn!(agent = %row.agent, error = %e, "a desired state could not be published");
            return Ok(());
        }
        let now = self.clock.wall();
        let (id, generation, session) = (row.agent, row.generation, agent.session);
        self.db
            .write(move |c| Box::pin(async move { store::desired::published(c, id, generation, session, now).await }))
            .await?;
        self.fleet.update(id, |a| {
            if let Some(desired) = &mut a.desired {
                desired.published |= desired.generation == generation;
            }
        });
        Ok(())
    }

    async fn order(&self, pull: PullRow) -> store::Result<()> {
        let Some(agent) = store::agents::find(&mut *self.db.read().await?, pull.agent).await? else { return Ok(()) };
        let now = self.clock.wall();
        let order = order_for(&pull, &agent.nonce, now);
        let encode = |source| StoreError::Encode { what: "order", source };
        let signed = Signed::sign(&order, &self.keys.document).map_err(encode)?;
        let body = Bytes::from(serde_json::to_vec(&signed).map_err(encode)?);
        let message = Outgoing { agent: pull.agent, topic: Down::Order, body, expires_s: KEEP_S };
        if let Err(e) = self.bus.publish(message).await {
            warn!(pull = %pull.order, error = %e, "an order could not be published");
            return Ok(());
        }
        info!(pull = %pull.order, agent = %pull.agent, session = agent.session, "ordered");
        let session = agent.session;
        self.db.write(move |c| Box::pin(async move { store::pulls::ordered(c, pull.order, session).await })).await
    }
}

/// The order a pull becomes in a session: the same id each time, that session's nonce.
fn order_for(pull: &PullRow, nonce: &str, now: WallMs) -> Order {
    Order {
        order: pull.order,
        agent: pull.agent,
        nonce: nonce.to_owned(),
        issued_at_ms: now,
        expires_at_ms: pull.expires_ms,
        body: OrderBody::Pull(PullOrder {
            camera: pull.camera,
            stream: pull.stream,
            start_ms: pull.start_ms,
            end_ms: pull.end_ms,
            rendition: pull.rendition,
            person: pull.person,
            reason: pull.reason.clone(),
        }),
        crit: Vec::new(),
    }
}
