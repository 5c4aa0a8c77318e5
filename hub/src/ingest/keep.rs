//! One fact, understood, in its place.
//!
//! Belongs here: which table a fact goes to, what is journaled of it, what goes to quarantine. Does not: numbers, holes and
//! epochs ([`super::facts`]), whether a signed document is to be believed ([`super::documents`]).

use std::collections::BTreeMap;

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::Checkpoint;
use farwatch_shared::id::{AgentId, CameraId};
use farwatch_shared::keys::VerifyKey;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::{Signed, Verified};
use farwatch_shared::time::{DAY_MS, WallMs};
use farwatch_shared::wire::latest::{ClockChange, FactBody, FaultFact, HealthSample};
use serde_json::value::RawValue;

use super::documents::{self, Disbelief, Numbered, Place};
use super::facts::{Disbelieved, Known, Stored, Unreadable};
use crate::audit::{self, Actor, Entry};
use crate::store::coverage::Link;
use crate::store::facts::{FactRow, MarkKey};
use crate::store::{self, Conn, Result};

/// Keeps the facts of one batch.
pub(super) struct Keep<'a> {
    agent: AgentId,
    key: &'a MarkKey,
    now: WallMs,
    owners: BTreeMap<CameraId, bool>,
    /// What the agent signs with, once it was asked for.
    signing: Option<VerifyKey>,
}

/// A document that was believed and is new.
struct Fresh<T> {
    document: Verified<T>,
    digest: Digest,
    /// As it came.
    envelope: String,
}

impl<'a> Keep<'a> {
    pub(super) fn new(agent: AgentId, key: &'a MarkKey, now: WallMs) -> Self {
        Self { agent, key, now, owners: BTreeMap::new(), signing: None }
    }

