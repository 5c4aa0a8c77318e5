//! One agent in full, and its health over time.

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{AgentId, CameraId};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    AgentSummary, CameraStateNow, CameraSummary, ClockView, FaultView, RetentionView, ShortChoice, StreamChoice,
    WearView,
};

/// Everything the hub knows of an agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentDetail {
    pub summary: AgentSummary,
    pub site_name: String,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// Number of its current or last MQTT session; only rises.
    pub session: Option<u64>,
    /// Rust target triple of the running agent.
    pub target: Option<String>,
    pub recorder_version: Option<String>,
    #[schema(value_type = i64)]
    pub enrolled_ms: WallMs,
    /// Absent before the first generation was published.
    pub desired: Option<DesiredView>,
    /// Absent before the first report.
    pub reported: Option<ReportedView>,
    /// The latest health sample in full.
    pub health: Option<HealthPoint>,
    pub outbox: Option<OutboxView>,
    pub recorder: Option<RecorderView>,
    pub certificate: Option<CertificateView>,
    /// Absent until the box has measured for an hour.
    pub retention: Option<RetentionView>,
    /// What happens when the disk cannot keep the floors after all.
    pub when_short: ShortChoice,
    /// Open ones first, then those mended within the last 30 days; at most 200.
    pub faults: Vec<FaultView>,
    /// Absent before the first health sample.
    pub clock: Option<ClockView>,
    /// Absent where the disk says nothing of itself.
    pub wear: Option<WearView>,
    /// Ed25519 public key (SPKI DER, base64): checks what the agent signed.
    pub signing_key: String,
    /// X25519 public key, 32 bytes in base64: seal camera credentials to it (HPKE; see `AddCamera`).
    pub sealing_key: String,
    /// X25519 public key of the owner's offline recovery recipient, 32 bytes in base64, where the hub has one.
    pub recovery_key: Option<String>,
    /// By name.
    pub cameras: Vec<CameraSummary>,
}

/// What the hub published last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DesiredView {
    /// Only rises.
    pub generation: u64,
    /// Digest of the signed document.
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    /// UTC ms at which it was made.
    #[schema(value_type = Option<i64>)]
    pub published_ms: Option<WallMs>,
}

/// What the agent says it has applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ReportedView {
    pub generation: u64,
    #[schema(value_type = Option<String>)]
    pub digest: Option<Digest>,
    #[schema(value_type = i64)]
    pub at_ms: WallMs,
    /// A newer generation that was refused, and everything that could not be applied.
    pub refusals: Vec<RefusalView>,
}

/// Why an agent would not do a thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RefusalView {
    /// One word, from the closed list of refusals.
    #[schema(example = "credential_unreadable")]
    pub code: String,
    /// What it means and what to do.
    pub message: String,
    /// The agent's own words, if any.
    pub detail: Option<String>,
    #[schema(value_type = Option<String>)]
    pub camera: Option<CameraId>,
    /// The generation that was refused as a whole.
    pub generation: Option<u64>,
    /// Bytes the disk is short of, for `policy_too_large`.
    #[schema(value_type = Option<u64>)]
    pub missing_bytes: Option<ByteSize>,
}

/// The agent's queue of facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct OutboxView {
    /// Facts not yet received by the hub.
    pub waiting: u64,
    #[schema(value_type = u64)]
    pub bytes: ByteSize,
    /// UTC ms of the oldest waiting fact.
    #[schema(value_type = Option<i64>)]
    pub oldest_ms: Option<WallMs>,
    /// Facts dropped since the outbox was made, because it was full.
    pub dropped: u64,
}

/// The recorder process on the box.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RecorderView {
    pub running: bool,
    /// Worst recent time between a byte's arrival and its being safe on disk, in ms.
    pub sync_bound_ms: Option<u64>,
    /// Bytes of memory.
    #[schema(value_type = Option<u64>)]
    pub mem: Option<ByteSize>,
}

/// The agent's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CertificateView {
    /// Hex.
    pub serial: String,
    #[schema(value_type = i64)]
    pub expires_ms: WallMs,
}

/// Which stretch of time is asked for.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Range {
    /// UTC ms, inclusive. Without it: 24 hours before `to_ms`.
    pub from_ms: Option<i64>,
    /// UTC ms, exclusive. Without it: now.
    pub to_ms: Option<i64>,
}

/// Health over time, thinned evenly to at most 1,500 samples.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HealthSeries {
    #[schema(value_type = String)]
    pub agent: AgentId,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// Oldest first.
    pub samples: Vec<HealthPoint>,
}

/// How a box was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HealthPoint {
    #[schema(value_type = i64)]
    pub at_ms: WallMs,
    /// Seconds since the box booted.
    pub uptime_s: u64,
    /// Of all cores together: 1000 is every core busy.
    pub cpu_permille: u32,
    /// Bytes.
    #[schema(value_type = u64)]
    pub mem_used: ByteSize,
    /// Bytes.
    #[schema(value_type = u64)]
    pub mem_total: ByteSize,
    /// Bytes free on the vault's file system.
    #[schema(value_type = u64)]
    pub disk_free: ByteSize,
    #[schema(value_type = u64)]
    pub disk_total: ByteSize,
    /// Bytes of footage in the vault.
    #[schema(value_type = u64)]
    pub footage: ByteSize,
    pub inodes_free: u64,
    pub inodes_total: u64,
    /// Thousandths of a degree Celsius; absent where the box has no sensor.
    pub temperature_mc: Option<i64>,
    /// Bytes per second, all interfaces together.
    pub rx_bps: u64,
    /// Bytes per second, all interfaces together.
    pub tx_bps: u64,
    /// Clock of the box: `unsynced`, `rtc` or `ntp`.
    pub clock: String,
    pub cameras: Vec<CameraPoint>,
}

/// How a camera stream was at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CameraPoint {
    #[schema(value_type = String)]
    pub camera: CameraId,
    pub stream: StreamChoice,
    pub state: CameraStateNow,
    /// Thousandths of a frame per second.
    pub fps_milli: u32,
    /// Bits per second.
    pub bitrate_bps: u64,
}

/// Takes an agent's certificate away.
#[derive(Debug, Deserialize, ToSchema)]
pub struct Revoke {
    /// Why, 1 to 500 characters. It is journaled.
    pub reason: String,
}
