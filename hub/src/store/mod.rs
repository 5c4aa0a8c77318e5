//! SQL ends here, one file per table family.
//!
//! Belongs here: [`Db`] (one writer that groups commits, a pool of readers), typed rows, and every statement there is.
//! Does not: what a row means or causes. Nobody outside names a column.
//!
//! How to use it: reads take a connection from [`Db::read`]; writes hand a closure to [`Db::write`] and hear back after the
//! commit is on the disk. A closure may run several functions of several families; they become one transaction with the
//! journal entry that tells of them ([`crate::audit::append`]).
//!
//! ```ignore
//! let mut c = db.read().await?;
//! let camera = store::cameras::get(&mut c, id).await?;
//! db.write(move |c| Box::pin(async move {
//!     store::cameras::rename(c, id, &name).await?;
//!     store::changes::note(c, Kind::Camera, &id.to_string(), now).await?;
//!     audit::append(c, &entry).await
//! })).await?;
//! ```
//!
//! Rules of the `Any` driver (findings, store.md C2): bind only `i64`, `&str`, `Vec<u8>` and their options; `$n`
//! placeholders; no JSON, boolean or float columns; `CAST(SUM(x) AS BIGINT)`; ids are made by us.

pub mod agents;
pub mod cameras;
pub mod certificates;
pub mod changes;
pub mod checkpoints;
pub mod coverage;
pub mod deletions;
pub mod desired;
pub mod facts;
pub mod faults;
pub mod happenings;
pub mod health;
pub mod journal;
pub mod people;
pub mod pulls;
pub mod quarantine;
pub mod recording;
pub mod sites;
pub mod timeline;
pub mod tokens;
mod writer;

use std::path::Path;
use std::str::FromStr;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::{Any, AnyPool, Row as _, SqlStr};

pub use sqlx::AnyConnection as Conn;
pub use sqlx::pool::PoolConnection;
pub use writer::{BoxWork, WriterFigures, Writes};

use farwatch_shared::time::Clock;

/// Why the store would not.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the database refused")]
    Sql(#[from] sqlx::Error),
    #[error("the database could not be brought to this version")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    #[error("{table} holds {text:?} where a {what} belongs; the database was changed by other hands")]
    Corrupt { table: &'static str, what: &'static str, text: String },
    #[error("no {what} {id}")]
    Missing { what: &'static str, id: String },
    #[error("the database writer has stopped")]
    Stopped,
    #[error("cannot write a {what} as JSON")]
    Encode {
        what: &'static str,
        #[source]
        source: serde_json::Error,
    },
}

impl StoreError {
    /// Whether a row with that key is there already.
    #[must_use]
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Self::Sql(sqlx::Error::Database(e)) if e.is_unique_violation())
    }
}

pub type Result<T, E = StoreError> = std::result::Result<T, E>;

/// The hub's database: clone it freely. Dropping the last clone ends the writer after its queue is empty.
#[derive(Clone)]
pub struct Db {
    readers: AnyPool,
    writes: Writes,
}

/// Readers open at once. SQLite readers do not wait for the writer (WAL).
const READERS: u32 = 8;

