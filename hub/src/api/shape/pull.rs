//! Footage asked for: the order and how it goes.

use farwatch_shared::id::{AgentId, CameraId, OrderId, PersonId};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{RefusalView, StreamChoice};

/// The bytes as recorded, or a copy made for browsers that cannot play them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RenditionChoice {
    #[default]
    Original,
    /// H.264 made by the agent, marked as a derived copy; never evidence.
    Preview,
}

/// How far a pull is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum PullState {
    /// Written down.
    Requested,
    /// May be ordered from the agent as soon as that is online; no byte has arrived.
    Approved,
    /// Bytes are arriving, and can be watched.
    Pulling,
    /// Every byte arrived and is being checked once more.
    Received,
    /// Complete and checked against the digests taken at record time.
    Sealed,
    /// The agent would not; see `refusal`.
    Refused,
    /// It went wrong; see `refusal`. Asking again may succeed.
    Failed,
    /// Its time ran out.
    Expired,
}

/// Footage a person asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pull {
    #[schema(value_type = String)]
    pub id: OrderId,
    #[schema(value_type = String)]
    pub camera: CameraId,
    #[schema(value_type = String)]
    pub agent: AgentId,
    pub camera_name: String,
    pub site_name: String,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    pub stream: StreamChoice,
    pub rendition: RenditionChoice,
    /// UTC ms, inclusive.
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    /// UTC ms, exclusive.
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
    pub reason: String,
    /// Who asked.
    #[schema(value_type = String)]
    pub person: PersonId,
    /// The name of who asked, where the hub still knows it.
    pub person_name: Option<String>,
    pub state: PullState,
    /// Why it failed.
    pub refusal: Option<RefusalView>,
    /// Segment files it consists of; 0 before the manifest arrived.
    pub segments: u32,
    #[schema(value_type = u64)]
    pub bytes_received: ByteSize,
    /// 0 before the manifest arrived.
    #[schema(value_type = u64)]
    pub bytes_total: ByteSize,
    #[schema(value_type = i64)]
    pub created_ms: WallMs,
    #[schema(value_type = i64)]
    pub expires_ms: WallMs,
    #[schema(value_type = Option<i64>)]
    pub sealed_ms: Option<WallMs>,
}

/// Asks for footage.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AddPull {
    /// UTC ms, inclusive.
    pub start_ms: i64,
    /// UTC ms, exclusive; at most 24 hours after `start_ms`.
    pub end_ms: i64,
    /// Why, 1 to 500 characters. It is journaled here and in the agent's ledger.
    #[serde(default)]
    pub reason: String,
    #[serde(default)]
    pub stream: StreamChoice,
    #[serde(default)]
    pub rendition: RenditionChoice,
}

/// Which pulls.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PullQuery {
    /// Only this camera's.
    #[param(value_type = Option<String>)]
    pub camera: Option<CameraId>,
    /// At most this many (1 to 500; without it 100).
    pub limit: Option<u32>,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Pulls {
    pub pulls: Vec<Pull>,
}
