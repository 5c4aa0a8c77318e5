//! Finds, reads and checks the footage an order asks for, and describes it.
//!
//! A closed segment's pieces are hashed anew from the disk and must give the digest taken when it was recorded; footage that
//! changed since never leaves as if it had not.

use std::path::PathBuf;

use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::Span;
use farwatch_shared::wire::latest::{ManifestSegment, PullOrder};
use tracing::warn;

use super::select::{describe, select};
use crate::catalog::{Catalog, Entry, StreamKey};
use crate::vault::Vault;

/// Runs looked at for segments that are not closed yet: a handover has two.
const OPEN_RUNS: usize = 2;

/// Of each, the newest files: the one being written, and one that was closed this moment, whose line in the log is still to
/// come.
const OPEN_SEGMENTS: usize = 2;

/// Why there is no manifest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum GatherError {
    #[error("the catalog is not ready")]
    NotReady,
    #[error("no footage of the camera lies in that range")]
    Nothing,
    #[error("segment {segment} on the disk is not what was recorded")]
    Changed { segment: String },
    #[error("a segment cannot be read")]
    Unreadable,
}

impl GatherError {
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::NotReady | Self::Unreadable => Refusal::Internal,
            Self::Nothing => Refusal::NoFootage,
            Self::Changed { .. } => Refusal::DigestMismatch,
        }
    }
}

/// A segment to be sent, and the file it is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    pub segment: ManifestSegment,
    pub path: PathBuf,
}

/// Everything the order asks for, in order of time.
///
/// # Errors
/// Says why there is none.
pub async fn gather(catalog: &Catalog, vault: &Vault, pull: &PullOrder) -> Result<Vec<Sending>, GatherError> {
    let range = Span::new(pull.start_ms, pull.end_ms).ok_or(GatherError::Nothing)?;
    let stream = StreamKey { camera: pull.camera, stream: pull.stream };
    let entries = catalog.overlapping(stream, range).await.map_err(|_| GatherError::NotReady)?;
    let vault = vault.clone();
    tokio::task::spawn_blocking(move || read_all(&vault, stream, range, &entries))
        .await
        .map_err(|_| GatherError::Unreadable)?
}

fn read_all(vault: &Vault, stream: StreamKey, range: Span, entries: &[Entry]) -> Result<Vec<Sending>, GatherError> {
    let mut sending = Vec::new();
    for entry in entries {
        let mut contents = vault.read(&entry.segment).map_err(|error| {
            warn!(segment = %entry.segment, %error, "a segment cannot be read for a pull");
            GatherError::Unreadable
        })?;
        if contents.digest() != entry.digest || contents.rest.0 != 0 {
            return Err(GatherError::Changed { segment: entry.segment.short() });
        }
        if entry.anchored > 0 {
            // The file says what the clock showed; people ask for the time it was.
            contents.ident.wall_ms = entry.span.start_ms;
        }
        if let Some(selection) = select(&contents, range) {
            let segment = describe(&contents, selection, Some(entry.digest));
            sending.push(Sending { segment, path: vault.path(&entry.segment) });
        }
    }
    sending.extend(read_open(vault, stream, range, entries));
    sending.sort_by_key(|s| (s.segment.sent_start_ms, s.segment.segment));
    if sending.is_empty() { Err(GatherError::Nothing) } else { Ok(sending) }
}

/// What is still being written: whole fragments so far, hashed from the disk, without a closing digest.
fn read_open(vault: &Vault, stream: StreamKey, range: Span, closed: &[Entry]) -> Vec<Sending> {
    let runs = vault.runs(stream.camera, stream.stream).unwrap_or_default();
    let newest = runs.iter().rev().take(OPEN_RUNS);
    newest
        .flat_map(|run| {
            let segments = vault.segments(stream.camera, stream.stream, *run).unwrap_or_default();
            segments.into_iter().rev().take(OPEN_SEGMENTS).collect::<Vec<_>>()
        })
        .filter(|found| !closed.iter().any(|e| e.segment == found.segment))
        .filter_map(|found| {
            let contents = vault.read(&found.segment).ok()?;
            let selection = select(&contents, range)?;
            let segment = describe(&contents, selection, None);
            Some(Sending { segment, path: vault.path(&found.segment) })
        })
        .collect()
}