impl Db {
    /// Opens (or makes) the database file and brings it to this version's tables.
    ///
    /// # Errors
    /// When the file cannot be opened or is of a later version.
    pub async fn open(path: &Path, clock: Clock) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let url = format!("sqlite://{}?mode=rwc", escaped(path));
        let one = connect(&url, 1).await?;
        migrator().run(&one).await?;
        let first = one.acquire().await?.detach();
        let readers = connect(&url, READERS).await?;
        let writes = Writes::start(first, clock);
        Ok(Self { readers, writes })
    }

    /// A connection for reading. Holds a consistent picture only within one statement.
    ///
    /// # Errors
    /// When none comes free within 30 s.
    pub async fn read(&self) -> Result<PoolConnection<Any>> {
        Ok(self.readers.acquire().await?)
    }

    /// Runs the closure in the writer's transaction and answers after the commit is on the disk.
    ///
    /// Several callers' closures share one commit (at most 512, at most 10 ms of work). A closure that fails is undone by
    /// itself and does not disturb the others. Do nothing but SQL in it: everybody's writes wait meanwhile. The queue
    /// holds 1,024; above that callers wait, which delays their PUBACK or answer.
    ///
    /// # Errors
    /// What the closure returned, or that the commit failed.
    pub async fn write<T, E, F>(&self, work: F) -> Result<T, E>
    where
        F: for<'c> FnOnce(&'c mut Conn) -> futures::future::BoxFuture<'c, Result<T, E>> + Send + 'static,
        T: Send + 'static,
        E: From<StoreError> + Send + 'static,
    {
        self.writes.run(work).await
    }

    /// How busy the writer is.
    #[must_use]
    pub fn figures(&self) -> WriterFigures {
        self.writes.figures()
    }

    /// Waits until every write handed in so far is committed.
    ///
    /// # Errors
    /// When the writer has stopped.
    pub async fn settle(&self) -> Result<()> {
        self.write(|_| Box::pin(async { Ok(()) })).await
    }
}

async fn connect(url: &str, size: u32) -> Result<AnyPool> {
    let options = AnyPoolOptions::new()
        .max_connections(size)
        .acquire_timeout(std::time::Duration::from_secs(30))
        .idle_timeout(None)
        .max_lifetime(None)
        .after_connect(|c, _| {
            Box::pin(async move {
                // `Any` takes options from the URL only, so the pragmas go here. FULL: a commit is an fsync.
                sqlx::raw_sql(
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000; \
                     PRAGMA foreign_keys=ON; PRAGMA cache_size=-8000; PRAGMA journal_size_limit=67108864;",
                )
                .execute(c)
                .await?;
                Ok(())
            })
        });
    Ok(options.connect(url).await?)
}

/// Path characters that mean something in a URL.
fn escaped(path: &Path) -> String {
    path.to_string_lossy().replace('%', "%25").replace('?', "%3F").replace('#', "%23")
}

fn migrator() -> Migrator {
    Migrator::with_migrations(migrations().collect())
}

/// Every migration there ever was, in order. One that was released is never changed.
fn migrations() -> impl Iterator<Item = Migration> {
    let of = |number, name: &'static str, text: &'static str| {
        Migration::new(number, name.into(), MigrationType::Simple, SqlStr::from_static(text), false)
    };
    [
        of(1, "first light", include_str!("../../migrations/0001_first_light.sql")),
        of(2, "what was kept", include_str!("../../migrations/0002_what_was_kept.sql")),
    ]
    .into_iter()
}

/// A statement joined from our own constant pieces (never from outside data).
fn sql(pieces: &[&'static str]) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(pieces.concat())
}

/// Reads a column that holds the text of one of our types.
fn parsed<T: FromStr>(row: &AnyRow, table: &'static str, column: &'static str) -> Result<T> {
    let text: String = row.try_get(column)?;
    text.parse().map_err(|_| StoreError::Corrupt { table, what: column, text })
}

/// The same for a column that may be NULL.
fn parsed_opt<T: FromStr>(row: &AnyRow, table: &'static str, column: &'static str) -> Result<Option<T>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| text.parse().map_err(|_| StoreError::Corrupt { table, what: column, text })).transpose()
}

/// Reads a JSON column.
fn json<T: serde::de::DeserializeOwned>(row: &AnyRow, table: &'static str, column: &'static str) -> Result<T> {
    let text: String = row.try_get(column)?;
    from_json(&text, table, column)
}

fn json_opt<T: serde::de::DeserializeOwned>(
    row: &AnyRow,
    table: &'static str,
    column: &'static str,
) -> Result<Option<T>> {
    let text: Option<String> = row.try_get(column)?;
    text.map(|text| from_json(&text, table, column)).transpose()
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str, table: &'static str, what: &'static str) -> Result<T> {
    serde_json::from_str(text).map_err(|_| StoreError::Corrupt { table, what, text: text.chars().take(80).collect() })
}

