//! Facts' marks, holes and words. Belongs here: tables `fact_mark`, `fact_hole`, `fact`. Does not: gaps and spans
//! (`timeline`), what is a duplicate or a hole (`ingest` decides).

use std::collections::BTreeMap;

use farwatch_shared::id::{AgentId, OutboxEpoch};
use farwatch_shared::time::WallMs;
use sqlx::Row as _;

use super::{Conn, Result, parsed, sql_int, unsigned};

/// Names one stream of numbers. The class is text: a class this version does not know is still counted and received.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarkKey {
    pub agent: AgentId,
    pub epoch: OutboxEpoch,
    pub class: String,
}

/// How far a stream of numbers is committed; 0 before the first.
///
/// # Errors
/// When the database fails.
pub async fn through(c: &mut Conn, key: &MarkKey) -> Result<u64> {
    let row = sqlx::query("SELECT through FROM fact_mark WHERE agent_id = $1 AND epoch = $2 AND class = $3")
        .bind(key.agent.to_string())
        .bind(key.epoch.to_string())
        .bind(&key.class)
        .fetch_optional(c)
        .await?;
    row.map_or(Ok(0), |r| unsigned(&r, "through"))
}

/// # Errors
/// When the database fails.
pub async fn set_through(c: &mut Conn, key: &MarkKey, through: u64, now: WallMs) -> Result<()> {
    sqlx::query(
        "INSERT INTO fact_mark (agent_id, epoch, class, through, updated_ms) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (agent_id, epoch, class) DO UPDATE SET through = excluded.through, updated_ms = excluded.updated_ms \
         WHERE excluded.through > fact_mark.through",
    )
    .bind(key.agent.to_string())
    .bind(key.epoch.to_string())
    .bind(&key.class)
    .bind(sql_int(through))
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(())
}

/// Every mark of the agent's three newest epochs: what a new session is told. Epochs sort by when they were made.
///
/// # Errors
/// When the database fails.
pub async fn marks(c: &mut Conn, agent: AgentId) -> Result<BTreeMap<OutboxEpoch, BTreeMap<String, u64>>> {
    let rows = sqlx::query(
        "SELECT epoch, class, through FROM fact_mark WHERE agent_id = $1 AND epoch IN \
         (SELECT DISTINCT epoch FROM fact_mark WHERE agent_id = $1 ORDER BY epoch DESC LIMIT 3)",
    )
    .bind(agent.to_string())
    .fetch_all(c)
    .await?;
    let mut out: BTreeMap<OutboxEpoch, BTreeMap<String, u64>> = BTreeMap::new();
    for r in &rows {
        out.entry(parsed(r, "fact_mark", "epoch")?).or_default().insert(r.try_get("class")?, unsigned(r, "through")?);
    }
    Ok(out)
}

/// Says that numbers first..=last never came.
///
/// # Errors
/// When the database fails.
pub async fn insert_hole(c: &mut Conn, key: &MarkKey, first: u64, last: u64, now: WallMs) -> Result<()> {
    sqlx::query(
        "INSERT INTO fact_hole (agent_id, epoch, class, first, last, noticed_ms) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (agent_id, epoch, class, first) DO NOTHING",
    )
    .bind(key.agent.to_string())
    .bind(key.epoch.to_string())
    .bind(&key.class)
    .bind(sql_int(first))
    .bind(sql_int(last))
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(())
}

