//! What a recorder does before it writes: reads the logs before its own, cuts torn files back to their last whole
//! fragment, and finds out where every stream ended and why.
//!
//! Logs are named by rising ids. Each recorder writes `settled` once it has dealt with all before it, so only the newest
//! logs, back to one that holds `settled`, are read.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use farwatch_shared::id::{RecorderId, RunId, SegmentId};
use farwatch_shared::media::ticks90k_to_ns;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Span, WallMs};
use farwatch_shared::wire::latest::GapCause;

use super::book::Book;
use super::clocks::Boot;
use super::hole::{Hole, NOTHING_DUE};
use super::intake::StreamKey;
use crate::ledger::entry::{Closed, ClosedWhy, DeletedWhy, Gap, Moment, RecorderEntry, RunLink, StreamEnd};
use crate::ledger::log::{LogError, LogReader};
use crate::vault::{Contents, Vault, VaultError};

/// Twice the bound on how long a written byte may not be safe.
const SAFE_AFTER_MS: i64 = 4_000;

/// Where the streams ended, as far as the logs go.
#[derive(Debug, Default)]
pub struct Past {
    pub ends: BTreeMap<StreamKey, StreamEnd>,
    /// Size and end of each stream's last segment as the log has it.
    sizes: BTreeMap<StreamKey, (ByteSize, Moment)>,
    boot_id: String,
    /// Streams that were being written when their recorder died.
    pub torn: BTreeSet<StreamKey>,
}

impl Past {
    fn end(&mut self, key: StreamKey, at: Moment) -> &mut StreamEnd {
        let boot_id = self.boot_id.clone();
        let (camera, stream) = key;
        let end = self.ends.entry(key).or_insert_with(|| StreamEnd {
            camera,
            stream,
            boot_id: boot_id.clone(),
            end: at,
            switched_off: false,
            clean_stop: false,
            idle: false,
            last: None,
        });
        if end.boot_id != boot_id || end.end.boot_ns <= at.boot_ns {
            end.end = at;
            end.boot_id = boot_id;
        }
        end
    }

    /// Takes one entry of a log, in order.
    fn learn(&mut self, entry: RecorderEntry) {
        match entry {
            RecorderEntry::Started { boot_id, .. } => self.boot_id = boot_id,
            RecorderEntry::Settled { streams } => {
                self.ends = streams.into_iter().map(|end| ((end.camera, end.stream), end)).collect();
            }
            RecorderEntry::RunOpened { camera, stream, at, .. } => {
                let end = self.end((camera, stream), at);
                (end.switched_off, end.clean_stop, end.idle) = (false, false, false);
            }
            RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => self.learn_closed(&closed),
            RecorderEntry::Gap(gap) => {
                let end = self.end((gap.camera, gap.stream), gap.end);
                end.idle = gap.cause == GapCause::Schedule;
                // Something is due again, only not now.
                end.switched_off &= !end.idle;
            }
            RecorderEntry::SwitchedOff { camera, stream, at } => self.end((camera, stream), at).switched_off = true,
            RecorderEntry::Deleted { .. } | RecorderEntry::Event { .. } | RecorderEntry::Clock { .. } => {}
            RecorderEntry::CleanStop { .. } => {
                let boot_id = self.boot_id.clone();
                self.ends.values_mut().filter(|end| end.boot_id == boot_id).for_each(|end| end.clean_stop = true);
            }
        }
    }

    fn learn_closed(&mut self, closed: &Closed) {
        let key = (closed.segment.camera, closed.segment.stream);
        let link = RunLink { run: closed.segment.run, last_sequence: closed.segment.sequence, digest: closed.digest };
        let end = self.end(key, closed.end);
        (end.last, end.idle) = (Some(link), closed.why == ClosedWhy::NotDue);
        self.sizes.insert(key, (closed.bytes, closed.end));
    }

    /// Where the log says a segment ended that it knows as its stream's last.
    fn logged_end(&self, segment: &SegmentId) -> Option<Moment> {
        let key = (segment.camera, segment.stream);
        let last = self.ends.get(&key)?.last?;
        let is_last = (last.run, last.last_sequence) == (segment.run, segment.sequence);
        self.sizes.get(&key).filter(|_| is_last).map(|(_, end)| *end)
    }
}

/// Why a stream has a hole up to now, by what the logs and the boot say.
#[must_use]
pub fn hole(end: Option<&StreamEnd>, boot: &Boot, wanted_since: Moment) -> Hole {
    let Some(end) = end else { return Hole::never_recorded(wanted_since) };
    let (cause, detail) = match end {
        StreamEnd { switched_off: false, idle: true, .. } => (GapCause::Schedule, NOTHING_DUE),
        _ => absence(end, boot),
    };
    Hole::since(end.end, cause, detail, end.boot_id != boot.id, wanted_since)
}

