//! The fleet at a glance: hub, sites, agents, cameras.

use farwatch_shared::id::{AgentId, CameraId, SiteId};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ClockTrust, RecordingMode};

/// Everything a person may see, present tense. Also the first event of the event stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fleet {
    pub hub: HubInfo,
    /// By name.
    pub sites: Vec<Site>,
}

/// The hub itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HubInfo {
    /// As given at `farwatch-hub init --name`.
    pub name: String,
    pub version: String,
    /// The hub's clock, UTC ms: what "9 min ago" is counted from.
    #[schema(value_type = i64)]
    pub now_ms: WallMs,
}

/// A place with cameras.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Site {
    #[schema(value_type = String)]
    pub id: SiteId,
    pub name: String,
    /// IANA name, e.g. `Asia/Shanghai`. All times of the site are shown in it.
    pub time_zone: String,
    /// By name.
    pub agents: Vec<AgentSummary>,
    /// By name.
    pub cameras: Vec<CameraSummary>,
}

/// Makes a site.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AddSite {
    /// 1 to 100 characters, unlike any other site's.
    pub name: String,
    /// IANA name, e.g. `Europe/Warsaw`.
    pub time_zone: String,
}

/// Whether an agent is there. Deadlines decide, not what it said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Presence {
    Online,
    /// Nothing heard for longer than it should take, not yet long enough to be sure.
    Late,
    Offline,
    /// It said that it stops.
    Stopped,
    /// Enrolled, not heard of yet (or not since the hub started).
    Unknown,
    /// Its certificate was taken away.
    Revoked,
}

/// Whether what was asked for and what is agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drift {
    /// The agent reports the published generation with the published digest, and no problem.
    None,
    /// Published, not reported yet.
    Pending,
    /// The agent refused it, or could not apply a part.
    Refused,
    /// The agent has never reported.
    Unknown,
}

/// An agent in one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct AgentSummary {
    #[schema(value_type = String)]
    pub id: AgentId,
    #[schema(value_type = String)]
    pub site: SiteId,
    /// The box's host name.
    pub name: String,
    pub presence: Presence,
    /// UTC ms of the last sign of life.
    #[schema(value_type = Option<i64>)]
    pub last_seen_ms: Option<WallMs>,
    /// The agent's version, as last said.
    pub version: Option<String>,
    pub drift: Drift,
    /// Of all cores together: 1000 is every core busy.
    pub cpu_permille: Option<u32>,
    /// Bytes used of the memory.
    #[schema(value_type = Option<u64>)]
    pub mem_used: Option<ByteSize>,
    #[schema(value_type = Option<u64>)]
    pub mem_total: Option<ByteSize>,
    /// Bytes free on the vault's file system.
    #[schema(value_type = Option<u64>)]
    pub disk_free: Option<ByteSize>,
    #[schema(value_type = Option<u64>)]
    pub disk_total: Option<ByteSize>,
    /// Thousandths of a degree Celsius.
    pub temperature_mc: Option<i64>,
    /// UTC ms of the health sample the figures are from.
    #[schema(value_type = Option<i64>)]
    pub health_ms: Option<WallMs>,
    #[schema(value_type = Option<i64>)]
    pub revoked_ms: Option<WallMs>,
    /// Faults that are open.
    pub faults: u32,
    /// How far its clock can be trusted.
    pub clock: Option<ClockTrust>,
    /// Whole hours of footage its disk can hold at the measured rate.
    pub hours_possible: Option<u64>,
    /// The longest floor asked of it, in hours.
    pub floor_hours: Option<u64>,
    /// UTC ms: when footage under its floor would have to go; absent when the floor is kept.
    #[schema(value_type = Option<i64>)]
    pub breach_at_ms: Option<WallMs>,
}

/// Is it recording now, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CameraStateNow {
    /// Frames arrive and are committed.
    Recording,
    /// Connected, but no frame for a while.
    Stalled,
    /// No connection.
    Unreachable,
    /// The camera refuses the credential.
    AuthFailed,
    /// Connected, but what it sends cannot be recorded.
    Unsupported,
    /// The camera plays, and nothing of it is due to be kept now.
    Watching,
    /// Recording is switched off.
    Disabled,
    /// Not tried yet.
    Starting,
    /// Nobody can say: its agent is not online, or has not said anything yet.
    Unknown,
}

/// A camera in one line: its main stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CameraSummary {
    #[schema(value_type = String)]
    pub id: CameraId,
    #[schema(value_type = String)]
    pub agent: AgentId,
    #[schema(value_type = String)]
    pub site: SiteId,
    pub name: String,
    pub recording: RecordingMode,
    pub state: CameraStateNow,
    /// What the agent said last, when `state` is `unknown` because the agent is away.
    pub last_state: Option<CameraStateNow>,
    /// UTC ms since when `state` (or `last_state`) holds.
    #[schema(value_type = Option<i64>)]
    pub since_ms: Option<WallMs>,
    /// What the camera said, without secrets.
    pub detail: Option<String>,
    /// Thousandths of a frame per second, measured.
    pub fps_milli: u32,
    /// Bits per second, measured.
    pub bitrate_bps: u64,
    /// UTC ms: end of the last frame that is on the agent's disk.
    #[schema(value_type = Option<i64>)]
    pub last_committed_ms: Option<WallMs>,
    /// UTC ms: start of the oldest footage kept.
    #[schema(value_type = Option<i64>)]
    pub oldest_ms: Option<WallMs>,
    /// UTC ms: start of the unbroken footage that reaches until now.
    #[schema(value_type = Option<i64>)]
    pub unbroken_since_ms: Option<WallMs>,
    /// Since midnight UTC.
    pub gaps_today: u32,
    /// Milliseconds of all gaps since midnight UTC together.
    pub gap_ms_today: u64,
    /// Footage younger than this is never deleted.
    pub floor_days: u32,
    /// Footage older than this must be deleted.
    pub ceiling_days: Option<u32>,
}

/// Whether the hub answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HubHealth {
    pub ok: bool,
    pub version: String,
}
