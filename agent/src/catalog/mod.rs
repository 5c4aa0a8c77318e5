//! What footage exists; rebuilt from the vault and the recorders' logs whenever it is lost.
//!
//! Belongs here: one row per camera stream and ten minutes, totals per stream, gap figures. Does not: deciding what to delete
//! or send, reading footage. Memory holds one open block and a few figures per stream, whatever the number of segments.

mod block;

pub use block::{Block, BlockKey, Entry, StreamKey};
