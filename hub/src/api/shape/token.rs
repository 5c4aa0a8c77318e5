//! Enrolment tokens: how a box joins.

use farwatch_shared::id::{AgentId, SiteId, TokenId};
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Makes a token.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AddToken {
    #[schema(value_type = String)]
    pub site_id: SiteId,
    /// Seconds it is good for: 60 to 604,800. Without it: 3,600.
    #[serde(default)]
    pub ttl_s: Option<u32>,
}

/// A new token. The URL is shown this once and stored nowhere.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct NewToken {
    #[schema(value_type = String)]
    pub id: TokenId,
    /// For `farwatch-agent enrol`; holds the secret and both fingerprints.
    pub url: String,
    /// The URL as a QR code: an SVG document.
    pub qr_svg: String,
    #[schema(value_type = i64)]
    pub expires_ms: WallMs,
}

/// Newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tokens {
    pub tokens: Vec<Token>,
}

/// What can be done with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TokenState {
    /// Waits for a box.
    Open,
    Used,
    Expired,
}

/// A token without its secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Token {
    #[schema(value_type = String)]
    pub id: TokenId,
    #[schema(value_type = String)]
    pub site: SiteId,
    pub site_name: String,
    pub state: TokenState,
    #[schema(value_type = i64)]
    pub created_ms: WallMs,
    #[schema(value_type = i64)]
    pub expires_ms: WallMs,
    #[schema(value_type = Option<i64>)]
    pub used_ms: Option<WallMs>,
    /// The agent that came with it.
    #[schema(value_type = Option<String>)]
    pub agent: Option<AgentId>,
}
