//! What recorders' logs say of each stream, entry by entry: footage, gaps, and time nobody wanted.
//!
//! Belongs here: turning entries into stretches that neither overlap nor leave anything out. Does not: days and sums
//! ([`super::coverage`]), whether the footage is still there.
//!
//! Entries are to be taken log by log, oldest recorder first, so that whoever reads the same logs gets the same stretches.
//! Lengths are of the boot clock; the wall clock only says where a stretch begins. Between two boots there is nothing but
//! the wall clock, and a difference over [`LONGEST_MS`] is a clock that was not set, not a hole.

use std::collections::BTreeMap;

use super::entry::{Closed, Gap, Moment, RecorderEntry, StreamEnd};
use crate::id::{CameraId, RunId, StreamName};
use crate::time::{BootNs, DAY_MS, WallMs};
use crate::wire::v1::GapCause;

/// A camera's stream.
pub type StreamKey = (CameraId, StreamName);

/// Longest hole between two boots that is believed.
pub const LONGEST_MS: i64 = 400 * DAY_MS;

/// A part of a stream's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch<'a> {
    pub start_ms: WallMs,
    /// Above zero.
    pub len_ms: i64,
    pub of: Of<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of<'a> {
    Recorded(&'a Closed),
    Missing(GapCause),
    /// Was said to be recorded; a power cut took it back. It is said again by what follows.
    TakenBack,
}

/// How far a stream is accounted for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledgered {
    /// First 32 bits of the boot's id.
    boot: u32,
    pub end: Moment,
    /// False once recording was switched off: nothing is missed then.
    pub wanted: bool,
    last: Option<(RunId, u32)>,
}

/// All streams of a box.
#[derive(Debug, Clone, Default)]
pub struct Walk {
    boot: u32,
    streams: BTreeMap<StreamKey, Ledgered>,
}

impl Walk {
    /// How far a stream is accounted for; `None` when nothing was said of it.
    #[must_use]
    pub fn ledgered(&self, stream: &StreamKey) -> Option<&Ledgered> {
        self.streams.get(stream)
    }

    pub fn streams(&self) -> impl Iterator<Item = (&StreamKey, &Ledgered)> {
        self.streams.iter()
    }

    /// A log is read on from its middle: in this boot.
    pub fn goes_on_in(&mut self, boot_id: &str) {
        self.boot = short(boot_id);
    }

    /// Takes one entry in and gives what it adds to its stream, at most two stretches, in order.
    pub fn take<'a>(&mut self, entry: &'a RecorderEntry) -> Option<(StreamKey, Stretches<'a>)> {
        match entry {
            RecorderEntry::Started { boot_id, .. } => self.goes_on_in(boot_id),
            RecorderEntry::Settled { streams } => streams.iter().for_each(|end| self.settled(end)),
            RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => {
                let key = (closed.segment.camera, closed.segment.stream);
                return Some((key, self.closed(key, closed)));
            }
            RecorderEntry::Gap(gap) => return Some(((gap.camera, gap.stream), self.gap(gap))),
            RecorderEntry::RunOpened { camera, stream, at, .. } => self.opened((*camera, *stream), *at),
            RecorderEntry::SwitchedOff { camera, stream, at } => {
                let boot = self.boot;
                let stream = self.streams.entry((*camera, *stream)).or_insert(Ledgered::at(boot, *at));
                (stream.end, stream.boot, stream.wanted) = (*at, boot, false);
            }
            // Whatever else is told takes no time of a stream.
            _ => {}
        }
        None
    }

    fn settled(&mut self, end: &StreamEnd) {
        let known = Ledgered {
            boot: short(&end.boot_id),
            end: end.end,
            wanted: !end.switched_off,
            last: end.last.map(|last| (last.run, last.last_sequence)),
        };
        // Only for streams whose own entries are no longer there.
        self.streams.entry((end.camera, end.stream)).or_insert(known);
    }

    fn opened(&mut self, key: StreamKey, at: Moment) {
        let boot = self.boot;
        let stream = self.streams.entry(key).or_insert(Ledgered::at(boot, at));
        if !stream.wanted {
            *stream = Ledgered { last: stream.last, ..Ledgered::at(boot, at) };
        }
    }

    fn closed<'a>(&mut self, key: StreamKey, closed: &'a Closed) -> Stretches<'a> {
        let id = (closed.segment.run, closed.segment.sequence);
        let boot = id.0.boot;
        let stream = self.streams.entry(key).or_insert(Ledgered::at(boot, closed.start));
        if !stream.wanted {
            *stream = Ledgered { last: stream.last, ..Ledgered::at(boot, closed.start) };
        }
        if let Some(last) = stream.last
            && last.0 == id.0
            && id.1 <= last.1
        {
            return if id == last && boot == stream.boot { stream.take_back(closed.end) } else { Stretches::default() };
        }
        stream.last = Some(id);
        stream.advance((closed.start, boot), (closed.end, boot), Of::Recorded(closed))
    }

    fn gap<'a>(&mut self, gap: &Gap) -> Stretches<'a> {
        let boot = self.boot;
        let key = (gap.camera, gap.stream);
        if gap.across_boots && gap.end.boot_ns == BootNs(0) {
            // The box was off for longer than its clock showed when it started, which is known since that was set. Where the
            // stream stands in this boot is another matter.
            let len_ms = believed(gap.end.wall_ms.since(gap.start.wall_ms));
            let rest = Stretch { start_ms: gap.start.wall_ms, len_ms, of: Of::Missing(gap.cause) };
            return Stretches([(len_ms > 0).then_some(rest), None]);
        }
        let from = match self.streams.get(&key) {
            Some(stream) if gap.across_boots => stream.boot,
            // Another boot than this one, whichever.
            None if gap.across_boots => !boot,
            _ => boot,
        };
        let stream = self.streams.entry(key).or_insert(Ledgered::at(from, gap.start));
        if !stream.wanted {
            let since = stream.end;
            *stream = Ledgered { last: stream.last, ..Ledgered::at(from, gap.start) };
            // The time it was switched off is no hole, whoever says so.
            if gap.cause == GapCause::Operator && gap.start.wall_ms.since(since.wall_ms).abs() <= 1 {
                (stream.end, stream.boot) = (gap.end, boot);
                return Stretches::default();
            }
        }
        stream.advance((gap.start, from), (gap.end, boot), Of::Missing(gap.cause))
    }
}

