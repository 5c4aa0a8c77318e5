//! Takes desired states in: believed, complete, kept, then applied; or refused with a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::HoldId;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::{Signed, Verified};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Clock, Span, WallMs};
use farwatch_shared::wire::latest::{
    Desired, DesiredCamera, DesiredHold, DesiredStream, HoldFact, HubAddress, PartName, Problem, RefusedDesired,
    StreamTarget,
};
use tokio::sync::watch;
use tracing::{info, warn};

use super::plan::make_plan;
use crate::catalog::{Catalog, StreamKey};
use crate::config::{Home, Settings};
use crate::desired::{Accepted, Parts, Standing, accept, check_part, load, read_parts, save, stored_part};
use crate::enrol::{Door, Identity, TrustedTime};
use crate::ledger::agent::{AgentBody, AgentLedger};
use crate::recorder::protocol::Plan;
use crate::retention::{self, InForce, Measured, Refused};
use farwatch_shared::id::StreamName;

/// How long an accepted state waits for the first measurement of the disk.
const MEASURED_WITHIN: Duration = Duration::from_secs(10);

/// What stands and what came of it: the basis of the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// 0 before the first.
    pub generation: u64,
    pub digest: Option<Digest>,
    pub parts: BTreeMap<PartName, Digest>,
    pub refused: Option<RefusedDesired>,
    pub problems: Vec<Problem>,
    /// The cameras that are known, so that an order for another is refused.
    pub known: BTreeSet<StreamKey>,
    /// IANA name of the site's zone.
    pub time_zone: Option<String>,
    /// What the cameras were set to.
    pub targets: BTreeMap<StreamKey, StreamTarget>,
    /// Streams that are not to be recorded, and since when: no recorder speaks of them.
    pub off: BTreeMap<StreamKey, WallMs>,
}

/// Where the results go: each part of the agent watches its own.
pub struct Wanted {
    pub plan: watch::Sender<Option<Plan>>,
    pub retention: watch::Sender<retention::Wanted>,
    pub hubs: watch::Sender<Vec<HubAddress>>,
    pub applied: watch::Sender<Applied>,
}

/// What the intake needs.
pub struct IntakeParts {
    pub home: Home,
    pub settings: Settings,
    pub identity: watch::Receiver<Arc<Identity>>,
    pub door: watch::Receiver<Arc<Door>>,
    pub ledger: AgentLedger,
    pub catalog: Catalog,
    pub trusted: TrustedTime,
    pub clock: Clock,
    /// What this disk and these cameras are like: the basis of admitting a policy.
    pub measured: watch::Receiver<Option<Measured>>,
}

pub struct Intake {
    with: IntakeParts,
    wanted: Wanted,
}

impl Intake {
    #[must_use]
    pub fn new(with: IntakeParts, wanted: Wanted) -> Self {
        Self { with, wanted }
    }

    fn standing(&self) -> Standing {
        self.with.ledger.state(|s| Standing { generation: s.generation, digest: s.digest })
    }

    /// Applies what stands on the disk, at start. A document that is not the one of the ledger is not believed.
    pub fn resume(&self) {
        let identity = self.with.identity.borrow().clone();
        let Some(kept) = load(&self.with.home, &identity.hub.document_key) else { return };
        let standing = self.standing();
        if standing.digest != Some(kept.digest()) {
            warn!(
                generation = kept.document.generation,
                "the stored desired state is not the accepted one; waiting for the hub"
            );
            return;
        }
        self.with.trusted.saw_document(kept.document.issued_at_ms);
        if let Ok(parts) = read_parts(&kept.parts) {
            info!(generation = kept.document.generation, "desired state resumed");
            self.apply(&kept.document, &parts);
        }
    }

