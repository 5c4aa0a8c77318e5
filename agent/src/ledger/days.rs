//! Which days of which streams are to be stated, and counting them out of the recorders' logs.
//!
//! Belongs here: what was touched and is not stated (pure), reading the logs once more, in the order a verifier does.
//! Does not: signing, when to look.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use farwatch_shared::evidence::coverage::{DayCount, STATED_AFTER_MS, SiteDay, SiteDays};
use farwatch_shared::evidence::grounds::Grounds;
use farwatch_shared::evidence::ledgered::{StreamKey, Stretch, Walk};
use farwatch_shared::id::RecorderId;
use farwatch_shared::time::{DAY_MS, Span, WallMs};

use super::entry::RecorderEntry;
use super::follow::{Cursors, logs};
use super::log::{LogError, LogReader};

/// Most days stated in one go; after an outage of weeks the next go follows at once.
const AT_ONCE: usize = 256;

/// A day of a stream that is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DueDay {
    pub stream: StreamKey,
    pub day: SiteDay,
    /// The day without what the statement before said already, should the site's zone have changed.
    pub span: Span,
}

/// What was recorded or missed and is not stated yet.
#[derive(Debug, Default)]
pub struct Days {
    /// By an instant of each day.
    touched: BTreeMap<StreamKey, BTreeSet<WallMs>>,
    /// Where reading must begin to see a day's first stretch, by the day's start.
    begins: BTreeMap<WallMs, Cursors>,
    last: Option<Span>,
}

impl Days {
    /// A stretch was read; `at` is where reading gives it again, `stated` up to where the stream's days are stated.
    pub fn touch(
        &mut self,
        days: &SiteDays,
        (stream, stretch): (StreamKey, &Stretch<'_>),
        stated: Option<WallMs>,
        at: impl Fn() -> Cursors,
    ) {
        let end_ms = stretch.start_ms.plus_ms(stretch.len_ms);
        let mut from = stretch.start_ms;
        while from < end_ms {
            let span = match self.last {
                Some(span) if span.contains(from) => span,
                _ => days.day_of(from).span,
            };
            self.last = Some(span);
            self.begins.entry(span.start_ms).or_insert_with(&at);
            if stated.is_none_or(|through| span.end_ms > through) {
                let known = self.touched.entry(stream).or_default();
                if known.range(span.start_ms..span.end_ms).next().is_none() {
                    known.insert(from);
                }
            }
            from = span.end_ms;
        }
    }

    /// Days begin at other instants from now on.
    pub fn zone_changed(&mut self) {
        self.last = None;
    }

    /// The days whose time has come, oldest first. `is_wanted` says whether a stream is still to be recorded at all: of one
    /// that is not, nothing more will be ledgered.
    #[must_use]
    pub fn due(
        &self,
        days: &SiteDays,
        walk: &Walk,
        grounds: &Grounds,
        now: WallMs,
        is_wanted: impl Fn(&StreamKey) -> bool,
    ) -> Vec<DueDay> {
        let mut due = Vec::new();
        for (stream, touched) in &self.touched {
            let Some(ledgered) = walk.ledgered(stream) else { continue };
            let stated = grounds.stated_through(stream);
            for at in touched {
                let day = days.day_of(*at);
                let begin = stated.map_or(day.span.start_ms, |through| through.max(day.span.start_ms));
                let Some(span) = Span::new(begin, day.span.end_ms) else { continue };
                let is_told = !ledgered.wanted || ledgered.end.wall_ms >= span.end_ms || !is_wanted(stream);
                if is_told && now.since(span.end_ms) >= STATED_AFTER_MS {
                    due.push(DueDay { stream: *stream, day, span });
                }
            }
        }
        due.sort_by_key(|due| (due.span.end_ms, due.stream));
        due.dedup();
        due.truncate(AT_ONCE);
        due
    }

    /// A day is dealt with.
    pub fn done(&mut self, due: &DueDay) {
        if let Some(touched) = self.touched.get_mut(&due.stream) {
            touched.retain(|at| !due.day.span.contains(*at));
            if touched.is_empty() {
                self.touched.remove(&due.stream);
            }
        }
    }

    /// Where reading has to begin so that these days are seen whole, one day early: what came before decides whether time was
    /// passed over in silence. `None` when that is not known any more.
    #[must_use]
    pub fn begin(&self, earliest: WallMs) -> Option<&Cursors> {
        self.begins.range(..=earliest.plus_ms(-DAY_MS)).next_back().map(|(_, cursors)| cursors)
    }

    /// The earliest instant that is not stated.
    #[must_use]
    pub fn earliest(&self) -> Option<WallMs> {
        self.touched.values().filter_map(|touched| touched.first()).min().copied()
    }

    /// Forgets where days began that nobody will ask for again.
    pub fn forget(&mut self, before: WallMs) {
        if let Some((kept, _)) = self.begins.range(..=before.plus_ms(-DAY_MS)).next_back() {
            let kept = *kept;
            self.begins.retain(|start, _| *start >= kept);
        }
    }
}

/// Counts days out of the logs between two places, log by log.
///
/// # Errors
/// When a log cannot be read or was altered: then nothing is stated.
pub fn count(
    dir: &Path,
    (from, to): (&Cursors, &Cursors),
    mut days: BTreeMap<StreamKey, Vec<DayCount>>,
) -> Result<BTreeMap<StreamKey, Vec<DayCount>>, LogError> {
    let mut walk = Walk::default();
    for (log, path) in logs(dir) {
        let (start, Some(end)) = (from.get(&log).copied(), to.get(&log)) else { continue };
        if start.is_some_and(|start| start.index >= end.index) {
            continue;
        }
        if start.is_some()
            && let Some(boot_id) = boot_of(dir, log)?
        {
            walk.goes_on_in(&boot_id);
        }
        let mut reader = LogReader::open(&path, start)?;
        while reader.position().index < end.index {
            let Some(entry) = reader.next_entry()? else { break };
            // What a later version wrote is passed over by whoever checks, too.
            let Ok(entry) = serde_json::from_slice(&entry.payload) else { continue };
            let Some((stream, stretches)) = walk.take(&entry) else { continue };
            for count in days.get_mut(&stream).into_iter().flatten() {
                stretches.iter().for_each(|stretch| count.count(&stretch));
            }
        }
    }
    Ok(days)
}

/// The boot a log was written in, which its first entry names.
///
/// # Errors
/// When the log cannot be read.
pub fn boot_of(dir: &Path, log: RecorderId) -> Result<Option<String>, LogError> {
    let mut reader = LogReader::open(&dir.join(format!("{log}.log")), None)?;
    Ok(match reader.next_as()? {
        Some((_, RecorderEntry::Started { boot_id, .. })) => Some(boot_id),
        _ => None,
    })
}
