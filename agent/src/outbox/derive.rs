//! Ledger entries become facts. Pure: the same entry gives the same fact with the same origin, whenever it is read.

use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{
    CheckpointFact, CoverageFact, DeletionFact, EventFact, FactBody, FactClass, GapFact,
};

use crate::ledger::agent::{AgentBody, AgentEntry};
use crate::ledger::entry::{Gap, RecorderEntry};
use crate::ledger::follow::Followed;

/// A fact that has no number yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub class: FactClass,
    pub at_ms: WallMs,
    pub origin: String,
    pub body: FactBody,
}

/// What a recorder's entry tells the hub.
#[must_use]
pub fn of_recorder(followed: &Followed) -> Option<Draft> {
    match &followed.entry {
        RecorderEntry::Gap(gap) => Some(Draft {
            class: FactClass::Gap,
            at_ms: gap.end.wall_ms,
            origin: followed.origin(),
            body: gap_body(gap),
        }),
        RecorderEntry::Clock { fact } => Some(Draft {
            class: FactClass::Clock,
            at_ms: fact.at_ms,
            origin: followed.origin(),
            body: FactBody::Clock(fact.clone()),
        }),
        RecorderEntry::Event { camera, trigger, start, end, detail } => Some(Draft {
            class: FactClass::Event,
            // A pulse may end later than now.
            at_ms: start.wall_ms,
            origin: followed.origin(),
            body: FactBody::Event(EventFact {
                camera: *camera,
                trigger: *trigger,
                start_ms: start.wall_ms,
                end_ms: end.wall_ms.max(start.wall_ms.plus_ms(1)),
                detail: detail.clone(),
            }),
        }),
        // Closings travel as chain heads, which the agent's own log has.
        RecorderEntry::Closed(_)
        | RecorderEntry::Recovered { .. }
        | RecorderEntry::Started { .. }
        | RecorderEntry::Settled { .. }
        | RecorderEntry::RunOpened { .. }
        | RecorderEntry::SwitchedOff { .. }
        | RecorderEntry::Deleted { .. }
        | RecorderEntry::CleanStop { .. } => None,
    }
}

fn gap_body(gap: &Gap) -> FactBody {
    FactBody::Gap(GapFact {
        camera: gap.camera,
        stream: gap.stream,
        start_ms: gap.start.wall_ms,
        // A clock stepped back within the gap must not turn it around.
        end_ms: gap.end.wall_ms.max(gap.start.wall_ms.plus_ms(1)),
        cause: gap.cause,
        detail: gap.detail.clone(),
    })
}

/// What an entry of the agent's log tells the hub.
#[must_use]
pub fn of_agent(index: u64, entry: &AgentEntry) -> Option<Draft> {
    let (class, body) = match &entry.body {
        AgentBody::Access { fact } => (FactClass::Access, FactBody::Access(fact.clone())),
        AgentBody::Hold { fact } => (FactClass::Hold, FactBody::Hold(fact.clone())),
        AgentBody::Breach { fact } => (FactClass::Breach, FactBody::Breach(fact.clone())),
        AgentBody::Security { fact } => (FactClass::Security, FactBody::Security(fact.clone())),
        AgentBody::Fault { fact, .. } => (FactClass::Fault, FactBody::Fault(fact.clone())),
        AgentBody::Clock { fact } => (FactClass::Clock, FactBody::Clock(fact.clone())),
        AgentBody::Head { fact, .. } => (FactClass::ChainHead, FactBody::ChainHead(fact.clone())),
        AgentBody::Checkpoint { signed, .. } => {
            (FactClass::ChainHead, FactBody::Checkpoint(CheckpointFact { checkpoint: signed.clone() }))
        }
        AgentBody::Coverage { signed } => {
            (FactClass::Coverage, FactBody::Coverage(CoverageFact { statement: signed.clone() }))
        }
        AgentBody::Certificate { signed } => {
            (FactClass::Deletion, FactBody::Deletion(DeletionFact { certificate: signed.clone() }))
        }
        AgentBody::Session { .. }
        | AgentBody::Accepted { .. }
        | AgentBody::Spent { .. }
        | AgentBody::LogGone { .. }
        | AgentBody::Deleting { .. } => return None,
    };
    Some(Draft { class, at_ms: entry.at_ms, origin: format!("agent/{index}"), body })
}
