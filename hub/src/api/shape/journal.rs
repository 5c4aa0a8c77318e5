//! The journal, page by page.

use std::collections::BTreeMap;

use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which entries.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct JournalQuery {
    /// Only entries with a smaller index. Without it: the newest.
    pub before: Option<u64>,
    /// At most this many (1 to 500; without it 100).
    pub limit: Option<u32>,
}

/// Newest first. `before` = the last index gives the next page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Journal {
    pub entries: Vec<JournalEntry>,
    /// Entries in all.
    pub size: u64,
}

/// Who did what to what, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct JournalEntry {
    /// Counts from 0, without holes.
    pub index: u64,
    #[schema(value_type = i64)]
    pub at_ms: WallMs,
    /// `person`, `agent`, `hub` or `command_line`.
    #[schema(example = "person")]
    pub actor: String,
    /// The person's pseudonym or the agent's id.
    pub actor_id: Option<String>,
    /// The person's name where the hub still knows it, or the agent's host name.
    pub actor_name: Option<String>,
    /// `<noun>.<verb>`.
    #[schema(example = "pull.view")]
    pub action: String,
    /// Id of what it was done to.
    pub object: String,
    /// `done`, `refused` or `failed`.
    #[schema(example = "done")]
    pub outcome: String,
    pub detail: BTreeMap<String, DetailValue>,
    /// SHA-256 of the entry's leaf (RFC 6962), hex.
    pub leaf_hash: String,
}

/// A value in an entry's detail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum DetailValue {
    Int(i64),
    Text(String),
}
