//! Whether a certificate still opens a door: asked at every CONNECT and every request.
//!
//! Belongs here: the check by agent and by serial with its cache of at most 2 s, the signal that cuts what is running.
//! Does not: cutting (each door does it for its own).

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use farwatch_shared::id::AgentId;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::{BootNs, Clock};
use tokio::sync::broadcast;

use crate::fleet::{Fleet, FleetChange};
use crate::store::{self, Db, StoreError};

/// A verdict is believed this long. With the 500 ms of the follower and the kick, a revocation cuts well within 5 s.
const CACHE_NS: i64 = 2_000_000_000;
/// Verdicts kept; above that all are asked anew.
const CACHE: usize = 50_000;

/// By agent and serial: when it was asked, and what was said.
type Verdicts = HashMap<(AgentId, String), (BootNs, Option<Refusal>)>;

/// The handle; cheap to clone.
#[derive(Clone)]
pub struct Gate {
    db: Db,
    clock: Clock,
    verdicts: Arc<Mutex<Verdicts>>,
    cut: broadcast::Sender<AgentId>,
}

impl Gate {
    #[must_use]
    pub fn new(db: Db, clock: Clock) -> Self {
        Self { db, clock, verdicts: Arc::default(), cut: broadcast::channel(256).0 }
    }

    /// Whether this certificate may come in.
    ///
    /// # Errors
    /// Inner: the refusal. Outer: the database failed; nobody is let in then.
    pub async fn check(&self, agent: AgentId, serial: &str) -> Result<Result<(), Refusal>, StoreError> {
        let key = (agent, serial.to_owned());
        let now = self.clock.boot();
        if let Some((at, verdict)) = self.verdicts().get(&key)
            && now.since(*at) < CACHE_NS
        {
            return Ok(verdict.map_or(Ok(()), Err));
        }
        let verdict = self.ask(agent, serial).await?;
        let mut verdicts = self.verdicts();
        if verdicts.len() >= CACHE {
            verdicts.clear();
        }
        verdicts.insert(key, (now, verdict));
        Ok(verdict.map_or(Ok(()), Err))
    }

    fn verdicts(&self) -> std::sync::MutexGuard<'_, Verdicts> {
        self.verdicts.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn ask(&self, agent: AgentId, serial: &str) -> Result<Option<Refusal>, StoreError> {
        let mut c = self.db.read().await?;
        let Some(row) = store::agents::find(&mut c, agent).await? else { return Ok(Some(Refusal::NotYours)) };
        if row.revoked_ms.is_some() {
            return Ok(Some(Refusal::Revoked));
        }
        match store::certificates::by_serial(&mut c, serial).await? {
            Some(cert) if cert.agent == agent && cert.revoked_ms.is_none() => Ok(None),
            Some(cert) if cert.revoked_ms.is_some() => Ok(Some(Refusal::Revoked)),
            // Signed by our CA but unknown here: a database restored from before it was issued, or a stolen CA key.
            _ => Ok(Some(Refusal::NotYours)),
        }
    }

    /// Hears which agents are cut off. Whoever serves one of them stops at once; on `Lagged`, check anew.
    #[must_use]
    pub fn cuts(&self) -> broadcast::Receiver<AgentId> {
        self.cut.subscribe()
    }

    /// Cuts an agent off everywhere on this hub.
    pub fn cut(&self, agent: AgentId) {
        self.verdicts().retain(|(a, _), _| *a != agent);
        let _ = self.cut.send(agent);
    }

    /// Turns revocations seen in the fleet into cuts. Ends when the fleet is gone.
    pub async fn watch(self, fleet: Fleet) {
        let mut changes = fleet.changes();
        let mut done = std::collections::BTreeSet::new();
        loop {
            let suspects = match changes.recv().await {
                Ok(FleetChange::Agent(agent)) => vec![agent],
                Ok(_) => continue,
                Err(broadcast::error::RecvError::Lagged(_)) => fleet.agents().iter().map(|a| a.agent).collect(),
                Err(broadcast::error::RecvError::Closed) => return,
            };
            for agent in suspects {
                if fleet.agent(agent).is_some_and(|a| a.revoked_ms.is_some()) && done.insert(agent) {
                    self.cut(agent);
                }
            }
        }
    }
}
