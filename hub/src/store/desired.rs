//! Desired and reported states. Belongs here: tables `desired`, `desired_part`, `reported`. Does not: rendering (`policy`),
//! sending (`dispatch`).

use farwatch_shared::digest::Digest;
use farwatch_shared::id::AgentId;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::Reported;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, json, parsed, sql, sql_int, to_json, unsigned};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredRow {
    pub agent: AgentId,
    pub generation: u64,
    pub content_digest: Digest,
    /// The signed envelope exactly as published, JSON.
    pub envelope: String,
    /// Of the signed bytes; what the agent reports.
    pub payload_digest: Digest,
    pub issued_ms: WallMs,
    pub rendered_from: u64,
    /// 0 for none.
    pub published_session: u64,
    pub published_ms: Option<WallMs>,
}

const COLUMNS: &str = "SELECT desired.agent_id, generation, content_digest, envelope, payload_digest, issued_ms, \
    rendered_from, published_session, published_ms FROM desired";

fn row(r: &AnyRow) -> Result<DesiredRow> {
    Ok(DesiredRow {
        agent: parsed(r, "desired", "agent_id")?,
        generation: unsigned(r, "generation")?,
        content_digest: parsed(r, "desired", "content_digest")?,
        envelope: r.try_get("envelope")?,
        payload_digest: parsed(r, "desired", "payload_digest")?,
        issued_ms: WallMs(r.try_get("issued_ms")?),
        rendered_from: unsigned(r, "rendered_from")?,
        published_session: unsigned(r, "published_session")?,
        published_ms: r.try_get::<Option<i64>, _>("published_ms")?.map(WallMs),
    })
}

/// # Errors
/// When the database fails.
pub async fn find(c: &mut Conn, agent: AgentId) -> Result<Option<DesiredRow>> {
    let found = sqlx::query(sql(&[COLUMNS, " WHERE agent_id = $1"])).bind(agent.to_string()).fetch_optional(c).await?;
    found.as_ref().map(row).transpose()
}

/// # Errors
/// When the database fails.
pub async fn all(c: &mut Conn) -> Result<Vec<DesiredRow>> {
    sqlx::query(sql(&[COLUMNS])).fetch_all(c).await?.iter().map(row).collect()
}

/// Desired states that are not reported and not yet published in their agent's present session.
///
/// # Errors
/// When the database fails.
pub async fn undelivered(c: &mut Conn) -> Result<Vec<DesiredRow>> {
    sqlx::query(sql(&[
        COLUMNS,
        " JOIN agent ON agent.agent_id = desired.agent_id WHERE agent.presence = 'online' \
          AND agent.revoked_ms IS NULL AND published_session <> agent.session AND NOT EXISTS (SELECT 1 FROM reported \
          WHERE reported.agent_id = desired.agent_id AND reported.digest = desired.payload_digest) LIMIT 500",
    ]))
    .fetch_all(c)
    .await?
    .iter()
    .map(row)
    .collect()
}

/// Puts a newly rendered state (published in no session yet) and its parts in place of the earlier ones.
///
/// # Errors
/// When the database fails.
pub async fn put(c: &mut Conn, d: &DesiredRow, parts: &[(Digest, Vec<u8>)]) -> Result<()> {
    sqlx::query(
        "INSERT INTO desired (agent_id, generation, content_digest, envelope, payload_digest, issued_ms, rendered_from) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) \
         ON CONFLICT (agent_id) DO UPDATE SET generation = excluded.generation, content_digest = excluded.content_digest, \
         envelope = excluded.envelope, payload_digest = excluded.payload_digest, issued_ms = excluded.issued_ms, \
         rendered_from = excluded.rendered_from, published_session = 0, published_ms = NULL",
    )
    .bind(d.agent.to_string())
    .bind(sql_int(d.generation))
    .bind(d.content_digest.to_string())
    .bind(&d.envelope)
    .bind(d.payload_digest.to_string())
    .bind(d.issued_ms.0)
    .bind(sql_int(d.rendered_from))
    .execute(&mut *c)
    .await?;
    sqlx::query("DELETE FROM desired_part WHERE agent_id = $1").bind(d.agent.to_string()).execute(&mut *c).await?;
    for (digest, bytes) in parts {
        sqlx::query("INSERT INTO desired_part (agent_id, digest, bytes) VALUES ($1, $2, $3)")
            .bind(d.agent.to_string())
            .bind(digest.to_string())
            .bind(bytes.clone())
            .execute(&mut *c)
            .await?;
    }
    Ok(())
}

