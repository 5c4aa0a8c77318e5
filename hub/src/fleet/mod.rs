//! The present tense: who is there, how it is, whether it does what it should.
//!
//! Belongs here: one picture in memory of agents, camera streams, drift and recent health; a bounded stream of what changed.
//! Does not: history (`store`), deciding presence ([`presence`] is pure), sending anything.
//!
//! [`Fleet`] is a cheap handle. Writers are `ingest`, `dispatch` and the follower of `store::changes`; everybody else reads
//! snapshots and listens to [`Fleet::changes`]. A change names what changed, not how: the reader takes the fresh picture.
//! The stream holds 4,096 changes; a reader that lags more is told so by the channel and takes a whole new snapshot.

mod load;
pub mod presence;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{AgentId, CameraId, OrderId, SiteId, StreamName};
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{
    CameraStatus, FaultKind, HealthSample, Presence, PresenceState, RefusedDesired, Reported,
};
use tokio::sync::broadcast;

pub use load::{follow, load, refresh_agent};
pub use presence::PresenceNow;

/// Depth of the stream of changes.
const CHANGES: usize = 4096;
/// Samples kept in memory per agent: those not yet in a chunk, and a few more.
const RECENT: usize = 24;

/// Says what changed; take the picture to see how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FleetChange {
    Site(SiteId),
    Agent(AgentId),
    Camera(CameraId),
    Pull(OrderId),
}

/// An agent as it is now.
#[derive(Debug, Clone)]
pub struct AgentNow {
    pub agent: AgentId,
    pub site: SiteId,
    pub hostname: String,
    pub version: String,
    pub target: String,
    pub enrolled_ms: WallMs,
    pub revoked_ms: Option<WallMs>,
    pub presence: PresenceNow,
    /// Since when the presence is what it is.
    pub presence_since_ms: WallMs,
    /// Any sign of life; 0 before the first.
    pub last_seen_ms: WallMs,
    /// Since when this hub could have heard it.
    pub listening_ms: WallMs,
    /// Highest session heard; 0 before the first.
    pub session: u64,
    pub boot_id: String,
    pub nonce: String,
    /// What its last presence said.
    pub said: Option<PresenceState>,
    pub desired: Option<DesiredNow>,
    pub reported: Option<Arc<Reported>>,
    pub reported_ms: Option<WallMs>,
    /// The newest sample.
    pub health: Option<Arc<HealthSample>>,
    /// Open faults by kind.
    pub faults: BTreeMap<FaultKind, u32>,
    /// Messages that could not be read or were refused since the hub started.
    pub rejected: u64,
}

/// Of the desired state, what the fleet page shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DesiredNow {
    pub generation: u64,
    /// Of the signed bytes: equal to the reported one when applied.
    pub digest: Digest,
    pub issued_ms: WallMs,
    pub published: bool,
}

/// Whether an agent does what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Drift {
    /// Reported equals desired.
    None,
    /// Nothing is desired yet.
    NothingDesired,
    /// Not reported yet; since when it waits.
    Waiting { generation: u64, reported: u64, since_ms: WallMs },
    /// The agent refused it.
    Refused(RefusedDesired),
    /// Applied, but something in it could not be done.
    Problems(usize),
}

impl AgentNow {
    /// Computed from what is desired and what was reported; drift stays until the digests match.
    #[must_use]
    pub fn drift(&self) -> Drift {
        let Some(desired) = self.desired else { return Drift::NothingDesired };
        let Some(reported) = self.reported.as_deref() else {
            return Drift::Waiting { generation: desired.generation, reported: 0, since_ms: desired.issued_ms };
        };
        if let Some(refused) = &reported.refused
            && refused.generation == desired.generation
        {
            return Drift::Refused(refused.clone());
        }
        if reported.generation != desired.generation || reported.digest != Some(desired.digest) {
            return Drift::Waiting {
                generation: desired.generation,
                reported: reported.generation,
                since_ms: desired.issued_ms,
            };
        }
        if reported.problems.is_empty() { Drift::None } else { Drift::Problems(reported.problems.len()) }
    }
}

/// A camera's streams as they are now.
#[derive(Debug, Clone, Default)]
pub struct CameraNow {
    pub streams: BTreeMap<StreamName, StreamNow>,
}

#[derive(Debug, Clone)]
pub struct StreamNow {
    pub agent: AgentId,
    pub status: Arc<CameraStatus>,
    /// When the hub heard it.
    pub received_ms: WallMs,
}

#[derive(Default)]
struct State {
    agents: BTreeMap<AgentId, AgentNow>,
    cameras: BTreeMap<CameraId, CameraNow>,
    recent: BTreeMap<AgentId, Vec<Arc<HealthSample>>>,
}

/// The handle.
#[derive(Clone)]
pub struct Fleet {
    state: Arc<RwLock<State>>,
    changes: broadcast::Sender<FleetChange>,
}

impl Default for Fleet {
    fn default() -> Self {
        Self { state: Arc::default(), changes: broadcast::channel(CHANGES).0 }
    }
}

impl Fleet {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        // The picture is made of whole values; a panic elsewhere leaves none half-written.
        self.state.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Listens from now on. `Lagged` means: take a whole new snapshot.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<FleetChange> {
        self.changes.subscribe()
    }

