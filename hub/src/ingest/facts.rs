//! Batches of facts: read, told apart from what came before, kept.
//!
//! A fact is known by (agent, epoch, class, number), and by (agent, origin) when it comes again from a new outbox. Order is
//! promised within a class, so numbers that are skipped are lost facts, and are said to be.

use std::collections::{BTreeMap, BTreeSet};

use farwatch_shared::id::{AgentId, CameraId, OutboxEpoch};
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::MAX_FACTS;
use farwatch_shared::wire::latest::{FactBody, HealthSample};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::audit::{self, Actor, Entry};
use crate::store::facts::{FactRow, MarkKey};
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
    at_ms: WallMs,
    origin: String,
    body: FactBody,
    /// The body as it came.
    text: String,
}

/// Kept word for word.
#[derive(Debug)]
pub struct Unreadable {
    reason: String,
    text: String,
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
}

/// Keeps a batch in the writer's transaction.
///
/// # Errors
/// When the database fails; then nothing of it is kept.
pub async fn store(c: &mut Conn, agent: AgentId, batch: Batch, now: WallMs) -> Result<Stored> {
    let key = MarkKey { agent, epoch: batch.epoch, class: batch.class };
    let mut through = store::facts::through(c, &key).await?;
    let mut done = Stored::default();
    let mut keep = Keep { agent, key: &key, now, owners: BTreeMap::new() };
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

struct Keep<'a> {
    agent: AgentId,
    key: &'a MarkKey,
    now: WallMs,
    owners: BTreeMap<CameraId, bool>,
}

