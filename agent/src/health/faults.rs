//! What is broken on this box, said once when it begins and once when it was seen mended.
//!
//! Belongs here: the handle every part that measures something reports to; it keeps a fault that is told again and again
//! one fault, also over a restart, because the open ones come from the agent's log. Does not: measuring, or alarming a
//! person (the hub does, from the facts the outbox derives).

use std::sync::Arc;

use farwatch_shared::id::{CameraId, SegmentId, StreamName};
use farwatch_shared::time::Span;
use farwatch_shared::wire::latest::{FaultFact, FaultKind};
use tokio::sync::Mutex;
use tracing::{error, info, warn};

use crate::ledger::agent::{AgentBody, AgentLedger};
use crate::ledger::open_faults::{FaultKey, OpenFault};

/// Faults open at a time. A disk that loses every file would fill the log with them; the last that fits says that there
/// are more, and those are looked at again with the next scrub.
const MOST_OPEN: usize = 4_096;
/// Characters of a detail.
const DETAIL: usize = 400;

/// What a fault is about. Everything absent: the box itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct About {
    pub camera: Option<CameraId>,
    pub stream: Option<StreamName>,
    /// The footage, for damage.
    pub span: Option<Span>,
    /// The file, for damage.
    pub segment: Option<SegmentId>,
}

impl About {
    /// The box.
    #[must_use]
    pub fn this_box() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn stream(camera: CameraId, stream: StreamName) -> Self {
        Self { camera: Some(camera), stream: Some(stream), ..Self::default() }
    }

    /// A piece of footage.
    #[must_use]
    pub fn footage(segment: SegmentId, span: Span) -> Self {
        Self { span: Some(span), segment: Some(segment), ..Self::stream(segment.camera, segment.stream) }
    }

    fn key(&self, fault: FaultKind) -> FaultKey {
        FaultKey::of(&self.fact(fault, true, String::new()))
    }

    fn fact(&self, fault: FaultKind, open: bool, detail: String) -> FaultFact {
        FaultFact { fault, camera: self.camera, stream: self.stream, span: self.span, open, detail }
    }
}

/// Whether the log took it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// Written down now.
    Now,
    /// It was so already.
    Already,
    /// The log or its bounds refuse; tell it again later.
    Not,
}

/// The handle. Cheap to clone.
#[derive(Clone)]
pub struct Faults {
    ledger: AgentLedger,
    /// Looking and writing are one step.
    one: Arc<Mutex<()>>,
}

impl Faults {
    #[must_use]
    pub fn new(ledger: AgentLedger) -> Self {
        Self { ledger, one: Arc::default() }
    }

    /// Something is broken. Told again it stays the same fault, whatever the detail says then.
    pub async fn open(&self, fault: FaultKind, about: About, detail: impl Into<String>) -> Told {
        let key = about.key(fault);
        let _one = self.one.lock().await;
        let (is_open, open) = self.ledger.state(|s| (s.faults.get(&key).is_some(), s.faults.len()));
        if is_open {
            return Told::Already;
        }
        if open >= MOST_OPEN {
            warn!(fault = fault.as_str(), open, "more faults are open than this box tells of; this one is told later");
            return Told::Not;
        }
        let mut detail: String = detail.into().chars().take(DETAIL).collect();
        if open + 1 == MOST_OPEN {
            detail.push_str("; more is broken than this box tells of one by one");
        }
        warn!(fault = fault.as_str(), ?about, %detail, "fault");
        self.write(about.fact(fault, true, detail), about.segment).await
    }

    /// A measurement shows that it is whole again. Nothing happens when it was not open.
    pub async fn mended(&self, fault: FaultKind, about: About, detail: impl Into<String>) -> Told {
        let key = about.key(fault);
        let _one = self.one.lock().await;
        let Some(was) = self.ledger.state(|s| s.faults.get(&key).cloned()) else { return Told::Already };
        let detail: String = detail.into().chars().take(DETAIL).collect();
        info!(fault = fault.as_str(), ?about, %detail, "fault mended");
        self.write(about.fact(fault, false, detail), was.segment).await
    }

