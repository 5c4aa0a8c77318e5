//! Deletes footage the site no longer has to keep, says how long the disk lasts, and judges whether a policy can be kept.
//!
//! Belongs here: the lines on the disk (`lines`), what is promised (`rules`), choosing what goes (`plan`, pure), removing it
//! safely (`remove`, `sweep`), the forecast (`forecast`, pure), admission on the box (`admit`). Does not: the sum of a policy
//! (`shared::policy::budget`, which the hub uses too), how files are named (`vault`), what the recorder does when the disk
//! is about to be full and nobody answers (`recorder`), certificates (`ledger` makes them of the lines written here).
//! Wakes on: new desired state, every 10 s.

mod admit;
mod forecast;
mod lines;
mod plan;
mod remove;
mod rules;
mod sweep;

pub use admit::{InForce, Refused};
pub use forecast::Measured;
pub use lines::Lines;
pub use remove::Remover;
pub use rules::{DEFAULT_RULE, Hold, Now, Policy};
pub use sweep::{Passed, Surroundings, Sweep, SweepConfig, Wanted, free_space, sweep};
