//! What is or was broken. Belongs here: table `fault`. Does not: who finds a fault (the agent), who is told (`fleet`).

use std::collections::BTreeMap;

use farwatch_shared::id::{AgentId, CameraId, StreamName};
use farwatch_shared::time::{Span, WallMs};
use farwatch_shared::wire::latest::{FaultFact, FaultKind};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, parsed, sql, unsigned, word, word_of};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRow {
    pub id: String,
    pub agent: AgentId,
    pub fault: FaultKind,
    pub camera: Option<CameraId>,
    pub stream: Option<StreamName>,
    pub span: Option<Span>,
    pub detail: String,
    pub opened_ms: WallMs,
    pub mended_ms: Option<WallMs>,
}

const COLUMNS: &str = "SELECT fault_id, agent_id, fault, camera_id, stream, start_ms, end_ms, detail, opened_ms, mended_ms \
    FROM fault";

fn row(r: &AnyRow) -> Result<FaultRow> {
    let (camera, stream): (String, String) = (r.try_get("camera_id")?, r.try_get("stream")?);
    let (start, end): (Option<i64>, Option<i64>) = (r.try_get("start_ms")?, r.try_get("end_ms")?);
    Ok(FaultRow {
        id: r.try_get("fault_id")?,
        agent: parsed(r, "fault", "agent_id")?,
        fault: word(r, "fault", "fault")?,
        camera: camera.parse().ok(),
        stream: stream.parse().ok(),
        span: start.zip(end).and_then(|(start, end)| Span::new(WallMs(start), WallMs(end))),
        detail: r.try_get("detail")?,
        opened_ms: WallMs(r.try_get("opened_ms")?),
        mended_ms: r.try_get::<Option<i64>, _>("mended_ms")?.map(WallMs),
    })
}

/// What a fault is about: the same fault twice is one.
fn about(f: &FaultFact) -> (String, &'static str, Option<i64>, Option<i64>) {
    (
        f.camera.map(|c| c.to_string()).unwrap_or_default(),
        f.stream.map_or("", |s| s.as_str()),
        f.span.map(|s| s.start_ms.0),
        f.span.map(|s| s.end_ms.0),
    )
}

