//! Checkpoints over the agents' chains. Belongs here: table `checkpoint`. Does not: whether one is to be believed (`ingest`).

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::Checkpoint;
use farwatch_shared::id::AgentId;
use farwatch_shared::time::{DAY_MS, WallMs};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::coverage::{Link, link};
use super::{Conn, Result, parsed, sql, sql_int, unsigned};

/// The chain of those not kept whole goes back so far.
const CHAIN_DAYS: i64 = 90;

/// A checkpoint kept whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRow {
    pub number: u64,
    pub issued_ms: WallMs,
    pub digest: Digest,
    pub envelope: String,
}

const COLUMNS: &str = "SELECT number, issued_ms, digest, envelope FROM checkpoint";

fn row(r: &AnyRow) -> Result<CheckpointRow> {
    Ok(CheckpointRow {
        number: unsigned(r, "number")?,
        issued_ms: WallMs(r.try_get("issued_ms")?),
        digest: parsed(r, "checkpoint", "digest")?,
        envelope: r.try_get("envelope")?,
    })
}

/// Keeps a checkpoint that was verified and follows its chain; of the one it follows only the chain stays, unless it is its
/// day's. True when this is the first of its day.
///
/// # Errors
/// When the database fails, or the number is there.
pub async fn insert(c: &mut Conn, p: &Checkpoint, digest: Digest, envelope: &str, now: WallMs) -> Result<bool> {
    let day = p.issued_at_ms.0.div_euclid(DAY_MS) * DAY_MS;
    let r = sqlx::query(
        "INSERT INTO checkpoint (agent_id, number, digest, previous, issued_ms, of_day, envelope, received_ms) \
         SELECT $1, $2, $3, $4, $5, CASE WHEN EXISTS (SELECT 1 FROM checkpoint WHERE agent_id = $1 AND of_day = 1 \
         AND issued_ms >= $8 AND issued_ms < $8 + 86400000) THEN 0 ELSE 1 END, $6, $7 RETURNING of_day",
    )
    .bind(p.agent.to_string())
    .bind(sql_int(p.number))
    .bind(digest.to_string())
    .bind(p.previous.to_string())
    .bind(p.issued_at_ms.0)
    .bind(envelope)
    .bind(now.0)
    .bind(day)
    .fetch_one(&mut *c)
    .await?;
    sqlx::query(
        "UPDATE checkpoint SET envelope = NULL WHERE agent_id = $1 AND of_day = 0 AND envelope IS NOT NULL \
         AND number < (SELECT MAX(number) FROM checkpoint WHERE agent_id = $1)",
    )
    .bind(p.agent.to_string())
    .execute(c)
    .await?;
    Ok(r.try_get::<i64, _>("of_day")? != 0)
}

/// The checkpoints of an agent around a number: the nearest before it, itself, the nearest after it.
///
/// # Errors
/// When the database fails.
pub async fn around(c: &mut Conn, agent: AgentId, number: u64) -> Result<Vec<Link>> {
    let rows = sqlx::query(
        "SELECT number, digest, previous FROM checkpoint WHERE agent_id = $1 AND number IN (\
         (SELECT MAX(number) FROM checkpoint WHERE agent_id = $1 AND number < $2), $2, \
         (SELECT MIN(number) FROM checkpoint WHERE agent_id = $1 AND number > $2)) ORDER BY number",
    )
    .bind(agent.to_string())
    .bind(sql_int(number))
    .fetch_all(c)
    .await?;
    rows.iter().map(|r| link(r, "checkpoint")).collect()
}

/// The newest of an agent.
///
/// # Errors
/// When the database fails.
pub async fn newest(c: &mut Conn, agent: AgentId) -> Result<Option<CheckpointRow>> {
    let found =
        sqlx::query(sql(&[COLUMNS, " WHERE agent_id = $1 AND envelope IS NOT NULL ORDER BY number DESC LIMIT 1"]))
            .bind(agent.to_string())
            .fetch_optional(c)
            .await?;
    found.as_ref().map(row).transpose()
}

/// The first of each UTC day, newest first.
///
/// # Errors
/// When the database fails.
pub async fn days(c: &mut Conn, agent: AgentId, limit: u32) -> Result<Vec<CheckpointRow>> {
    let rows = sqlx::query(sql(&[COLUMNS, " WHERE agent_id = $1 AND of_day = 1 ORDER BY number DESC LIMIT $2"]))
        .bind(agent.to_string())
        .bind(i64::from(limit))
        .fetch_all(c)
        .await?;
    rows.iter().map(row).collect()
}

/// Forgets the links that have served their time. Days and the newest stay.
///
/// # Errors
/// When the database fails.
pub async fn prune(c: &mut Conn, now: WallMs) -> Result<()> {
    sqlx::query("DELETE FROM checkpoint WHERE envelope IS NULL AND issued_ms < $1")
        .bind(now.0 - CHAIN_DAYS * DAY_MS)
        .execute(c)
        .await?;
    Ok(())
}
