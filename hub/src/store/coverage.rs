//! Signed coverage statements. Belongs here: table `coverage_statement`. Does not: whether one is to be believed (`ingest`
//! decides before it is written).

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::{CauseTotal, CoverageStatement};
use farwatch_shared::id::{AgentId, CameraId, StreamName};
use farwatch_shared::time::WallMs;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, json, parsed, sql, sql_int, to_json, unsigned, word};

/// A link of an agent's chain of documents: its number, and the digest of its signed bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    pub number: u64,
    pub digest: Digest,
    /// Of the document before; zero in the first.
    pub previous: Digest,
}

/// Reads the columns every chain of documents has.
pub(super) fn link(r: &AnyRow, table: &'static str) -> Result<Link> {
    Ok(Link {
        number: unsigned(r, "number")?,
        digest: parsed(r, table, "digest")?,
        previous: parsed(r, table, "previous")?,
    })
}

/// What the calendar shows of a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementRow {
    pub number: u64,
    pub camera: CameraId,
    pub stream: StreamName,
    pub day: String,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub expected_ms: u64,
    pub recorded_ms: u64,
    pub held_ms: u64,
    pub damaged_ms: u64,
    pub gaps: Vec<CauseTotal>,
    pub floor_kept: bool,
}

const COLUMNS: &str = "SELECT number, camera_id, stream, day, start_ms, end_ms, expected_ms, recorded_ms, held_ms, \
    damaged_ms, gaps, floor_kept FROM coverage_statement";

fn row(r: &AnyRow) -> Result<StatementRow> {
    const TABLE: &str = "coverage_statement";
    Ok(StatementRow {
        number: unsigned(r, "number")?,
        camera: parsed(r, TABLE, "camera_id")?,
        stream: word(r, TABLE, "stream")?,
        day: r.try_get("day")?,
        start_ms: WallMs(r.try_get("start_ms")?),
        end_ms: WallMs(r.try_get("end_ms")?),
        expected_ms: unsigned(r, "expected_ms")?,
        recorded_ms: unsigned(r, "recorded_ms")?,
        held_ms: unsigned(r, "held_ms")?,
        damaged_ms: unsigned(r, "damaged_ms")?,
        gaps: json(r, TABLE, "gaps")?,
        floor_kept: r.try_get::<i64, _>("floor_kept")? != 0,
    })
}

/// Keeps a statement that was verified and follows its chain.
///
/// # Errors
/// When the database fails, or the number is there.
pub async fn insert(c: &mut Conn, s: &CoverageStatement, digest: Digest, envelope: &str, now: WallMs) -> Result<()> {
    sqlx::query(
        "INSERT INTO coverage_statement (agent_id, number, camera_id, stream, day, start_ms, end_ms, issued_ms, \
         expected_ms, recorded_ms, held_ms, damaged_ms, gaps, floor_kept, digest, previous, envelope, received_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)",
    )
    .bind(s.agent.to_string())
    .bind(sql_int(s.number))
    .bind(s.camera.to_string())
    .bind(s.stream.as_str())
    .bind(&s.day)
    .bind(s.start_ms.0)
    .bind(s.end_ms.0)
    .bind(s.issued_at_ms.0)
    .bind(sql_int(s.expected_ms))
    .bind(sql_int(s.recorded_ms))
    .bind(sql_int(s.held_ms))
    .bind(sql_int(s.damaged_ms))
    .bind(to_json(&s.gaps, "gap totals")?)
    .bind(i64::from(s.floor_kept))
    .bind(digest.to_string())
    .bind(s.previous.to_string())
    .bind(envelope)
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(())
}

/// The statements of an agent around a number: the nearest before it, itself, the nearest after it.
///
/// # Errors
/// When the database fails.
pub async fn around(c: &mut Conn, agent: AgentId, number: u64) -> Result<Vec<Link>> {
    let rows = sqlx::query(
        "SELECT number, digest, previous FROM coverage_statement WHERE agent_id = $1 AND number IN (\
         (SELECT MAX(number) FROM coverage_statement WHERE agent_id = $1 AND number < $2), $2, \
         (SELECT MIN(number) FROM coverage_statement WHERE agent_id = $1 AND number > $2)) ORDER BY number",
    )
    .bind(agent.to_string())
    .bind(sql_int(number))
    .fetch_all(c)
    .await?;
    rows.iter().map(|r| link(r, "coverage_statement")).collect()
}

