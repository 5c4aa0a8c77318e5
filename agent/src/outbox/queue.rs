//! The queue in its database: numbers, bounds, what is received. Used by one thread.

use std::collections::BTreeMap;
use std::path::PathBuf;

use farwatch_shared::id::OutboxEpoch;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Clock, WallMs};
use farwatch_shared::wire::latest::{DroppedFacts, EpochStarted, Fact, FactBatch, FactBody, FactClass, Received};
use farwatch_shared::wire::{MAX_BODY, MAX_FACTS};
use tracing::{info, warn};

use super::derive::Draft;
use super::mark::{Mark, Meta, Reading, Verdict, judge};
use crate::store::{Batch, Db, StoreError, frame, replace_json, unframe};

const VERSION: u8 = 1;
const META: &[u8] = b"m";
const FACT: u8 = b'f';
/// Room in a batch for its own fields around the facts.
const ENVELOPE: usize = 512;
/// One fact may not fill a packet by itself.
const MAX_FACT: usize = MAX_BODY - ENVELOPE;

/// The outbox as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxState {
    pub epoch: OutboxEpoch,
    pub waiting: u64,
    pub bytes: ByteSize,
    pub oldest_ms: Option<WallMs>,
    pub dropped: u64,
    /// Full of facts that may not be dropped: no footage leaves until the hub has taken some.
    pub full: bool,
    /// Highest number handed out and committed on our disk, per class.
    pub high: BTreeMap<FactClass, u64>,
    /// Highest number the hub has committed, per class.
    pub received: BTreeMap<FactClass, u64>,
}

/// Numbers and sizes of one class's waiting facts.
#[derive(Debug, Clone, Copy, Default)]
struct Waiting {
    count: u64,
    bytes: u64,
}

pub struct Queue {
    db: Db,
    mark: PathBuf,
    clock: Clock,
    bound: u64,
    meta: Meta,
    safe: Reading,
    waiting: BTreeMap<FactClass, Waiting>,
    /// Rows changed since the last durable point; only receipts, which may be lost.
    loose: bool,
}

fn class_byte(class: FactClass) -> u8 {
    u8::try_from(FactClass::ALL.iter().position(|c| *c == class).unwrap_or(usize::MAX)).unwrap_or(u8::MAX)
}

