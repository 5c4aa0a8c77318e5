//! The documents themselves.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{AgentId, CameraId, RunId, StreamName};
use crate::seal::Document;
use crate::size::ByteSize;
use crate::time::{BootNs, ClockState, WallMs};
use crate::wire::v1::GapCause;

/// How far the segment chains of a box have come, signed by its key every ten minutes and at a stop (EVD-01).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub agent: AgentId,
    /// From 1, without holes.
    pub number: u64,
    pub issued_at_ms: WallMs,
    pub boot_id: String,
    pub boot_ns: BootNs,
    pub clock: ClockState,
    /// Estimated error of the wall clock, where the kernel knows it (CAP-05).
    #[serde(default)]
    pub clock_error_us: Option<i64>,
    /// Digest of the signed payload of the checkpoint before; zero in the first.
    pub previous: Digest,
    /// Runs whose chain grew since the checkpoint before. At most [`MAX_HEADS`]; more make another checkpoint.
    pub heads: Vec<ChainHead>,
    /// How far the box's own logs had come.
    pub logs: Vec<LogHead>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crit: Vec<String>,
}

/// Most heads in one checkpoint, so that it fits a packet.
pub const MAX_HEADS: usize = 128;

impl Document for Checkpoint {
    const TYPE: &'static str = "application/vnd.farwatch.checkpoint.v1+json";
}

/// The newest closed segment of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChainHead {
    pub camera: CameraId,
    pub stream: StreamName,
    pub run: RunId,
    pub last_sequence: u32,
    pub end_ms: WallMs,
    /// Digest of that segment.
    pub head: Digest,
}

/// An append-only log and the chain value after its last entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogHead {
    /// `agent`, or `recorder/<id>`.
    pub log: String,
    pub entries: u64,
    pub chain: Digest,
}

/// What was and was not recorded of one camera stream on one day, signed by the box that was there (RET-05).
///
/// `recorded_ms`, `damaged_ms` and the gaps are disjoint and together give `expected_ms`, all measured on the box's boot-time
/// clock. Damaged footage is not recorded footage: it is counted in `damaged_ms` alone. The sums are over what the logs had
/// at the checkpoint before the statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageStatement {
    pub agent: AgentId,
    /// From 1, without holes, over all cameras of the box.
    pub number: u64,
    pub issued_at_ms: WallMs,
    /// Digest of the signed payload of the statement before; zero in the first.
    pub previous: Digest,
    pub camera: CameraId,
    pub stream: StreamName,
    /// `2026-11-24`, in `time_zone`.
    pub day: String,
    /// IANA name of the site's zone.
    pub time_zone: String,
    /// The day's bounds.
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    /// Time the stream should have been recorded: from when it was switched on, schedule not taken off.
    pub expected_ms: u64,
    pub recorded_ms: u64,
    /// Of the recorded time, how much a hold protects.
    pub held_ms: u64,
    pub damaged_ms: u64,
    /// By cause, in the order of [`GapCause`]; causes without a gap are left out.
    pub gaps: Vec<CauseTotal>,
    pub segments: u64,
    pub bytes: ByteSize,
    /// SHA-256 over the digests of the day's segments (those that begin in it), in the order of the logs, 32 bytes each.
    pub segments_digest: Digest,
    /// Start of the oldest footage of the stream.
    #[serde(default)]
    pub oldest_ms: Option<WallMs>,
    /// Start of the unbroken footage that reaches the end of the day (or now); `schedule` gaps do not break it.
    #[serde(default)]
    pub unbroken_since_ms: Option<WallMs>,
    pub floor_days: u32,
    /// Nothing of the stream under its floor was removed since the statement before.
    pub floor_kept: bool,
    /// When footage under its floor would have to go at the measured rate.
    #[serde(default)]
    pub next_breach_ms: Option<WallMs>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crit: Vec<String>,
}

impl Document for CoverageStatement {
    const TYPE: &'static str = "application/vnd.farwatch.coverage.v1+json";
}

/// Gaps of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CauseTotal {
    pub cause: GapCause,
    pub count: u32,
    pub ms: u64,
}

/// What retention removed, by id and digest (RET-04).
///
/// The ranges carry the digest over the segments' digests, so that a year's certificates stay small; the digests one by
/// one are in the box's own log, in the entry the certificate was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletionCertificate {
    pub agent: AgentId,
    /// From 1, without holes.
    pub number: u64,
    pub issued_at_ms: WallMs,
    /// Digest of the signed payload of the certificate before; zero in the first.
    pub previous: Digest,
    pub why: DeletedWhy,
    pub camera: CameraId,
    pub stream: StreamName,
    /// At most [`MAX_RANGES`].
    pub ranges: Vec<DeletedRange>,
    pub segments: u64,
    pub bytes: ByteSize,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crit: Vec<String>,
}

/// Most ranges in one certificate, so that it fits a packet.
pub const MAX_RANGES: usize = 128;

impl Document for DeletionCertificate {
    const TYPE: &'static str = "application/vnd.farwatch.deletion.v1+json";
}

/// Segments of one run that went together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedRange {
    pub run: RunId,
    pub first_sequence: u32,
    pub last_sequence: u32,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    /// SHA-256 over the segments' digests in order of sequence, 32 bytes each.
    pub digest: Digest,
}

/// Why footage went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletedWhy {
    /// Older than it may be.
    Ceiling,
    /// Over its floor, and room was needed.
    Space,
    /// Over its camera's quota, and over its floor.
    Quota,
    /// Under its floor, because the disk was full: a breach.
    Breach,
}
