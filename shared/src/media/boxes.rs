//! Boxes: writing, walking, and the checks that tell a whole head and a whole fragment from a torn one.

use super::fragment;
use super::ident::{FragmentIdent, SEGMENT_UUID};

/// Bound on one fragment; a larger one is damage.
pub const FRAGMENT_LIMIT: u64 = 64 << 20;

/// A box at the top level of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopBox {
    pub kind: [u8; 4],
    /// With its header.
    pub size: u64,
}

/// Reads a box header; `None` when it is none (fewer than 8 bytes, or a size that cannot be).
///
/// Size 0 ("to the end of the file") is refused: we never write it.
#[must_use]
pub fn top_box(bytes: &[u8]) -> Option<TopBox> {
    let size = u32::from_be_bytes(*bytes.first_chunk()?);
    let kind: [u8; 4] = *bytes.get(4..)?.first_chunk()?;
    match size {
        1 => {
            let large = u64::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
            (large >= 16).then_some(TopBox { kind, size: large })
        }
        0..8 => None,
        _ => Some(TopBox { kind, size: u64::from(size) }),
    }
}

/// One box inside another, or at the top.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inner<'a> {
    pub kind: [u8; 4],
    /// Offset of the box in what was walked.
    pub offset: usize,
    /// With its header.
    pub size: usize,
    pub body: &'a [u8],
}

/// Walks the boxes that fill `bytes`; stops at the first that does not fit.
pub fn walk(bytes: &[u8]) -> impl Iterator<Item = Inner<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = bytes.get(at..)?;
        let TopBox { kind, size } = top_box(rest)?;
        let size = usize::try_from(size).ok()?;
        let header = if rest.starts_with(&[0, 0, 0, 1]) { 16 } else { 8 };
        let body = rest.get(header..size)?;
        let inner = Inner { kind, offset: at, size, body };
        at += size;
        Some(inner)
    })
}

/// The first box of a kind.
#[must_use]
pub fn find<'a>(bytes: &'a [u8], kind: &[u8; 4]) -> Option<&'a [u8]> {
    walk(bytes).find(|inner| inner.kind == *kind).map(|inner| inner.body)
}

/// How much of a file is its head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadLen {
    /// So many bytes: `ftyp moov uuid`.
    Whole(usize),
    /// Undecided; at least so many bytes are needed to go on.
    Needs(u64),
    /// This is no head of ours.
    Broken,
}

/// Finds the end of the head in the beginning of a file.
#[must_use]
pub fn head_len(bytes: &[u8]) -> HeadLen {
    let mut at = 0usize;
    for expected in [*b"ftyp", *b"moov", *b"uuid"] {
        let rest = &bytes[at.min(bytes.len())..];
        if rest.len() < 24 {
            return HeadLen::Needs(at as u64 + 24);
        }
        let Some(TopBox { kind, size }) = top_box(rest) else { return HeadLen::Broken };
        if kind != expected || (kind == *b"uuid" && rest[8..24] != SEGMENT_UUID) {
            return HeadLen::Broken;
        }
        let end = at as u64 + size;
        match usize::try_from(end) {
            Ok(end) if end <= bytes.len() => at = end,
            _ => return HeadLen::Needs(end),
        }
    }
    HeadLen::Whole(at)
}

/// The video samples of one fragment, summed up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackRun {
    /// Counts from 1 in the file.
    pub sequence: u32,
    /// Decode time of the first sample, in ticks of 1/90000 s since the file's first frame.
    pub decode_time: u64,
    pub duration: u64,
    pub samples: u32,
    pub sync_samples: u32,
    /// Decoding can begin at the first sample.
    pub starts_sync: bool,
}

/// Checks that `bytes` are exactly one whole fragment of ours, its sample sizes filling its `mdat`.
#[must_use]
pub fn check_fragment(bytes: &[u8]) -> Option<(FragmentIdent, TrackRun)> {
    let read = fragment::Fragment::parse(bytes)?;
    let video = read.video()?;
    let sync = |s: &&fragment::Sample| s.sync;
    let run = TrackRun {
        sequence: read.sequence,
        decode_time: video.decode_time,
        duration: video.samples.iter().map(|s| u64::from(s.duration)).sum(),
        samples: u32::try_from(video.samples.len()).ok()?,
        sync_samples: u32::try_from(video.samples.iter().filter(sync).count()).ok()?,
        starts_sync: video.samples.first().is_some_and(|s| s.sync),
    };
    Some((read.ident, run))
}

/// A piece found in a whole or growing segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FoundPiece {
    pub offset: usize,
    pub length: usize,
    /// Absent for the head.
    pub fragment: Option<(FragmentIdent, TrackRun)>,
}

/// The pieces of a segment that is in memory: head, then every whole fragment. Ends before the first thing that is
/// torn or foreign; empty without a whole head.
#[must_use]
pub fn pieces(bytes: &[u8]) -> Vec<FoundPiece> {
    let HeadLen::Whole(head) = head_len(bytes) else { return Vec::new() };
    let mut found = vec![FoundPiece { offset: 0, length: head, fragment: None }];
    let mut at = head;
    loop {
        let mut length = 0;
        let mut whole = false;
        for inner in walk(&bytes[at..]).take(8) {
            length = inner.offset + inner.size;
            if inner.kind == *b"mdat" {
                whole = true;
                break;
            }
        }
        if !whole {
            return found;
        }
        let Some(fragment) = check_fragment(&bytes[at..at + length]) else { return found };
        found.push(FoundPiece { offset: at, length, fragment: Some(fragment) });
        at += length;
    }
}

/// Writes a box whose body `fill` appends.
pub(super) fn put(out: &mut Vec<u8>, kind: &[u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(kind);
    fill(out);
    let size = u32::try_from(out.len() - at).unwrap_or(u32::MAX);
    out[at..at + 4].copy_from_slice(&size.to_be_bytes());
}

pub(super) fn put_u32s(out: &mut Vec<u8>, values: &[u32]) {
    for value in values {
        out.extend_from_slice(&value.to_be_bytes());
    }
}

/// Takes big-endian numbers off the front of a body.
pub(super) struct Take<'a>(pub &'a [u8]);

impl Take<'_> {
    pub fn u8(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }
    pub fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_be_bytes)
    }
    pub fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_be_bytes)
    }
    pub fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
    pub fn skip(&mut self, n: usize) -> Option<()> {
        self.0 = self.0.get(n..)?;
        Some(())
    }
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*first)
    }
}
