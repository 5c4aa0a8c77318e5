//! People and their sessions. Belongs here: tables `person`, `person_key`, `session`. Does not: checking a password or a
//! cookie (`auth`).
//!
//! A name is sealed under a key of the person's own; deleting the `person_key` row makes it unreadable for ever, and the
//! journal, which knows pseudonyms only, stays as it is.

use farwatch_shared::digest::Digest;
use farwatch_shared::id::PersonId;
use farwatch_shared::keys::{OpenKey, Sealed};
use farwatch_shared::time::WallMs;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, StoreError, json, parsed, sql, to_json};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonRow {
    pub person: PersonId,
    /// None when the person's key was erased.
    pub name: Option<String>,
    /// PHC string.
    pub password_hash: String,
    pub created_ms: WallMs,
    pub disabled_ms: Option<WallMs>,
}

const COLUMNS: &str = "SELECT person.person_id, name_sealed, password_hash, created_ms, disabled_ms, key \
    FROM person LEFT JOIN person_key ON person_key.person_id = person.person_id";

fn binding(person: PersonId) -> Vec<u8> {
    format!("farwatch person name v1|{person}").into_bytes()
}

fn row(r: &AnyRow) -> Result<PersonRow> {
    let person: PersonId = parsed(r, "person", "person_id")?;
    let key: Option<Vec<u8>> = r.try_get("key")?;
    let sealed: Sealed = json(r, "person", "name_sealed")?;
    let name = key
        .and_then(|key| OpenKey::from_bytes(&key).ok())
        .and_then(|key| key.open(&sealed, &binding(person)).ok())
        .map(|name| String::from_utf8_lossy(&name).into_owned());
    Ok(PersonRow {
        person,
        name,
        password_hash: r.try_get("password_hash")?,
        created_ms: WallMs(r.try_get("created_ms")?),
        disabled_ms: r.try_get::<Option<i64>, _>("disabled_ms")?.map(WallMs),
    })
}

/// Adds a person. `lookup` finds the row again at sign-in: a keyed hash of the lower-case name, made by `auth`.
///
/// # Errors
/// [`StoreError::is_duplicate`] when the name is taken.
pub async fn insert(
    c: &mut Conn,
    person: PersonId,
    name: &str,
    lookup: &Digest,
    password_hash: &str,
    now: WallMs,
) -> Result<()> {
    let key = OpenKey::generate();
    let sealed = key.public().seal(name.as_bytes(), &binding(person)).map_err(|e| StoreError::Corrupt {
        table: "person",
        what: "name",
        text: e.to_string(),
    })?;
    sqlx::query("INSERT INTO person (person_id, name_sealed, password_hash, created_ms) VALUES ($1, $2, $3, $4)")
        .bind(person.to_string())
        .bind(to_json(&sealed, "sealed name")?)
        .bind(password_hash)
        .bind(now.0)
        .execute(&mut *c)
        .await?;
    sqlx::query("INSERT INTO person_key (person_id, key, name_lookup) VALUES ($1, $2, $3)")
        .bind(person.to_string())
        .bind(key.to_bytes().to_vec())
        .bind(lookup.0.to_vec())
        .execute(c)
        .await?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn by_lookup(c: &mut Conn, lookup: &Digest) -> Result<Option<PersonRow>> {
    let found =
        sqlx::query(sql(&[COLUMNS, " WHERE name_lookup = $1"])).bind(lookup.0.to_vec()).fetch_optional(c).await?;
    found.as_ref().map(row).transpose()
}

/// # Errors
/// When the database fails.
pub async fn find(c: &mut Conn, person: PersonId) -> Result<Option<PersonRow>> {
    let found =
        sqlx::query(sql(&[COLUMNS, " WHERE person.person_id = $1"])).bind(person.to_string()).fetch_optional(c).await?;
    found.as_ref().map(row).transpose()
}

/// # Errors
/// When the database fails.
pub async fn all(c: &mut Conn) -> Result<Vec<PersonRow>> {
    sqlx::query(sql(&[COLUMNS, " ORDER BY person.person_id"])).fetch_all(c).await?.iter().map(row).collect()
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// SHA-256 of the cookie's secret.
    pub hash: Digest,
    pub person: PersonId,
    pub created_ms: WallMs,
    pub seen_ms: WallMs,
    pub expires_ms: WallMs,
}

/// # Errors
/// When the database fails.
pub async fn insert_session(c: &mut Conn, s: &SessionRow) -> Result<()> {
    sqlx::query("INSERT INTO session (hash, person_id, created_ms, seen_ms, expires_ms) VALUES ($1, $2, $3, $4, $5)")
        .bind(s.hash.0.to_vec())
        .bind(s.person.to_string())
        .bind(s.created_ms.0)
        .bind(s.seen_ms.0)
        .bind(s.expires_ms.0)
        .execute(c)
        .await?;
    Ok(())
}

/// A session that has not expired.
///
/// # Errors
/// When the database fails.
pub async fn session(c: &mut Conn, hash: &Digest, now: WallMs) -> Result<Option<SessionRow>> {
    let found = sqlx::query(
        "SELECT person_id, created_ms, seen_ms, expires_ms FROM session WHERE hash = $1 AND expires_ms > $2",
    )
    .bind(hash.0.to_vec())
    .bind(now.0)
    .fetch_optional(c)
    .await?;
    let Some(r) = found else { return Ok(None) };
    Ok(Some(SessionRow {
        hash: *hash,
        person: parsed(&r, "session", "person_id")?,
        created_ms: WallMs(r.try_get("created_ms")?),
        seen_ms: WallMs(r.try_get("seen_ms")?),
        expires_ms: WallMs(r.try_get("expires_ms")?),
    }))
}

/// # Errors
/// When the database fails.
pub async fn touch_session(c: &mut Conn, hash: &Digest, seen: WallMs, expires: WallMs) -> Result<()> {
    sqlx::query("UPDATE session SET seen_ms = $2, expires_ms = $3 WHERE hash = $1")
        .bind(hash.0.to_vec())
        .bind(seen.0)
        .bind(expires.0)
        .execute(c)
        .await?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn end_session(c: &mut Conn, hash: &Digest) -> Result<()> {
    sqlx::query("DELETE FROM session WHERE hash = $1").bind(hash.0.to_vec()).execute(c).await?;
    Ok(())
}

/// Forgets sessions that have expired.
///
/// # Errors
/// When the database fails.
pub async fn prune_sessions(c: &mut Conn, now: WallMs) -> Result<()> {
    sqlx::query("DELETE FROM session WHERE expires_ms <= $1").bind(now.0).execute(c).await?;
    Ok(())
}
