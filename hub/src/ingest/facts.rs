//! Batches of facts: read, told apart from what came before, kept.
//!
//! A fact is known by (agent, epoch, class, number), and by (agent, origin) when it comes again from a new outbox. Order is
//! promised within a class, so numbers that are skipped are lost facts, and are said to be.

use std::collections::{BTreeMap, BTreeSet};

use farwatch_shared::id::{AgentId, CameraId, OutboxEpoch};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::MAX_FACTS;
use farwatch_shared::wire::latest::{FactBody, FaultKind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::keep::Keep;
use crate::audit::{self, Actor, Entry};
use crate::store::facts::MarkKey;
use crate::store::{self, Conn, Result};

/// Why a batch cannot be read at all.
#[derive(Debug, PartialEq, Eq)]
pub struct Rejected(pub String);

/// A batch whose envelope could be read.
#[derive(Debug)]
pub struct Batch {
    pub epoch: OutboxEpoch,
    /// Text: a class of a later version is counted and received too.
    pub class: String,
    pub facts: Vec<Read>,
}

/// One fact of it.
#[derive(Debug)]
pub struct Read {
    pub number: u64,
    pub fact: std::result::Result<Known, Unreadable>,
}

#[derive(Debug)]
pub struct Known {
    pub(super) at_ms: WallMs,
    pub(super) origin: String,
    pub(super) body: FactBody,
    /// The body as it came.
    pub(super) text: String,
}

/// Kept word for word.
#[derive(Debug)]
pub struct Unreadable {
    pub(super) reason: String,
    pub(super) text: String,
}

#[derive(Deserialize)]
struct RawBatch<'a> {
    epoch: OutboxEpoch,
    class: String,
    #[serde(borrow)]
    facts: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawFact<'a> {
    at_ms: WallMs,
    origin: String,
    #[serde(borrow)]
    body: &'a RawValue,
}

#[derive(Deserialize)]
struct Numbered {
    number: u64,
}

/// Reads a batch. Facts whose body is not understood are carried along as such.
///
/// # Errors
/// When not even epoch, class and numbers can be read, or there are too many facts.
pub fn read_batch(body: &[u8]) -> std::result::Result<Batch, Rejected> {
    let raw: RawBatch<'_> = serde_json::from_slice(body).map_err(|e| Rejected(e.to_string()))?;
    if raw.class.is_empty() || raw.class.len() > 32 || raw.class.bytes().any(|b| !(b.is_ascii_lowercase() || b == b'_'))
    {
        return Err(Rejected("the class is not a word".into()));
    }
    if raw.facts.is_empty() || raw.facts.len() > MAX_FACTS {
        return Err(Rejected(format!("{} facts in a batch, 1 to {MAX_FACTS} are taken", raw.facts.len())));
    }
    let mut facts = Vec::with_capacity(raw.facts.len());
    let mut last = 0;
    for text in raw.facts {
        let Numbered { number } = serde_json::from_str(text.get()).map_err(|e| Rejected(e.to_string()))?;
        if number <= last || number >= 1 << 53 {
            return Err(Rejected(format!("number {number} after {last}: numbers rise from 1")));
        }
        last = number;
        facts.push(Read { number, fact: read_fact(text.get()) });
    }
    Ok(Batch { epoch: raw.epoch, class: raw.class, facts })
}

fn read_fact(text: &str) -> std::result::Result<Known, Unreadable> {
    let unreadable = |reason: String| Unreadable { reason, text: text.to_owned() };
    let raw: RawFact<'_> = serde_json::from_str(text).map_err(|e| unreadable(e.to_string()))?;
    if raw.origin.is_empty() || raw.origin.len() > 200 {
        return Err(unreadable("the origin is empty or longer than 200".into()));
    }
    let body: FactBody = serde_json::from_str(raw.body.get()).map_err(|e| unreadable(e.to_string()))?;
    sensible(&body).map_err(|reason| unreadable(reason.to_owned()))?;
    Ok(Known { at_ms: raw.at_ms, origin: raw.origin, body, text: raw.body.get().to_owned() })
}

/// What the tables would refuse is found here, so that one bad fact does not hold up the others of its batch.
fn sensible(body: &FactBody) -> std::result::Result<(), &'static str> {
    match body {
        FactBody::Gap(g) if g.start_ms > g.end_ms => Err("the gap ends before it begins"),
        FactBody::ChainHead(s) if s.start_ms > s.end_ms || s.first_sequence > s.last_sequence => {
            Err("the stretch ends before it begins")
        }
        FactBody::ChainHead(s) if s.activity.len() > 60 => Err("more than 60 slots of activity"),
        FactBody::Health(h) if h.samples.len() > 60 => Err("more than 60 samples"),
        FactBody::Event(e) if e.start_ms > e.end_ms => Err("the event ends before it begins"),
        FactBody::Fault(f) if f.span.is_some_and(|s| s.start_ms >= s.end_ms) => {
            Err("the fault's footage ends before it begins")
        }
        _ => Ok(()),
    }
}

/// What became of a batch.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// Committed without an open break up to here.
    pub through: u64,
    pub new: u64,
    pub duplicates: u64,
    pub lost: u64,
    pub quarantined: u64,
    /// Whose timeline changed.
    pub cameras: BTreeSet<CameraId>,
    /// Signed documents that were not believed, or that left a hole: a security event each.
    pub disbelieved: Vec<Disbelieved>,
    /// The agent's open faults by kind, when they changed.
    pub faults: Option<BTreeMap<FaultKind, u32>>,
}

/// A signed document that was not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disbelieved {
    /// `coverage`, `checkpoint` or `deletion`.
    pub what: &'static str,
    pub refusal: Refusal,
    pub detail: String,
}

/// Keeps a batch in the writer's transaction.
///
/// # Errors
/// When the database fails; then nothing of it is kept.
pub async fn store(c: &mut Conn, agent: AgentId, batch: Batch, now: WallMs) -> Result<Stored> {
    let key = MarkKey { agent, epoch: batch.epoch, class: batch.class };
    let mut through = store::facts::through(c, &key).await?;
    let mut done = Stored::default();
    let mut keep = Keep::new(agent, &key, now);
    for read in batch.facts {
        if read.number <= through {
            if !store::facts::fill_hole(c, &key, read.number, now).await? {
                done.duplicates += 1;
                continue;
            }
        } else if read.number > through + 1 {
            store::facts::insert_hole(c, &key, through + 1, read.number - 1, now).await?;
            done.lost += read.number - through - 1;
            let entry = Entry::done(now, Actor::Hub, "fact.lost", agent)
                .with("class", key.class.as_str())
                .with("epoch", key.epoch.to_string())
                .with("first", through + 1)
                .with("last", read.number - 1);
            audit::append(c, &entry).await?;
        }
        keep.one(c, read.number, read.fact, &mut done).await?;
        through = through.max(read.number);
    }
    store::facts::set_through(c, &key, through, now).await?;
    done.through = through;
    Ok(done)
}
