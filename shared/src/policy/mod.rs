//! Rules both sides evaluate, pure: the same verdict on the hub before a policy is saved and on the box that keeps it.
//!
//! Belongs here: when a schedule is open, how much a retention policy needs. Does not: who may change a policy, where
//! footage lies, deleting it.

pub mod budget;
pub mod schedule;
