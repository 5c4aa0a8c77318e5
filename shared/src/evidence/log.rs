//! The format of the append-only logs: CRC-framed, hash-chained. Bytes in, entries out.
//!
//! Belongs here: one frame, built and read. Does not: files, what an entry says ([`super::entry`]).
//!
//! Format: 16 bytes of magic, then frames. A frame is `length u32 LE`, `crc32 u32 LE` over what follows it,
//! `chain 32 bytes`, `payload`. The chain is `SHA-256(chain before || payload)`, the first one
//! `SHA-256(magic || name of the log)`. A length of 0 is the preallocated end. Entries count from 0.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// How every log begins.
pub const MAGIC: &[u8; 16] = b"farwatch log 1\n\0";
/// Bytes of a frame before its payload.
pub const FRAME_HEAD: usize = 40;
/// Bound on one entry; a longer one is refused when written and damage when read.
pub const ENTRY_LIMIT: usize = 256 << 10;

/// A place between two entries: where the next one is or will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// Byte offset in the file.
    pub offset: u64,
    /// Index of the entry at that offset.
    pub index: u64,
    /// The chain up to here.
    pub chain: Digest,
}

impl Position {
    /// Before the first entry of the log of that name: its file name without `.log`, so that a file moved under another
    /// name does not pass.
    #[must_use]
    pub fn start(name: &str) -> Self {
        Self { offset: MAGIC.len() as u64, index: 0, chain: Digest::of_parts(&[MAGIC, name.as_bytes()]) }
    }

    /// Behind the entry with that payload.
    #[must_use]
    pub fn after(&self, payload: &[u8]) -> Self {
        Self {
            offset: self.offset + (FRAME_HEAD + payload.len()) as u64,
            index: self.index + 1,
            chain: Digest::of_parts(&[&self.chain.0, payload]),
        }
    }
}

/// One entry as it stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub index: u64,
    pub payload: Vec<u8>,
    /// Where to go on reading.
    pub next: Position,
}

/// What stands at a place in a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    Whole(Entry),
    /// Undecided: so many bytes from the place on are needed.
    Needs(usize),
    /// The preallocated end.
    End,
    /// Something that is no whole frame: half written, or damaged.
    Torn,
    /// A whole frame that does not follow from the entry before: the log was altered.
    Broken,
}

/// Reads what stands at `at`, whose bytes (and any number of those behind) are given.
#[must_use]
pub fn read_frame(bytes: &[u8], at: &Position) -> Frame {
    let Some(head) = bytes.first_chunk::<FRAME_HEAD>() else { return Frame::Needs(FRAME_HEAD) };
    let len = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let crc = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    match len {
        0 => return Frame::End,
        1..=ENTRY_LIMIT => {}
        _ => return Frame::Torn,
    }
    let Some(frame) = bytes.get(..FRAME_HEAD + len) else { return Frame::Needs(FRAME_HEAD + len) };
    if crc32fast::hash(&frame[8..]) != crc {
        return Frame::Torn;
    }
    let payload = frame[FRAME_HEAD..].to_vec();
    let next = at.after(&payload);
    if head[8..] != next.chain.0 {
        return Frame::Broken;
    }
    Frame::Whole(Entry { index: at.index, payload, next })
}

/// The bytes of an entry at `at`, and the place behind it.
#[must_use]
pub fn frame(at: &Position, payload: &[u8]) -> (Vec<u8>, Position) {
    let next = at.after(payload);
    let mut frame = Vec::with_capacity(FRAME_HEAD + payload.len());
    frame.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(&[0; 4]);
    frame.extend_from_slice(&next.chain.0);
    frame.extend_from_slice(payload);
    let crc = crc32fast::hash(&frame[8..]);
    frame[4..8].copy_from_slice(&crc.to_le_bytes());
    (frame, next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_whole_only_at_its_place_and_with_all_its_bytes() {
        let start = Position::start("a");
        let (bytes, next) = frame(&start, b"one");
        assert_eq!(read_frame(&bytes, &start), Frame::Whole(Entry { index: 0, payload: b"one".to_vec(), next }));
        for cut in 0..bytes.len() {
            assert!(matches!(read_frame(&bytes[..cut], &start), Frame::Needs(_)), "{cut}");
        }
        assert_eq!(read_frame(&bytes, &Position::start("b")), Frame::Broken);
        for i in 4..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            assert!(matches!(read_frame(&changed, &start), Frame::Torn), "{i}");
        }
        assert_eq!(read_frame(&[0; 64], &start), Frame::End);
        assert_eq!(read_frame(&[0xff; 64], &start), Frame::Torn);
    }
}
