//! Cameras and holds. Belongs here: tables `camera`, `hold`, `camera_status`. Does not: whether a setting makes sense
//! (`policy`). Every change of a camera or hold raises its agent's policy version in the same transaction.

use farwatch_shared::id::{AgentId, CameraId, HoldId, PersonId, SiteId, StreamName};
use farwatch_shared::keys::Sealed;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{CameraStatus, SourceChoice};
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::recording::{Mode, Targets};
use super::{Conn, Result, StoreError, agents, json, json_opt, parsed, sql, sql_int, to_json, word, word_of};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraRow {
    pub camera: CameraId,
    pub agent: AgentId,
    pub name: String,
    pub source: SourceChoice,
    pub recording: Mode,
    /// Why sound is recorded; None: it is not.
    pub audio_purpose: Option<String>,
    /// Main stream; never with a password in it.
    pub url: String,
    pub sub_url: Option<String>,
    pub credential: Option<Sealed>,
    pub recovery: Option<Sealed>,
    pub ca_pem: Option<String>,
    pub floor_days: u32,
    pub ceiling_days: Option<u32>,
    /// Footage with an event in it is kept at least so long.
    pub event_days: Option<u32>,
    /// Most bytes it may occupy on its box.
    pub quota: Option<ByteSize>,
    pub targets: Targets,
    pub created_ms: WallMs,
    pub removed_ms: Option<WallMs>,
}

const COLUMNS: &str = "SELECT camera_id, agent_id, name, source, recording, audio_purpose, url, sub_url, credential, \
    recovery, ca_pem, floor_days, ceiling_days, event_days, quota_bytes, targets, created_ms, removed_ms FROM camera";

fn row(r: &AnyRow) -> Result<CameraRow> {
    let days = |n: i64| u32::try_from(n).unwrap_or(0);
    Ok(CameraRow {
        camera: parsed(r, "camera", "camera_id")?,
        agent: parsed(r, "camera", "agent_id")?,
        name: r.try_get("name")?,
        source: word(r, "camera", "source")?,
        recording: json(r, "camera", "recording")?,
        audio_purpose: r.try_get("audio_purpose")?,
        url: r.try_get("url")?,
        sub_url: r.try_get("sub_url")?,
        credential: json_opt(r, "camera", "credential")?,
        recovery: json_opt(r, "camera", "recovery")?,
        ca_pem: r.try_get("ca_pem")?,
        floor_days: days(r.try_get("floor_days")?),
        ceiling_days: r.try_get::<Option<i64>, _>("ceiling_days")?.map(days),
        event_days: r.try_get::<Option<i64>, _>("event_days")?.map(days),
        quota: r.try_get::<Option<i64>, _>("quota_bytes")?.and_then(|n| u64::try_from(n).ok()).map(ByteSize),
        targets: json(r, "camera", "targets")?,
        created_ms: WallMs(r.try_get("created_ms")?),
        removed_ms: r.try_get::<Option<i64>, _>("removed_ms")?.map(WallMs),
    })
}

