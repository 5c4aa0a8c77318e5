//! The answer: the same shape whether the agent runs or not.

use std::path::Path;

use farwatch_shared::id::AgentId;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{CameraStatus, DiskHealth, DiskWear, FaultFact, OutboxHealth, Problem};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::config::Home;
use crate::enrol::{Identity, boot_id};
use crate::health::{Faults, Sources, camera_states, disk_of, footage};
use crate::outbox::Outbox;
use crate::recorder::address::Address;
use crate::recorder::protocol::Current;
use crate::scrub::Progress;
use crate::uplink::Line;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    pub enrolled: bool,
    /// Whether `farwatch-agent run` answers; without it the rest is what the disk says.
    pub running: bool,
    /// Whether the hub hears us now.
    pub connected: bool,
    #[serde(default)]
    pub agent: Option<AgentId>,
    #[serde(default)]
    pub hub: Option<String>,
    #[serde(default)]
    pub site: Option<String>,
    /// Since when the line is as it is.
    #[serde(default)]
    pub line_since_ms: Option<WallMs>,
    #[serde(default)]
    pub certificate_expires_ms: Option<WallMs>,
    pub recorder: RecorderStatus,
    /// Desired generation that is applied; 0 before the first.
    pub generation: u64,
    #[serde(default)]
    pub problems: Vec<Problem>,
    pub cameras: Vec<CameraStatus>,
    /// What is broken, since when.
    #[serde(default)]
    pub faults: Vec<StandingFault>,
    /// How far stored footage was read again.
    #[serde(default)]
    pub scrub: Option<Progress>,
    pub disk: DiskHealth,
    pub outbox: OutboxHealth,
    pub version: String,
    pub now_ms: WallMs,
}

/// A fault nobody has seen mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingFault {
    pub since_ms: WallMs,
    #[serde(flatten)]
    pub fact: FaultFact,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderStatus {
    pub running: bool,
    #[serde(default)]
    pub pid: Option<u32>,
    #[serde(default)]
    pub sync_bound_ms: Option<u64>,
}

/// Where a running agent's answer comes from.
#[derive(Clone)]
pub struct StatusSources {
    pub identity: watch::Receiver<std::sync::Arc<Identity>>,
    pub sources: Sources,
    pub line: watch::Receiver<Line>,
    pub outbox: Outbox,
    pub faults: Faults,
    pub scrub: watch::Receiver<Progress>,
    pub wear: watch::Receiver<Option<DiskWear>>,
    pub vault: std::path::PathBuf,
}

impl StatusSources {
    #[must_use]
    pub fn now(&self) -> Status {
        let identity = self.identity.borrow().clone();
        let applied = self.sources.applied.borrow().clone();
        let recorder = self.sources.recorder.borrow().clone();
        let line = self.line.borrow().clone();
        let outbox = self.outbox.state().borrow().clone();
        Status {
            enrolled: true,
            running: true,
            connected: line.session().is_some(),
            agent: Some(identity.hub.agent),
            hub: Some(identity.hub.hub_name.clone()),
            site: Some(identity.hub.site_name.clone()),
            line_since_ms: Some(match &line {
                Line::Up(session) => session.since_ms,
                Line::Down { since_ms } => *since_ms,
            }),
            certificate_expires_ms: identity.validity().map(|(_, until)| until),
            recorder: RecorderStatus {
                running: recorder.is_running(),
                pid: recorder.pid,
                sync_bound_ms: recorder.sync_bound_ms,
            },
            generation: applied.generation,
            problems: applied.problems,
            cameras: camera_states(&self.sources),
            faults: standing(&self.faults),
            scrub: Some(self.scrub.borrow().clone()),
            disk: disk_of(&self.vault, footage(&self.sources), self.wear.borrow().clone()),
            outbox: outbox.map_or_else(no_outbox, |o| OutboxHealth {
                waiting: o.waiting,
                bytes: o.bytes,
                oldest_ms: o.oldest_ms,
                dropped: o.dropped,
            }),
            version: env!("CARGO_PKG_VERSION").into(),
            now_ms: self.sources.clock.wall(),
        }
    }
}

fn standing(faults: &Faults) -> Vec<StandingFault> {
    faults.all().into_iter().map(|open| StandingFault { since_ms: open.since_ms, fact: open.fact }).collect()
}

fn no_outbox() -> OutboxHealth {
    OutboxHealth { waiting: 0, bytes: ByteSize(0), oldest_ms: None, dropped: 0 }
}

/// What can be said while no agent runs. The recorder may run all the same.
#[must_use]
pub fn from_disk(home: &Home, now_ms: WallMs) -> Status {
    let identity = Identity::load(home).ok();
    Status {
        enrolled: identity.is_some(),
        running: false,
        connected: false,
        agent: identity.as_ref().map(|i| i.hub.agent),
        hub: identity.as_ref().map(|i| i.hub.hub_name.clone()),
        site: identity.as_ref().map(|i| i.hub.site_name.clone()),
        line_since_ms: None,
        certificate_expires_ms: identity.as_ref().and_then(|i| i.validity()).map(|(_, until)| until),
        recorder: recorder_on_disk(&home.recorder()),
        generation: 0,
        problems: Vec::new(),
        cameras: Vec::new(),
        faults: Vec::new(),
        scrub: None,
        disk: disk_of(&home.vault(), ByteSize(0), None),
        outbox: no_outbox(),
        version: env!("CARGO_PKG_VERSION").into(),
        now_ms,
    }
}

fn recorder_on_disk(dir: &Path) -> RecorderStatus {
    let current = std::fs::read(dir.join("current")).ok();
    let Some(current) = current.and_then(|bytes| serde_json::from_slice::<Current>(&bytes).ok()) else {
        return RecorderStatus::default();
    };
    let answers = current.boot_id == boot_id()
        && Address::of(&dir.join(&current.socket)).and_then(std::os::unix::net::UnixStream::connect).is_ok();
    RecorderStatus { running: answers, pid: answers.then_some(current.pid), sync_bound_ms: None }
}