/// Notes that the content was found unchanged as of a policy version.
///
/// # Errors
/// When the database fails.
pub async fn unchanged(c: &mut Conn, agent: AgentId, rendered_from: u64) -> Result<()> {
    sqlx::query("UPDATE desired SET rendered_from = $2 WHERE agent_id = $1")
        .bind(agent.to_string())
        .bind(sql_int(rendered_from))
        .execute(c)
        .await?;
    Ok(())
}

/// Notes in which session a generation was published. 0: to be published again.
///
/// # Errors
/// When the database fails.
pub async fn published(c: &mut Conn, agent: AgentId, generation: u64, session: u64, now: WallMs) -> Result<()> {
    sqlx::query("UPDATE desired SET published_session = $3, published_ms = $4 WHERE agent_id = $1 AND generation = $2")
        .bind(agent.to_string())
        .bind(sql_int(generation))
        .bind(sql_int(session))
        .bind(now.0)
        .execute(c)
        .await?;
    Ok(())
}

/// The exact bytes of a part of this agent's present desired state.
///
/// # Errors
/// When the database fails.
pub async fn part(c: &mut Conn, agent: AgentId, digest: &Digest) -> Result<Option<Vec<u8>>> {
    let found = sqlx::query("SELECT bytes FROM desired_part WHERE agent_id = $1 AND digest = $2")
        .bind(agent.to_string())
        .bind(digest.to_string())
        .fetch_optional(c)
        .await?;
    Ok(found.map(|r| r.try_get("bytes")).transpose()?)
}

/// What an agent has applied, as it says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReportedRow {
    pub agent: AgentId,
    pub received_ms: WallMs,
    pub body: Reported,
}

/// Takes a report unless one of a later session is there.
///
/// # Errors
/// When the database fails.
pub async fn put_reported(c: &mut Conn, agent: AgentId, r: &Reported, now: WallMs) -> Result<()> {
    sqlx::query(
        "INSERT INTO reported (agent_id, session, generation, digest, received_ms, body) VALUES ($1, $2, $3, $4, $5, $6) \
         ON CONFLICT (agent_id) DO UPDATE SET session = excluded.session, generation = excluded.generation, \
         digest = excluded.digest, received_ms = excluded.received_ms, body = excluded.body \
         WHERE excluded.session >= reported.session",
    )
    .bind(agent.to_string())
    .bind(sql_int(r.session))
    .bind(sql_int(r.generation))
    .bind(r.digest.map(|d| d.to_string()).unwrap_or_default())
    .bind(now.0)
    .bind(to_json(r, "report")?)
    .execute(c)
    .await?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn reported(c: &mut Conn, agent: AgentId) -> Result<Option<ReportedRow>> {
    let found = sqlx::query("SELECT agent_id, received_ms, body FROM reported WHERE agent_id = $1")
        .bind(agent.to_string())
        .fetch_optional(c)
        .await?;
    found.as_ref().map(reported_row).transpose()
}

/// # Errors
/// When the database fails.
pub async fn all_reported(c: &mut Conn) -> Result<Vec<ReportedRow>> {
    sqlx::query("SELECT agent_id, received_ms, body FROM reported")
        .fetch_all(c)
        .await?
        .iter()
        .map(reported_row)
        .collect()
}

fn reported_row(r: &AnyRow) -> Result<ReportedRow> {
    Ok(ReportedRow {
        agent: parsed(r, "reported", "agent_id")?,
        received_ms: WallMs(r.try_get("received_ms")?),
        body: json(r, "reported", "body")?,
    })
}
