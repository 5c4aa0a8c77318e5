//! Brings the catalog up to what the recorders' logs and the vault say.
//!
//! Belongs here: taking log entries in, comparing with the directory after an unclean stop, reading files no log tells of.
//! Does not: the database (`index`).

use std::collections::BTreeSet;
use std::path::Path;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{RunId, SegmentId};
use farwatch_shared::time::{Clock, Span, WallMs};
use farwatch_shared::wire::latest::ClockFact;
use tracing::{info, warn};

use super::anchors::{Anchors, Placed};
use super::block::{Entry, StreamKey, skew_s};
use super::index::{DeletedByRecorder, Index};
use crate::enrol::TrustedTime;
use crate::ledger::agent::RecorderLine;
use crate::ledger::entry::{Closed, DeletedWhy, GoneSegment, RecorderEntry};
use crate::ledger::follow::{Cursors, Followed, Follower, logs};
use crate::ledger::log::LogReader;
use crate::store::StoreError;
use crate::vault::{Vault, VaultError};

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
    /// Where a segment's end lies on the line of evidence. Measured by boot time when the segment closed a moment ago;
    /// otherwise its own times, and what is known of its boot's clock, are all there is.
    fn aged_from(&self, closed: &Closed, placed: Placed, anchors: &Anchors) -> WallMs {
        let age_ns = self.clock.boot().0.saturating_sub(closed.end.boot_ns.0);
        if age_ns < 0 || age_ns / 1_000_000 > LATE_MS {
            return anchors.aged_from(closed, placed, self.trusted.now());
        }
        let evidence = self.trusted.now().plus_ms(-(age_ns / 1_000_000));
        let end = placed.span.end_ms;
        match evidence.since(end) {
            // A few seconds are the difference of two honest clocks.
            small if small.abs() <= 30_000 => end,
            // Moved to its true time, it is no older than that, though the line of evidence may lag behind.
            _ if end != closed.end.wall_ms => evidence.max(end),
            _ => evidence,
        }
    }
}

/// The catalog's entry for a closing; `None` when it covers no time.
fn entry_of(closed: &Closed, recovered: bool, evidence: &Evidence, anchors: &Anchors) -> Option<Entry> {
    let recorded = Span::new(closed.start.wall_ms, closed.end.wall_ms.max(closed.start.wall_ms.plus_ms(1)))?;
    let placed = anchors.place(closed.segment.run.boot, closed.start.boot_ns, recorded, closed.clock);
    Some(Entry {
        segment: closed.segment,
        span: placed.span,
        bytes: closed.bytes,
        digest: closed.digest,
        skew_s: skew_s(placed.span.end_ms, evidence.aged_from(closed, placed, anchors)),
        clock: closed.clock,
        recovered,
        damaged: false,
        anchored: placed.anchored,
        has_event: false,
    })
}

/// What all logs say of the clock, read ahead when the catalog is made anew: each closing is then placed once, knowing
/// what came after it.
pub fn learn_clock(index: &mut Index, recorder_ledgers: &Path) {
    if !index.meta.cursors.is_empty() {
        return;
    }
    let mut learn = |fact: ClockFact| {
        index.meta.anchors.learn(&fact);
    };
    for (_, path) in logs(recorder_ledgers) {
        // A damaged log is told of when it is followed.
        let Ok(mut reader) = LogReader::open(&path, None) else { continue };
        while let Ok(Some(entry)) = reader.next_entry() {
            if entry.payload.starts_with(CLOCK)
                && let Ok(RecorderEntry::Clock { fact }) = serde_json::from_slice(&entry.payload)
            {
                learn(fact);
            }
        }
    }
}

