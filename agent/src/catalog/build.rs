//! Brings the catalog up to what the recorders' logs and the vault say.
//!
//! Belongs here: taking log entries in, comparing with the directory after an unclean stop, reading files no log tells of.
//! Does not: the database (`index`).

use std::collections::BTreeMap;

use farwatch_shared::id::SegmentId;
use farwatch_shared::time::{Clock, Span, WallMs};
use tracing::{info, warn};

use super::block::{Entry, StreamKey};
use super::index::Index;
use crate::enrol::TrustedTime;
use crate::ledger::entry::{Closed, RecorderEntry};
use crate::ledger::follow::{Cursors, Followed, Follower};
use crate::store::StoreError;
use crate::vault::Vault;

/// Entries read in one go.
const READ: usize = 500;
/// An entry read this long after its segment's end was not seen as it happened.
const LATE_MS: i64 = 3_600_000;

/// Where the line of evidence comes from.
#[derive(Clone)]
pub struct Evidence {
    pub clock: Clock,
    pub trusted: TrustedTime,
}

impl Evidence {
    /// How far a segment's end lies from the line of evidence, in seconds. Measured by boot time when the segment is of
    /// this boot; otherwise its own times are all there is.
    fn skew_s(&self, closed: &Closed) -> i32 {
        let age_ns = self.clock.boot().0.saturating_sub(closed.end.boot_ns.0);
        if age_ns < 0 || age_ns / 1_000_000 > LATE_MS {
            return 0;
        }
        let evidence = self.trusted.now().plus_ms(-(age_ns / 1_000_000));
        // A few seconds are the difference of two honest clocks.
        match evidence.since(closed.end.wall_ms) / 1000 {
            small if small.abs() <= 30 => 0,
            large => i32::try_from(large).unwrap_or(if large > 0 { i32::MAX } else { i32::MIN }),
        }
    }
}

/// The catalog's entry for a closing; `None` when it covers no time.
fn entry_of(closed: &Closed, recovered: bool, skew_s: i32) -> Option<Entry> {
    Some(Entry {
        segment: closed.segment,
        span: Span::new(closed.start.wall_ms, closed.end.wall_ms.max(closed.start.wall_ms.plus_ms(1)))?,
        bytes: closed.bytes,
        digest: closed.digest,
        skew_s,
        clock: closed.clock,
        recovered,
    })
}

/// Takes in what the logs have that is new; says whether anything was.
///
/// # Errors
/// When the database fails.
pub fn follow(index: &mut Index, follower: &mut Follower, evidence: &Evidence) -> Result<bool, StoreError> {
    let mut cursors: Cursors = std::mem::take(&mut index.meta.cursors);
    let mut any = false;
    loop {
        let entries = follower.read(&mut cursors, READ);
        let last = entries.len() < READ;
        any |= !entries.is_empty();
        for followed in &entries {
            take_in(index, followed, evidence)?;
        }
        if last {
            break;
        }
    }
    index.meta.cursors = cursors;
    Ok(any)
}

fn take_in(index: &mut Index, followed: &Followed, evidence: &Evidence) -> Result<(), StoreError> {
    match &followed.entry {
        RecorderEntry::Closed(closed) => {
            let entry = entry_of(closed, false, evidence.skew_s(closed));
            entry.map_or(Ok(()), |entry| index.add(entry))
        }
        RecorderEntry::Recovered { closed, .. } => {
            let entry = entry_of(closed, true, evidence.skew_s(closed));
            entry.map_or(Ok(()), |entry| index.add(entry))
        }
        RecorderEntry::Gap(gap) => {
            if let Some(span) = Span::new(gap.start.wall_ms, gap.end.wall_ms) {
                index.gap(StreamKey { camera: gap.camera, stream: gap.stream }, span);
            }
            Ok(())
        }
        RecorderEntry::Deleted { segment, span, .. } => index.remove(segment, span.start_ms),
        RecorderEntry::Started { .. }
        | RecorderEntry::Settled { .. }
        | RecorderEntry::RunOpened { .. }
        | RecorderEntry::CleanStop { .. } => Ok(()),
    }
}

/// What a comparison with the vault changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Repair {
    pub files: u64,
    pub added: u64,
    pub removed: u64,
}

/// Makes the catalog equal to the vault: forgets what is not there, reads what no log told of.
///
/// The newest file of each run may still be written and is left to the log. One stream's names are in memory at a time.
///
/// # Errors
/// When the database fails. Files that cannot be read are passed over with a warning.
pub fn compare(index: &mut Index, vault: &Vault) -> Result<Repair, StoreError> {
    let mut repair = Repair::default();
    let found = match vault.scan() {
        Ok(found) => found,
        Err(error) => {
            warn!(%error, "the vault cannot be listed; the catalog stays as it is");
            return Ok(repair);
        }
    };
    let mut by_stream: BTreeMap<StreamKey, BTreeMap<SegmentId, bool>> = BTreeMap::new();
    for (at, file) in found.iter().enumerate() {
        let id = file.segment;
        let is_newest = found.get(at + 1).is_none_or(|next| {
            (next.segment.camera, next.segment.stream, next.segment.run) != (id.camera, id.stream, id.run)
        });
        by_stream.entry(StreamKey { camera: id.camera, stream: id.stream }).or_default().insert(id, is_newest);
    }
    drop(found);
    let mut streams: Vec<StreamKey> = by_stream.keys().chain(index.totals().keys()).copied().collect();
    streams.sort_unstable();
    streams.dedup();
    for stream in streams {
        let mut files = by_stream.remove(&stream).unwrap_or_default();
        repair.files += files.len() as u64;
        let mut from = WallMs(0);
        loop {
            let entries = index.oldest(stream, from, 1_000)?;
            let Some(last) = entries.last().copied() else { break };
            for entry in &entries {
                if files.remove(&entry.segment).is_none() && !vault.path(&entry.segment).exists() {
                    index.remove(&entry.segment, entry.span.start_ms)?;
                    repair.removed += 1;
                }
            }
            from = last.span.start_ms.plus_ms(1);
        }
        for (segment, is_newest) in files {
            if is_newest {
                continue;
            }
            if let Some(entry) = read_entry(vault, &segment) {
                index.add(entry)?;
                repair.added += 1;
            }
        }
    }
    info!(files = repair.files, added = repair.added, removed = repair.removed, "catalog compared with the vault");
    Ok(repair)
}

/// An entry from the file alone: for footage whose log is gone.
fn read_entry(vault: &Vault, segment: &SegmentId) -> Option<Entry> {
    let contents = match vault.read(segment) {
        Ok(contents) => contents,
        Err(error) => {
            warn!(%segment, %error, "a segment file cannot be catalogued");
            return None;
        }
    };
    let start_ms = contents.ident.wall_ms;
    let last = contents.pieces.iter().rev().find_map(|piece| piece.fragment)?;
    let end_ms = last.ident.wall_ms.plus_ms(i64::try_from(last.video.duration / 90).unwrap_or(0));
    Some(Entry {
        segment: *segment,
        span: Span::new(start_ms, end_ms.max(start_ms.plus_ms(1)))?,
        bytes: contents.size(),
        digest: contents.digest(),
        skew_s: 0,
        clock: contents.ident.clock,
        recovered: true,
    })
}
