//! What a technician at the box wants to know, from the running agent or, without one, from the disk.
//!
//! Belongs here: the answer's shape, the local socket it is asked over, its words for people. Does not: measuring (`health`).

mod answer;
mod socket;
mod words;

pub use answer::{RecorderStatus, Status, StatusSources, from_disk};
pub use socket::{ask, serve};
pub use words::words;