    /// Puts one fact in its place.
    ///
    /// # Errors
    /// When the database fails.
    pub(super) async fn one(
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
                let anchors = store::happenings::anchors(c, self.agent, s.run).await?;
                let s = store::timeline::placed(s, &anchors);
                store::timeline::insert_span(c, self.agent, &known.origin, &s, self.now).await?
            }
            FactBody::Health(packed) => {
                self.samples(c, &packed.samples).await?;
                true
            }
            FactBody::Event(e) => {
                if !self.owns(c, e.camera).await? {
                    return self.quarantine(c, "the event is of a camera of another agent", known.text, done).await;
                }
                done.cameras.insert(e.camera);
                store::happenings::insert_event(c, self.agent, &known.origin, e, self.now).await?
            }
            FactBody::Clock(f) => {
                let new = store::happenings::insert_clock(c, self.agent, &known.origin, f, self.now).await?;
                if new {
                    if let ClockChange::Reanchored { by_ms, .. } = f.change {
                        store::timeline::reanchor(c, self.agent, f, by_ms).await?;
                    }
                    self.journal(c, "agent.clock", "clock", &known.text).await?;
                }
                new
            }
            FactBody::Fault(f) => {
                if let Some(camera) = f.camera
                    && !self.owns(c, camera).await?
                {
                    return self.quarantine(c, "the fault is of a camera of another agent", known.text, done).await;
                }
                let new = self.words(c, number, &known, &known.body).await?;
                if new {
                    self.fault(c, f, known.at_ms, done).await?;
                }
                new
            }
            FactBody::Coverage(f) => {
                let envelope = envelope(&known.text, "statement");
                return self.coverage(c, &f.statement, envelope, known.text, done).await;
            }
            FactBody::Checkpoint(f) => {
                let envelope = envelope(&known.text, "checkpoint");
                return self.checkpoint(c, &f.checkpoint, envelope, known.text, done).await;
            }
            FactBody::Deletion(f) => {
                let envelope = envelope(&known.text, "certificate");
                return self.deletion(c, &f.certificate, envelope, known.text, done).await;
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
            FactBody::Deletion(_) => ("deletion", None),
            FactBody::Event(_) => ("event", None),
            FactBody::Clock(_) => ("clock", None),
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
            self.journal(c, action, kind, &known.text).await?;
        }
        Ok(new)
    }

    async fn journal(&self, c: &mut Conn, action: &'static str, kind: &str, text: &str) -> Result<()> {
        let entry =
            Entry::done(self.now, Actor::Agent(self.agent), action, self.agent).with("kind", kind).with("fact", text);
        audit::append(c, &entry).await
    }

    async fn fault(&self, c: &mut Conn, f: &FaultFact, at: WallMs, done: &mut Stored) -> Result<()> {
        if f.open {
            store::faults::open(c, self.agent, f, at, self.now).await?;
        } else {
            store::faults::mend(c, self.agent, f, at).await?;
        }
        done.cameras.extend(f.camera);
        done.faults = Some(store::faults::open_of(c, self.agent).await?);
        Ok(())
    }

    async fn coverage(
        &mut self,
        c: &mut Conn,
        signed: &Signed<farwatch_shared::evidence::CoverageStatement>,
        envelope: String,
        text: String,
        done: &mut Stored,
    ) -> Result<()> {
        let judged = match self.judged(c, signed, envelope).await? {
            Ok(document) => {
                let around = store::coverage::around(c, self.agent, document.document.number()).await?;
                let camera = document.document.camera;
                self.in_chain(c, "coverage", document, &around, Some(camera), done).await?
            }
            Err(why) => Err(why),
        };
        let Some(fresh) = self.fresh(c, "coverage", judged, text, done).await? else { return Ok(()) };
        store::coverage::insert(c, &fresh.document, fresh.digest, &fresh.envelope, self.now).await?;
        done.cameras.insert(fresh.document.camera);
        let entry = self.anchored("agent.coverage", &fresh).with("day", fresh.document.day.as_str());
        audit::append(c, &entry.with("camera", fresh.document.camera.to_string())).await
    }

    async fn checkpoint(
        &mut self,
        c: &mut Conn,
        signed: &Signed<Checkpoint>,
        envelope: String,
        text: String,
        done: &mut Stored,
    ) -> Result<()> {
        let judged = match self.judged(c, signed, envelope).await? {
            Ok(document) => {
                let around = store::checkpoints::around(c, self.agent, document.document.number()).await?;
                match other_head(c, &document.document).await? {
                    Some(why) => Err(why),
                    None => self.in_chain(c, "checkpoint", document, &around, None, done).await?,
                }
            }
            Err(why) => Err(why),
        };
        let Some(fresh) = self.fresh(c, "checkpoint", judged, text, done).await? else { return Ok(()) };
        let of_day = store::checkpoints::insert(c, &fresh.document, fresh.digest, &fresh.envelope, self.now).await?;
        // One a day anchors the chain in the journal: the others are named by it, one by the next.
        if of_day {
            audit::append(c, &self.anchored("agent.checkpoint", &fresh)).await?;
        }
        Ok(())
    }

    async fn deletion(
        &mut self,
        c: &mut Conn,
        signed: &Signed<farwatch_shared::evidence::DeletionCertificate>,
        envelope: String,
        text: String,
        done: &mut Stored,
    ) -> Result<()> {
        let mut first_of_day = false;
        let judged = match self.judged(c, signed, envelope).await? {
            Ok(document) => {
                let day = WallMs(document.document.issued_at_ms.0.div_euclid(DAY_MS) * DAY_MS);
                first_of_day = !store::deletions::any_since(c, self.agent, day).await?;
                let around = store::deletions::around(c, self.agent, document.document.number()).await?;
                let camera = document.document.camera;
                self.in_chain(c, "deletion", document, &around, Some(camera), done).await?
            }
            Err(why) => Err(why),
        };
        let Some(fresh) = self.fresh(c, "deletion", judged, text, done).await? else { return Ok(()) };
        store::deletions::insert(c, &fresh.document, fresh.digest, &fresh.envelope, self.now).await?;
        done.cameras.insert(fresh.document.camera);
        // Retention works all day; one certificate a day anchors the chain. A breach is always told.
        let breach = fresh.document.why == farwatch_shared::evidence::DeletedWhy::Breach;
        if first_of_day || breach {
            let entry =
                self.anchored("agent.deletion", &fresh).with("why", if breach { "breach" } else { "retention" });
            audit::append(c, &entry.with("camera", fresh.document.camera.to_string())).await?;
        }
        Ok(())
    }

    fn anchored<T: Numbered>(&self, action: &'static str, fresh: &Fresh<T>) -> Entry {
        Entry::done(self.now, Actor::Agent(self.agent), action, self.agent)
            .with("number", fresh.document.number())
            .with("digest", fresh.digest.to_string())
    }

    /// By signature and figures.
    async fn judged<T: Numbered>(
        &mut self,
        c: &mut Conn,
        signed: &Signed<T>,
        envelope: String,
    ) -> Result<std::result::Result<Fresh<T>, Disbelief>> {
        let key = match &self.signing {
            Some(key) => key,
            None => self.signing.insert(store::agents::get(c, self.agent).await?.signing_key),
        };
        Ok(documents::believed(signed, key, self.agent).map(|document| {
            let digest = Digest::of(document.bytes());
            Fresh { document, digest, envelope }
        }))
    }

    /// By its place in the chain, and by whose camera it is of. None: it is known.
    async fn in_chain<T: Numbered>(
        &mut self,
        c: &mut Conn,
        what: &'static str,
        fresh: Fresh<T>,
        around: &[Link],
        camera: Option<CameraId>,
        done: &mut Stored,
    ) -> Result<std::result::Result<Option<Fresh<T>>, Disbelief>> {
        if let Some(camera) = camera
            && !self.owns(c, camera).await?
        {
            return Ok(Err(Disbelief { refusal: Refusal::UnknownCamera, detail: camera.to_string() }));
        }
        let number = fresh.document.number();
        let it = Link { number, digest: fresh.digest, previous: fresh.document.previous() };
        Ok(match documents::place(around, it) {
            Ok(Place::Known) => Ok(None),
            Ok(Place::Next) => Ok(Some(fresh)),
            Ok(Place::AfterHole(missing)) => {
                // Believed all the same: what it says is signed. That others are missing is said.
                let detail = format!("{missing} before number {number} never came");
                done.disbelieved.push(Disbelieved { what, refusal: Refusal::BrokenChain, detail });
                Ok(Some(fresh))
            }
            Err(why) => Err(why),
        })
    }

    /// What is not believed goes to quarantine, and is said; nothing of it is shown.
    async fn fresh<T>(
        &mut self,
        c: &mut Conn,
        what: &'static str,
        judged: std::result::Result<Option<Fresh<T>>, Disbelief>,
        text: String,
        done: &mut Stored,
    ) -> Result<Option<Fresh<T>>> {
        match judged {
            Ok(Some(fresh)) => {
                done.new += 1;
                Ok(Some(fresh))
            }
            Ok(None) => {
                done.duplicates += 1;
                Ok(None)
            }
            Err(Disbelief { refusal, detail }) => {
                self.quarantine(c, &format!("{what}: {}: {detail}", refusal.code()), text, done).await?;
                done.disbelieved.push(Disbelieved { what, refusal, detail });
                Ok(None)
            }
        }
    }
}

/// A checkpoint may not name another head for a segment than the footage was reported with.
async fn other_head(c: &mut Conn, checkpoint: &Checkpoint) -> Result<Option<Disbelief>> {
    for head in &checkpoint.heads {
        if let Some(told) = store::timeline::head_at(c, head).await?.filter(|told| *told != head.head) {
            return Ok(Some(Disbelief {
                refusal: Refusal::BrokenChain,
                detail: format!(
                    "run {} of camera {} ends at {} with segment {}, and was reported with {told}",
                    head.run, head.camera, head.head, head.last_sequence
                ),
            }));
        }
    }
    Ok(None)
}

/// A member of the fact's body, as it came.
fn envelope(body: &str, member: &str) -> String {
    let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(body).unwrap_or_default();
    members.get(member).map_or_else(String::new, |raw| raw.get().to_owned())
}
