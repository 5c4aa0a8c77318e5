//! `dn/received`: what the hub has committed. Only this lets the outbox forget a fact.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::FactClass;
use crate::id::OutboxEpoch;

/// Highest contiguous number committed per class of one epoch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Received {
    pub epoch: OutboxEpoch,
    pub through: BTreeMap<FactClass, u64>,
}
