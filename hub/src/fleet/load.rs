//! Fills the picture from the rows at start, and refreshes it when rows change under it.
//!
//! Belongs here: [`load`], [`follow`]. Does not: live messages. Wakes on: every 500 ms (changes by the command line or by
//! the people's door), and on the clock for presence.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use farwatch_shared::id::AgentId;
use farwatch_shared::time::{Clock, WallMs};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::{AgentNow, DesiredNow, Fleet, FleetChange, PresenceNow, StreamNow};
use crate::store::changes::Kind;
use crate::store::{self, Conn, Db};

const EVERY: Duration = Duration::from_millis(500);

fn agent_now(row: store::agents::AgentRow, listening_ms: WallMs) -> AgentNow {
    AgentNow {
        agent: row.agent,
        site: row.site,
        hostname: row.hostname,
        version: row.version,
        target: row.target,
        enrolled_ms: row.enrolled_ms,
        revoked_ms: row.revoked_ms,
        presence: PresenceNow::Never,
        presence_since_ms: row.presence_ms,
        last_seen_ms: row.last_seen_ms,
        listening_ms,
        session: row.session,
        boot_id: row.boot_id,
        nonce: row.nonce,
        said: row.presence,
        desired: None,
        reported: None,
        reported_ms: None,
        health: None,
        faults: BTreeMap::new(),
        rejected: 0,
    }
}

fn desired_now(row: &store::desired::DesiredRow) -> DesiredNow {
    DesiredNow {
        generation: row.generation,
        digest: row.payload_digest,
        issued_ms: row.issued_ms,
        published: row.published_session != 0,
    }
}

/// Reads everything once.
///
/// # Errors
/// When the database fails.
pub async fn load(fleet: &Fleet, db: &Db, now: WallMs) -> store::Result<()> {
    let mut c = db.read().await?;
    let agents = store::agents::all(&mut c).await?;
    let desired = store::desired::all(&mut c).await?;
    let reported = store::desired::all_reported(&mut c).await?;
    let health = store::health::all_latest(&mut c).await?;
    let statuses = store::cameras::statuses(&mut c).await?;
    let cameras = store::cameras::all(&mut c).await?;
    let faults = store::faults::all_open(&mut c).await?;
    let mut state = fleet.state_mut();
    for row in agents {
        let mut a = agent_now(row, now);
        a.refresh(now);
        state.agents.insert(a.agent, a);
    }
    for row in desired {
        if let Some(a) = state.agents.get_mut(&row.agent) {
            a.desired = Some(desired_now(&row));
        }
    }
    for row in reported {
        if let Some(a) = state.agents.get_mut(&row.agent) {
            a.reported_ms = Some(row.received_ms);
            a.reported = Some(Arc::new(row.body));
        }
    }
    for (agent, sample) in health {
        if let Some(a) = state.agents.get_mut(&agent) {
            a.health = Some(Arc::new(sample));
        }
    }
    for (agent, open) in faults {
        if let Some(a) = state.agents.get_mut(&agent) {
            a.faults = open;
        }
    }
    for (status, received_ms) in statuses {
        let Some(camera) = cameras.iter().find(|c| c.camera == status.camera) else { continue };
        let stream = StreamNow { agent: camera.agent, status: Arc::new(status), received_ms };
        state.cameras.entry(camera.camera).or_default().streams.insert(stream.status.stream, stream);
    }
    Ok(())
}

/// Takes an agent's rows anew (what was heard live stays as it is in memory, which is never older).
///
/// # Errors
/// When the database fails.
pub async fn refresh_agent(fleet: &Fleet, c: &mut Conn, agent: AgentId, now: WallMs) -> store::Result<()> {
    let Some(row) = store::agents::find(c, agent).await? else { return Ok(()) };
    let desired = store::desired::find(c, agent).await?;
    {
        let mut state = fleet.state_mut();
        let a = state.agents.entry(agent).or_insert_with(|| agent_now(row.clone(), row.enrolled_ms));
        a.revoked_ms = row.revoked_ms;
        a.site = row.site;
        a.desired = desired.as_ref().map(desired_now);
        a.refresh(now);
    }
    fleet.tell(FleetChange::Agent(agent));
    Ok(())
}

/// Follows the rows until stopped. `nudge` is called once per batch of changes: whoever turns rows into effects looks then.
pub async fn follow(fleet: Fleet, db: Db, clock: Clock, nudge: Arc<tokio::sync::Notify>, stop: CancellationToken) {
    let mut cursor = None;
    let mut tick = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            _ = tick.tick() => {}
        }
        fleet.pass_time(clock.wall());
        match step(&fleet, &db, &clock, cursor).await {
            Ok((next, moved)) => {
                cursor = Some(next);
                if moved {
                    nudge.notify_one();
                }
            }
            Err(e) => warn!(error = %e, "cannot follow the changes in the database"),
        }
    }
}

async fn step(fleet: &Fleet, db: &Db, clock: &Clock, cursor: Option<i64>) -> store::Result<(i64, bool)> {
    let mut c = db.read().await?;
    let Some(cursor) = cursor else { return Ok((store::changes::newest(&mut c).await?, true)) };
    let changes = store::changes::after(&mut c, cursor).await?;
    let next = changes.last().map_or(cursor, |last| last.number);
    for change in &changes {
        match change.kind {
            Kind::Agent => {
                if let Ok(agent) = change.object.parse() {
                    refresh_agent(fleet, &mut c, agent, clock.wall()).await?;
                }
            }
            Kind::Site => drop(change.object.parse().map(|id| fleet.tell(FleetChange::Site(id)))),
            Kind::Camera => drop(change.object.parse().map(|id| fleet.tell(FleetChange::Camera(id)))),
            Kind::Pull => drop(change.object.parse().map(|id| fleet.tell(FleetChange::Pull(id)))),
        }
    }
    Ok((next, !changes.is_empty()))
}
