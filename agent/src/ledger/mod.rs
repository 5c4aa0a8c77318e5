//! The append-only logs: gaps, closings, accesses, spent orders, chain heads.
//!
//! Belongs here: the framed, hash-chained file ([`log`]), what the recorder writes into its own ([`entry`]).
//! Does not: deriving the catalog or the outbox from them.

pub mod entry;
pub mod log;