/// Why nobody recorded after a stream ended, as far as something was due.
#[must_use]
pub fn absence(end: &StreamEnd, boot: &Boot) -> (GapCause, &'static str) {
    match (end.switched_off, end.clean_stop, end.boot_id == boot.id) {
        (true, ..) => (GapCause::Operator, "recording was switched off"),
        (_, true, _) => (GapCause::Operator, "the recorder was stopped"),
        (.., true) => (GapCause::Agent, "the recorder was not running"),
        (.., false) => (GapCause::Power, "the box started anew without having been shut down"),
    }
}

/// Reads the logs, repairs the vault, writes into `book` what it found. Returns where every stream ended.
///
/// # Errors
/// Only when directories cannot be listed; a damaged log or file is told and passed over.
pub fn recover(ledgers: &Path, vault: &Vault, book: &Book, boot: &Boot, now: Moment) -> Result<Past, VaultError> {
    let mut past = Past::default();
    for path in logs_since_settled(ledgers, book.id()) {
        if let Err(error) = replay(&path, &mut past) {
            tracing::error!(error = &error as &dyn std::error::Error, "an earlier log cannot be read to its end");
        }
    }
    for key in vault.streams()? {
        for segment in suspects(vault, key, &past, boot)? {
            match repair(vault, &segment) {
                Ok(Some((closed, cut))) => {
                    tracing::info!(%segment, cut = cut.bytes(), "segment recovered");
                    // A file of another boot has that boot's clock in it.
                    past.boot_id = vault.ident(&segment)?.boot_id;
                    if let Some(end) = past.logged_end(&segment)
                        && closed.end.wall_ms < end.wall_ms
                    {
                        book.write(unsaved(&closed, end));
                    }
                    past.learn_closed(&closed);
                    past.torn.insert(key);
                    book.write(RecorderEntry::Recovered { closed, cut });
                }
                Ok(None) => remove(vault, book, segment, now),
                Err(error) => tracing::error!(error = &error as &dyn std::error::Error, "a torn segment stays"),
            }
        }
    }
    book.write(RecorderEntry::Settled { streams: past.ends.values().cloned().collect() });
    Ok(past)
}

/// What the log had as recorded and the disk did not have yet when the power went.
fn unsaved(closed: &Closed, end: Moment) -> RecorderEntry {
    RecorderEntry::Gap(Gap {
        camera: closed.segment.camera,
        stream: closed.segment.stream,
        start: closed.end,
        end,
        cause: GapCause::Power,
        detail: Some("it was not safe on the disk yet when the power went".into()),
        across_boots: true,
    })
}

/// The logs to read, oldest first.
fn logs_since_settled(ledgers: &Path, own: RecorderId) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(ledgers) else { return Vec::new() };
    let mut ids: Vec<RecorderId> = entries
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.strip_suffix(".log")?.parse().ok())
        .filter(|id| *id < own)
        .collect();
    ids.sort_unstable();
    let mut paths = Vec::new();
    for id in ids.into_iter().rev() {
        let path = ledgers.join(format!("{id}.log"));
        let settled = has_settled(&path);
        paths.push(path);
        if settled {
            break;
        }
    }
    paths.reverse();
    paths
}

/// `settled` comes right after what was recovered, so it stands near the beginning.
fn has_settled(path: &Path) -> bool {
    let Ok(mut reader) = LogReader::open(path, None) else { return false };
    while let Ok(Some((_, entry))) = reader.next_as::<RecorderEntry>() {
        match entry {
            RecorderEntry::Settled { .. } => return true,
            RecorderEntry::RunOpened { .. } => return false,
            _ => {}
        }
    }
    false
}

/// A log being read on, for where its streams stand.
pub struct Reading {
    past: Past,
    reader: LogReader,
}

impl Reading {
    /// # Errors
    /// When it cannot be opened.
    pub fn of(path: &Path) -> Result<Self, LogError> {
        Ok(Self { past: Past::default(), reader: LogReader::open(path, None)? })
    }

    /// Up to its present end.
    ///
    /// # Errors
    /// When it cannot be read or was altered.
    pub fn on(&mut self) -> Result<(), LogError> {
        learn_all(&mut self.reader, &mut self.past)
    }

    /// Where every stream stands, as far as it was read.
    #[must_use]
    pub fn ends(&self) -> Vec<StreamEnd> {
        self.past.ends.values().cloned().collect()
    }
}

fn replay(path: &Path, past: &mut Past) -> Result<(), LogError> {
    learn_all(&mut LogReader::open(path, None)?, past)
}

fn learn_all(reader: &mut LogReader, past: &mut Past) -> Result<(), LogError> {
    loop {
        match reader.next_as::<RecorderEntry>() {
            Ok(Some((_, entry))) => past.learn(entry),
            Ok(None) => return Ok(()),
            // Written by a newer version that was taken back: what we know of stays true.
            Err(LogError::NotUnderstood { index, .. }) => tracing::warn!(index, "an entry of a newer version"),
            Err(error) => return Err(error),
        }
    }
}

