//! Whether footage that is gone went on purpose: the logs name it before it goes.

use std::collections::BTreeSet;
use std::path::Path;

use farwatch_shared::evidence::entry::RecorderEntry;
use farwatch_shared::id::SegmentId;
use tracing::warn;

use super::agent::{AgentBody, AgentEntry};
use super::follow::logs;
use super::log::LogReader;

/// Those of `segments` that a log says were deleted. Reads the logs whole: for the rare file that is not there.
#[must_use]
pub fn deleted(agent: &Path, recorders: &Path, segments: &[SegmentId]) -> Vec<SegmentId> {
    if segments.is_empty() {
        return Vec::new();
    }
    let wanted: BTreeSet<&SegmentId> = segments.iter().collect();
    let mut found = BTreeSet::new();
    read::<AgentEntry>(agent, |entry| {
        if let AgentBody::Deleting { segments, .. } = entry.body {
            found.extend(segments.iter().map(|gone| gone.segment).filter(|segment| wanted.contains(segment)));
        }
    });
    for (_, path) in logs(recorders) {
        read::<RecorderEntry>(&path, |entry| {
            if let RecorderEntry::Deleted { segment, .. } = entry
                && wanted.contains(&segment)
            {
                found.insert(segment);
            }
        });
    }
    found.into_iter().collect()
}

fn read<T: serde::de::DeserializeOwned>(path: &Path, mut take: impl FnMut(T)) {
    let Ok(mut reader) = LogReader::open(path, None) else { return };
    loop {
        match reader.next_entry() {
            // What a later version wrote is passed over.
            Ok(Some(entry)) => {
                if let Ok(entry) = serde_json::from_slice(&entry.payload) {
                    take(entry);
                }
            }
            Ok(None) => return,
            Err(error) => return warn!(%error, "a log cannot be read to its end"),
        }
    }
}
