//! Orders that are being carried out, on the disk: a restart goes on where it was.
//!
//! `pulls/<order>.json` is the order; `pulls/<order>.manifest` the signed manifest once it is made, since the hub takes only one.

use std::io;
use std::path::PathBuf;

use farwatch_shared::id::OrderId;
use farwatch_shared::seal::Signed;
use farwatch_shared::wire::latest::{Manifest, Order};
use serde::{Deserialize, Serialize};

use crate::config::{Home, make_private};
use crate::store::{replace_file, replace_json};

/// An order that was accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenPull {
    pub order: Order,
}

fn path(home: &Home, order: OrderId, ending: &str) -> PathBuf {
    home.pulls().join(format!("{order}.{ending}"))
}

/// # Errors
/// As the file system has it; then the order is refused.
pub fn save(home: &Home, pull: &OpenPull) -> io::Result<()> {
    make_private(&home.pulls())?;
    replace_json(&path(home, pull.order.order, "json"), pull)
}

/// Every order on the disk, oldest first.
#[must_use]
pub fn load_all(home: &Home) -> Vec<OpenPull> {
    let mut pulls: Vec<OpenPull> = std::fs::read_dir(home.pulls())
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().extension().is_some_and(|e| e == "json"))
        .filter_map(|entry| serde_json::from_slice(&std::fs::read(entry.path()).ok()?).ok())
        .collect();
    pulls.sort_by_key(|p| p.order.order);
    pulls
}

/// # Errors
/// As the file system has it.
pub fn save_manifest(home: &Home, order: OrderId, signed: &[u8]) -> io::Result<()> {
    replace_file(&path(home, order, "manifest"), signed)
}

/// The manifest that was made, with the bytes as they are sent.
#[must_use]
pub fn load_manifest(home: &Home, order: OrderId) -> Option<(Signed<Manifest>, Vec<u8>)> {
    let bytes = std::fs::read(path(home, order, "manifest")).ok()?;
    Some((serde_json::from_slice(&bytes).ok()?, bytes))
}

/// Forgets an order that is done with, in whatever way.
pub fn forget(home: &Home, order: OrderId) {
    for ending in ["json", "manifest"] {
        let _ = std::fs::remove_file(path(home, order, ending));
    }
    let _ = std::fs::remove_dir_all(previews(home, order));
}

/// Where an order's derived copies lie until they are sent.
#[must_use]
pub fn previews(home: &Home, order: OrderId) -> PathBuf {
    home.pulls().join(format!("{order}.previews"))
}