    /// One document from the hub.
    ///
    /// # Errors
    /// The refusal; it is in the report then.
    pub async fn take(&self, body: &[u8]) -> Result<(), Refusal> {
        let refused = |(refusal, generation): (Refusal, Option<u64>)| {
            warn!(?refusal, ?generation, "a desired state is refused");
            if let Some(generation) = generation {
                let at_ms = self.with.clock.wall();
                self.wanted.applied.send_modify(|applied| {
                    applied.refused = Some(RefusedDesired { generation, refusal, at_ms });
                });
            }
            refusal
        };
        let signed: Signed<Desired> = serde_json::from_slice(body).map_err(|_| refused((Refusal::Malformed, None)))?;
        let identity = self.with.identity.borrow().clone();
        let key = &identity.hub.document_key;
        let document = match accept(&signed, key, identity.hub.agent, self.standing()) {
            Ok(Accepted::Newer(document)) => document,
            Ok(Accepted::Same) => {
                // The hub asks because it has not heard; a report goes out, and lost files are written again.
                return self.repeat(&signed, &identity).await.map_err(refused);
            }
            Err(refusal) => return Err(refused(refusal)),
        };
        let generation = document.generation;
        self.with.trusted.saw_document(document.issued_at_ms);
        let bytes = self.collect(&document).await.map_err(|r| refused((r, Some(generation))))?;
        let parts = read_parts(&bytes).map_err(|r| refused((r, Some(generation))))?;
        save(&self.with.home, &signed, &bytes).map_err(|error| {
            warn!(%error, "the desired state cannot be kept");
            refused((Refusal::DiskFull, Some(generation)))
        })?;
        let digest = Digest::of(document.bytes());
        let line = AgentBody::Accepted { generation, digest };
        self.with.ledger.append(line).await.map_err(|error| {
            warn!(%error, "the acceptance cannot be written down");
            refused((Refusal::LedgerUnwritable, Some(generation)))
        })?;
        info!(generation, cameras = parts.cameras.cameras.len(), "desired state accepted");
        self.ledger_holds(&parts).await;
        // A box that has only just started measures in a moment.
        let mut measured = self.with.measured.clone();
        let _ = tokio::time::timeout(MEASURED_WITHIN, measured.wait_for(Option::is_some)).await;
        self.apply(&document, &parts);
        Ok(())
    }

    async fn repeat(&self, signed: &Signed<Desired>, identity: &Identity) -> Result<(), (Refusal, Option<u64>)> {
        let document = signed.verify(&identity.hub.document_key).map_err(|_| (Refusal::BadSignature, None))?;
        let generation = Some(document.generation);
        let bytes = self.collect(&document).await.map_err(|r| (r, generation))?;
        let parts = read_parts(&bytes).map_err(|r| (r, generation))?;
        let is_kept = load(&self.with.home, &identity.hub.document_key)
            .is_some_and(|k| k.digest() == Digest::of(document.bytes()));
        if !is_kept {
            save(&self.with.home, signed, &bytes).map_err(|_| (Refusal::DiskFull, generation))?;
        }
        self.apply(&document, &parts);
        Ok(())
    }

    /// Every part's bytes: inline, from the disk, or fetched; each checked by its digest.
    async fn collect(&self, document: &Verified<Desired>) -> Result<BTreeMap<PartName, Vec<u8>>, Refusal> {
        let mut bytes = BTreeMap::new();
        for (name, part) in &document.parts {
            let found = match &part.inline {
                Some(text) => text.as_bytes().to_vec(),
                None => match stored_part(&self.with.home, part) {
                    Some(stored) => stored,
                    None => {
                        let door = self.with.door.borrow().clone();
                        door.part(&part.digest).await.map(|b| b.to_vec()).map_err(|error| {
                            warn!(part = ?name, %error, "a part cannot be fetched");
                            Refusal::MissingPart
                        })?
                    }
                },
            };
            if !check_part(part, &found) {
                return Err(Refusal::MissingPart);
            }
            bytes.insert(*name, found);
        }
        Ok(bytes)
    }

    /// Holds that begin or end are lines in the ledger before they matter.
    async fn ledger_holds(&self, parts: &Parts) {
        let known = self.with.ledger.state(|s| s.holds.clone());
        let now: BTreeMap<HoldId, &DesiredHold> = parts.holds.holds.iter().map(|h| (h.hold, h)).collect();
        let mut facts = Vec::new();
        for (id, hold) in &now {
            let Some(span) = Span::new(hold.start_ms, hold.end_ms) else { continue };
            if known.get(id) != Some(&(hold.camera, span)) {
                let bytes = self.footage_in(hold, span).await;
                facts.push(HoldFact {
                    hold: *id,
                    camera: hold.camera,
                    start_ms: span.start_ms,
                    end_ms: span.end_ms,
                    placed: true,
                    bytes,
                });
            }
        }
        for (id, (camera, span)) in known.iter().filter(|(id, _)| !now.contains_key(id)) {
            facts.push(HoldFact {
                hold: *id,
                camera: *camera,
                start_ms: span.start_ms,
                end_ms: span.end_ms,
                placed: false,
                bytes: ByteSize(0),
            });
        }
        for fact in facts {
            if let Err(error) = self.with.ledger.append(AgentBody::Hold { fact }).await {
                warn!(%error, "a hold cannot be written down; it protects all the same");
            }
        }
    }

