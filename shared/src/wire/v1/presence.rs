//! `up/presence`, and the Will: both are made from this type.

use serde::{Deserialize, Serialize};

use crate::time::WallMs;

/// Whether the agent is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PresenceState {
    Online,
    /// Said on an orderly stop.
    Stopping,
    /// Said by the broker, as the Will.
    Lost,
}

/// One sign of life of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    pub state: PresenceState,
    /// The kernel's boot id, so that a restart of the box can be told from one of the agent.
    pub boot_id: String,
    /// Persisted by the agent; only rises. A lower one is an echo of an older session and is ignored.
    pub session: u64,
    /// 32 random bytes, hex: every order of this session carries it back.
    pub nonce: String,
    pub sent_at_ms: WallMs,
    /// The agent's version.
    pub version: String,
    /// Rust target triple of the running agent.
    #[serde(default)]
    pub target: String,
    #[serde(default)]
    pub hostname: String,
}
