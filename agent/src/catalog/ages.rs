//! Running totals of each stream's footage by age: a few figures per day, whatever the number of segments.
//!
//! Belongs here: the figures, their row, keeping them true as segments come and go. Does not: what goes (`retention`).
//!
//! A day is one of the line of evidence, by where a segment's end lies on it, so that a stepped clock moves no footage into
//! another age.

use std::collections::BTreeMap;

use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{DAY_MS, WallMs};

use super::block::{Entry, StreamKey, parse_stream, stream_bytes};
use crate::store::{RowError, frame, unframe};

/// Whole days since 1970 on the line of evidence; times before lie in the first.
pub type Day = u32;

/// The figures of every stream by day.
pub type Ages = BTreeMap<StreamKey, BTreeMap<Day, AgeDay>>;

const KIND: u8 = b'd';
const VERSION: u8 = 1;

/// The day a moment lies in.
#[must_use]
pub fn day_of(at: WallMs) -> Day {
    Day::try_from(at.0.max(0) / DAY_MS).unwrap_or(Day::MAX)
}

/// When a day begins.
#[must_use]
pub fn day_start(day: Day) -> WallMs {
    WallMs(i64::from(day) * DAY_MS)
}

/// How much of one kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    pub segments: u32,
    pub bytes: u64,
}

impl Sum {
    fn add(&mut self, entry: &Entry) {
        self.segments = self.segments.saturating_add(1);
        self.bytes = self.bytes.saturating_add(entry.bytes.0);
    }

    fn take(&mut self, entry: &Entry) {
        self.segments = self.segments.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(entry.bytes.0);
    }
}

/// The footage of one stream that became safe on one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AgeDay {
    /// Without an event in it.
    pub plain: Sum,
    /// With one.
    pub event: Sum,
    /// Bytes ever added: what rates are measured by, whatever was deleted since.
    pub added: u64,
    /// Where the earliest segment of the day ever began, on the line of evidence.
    pub first_ms: WallMs,
    /// First and last block (ten minutes of recorded time) its segments lie in.
    pub blocks: (u32, u32),
}

impl AgeDay {
    #[must_use]
    pub fn new(entry: &Entry) -> Self {
        let number = entry.block().number;
        Self {
            plain: Sum::default(),
            event: Sum::default(),
            added: 0,
            first_ms: begins(entry),
            blocks: (number, number),
        }
    }

    #[must_use]
    pub fn bytes(&self) -> ByteSize {
        ByteSize(self.plain.bytes.saturating_add(self.event.bytes))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.plain.segments == 0 && self.event.segments == 0
    }

    fn class(&mut self, entry: &Entry) -> &mut Sum {
        if entry.has_event { &mut self.event } else { &mut self.plain }
    }

    /// Counts a segment that was not there.
    pub fn add(&mut self, entry: &Entry) {
        self.class(entry).add(entry);
        self.added = self.added.saturating_add(entry.bytes.0);
        self.first_ms = self.first_ms.min(begins(entry));
        let number = entry.block().number;
        self.blocks = (self.blocks.0.min(number), self.blocks.1.max(number));
    }

    /// A segment is gone.
    pub fn take(&mut self, entry: &Entry) {
        self.class(entry).take(entry);
    }

    /// A segment is not counted after all: it is counted anew.
    pub fn undo(&mut self, entry: &Entry) {
        self.take(entry);
        self.added = self.added.saturating_sub(entry.bytes.0);
    }

    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(48);
        for sum in [self.plain, self.event] {
            out.extend_from_slice(&sum.segments.to_le_bytes());
            out.extend_from_slice(&sum.bytes.to_le_bytes());
        }
        out.extend_from_slice(&self.added.to_le_bytes());
        out.extend_from_slice(&self.first_ms.0.to_le_bytes());
        out.extend_from_slice(&self.blocks.0.to_le_bytes());
        out.extend_from_slice(&self.blocks.1.to_le_bytes());
        frame(VERSION, &out)
    }

    /// # Errors
    /// When the row is damaged; the figures are then counted from the blocks again.
    pub fn decode(row: &[u8]) -> Result<Self, RowError> {
        let payload = unframe(VERSION, row)?;
        let bytes: &[u8; 48] = payload.try_into().map_err(|_| RowError::Short { found: payload.len() })?;
        let four = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let eight = |at: usize| u64::from(four(at)) | u64::from(four(at + 4)) << 32;
        Ok(Self {
            plain: Sum { segments: four(0), bytes: eight(4) },
            event: Sum { segments: four(12), bytes: eight(16) },
            added: eight(24),
            first_ms: WallMs(eight(32).cast_signed()),
            blocks: (four(40), four(44)),
        })
    }
}

/// Where a segment begins on the line of evidence.
fn begins(entry: &Entry) -> WallMs {
    entry.aged_from().plus_ms(-entry.span.len_ms())
}

/// `d | camera text | stream | day`.
#[must_use]
pub fn key(stream: StreamKey, day: Day) -> Vec<u8> {
    let mut key = vec![KIND];
    key.extend_from_slice(&stream_bytes(stream));
    key.extend_from_slice(&day.to_be_bytes());
    key
}

/// `None` when the key is not one of ours.
#[must_use]
pub fn parse_key(key: &[u8]) -> Option<(StreamKey, Day)> {
    let (stream, rest) = parse_stream(key.strip_prefix(&[KIND])?)?;
    Some((stream, Day::from_be_bytes(rest.try_into().ok()?)))
}

/// Keys from the first to past the last day of all streams.
#[must_use]
pub fn all_keys() -> (Vec<u8>, Vec<u8>) {
    (vec![KIND], vec![KIND + 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::block::tests::entry;
    use farwatch_shared::id::CameraId;

    #[test]
    fn a_day_s_figures_read_back_and_follow_what_comes_and_goes() {
        let camera = CameraId::generate();
        let plain = entry(camera, 1, 1_800_000_000_000);
        let event = Entry { has_event: true, ..entry(camera, 2, 1_800_000_060_000) };
        let mut day = AgeDay::new(&event);
        day.add(&event);
        day.add(&plain);
        assert_eq!((day.plain.segments, day.event.segments, day.bytes()), (1, 1, ByteSize(45_000_000)));
        assert_eq!(day.first_ms, WallMs(1_799_999_997_000), "three seconds of skew before its start");
        day.take(&event);
        assert_eq!((day.event, day.added), (Sum::default(), 45_000_000), "a rate does not forget what was deleted");
        assert_eq!(AgeDay::decode(&day.encode()), Ok(day));
        let stream = plain.stream();
        assert_eq!(parse_key(&key(stream, 20_833)), Some((stream, 20_833)));
        assert!(key(stream, 255) < key(stream, 256));
    }
}
