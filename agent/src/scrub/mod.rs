//! Reads stored footage again, all of it at least once a week, and says what is no longer what was recorded (RET-07).
//!
//! Belongs here: the round over everything (`round`), how fast it goes ([`pace`], pure), what is wrong with one file
//! (`check`), how far it has come (`progress`, which may be lost), one picture a day decoded (`picture`).
//! Does not: what happens then. A fault is opened (`health::Faults`), the catalog marks the segment, and coverage does
//! not count it. Nothing here deletes or repairs footage.

mod check;
pub mod pace;
mod picture;
mod progress;
mod reader;
mod round;

pub use picture::pictures;
pub use progress::{Progress, Round};
pub use round::{ScrubConfig, scrub};
