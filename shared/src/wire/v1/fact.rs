//! `up/fact`: things that happened and must not be lost, in numbered batches from the outbox.
//!
//! A fact is keyed (agent, outbox epoch, class, number); `origin` says which ledger entry it was made from, so that a fact
//! sent again from a new outbox is known to be the same fact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{HealthSample, Trigger};
use crate::digest::Digest;
use crate::evidence::{Checkpoint, CoverageStatement, DeletionCertificate};
use crate::id::{CameraId, HoldId, OrderId, OutboxEpoch, PersonId, RunId, StreamName};
use crate::refusal::Refusal;
use crate::seal::Signed;
use crate::size::ByteSize;
use crate::time::{BootNs, ClockState, Span, WallMs};

/// Order is promised within a class. The order here is also the order of importance, most important first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactClass {
    /// Who saw what. Never dropped.
    Access,
    /// Never dropped.
    Hold,
    /// A policy that was not kept. Never dropped.
    Breach,
    /// Never dropped.
    Coverage,
    /// What was recorded: heads of the segment chains, checkpoints over them. Never dropped.
    ChainHead,
    /// What retention removed. Never dropped.
    Deletion,
    /// What was not recorded.
    Gap,
    /// What happened in front of a camera.
    Event,
    /// Steps and states of the box's clock.
    Clock,
    /// What is broken, and when it was mended.
    Fault,
    /// The camera's view moved.
    Viewpoint,
    /// Refusals and security events, as first and count.
    Security,
    /// What the outbox says of itself: a new epoch, dropped facts.
    Outbox,
    /// Packed health of time away. Dropped first.
    Health,
}

impl FactClass {
    pub const ALL: [Self; 14] = [
        Self::Access,
        Self::Hold,
        Self::Breach,
        Self::Coverage,
        Self::ChainHead,
        Self::Deletion,
        Self::Gap,
        Self::Event,
        Self::Clock,
        Self::Fault,
        Self::Viewpoint,
        Self::Security,
        Self::Outbox,
        Self::Health,
    ];

    /// Facts that are kept even when the outbox is full; then pulls are refused instead.
    #[must_use]
    pub fn never_dropped(self) -> bool {
        matches!(self, Self::Access | Self::Hold | Self::Breach | Self::Coverage | Self::ChainHead | Self::Deletion)
    }

    /// As on the wire and in the hub's tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Access => "access",
            Self::Hold => "hold",
            Self::Breach => "breach",
            Self::Coverage => "coverage",
            Self::ChainHead => "chain_head",
            Self::Deletion => "deletion",
            Self::Gap => "gap",
            Self::Event => "event",
            Self::Clock => "clock",
            Self::Fault => "fault",
            Self::Viewpoint => "viewpoint",
            Self::Security => "security",
            Self::Outbox => "outbox",
            Self::Health => "health",
        }
    }
}

/// Up to 100 facts of one class, numbers rising.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactBatch {
    pub epoch: OutboxEpoch,
    pub class: FactClass,
    pub facts: Vec<Fact>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// Counts from 1 within (epoch, class).
    pub number: u64,
    pub at_ms: WallMs,
    /// The ledger entry it tells of, e.g. `recorder/0192…/17`. Unique per agent for ever.
    pub origin: String,
    pub body: FactBody,
}

/// What happened. A kind this version does not know is kept verbatim by the hub, in quarantine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FactBody {
    Gap(GapFact),
    ChainHead(ChainHeadFact),
    Access(AccessFact),
    Hold(HoldFact),
    Breach(BreachFact),
    /// A signed [`CoverageStatement`](crate::evidence::CoverageStatement).
    Coverage(CoverageFact),
    /// A signed [`Checkpoint`](crate::evidence::Checkpoint).
    Checkpoint(CheckpointFact),
    /// A signed [`DeletionCertificate`](crate::evidence::DeletionCertificate).
    Deletion(DeletionFact),
    Event(EventFact),
    Clock(ClockFact),
    Fault(FaultFact),
    Security(SecurityFact),
    EpochStarted(EpochStarted),
    Dropped(DroppedFacts),
    /// Health samples of up to 5 minutes while the hub was away.
    Health(PackedHealth),
}

/// Why footage is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapCause {
    /// One camera was silent, refused, or sent what cannot be kept.
    Camera,
    /// The carrier was down, or every camera of an interface was silent.
    Network,
    /// The recorder or agent was not running, within one boot.
    Agent,
    /// The disk was full or too slow.
    Disk,
    /// The box booted anew without a clean mark.
    Power,
    /// The clock was stepped.
    Clock,
    /// A recorder handed over to its successor.
    Update,
    /// A person switched recording off or stopped the service.
    Operator,
    /// Not due by schedule.
    Schedule,
}

/// A hole in a camera stream, on the box's clocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapFact {
    pub camera: CameraId,
    pub stream: StreamName,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub cause: GapCause,
    #[serde(default)]
    pub detail: Option<String>,
}

