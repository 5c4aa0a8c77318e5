//! How a box gets, renews and keeps its identity, and what time it believes.
//!
//! Belongs here: the three keys, the pins, the TLS verifier that obeys them, the agents' door as a client sees it,
//! enrolment, renewal, trusted time. Does not: MQTT (`uplink`), documents (`desired`, `footage`).

mod clock;
mod door;
mod identity;
mod join;
mod pin;
mod renew;
mod trusted;

pub use clock::{boot_id, clock_state};
pub use door::{Door, DoorError};
pub use identity::{HubFile, Identity, IdentityError};
pub use join::{JoinError, Joined, hostname, join, target};
pub use pin::{HubVerifier, tls_config};
pub use renew::{RenewError, Renewal, due_at};
pub use trusted::{Line, TrustedTime};