impl Keep<'_> {
    async fn one(
        &mut self,
        c: &mut Conn,
        number: u64,
        fact: std::result::Result<Known, Unreadable>,
        done: &mut Stored,
    ) -> Result<()> {
        let known = match fact {
            Ok(known) => known,
            Err(unreadable) => return self.quarantine(c, &unreadable.reason, unreadable.text, done).await,
        };
        let new = match &known.body {
            FactBody::Gap(g) => {
                if !self.owns(c, g.camera).await? {
                    return self.quarantine(c, "the gap is of a camera of another agent", known.text, done).await;
                }
                done.cameras.insert(g.camera);
                store::timeline::insert_gap(c, self.agent, &known.origin, g, self.now).await?
            }
            FactBody::ChainHead(s) => {
                if !self.owns(c, s.camera).await? {
                    return self.quarantine(c, "the footage is of a camera of another agent", known.text, done).await;
                }
                done.cameras.insert(s.camera);
                store::timeline::insert_span(c, self.agent, &known.origin, s, self.now).await?
            }
            FactBody::Health(packed) => {
                self.samples(c, &packed.samples).await?;
                true
            }
            other => self.words(c, number, &known, other).await?,
        };
        *if new { &mut done.new } else { &mut done.duplicates } += 1;
        Ok(())
    }

    async fn owns(&mut self, c: &mut Conn, camera: CameraId) -> Result<bool> {
        if let Some(owns) = self.owners.get(&camera) {
            return Ok(*owns);
        }
        let owns = store::cameras::owner(c, camera).await? == Some(self.agent);
        self.owners.insert(camera, owns);
        Ok(owns)
    }

    async fn quarantine(&self, c: &mut Conn, reason: &str, text: String, done: &mut Stored) -> Result<()> {
        let kept = store::quarantine::put(c, self.agent, "fact", reason, text.into_bytes(), self.now).await?;
        done.quarantined += u64::from(kept);
        Ok(())
    }

    async fn samples(&self, c: &mut Conn, samples: &[HealthSample]) -> Result<()> {
        let mut chunks: BTreeMap<WallMs, Vec<HealthSample>> = BTreeMap::new();
        for sample in samples {
            chunks.entry(store::health::chunk_of(sample.at_ms)).or_default().push(sample.clone());
        }
        for (chunk, samples) in chunks {
            store::health::add(c, self.agent, chunk, samples).await?;
        }
        Ok(())
    }

    /// Facts kept word for word; those a person should be able to find are journaled too.
    async fn words(&self, c: &mut Conn, number: u64, known: &Known, body: &FactBody) -> Result<bool> {
        let (kind, journaled) = match body {
            FactBody::Gap(_) => ("gap", None),
            FactBody::ChainHead(_) => ("chain_head", None),
            FactBody::Health(_) => ("health", None),
            FactBody::Access(_) => ("access", Some("agent.access")),
            FactBody::Hold(_) => ("hold", Some("agent.hold")),
            FactBody::Breach(_) => ("breach", Some("agent.breach")),
            FactBody::Security(_) => ("security", Some("agent.security")),
            FactBody::EpochStarted(_) => ("epoch_started", Some("agent.outbox")),
            FactBody::Dropped(_) => ("dropped", Some("agent.outbox")),
            FactBody::Coverage(_) => ("coverage", None),
            FactBody::Checkpoint(_) => ("checkpoint", None),
            FactBody::Deletion(_) => ("deletion", Some("agent.deletion")),
            FactBody::Event(_) => ("event", None),
            FactBody::Clock(_) => ("clock", Some("agent.clock")),
            FactBody::Fault(_) => ("fault", Some("agent.fault")),
        };
        let row = FactRow {
            agent: self.agent,
            origin: known.origin.clone(),
            class: self.key.class.clone(),
            kind: kind.to_owned(),
            epoch: self.key.epoch,
            number,
            at_ms: known.at_ms,
            received_ms: self.now,
            body: known.text.clone(),
        };
        let new = store::facts::insert(c, &row).await?;
        if let Some(action) = journaled.filter(|_| new) {
            let entry = Entry::done(self.now, Actor::Agent(self.agent), action, self.agent)
                .with("kind", kind)
                .with("fact", known.text.as_str());
            audit::append(c, &entry).await?;
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::recording::{Mode, Targets};
    use crate::store::testing;
    use farwatch_shared::id::StreamName;
    use farwatch_shared::time::Span;
    use farwatch_shared::wire::latest::{SourceChoice, WhenShort};

    async fn house() -> (crate::store::Db, AgentId, CameraId, tempfile::TempDir) {
        let (db, dir) = testing::db().await;
        let (agent, camera) = (AgentId::generate(), CameraId::generate());
        let site = farwatch_shared::id::SiteId::generate();
        db.write(move |c| {
            Box::pin(async move {
                let row =
                    store::sites::SiteRow { site, name: "s".into(), time_zone: "UTC".into(), created_ms: WallMs(0) };
                store::sites::insert(c, &row).await?;
                let agent_row = store::agents::AgentRow {
                    agent,
                    site,
                    hostname: String::new(),
                    version: String::new(),
                    target: String::new(),
                    signing_key: farwatch_shared::keys::SignKey::generate().unwrap().public(),
                    sealing_key: farwatch_shared::keys::OpenKey::generate().public(),
                    enrolled_ms: WallMs(0),
                    session: 0,
                    boot_id: String::new(),
                    nonce: String::new(),
                    presence: None,
                    presence_ms: WallMs(0),
                    last_seen_ms: WallMs(0),
                    revoked_ms: None,
                    revoked_reason: String::new(),
                    policy_version: 1,
                    when_short: WhenShort::default(),
                };
                store::agents::insert(c, &agent_row).await?;
                let camera_row = store::cameras::CameraRow {
                    camera,
                    agent,
                    name: "c".into(),
                    source: SourceChoice::Auto,
                    recording: Mode::default(),
                    audio_purpose: None,
                    url: "rtsp://x/".into(),
                    sub_url: None,
                    credential: None,
                    recovery: None,
                    ca_pem: None,
                    floor_days: 30,
                    ceiling_days: None,
                    event_days: None,
                    quota: None,
                    targets: Targets::default(),
                    created_ms: WallMs(0),
                    removed_ms: None,
                };
                store::cameras::put(c, &camera_row).await
            })
        })
        .await
        .unwrap();
        (db, agent, camera, dir)
    }

    fn gap(number: u64, origin: u64, camera: CameraId) -> String {
        format!(
            "{{\"number\":{number},\"at_ms\":1,\"origin\":\"r/{origin}\",\"body\":{{\"kind\":\"gap\",\"camera\":\"{camera}\",\
             \"stream\":\"main\",\"start_ms\":{},\"end_ms\":{},\"cause\":\"camera\"}}}}",
            origin * 10,
            origin * 10 + 5
        )
    }

    fn batch(epoch: OutboxEpoch, facts: &[String]) -> Vec<u8> {
        format!("{{\"epoch\":\"{epoch}\",\"class\":\"gap\",\"facts\":[{}]}}", facts.join(",")).into_bytes()
    }

    async fn take(db: &crate::store::Db, agent: AgentId, body: Vec<u8>) -> Stored {
        let batch = read_batch(&body).unwrap();
        db.write(move |c| Box::pin(async move { store(c, agent, batch, WallMs(9)).await })).await.unwrap()
    }

    // OPS-02; PEERS 11
    #[tokio::test]
    async fn a_fact_sent_twice_or_from_a_new_outbox_is_kept_once() {
        let (db, agent, camera, _dir) = house().await;
        let (first, second) = (OutboxEpoch::generate(), OutboxEpoch::generate());
        let facts = [gap(1, 1, camera), gap(2, 2, camera)];
        assert_eq!(take(&db, agent, batch(first, &facts)).await.new, 2);
        let again = take(&db, agent, batch(first, &facts)).await;
        assert_eq!((again.new, again.duplicates, again.through), (0, 2, 2));
        let anew = take(&db, agent, batch(second, &[gap(1, 2, camera), gap(2, 3, camera)])).await;
        assert_eq!((anew.new, anew.duplicates, anew.through), (1, 1, 2));
        let range = Span::new(WallMs(0), WallMs(1000)).unwrap();
        let gaps = store::timeline::gaps(&mut db.read().await.unwrap(), camera, StreamName::Main, range, None)
            .await
            .unwrap()
            .rows;
        assert_eq!(gaps.len(), 3);
    }

    #[tokio::test]
    async fn a_hole_in_numbers_is_said_and_closes_when_they_come_late() {
        let (db, agent, camera, _dir) = house().await;
        let epoch = OutboxEpoch::generate();
        take(&db, agent, batch(epoch, &[gap(1, 1, camera)])).await;
        let jumped = take(&db, agent, batch(epoch, &[gap(5, 5, camera)])).await;
        assert_eq!((jumped.lost, jumped.through), (3, 5));
        let late = take(&db, agent, batch(epoch, &[gap(3, 3, camera)])).await;
        assert_eq!((late.new, late.duplicates, late.through), (1, 0, 5));
        let holes = store::facts::holes(&mut db.read().await.unwrap(), agent).await.unwrap();
        let mut ranges: Vec<_> = holes.iter().map(|h| (h.first, h.last)).collect();
        ranges.sort_unstable();
        assert_eq!(ranges, [(2, 2), (4, 4)]);
    }

    // PEERS 12
    #[tokio::test]
    async fn an_unreadable_fact_is_kept_word_for_word_and_received() {
        let (db, agent, camera, _dir) = house().await;
        let epoch = OutboxEpoch::generate();
        let strange =
            "{\"number\":2,\"at_ms\":1,\"origin\":\"r/2\",\"body\":{\"kind\":\"of a later version\",\"x\":1}}";
        let other = gap(3, 3, CameraId::generate());
        let reversed = gap(4, 4, camera).replace("\"end_ms\":45", "\"end_ms\":1");
        let facts = [gap(1, 1, camera), strange.to_owned(), other, reversed, gap(5, 5, camera)];
        let stored = take(&db, agent, batch(epoch, &facts)).await;
        assert_eq!((stored.new, stored.quarantined, stored.through, stored.lost), (2, 3, 5, 0));
        assert_eq!(store::quarantine::count(&mut db.read().await.unwrap(), agent).await.unwrap(), 3);
    }

    #[test]
    fn what_is_no_batch_is_rejected_whole() {
        let epoch = OutboxEpoch::generate();
        for bad in [
            b"{".to_vec(),
            b"[]".to_vec(),
            batch(epoch, &[]),
            batch(epoch, &["{\"at_ms\":1}".to_owned()]),
            batch(epoch, &["{\"number\":0}".to_owned()]),
            batch(epoch, &["{\"number\":2}".to_owned(), "{\"number\":2}".to_owned()]),
            batch(epoch, &vec!["{\"number\":2}".to_owned(); 101]),
        ] {
            assert!(read_batch(&bad).is_err(), "{}", String::from_utf8_lossy(&bad));
        }
    }
}
