//! sled ends here, only for what can be rebuilt; and small files that are replaced whole.
//!
//! Belongs here: opening a sled database so that a damaged one costs a rebuild and not a night, making a write durable,
//! framing rows, replacing a file atomically. Does not: what a row means (`catalog`, `outbox`).

mod db;
mod file;
mod row;

pub use db::{Batch, Db, Opened, Row, StoreError};
pub use file::{replace_file, replace_json};
pub use row::{RowError, frame, unframe};
