//! What retention removed. Belongs here: tables `deletion_certificate`, `deleted_range`, and taking what is gone out of
//! `footage_span`. Does not: whether a certificate is to be believed (`ingest`).

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::{DeletedRange, DeletedWhy, DeletionCertificate};
use farwatch_shared::id::{AgentId, CameraId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Span, WallMs};
use sqlx::Row as _;

use super::coverage::{Link, link};
use super::{Conn, Result, parsed, sql_int, unsigned, word, word_of};

/// What a list shows of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeletionRow {
    pub agent: AgentId,
    pub number: u64,
    pub camera: CameraId,
    pub stream: StreamName,
    pub why: DeletedWhy,
    pub issued_ms: WallMs,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub segments: u64,
    pub bytes: ByteSize,
    pub digest: Digest,
}

/// Keeps a certificate that was verified and follows its chain, and takes what it names out of the timeline.
///
/// # Errors
/// When the database fails, or the number is there.
pub async fn insert(c: &mut Conn, d: &DeletionCertificate, digest: Digest, envelope: &str, now: WallMs) -> Result<()> {
    let start = d.ranges.iter().map(|r| r.start_ms.0).min().unwrap_or(d.issued_at_ms.0);
    let end = d.ranges.iter().map(|r| r.end_ms.0).max().unwrap_or(start);
    sqlx::query(
        "INSERT INTO deletion_certificate (agent_id, number, camera_id, stream, why, issued_ms, start_ms, end_ms, \
         segments, bytes, digest, previous, envelope, received_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
    )
    .bind(d.agent.to_string())
    .bind(sql_int(d.number))
    .bind(d.camera.to_string())
    .bind(d.stream.as_str())
    .bind(word_of(&d.why)?)
    .bind(d.issued_at_ms.0)
    .bind(start)
    .bind(end)
    .bind(sql_int(d.segments))
    .bind(sql_int(d.bytes.bytes()))
    .bind(digest.to_string())
    .bind(d.previous.to_string())
    .bind(envelope)
    .bind(now.0)
    .execute(&mut *c)
    .await?;
    for range in &d.ranges {
        remove(c, d.camera, d.stream, range).await?;
    }
    Ok(())
}

async fn remove(c: &mut Conn, camera: CameraId, stream: StreamName, range: &DeletedRange) -> Result<()> {
    let (camera, stream, run) = (camera.to_string(), stream.as_str(), range.run.to_string());
    // Retention goes through a run from its start: each range usually continues the one before.
    let longer = sqlx::query(
        "UPDATE deleted_range SET last_sequence = $5, end_ms = CASE WHEN end_ms > $6 THEN end_ms ELSE $6 END \
         WHERE camera_id = $1 AND stream = $2 AND run = $3 AND last_sequence = $4 - 1",
    )
    .bind(&camera)
    .bind(stream)
    .bind(&run)
    .bind(i64::from(range.first_sequence))
    .bind(i64::from(range.last_sequence))
    .bind(range.end_ms.0)
    .execute(&mut *c)
    .await?;
    if longer.rows_affected() == 0 {
        sqlx::query(
            "INSERT INTO deleted_range (camera_id, stream, run, first_sequence, last_sequence, start_ms, end_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (camera_id, stream, run, first_sequence) DO UPDATE SET \
             last_sequence = excluded.last_sequence, end_ms = excluded.end_ms \
             WHERE excluded.last_sequence > deleted_range.last_sequence",
        )
        .bind(&camera)
        .bind(stream)
        .bind(&run)
        .bind(i64::from(range.first_sequence))
        .bind(i64::from(range.last_sequence))
        .bind(range.start_ms.0)
        .bind(range.end_ms.0)
        .execute(&mut *c)
        .await?;
    }
    // A stretch that is gone as a whole needs no row any more; one that is gone in part is cut when it is read.
    sqlx::query(
        "DELETE FROM footage_span WHERE camera_id = $1 AND stream = $2 AND run = $3 AND EXISTS (\
         SELECT 1 FROM deleted_range d WHERE d.camera_id = $1 AND d.stream = $2 AND d.run = $3 \
         AND d.first_sequence <= footage_span.first_sequence AND d.last_sequence >= footage_span.last_sequence)",
    )
    .bind(&camera)
    .bind(stream)
    .bind(&run)
    .execute(c)
    .await?;
    Ok(())
}

/// What is gone of one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoneRow {
    pub run: String,
    pub span: Span,
}

