//! Pulls, their segments, and who looked. Belongs here: tables `pull`, `pull_segment`, `footage_view`. Does not: which
//! state may follow which (`footage`), the bytes (`vault`).

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{AgentId, CameraId, OrderId, PersonId, StreamName, ViewId};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{ManifestSegment, Rendition};
use serde::{Deserialize, Serialize};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, StoreError, json, parsed, parsed_opt, sql, sql_int, to_json, unsigned, word, word_of};

/// Where a pull stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullState {
    Requested,
    Approved,
    Pulling,
    Received,
    Sealed,
    Refused,
    Failed,
    Expired,
}

impl PullState {
    /// Whether nothing will change any more.
    #[must_use]
    pub fn is_final(self) -> bool {
        matches!(self, Self::Sealed | Self::Refused | Self::Failed | Self::Expired)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRow {
    pub order: OrderId,
    pub agent: AgentId,
    pub camera: CameraId,
    pub stream: StreamName,
    pub rendition: Rendition,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub reason: String,
    pub person: PersonId,
    pub state: PullState,
    pub refusal: Option<Refusal>,
    pub detail: String,
    pub created_ms: WallMs,
    pub changed_ms: WallMs,
    pub expires_ms: WallMs,
    pub progress_ms: WallMs,
    /// 0 for none.
    pub ordered_session: u64,
    pub has_manifest: bool,
    pub bytes_total: u64,
    pub bytes_received: u64,
    pub sealed_ms: Option<WallMs>,
}

const COLUMNS: &str = "SELECT order_id, pull.agent_id, camera_id, stream, rendition, start_ms, end_ms, reason, person_id, \
    state, refusal, detail, created_ms, changed_ms, expires_ms, progress_ms, ordered_session, \
    CASE WHEN manifest IS NULL THEN 0 ELSE 1 END AS has_manifest, bytes_total, bytes_received, sealed_ms FROM pull";

fn row(r: &AnyRow) -> Result<PullRow> {
    let refusal: Option<String> = r.try_get("refusal")?;
    Ok(PullRow {
        order: parsed(r, "pull", "order_id")?,
        agent: parsed(r, "pull", "agent_id")?,
        camera: parsed(r, "pull", "camera_id")?,
        stream: parsed(r, "pull", "stream")?,
        rendition: word(r, "pull", "rendition")?,
        start_ms: WallMs(r.try_get("start_ms")?),
        end_ms: WallMs(r.try_get("end_ms")?),
        reason: r.try_get("reason")?,
        person: parsed(r, "pull", "person_id")?,
        state: word(r, "pull", "state")?,
        refusal: refusal.and_then(|text| serde_json::from_value(serde_json::Value::String(text)).ok()),
        detail: r.try_get("detail")?,
        created_ms: WallMs(r.try_get("created_ms")?),
        changed_ms: WallMs(r.try_get("changed_ms")?),
        expires_ms: WallMs(r.try_get("expires_ms")?),
        progress_ms: WallMs(r.try_get("progress_ms")?),
        ordered_session: unsigned(r, "ordered_session")?,
        has_manifest: r.try_get::<i64, _>("has_manifest")? != 0,
        bytes_total: unsigned(r, "bytes_total")?,
        bytes_received: unsigned(r, "bytes_received")?,
        sealed_ms: r.try_get::<Option<i64>, _>("sealed_ms")?.map(WallMs),
    })
}

/// # Errors
/// When the database fails.
pub async fn insert(c: &mut Conn, p: &PullRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO pull (order_id, agent_id, camera_id, stream, rendition, start_ms, end_ms, reason, person_id, state, \
         created_ms, changed_ms, expires_ms, progress_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(p.order.to_string())
    .bind(p.agent.to_string())
    .bind(p.camera.to_string())
    .bind(p.stream.as_str())
    .bind(word_of(&p.rendition)?)
    .bind(p.start_ms.0)
    .bind(p.end_ms.0)
    .bind(&p.reason)
    .bind(p.person.to_string())
    .bind(word_of(&p.state)?)
    .bind(p.created_ms.0)
    .bind(p.changed_ms.0)
    .bind(p.expires_ms.0)
    .bind(p.progress_ms.0)
    .execute(c)
    .await?;
    Ok(())
}

/// # Errors
/// [`StoreError::Missing`] when there is none.
pub async fn get(c: &mut Conn, order: OrderId) -> Result<PullRow> {
    find(c, order).await?.ok_or_else(|| StoreError::Missing { what: "pull", id: order.to_string() })
}

/// # Errors
/// When the database fails.
pub async fn find(c: &mut Conn, order: OrderId) -> Result<Option<PullRow>> {
    let found = sqlx::query(sql(&[COLUMNS, " WHERE order_id = $1"])).bind(order.to_string()).fetch_optional(c).await?;
    found.as_ref().map(row).transpose()
}

/// Newest first; of one camera, or of all.
///
/// # Errors
/// When the database fails.
pub async fn recent(c: &mut Conn, camera: Option<CameraId>, limit: u32) -> Result<Vec<PullRow>> {
    let camera = camera.map(|id| id.to_string()).unwrap_or_default();
    let rows = sqlx::query(sql(&[COLUMNS, " WHERE $1 = '' OR camera_id = $1 ORDER BY created_ms DESC LIMIT $2"]))
        .bind(camera)
        .bind(i64::from(limit))
        .fetch_all(c)
        .await?;
    rows.iter().map(row).collect()
}

/// Bytes received of all pulls there ever were.
///
/// # Errors
/// When the database fails.
pub async fn bytes_in_all(c: &mut Conn) -> Result<u64> {
    let found = sqlx::query("SELECT COALESCE(CAST(SUM(bytes_received) AS BIGINT), 0) AS bytes FROM pull");
    unsigned(&found.fetch_one(c).await?, "bytes")
}

/// Pulls that are not finished, oldest first, at most 1,000.
///
/// # Errors
/// When the database fails.
pub async fn open(c: &mut Conn) -> Result<Vec<PullRow>> {
    sqlx::query(sql(&[
        COLUMNS,
        " WHERE state IN ('requested', 'approved', 'pulling', 'received') ORDER BY created_ms LIMIT 1000",
    ]))
    .fetch_all(c)
    .await?
    .iter()
    .map(row)
    .collect()
}

/// Pulls the agent has not taken yet, whose order was not published in its present session. Once taken, an agent goes on by
/// itself over any number of sessions.
///
/// # Errors
/// When the database fails.
pub async fn unordered(c: &mut Conn) -> Result<Vec<PullRow>> {
    sqlx::query(sql(&[
        COLUMNS,
        " JOIN agent ON agent.agent_id = pull.agent_id WHERE pull.state = 'approved' \
          AND agent.presence = 'online' AND agent.revoked_ms IS NULL AND ordered_session <> agent.session \
          ORDER BY created_ms LIMIT 500",
    ]))
    .fetch_all(c)
    .await?
    .iter()
    .map(row)
    .collect()
}

/// # Errors
/// When the database fails.
pub async fn ordered(c: &mut Conn, order: OrderId, session: u64) -> Result<()> {
    sqlx::query("UPDATE pull SET ordered_session = $2 WHERE order_id = $1")
        .bind(order.to_string())
        .bind(sql_int(session))
        .execute(c)
        .await?;
    Ok(())
}

/// How a pull moves on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    pub to: PullState,
    pub refusal: Option<Refusal>,
    pub detail: String,
}

/// Moves a pull from one state to another. False when it was in a different state by then.
///
/// # Errors
/// When the database fails.
pub async fn advance(c: &mut Conn, order: OrderId, from: PullState, m: &Move, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE pull SET state = $3, refusal = $4, detail = $5, changed_ms = $6, progress_ms = $6, \
         sealed_ms = CASE WHEN $3 = 'sealed' THEN $6 ELSE sealed_ms END WHERE order_id = $1 AND state = $2",
    )
    .bind(order.to_string())
    .bind(word_of(&from)?)
    .bind(word_of(&m.to)?)
    .bind(m.refusal.map(Refusal::code))
    .bind(m.detail.chars().take(500).collect::<String>())
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A sign of progress.
///
/// # Errors
/// When the database fails.
pub async fn progressed(c: &mut Conn, order: OrderId, now: WallMs) -> Result<()> {
    sqlx::query("UPDATE pull SET progress_ms = $2 WHERE order_id = $1")
        .bind(order.to_string())
        .bind(now.0)
        .execute(c)
        .await?;
    Ok(())
}

/// The signed manifest exactly as given; `None` before.
///
/// # Errors
/// When the database fails.
pub async fn manifest(c: &mut Conn, order: OrderId) -> Result<Option<String>> {
    let found =
        sqlx::query("SELECT manifest FROM pull WHERE order_id = $1").bind(order.to_string()).fetch_optional(c).await?;
    Ok(found.map(|r| r.try_get::<Option<String>, _>("manifest")).transpose()?.flatten())
}

/// Keeps the manifest and its segments. Call it once per pull.
///
/// # Errors
/// When the database fails.
pub async fn put_manifest(
    c: &mut Conn,
    order: OrderId,
    envelope: &str,
    segments: &[ManifestSegment],
    now: WallMs,
) -> Result<()> {
    let total: u64 = segments.iter().map(|s| s.sent_size().bytes()).sum();
    sqlx::query("UPDATE pull SET manifest = $2, bytes_total = $3, progress_ms = $4 WHERE order_id = $1")
        .bind(order.to_string())
        .bind(envelope)
        .bind(sql_int(total))
        .bind(now.0)
        .execute(&mut *c)
        .await?;
    for (ordinal, s) in segments.iter().enumerate() {
        sqlx::query(
            "INSERT INTO pull_segment (order_id, ordinal, short, bytes_total, body) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(order.to_string())
        .bind(i64::try_from(ordinal).unwrap_or(i64::MAX))
        .bind(s.segment.short())
        .bind(sql_int(s.sent_size().bytes()))
        .bind(to_json(s, "manifest segment")?)
        .execute(&mut *c)
        .await?;
    }
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullSegmentRow {
    pub order: OrderId,
    pub ordinal: u64,
    pub short: String,
    pub bytes_total: u64,
    /// Durable.
    pub bytes_received: u64,
    pub sealed_digest: Option<Digest>,
    pub body: ManifestSegment,
}

const SEGMENT_COLUMNS: &str =
    "SELECT order_id, ordinal, short, bytes_total, bytes_received, sealed_digest, body FROM pull_segment";

fn segment_row(r: &AnyRow) -> Result<PullSegmentRow> {
    Ok(PullSegmentRow {
        order: parsed(r, "pull_segment", "order_id")?,
        ordinal: unsigned(r, "ordinal")?,
        short: r.try_get("short")?,
        bytes_total: unsigned(r, "bytes_total")?,
        bytes_received: unsigned(r, "bytes_received")?,
        sealed_digest: parsed_opt(r, "pull_segment", "sealed_digest")?,
        body: json(r, "pull_segment", "body")?,
    })
}

/// A pull's segments in order of time.
///
/// # Errors
/// When the database fails.
pub async fn segments(c: &mut Conn, order: OrderId) -> Result<Vec<PullSegmentRow>> {
    let rows = sqlx::query(sql(&[SEGMENT_COLUMNS, " WHERE order_id = $1 ORDER BY ordinal"]))
        .bind(order.to_string())
        .fetch_all(c)
        .await?;
    rows.iter().map(segment_row).collect()
}

/// # Errors
/// When the database fails.
pub async fn segment(c: &mut Conn, order: OrderId, short: &str) -> Result<Option<PullSegmentRow>> {
    let found = sqlx::query(sql(&[SEGMENT_COLUMNS, " WHERE order_id = $1 AND short = $2"]))
        .bind(order.to_string())
        .bind(short)
        .fetch_optional(c)
        .await?;
    found.as_ref().map(segment_row).transpose()
}

/// Counts a chunk that is on the disk. False when the segment had moved on meanwhile.
///
/// # Errors
/// When the database fails.
pub async fn received(c: &mut Conn, order: OrderId, short: &str, from: u64, to: u64, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "UPDATE pull_segment SET bytes_received = $4 WHERE order_id = $1 AND short = $2 AND bytes_received = $3",
    )
    .bind(order.to_string())
    .bind(short)
    .bind(sql_int(from))
    .bind(sql_int(to))
    .execute(&mut *c)
    .await?;
    if done.rows_affected() != 1 {
        return Ok(false);
    }
    sqlx::query("UPDATE pull SET bytes_received = bytes_received + $2, progress_ms = $3 WHERE order_id = $1")
        .bind(order.to_string())
        .bind(sql_int(to - from))
        .bind(now.0)
        .execute(c)
        .await?;
    Ok(true)
}

/// Takes bytes back that turned out to belong to a piece with a wrong digest.
///
/// # Errors
/// When the database fails.
pub async fn gone_back(c: &mut Conn, order: OrderId, short: &str, from: u64, to: u64) -> Result<()> {
    let done = sqlx::query(
        "UPDATE pull_segment SET bytes_received = $4 WHERE order_id = $1 AND short = $2 AND bytes_received = $3",
    )
    .bind(order.to_string())
    .bind(short)
    .bind(sql_int(from))
    .bind(sql_int(to))
    .execute(&mut *c)
    .await?;
    if done.rows_affected() == 1 {
        sqlx::query("UPDATE pull SET bytes_received = bytes_received - $2 WHERE order_id = $1")
            .bind(order.to_string())
            .bind(sql_int(from - to))
            .execute(c)
            .await?;
    }
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn segment_sealed(c: &mut Conn, order: OrderId, short: &str, digest: &Digest) -> Result<()> {
    sqlx::query("UPDATE pull_segment SET sealed_digest = $3 WHERE order_id = $1 AND short = $2")
        .bind(order.to_string())
        .bind(short)
        .bind(digest.to_string())
        .execute(c)
        .await?;
    Ok(())
}

/// One look at a pull's footage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewRow {
    pub view: ViewId,
    pub order: OrderId,
    pub person: PersonId,
    pub reason: String,
    pub created_ms: WallMs,
}

/// # Errors
/// When the database fails.
pub async fn insert_view(c: &mut Conn, v: &ViewRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO footage_view (view_id, order_id, person_id, reason, created_ms) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(v.view.to_string())
    .bind(v.order.to_string())
    .bind(v.person.to_string())
    .bind(&v.reason)
    .bind(v.created_ms.0)
    .execute(c)
    .await?;
    Ok(())
}

/// # Errors
/// [`StoreError::Missing`] when there is none.
pub async fn view(c: &mut Conn, view: ViewId) -> Result<ViewRow> {
    let found =
        sqlx::query("SELECT view_id, order_id, person_id, reason, created_ms FROM footage_view WHERE view_id = $1")
            .bind(view.to_string())
            .fetch_optional(c)
            .await?;
    let r = found.ok_or_else(|| StoreError::Missing { what: "view", id: view.to_string() })?;
    Ok(ViewRow {
        view: parsed(&r, "footage_view", "view_id")?,
        order: parsed(&r, "footage_view", "order_id")?,
        person: parsed(&r, "footage_view", "person_id")?,
        reason: r.try_get("reason")?,
        created_ms: WallMs(r.try_get("created_ms")?),
    })
}
