//! Health. Belongs here: tables `health_latest`, `health_chunk`, the packing of a chunk. Does not: buffering (`ingest`).

use std::io::{Read as _, Write as _};

use farwatch_shared::id::AgentId;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::HealthSample;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use sqlx::Row as _;

use super::{Conn, Result, StoreError, json, parsed, to_json};

/// Length of a chunk.
pub const CHUNK_MS: i64 = 300_000;
/// First byte of a chunk's data: zlib over a JSON list of samples.
const VERSION: u8 = 1;
/// No honest chunk unpacks to more.
const MAX_UNPACKED: u64 = 16 << 20;

/// Start of the five minutes an instant lies in.
#[must_use]
pub fn chunk_of(at: WallMs) -> WallMs {
    WallMs(at.0.div_euclid(CHUNK_MS) * CHUNK_MS)
}

/// # Errors
/// When a sample cannot be written as JSON.
pub fn pack(samples: &[HealthSample]) -> Result<Vec<u8>> {
    let json = to_json(&samples, "health chunk")?;
    let mut zlib = ZlibEncoder::new(vec![VERSION], Compression::default());
    // Writing to a Vec cannot fail.
    let _ = zlib.write_all(json.as_bytes());
    zlib.finish().map_err(|e| StoreError::Encode { what: "health chunk", source: serde_json::Error::io(e) })
}

/// # Errors
/// When the bytes are not a chunk.
pub fn unpack(data: &[u8]) -> Result<Vec<HealthSample>> {
    let corrupt = || StoreError::Corrupt { table: "health_chunk", what: "data", text: format!("{} bytes", data.len()) };
    let Some((&VERSION, zlib)) = data.split_first() else { return Err(corrupt()) };
    let mut json = Vec::new();
    ZlibDecoder::new(zlib).take(MAX_UNPACKED).read_to_end(&mut json).map_err(|_| corrupt())?;
    serde_json::from_slice(&json).map_err(|_| corrupt())
}

/// Takes a sample as the newest, unless a newer one is there.
///
/// # Errors
/// When the database fails.
pub async fn put_latest(c: &mut Conn, agent: AgentId, s: &HealthSample, now: WallMs) -> Result<()> {
    sqlx::query(
        "INSERT INTO health_latest (agent_id, at_ms, received_ms, body) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (agent_id) DO UPDATE SET at_ms = excluded.at_ms, received_ms = excluded.received_ms, \
         body = excluded.body WHERE excluded.at_ms > health_latest.at_ms",
    )
    .bind(agent.to_string())
    .bind(s.at_ms.0)
    .bind(now.0)
    .bind(to_json(s, "health sample")?)
    .execute(c)
    .await?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn all_latest(c: &mut Conn) -> Result<Vec<(AgentId, HealthSample)>> {
    let rows = sqlx::query("SELECT agent_id, body FROM health_latest").fetch_all(c).await?;
    rows.iter().map(|r| Ok((parsed(r, "health_latest", "agent_id")?, json(r, "health_latest", "body")?))).collect()
}

/// The newest sample of an agent.
///
/// # Errors
/// When the database fails.
pub async fn latest(c: &mut Conn, agent: AgentId) -> Result<Option<HealthSample>> {
    let found = sqlx::query("SELECT body FROM health_latest WHERE agent_id = $1")
        .bind(agent.to_string())
        .fetch_optional(c)
        .await?;
    found.as_ref().map(|r| json(r, "health_latest", "body")).transpose()
}

/// Forgets chunks of before an instant, agent by agent so that the key finds them.
///
/// # Errors
/// When the database fails.
pub async fn prune(c: &mut Conn, before: WallMs) -> Result<()> {
    sqlx::query("DELETE FROM health_chunk WHERE agent_id IN (SELECT agent_id FROM agent) AND chunk_ms < $1")
        .bind(before.0)
        .execute(c)
        .await?;
    Ok(())
}

/// Adds samples to the chunk of their five minutes: what is there is unpacked, joined by time, and packed again.
///
/// # Errors
/// When the database fails.
pub async fn add(c: &mut Conn, agent: AgentId, chunk: WallMs, samples: Vec<HealthSample>) -> Result<()> {
    let there = sqlx::query("SELECT data FROM health_chunk WHERE agent_id = $1 AND chunk_ms = $2")
        .bind(agent.to_string())
        .bind(chunk.0)
        .fetch_optional(&mut *c)
        .await?;
    let mut all = samples;
    if let Some(r) = there {
        // A chunk that cannot be read is replaced: newer samples are worth more than unreadable ones.
        all.extend(unpack(&r.try_get::<Vec<u8>, _>("data")?).unwrap_or_default());
    }
    all.sort_by_key(|s| s.at_ms);
    all.dedup_by_key(|s| s.at_ms);
    sqlx::query(
        "INSERT INTO health_chunk (agent_id, chunk_ms, samples, data) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (agent_id, chunk_ms) DO UPDATE SET samples = excluded.samples, data = excluded.data",
    )
    .bind(agent.to_string())
    .bind(chunk.0)
    .bind(i64::try_from(all.len()).unwrap_or(i64::MAX))
    .bind(pack(&all)?)
    .execute(c)
    .await?;
    Ok(())
}

/// Samples between two instants, by time. What is still buffered in memory is not among them
/// ([`crate::fleet::Fleet::recent_health`] has it).
///
/// # Errors
/// When the database fails.
pub async fn between(c: &mut Conn, agent: AgentId, from: WallMs, to: WallMs) -> Result<Vec<HealthSample>> {
    let rows = sqlx::query(
        "SELECT data FROM health_chunk WHERE agent_id = $1 AND chunk_ms >= $2 AND chunk_ms < $3 ORDER BY chunk_ms",
    )
    .bind(agent.to_string())
    .bind(chunk_of(from).0)
    .bind(to.0)
    .fetch_all(c)
    .await?;
    let mut out = Vec::new();
    for r in &rows {
        out.extend(unpack(&r.try_get::<Vec<u8>, _>("data")?)?);
    }
    out.retain(|s| from <= s.at_ms && s.at_ms < to);
    Ok(out)
}
