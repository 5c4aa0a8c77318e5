//! Which rows changed. Belongs here: table `change`, written beside the row it tells of, followed by whoever keeps a
//! picture in memory. Does not: facts and health, which come by the hundred a second and go to `fleet` directly.

use farwatch_shared::time::{DAY_MS, WallMs};
use sqlx::Row as _;

use super::{Conn, Result};

/// What kind of row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    Site,
    /// Also: certificate, desired state, revocation.
    Agent,
    /// Also: holds.
    Camera,
    Pull,
}

impl Kind {
    const ALL: [Self; 4] = [Self::Site, Self::Agent, Self::Camera, Self::Pull];

    fn as_str(self) -> &'static str {
        match self {
            Self::Site => "site",
            Self::Agent => "agent",
            Self::Camera => "camera",
            Self::Pull => "pull",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub number: i64,
    pub kind: Kind,
    /// Id of the row.
    pub object: String,
}

/// Tells followers that a row changed. Call it in the transaction of the change.
///
/// # Errors
/// When the database fails.
pub async fn note(c: &mut Conn, kind: Kind, object: &str, at: WallMs) -> Result<()> {
    sqlx::query(
        "INSERT INTO change (number, kind, object, at_ms) \
         SELECT COALESCE(MAX(number), 0) + 1, $1, $2, $3 FROM change",
    )
    .bind(kind.as_str())
    .bind(object)
    .bind(at.0)
    .execute(c)
    .await?;
    Ok(())
}

/// The newest number, 0 before the first.
///
/// # Errors
/// When the database fails.
pub async fn newest(c: &mut Conn) -> Result<i64> {
    let row = sqlx::query("SELECT COALESCE(MAX(number), 0) AS n FROM change").fetch_one(c).await?;
    Ok(row.try_get("n")?)
}

/// Changes after a number, oldest first, at most 1,000.
///
/// # Errors
/// When the database fails.
pub async fn after(c: &mut Conn, number: i64) -> Result<Vec<Change>> {
    let rows = sqlx::query("SELECT number, kind, object FROM change WHERE number > $1 ORDER BY number LIMIT 1000")
        .bind(number)
        .fetch_all(c)
        .await?;
    let mut out = Vec::with_capacity(rows.len());
    for row in rows {
        let kind: String = row.try_get("kind")?;
        let Some(kind) = Kind::ALL.into_iter().find(|k| k.as_str() == kind) else { continue };
        out.push(Change { number: row.try_get("number")?, kind, object: row.try_get("object")? });
    }
    Ok(out)
}

/// Forgets what is older than a day, never the newest row: its number is where counting goes on.
///
/// # Errors
/// When the database fails.
pub async fn prune(c: &mut Conn, now: WallMs) -> Result<()> {
    sqlx::query("DELETE FROM change WHERE at_ms < $1 AND number < (SELECT MAX(number) FROM change)")
        .bind(now.0 - DAY_MS)
        .execute(c)
        .await?;
    Ok(())
}
