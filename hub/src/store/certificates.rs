//! Agents' certificates. Belongs here: table `certificate`. Does not: making one (`enrol`), reading one (`keys`).

use farwatch_shared::id::AgentId;
use farwatch_shared::time::WallMs;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, parsed, sql};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateRow {
    /// Lower-case hex without leading zeros.
    pub serial: String,
    pub agent: AgentId,
    pub not_before_ms: WallMs,
    pub not_after_ms: WallMs,
    pub issued_ms: WallMs,
    pub revoked_ms: Option<WallMs>,
}

const COLUMNS: &str = "SELECT serial, agent_id, not_before_ms, not_after_ms, issued_ms, revoked_ms FROM certificate";

fn row(r: &AnyRow) -> Result<CertificateRow> {
    Ok(CertificateRow {
        serial: r.try_get("serial")?,
        agent: parsed(r, "certificate", "agent_id")?,
        not_before_ms: WallMs(r.try_get("not_before_ms")?),
        not_after_ms: WallMs(r.try_get("not_after_ms")?),
        issued_ms: WallMs(r.try_get("issued_ms")?),
        revoked_ms: r.try_get::<Option<i64>, _>("revoked_ms")?.map(WallMs),
    })
}

/// # Errors
/// When the database fails.
pub async fn insert(c: &mut Conn, cert: &CertificateRow) -> Result<()> {
    sqlx::query(
        "INSERT INTO certificate (serial, agent_id, not_before_ms, not_after_ms, issued_ms) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&cert.serial)
    .bind(cert.agent.to_string())
    .bind(cert.not_before_ms.0)
    .bind(cert.not_after_ms.0)
    .bind(cert.issued_ms.0)
    .execute(c)
    .await?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn by_serial(c: &mut Conn, serial: &str) -> Result<Option<CertificateRow>> {
    let found = sqlx::query(sql(&[COLUMNS, " WHERE serial = $1"])).bind(serial).fetch_optional(c).await?;
    found.as_ref().map(row).transpose()
}

/// The agent's certificate that lives longest.
///
/// # Errors
/// When the database fails.
pub async fn newest(c: &mut Conn, agent: AgentId) -> Result<Option<CertificateRow>> {
    let found = sqlx::query(sql(&[COLUMNS, " WHERE agent_id = $1 ORDER BY not_after_ms DESC LIMIT 1"]))
        .bind(agent.to_string())
        .fetch_optional(c)
        .await?;
    found.as_ref().map(row).transpose()
}
