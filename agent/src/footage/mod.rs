//! Answers pull orders: which fragments, or which refusal; uploads them, resumable at any byte.
//!
//! Belongs here: whether an order is carried out (`accept`, pure), what is sent (`select`, pure), the manifest, the upload,
//! orders that outlive a restart (`open`). Does not: finding segments (`catalog`), reading files (`vault`), the requests
//! themselves (`enrol::Door`).
//!
//! An access is a synced line in the ledger before the first byte leaves.

mod accept;
mod carry;
mod desk;
mod manifest;
mod open;
mod select;
mod upload;

pub use accept::{Context, accept};
pub use desk::{Desk, DeskConfig};
pub use manifest::{GatherError, Sending, gather};
pub use select::{Selection, describe, select};
