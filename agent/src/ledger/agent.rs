//! The agent's own log: accesses, spent orders, accepted generations, holds, chain heads, sessions.
//!
//! Belongs here: its entries, the one writer, the state a replay gives. Every append is synced before it returns: the deed comes
//! after the line. Does not: deciding anything, telling the hub (`outbox` derives that from here).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::entry::GoneSegment;
use farwatch_shared::evidence::{Checkpoint, CoverageStatement, DeletedWhy, DeletionCertificate, LogHead};
use farwatch_shared::id::{CameraId, HoldId, OrderId, RecorderId, RunId, SegmentId, StreamName};
use farwatch_shared::seal::Signed;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Clock, DAY_MS, Span, WallMs};
use farwatch_shared::wire::latest::{
    AccessFact, BreachFact, ChainHeadFact, ClockFact, FaultFact, HoldFact, SecurityFact,
};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::follow::Cursors;
use super::log::{LogError, LogWriter, Position};
use super::open_faults::OpenFaults;
use super::proved::Proved;

/// One line of `agent.log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEntry {
    pub at_ms: WallMs,
    #[serde(flatten)]
    pub body: AgentBody,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AgentBody {
    /// Sessions with the hub may use numbers up to this one.
    Session {
        number: u64,
    },
    /// A desired state stands.
    Accepted {
        generation: u64,
        digest: Digest,
    },
    /// An order may not be carried out again.
    Spent {
        order: OrderId,
        expires_at_ms: WallMs,
    },
    Access {
        fact: AccessFact,
    },
    Hold {
        fact: HoldFact,
    },
    Breach {
        fact: BreachFact,
    },
    Security {
        fact: SecurityFact,
    },
    /// `resume`: from there on a recorder's log holds closings no head covers yet.
    Head {
        fact: ChainHeadFact,
        log: RecorderId,
        resume: Position,
    },
    /// Something is broken, or was seen mended.
    Fault {
        fact: FaultFact,
        /// The file it is about, for damage.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        segment: Option<SegmentId>,
    },
    /// The wall clock was not what it was.
    Clock {
        fact: ClockFact,
    },
    /// How far everything had come, signed. `covered` are the entries of recorders' logs it covers; from `resume` on a
    /// restart reads them again.
    Checkpoint {
        number: u64,
        covered: BTreeMap<RecorderId, u64>,
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        resume: Cursors,
        signed: Signed<Checkpoint>,
    },
    /// A day of a stream, signed.
    Coverage {
        signed: Signed<CoverageStatement>,
    },
    /// What went, signed.
    Certificate {
        signed: Signed<DeletionCertificate>,
    },
    /// A recorder's log goes: nothing it tells of is left. It ended here, as checkpoints say.
    LogGone {
        head: LogHead,
    },
    /// These are about to go, all of one camera stream; written and synced before they do. What a certificate is made of.
    Deleting {
        why: DeletedWhy,
        #[serde(deserialize_with = "gone_segments")]
        segments: Vec<GoneSegment>,
        /// The recorder let them go by itself, and this is the last entry of its log that is told of here.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<RecorderLine>,
    },
}

/// An entry of a recorder's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderLine {
    pub log: RecorderId,
    pub index: u64,
}

/// Earlier versions wrote ids alone.
fn gone_segments<'de, D: serde::Deserializer<'de>>(lines: D) -> Result<Vec<GoneSegment>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Line {
        Whole(GoneSegment),
        Id(SegmentId),
    }
    let whole = |line| match line {
        Line::Whole(gone) => gone,
        Line::Id(segment) => GoneSegment {
            segment,
            digest: Digest::ZERO,
            span: Span { start_ms: WallMs(0), end_ms: WallMs(0) },
            bytes: ByteSize(0),
        },
    };
    Ok(Vec::<Line>::deserialize(lines)?.into_iter().map(whole).collect())
}

/// What a replay of the log gives.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AgentState {
    pub session: u64,
    pub generation: u64,
    pub digest: Option<Digest>,
    /// Spent orders and when they expire.
    pub spent: BTreeMap<OrderId, WallMs>,
    pub holds: BTreeMap<HoldId, (CameraId, Span)>,
    /// Highest sequence a head covers, per run.
    pub heads: BTreeMap<(CameraId, StreamName, RunId), u32>,
    pub resume: BTreeMap<RecorderId, Position>,
    pub faults: OpenFaults,
    /// Up to where a recorder's own deletions are told of.
    pub told_deletions: BTreeMap<RecorderId, u64>,
    pub proved: Proved,
}

/// Spent orders are kept this long after they expire.
const SPENT_MS: i64 = 30 * DAY_MS;
/// Runs whose heads are remembered; older runs are long covered.
const HEADS: usize = 1024;

