//! What could not be read or was refused. Belongs here: tables `quarantine`, `refusal`. Does not: deciding that.

use farwatch_shared::id::AgentId;
use farwatch_shared::time::WallMs;
use sqlx::Row as _;

use super::{Conn, Result, parsed, sql_int, unsigned};

/// Rows kept per agent; above that only the count goes on.
pub const QUARANTINE_ROWS: i64 = 1000;

/// Keeps bytes word for word. False when the agent's quarantine is full.
///
/// # Errors
/// When the database fails.
pub async fn put(c: &mut Conn, agent: AgentId, topic: &str, reason: &str, body: Vec<u8>, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO quarantine (quarantine_id, agent_id, topic, reason, received_ms, body) \
         SELECT $1, $2, $3, $4, $5, $6 WHERE (SELECT COUNT(*) FROM quarantine WHERE agent_id = $2) < $7",
    )
    .bind(uuid::Uuid::now_v7().to_string())
    .bind(agent.to_string())
    .bind(topic)
    .bind(reason.chars().take(300).collect::<String>())
    .bind(now.0)
    .bind(body)
    .bind(QUARANTINE_ROWS)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// # Errors
/// When the database fails.
pub async fn count(c: &mut Conn, agent: AgentId) -> Result<u64> {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM quarantine WHERE agent_id = $1")
        .bind(agent.to_string())
        .fetch_one(c)
        .await?;
    unsigned(&row, "n")
}

/// The same refusal of one agent within one hour, first and count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalRow {
    pub agent: AgentId,
    pub what: String,
    pub refusal: String,
    pub hour_ms: WallMs,
    pub first_ms: WallMs,
    pub last_ms: WallMs,
    pub count: u64,
    pub detail: String,
}

/// Adds to the count. True when this is the first of its kind in the hour: the caller journals it.
///
/// # Errors
/// When the database fails.
pub async fn count_refusal(c: &mut Conn, r: &RefusalRow) -> Result<bool> {
    let row = sqlx::query(
        "INSERT INTO refusal (agent_id, what, refusal, hour_ms, first_ms, last_ms, count, detail) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (agent_id, what, refusal, hour_ms) DO UPDATE SET \
         last_ms = excluded.last_ms, count = refusal.count + excluded.count RETURNING count",
    )
    .bind(r.agent.to_string())
    .bind(&r.what)
    .bind(&r.refusal)
    .bind(r.hour_ms.0)
    .bind(r.first_ms.0)
    .bind(r.last_ms.0)
    .bind(sql_int(r.count))
    .bind(r.detail.chars().take(300).collect::<String>())
    .fetch_one(c)
    .await?;
    Ok(unsigned(&row, "count")? == r.count)
}

/// Refusals of an agent, newest first, at most 100.
///
/// # Errors
/// When the database fails.
pub async fn refusals(c: &mut Conn, agent: AgentId) -> Result<Vec<RefusalRow>> {
    let rows = sqlx::query(
        "SELECT agent_id, what, refusal, hour_ms, first_ms, last_ms, count, detail FROM refusal WHERE agent_id = $1 \
         ORDER BY last_ms DESC LIMIT 100",
    )
    .bind(agent.to_string())
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|r| {
            Ok(RefusalRow {
                agent: parsed(r, "refusal", "agent_id")?,
                what: r.try_get("what")?,
                refusal: r.try_get("refusal")?,
                hour_ms: WallMs(r.try_get("hour_ms")?),
                first_ms: WallMs(r.try_get("first_ms")?),
                last_ms: WallMs(r.try_get("last_ms")?),
                count: unsigned(r, "count")?,
                detail: r.try_get("detail")?,
            })
        })
        .collect()
}
