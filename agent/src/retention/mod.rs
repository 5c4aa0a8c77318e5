//! Deletes footage the site no longer has to keep.
//!
//! Belongs here: choosing what goes (`plan`, pure), removing it safely (`sweep`).
//! Does not: what a policy means (it travels in the desired state), how files are named (`vault`), what the recorder does when
//! the disk is about to be full and nobody answers (`recorder`).
//! Wakes on: new desired state, every 60 s.

mod plan;

mod sweep;

pub use plan::{Candidate, DEFAULT_RULE, Deletion, Hold, Now, Outcome, Rule, Space, Why, is_held, plan};
pub use sweep::{SweepConfig, Wanted, sweep};