/// A stretch of footage: the closed segments of one run since the last head, and the digest the chain has reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHeadFact {
    pub camera: CameraId,
    pub stream: StreamName,
    pub run: RunId,
    pub first_sequence: u32,
    pub last_sequence: u32,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub bytes: ByteSize,
    /// Digest of the last segment, which holds its predecessor's and so on back to the run's first.
    pub head: Digest,
    /// Bytes per slot of equal length over the stretch, at most 60: how much moved.
    #[serde(default)]
    pub activity: Vec<u32>,
}

/// Footage left, or was about to leave, the site. Written and fsynced before the first byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessFact {
    pub order: OrderId,
    pub person: PersonId,
    pub camera: CameraId,
    pub stream: StreamName,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub reason: String,
    pub outcome: AccessOutcome,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AccessOutcome {
    /// The upload may begin.
    Granted,
    /// The last byte was accepted.
    Completed {
        bytes: ByteSize,
    },
    Refused {
        refusal: Refusal,
    },
    /// Given up after the order's expiry.
    Abandoned {
        bytes: ByteSize,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldFact {
    pub hold: HoldId,
    pub camera: CameraId,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    /// True when the hold protects from now on, false when it ended.
    pub placed: bool,
    /// Footage of the range that exists, when placed.
    pub bytes: ByteSize,
}

/// Footage younger than its floor had to go, or older than its ceiling could not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BreachFact {
    pub camera: CameraId,
    pub stream: StreamName,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub bytes: ByteSize,
    pub detail: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageFact {
    pub statement: Signed<CoverageStatement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointFact {
    pub checkpoint: Signed<Checkpoint>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionFact {
    pub certificate: Signed<DeletionCertificate>,
}

/// Something happened in front of a camera, or somebody said so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFact {
    pub camera: CameraId,
    pub trigger: Trigger,
    /// Of the event itself, pre- and post-roll not counted in.
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    #[serde(default)]
    pub detail: Option<String>,
}

/// The box's wall clock was not what it was.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockFact {
    /// When it was noticed, as the clock had it afterwards.
    pub at_ms: WallMs,
    pub boot_id: String,
    pub boot_ns: BootNs,
    pub change: ClockChange,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ClockChange {
    /// The wall clock moved against the boot clock by this much; positive is forward.
    Stepped { by_ms: i64 },
    /// How far it can be trusted changed.
    State { before: ClockState, now: ClockState },
    /// Footage of this boot recorded while nobody had set the clock was later than it says by this much. The files never
    /// change; whoever reads them adds it.
    Reanchored { until_boot_ns: BootNs, by_ms: i64 },
}

/// What is broken on a box. Open until a fact of the same fault says `open: false`, which only a measurement does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultFact {
    pub fault: FaultKind,
    #[serde(default)]
    pub camera: Option<CameraId>,
    #[serde(default)]
    pub stream: Option<StreamName>,
    /// The footage it is about, for damage.
    #[serde(default)]
    pub span: Option<Span>,
    /// True when it begins, false when it was seen mended.
    pub open: bool,
    /// What happened and what to do, for people.
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// Stored footage no longer matches its digest, or does not decode.
    Damage,
    /// The disk says it wears out or fails (SMART).
    DiskWear,
    /// The disk is slower than the cameras, or read-only, or full.
    Disk,
    /// Resolution, frame rate or bit rate are far from the target.
    TargetDrift,
    /// The retention policy will not be kept at the measured rate.
    RetentionAtRisk,
    /// The wall clock is not set, or jumps.
    ClockUnsure,
    /// The vault is not on the disk it should be on.
    WrongMount,
}

impl FaultKind {
    /// As on the wire.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Damage => "damage",
            Self::DiskWear => "disk_wear",
            Self::Disk => "disk",
            Self::TargetDrift => "target_drift",
            Self::RetentionAtRisk => "retention_at_risk",
            Self::ClockUnsure => "clock_unsure",
            Self::WrongMount => "wrong_mount",
        }
    }
}

/// The same refusal, first seen and counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SecurityFact {
    pub refusal: Refusal,
    /// What was refused: `desired`, `order`, …
    pub what: String,
    pub first_ms: WallMs,
    pub last_ms: WallMs,
    pub count: u64,
    pub detail: String,
}

/// The outbox was made anew. What it can, it fills again from the ledgers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochStarted {
    #[serde(default)]
    pub previous: Option<OutboxEpoch>,
    /// Highest number handed out per class in the previous epoch, as far as the sidecar file knows.
    #[serde(default)]
    pub previous_high: BTreeMap<FactClass, u64>,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DroppedFacts {
    pub class: FactClass,
    pub first: u64,
    pub last: u64,
    pub count: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackedHealth {
    pub samples: Vec<HealthSample>,
}