/// What is gone of a stream and overlaps the range, by start.
///
/// # Errors
/// When the database fails.
pub async fn gone(c: &mut Conn, camera: CameraId, stream: StreamName, range: Span) -> Result<Vec<GoneRow>> {
    let rows = sqlx::query(
        "SELECT run, start_ms, end_ms FROM deleted_range WHERE camera_id = $1 AND stream = $2 AND end_ms > $3 \
         AND start_ms < $4 ORDER BY start_ms, run",
    )
    .bind(camera.to_string())
    .bind(stream.as_str())
    .bind(range.start_ms.0)
    .bind(range.end_ms.0)
    .fetch_all(c)
    .await?;
    let mut out = Vec::with_capacity(rows.len());
    for r in &rows {
        let Some(span) = Span::new(WallMs(r.try_get("start_ms")?), WallMs(r.try_get("end_ms")?)) else { continue };
        out.push(GoneRow { run: r.try_get("run")?, span });
    }
    Ok(out)
}

/// The certificates of an agent around a number: the nearest before it, itself, the nearest after it.
///
/// # Errors
/// When the database fails.
pub async fn around(c: &mut Conn, agent: AgentId, number: u64) -> Result<Vec<Link>> {
    let rows = sqlx::query(
        "SELECT number, digest, previous FROM deletion_certificate WHERE agent_id = $1 AND number IN (\
         (SELECT MAX(number) FROM deletion_certificate WHERE agent_id = $1 AND number < $2), $2, \
         (SELECT MIN(number) FROM deletion_certificate WHERE agent_id = $1 AND number > $2)) ORDER BY number",
    )
    .bind(agent.to_string())
    .bind(sql_int(number))
    .fetch_all(c)
    .await?;
    rows.iter().map(|r| link(r, "deletion_certificate")).collect()
}

/// Certificates issued before an instant, newest first, of one agent or camera or of all.
///
/// # Errors
/// When the database fails.
pub async fn list(
    c: &mut Conn,
    agent: Option<AgentId>,
    camera: Option<CameraId>,
    before: Option<WallMs>,
    limit: u32,
) -> Result<Vec<DeletionRow>> {
    let rows = sqlx::query(
        "SELECT agent_id, number, camera_id, stream, why, issued_ms, start_ms, end_ms, segments, bytes, digest \
         FROM deletion_certificate WHERE ($1 = '' OR agent_id = $1) AND ($2 = '' OR camera_id = $2) AND issued_ms < $3 \
         ORDER BY issued_ms DESC, number DESC LIMIT $4",
    )
    .bind(agent.map(|a| a.to_string()).unwrap_or_default())
    .bind(camera.map(|a| a.to_string()).unwrap_or_default())
    .bind(before.map_or(i64::MAX, |b| b.0))
    .bind(i64::from(limit))
    .fetch_all(c)
    .await?;
    const TABLE: &str = "deletion_certificate";
    rows.iter()
        .map(|r| {
            Ok(DeletionRow {
                agent: parsed(r, TABLE, "agent_id")?,
                number: unsigned(r, "number")?,
                camera: parsed(r, TABLE, "camera_id")?,
                stream: word(r, TABLE, "stream")?,
                why: word(r, TABLE, "why")?,
                issued_ms: WallMs(r.try_get("issued_ms")?),
                start_ms: WallMs(r.try_get("start_ms")?),
                end_ms: WallMs(r.try_get("end_ms")?),
                segments: unsigned(r, "segments")?,
                bytes: ByteSize(unsigned(r, "bytes")?),
                digest: parsed(r, TABLE, "digest")?,
            })
        })
        .collect()
}

/// Whether an agent has any certificate issued since.
///
/// # Errors
/// When the database fails.
pub async fn any_since(c: &mut Conn, agent: AgentId, since: WallMs) -> Result<bool> {
    let found = sqlx::query("SELECT 1 AS n FROM deletion_certificate WHERE agent_id = $1 AND issued_ms >= $2 LIMIT 1")
        .bind(agent.to_string())
        .bind(since.0)
        .fetch_optional(c)
        .await?;
    Ok(found.is_some())
}

/// All certificates of an agent as they came, by number.
///
/// # Errors
/// When the database fails.
pub async fn envelopes(c: &mut Conn, agent: AgentId) -> Result<Vec<(u64, String)>> {
    let rows = sqlx::query("SELECT number, envelope FROM deletion_certificate WHERE agent_id = $1 ORDER BY number")
        .bind(agent.to_string())
        .fetch_all(c)
        .await?;
    rows.iter().map(|r| Ok((unsigned(r, "number")?, r.try_get("envelope")?))).collect()
}

/// The envelope of one certificate, as it came.
///
/// # Errors
/// When the database fails.
pub async fn envelope(c: &mut Conn, agent: AgentId, number: u64) -> Result<Option<String>> {
    let found = sqlx::query("SELECT envelope FROM deletion_certificate WHERE agent_id = $1 AND number = $2")
        .bind(agent.to_string())
        .bind(sql_int(number))
        .fetch_optional(c)
        .await?;
    Ok(found.map(|r| r.try_get("envelope")).transpose()?)
}
