//! What was and was not recorded, day by day, and the documents that prove it.

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{AgentId, CameraId};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{GapReason, StreamChoice};

/// Which days of which stream.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CoverageQuery {
    /// First day in the site's zone, e.g. `2026-11-01`. Without it: 30 days before `to_day`.
    #[param(example = "2026-11-01")]
    pub from_day: Option<String>,
    /// Last day, counted in. Without it: today. At most 400 days in one answer.
    pub to_day: Option<String>,
    /// Without it: `main`.
    #[param(inline)]
    #[serde(default)]
    pub stream: StreamChoice,
}

/// Which stream of a day.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct StreamQuery {
    /// Without it: `main`.
    #[param(inline)]
    #[serde(default)]
    pub stream: StreamChoice,
}

/// The coverage calendar of one camera stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Coverage {
    #[schema(value_type = String)]
    pub camera: CameraId,
    pub stream: StreamChoice,
    /// IANA name of the site's time zone: what a day is.
    pub time_zone: String,
    /// Oldest first, none left out.
    pub days: Vec<CoverageDay>,
}

/// The coverage calendar of a site: one row per camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SiteCoverage {
    pub stream: StreamChoice,
    /// IANA name of the site's time zone: what a day is.
    pub time_zone: String,
    /// By name.
    pub cameras: Vec<CameraCoverage>,
}

/// One row of a site's calendar.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CameraCoverage {
    #[schema(value_type = String)]
    pub camera: CameraId,
    pub name: String,
    /// Oldest first, none left out.
    pub days: Vec<CoverageDay>,
}

/// Where a day's figures are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CoverageState {
    /// From a statement the agent signed; the signature was verified.
    Stated,
    /// The day is not over, or its statement has not come: counted from what was reported so far.
    Running,
    /// Nothing is known of the day.
    Unknown,
}

/// One day of one stream. `recorded_ms`, `damaged_ms` and the gaps together are `expected_ms`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CoverageDay {
    /// In the site's zone.
    #[schema(example = "2026-11-24")]
    pub day: String,
    /// UTC ms: the day's bounds.
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
    /// Time that should have been recorded; of a running day, as far as it is reported.
    pub expected_ms: u64,
    pub recorded_ms: u64,
    /// Of the recorded time, how much a hold protects.
    pub held_ms: u64,
    /// Footage that is stored and no longer matches its digest. Not counted as recorded.
    pub damaged_ms: u64,
    /// By cause; causes without a gap are left out.
    pub gaps: Vec<GapTotal>,
    pub state: CoverageState,
    /// Number of the signed statement, for `stated`.
    pub statement_number: Option<u64>,
    /// Nothing under the floor was removed, for `stated`.
    pub floor_kept: Option<bool>,
}

/// Gaps of one cause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GapTotal {
    pub cause: GapReason,
    pub count: u32,
    pub ms: u64,
}

/// A document as its agent signed it (DSSE), word for word: what the offline verifier reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    #[schema(example = "application/vnd.farwatch.coverage.v1+json")]
    pub payload_type: String,
    /// The signed bytes, base64.
    pub payload: String,
    pub signatures: Vec<EnvelopeSignature>,
}

/// One signature of an [`Envelope`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EnvelopeSignature {
    pub keyid: String,
    /// Ed25519 over the PAE, base64.
    pub sig: String,
}

/// Why footage went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeletedReason {
    /// Older than it may be.
    Ceiling,
    /// Over its floor, and room was needed.
    Space,
    /// Over its camera's quota, and over its floor.
    Quota,
    /// Under its floor, because the disk was full.
    Breach,
}

/// Whose certificates.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct CertificatesQuery {
    /// Of one agent.
    #[param(value_type = Option<String>)]
    pub agent: Option<AgentId>,
    /// Of one camera.
    #[param(value_type = Option<String>)]
    pub camera: Option<CameraId>,
    /// UTC ms: only those issued before.
    pub before_ms: Option<i64>,
    /// 100 unless said otherwise, at most 500.
    pub limit: Option<u32>,
}

/// Deletion certificates, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Certificates {
    pub certificates: Vec<CertificateOfDeletion>,
}

/// What retention removed, signed by the box that removed it; the signature was verified.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CertificateOfDeletion {
    #[schema(value_type = String)]
    pub agent: AgentId,
    /// Counts from 1 over all cameras of the box.
    pub number: u64,
    #[schema(value_type = String)]
    pub camera: CameraId,
    pub stream: StreamChoice,
    pub why: DeletedReason,
    #[schema(value_type = i64)]
    pub issued_ms: WallMs,
    /// UTC ms: from the first removed footage to the last.
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
    pub segments: u64,
    #[schema(value_type = u64)]
    pub bytes: ByteSize,
    /// Of the signed bytes.
    #[schema(value_type = String)]
    pub digest: Digest,
}

/// How far an agent's chains are known to have come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Checkpoints {
    /// Absent before the first.
    pub newest: Option<CheckpointView>,
    /// The first of each UTC day, newest first, at most 31.
    pub days: Vec<CheckpointView>,
    /// Documents of this agent that were not believed: a signature that does not verify, a chain that forks or goes back,
    /// figures that contradict each other. Newest first.
    pub refused: Vec<RefusedDocument>,
}

/// One checkpoint. Its signature was verified, and it follows the one before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CheckpointView {
    pub number: u64,
    #[schema(value_type = i64)]
    pub issued_ms: WallMs,
    #[schema(value_type = String)]
    pub digest: Digest,
    /// As the agent signed it.
    pub envelope: Envelope,
}

/// The same refusal within an hour, first and count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusedDocument {
    /// `coverage`, `checkpoint` or `deletion`.
    pub what: String,
    /// One word, from the closed list of refusals.
    #[schema(example = "broken_chain")]
    pub code: String,
    pub detail: String,
    #[schema(value_type = i64)]
    pub first_ms: WallMs,
    #[schema(value_type = i64)]
    pub last_ms: WallMs,
    pub count: u64,
}
