//! The append-only logs: gaps, closings, accesses, spent orders, chain heads.
//!
//! Belongs here: the framed, hash-chained file ([`log`]), what the recorder writes into its own ([`entry`], whose words the
//! offline verifier knows too), what the agent writes into its own ([`agent`]), reading on ([`follow`]), gathering closings
//! into chain heads ([`heads`]), signing what they all say ([`witness`]).
//! Does not: deriving the catalog or the outbox from them.

pub mod agent;
pub mod checkpoint;
pub mod days;
pub mod deleted;
pub mod follow;
pub mod gather;
pub mod heads;
pub mod log;
pub mod open_faults;
pub mod proved;
pub mod prune;
pub mod security;
pub mod witness;

pub use farwatch_shared::evidence::entry;