/// What one entry adds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stretches<'a>([Option<Stretch<'a>>; 2]);

impl<'a> Stretches<'a> {
    pub fn iter(&self) -> impl Iterator<Item = Stretch<'a>> {
        self.0.into_iter().flatten()
    }
}

impl Ledgered {
    fn at(boot: u32, at: Moment) -> Self {
        Self { boot, end: at, wanted: true, last: None }
    }

    fn advance<'a>(
        &mut self,
        (mut start, from): (Moment, u32),
        (end, boot): (Moment, u32),
        of: Of<'a>,
    ) -> Stretches<'a> {
        let ahead = if from == self.boot {
            boot_ms(start) - boot_ms(self.end)
        } else {
            believed(start.wall_ms.since(self.end.wall_ms))
        };
        // A log that passes time over in silence is a recorder that did not run as it should.
        let cause = if from == self.boot { GapCause::Agent } else { GapCause::Power };
        let silence = Stretch { start_ms: self.end.wall_ms, len_ms: ahead, of: Of::Missing(cause) };
        if ahead < 0 {
            // Two recorders saw this time; it counts once.
            start = start.plus_ns(-ahead * 1_000_000);
        }
        let len_ms =
            if from == boot { boot_ms(end) - boot_ms(start) } else { believed(end.wall_ms.since(start.wall_ms)) };
        if from == boot && len_ms <= 0 {
            return Stretches([(ahead > 0).then_some(silence), None]);
        }
        (self.end, self.boot) = (end, boot);
        let stretch = Stretch { start_ms: start.wall_ms, len_ms, of };
        Stretches([(ahead > 0).then_some(silence), (len_ms > 0).then_some(stretch)])
    }

    fn take_back<'a>(&mut self, end: Moment) -> Stretches<'a> {
        let len_ms = boot_ms(self.end) - boot_ms(end);
        if len_ms <= 0 {
            return Stretches::default();
        }
        self.end = end;
        Stretches([Some(Stretch { start_ms: end.wall_ms, len_ms, of: Of::TakenBack }), None])
    }
}

/// Whole milliseconds of the boot clock, so that lengths of stretches that join add up exactly.
fn boot_ms(at: Moment) -> i64 {
    at.boot_ns.0.div_euclid(1_000_000)
}

fn believed(ms: i64) -> i64 {
    if (0..=LONGEST_MS).contains(&ms) { ms } else { 0 }
}

fn short(boot_id: &str) -> u32 {
    boot_id.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0)
}