/// A number that was thought lost has come after all: the hole closes around it. True when there was one.
///
/// # Errors
/// When the database fails.
pub async fn fill_hole(c: &mut Conn, key: &MarkKey, number: u64, now: WallMs) -> Result<bool> {
    let found = sqlx::query(
        "DELETE FROM fact_hole WHERE agent_id = $1 AND epoch = $2 AND class = $3 AND first <= $4 AND last >= $4 \
         RETURNING first, last",
    )
    .bind(key.agent.to_string())
    .bind(key.epoch.to_string())
    .bind(&key.class)
    .bind(sql_int(number))
    .fetch_all(&mut *c)
    .await?;
    let Some(r) = found.first() else { return Ok(false) };
    let (first, last) = (unsigned(r, "first")?, unsigned(r, "last")?);
    if first < number {
        insert_hole(c, key, first, number - 1, now).await?;
    }
    if number < last {
        insert_hole(c, key, number + 1, last, now).await?;
    }
    Ok(true)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoleRow {
    pub epoch: OutboxEpoch,
    pub class: String,
    pub first: u64,
    pub last: u64,
    pub noticed_ms: WallMs,
}

/// Lost facts of an agent, newest first.
///
/// # Errors
/// When the database fails.
pub async fn holes(c: &mut Conn, agent: AgentId) -> Result<Vec<HoleRow>> {
    let rows = sqlx::query(
        "SELECT epoch, class, first, last, noticed_ms FROM fact_hole WHERE agent_id = $1 \
         ORDER BY noticed_ms DESC, first LIMIT 200",
    )
    .bind(agent.to_string())
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|r| {
            Ok(HoleRow {
                epoch: parsed(r, "fact_hole", "epoch")?,
                class: r.try_get("class")?,
                first: unsigned(r, "first")?,
                last: unsigned(r, "last")?,
                noticed_ms: WallMs(r.try_get("noticed_ms")?),
            })
        })
        .collect()
}

/// A fact kept word for word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactRow {
    pub agent: AgentId,
    pub origin: String,
    pub class: String,
    pub kind: String,
    pub epoch: OutboxEpoch,
    pub number: u64,
    pub at_ms: WallMs,
    pub received_ms: WallMs,
    /// JSON FactBody.
    pub body: String,
}

/// Keeps a fact, unless one of that origin is there. True when it is new.
///
/// # Errors
/// When the database fails.
pub async fn insert(c: &mut Conn, f: &FactRow) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO fact (agent_id, origin, class, kind, epoch, number, at_ms, received_ms, body) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (agent_id, origin) DO NOTHING",
    )
    .bind(f.agent.to_string())
    .bind(&f.origin)
    .bind(&f.class)
    .bind(&f.kind)
    .bind(f.epoch.to_string())
    .bind(sql_int(f.number))
    .bind(f.at_ms.0)
    .bind(f.received_ms.0)
    .bind(&f.body)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many facts of a kind happened since, over all agents.
///
/// # Errors
/// When the database fails.
pub async fn count_since(c: &mut Conn, kind: &str, since: WallMs) -> Result<u64> {
    let row = sqlx::query("SELECT COUNT(*) AS n FROM fact WHERE kind = $1 AND at_ms >= $2")
        .bind(kind)
        .bind(since.0)
        .fetch_one(c)
        .await?;
    unsigned(&row, "n")
}

/// Facts of a kind of one agent, newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_kind(c: &mut Conn, agent: AgentId, kind: &str, limit: u32) -> Result<Vec<FactRow>> {
    let rows = sqlx::query(
        "SELECT agent_id, origin, class, kind, epoch, number, at_ms, received_ms, body FROM fact \
         WHERE agent_id = $1 AND kind = $2 ORDER BY at_ms DESC LIMIT $3",
    )
    .bind(agent.to_string())
    .bind(kind)
    .bind(i64::from(limit))
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|r| {
            Ok(FactRow {
                agent: parsed(r, "fact", "agent_id")?,
                origin: r.try_get("origin")?,
                class: r.try_get("class")?,
                kind: r.try_get("kind")?,
                epoch: parsed(r, "fact", "epoch")?,
                number: unsigned(r, "number")?,
                at_ms: WallMs(r.try_get("at_ms")?),
                received_ms: WallMs(r.try_get("received_ms")?),
                body: r.try_get("body")?,
            })
        })
        .collect()
}
