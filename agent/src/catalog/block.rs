//! The row format: ten minutes of one camera stream, 64 bytes a segment, checksummed.

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{CameraId, RunId, SegmentId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{ClockState, Span, WallMs};

use crate::store::{RowError, frame, unframe};

/// Length of a block.
pub const BLOCK_MS: i64 = 600_000;
const ENTRY: usize = 64;
const VERSION: u8 = 1;
/// Bits of an entry's flags.
const DAMAGED: u8 = 1;
const HAS_EVENT: u8 = 2;

/// A camera stream, in the order of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamKey {
    pub camera: CameraId,
    pub stream: StreamName,
}

/// One closed segment as the catalog knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub segment: SegmentId,
    /// Its true time, as far as it is known; the file says what the clock showed.
    pub span: Span,
    pub bytes: ByteSize,
    pub digest: Digest,
    /// Seconds from its end as recorded to its end on the line of evidence.
    pub skew_s: i32,
    pub clock: ClockState,
    /// Cut back after a crash.
    pub recovered: bool,
    /// Its bytes are no longer those that were recorded: it counts as footage nowhere.
    pub damaged: bool,
    /// Recorded while nobody had set the clock, and moved since to its true time: by so many anchorings of its boot.
    pub anchored: u8,
    /// Something happened in it.
    pub has_event: bool,
}

impl Entry {
    #[must_use]
    pub fn stream(&self) -> StreamKey {
        StreamKey { camera: self.segment.camera, stream: self.segment.stream }
    }

    /// Its end on the line of evidence.
    #[must_use]
    pub fn aged_from(&self) -> WallMs {
        self.span.end_ms.plus_ms(i64::from(self.skew_s) * 1000)
    }

    #[must_use]
    pub fn block(&self) -> BlockKey {
        BlockKey { stream: self.stream(), number: block_number(self.span.start_ms) }
    }
}

/// Seconds from an end as people know it to the one ages are counted from.
#[must_use]
pub fn skew_s(end: WallMs, aged_from: WallMs) -> i32 {
    let ms = aged_from.since(end);
    i32::try_from(ms / 1000).unwrap_or(if ms > 0 { i32::MAX } else { i32::MIN })
}

/// Which ten minutes since 1970 a moment lies in; times before 1970 lie in the first.
#[must_use]
pub fn block_number(at: WallMs) -> u32 {
    u32::try_from(at.0.max(0) / BLOCK_MS).unwrap_or(u32::MAX)
}

/// A row's key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockKey {
    pub stream: StreamKey,
    pub number: u32,
}

/// First byte of the keys of blocks; other rows have other ones.
const KIND: u8 = b'b';

impl BlockKey {
    /// `b | camera text | stream | number`, so that order of keys is order of time within a stream.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut key = vec![KIND];
        key.extend_from_slice(&stream_bytes(self.stream));
        key.extend_from_slice(&self.number.to_be_bytes());
        key
    }

    /// # Errors
    /// `None` when the key is not one of ours.
    #[must_use]
    pub fn parse(key: &[u8]) -> Option<Self> {
        let (stream, number) = parse_stream(key.strip_prefix(&[KIND])?)?;
        Some(Self { stream, number: u32::from_be_bytes(number.try_into().ok()?) })
    }

    /// Keys from the first to past the last block of all streams.
    #[must_use]
    pub fn all() -> (Vec<u8>, Vec<u8>) {
        (vec![KIND], vec![KIND + 1])
    }
}

/// `camera text | stream`, the head of every key that belongs to a stream.
#[must_use]
pub fn stream_bytes(stream: StreamKey) -> Vec<u8> {
    let mut key = stream.camera.to_string().into_bytes();
    key.push(match stream.stream {
        StreamName::Main => 0,
        StreamName::Sub => 1,
    });
    key
}

/// The stream a key begins with, and what follows.
#[must_use]
pub fn parse_stream(key: &[u8]) -> Option<(StreamKey, &[u8])> {
    let (camera, rest) = key.split_at_checked(36)?;
    let (stream, rest) = rest.split_first()?;
    let stream = match stream {
        0 => StreamName::Main,
        1 => StreamName::Sub,
        _ => return None,
    };
    let camera = std::str::from_utf8(camera).ok()?.parse().ok()?;
    Some((StreamKey { camera, stream }, rest))
}

/// The segments that start within one block, in order of start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub key: BlockKey,
    pub entries: Vec<Entry>,
}

impl Block {
    #[must_use]
    pub fn empty(key: BlockKey) -> Self {
        Self { key, entries: Vec::new() }
    }

    /// Adds or replaces; says what was there before under the same id.
    pub fn insert(&mut self, entry: Entry) -> Option<Entry> {
        let before = self.remove(&entry.segment);
        let at = self.entries.partition_point(|e| (e.span.start_ms, e.segment) < (entry.span.start_ms, entry.segment));
        self.entries.insert(at, entry);
        before
    }