    /// Tells the listeners. Nobody listening is fine.
    pub fn tell(&self, change: FleetChange) {
        let _ = self.changes.send(change);
    }

    #[must_use]
    pub fn agent(&self, agent: AgentId) -> Option<AgentNow> {
        self.state().agents.get(&agent).cloned()
    }

    /// All agents, by id.
    #[must_use]
    pub fn agents(&self) -> Vec<AgentNow> {
        self.state().agents.values().cloned().collect()
    }

    #[must_use]
    pub fn camera(&self, camera: CameraId) -> CameraNow {
        self.state().cameras.get(&camera).cloned().unwrap_or_default()
    }

    #[must_use]
    pub fn cameras(&self) -> BTreeMap<CameraId, CameraNow> {
        self.state().cameras.clone()
    }

    /// The newest samples, by time: what the store does not have yet is among them.
    #[must_use]
    pub fn recent_health(&self, agent: AgentId) -> Vec<Arc<HealthSample>> {
        self.state().recent.get(&agent).cloned().unwrap_or_default()
    }

    /// Changes an agent's picture and tells. Nothing happens when the agent is unknown.
    pub fn update(&self, agent: AgentId, change: impl FnOnce(&mut AgentNow)) {
        let known = self.state_mut().agents.get_mut(&agent).map(change).is_some();
        if known {
            self.tell(FleetChange::Agent(agent));
        }
    }

    /// Any sign of life. Tells only when the presence changes by it; true when it proves a Will wrong.
    pub fn seen(&self, agent: AgentId, now: WallMs) -> bool {
        let (back, wrong_will) = {
            let mut state = self.state_mut();
            let Some(a) = state.agents.get_mut(&agent) else { return false };
            let wrong_will = a.sign_of_life(now);
            (a.refresh(now), wrong_will)
        };
        if back {
            self.tell(FleetChange::Agent(agent));
        }
        wrong_will
    }

    /// The Will of the agent's present session.
    pub fn will(&self, agent: AgentId, now: WallMs) {
        self.update(agent, |a| {
            a.said = Some(PresenceState::Lost);
            a.refresh(now);
        });
    }

    /// Something of the agent's was refused or could not be read. Counted without telling: it may come in floods.
    pub fn reject(&self, agent: AgentId) {
        if let Some(a) = self.state_mut().agents.get_mut(&agent) {
            a.rejected += 1;
        }
    }

    /// A presence that the store has taken.
    pub fn presence(&self, agent: AgentId, p: &Presence, now: WallMs) {
        self.update(agent, |a| {
            a.session = p.session;
            a.boot_id.clone_from(&p.boot_id);
            a.nonce.clone_from(&p.nonce);
            a.said = Some(p.state);
            a.version.clone_from(&p.version);
            a.hostname.clone_from(&p.hostname);
            if !p.target.is_empty() {
                a.target.clone_from(&p.target);
            }
            if p.state != PresenceState::Lost {
                a.last_seen_ms = now;
            }
            a.refresh(now);
        });
    }

    /// A health sample, live.
    pub fn health(&self, agent: AgentId, sample: Arc<HealthSample>, now: WallMs) {
        {
            let mut state = self.state_mut();
            let recent = state.recent.entry(agent).or_default();
            recent.push(sample.clone());
            recent.sort_by_key(|s| s.at_ms);
            let extra = recent.len().saturating_sub(RECENT);
            recent.drain(..extra);
        }
        self.update(agent, |a| {
            a.sign_of_life(now);
            a.refresh(now);
            if a.health.as_ref().is_none_or(|old| old.at_ms <= sample.at_ms) {
                a.health = Some(sample.clone());
            }
        });
    }

    /// A stream's state.
    pub fn camera_status(&self, agent: AgentId, status: Arc<CameraStatus>, now: WallMs) {
        let camera = status.camera;
        let stream = StreamNow { agent, status, received_ms: now };
        self.state_mut().cameras.entry(camera).or_default().streams.insert(stream.status.stream, stream);
        self.tell(FleetChange::Camera(camera));
    }

    /// Passes over all agents and tells whose presence changed by time alone.
    pub fn pass_time(&self, now: WallMs) {
        let changed: Vec<AgentId> =
            self.state_mut().agents.values_mut().filter_map(|a| a.refresh(now).then_some(a.agent)).collect();
        for agent in changed {
            self.tell(FleetChange::Agent(agent));
        }
    }
}

impl AgentNow {
    /// True when it proves a Will wrong: whoever speaks is there.
    fn sign_of_life(&mut self, now: WallMs) -> bool {
        self.last_seen_ms = self.last_seen_ms.max(now);
        let wrong_will = self.said == Some(PresenceState::Lost);
        if wrong_will {
            self.said = Some(PresenceState::Online);
        }
        wrong_will
    }

    /// Decides presence anew; true when it changed.
    fn refresh(&mut self, now: WallMs) -> bool {
        let next = presence::decide(self.said, self.last_seen_ms, self.listening_ms, now);
        if next == self.presence {
            return false;
        }
        self.presence = next;
        self.presence_since_ms = now;
        true
    }
}