/// Reads a column that holds the JSON word of a plain enum, e.g. `continuous`.
fn word<T: serde::de::DeserializeOwned>(row: &AnyRow, table: &'static str, column: &'static str) -> Result<T> {
    let text: String = row.try_get(column)?;
    serde_json::from_value(serde_json::Value::String(text.clone())).map_err(|_| StoreError::Corrupt {
        table,
        what: column,
        text,
    })
}

/// The JSON word of a plain enum.
fn word_of<T: serde::Serialize>(value: &T) -> Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => Ok(text),
        Ok(other) => Err(StoreError::Corrupt { table: "", what: "word", text: other.to_string() }),
        Err(source) => Err(StoreError::Encode { what: "word", source }),
    }
}

fn to_json<T: serde::Serialize>(value: &T, what: &'static str) -> Result<String> {
    serde_json::to_string(value).map_err(|source| StoreError::Encode { what, source })
}

/// A size or number as SQL has it. Ours stay below 2^53.
fn sql_int(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// The reverse; the CHECKs keep such columns from being negative.
fn unsigned(row: &AnyRow, column: &'static str) -> Result<u64> {
    let n: i64 = row.try_get(column)?;
    Ok(u64::try_from(n).unwrap_or(0))
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Db;
    use farwatch_shared::time::Clock;

    /// A database in a directory that goes with the guard.
    pub(crate) async fn db() -> (Db, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&dir.path().join("hub.db"), Clock::real()).await.unwrap();
        (db, dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::id::{AgentId, CameraId};

    #[tokio::test]
    async fn a_hub_of_the_first_version_is_brought_up_with_its_cameras() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hub.db");
        sqlx::any::install_default_drivers();
        let old = connect(&format!("sqlite://{}?mode=rwc", path.display()), 1).await.unwrap();
        Migrator::with_migrations(migrations().take(1).collect()).run(&old).await.unwrap();
        let (agent, on, off) = (AgentId::generate(), CameraId::generate(), CameraId::generate());
        let key = String::from(farwatch_shared::keys::SignKey::generate().unwrap().public());
        let seal = String::from(farwatch_shared::keys::OpenKey::generate().public());
        let rows = format!(
            "INSERT INTO site VALUES ('01890a5d-ac96-774b-bcce-b302099a8057', 's', 'UTC', 0); \
             INSERT INTO agent (agent_id, site_id, hostname, version, target, signing_key, sealing_key, enrolled_ms) \
             VALUES ('{agent}', '01890a5d-ac96-774b-bcce-b302099a8057', '', '', '', '{key}', '{seal}', 0); \
             INSERT INTO camera (camera_id, agent_id, name, source, recording, audio, url, floor_days, created_ms) \
             VALUES ('{on}', '{agent}', 'a', 'auto', 'continuous', 1, 'rtsp://h/x', 30, 0), \
             ('{off}', '{agent}', 'b', 'auto', 'off', 0, 'rtsp://h/x', 7, 0);"
        );
        sqlx::raw_sql(sqlx::AssertSqlSafe(rows)).execute(&old).await.unwrap();
        old.close().await;
        let db = Db::open(&path, Clock::real()).await.unwrap();
        let mut c = db.read().await.unwrap();
        let (on, off) = (cameras::get(&mut c, on).await.unwrap(), cameras::get(&mut c, off).await.unwrap());
        assert_eq!((on.recording, off.recording), (recording::Mode::Continuous, recording::Mode::Off));
        // CAP-02: a flag alone is no purpose.
        assert_eq!((on.audio_purpose, on.event_days, off.floor_days), (None, None, 7));
        assert_eq!(agents::get(&mut c, agent).await.unwrap().when_short, Default::default());
    }
}
