//! What was recorded and what was not. Belongs here: tables `gap`, `footage_span`. Does not: holds (`cameras`).

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::ChainHead;
use farwatch_shared::id::{AgentId, CameraId, StreamName};
use farwatch_shared::time::{Span, WallMs};
use farwatch_shared::wire::latest::{ChainHeadFact, ClockChange, ClockFact, GapCause, GapFact};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, json, parsed, sql_int, to_json, unsigned, word, word_of};

/// Keeps a gap, unless one of that origin is there. True when it is new.
///
/// # Errors
/// When the database fails.
pub async fn insert_gap(c: &mut Conn, agent: AgentId, origin: &str, g: &GapFact, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO gap (agent_id, origin, camera_id, stream, start_ms, end_ms, cause, detail, received_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (agent_id, origin) DO NOTHING",
    )
    .bind(agent.to_string())
    .bind(origin)
    .bind(g.camera.to_string())
    .bind(g.stream.as_str())
    .bind(g.start_ms.0)
    .bind(g.end_ms.0)
    .bind(word_of(&g.cause)?)
    .bind(g.detail.clone().unwrap_or_default())
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Keeps a stretch of footage, unless one of that origin is there. True when it is new.
///
/// # Errors
/// When the database fails.
pub async fn insert_span(c: &mut Conn, agent: AgentId, origin: &str, s: &ChainHeadFact, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO footage_span (agent_id, origin, camera_id, stream, run, first_sequence, last_sequence, start_ms, \
         end_ms, bytes, head, activity, received_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
         ON CONFLICT (agent_id, origin) DO NOTHING",
    )
    .bind(agent.to_string())
    .bind(origin)
    .bind(s.camera.to_string())
    .bind(s.stream.as_str())
    .bind(s.run.to_string())
    .bind(i64::from(s.first_sequence))
    .bind(i64::from(s.last_sequence))
    .bind(s.start_ms.0)
    .bind(s.end_ms.0)
    .bind(sql_int(s.bytes.bytes()))
    .bind(s.head.to_string())
    .bind(to_json(&s.activity, "activity")?)
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The time one boot of a box went by before somebody set its clock, as the clock showed it then; nothing else of this
/// box lies in it, since it was off before.
fn unset(fact: &ClockFact, by_ms: i64) -> Option<Span> {
    /// A clock may have been slewed by so much while nobody had set it.
    const SLEWED_MS: i64 = 5_000;
    let to = fact.at_ms.plus_ms(-by_ms);
    Span::new(to.plus_ms(-(fact.boot_ns.0 / 1_000_000)).plus_ms(-SLEWED_MS), to)
}

fn boot(fact: &ClockFact) -> String {
    fact.boot_id.chars().take(8).collect()
}

/// What one boot of a box recorded before anybody set its clock was at another time than it says: stretches and gaps of
/// that boot move. The caller sees to it that a fact moves them once.
///
/// # Errors
/// When the database fails.
pub async fn reanchor(c: &mut Conn, agent: AgentId, fact: &ClockFact, by_ms: i64) -> Result<()> {
    let Some(unset) = unset(fact, by_ms) else { return Ok(()) };
    sqlx::query(
        "UPDATE footage_span SET start_ms = start_ms + $1, end_ms = end_ms + $1 WHERE agent_id = $2 \
         AND start_ms >= $3 AND start_ms < $4 AND SUBSTR(run, 1, 8) = $5",
    )
    .bind(by_ms)
    .bind(agent.to_string())
    .bind(unset.start_ms.0)
    .bind(unset.end_ms.0)
    .bind(boot(fact))
    .execute(&mut *c)
    .await?;
    sqlx::query(
        "UPDATE gap SET start_ms = start_ms + $1, end_ms = end_ms + $1 WHERE agent_id = $2 AND start_ms >= $3 \
         AND start_ms < $4",
    )
    .bind(by_ms)
    .bind(agent.to_string())
    .bind(unset.start_ms.0)
    .bind(unset.end_ms.0)
    .execute(c)
    .await?;
    Ok(())
}

/// A stretch at its true time, when what is known of its boot's clock came before it.
#[must_use]
pub fn placed(stretch: &ChainHeadFact, anchors: &[ClockFact]) -> ChainHeadFact {
    let mut placed = stretch.clone();
    for fact in anchors.iter().filter(|fact| stretch.run.to_string().starts_with(&boot(fact))) {
        let ClockChange::Reanchored { by_ms, .. } = fact.change else { continue };
        if unset(fact, by_ms).is_some_and(|unset| unset.contains(placed.start_ms)) {
            placed.start_ms = placed.start_ms.plus_ms(by_ms);
            placed.end_ms = placed.end_ms.plus_ms(by_ms);
        }
    }
    placed
}

/// The digest a stretch was reported with that ends with the same segment as a checkpoint's head.
///
/// # Errors
/// When the database fails.
pub async fn head_at(c: &mut Conn, head: &ChainHead) -> Result<Option<Digest>> {
    let found = sqlx::query(
        "SELECT head FROM footage_span WHERE camera_id = $1 AND stream = $2 AND end_ms = $3 AND run = $4 \
         AND last_sequence = $5 LIMIT 1",
    )
    .bind(head.camera.to_string())
    .bind(head.stream.as_str())
    .bind(head.end_ms.0)
    .bind(head.run.to_string())
    .bind(i64::from(head.last_sequence))
    .fetch_optional(c)
    .await?;
    found.as_ref().map(|r| parsed(r, "footage_span", "head")).transpose()
}

/// Gaps of one cause that ended since, over all cameras.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GapSum {
    pub cause: GapCause,
    pub count: u64,
    pub ms: u64,
}

/// # Errors
/// When the database fails.
pub async fn gaps_since(c: &mut Conn, since: WallMs) -> Result<Vec<GapSum>> {
    let rows = sqlx::query(
        "SELECT cause, COUNT(*) AS n, CAST(SUM(end_ms - start_ms) AS BIGINT) AS ms FROM gap WHERE end_ms >= $1 \
         GROUP BY cause ORDER BY cause",
    )
    .bind(since.0)
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|r| Ok(GapSum { cause: word(r, "gap", "cause")?, count: unsigned(r, "n")?, ms: unsigned(r, "ms")? }))
        .collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapRow {
    pub span: Span,
    pub cause: GapCause,
    /// '' when there is nothing to add.
    pub detail: String,
}

/// Rows of one page, and where the next one begins, if there is one.
pub struct Page<T> {
    pub rows: Vec<T>,
    pub next: Option<After>,
}

/// The last row of a page.
pub struct After {
    start_ms: i64,
    origin: String,
}

/// Most rows in one page.
const PAGE: i64 = 5000;

fn next(rows: &[AnyRow]) -> Result<Option<After>> {
    let full = i64::try_from(rows.len()).is_ok_and(|n| n == PAGE);
    let Some(last) = rows.last().filter(|_| full) else { return Ok(None) };
    Ok(Some(After { start_ms: last.try_get("start_ms")?, origin: last.try_get("origin")? }))
}

/// Gaps that overlap the range, by start, page by page.
///
/// # Errors
/// When the database fails.
pub async fn gaps(
    c: &mut Conn,
    camera: CameraId,
    stream: StreamName,
    range: Span,
    after: Option<&After>,
) -> Result<Page<GapRow>> {
    let rows = sqlx::query(
        "SELECT origin, start_ms, end_ms, cause, detail FROM gap WHERE camera_id = $1 AND stream = $2 AND end_ms > $3 \
         AND start_ms < $4 AND (start_ms > $5 OR (start_ms = $5 AND origin > $6)) ORDER BY start_ms, origin LIMIT $7",
    )
    .bind(camera.to_string())
    .bind(stream.as_str())
    .bind(range.start_ms.0)
    .bind(range.end_ms.0)
    .bind(after.map_or(i64::MIN, |a| a.start_ms))
    .bind(after.map_or("", |a| &a.origin))
    .bind(PAGE)
    .fetch_all(c)
    .await?;
    let mut out = Vec::with_capacity(rows.len());
    for r in &rows {
        // A gap of no length says only that something was cut; it cannot be drawn.
        let Some(span) = Span::new(WallMs(r.try_get("start_ms")?), WallMs(r.try_get("end_ms")?)) else { continue };
        out.push(GapRow { span, cause: word(r, "gap", "cause")?, detail: r.try_get("detail")? });
    }
    Ok(Page { rows: out, next: next(&rows)? })
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpanRow {
    pub span: Span,
    pub run: String,
    pub bytes: u64,
    /// At most 60 slots of equal length over the span.
    pub activity: Vec<u32>,
}

/// Stretches of footage that overlap the range, by start, page by page.
///
/// # Errors
/// When the database fails.
pub async fn spans(
    c: &mut Conn,
    camera: CameraId,
    stream: StreamName,
    range: Span,
    after: Option<&After>,
) -> Result<Page<SpanRow>> {
    let rows = sqlx::query(
        "SELECT origin, start_ms, end_ms, run, bytes, activity FROM footage_span WHERE camera_id = $1 AND stream = $2 \
         AND end_ms > $3 AND start_ms < $4 AND (start_ms > $5 OR (start_ms = $5 AND origin > $6)) \
         ORDER BY start_ms, origin LIMIT $7",
    )
    .bind(camera.to_string())
    .bind(stream.as_str())
    .bind(range.start_ms.0)
    .bind(range.end_ms.0)
    .bind(after.map_or(i64::MIN, |a| a.start_ms))
    .bind(after.map_or("", |a| &a.origin))
    .bind(PAGE)
    .fetch_all(c)
    .await?;
    let mut out = Vec::with_capacity(rows.len());
    for r in &rows {
        let Some(span) = Span::new(WallMs(r.try_get("start_ms")?), WallMs(r.try_get("end_ms")?)) else { continue };
        out.push(SpanRow {
            span,
            run: r.try_get("run")?,
            bytes: unsigned(r, "bytes")?,
            activity: json(r, "footage_span", "activity")?,
        });
    }
    Ok(Page { rows: out, next: next(&rows)? })
}