    /// Opens or mends, as measured.
    pub async fn say(&self, fault: FaultKind, about: About, broken: Result<String, String>) -> Told {
        match broken {
            Ok(detail) => self.open(fault, about, detail).await,
            Err(mended) => self.mended(fault, about, mended).await,
        }
    }

    #[must_use]
    pub fn is_open(&self, fault: FaultKind, about: About) -> bool {
        self.ledger.state(|s| s.faults.get(&about.key(fault)).is_some())
    }

    /// What is broken now.
    #[must_use]
    pub fn all(&self) -> Vec<OpenFault> {
        self.ledger.state(|s| s.faults.iter().cloned().collect())
    }

    /// The fault that tells of a file, if one does.
    #[must_use]
    pub fn of_segment(&self, segment: &SegmentId) -> Option<OpenFault> {
        self.ledger.state(|s| s.faults.damaged().find(|(damaged, _)| damaged == segment).map(|(_, open)| open.clone()))
    }

    /// Files whose bytes are no longer what was recorded, with the time they cover.
    #[must_use]
    pub fn damaged(&self) -> Vec<(SegmentId, Option<Span>)> {
        self.ledger.state(|s| s.faults.damaged().map(|(segment, open)| (segment, open.fact.span)).collect())
    }

    async fn write(&self, fact: FaultFact, segment: Option<SegmentId>) -> Told {
        match self.ledger.append(AgentBody::Fault { fact, segment }).await {
            Ok(()) => Told::Now,
            Err(error) => {
                error!(
                    error = &error as &dyn std::error::Error,
                    "a fault cannot be written down; it is told again later"
                );
                Told::Not
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::id::RunId;
    use farwatch_shared::time::{Clock, WallMs};

    fn entries(path: &std::path::Path) -> usize {
        let mut count = 0;
        crate::ledger::log::LogWriter::open(path, |_| count += 1).unwrap();
        count
    }

    // OPS-05
    #[tokio::test]
    async fn a_fault_told_a_hundred_times_is_one_and_stays_open_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        let open = || Faults::new(AgentLedger::open(path.clone(), Clock::real(), WallMs(0)).unwrap());
        let faults = open();
        for n in 0..100 {
            faults.open(FaultKind::DiskWear, About::this_box(), format!("nvme0n1 has used {n} % of its life")).await;
        }
        drop(faults);
        assert_eq!(entries(&path), 1);
        let again = open();
        assert!(again.is_open(FaultKind::DiskWear, About::this_box()));
        assert_eq!(again.open(FaultKind::DiskWear, About::this_box(), "again").await, Told::Already);
        assert_eq!(again.mended(FaultKind::DiskWear, About::this_box(), "a new disk").await, Told::Now);
        assert_eq!(again.mended(FaultKind::DiskWear, About::this_box(), "a new disk").await, Told::Already);
        drop(again);
        assert_eq!(entries(&path), 2);
        assert!(open().all().is_empty());
    }

    // RET-07
    #[tokio::test]
    async fn damage_is_one_fault_per_piece_of_footage_and_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        let faults = Faults::new(AgentLedger::open(path, Clock::real(), WallMs(0)).unwrap());
        let (camera, run) = (CameraId::generate(), RunId { boot: 1, counter: 1 });
        let about = |n: u32| {
            let start_ms = WallMs(i64::from(n) * 60_000);
            let segment = SegmentId { camera, stream: StreamName::Main, run, sequence: n };
            About::footage(segment, Span { start_ms, end_ms: start_ms.plus_ms(60_000) })
        };
        let mut told = 0;
        for n in 0..4_200 {
            told += usize::from(faults.open(FaultKind::Damage, about(n), "a byte is flipped").await == Told::Now);
        }
        assert_eq!((told, faults.damaged().len()), (MOST_OPEN, MOST_OPEN));
        assert!(faults.all().iter().any(|open| open.fact.detail.contains("more is broken")));
        faults.mended(FaultKind::Damage, about(7), "it reads as recorded").await;
        assert!(!faults.is_open(FaultKind::Damage, about(7)));
        assert!(faults.is_open(FaultKind::Damage, about(8)));
    }
}
