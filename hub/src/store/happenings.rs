//! What happened in front of cameras, and to the boxes' clocks. Belongs here: tables `event`, `clock_change`. Does not: what
//! was recorded of it (`timeline`), what is broken (`faults`).

use farwatch_shared::id::{AgentId, CameraId, RunId};
use farwatch_shared::time::{BootNs, Span, WallMs};
use farwatch_shared::wire::latest::{ClockChange, ClockFact, EventFact, Trigger};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, json, to_json, word, word_of};

/// Most events read at once.
const MOST_EVENTS: i64 = 20_000;
/// Most clock changes read at once.
const MOST_CHANGES: i64 = 5_000;
/// So many before a range say what held at its start.
const CHANGES_BEFORE: u32 = 50;

/// Keeps an event, unless one of that origin is there. True when it is new.
///
/// # Errors
/// When the database fails.
pub async fn insert_event(c: &mut Conn, agent: AgentId, origin: &str, e: &EventFact, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO event (agent_id, origin, camera_id, began_by, start_ms, end_ms, detail, received_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (agent_id, origin) DO NOTHING",
    )
    .bind(agent.to_string())
    .bind(origin)
    .bind(e.camera.to_string())
    .bind(word_of(&e.trigger)?)
    .bind(e.start_ms.0)
    .bind(e.end_ms.0)
    .bind(e.detail.as_deref().unwrap_or_default().chars().take(1000).collect::<String>())
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    pub trigger: Trigger,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    /// '' when there is nothing to add.
    pub detail: String,
}

/// Events of a camera that overlap the range, by start; the newest 20,000.
///
/// # Errors
/// When the database fails.
pub async fn events(c: &mut Conn, camera: CameraId, range: Span) -> Result<Vec<EventRow>> {
    let rows = sqlx::query(
        "SELECT began_by, start_ms, end_ms, detail FROM event WHERE camera_id = $1 AND end_ms >= $2 AND start_ms < $3 \
         ORDER BY end_ms DESC LIMIT $4",
    )
    .bind(camera.to_string())
    .bind(range.start_ms.0)
    .bind(range.end_ms.0)
    .bind(MOST_EVENTS)
    .fetch_all(c)
    .await?;
    let mut out: Vec<EventRow> = rows
        .iter()
        .map(|r| {
            Ok(EventRow {
                trigger: word(r, "event", "began_by")?,
                start_ms: WallMs(r.try_get("start_ms")?),
                end_ms: WallMs(r.try_get("end_ms")?),
                detail: r.try_get("detail")?,
            })
        })
        .collect::<Result<_>>()?;
    out.sort_by_key(|e| (e.start_ms, e.end_ms));
    Ok(out)
}

/// Keeps a clock change, unless one of that origin is there. True when it is new.
///
/// # Errors
/// When the database fails.
pub async fn insert_clock(c: &mut Conn, agent: AgentId, origin: &str, f: &ClockFact, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO clock_change (agent_id, origin, at_ms, boot_id, boot_ns, change, received_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (agent_id, origin) DO NOTHING",
    )
    .bind(agent.to_string())
    .bind(origin)
    .bind(f.at_ms.0)
    .bind(f.boot_id.chars().take(64).collect::<String>())
    .bind(f.boot_ns.0)
    .bind(to_json(&f.change, "clock change")?)
    .bind(now.0)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What moved footage of one boot to its true time, in the order it became known.
///
/// # Errors
/// When the database fails.
pub async fn anchors(c: &mut Conn, agent: AgentId, run: RunId) -> Result<Vec<ClockFact>> {
    let rows = sqlx::query(
        "SELECT at_ms, boot_id, boot_ns, change FROM clock_change WHERE agent_id = $1 AND SUBSTR(boot_id, 1, 8) = $2 \
         ORDER BY boot_ns LIMIT $3",
    )
    .bind(agent.to_string())
    .bind(format!("{:08x}", run.boot))
    .bind(MOST_CHANGES)
    .fetch_all(c)
    .await?;
    let mut facts = Vec::new();
    for row in rows.iter().map(clock_row) {
        let ClockRow { at_ms, boot_id, boot_ns, change } = row?;
        if matches!(change, ClockChange::Reanchored { .. }) {
            facts.push(ClockFact { at_ms, boot_id, boot_ns, change });
        }
    }
    Ok(facts)
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockRow {
    pub at_ms: WallMs,
    pub boot_id: String,
    pub boot_ns: BootNs,
    pub change: ClockChange,
}

fn clock_row(r: &AnyRow) -> Result<ClockRow> {
    Ok(ClockRow {
        at_ms: WallMs(r.try_get("at_ms")?),
        boot_id: r.try_get("boot_id")?,
        boot_ns: BootNs(r.try_get("boot_ns")?),
        change: json(r, "clock_change", "change")?,
    })
}

/// Clock changes of an agent within a range, by time, and a few before it that say what held at its start.
///
/// # Errors
/// When the database fails.
pub async fn clock_around(c: &mut Conn, agent: AgentId, range: Span) -> Result<Vec<ClockRow>> {
    let mut out = clock_before(c, agent, range.start_ms, CHANGES_BEFORE).await?;
    let rows = sqlx::query(
        "SELECT at_ms, boot_id, boot_ns, change FROM clock_change WHERE agent_id = $1 AND at_ms >= $2 AND at_ms < $3 \
         ORDER BY at_ms, origin LIMIT $4",
    )
    .bind(agent.to_string())
    .bind(range.start_ms.0)
    .bind(range.end_ms.0)
    .bind(MOST_CHANGES)
    .fetch_all(c)
    .await?;
    for r in &rows {
        out.push(clock_row(r)?);
    }
    Ok(out)
}

/// The newest clock changes of an agent before an instant, by time.
///
/// # Errors
/// When the database fails.
pub async fn clock_before(c: &mut Conn, agent: AgentId, before: WallMs, limit: u32) -> Result<Vec<ClockRow>> {
    let rows = sqlx::query(
        "SELECT at_ms, boot_id, boot_ns, change FROM clock_change WHERE agent_id = $1 AND at_ms < $2 \
         ORDER BY at_ms DESC, origin DESC LIMIT $3",
    )
    .bind(agent.to_string())
    .bind(before.0)
    .bind(i64::from(limit))
    .fetch_all(c)
    .await?;
    rows.iter().rev().map(clock_row).collect()
}

/// Events of all cameras that ended since.
///
/// # Errors
/// When the database fails.
pub async fn events_since(c: &mut Conn, since: WallMs) -> Result<u64> {
    let r = sqlx::query("SELECT COUNT(*) AS n FROM event WHERE received_ms >= $1").bind(since.0).fetch_one(c).await?;
    super::unsigned(&r, "n")
}
