//! Sites. Belongs here: table `site`. Does not: which agents stand there (`agents`).

use farwatch_shared::id::SiteId;
use farwatch_shared::time::WallMs;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, StoreError, parsed};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRow {
    pub site: SiteId,
    /// Unique.
    pub name: String,
    /// IANA name.
    pub time_zone: String,
    pub created_ms: WallMs,
}

const COLUMNS: &str = "SELECT site_id, name, time_zone, created_ms FROM site";

fn row(r: &AnyRow) -> Result<SiteRow> {
    Ok(SiteRow {
        site: parsed(r, "site", "site_id")?,
        name: r.try_get("name")?,
        time_zone: r.try_get("time_zone")?,
        created_ms: WallMs(r.try_get("created_ms")?),
    })
}

/// # Errors
/// [`StoreError::is_duplicate`] when the name is taken.
pub async fn insert(c: &mut Conn, site: &SiteRow) -> Result<()> {
    sqlx::query("INSERT INTO site (site_id, name, time_zone, created_ms) VALUES ($1, $2, $3, $4)")
        .bind(site.site.to_string())
        .bind(&site.name)
        .bind(&site.time_zone)
        .bind(site.created_ms.0)
        .execute(c)
        .await?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn all(c: &mut Conn) -> Result<Vec<SiteRow>> {
    let rows = sqlx::query(super::sql(&[COLUMNS, " ORDER BY name"])).fetch_all(c).await?;
    rows.iter().map(row).collect()
}

/// # Errors
/// [`StoreError::Missing`] when there is none.
pub async fn get(c: &mut Conn, site: SiteId) -> Result<SiteRow> {
    let found = sqlx::query(super::sql(&[COLUMNS, " WHERE site_id = $1"])).bind(site.to_string()).fetch_optional(c);
    let found = found.await?.ok_or_else(|| StoreError::Missing { what: "site", id: site.to_string() })?;
    row(&found)
}

/// # Errors
/// When the database fails.
pub async fn by_name(c: &mut Conn, name: &str) -> Result<Option<SiteRow>> {
    let found = sqlx::query(super::sql(&[COLUMNS, " WHERE name = $1"])).bind(name).fetch_optional(c).await?;
    found.as_ref().map(row).transpose()
}