/// Opens a fault; one that is open already takes the newer words.
///
/// # Errors
/// When the database fails.
pub async fn open(c: &mut Conn, agent: AgentId, f: &FaultFact, at: WallMs, now: WallMs) -> Result<()> {
    let (camera, stream, start, end) = about(f);
    let detail: String = f.detail.chars().take(1000).collect();
    let there = sqlx::query(
        "UPDATE fault SET detail = $6 WHERE agent_id = $1 AND fault = $2 AND camera_id = $3 AND stream = $4 \
         AND COALESCE(start_ms, -1) = $5 AND COALESCE(end_ms, -1) = $7 AND mended_ms IS NULL",
    )
    .bind(agent.to_string())
    .bind(f.fault.as_str())
    .bind(&camera)
    .bind(stream)
    .bind(start.unwrap_or(-1))
    .bind(&detail)
    .bind(end.unwrap_or(-1))
    .execute(&mut *c)
    .await?;
    if there.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO fault (fault_id, agent_id, fault, camera_id, stream, start_ms, end_ms, detail, opened_ms, \
         received_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(uuid::Uuid::now_v7().to_string())
    .bind(agent.to_string())
    .bind(word_of(&f.fault)?)
    .bind(&camera)
    .bind(stream)
    .bind(start)
    .bind(end)
    .bind(&detail)
    .bind(at.0)
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(())
}

/// Notes that a measurement saw it mended. A fault that names no footage mends all of its kind there.
///
/// # Errors
/// When the database fails.
pub async fn mend(c: &mut Conn, agent: AgentId, f: &FaultFact, at: WallMs) -> Result<()> {
    let (camera, stream, start, end) = about(f);
    sqlx::query(
        "UPDATE fault SET mended_ms = $6 WHERE agent_id = $1 AND fault = $2 AND camera_id = $3 AND stream = $4 \
         AND ($5 = -1 OR (COALESCE(start_ms, -1) = $5 AND COALESCE(end_ms, -1) = $7)) AND mended_ms IS NULL",
    )
    .bind(agent.to_string())
    .bind(f.fault.as_str())
    .bind(&camera)
    .bind(stream)
    .bind(start.unwrap_or(-1))
    .bind(at.0)
    .bind(end.unwrap_or(-1))
    .execute(c)
    .await?;
    Ok(())
}

/// How many faults of each kind are open, per agent.
///
/// # Errors
/// When the database fails.
pub async fn all_open(c: &mut Conn) -> Result<BTreeMap<AgentId, BTreeMap<FaultKind, u32>>> {
    let rows = sqlx::query(
        "SELECT agent_id, fault, COUNT(*) AS n FROM fault WHERE mended_ms IS NULL GROUP BY agent_id, fault",
    )
    .fetch_all(c)
    .await?;
    let mut out: BTreeMap<AgentId, BTreeMap<FaultKind, u32>> = BTreeMap::new();
    for r in &rows {
        let n = u32::try_from(unsigned(r, "n")?).unwrap_or(u32::MAX);
        out.entry(parsed(r, "fault", "agent_id")?).or_default().insert(word(r, "fault", "fault")?, n);
    }
    Ok(out)
}

/// How many faults of each kind an agent has open.
///
/// # Errors
/// When the database fails.
pub async fn open_of(c: &mut Conn, agent: AgentId) -> Result<BTreeMap<FaultKind, u32>> {
    let rows =
        sqlx::query("SELECT fault, COUNT(*) AS n FROM fault WHERE agent_id = $1 AND mended_ms IS NULL GROUP BY fault")
            .bind(agent.to_string())
            .fetch_all(c)
            .await?;
    rows.iter()
        .map(|r| Ok((word(r, "fault", "fault")?, u32::try_from(unsigned(r, "n")?).unwrap_or(u32::MAX))))
        .collect()
}

/// An agent's faults: open ones first, then those mended since, each newest first.
///
/// # Errors
/// When the database fails.
pub async fn of_agent(c: &mut Conn, agent: AgentId, mended_since: WallMs, limit: u32) -> Result<Vec<FaultRow>> {
    let rows = sqlx::query(sql(&[
        COLUMNS,
        " WHERE agent_id = $1 AND (mended_ms IS NULL OR mended_ms >= $2) \
          ORDER BY CASE WHEN mended_ms IS NULL THEN 0 ELSE 1 END, opened_ms DESC, fault_id LIMIT $3",
    ]))
    .bind(agent.to_string())
    .bind(mended_since.0)
    .bind(i64::from(limit))
    .fetch_all(c)
    .await?;
    rows.iter().map(row).collect()
}

/// Damaged footage of a stream that overlaps the range and was not seen mended, by start.
///
/// # Errors
/// When the database fails.
pub async fn damage(c: &mut Conn, camera: CameraId, stream: StreamName, range: Span) -> Result<Vec<Span>> {
    let rows = sqlx::query(
        "SELECT start_ms, end_ms FROM fault WHERE camera_id = $1 AND stream = $2 AND end_ms > $3 AND start_ms < $4 \
         AND fault = 'damage' AND mended_ms IS NULL ORDER BY start_ms LIMIT 5000",
    )
    .bind(camera.to_string())
    .bind(stream.as_str())
    .bind(range.start_ms.0)
    .bind(range.end_ms.0)
    .fetch_all(c)
    .await?;
    let mut out = Vec::with_capacity(rows.len());
    for r in &rows {
        out.extend(Span::new(WallMs(r.try_get("start_ms")?), WallMs(r.try_get("end_ms")?)));
    }
    Ok(out)
}