/// Writes the camera, new or changed.
///
/// # Errors
/// When the database fails, or the row breaks a rule of the table.
pub async fn put(c: &mut Conn, cam: &CameraRow) -> Result<()> {
    let sealed = |s: &Option<Sealed>| s.as_ref().map(|s| to_json(s, "sealed credential")).transpose();
    sqlx::query(
        "INSERT INTO camera (camera_id, agent_id, name, source, recording, audio_purpose, url, sub_url, credential, \
         recovery, ca_pem, floor_days, ceiling_days, event_days, quota_bytes, targets, created_ms, removed_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
         ON CONFLICT (camera_id) DO UPDATE SET name = excluded.name, source = excluded.source, \
         recording = excluded.recording, audio_purpose = excluded.audio_purpose, url = excluded.url, \
         sub_url = excluded.sub_url, credential = excluded.credential, recovery = excluded.recovery, \
         ca_pem = excluded.ca_pem, floor_days = excluded.floor_days, ceiling_days = excluded.ceiling_days, \
         event_days = excluded.event_days, quota_bytes = excluded.quota_bytes, targets = excluded.targets, \
         removed_ms = excluded.removed_ms",
    )
    .bind(cam.camera.to_string())
    .bind(cam.agent.to_string())
    .bind(&cam.name)
    .bind(word_of(&cam.source)?)
    .bind(to_json(&cam.recording, "recording mode")?)
    .bind(cam.audio_purpose.clone())
    .bind(&cam.url)
    .bind(cam.sub_url.clone())
    .bind(sealed(&cam.credential)?)
    .bind(sealed(&cam.recovery)?)
    .bind(cam.ca_pem.clone())
    .bind(i64::from(cam.floor_days))
    .bind(cam.ceiling_days.map(i64::from))
    .bind(cam.event_days.map(i64::from))
    .bind(cam.quota.map(|q| sql_int(q.bytes())))
    .bind(to_json(&cam.targets, "targets")?)
    .bind(cam.created_ms.0)
    .bind(cam.removed_ms.map(|t| t.0))
    .execute(&mut *c)
    .await?;
    agents::policy_changed(c, cam.agent).await
}

/// Every camera that was not removed.
///
/// # Errors
/// When the database fails.
pub async fn all(c: &mut Conn) -> Result<Vec<CameraRow>> {
    let rows = sqlx::query(sql(&[COLUMNS, " WHERE removed_ms IS NULL ORDER BY name, camera_id"])).fetch_all(c).await?;
    rows.iter().map(row).collect()
}

/// An agent's cameras that were not removed, in the order of their ids.
///
/// # Errors
/// When the database fails.
pub async fn of_agent(c: &mut Conn, agent: AgentId) -> Result<Vec<CameraRow>> {
    let rows = sqlx::query(sql(&[COLUMNS, " WHERE agent_id = $1 AND removed_ms IS NULL ORDER BY camera_id"]))
        .bind(agent.to_string())
        .fetch_all(c)
        .await?;
    rows.iter().map(row).collect()
}

/// A site's cameras that were not removed, by name.
///
/// # Errors
/// When the database fails.
pub async fn of_site(c: &mut Conn, site: SiteId) -> Result<Vec<CameraRow>> {
    let rows = sqlx::query(sql(&[
        COLUMNS,
        " WHERE removed_ms IS NULL AND agent_id IN (SELECT agent_id FROM agent WHERE site_id = $1) \
          ORDER BY name, camera_id",
    ]))
    .bind(site.to_string())
    .fetch_all(c)
    .await?;
    rows.iter().map(row).collect()
}

/// # Errors
/// [`StoreError::Missing`] when there is none.
pub async fn get(c: &mut Conn, camera: CameraId) -> Result<CameraRow> {
    let found =
        sqlx::query(sql(&[COLUMNS, " WHERE camera_id = $1"])).bind(camera.to_string()).fetch_optional(c).await?;
    row(&found.ok_or_else(|| StoreError::Missing { what: "camera", id: camera.to_string() })?)
}

/// Whose camera it is, removed ones included.
///
/// # Errors
/// When the database fails.
pub async fn owner(c: &mut Conn, camera: CameraId) -> Result<Option<AgentId>> {
    let found = sqlx::query("SELECT agent_id FROM camera WHERE camera_id = $1")
        .bind(camera.to_string())
        .fetch_optional(c)
        .await?;
    found.map(|r| parsed(&r, "camera", "agent_id")).transpose()
}

