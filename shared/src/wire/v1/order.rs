//! `dn/order`: one sealed, numbered, time-limited order to one agent in one session.

use serde::{Deserialize, Serialize};

use crate::id::{AgentId, CameraId, OrderId, PersonId, StreamName};
use crate::seal::Document;
use crate::time::WallMs;

/// An order. Its id is spent once; a replayed one fails whatever the clock says, since it names the session's nonce.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    pub order: OrderId,
    /// The addressee.
    pub agent: AgentId,
    /// The nonce of the session it is for, from that session's presence.
    pub nonce: String,
    pub issued_at_ms: WallMs,
    pub expires_at_ms: WallMs,
    pub body: OrderBody,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crit: Vec<String>,
}

impl Document for Order {
    const TYPE: &'static str = "application/vnd.farwatch.order.v1+json";
}

/// What is ordered. `live`, `update` and `diagnostics` are names kept for later issues.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum OrderBody {
    Pull(PullOrder),
}

/// Bring footage of one camera stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PullOrder {
    pub camera: CameraId,
    pub stream: StreamName,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub rendition: Rendition,
    pub person: PersonId,
    /// Never empty (ACC-02).
    pub reason: String,
}

/// The bytes as recorded, or a copy made for browsers that cannot play them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rendition {
    Original,
    /// H.264 made by the agent, marked as a derived copy; never evidence.
    Preview,
}