impl AgentState {
    fn learn(&mut self, entry: &AgentEntry) {
        match &entry.body {
            AgentBody::Session { number } => self.session = self.session.max(*number),
            AgentBody::Accepted { generation, digest } => {
                self.generation = *generation;
                self.digest = Some(*digest);
            }
            AgentBody::Spent { order, expires_at_ms } => {
                self.spent.insert(*order, *expires_at_ms);
            }
            AgentBody::Hold { fact } if fact.placed => {
                self.proved.grounds.hold(fact);
                if let Some(span) = Span::new(fact.start_ms, fact.end_ms) {
                    self.holds.insert(fact.hold, (fact.camera, span));
                }
            }
            AgentBody::Hold { fact } => {
                self.proved.grounds.hold(fact);
                self.holds.remove(&fact.hold);
            }
            AgentBody::Head { fact, log, resume } => {
                self.heads.insert((fact.camera, fact.stream, fact.run), fact.last_sequence);
                self.resume.insert(*log, *resume);
                while self.heads.len() > HEADS {
                    let oldest = self.heads.keys().min_by_key(|(_, _, run)| run.counter).copied();
                    oldest.and_then(|key| self.heads.remove(&key));
                }
            }
            AgentBody::Fault { fact, segment } => {
                self.proved.grounds.fault(fact);
                self.faults.learn(entry.at_ms, fact, *segment);
            }
            AgentBody::Deleting { why, segments, by } => {
                self.proved.gone(*why, segments);
                if let Some(line) = by {
                    let told = self.told_deletions.entry(line.log).or_default();
                    *told = (*told).max(line.index);
                }
            }
            AgentBody::Checkpoint { number, covered, resume, signed } => {
                self.proved.checkpointed(*number, covered, resume, signed);
            }
            AgentBody::Coverage { signed } => self.proved.stated(signed),
            AgentBody::Certificate { signed } => self.proved.certified(signed),
            AgentBody::Access { .. }
            | AgentBody::Clock { .. }
            | AgentBody::LogGone { .. }
            | AgentBody::Breach { .. }
            | AgentBody::Security { .. } => {}
        }
    }

    fn forget_expired(&mut self, trusted: WallMs) {
        self.spent.retain(|_, expires| trusted.since(*expires) <= SPENT_MS);
    }
}

/// The handle on the one writer. Cheap to clone.
#[derive(Clone)]
pub struct AgentLedger(Arc<Inner>);

struct Inner {
    clock: Clock,
    path: PathBuf,
    kept: Mutex<(LogWriter, AgentState)>,
    grew: Notify,
}

impl AgentLedger {
    /// Opens and replays the log. Entries of kinds a later version wrote are passed over.
    ///
    /// # Errors
    /// When the file cannot be used or its chain is broken.
    pub fn open(path: PathBuf, clock: Clock, trusted: WallMs) -> Result<Self, LogError> {
        let mut state = AgentState::default();
        let writer = LogWriter::open(&path, |entry| {
            if let Ok(entry) = serde_json::from_slice(&entry.payload) {
                state.learn(&entry);
            }
        })?;
        state.forget_expired(trusted);
        Ok(Self(Arc::new(Inner { clock, path, kept: Mutex::new((writer, state)), grew: Notify::new() })))
    }

    /// Writes an entry and returns once it survives a power cut.
    ///
    /// # Errors
    /// When the disk refuses: then the deed must not be done.
    pub async fn append(&self, body: AgentBody) -> Result<(), LogError> {
        let inner = self.0.clone();
        let entry = AgentEntry { at_ms: inner.clock.wall(), body };
        let path = inner.path.clone();
        let done = tokio::task::spawn_blocking(move || {
            let mut kept = inner.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.0.append(&entry)?;
            kept.0.sync()?;
            kept.1.learn(&entry);
            Ok(())
        })
        .await;
        match done {
            Ok(Ok(())) => {
                self.0.grew.notify_waiters();
                Ok(())
            }
            Ok(Err(error)) => Err(error),
            Err(join) => Err(LogError::Io { path, doing: "written", source: std::io::Error::other(join) }),
        }
    }

    /// Looks at the state as it is now.
    pub fn state<R>(&self, look: impl FnOnce(&AgentState) -> R) -> R {
        look(&self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).1)
    }

    /// Where the next entry goes.
    #[must_use]
    pub fn position(&self) -> Position {
        self.0.kept.lock().unwrap_or_else(PoisonError::into_inner).0.position()
    }

    /// Returns after the next append.
    pub async fn grew(&self) {
        self.0.grew.notified().await;
    }

    #[must_use]
    pub fn path(&self) -> &std::path::Path {
        &self.0.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_about_deletions_of_an_earlier_version_is_still_read() {
        let segment = SegmentId {
            camera: CameraId::generate(),
            stream: StreamName::Main,
            run: RunId { boot: 1, counter: 1 },
            sequence: 7,
        };
        let id = serde_json::to_string(&segment).unwrap();
        let old = format!(r#"{{"at_ms":5,"is":"deleting","segments":[{id}],"bytes":9,"why":"ceiling"}}"#);
        let entry: AgentEntry = serde_json::from_str(&old).unwrap();
        let AgentBody::Deleting { why, segments, by } = entry.body else { panic!("a deletion") };
        assert_eq!((why, segments[0].segment, by), (DeletedWhy::Ceiling, segment, None));
    }

    #[tokio::test]
    async fn what_was_written_is_known_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        let ledger = AgentLedger::open(path.clone(), Clock::real(), WallMs(0)).unwrap();
        let (old, young) = (OrderId::generate(), OrderId::generate());
        for body in [
            AgentBody::Session { number: 4 },
            AgentBody::Accepted { generation: 9, digest: Digest::of(b"nine") },
            AgentBody::Spent { order: old, expires_at_ms: WallMs(0) },
            AgentBody::Spent { order: young, expires_at_ms: WallMs(40 * DAY_MS) },
        ] {
            ledger.append(body).await.unwrap();
        }
        drop(ledger);
        let again = AgentLedger::open(path, Clock::real(), WallMs(60 * DAY_MS)).unwrap();
        let state = again.state(AgentState::clone);
        assert_eq!((state.session, state.generation, state.digest), (4, 9, Some(Digest::of(b"nine"))));
        assert_eq!(state.spent.keys().collect::<Vec<_>>(), [&young], "spent orders go 30 days after expiry");
    }
}
