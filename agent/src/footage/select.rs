//! Which fragments of a segment are sent. Pure.

use farwatch_shared::digest::Digest;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Span, WallMs};
use farwatch_shared::wire::latest::{ManifestSegment, Piece};

use crate::vault::Contents;

/// Ticks of the video track per millisecond.
const TICKS_PER_MS: u64 = 90;

/// The part of a segment that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// Index of the first piece, at least 1.
    pub first: usize,
    pub last: usize,
    pub sent: Span,
}

/// When a fragment begins: media time laid on the file's first frame, so that a clock stepped within it changes nothing.
fn begins(contents: &Contents, decode_time: u64) -> WallMs {
    contents.ident.wall_ms.plus_ms(i64::try_from(decode_time / TICKS_PER_MS).unwrap_or(i64::MAX))
}

/// Every fragment that overlaps the range, from the keyframe before it on so that it can be decoded.
#[must_use]
pub fn select(contents: &Contents, range: Span) -> Option<Selection> {
    let fragments: Vec<(usize, Span, bool)> = contents
        .pieces
        .iter()
        .enumerate()
        .filter_map(|(index, piece)| {
            let fragment = piece.fragment?;
            let start = begins(contents, fragment.video.decode_time);
            let end = begins(contents, fragment.video.decode_time.saturating_add(fragment.video.duration));
            Some((index, Span { start_ms: start, end_ms: end.max(start.plus_ms(1)) }, fragment.ident.keyframe))
        })
        .collect();
    let from = fragments.iter().position(|(_, span, _)| span.overlaps(&range))?;
    let to = fragments.iter().rposition(|(_, span, _)| span.overlaps(&range))?;
    let from = fragments[..=from].iter().rposition(|(_, _, keyframe)| *keyframe).unwrap_or(0);
    let sent = Span { start_ms: fragments[from].1.start_ms, end_ms: fragments[to].1.end_ms };
    Some(Selection { first: fragments[from].0, last: fragments[to].0, sent })
}

/// The manifest's words for it. `digest` is the one taken at record time, absent while the segment is being written.
#[must_use]
pub fn describe(contents: &Contents, selection: Selection, digest: Option<Digest>) -> ManifestSegment {
    let ident = &contents.ident;
    let last = contents.pieces.iter().rev().find_map(|p| p.fragment);
    let end_ms =
        last.map_or(selection.sent.end_ms, |f| begins(contents, f.video.decode_time.saturating_add(f.video.duration)));
    let index = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    ManifestSegment {
        segment: ident.segment(),
        digest,
        pieces: contents
            .pieces
            .iter()
            .map(|p| Piece { offset: p.offset, length: p.length, digest: p.digest })
            .collect(),
        first_piece: index(selection.first),
        last_piece: index(selection.last),
        codec: ident.codec.clone(),
        width: ident.width,
        height: ident.height,
        audio_codec: ident.audio_codec.clone(),
        start_ms: ident.wall_ms,
        end_ms: end_ms.max(selection.sent.end_ms),
        sent_start_ms: selection.sent.start_ms,
        sent_end_ms: selection.sent.end_ms,
        start_boot_ns: ident.boot_ns,
        clock: ident.clock,
        derived: false,
    }
}

/// Where a stretch of a segment's upload lies in its file: the upload is the head followed by the sent pieces.
///
/// Gives the file offset and how much may be read there in one go.
#[must_use]
pub fn locate(segment: &ManifestSegment, upload_offset: u64) -> Option<(u64, ByteSize)> {
    let head = u64::from(segment.pieces.first()?.length);
    if upload_offset < head {
        return Some((upload_offset, ByteSize(head - upload_offset)));
    }
    let first = segment.pieces.get(usize::try_from(segment.first_piece).ok()?)?;
    let last = segment.pieces.get(usize::try_from(segment.last_piece).ok()?)?;
    let at = first.offset.checked_add(upload_offset - head)?;
    let end = last.offset + u64::from(last.length);
    (at < end).then_some((at, ByteSize(end - at)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::{FragmentRead, PieceRead};
    use farwatch_shared::id::{CameraId, RunId, StreamName};
    use farwatch_shared::media::boxes::TrackRun;
    use farwatch_shared::media::ident::{FragmentIdent, SegmentIdent};
    use farwatch_shared::time::{BootNs, ClockState};

    const T0: i64 = 1_800_000_000_000;

    /// Fragments of 200 ms and 10 bytes, a keyframe every second, after a head of 100 bytes.
    fn contents(fragments: u32) -> Contents {
        let ident = SegmentIdent {
            version: 1,
            agent: None,
            camera: CameraId::generate(),
            stream: StreamName::Main,
            run: RunId { boot: 1, counter: 1 },
            sequence: 0,
            boot_id: "b".into(),
            boot_ns: BootNs(0),
            wall_ms: WallMs(T0),
            clock: ClockState::Ntp,
            clock_error_us: None,
            camera_ntp: None,
            previous: Digest::ZERO,
            codec: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            audio_codec: None,
            audio_derived: false,
            needs_previous: false,
            source: None,
            derived: false,
        };
        let mut pieces = vec![PieceRead { offset: 0, length: 100, digest: Digest::of(b"head"), fragment: None }];
        for n in 0..fragments {
            let keyframe = n.is_multiple_of(5);
            let video = TrackRun {
                sequence: n + 1,
                decode_time: u64::from(n) * 18_000,
                duration: 18_000,
                samples: 4,
                sync_samples: u32::from(keyframe),
                starts_sync: keyframe,
            };
            let ident = FragmentIdent { boot_ns: BootNs(0), wall_ms: WallMs(T0), keyframe };
            pieces.push(PieceRead {
                offset: 100 + u64::from(n) * 10,
                length: 10,
                digest: Digest::of(&n.to_le_bytes()),
                fragment: Some(FragmentRead { ident, video }),
            });
        }
        Contents { ident, pieces, rest: ByteSize(0) }
    }

    fn range(from: i64, to: i64) -> Span {
        Span { start_ms: WallMs(T0 + from), end_ms: WallMs(T0 + to) }
    }

    // EVD-01
    #[test]
    fn what_is_sent_begins_with_a_keyframe_and_covers_the_range() {
        let file = contents(50);
        let chosen = select(&file, range(2_500, 4_100)).unwrap();
        assert_eq!(
            (chosen.first, chosen.last),
            (11, 21),
            "from the keyframe at 2.0 s to the fragment that ends at 4.2 s"
        );
        assert_eq!(chosen.sent, range(2_000, 4_200));
        assert_eq!(select(&file, range(-5_000, 100)).unwrap().sent, range(0, 200));
        assert_eq!(select(&file, range(-5_000, 0)), None);
        assert_eq!(select(&file, range(10_000, 20_000)), None);
        let segment = describe(&file, chosen, Some(file.digest()));
        assert!(segment.is_consistent());
        assert_eq!(segment.sent_size(), ByteSize(100 + 11 * 10));
        assert_eq!(segment.end_ms, WallMs(T0 + 10_000));
    }

    #[test]
    fn every_byte_of_an_upload_has_its_place_in_the_file() {
        let file = contents(50);
        let segment = describe(&file, select(&file, range(2_500, 4_100)).unwrap(), None);
        assert_eq!(locate(&segment, 0), Some((0, ByteSize(100))));
        assert_eq!(locate(&segment, 99), Some((99, ByteSize(1))));
        assert_eq!(locate(&segment, 100), Some((200, ByteSize(110))));
        assert_eq!(locate(&segment, 205), Some((305, ByteSize(5))));
        assert_eq!(locate(&segment, 210), None, "the end");
    }
}
