//! One-time secrets, kept as hashes. Belongs here: tables `token`, `setup_link`. Does not: making or checking one.

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{AgentId, PersonId, SiteId, TokenId};
use farwatch_shared::time::WallMs;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, parsed, parsed_opt, sql};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRow {
    pub token: TokenId,
    pub site: SiteId,
    /// SHA-256 of the secret's text.
    pub hash: Digest,
    pub created_ms: WallMs,
    pub expires_ms: WallMs,
    /// None when made at the command line.
    pub person: Option<PersonId>,
    pub used_ms: Option<WallMs>,
    pub agent: Option<AgentId>,
}

const COLUMNS: &str = "SELECT token_id, site_id, hash, created_ms, expires_ms, person_id, used_ms, agent_id FROM token";

fn row(r: &AnyRow) -> Result<TokenRow> {
    let person: String = r.try_get("person_id")?;
    let hash: Vec<u8> = r.try_get("hash")?;
    Ok(TokenRow {
        token: parsed(r, "token", "token_id")?,
        site: parsed(r, "token", "site_id")?,
        hash: Digest(hash.try_into().unwrap_or_default()),
        created_ms: WallMs(r.try_get("created_ms")?),
        expires_ms: WallMs(r.try_get("expires_ms")?),
        person: person.parse().ok(),
        used_ms: r.try_get::<Option<i64>, _>("used_ms")?.map(WallMs),
        agent: parsed_opt(r, "token", "agent_id")?,
    })
}

/// # Errors
/// When the database fails.
pub async fn insert(c: &mut Conn, t: &TokenRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO token (token_id, site_id, hash, created_ms, expires_ms, person_id) VALUES ($1, $2, $3, $4, $5, $6)",
    )
    .bind(t.token.to_string())
    .bind(t.site.to_string())
    .bind(t.hash.0.to_vec())
    .bind(t.created_ms.0)
    .bind(t.expires_ms.0)
    .bind(t.person.map(|p| p.to_string()).unwrap_or_default())
    .execute(c)
    .await?;
    Ok(())
}

/// Newest first, at most 200.
///
/// # Errors
/// When the database fails.
pub async fn recent(c: &mut Conn) -> Result<Vec<TokenRow>> {
    sqlx::query(sql(&[COLUMNS, " ORDER BY created_ms DESC LIMIT 200"])).fetch_all(c).await?.iter().map(row).collect()
}

/// # Errors
/// When the database fails.
pub async fn by_hash(c: &mut Conn, hash: &Digest) -> Result<Option<TokenRow>> {
    let found = sqlx::query(sql(&[COLUMNS, " WHERE hash = $1"])).bind(hash.0.to_vec()).fetch_optional(c).await?;
    found.as_ref().map(row).transpose()
}

/// Spends a token that is neither used nor expired. False when somebody was faster or the time is over.
///
/// # Errors
/// When the database fails.
pub async fn spend(c: &mut Conn, token: TokenId, agent: AgentId, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE token SET used_ms = $3, agent_id = $2 WHERE token_id = $1 AND used_ms IS NULL AND expires_ms > $3",
    )
    .bind(token.to_string())
    .bind(agent.to_string())
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// # Errors
/// When the database fails.
pub async fn insert_setup(c: &mut Conn, hash: &Digest, created: WallMs, expires: WallMs) -> Result<()> {
    sqlx::query("INSERT INTO setup_link (hash, created_ms, expires_ms) VALUES ($1, $2, $3)")
        .bind(hash.0.to_vec())
        .bind(created.0)
        .bind(expires.0)
        .execute(c)
        .await?;
    Ok(())
}

/// Spends a set-up link. False when it is unknown, used or expired.
///
/// # Errors
/// When the database fails.
pub async fn spend_setup(c: &mut Conn, hash: &Digest, now: WallMs) -> Result<bool> {
    let done =
        sqlx::query("UPDATE setup_link SET used_ms = $2 WHERE hash = $1 AND used_ms IS NULL AND expires_ms > $2")
            .bind(hash.0.to_vec())
            .bind(now.0)
            .execute(c)
            .await?;
    Ok(done.rows_affected() == 1)
}