/// How a line about the clock begins, so that few others are decoded.
const CLOCK: &[u8] = br#"{"is":"clock""#;

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
            let entry = entry_of(closed, false, evidence, &index.meta.anchors);
            entry.map_or(Ok(()), |entry| index.add(entry))
        }
        RecorderEntry::Recovered { closed, .. } => {
            let entry = entry_of(closed, true, evidence, &index.meta.anchors);
            entry.map_or(Ok(()), |entry| index.add(entry))
        }
        RecorderEntry::Gap(gap) => {
            if let Some(span) = Span::new(gap.start.wall_ms, gap.end.wall_ms) {
                index.gap(StreamKey { camera: gap.camera, stream: gap.stream }, span);
            }
            Ok(())
        }
        RecorderEntry::Event { camera, start, end, .. } => {
            Span::new(start.wall_ms, end.wall_ms).map_or(Ok(()), |span| index.event(*camera, span))
        }
        RecorderEntry::Clock { fact } => match index.meta.anchors.learn(fact) {
            Some(anchor) => index.reanchor(anchor),
            None => Ok(()),
        },
        RecorderEntry::Deleted { segment, span, bytes, why, at } => {
            let known = index.remove(segment, span.start_ms)?;
            if *why == DeletedWhy::HardFloor {
                let aged_ms = at.map(|at| at.wall_ms.since(span.end_ms));
                index.meta.deleted.push(DeletedByRecorder {
                    line: RecorderLine { log: followed.log, index: followed.index },
                    gone: GoneSegment {
                        segment: *segment,
                        digest: known.map_or(Digest::ZERO, |entry| entry.digest),
                        span: known.map_or(*span, |entry| entry.span),
                        bytes: *bytes,
                    },
                    // Recorders of an earlier version did not say when; now is the latest it can have been.
                    age_ms: aged_ms.unwrap_or_else(|| evidence.trusted.now().since(span.end_ms)),
                    has_event: known.is_some_and(|entry| entry.has_event),
                });
            }
            Ok(())
        }
        RecorderEntry::Started { .. }
        | RecorderEntry::Settled { .. }
        | RecorderEntry::RunOpened { .. }
        | RecorderEntry::SwitchedOff { .. }
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
/// When the database fails. Directories and files that cannot be read are passed over with a warning.
pub fn compare(index: &mut Index, vault: &Vault) -> Result<Repair, StoreError> {
    let mut repair = Repair::default();
    let there = match vault.streams() {
        Ok(there) => there,
        Err(error) => {
            warn!(%error, "the vault cannot be listed; the catalog stays as it is");
            return Ok(repair);
        }
    };
    let there = there.into_iter().map(|(camera, stream)| StreamKey { camera, stream });
    let streams: BTreeSet<StreamKey> = there.chain(index.totals().keys().copied()).collect();
    for stream in streams {
        match files_of(vault, stream) {
            Ok(files) => compare_stream(index, vault, stream, &files, &mut repair)?,
            Err(error) => warn!(camera = %stream.camera, %error, "a camera's footage cannot be listed"),
        }
    }
    info!(files = repair.files, added = repair.added, removed = repair.removed, "catalog compared with the vault");
    Ok(repair)
}

/// A file of a stream, in few bytes: a month of one stream has tens of thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct File {
    run: RunId,
    sequence: u32,
    newest: bool,
}

/// Sorted by run and sequence.
fn files_of(vault: &Vault, stream: StreamKey) -> Result<Vec<File>, VaultError> {
    let mut files = Vec::new();
    for run in vault.runs(stream.camera, stream.stream)? {
        let found = vault.segments(stream.camera, stream.stream, run)?;
        let last = found.len().saturating_sub(1);
        let of_run =
            found.iter().enumerate().map(|(n, f)| File { run, sequence: f.segment.sequence, newest: n == last });
        files.extend(of_run);
    }
    files.sort_unstable();
    Ok(files)
}

fn compare_stream(
    index: &mut Index,
    vault: &Vault,
    stream: StreamKey,
    files: &[File],
    repair: &mut Repair,
) -> Result<(), StoreError> {
    repair.files += files.len() as u64;
    let mut known = vec![false; files.len()];
    let mut from = WallMs(i64::MIN);
    loop {
        let entries = index.oldest(stream, from, 1_000)?;
        let Some(last) = entries.last().copied() else { break };
        for entry in &entries {
            let wanted = (entry.segment.run, entry.segment.sequence);
            match files.binary_search_by_key(&wanted, |f| (f.run, f.sequence)) {
                Ok(at) => known[at] = true,
                Err(_) => {
                    index.lose(entry)?;
                    repair.removed += 1;
                }
            }
        }
        from = last.span.start_ms.plus_ms(1);
    }
    for (file, _) in files.iter().zip(&known).filter(|(file, known)| !**known && !file.newest) {
        let segment =
            SegmentId { camera: stream.camera, stream: stream.stream, run: file.run, sequence: file.sequence };
        if let Some(entry) = read_entry(vault, &segment, &index.meta.anchors) {
            index.add(entry)?;
            repair.added += 1;
        }
    }
    Ok(())
}

/// An entry from the file alone: for footage whose log is gone.
fn read_entry(vault: &Vault, segment: &SegmentId, anchors: &Anchors) -> Option<Entry> {
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
    let recorded = Span::new(start_ms, end_ms.max(start_ms.plus_ms(1)))?;
    let placed = anchors.place(segment.run.boot, contents.ident.boot_ns, recorded, contents.ident.clock);
    Some(Entry {
        segment: *segment,
        span: placed.span,
        bytes: contents.size(),
        digest: contents.digest(),
        skew_s: 0,
        clock: contents.ident.clock,
        recovered: true,
        damaged: false,
        anchored: placed.anchored,
        // Nobody knows what its log said; it is kept as if it mattered.
        has_event: true,
    })
}