    async fn footage_in(&self, hold: &DesiredHold, span: Span) -> ByteSize {
        let mut bytes = 0u64;
        for stream in [StreamName::Main, StreamName::Sub] {
            let key = StreamKey { camera: hold.camera, stream };
            let entries = self.with.catalog.overlapping(key, span).await.unwrap_or_default();
            bytes += entries.iter().map(|e| e.bytes.0).sum::<u64>();
        }
        ByteSize(bytes)
    }

    /// Replaces the retention part by the policy in force, when this disk cannot keep the one that is wanted.
    fn admit(&self, parts: &Parts) -> (Parts, Option<Problem>) {
        let Some(wanted) = &parts.retention else { return (parts.clone(), None) };
        let path = self.with.home.retention_in_force();
        let before = InForce::load(&path);
        let judged = before.clone().judge(wanted, &parts.cameras, self.with.measured.borrow().as_ref());
        if judged != before
            && let Err(error) = judged.save(&path)
        {
            warn!(%error, "the policy in force cannot be written down; after a restart it is judged again");
        }
        let problem = judged.refused.as_ref().map(Refused::problem);
        (Parts { retention: judged.policy, ..parts.clone() }, problem)
    }

    fn apply(&self, document: &Verified<Desired>, parts: &Parts) {
        let identity = self.with.identity.borrow().clone();
        let (parts, problem) = self.admit(parts);
        let parts = &parts;
        let mut made = make_plan(parts, identity.hub.agent, &identity.seal, &self.with.settings);
        made.problems.extend(problem);
        for problem in &made.problems {
            warn!(camera = ?problem.camera, refusal = ?problem.refusal, detail = %problem.detail, "cannot be applied");
        }
        let known = parts
            .cameras
            .cameras
            .iter()
            .flat_map(|c| c.streams.iter().map(|s| StreamKey { camera: c.camera, stream: s.stream }))
            .collect();
        let before = self.wanted.applied.borrow().off.clone();
        let now = self.with.clock.wall();
        let off = made
            .plan
            .cameras
            .iter()
            .flat_map(|c| {
                c.streams.iter().filter(|s| !s.mode.reads()).map(|s| StreamKey { camera: c.camera, stream: s.stream })
            })
            .map(|key| (key, before.get(&key).copied().unwrap_or(now)))
            .collect();
        // Holds first: nothing may be deleted that the new state protects.
        self.wanted.retention.send_replace(retention::Wanted { policy: Some(made.policy), holds: made.holds });
        if !parts.hubs.hubs.is_empty() {
            self.wanted.hubs.send_replace(with_enrolment(parts.hubs.hubs.clone(), &identity));
        }
        self.wanted.plan.send_replace(Some(made.plan));
        self.wanted.applied.send_replace(Applied {
            generation: document.generation,
            digest: Some(Digest::of(document.bytes())),
            parts: document.parts.iter().map(|(name, part)| (*name, part.digest)).collect(),
            refused: None,
            problems: made.problems,
            known,
            time_zone: parts.cameras.time_zone.clone(),
            targets: targets(parts),
            off,
        });
    }
}

fn targets(parts: &Parts) -> BTreeMap<StreamKey, StreamTarget> {
    let of_camera = |camera: &DesiredCamera| {
        let id = camera.camera;
        let target = |s: &DesiredStream| Some((StreamKey { camera: id, stream: s.stream }, s.target?));
        camera.streams.iter().filter_map(target).collect::<Vec<_>>()
    };
    parts.cameras.cameras.iter().flat_map(of_camera).collect()
}

/// The enrolment's addresses stay as the last resort.
fn with_enrolment(mut hubs: Vec<HubAddress>, identity: &Identity) -> Vec<HubAddress> {
    for hub in &identity.hub.hubs {
        if !hubs.contains(hub) {
            hubs.push(hub.clone());
        }
    }
    hubs
}
