//! Renders what changed, once for all listeners.
//!
//! Wakes on: a change of the fleet's picture; works at most four times a second.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use farwatch_shared::id::AgentId;
use serde::Serialize;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::Live;
use crate::api::show;
use crate::fleet::{Fleet, FleetChange, PresenceNow};
use crate::store::{self, Conn, Db};

/// Changes within this time of each other are rendered together.
const TOGETHER: Duration = Duration::from_millis(250);

/// Feeds the event streams until stopped.
pub async fn feed(live: Live, fleet: Fleet, db: Db, stop: CancellationToken) {
    let mut changes = fleet.changes();
    let mut seen = Seen::default();
    loop {
        let wake = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            wake = gather(&mut changes) => wake,
        };
        match wake {
            Wake::Closed => return,
            // More changed than could be told one by one; whoever listens looks at everything.
            Wake::Lagged => live.publish("fleet", "{}".into()),
            Wake::Changed(changed) => {
                if let Err(e) = render(&live, &fleet, &db, &mut seen, changed).await {
                    warn!(error = %e, "cannot render changes for the page; listeners take a new snapshot");
                    live.publish("fleet", "{}".into());
                }
            }
        }
    }
}

enum Wake {
    Changed(BTreeSet<FleetChange>),
    Lagged,
    Closed,
}

/// Waits for a change, then a moment for others to join it.
async fn gather(changes: &mut Receiver<FleetChange>) -> Wake {
    let first = match changes.recv().await {
        Ok(change) => change,
        Err(RecvError::Lagged(_)) => return Wake::Lagged,
        Err(RecvError::Closed) => return Wake::Closed,
    };
    tokio::time::sleep(TOGETHER).await;
    let mut changed = BTreeSet::from([first]);
    loop {
        match changes.try_recv() {
            Ok(change) => changed.insert(change),
            Err(tokio::sync::broadcast::error::TryRecvError::Lagged(_)) => return Wake::Lagged,
            Err(_) => return Wake::Changed(changed),
        };
    }
}

/// What listeners were last told of each agent's presence: its cameras' states hang on it.
#[derive(Default)]
struct Seen {
    presence: BTreeMap<AgentId, (PresenceNow, bool)>,
}

async fn render(
    live: &Live,
    fleet: &Fleet,
    db: &Db,
    seen: &mut Seen,
    mut changed: BTreeSet<FleetChange>,
) -> store::Result<()> {
    let mut c = db.read().await?;
    for change in changed.clone() {
        let FleetChange::Agent(id) = change else { continue };
        let Some(agent) = fleet.agent(id) else { continue };
        let now = (agent.presence, agent.revoked_ms.is_some());
        if seen.presence.insert(id, now) != Some(now) {
            let cameras = store::cameras::of_agent(&mut c, id).await?;
            changed.extend(cameras.iter().map(|row| FleetChange::Camera(row.camera)));
        }
    }
    for change in changed {
        one(live, fleet, &mut c, change).await?;
    }
    Ok(())
}

async fn one(live: &Live, fleet: &Fleet, c: &mut Conn, change: FleetChange) -> store::Result<()> {
    match change {
        FleetChange::Site(id) => {
            let picture = show::Picture::take(c, fleet).await?;
            if let Some(site) = picture.sites().into_iter().find(|site| site.id == id) {
                say(live, "site", &site)?;
            }
        }
        FleetChange::Agent(id) => {
            if let Some(agent) = fleet.agent(id) {
                say(live, "agent", &show::agent(&agent))?;
            }
        }
        FleetChange::Camera(id) => {
            // A status may be of a camera that was taken away meanwhile.
            let Some(row) = found(store::cameras::get(c, id).await)? else { return Ok(()) };
            if let Some(agent) = fleet.agent(row.agent) {
                say(live, "camera", &show::camera(&row, &fleet.camera(id), &agent))?;
            }
        }
        FleetChange::Pull(id) => {
            if let Some(row) = store::pulls::find(c, id).await? {
                say(live, "pull", &show::pull(c, fleet, row).await?)?;
            }
        }
    }
    Ok(())
}

fn found<T>(got: store::Result<T>) -> store::Result<Option<T>> {
    match got {
        Ok(thing) => Ok(Some(thing)),
        Err(store::StoreError::Missing { .. }) => Ok(None),
        Err(e) => Err(e),
    }
}

fn say(live: &Live, name: &'static str, thing: &impl Serialize) -> store::Result<()> {
    let data = serde_json::to_string(thing).map_err(|source| store::StoreError::Encode { what: name, source })?;
    live.publish(name, Arc::from(data));
    Ok(())
}
