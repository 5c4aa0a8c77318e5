//! What a technician at the box wants to know, from the running agent or, without one, from the disk.
//!
//! Belongs here: the answer's shape, the local socket it is asked over, its words for people, and triggers. Does not:
//! measuring (`health`).

mod answer;
mod socket;
mod trigger;
mod words;

pub use answer::{RecorderStatus, Status, StatusSources, from_disk};
pub use socket::{ask, serve};
pub use trigger::{Ask, Asked, TRIGGERS, Triggers, ask_trigger, tell_recorder};
pub use words::words;