/// Statements of a camera stream for the days between, both counted in, by day and number. A day may have several.
///
/// # Errors
/// When the database fails.
pub async fn between(
    c: &mut Conn,
    camera: CameraId,
    stream: StreamName,
    from: &str,
    to: &str,
) -> Result<Vec<StatementRow>> {
    let rows = sqlx::query(sql(&[
        COLUMNS,
        " WHERE camera_id = $1 AND stream = $2 AND day >= $3 AND day <= $4 ORDER BY day, number",
    ]))
    .bind(camera.to_string())
    .bind(stream.as_str())
    .bind(from)
    .bind(to)
    .fetch_all(c)
    .await?;
    rows.iter().map(row).collect()
}

/// The envelope of the newest statement of a day, as it came.
///
/// # Errors
/// When the database fails.
pub async fn envelope(c: &mut Conn, camera: CameraId, stream: StreamName, day: &str) -> Result<Option<String>> {
    let found = sqlx::query(
        "SELECT envelope FROM coverage_statement WHERE camera_id = $1 AND stream = $2 AND day = $3 \
         ORDER BY number DESC LIMIT 1",
    )
    .bind(camera.to_string())
    .bind(stream.as_str())
    .bind(day)
    .fetch_optional(c)
    .await?;
    Ok(found.map(|r| r.try_get("envelope")).transpose()?)
}

/// A statement as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidRow {
    pub number: u64,
    pub camera: CameraId,
    pub stream: StreamName,
    pub day: String,
    pub envelope: String,
}

/// All statements of an agent for the days between, both counted in, by number.
///
/// # Errors
/// When the database fails.
pub async fn envelopes(c: &mut Conn, agent: AgentId, from: &str, to: &str) -> Result<Vec<SaidRow>> {
    let rows = sqlx::query(
        "SELECT number, camera_id, stream, day, envelope FROM coverage_statement WHERE agent_id = $1 AND day >= $2 \
         AND day <= $3 ORDER BY number",
    )
    .bind(agent.to_string())
    .bind(from)
    .bind(to)
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|r| {
            Ok(SaidRow {
                number: unsigned(r, "number")?,
                camera: parsed(r, "coverage_statement", "camera_id")?,
                stream: word(r, "coverage_statement", "stream")?,
                day: r.try_get("day")?,
                envelope: r.try_get("envelope")?,
            })
        })
        .collect()
}

/// Sums over all statements issued since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sums {
    pub statements: u64,
    pub expected_ms: u64,
    pub recorded_ms: u64,
    pub damaged_ms: u64,
    /// Statements that say their floor was not kept.
    pub floors_broken: u64,
}

/// # Errors
/// When the database fails.
pub async fn sums_since(c: &mut Conn, since: WallMs) -> Result<Sums> {
    let r = sqlx::query(
        "SELECT COUNT(*) AS statements, CAST(COALESCE(SUM(expected_ms), 0) AS BIGINT) AS expected, \
         CAST(COALESCE(SUM(recorded_ms), 0) AS BIGINT) AS recorded, \
         CAST(COALESCE(SUM(damaged_ms), 0) AS BIGINT) AS damaged, \
         CAST(COALESCE(SUM(1 - floor_kept), 0) AS BIGINT) AS broken FROM coverage_statement WHERE issued_ms >= $1",
    )
    .bind(since.0)
    .fetch_one(c)
    .await?;
    Ok(Sums {
        statements: unsigned(&r, "statements")?,
        expected_ms: unsigned(&r, "expected")?,
        recorded_ms: unsigned(&r, "recorded")?,
        damaged_ms: unsigned(&r, "damaged")?,
        floors_broken: unsigned(&r, "broken")?,
    })
}
