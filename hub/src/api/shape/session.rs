//! Set-up, signing in, who is here.

use farwatch_shared::id::PersonId;
use farwatch_shared::secret::Secret;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The first administrator sets up the hub with the one-time link.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SetUp {
    /// The part of the set-up link behind `#t=`.
    #[schema(value_type = String)]
    pub token: Secret,
    /// The name to sign in with, 1 to 64 characters.
    pub name: String,
    /// At least 12 characters, at most 256.
    #[schema(value_type = String, format = Password, min_length = 12)]
    pub password: Secret,
}

/// Signs in.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SignIn {
    pub name: String,
    #[schema(value_type = String, format = Password)]
    pub password: Secret,
}

/// The session of the person who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Session {
    /// The pseudonym the journal knows the person by.
    #[schema(value_type = String)]
    pub person: PersonId,
    pub name: String,
    /// UTC ms at which the session ends unless it is used before (12 hours idle, 7 days in all).
    #[schema(value_type = i64)]
    pub expires_ms: WallMs,
}
