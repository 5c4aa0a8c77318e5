//! The journal, page by page.

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
    /// `person/<id>`, `agent/<id>`, `hub` or `cli`.
    pub actor: String,
    /// The name of the person, where the hub still knows it.
    pub actor_name: Option<String>,
    #[schema(example = "pull.request")]
    pub action: String,
    /// What it was done to, e.g. `camera/<id>`.
    pub object: String,
    #[schema(example = "begun")]
    pub outcome: String,
    pub detail: Option<String>,
    /// SHA-256 of the entry's leaf, hex.
    pub leaf: Option<String>,
}
