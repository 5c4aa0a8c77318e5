//! The journal's rows. Belongs here: tables `journal_pending`, `journal`, `journal_checkpoint`. Does not: the encoding of
//! a leaf, hashing, signing (`audit`).

use farwatch_shared::digest::Digest;
use farwatch_shared::time::WallMs;
use sqlx::Row as _;
use sqlx::any::AnyRow;

use super::{Conn, Result, StoreError, sql_int, unsigned};

/// An entry not yet in order.
pub struct PendingRow {
    pub entry_id: String,
    pub leaf: Vec<u8>,
}

/// # Errors
/// When the database fails.
pub async fn insert_pending(c: &mut Conn, entry_id: &str, leaf: Vec<u8>) -> Result<()> {
    sqlx::query("INSERT INTO journal_pending (entry_id, leaf) VALUES ($1, $2)")
        .bind(entry_id)
        .bind(leaf)
        .execute(c)
        .await?;
    Ok(())
}

/// The oldest entries not yet in order.
///
/// # Errors
/// When the database fails.
pub async fn pending(c: &mut Conn, limit: u32) -> Result<Vec<PendingRow>> {
    let rows = sqlx::query("SELECT entry_id, leaf FROM journal_pending ORDER BY entry_id LIMIT $1")
        .bind(i64::from(limit))
        .fetch_all(c)
        .await?;
    rows.iter().map(|r| Ok(PendingRow { entry_id: r.try_get("entry_id")?, leaf: r.try_get("leaf")? })).collect()
}

/// Gives an entry its place for ever.
///
/// # Errors
/// When the database fails.
pub async fn settle(c: &mut Conn, position: u64, entry: &PendingRow, leaf_hash: &Digest) -> Result<()> {
    sqlx::query("INSERT INTO journal (position, entry_id, leaf_hash, leaf) VALUES ($1, $2, $3, $4)")
        .bind(sql_int(position))
        .bind(&entry.entry_id)
        .bind(leaf_hash.0.to_vec())
        .bind(entry.leaf.clone())
        .execute(&mut *c)
        .await?;
    sqlx::query("DELETE FROM journal_pending WHERE entry_id = $1").bind(&entry.entry_id).execute(c).await?;
    Ok(())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRow {
    /// Entries in the tree.
    pub size: u64,
    pub frontier: Vec<Digest>,
    pub root: Digest,
    pub at_ms: WallMs,
    /// The signed note; `None` in the moment before.
    pub note: Option<String>,
}

fn digest(bytes: Vec<u8>) -> Result<Digest> {
    let wrong = |bytes: Vec<u8>| StoreError::Corrupt { table: "journal", what: "hash", text: format!("{bytes:02x?}") };
    bytes.try_into().map(Digest).map_err(wrong)
}

fn checkpoint_row(r: &AnyRow) -> Result<CheckpointRow> {
    let frontier: Vec<u8> = r.try_get("frontier")?;
    Ok(CheckpointRow {
        size: unsigned(r, "size")?,
        frontier: frontier.chunks(32).map(|c| digest(c.to_vec())).collect::<Result<_>>()?,
        root: digest(r.try_get("root")?)?,
        at_ms: WallMs(r.try_get("at_ms")?),
        note: r.try_get("note")?,
    })
}

/// # Errors
/// When the database fails.
pub async fn newest_checkpoint(c: &mut Conn) -> Result<Option<CheckpointRow>> {
    let found =
        sqlx::query("SELECT size, frontier, root, at_ms, note FROM journal_checkpoint ORDER BY size DESC LIMIT 1")
            .fetch_optional(c)
            .await?;
    found.as_ref().map(checkpoint_row).transpose()
}

/// # Errors
/// When the database fails.
pub async fn insert_checkpoint(c: &mut Conn, p: &CheckpointRow) -> Result<()> {
    sqlx::query("INSERT INTO journal_checkpoint (size, frontier, root, at_ms) VALUES ($1, $2, $3, $4)")
        .bind(sql_int(p.size))
        .bind(p.frontier.iter().flat_map(|d| d.0).collect::<Vec<u8>>())
        .bind(p.root.0.to_vec())
        .bind(p.at_ms.0)
        .execute(c)
        .await?;
    Ok(())
}

/// # Errors
/// When the database fails.
pub async fn sign_checkpoint(c: &mut Conn, size: u64, note: &str) -> Result<()> {
    sqlx::query("UPDATE journal_checkpoint SET note = $2 WHERE size = $1")
        .bind(sql_int(size))
        .bind(note)
        .execute(c)
        .await?;
    Ok(())
}

/// One entry in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    pub position: u64,
    pub leaf_hash: Digest,
    pub leaf: Vec<u8>,
}

/// Entries before a position (all, if `None`), newest first.
///
/// # Errors
/// When the database fails.
pub async fn before(c: &mut Conn, before: Option<u64>, limit: u32) -> Result<Vec<JournalRow>> {
    let rows = sqlx::query(
        "SELECT position, leaf_hash, leaf FROM journal WHERE position < $1 ORDER BY position DESC LIMIT $2",
    )
    .bind(before.map_or(i64::MAX, sql_int))
    .bind(i64::from(limit))
    .fetch_all(c)
    .await?;
    rows.iter()
        .map(|r| {
            Ok(JournalRow {
                position: unsigned(r, "position")?,
                leaf_hash: digest(r.try_get("leaf_hash")?)?,
                leaf: r.try_get("leaf")?,
            })
        })
        .collect()
}