/// The camera of a site that goes by a name, whatever its capitals (of ASCII letters).
///
/// # Errors
/// When the database fails.
pub async fn named_at(c: &mut Conn, site: SiteId, name: &str) -> Result<Option<CameraId>> {
    let found = sqlx::query(
        "SELECT camera_id FROM camera JOIN agent ON agent.agent_id = camera.agent_id \
         WHERE site_id = $1 AND removed_ms IS NULL AND lower(name) = lower($2) LIMIT 1",
    )
    .bind(site.to_string())
    .bind(name)
    .fetch_optional(c)
    .await?;
    found.as_ref().map(|r| parsed(r, "camera", "camera_id")).transpose()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HoldRow {
    pub hold: HoldId,
    pub camera: CameraId,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub reason: String,
    /// None when placed at the command line.
    pub person: Option<PersonId>,
    pub placed_ms: WallMs,
    pub released_ms: Option<WallMs>,
}

const HOLD_COLUMNS: &str =
    "SELECT hold_id, camera_id, start_ms, end_ms, reason, person_id, placed_ms, released_ms FROM hold";

fn hold_row(r: &AnyRow) -> Result<HoldRow> {
    let person: String = r.try_get("person_id")?;
    Ok(HoldRow {
        hold: parsed(r, "hold", "hold_id")?,
        camera: parsed(r, "hold", "camera_id")?,
        start_ms: WallMs(r.try_get("start_ms")?),
        end_ms: WallMs(r.try_get("end_ms")?),
        reason: r.try_get("reason")?,
        person: person.parse().ok(),
        placed_ms: WallMs(r.try_get("placed_ms")?),
        released_ms: r.try_get::<Option<i64>, _>("released_ms")?.map(WallMs),
    })
}

/// # Errors
/// When the database fails.
pub async fn insert_hold(c: &mut Conn, agent: AgentId, h: &HoldRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO hold (hold_id, camera_id, start_ms, end_ms, reason, person_id, placed_ms) \
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(h.hold.to_string())
    .bind(h.camera.to_string())
    .bind(h.start_ms.0)
    .bind(h.end_ms.0)
    .bind(&h.reason)
    .bind(h.person.map(|p| p.to_string()).unwrap_or_default())
    .bind(h.placed_ms.0)
    .execute(&mut *c)
    .await?;
    agents::policy_changed(c, agent).await
}

/// Holds of a camera in force, by start.
///
/// # Errors
/// When the database fails.
pub async fn holds(c: &mut Conn, camera: CameraId) -> Result<Vec<HoldRow>> {
    let rows = sqlx::query(sql(&[HOLD_COLUMNS, " WHERE camera_id = $1 AND released_ms IS NULL ORDER BY start_ms"]))
        .bind(camera.to_string())
        .fetch_all(c)
        .await?;
    rows.iter().map(hold_row).collect()
}

/// Takes a stream's state, if the camera is this agent's. True when it was taken.
///
/// # Errors
/// When the database fails.
pub async fn put_status(c: &mut Conn, agent: AgentId, s: &CameraStatus, now: WallMs) -> Result<bool> {
    let done = sqlx::query(
        "INSERT INTO camera_status (camera_id, stream, agent_id, received_ms, body) \
         SELECT camera_id, $2, agent_id, $4, $5 FROM camera WHERE camera_id = $1 AND agent_id = $3 \
         ON CONFLICT (camera_id, stream) DO UPDATE SET agent_id = excluded.agent_id, \
         received_ms = excluded.received_ms, body = excluded.body",
    )
    .bind(s.camera.to_string())
    .bind(s.stream.as_str())
    .bind(agent.to_string())
    .bind(now.0)
    .bind(to_json(s, "camera status")?)
    .execute(c)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The newest known state of every stream, with when it was received.
///
/// # Errors
/// When the database fails.
pub async fn statuses(c: &mut Conn) -> Result<Vec<(CameraStatus, WallMs)>> {
    let rows =
        sqlx::query("SELECT received_ms, body FROM camera_status ORDER BY camera_id, stream").fetch_all(c).await?;
    rows.iter()
        .map(|r| Ok((json::<CameraStatus>(r, "camera_status", "body")?, WallMs(r.try_get("received_ms")?))))
        .collect()
}

/// Which streams a camera has.
#[must_use]
pub fn streams(cam: &CameraRow) -> Vec<(StreamName, String)> {
    let sub = cam.sub_url.iter().map(|url| (StreamName::Sub, url.clone()));
    std::iter::once((StreamName::Main, cam.url.clone())).chain(sub).collect()
}