fn key(class: FactClass, number: u64) -> Vec<u8> {
    let mut key = vec![FACT, class_byte(class)];
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn number_of(key: &[u8]) -> u64 {
    key.get(2..).and_then(|b| b.try_into().ok()).map_or(0, u64::from_be_bytes)
}

impl Queue {
    /// Takes an open database on, starting a new epoch when it lost something.
    ///
    /// # Errors
    /// When the database or the mark cannot be written.
    pub fn resume(db: Db, mark: PathBuf, clock: Clock, bound: u64) -> Result<Self, StoreError> {
        let meta = db.get(META)?.and_then(|row| serde_json::from_slice::<Meta>(unframe(VERSION, &row).ok()?).ok());
        let read = std::fs::read(&mark).ok().and_then(|bytes| serde_json::from_slice::<Mark>(&bytes).ok());
        let mut waiting = BTreeMap::new();
        let rows_whole = match &meta {
            Some(meta) => count_rows(&db, meta, &mut waiting)?,
            None => false,
        };
        let verdict = judge(meta.as_ref(), read.as_ref(), rows_whole);
        let safe = read.as_ref().map(|m| m.safe.clone()).unwrap_or_default();
        match (meta, verdict) {
            (Some(meta), Verdict::Continue) => Ok(Self { db, mark, clock, bound, meta, safe, waiting, loose: false }),
            (meta, verdict) => {
                let why = match verdict {
                    Verdict::NewEpoch { why } => why,
                    Verdict::Continue => "first start".into(),
                };
                let previous = read.as_ref().map(|m| m.epoch).or(meta.as_ref().map(|m| m.epoch));
                let previous_high = read.map(|m| m.high).or(meta.map(|m| m.high)).unwrap_or_default();
                let mut empty = Batch::default();
                for row in db.range(&[0], &[0xff; 16]) {
                    empty.remove(&row?.0);
                }
                db.apply(empty)?;
                let meta = Meta::begin(safe.clone());
                info!(epoch = %meta.epoch, %why, "the outbox begins a new epoch");
                let mut queue = Self { db, mark, clock, bound, meta, safe, waiting: BTreeMap::new(), loose: false };
                let started = FactBody::EpochStarted(EpochStarted { previous, previous_high, why });
                let draft = queue.own(started, "started".into());
                let reading = queue.meta.reading.clone();
                queue.push(vec![draft], reading)?;
                Ok(queue)
            }
        }
    }

    #[must_use]
    pub fn reading(&self) -> &Reading {
        &self.meta.reading
    }

    fn own(&self, body: FactBody, what: String) -> Draft {
        Draft {
            class: FactClass::Outbox,
            at_ms: self.clock.wall(),
            origin: format!("outbox/{}/{what}", self.meta.epoch),
            body,
        }
    }

    /// Numbers and commits facts together with how far the ledgers were read; then moves the mark. Durable on return.
    ///
    /// # Errors
    /// When the disk refuses. Nothing counts as handed out then.
    pub fn push(&mut self, drafts: Vec<Draft>, reading: Reading) -> Result<(), StoreError> {
        let mut meta = Meta { reading, ..self.meta.clone() };
        let mut waiting = self.waiting.clone();
        let mut batch = Batch::default();
        for draft in drafts {
            let number = meta.high.get(&draft.class).copied().unwrap_or(0) + 1;
            let fact = Fact { number, at_ms: draft.at_ms, origin: draft.origin, body: draft.body };
            let bytes = serde_json::to_vec(&fact).unwrap_or_default();
            if bytes.is_empty() || bytes.len() > MAX_FACT {
                warn!(origin = %fact.origin, bytes = bytes.len(), "a fact is too large for any packet and stays in the ledger");
                continue;
            }
            let row = frame(VERSION, &bytes);
            let of_class = waiting.entry(draft.class).or_default();
            of_class.count += 1;
            of_class.bytes += row.len() as u64;
            batch.put(&key(draft.class, number), row);
            meta.high.insert(draft.class, number);
        }
        batch.put(META, meta_row(&meta));
        self.db.apply(batch)?;
        self.db.durable()?;
        self.meta = meta;
        self.waiting = waiting;
        self.loose = false;
        self.write_mark()?;
        self.make_room()
    }

    fn write_mark(&mut self) -> Result<(), StoreError> {
        if self.all_received() {
            self.safe = self.meta.reading.clone();
        }
        let mark = Mark { epoch: self.meta.epoch, high: self.meta.high.clone(), safe: self.safe.clone() };
        replace_json(&self.mark, &mark).map_err(StoreError::Sync)
    }

    fn all_received(&self) -> bool {
        // What the outbox says of itself and health are not derived from ledgers.
        self.waiting.iter().all(|(class, w)| w.count == 0 || matches!(class, FactClass::Outbox | FactClass::Health))
    }

    /// Drops the least important, oldest first, until there is room again; says so.
    fn make_room(&mut self) -> Result<(), StoreError> {
        if self.bytes() <= self.bound {
            return Ok(());
        }
        let enough = self.bound / 10 * 9;
        let mut told = Vec::new();
        for class in FactClass::ALL.into_iter().rev() {
            if class.never_dropped() || class == FactClass::Outbox {
                continue;
            }
            let mut batch = Batch::default();
            let (mut first, mut last, mut count) = (0, 0, 0u64);
            for row in self.db.range(&key(class, 0), &key(class, u64::MAX)) {
                if self.bytes() <= enough {
                    break;
                }
                let (row_key, value) = row?;
                last = number_of(&row_key);
                first = if count == 0 { last } else { first };
                count += 1;
                batch.remove(&row_key);
                let of_class = self.waiting.entry(class).or_default();
                of_class.count = of_class.count.saturating_sub(1);
                of_class.bytes = of_class.bytes.saturating_sub(value.len() as u64);
            }
            if count > 0 {
                self.db.apply(batch)?;
                self.meta.dropped += count;
                warn!(class = class.as_str(), first, last, "the outbox is full; facts were dropped");
                let body = FactBody::Dropped(DroppedFacts { class, first, last, count });
                told.push(self.own(body, format!("dropped/{}/{first}", class.as_str())));
            }
        }
        if told.is_empty() {
            return Ok(());
        }
        let reading = self.meta.reading.clone();
        self.push(told, reading)
    }

    /// The hub has committed these: they are forgotten. Need not be durable, since the hub knows a repeated one.
    ///
    /// # Errors
    /// When the database fails.
    pub fn received(&mut self, received: &Received) -> Result<(), StoreError> {
        if received.epoch != self.meta.epoch {
            return Ok(());
        }
        for (class, through) in &received.through {
            let through = (*through).min(self.meta.high.get(class).copied().unwrap_or(0));
            let mut batch = Batch::default();
            for row in self.db.range(&key(*class, 0), &key(*class, through + 1)) {
                let (row_key, value) = row?;
                batch.remove(&row_key);
                let of_class = self.waiting.entry(*class).or_default();
                of_class.count = of_class.count.saturating_sub(1);
                of_class.bytes = of_class.bytes.saturating_sub(value.len() as u64);
            }
            let known = self.meta.received.entry(*class).or_default();
            *known = (*known).max(through);
            batch.put(META, meta_row(&self.meta));
            self.db.apply(batch)?;
        }
        self.loose = true;
        Ok(())
    }

    /// Facts of a class after a number, as many as fit in one message.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub fn batch(&self, class: FactClass, after: u64) -> Result<Option<FactBatch>, StoreError> {
        let mut facts = Vec::new();
        let mut size = ENVELOPE;
        for row in self.db.range(&key(class, after + 1), &key(class, u64::MAX)) {
            let (_, value) = row?;
            size += value.len() + 1;
            if facts.len() == MAX_FACTS || (size > MAX_BODY && !facts.is_empty()) {
                break;
            }
            let fact = unframe(VERSION, &value).ok().and_then(|bytes| serde_json::from_slice::<Fact>(bytes).ok());
            facts.extend(fact);
        }
        Ok((!facts.is_empty()).then_some(FactBatch { epoch: self.meta.epoch, class, facts }))
    }

    /// To be called now and then: receipts become durable and the mark follows.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn settle(&mut self) -> Result<(), StoreError> {
        if !self.loose {
            return Ok(());
        }
        self.db.durable()?;
        self.loose = false;
        self.write_mark()
    }

    fn bytes(&self) -> u64 {
        self.waiting.values().map(|w| w.bytes).sum()
    }

    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes() > self.bound
    }

    #[must_use]
    pub fn state(&self) -> OutboxState {
        let oldest_ms = FactClass::ALL
            .into_iter()
            .filter(|class| self.waiting.get(class).is_some_and(|w| w.count > 0))
            .filter_map(|class| {
                let row = self.db.range(&key(class, 0), &key(class, u64::MAX)).next()?.ok()?;
                let fact: Fact = serde_json::from_slice(unframe(VERSION, &row.1).ok()?).ok()?;
                Some(fact.at_ms)
            })
            .min();
        OutboxState {
            epoch: self.meta.epoch,
            waiting: self.waiting.values().map(|w| w.count).sum(),
            bytes: ByteSize(self.bytes()),
            oldest_ms,
            dropped: self.meta.dropped,
            full: self.is_full(),
            high: self.meta.high.clone(),
            received: self.meta.received.clone(),
        }
    }

    /// # Errors
    /// When the last writes cannot be made durable.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.settle()?;
        self.db.close()
    }
}

fn meta_row(meta: &Meta) -> Vec<u8> {
    frame(VERSION, &serde_json::to_vec(meta).unwrap_or_default())
}

/// Counts what waits; `false` when a number between the first and the highest is missing or unreadable.
fn count_rows(db: &Db, meta: &Meta, waiting: &mut BTreeMap<FactClass, Waiting>) -> Result<bool, StoreError> {
    for class in FactClass::ALL {
        let high = meta.high.get(&class).copied().unwrap_or(0);
        let received = meta.received.get(&class).copied().unwrap_or(0);
        let mut of_class = Waiting::default();
        let mut expected = None;
        for row in db.range(&key(class, 0), &key(class, u64::MAX)) {
            let (row_key, value) = row?;
            let number = number_of(&row_key);
            if expected.is_some_and(|e| e != number) || unframe(VERSION, &value).is_err() {
                return Ok(false);
            }
            expected = Some(number + 1);
            of_class.count += 1;
            of_class.bytes += value.len() as u64;
        }
        // Dropping takes from the front, so the end is always there.
        let end_is_there = expected.map_or(high <= received || meta.dropped > 0, |next| next == high + 1);
        if !end_is_there {
            return Ok(false);
        }
        waiting.insert(class, of_class);
    }
    Ok(true)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