    pub fn remove(&mut self, segment: &SegmentId) -> Option<Entry> {
        let at = self.entries.iter().position(|e| e.segment == *segment)?;
        Some(self.entries.remove(at))
    }

    /// The row.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.entries.len() * ENTRY);
        let start = i64::from(self.key.number) * BLOCK_MS;
        for entry in &self.entries {
            let offset = u32::try_from(entry.span.start_ms.0 - start).unwrap_or(0);
            let length = u32::try_from(entry.span.len_ms()).unwrap_or(u32::MAX);
            out.extend_from_slice(&offset.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(&u32::try_from(entry.bytes.0).unwrap_or(u32::MAX).to_le_bytes());
            out.extend_from_slice(&entry.segment.run.boot.to_le_bytes());
            out.extend_from_slice(&entry.segment.run.counter.to_le_bytes());
            out.extend_from_slice(&entry.segment.sequence.to_le_bytes());
            out.extend_from_slice(&entry.skew_s.to_le_bytes());
            let clock = match entry.clock {
                ClockState::Unsynced => 0u8,
                ClockState::Rtc => 1,
                ClockState::Ntp => 2,
            };
            let flags = if entry.damaged { DAMAGED } else { 0 } | if entry.has_event { HAS_EVENT } else { 0 };
            out.extend_from_slice(&[clock, u8::from(entry.recovered), flags, entry.anchored]);
            out.extend_from_slice(&entry.digest.0);
        }
        frame(VERSION, &out)
    }

    /// # Errors
    /// When the row is damaged; its ten minutes are then read from the vault again.
    pub fn decode(key: BlockKey, row: &[u8]) -> Result<Self, RowError> {
        let payload = unframe(VERSION, row)?;
        let (chunks, rest) = payload.as_chunks::<ENTRY>();
        if !rest.is_empty() {
            return Err(RowError::Short { found: payload.len() });
        }
        Ok(Self { key, entries: chunks.iter().map(|bytes| decode_entry(key, bytes)).collect() })
    }
}

fn decode_entry(key: BlockKey, bytes: &[u8; ENTRY]) -> Entry {
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let start_ms = WallMs(i64::from(key.number) * BLOCK_MS + i64::from(word(0)));
    let mut digest = [0; 32];
    digest.copy_from_slice(&bytes[32..]);
    Entry {
        segment: SegmentId {
            camera: key.stream.camera,
            stream: key.stream.stream,
            run: RunId { boot: word(12), counter: word(16) },
            sequence: word(20),
        },
        span: Span { start_ms, end_ms: start_ms.plus_ms(i64::from(word(4))) },
        bytes: ByteSize(u64::from(word(8))),
        digest: Digest(digest),
        skew_s: word(24).cast_signed(),
        clock: match bytes[28] {
            2 => ClockState::Ntp,
            1 => ClockState::Rtc,
            _ => ClockState::Unsynced,
        },
        recovered: bytes[29] != 0,
        damaged: bytes[30] & DAMAGED != 0,
        anchored: bytes[31],
        has_event: bytes[30] & HAS_EVENT != 0,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub fn entry(camera: CameraId, sequence: u32, start_ms: i64) -> Entry {
        Entry {
            segment: SegmentId { camera, stream: StreamName::Main, run: RunId { boot: 9, counter: 3 }, sequence },
            span: Span { start_ms: WallMs(start_ms), end_ms: WallMs(start_ms + 60_000) },
            bytes: ByteSize(22_500_000),
            digest: Digest::of(&sequence.to_le_bytes()),
            skew_s: -3,
            clock: ClockState::Ntp,
            recovered: sequence.is_multiple_of(2),
            damaged: sequence.is_multiple_of(3),
            anchored: 2,
            has_event: sequence.is_multiple_of(3),
        }
    }

    #[test]
    fn a_block_reads_back_and_is_about_sixty_bytes_a_segment() {
        let camera = CameraId::generate();
        let entries: Vec<_> = (0..10).map(|n| entry(camera, n, 1_800_000_000_000 + i64::from(n) * 60_000)).collect();
        let mut block = Block::empty(entries[0].block());
        for entry in entries.iter().rev() {
            assert_eq!(block.insert(*entry), None);
        }
        let row = block.encode();
        assert_eq!(row.len(), 10 * 64 + 5);
        assert_eq!(Block::decode(block.key, &row), Ok(block.clone()));
        assert_eq!(block.entries, entries);
        assert_eq!(BlockKey::parse(&block.key.bytes()), Some(block.key));
        assert_eq!(block.insert(entries[3]), Some(entries[3]), "the same segment twice is one");
        assert_eq!(block.entries.len(), 10);
    }

    #[test]
    fn keys_sort_by_time_within_a_stream() {
        let stream = StreamKey { camera: CameraId::generate(), stream: StreamName::Sub };
        let key = |number| BlockKey { stream, number }.bytes();
        assert!(key(255) < key(256) && key(256) < key(70_000));
        assert_eq!(block_number(WallMs(-5)), 0);
    }
}
