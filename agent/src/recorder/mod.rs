//! The wall between the processes: the recorder's life, its plan down, wake-ups up, over a Unix socket.
//!
//! Belongs here: what is said over the socket ([`protocol`]), the plan and where it is kept.
//! Does not: recording itself (`record`), the camera (`camera`), what the agent does with what it hears.

pub mod address;
mod confine;
pub mod give_way;
mod guard;
pub mod kept;
pub mod protocol;
pub mod run;
pub mod socket;
mod status;
pub mod supervise;
