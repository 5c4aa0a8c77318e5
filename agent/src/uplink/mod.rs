//! rumqttc ends here: the line to the hub.
//!
//! Belongs here: sessions (number, nonce, Will, presence), host rotation, back-off, packet bounds, dead-line detection.
//! Does not: what a message means, or whether it must arrive. Nothing is remembered over a session: what matters is sent
//! again by its owner (`outbox`, `reconcile`, `footage`) when a new session begins.

mod backoff;
mod message;
mod session;
mod task;

pub use backoff::Backoff;
pub use message::{Down as DownMessage, Message, Priority, UplinkError};
pub use session::{Counters, Session};
pub use task::{Line, Numbers, Settings, Uplink, start};