/// The segments the logs do not know to be whole.
fn suspects(vault: &Vault, key: StreamKey, past: &Past, boot: &Boot) -> Result<Vec<SegmentId>, VaultError> {
    let (camera, stream) = key;
    let end = past.ends.get(&key);
    let last = end.and_then(|end| end.last);
    let mut runs: Vec<RunId> = vault.runs(camera, stream)?;
    match last {
        Some(last) => runs.retain(|run| run.counter >= last.run.counter),
        // Nothing is known: only the newest run can be torn.
        None => drop(runs.drain(..runs.len().saturating_sub(1))),
    }
    let mut suspects = Vec::new();
    for run in runs {
        for found in vault.segments(camera, stream, run)? {
            let known = last.is_some_and(|last| run == last.run && found.segment.sequence <= last.last_sequence);
            // The log may be ahead of the file only across a power cut: by its length, or by fragments whose checksum is
            // wrong. Whole fragments with another digest were not torn but altered: they stay, and are found to be.
            let logged = last.filter(|l| run == l.run && found.segment.sequence == l.last_sequence);
            let other_boot = end.is_some_and(|end| end.boot_id != boot.id);
            let ahead = logged.filter(|_| other_boot).is_some_and(|_| {
                let Some((size, _)) = past.sizes.get(&key) else { return false };
                let is_torn = |contents: Contents| contents.size() < *size;
                found.size < *size
                    || (!has_long_successor(vault, found.segment) && vault.read(&found.segment).is_ok_and(is_torn))
            });
            if !known || ahead {
                suspects.push(found.segment);
            }
        }
    }
    Ok(suspects)
}

/// Whether the file after this one was written to for so long that this one was safe by then.
fn has_long_successor(vault: &Vault, segment: SegmentId) -> bool {
    let next = SegmentId { sequence: segment.sequence.saturating_add(1), ..segment };
    let Ok(ident) = vault.ident(&next) else { return false };
    let written = fs::metadata(vault.path(&next)).and_then(|m| m.modified()).ok();
    let written = written.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
    written.and_then(|at| i64::try_from(at.as_millis()).ok()).is_some_and(|at| at - ident.wall_ms.0 >= SAFE_AFTER_MS)
}

/// Cuts a file back to its last whole fragment and describes what is left; `None` when that is nothing.
fn repair(vault: &Vault, segment: &SegmentId) -> Result<Option<(Closed, ByteSize)>, VaultError> {
    let contents = match vault.read(segment) {
        Ok(contents) => contents,
        Err(VaultError::NoHead { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if contents.pieces.len() < 2 {
        return Ok(None);
    }
    let path = vault.path(segment);
    let io = |source| VaultError::Io { path: path.clone(), doing: "cut", source };
    let file = OpenOptions::new().write(true).open(&path).map_err(io)?;
    if contents.rest > ByteSize(0) {
        file.set_len(contents.size().bytes()).map_err(io)?;
    }
    file.sync_data().map_err(io)?;
    Ok(Some((describe(&contents), contents.rest)))
}

/// What the log would have said of the file.
#[must_use]
pub fn describe(contents: &Contents) -> Closed {
    let ident = &contents.ident;
    let start = Moment { boot_ns: ident.boot_ns, wall_ms: ident.wall_ms };
    let fragments: Vec<_> = contents.pieces.iter().filter_map(|p| p.fragment).collect();
    let last = fragments.last();
    let end = last.map_or(start, |f| {
        let begin = Moment { boot_ns: f.ident.boot_ns, wall_ms: f.ident.wall_ms };
        begin.plus_ns(ticks90k_to_ns(i64::try_from(f.video.duration).unwrap_or(0)))
    });
    Closed {
        segment: ident.segment(),
        start,
        end,
        bytes: contents.size(),
        fragments: u32::try_from(fragments.len()).unwrap_or(u32::MAX),
        frames: fragments.iter().map(|f| f.video.samples).sum(),
        digest: contents.digest(),
        previous: ident.previous,
        clock: ident.clock,
        codec: ident.codec.clone(),
        width: ident.width,
        height: ident.height,
        audio_codec: ident.audio_codec.clone(),
        audio_derived: ident.audio_derived,
        needs_previous: ident.needs_previous,
        media_ticks90k: fragments.iter().map(|f| f.video.duration).sum(),
        why: ClosedWhy::Crash,
        activity: Vec::new(),
    }
}

fn remove(vault: &Vault, book: &Book, segment: SegmentId, now: Moment) {
    let path = vault.path(&segment);
    let bytes = ByteSize(fs::metadata(&path).map_or(0, |m| m.len()));
    let span = Span { start_ms: now.wall_ms, end_ms: WallMs(now.wall_ms.0) };
    if let Err(error) =
        book.write_synced(&RecorderEntry::Deleted { segment, bytes, span, why: DeletedWhy::Empty, at: Some(now) })
    {
        tracing::error!(error = &error as &dyn std::error::Error, "a segment without a fragment stays");
        return;
    }
    if let Err(error) = fs::remove_file(&path) {
        tracing::error!(%error, path = %path.display(), "a segment without a fragment stays");
    }
}
