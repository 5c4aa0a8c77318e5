//! Facts on their way to the hub: durable, bounded, prioritised, acknowledged end to end.
//!
//! Belongs here: deriving facts from the ledgers (`derive`, pure), numbering and keeping them (`queue`, on its own thread),
//! noticing that the queue itself was lost (`mark`, pure), sending what is not received (`send`). Does not: what
//! happened (the ledgers say that), the line (`uplink`).
//!
//! A fact is forgotten when the hub says it is received, and in no other case but a full outbox, which is itself a fact.

mod derive;
mod mark;
mod queue;
mod send;
mod thread;

pub use derive::Draft;
pub use queue::OutboxState;
pub use send::{has_room, is_up, send};
pub use thread::{Outbox, OutboxConfig, start};
