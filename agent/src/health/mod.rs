//! How the box and its cameras are: one sampler per file, one health sample.
//!
//! Belongs here: measuring, saying it live (QoS 0) while the hub hears us, packing it into chunks for the outbox while it does
//! not, a camera's state on every change. Does not: judging it; the hub alarms.

mod away;
mod cameras;
mod clock;
mod cpu;
mod disk;
mod drift;
mod faults;
mod memory;
mod network;
mod sample;
mod temperature;
mod wear;

pub use cameras::{Sources, camera_states, footage, say_changes};
pub use clock::watch_clock;
pub use disk::of_vault as disk_of;
pub use drift::watch_targets;
pub use faults::{About, Faults, Told};
pub use sample::{HealthConfig, health, take};
pub use wear::watch_wear;
