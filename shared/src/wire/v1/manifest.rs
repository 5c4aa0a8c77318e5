//! What a pull brings: every segment, all its piece digests as taken at record time, and which pieces are sent.

use serde::{Deserialize, Serialize};

use super::Rendition;
use crate::digest::Digest;
use crate::id::{AgentId, CameraId, OrderId, SegmentId, StreamName};
use crate::seal::Document;
use crate::size::ByteSize;
use crate::time::{BootNs, ClockState, WallMs};

/// Signed by the agent's signing key and given to the hub before the first byte of footage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    pub order: OrderId,
    pub agent: AgentId,
    pub camera: CameraId,
    pub stream: StreamName,
    pub rendition: Rendition,
    pub issued_at_ms: WallMs,
    /// What was asked for.
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    /// In order of time. Never empty.
    pub segments: Vec<ManifestSegment>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crit: Vec<String>,
}

impl Document for Manifest {
    const TYPE: &'static str = "application/vnd.farwatch.manifest.v1+json";
}

/// One segment, or the part of it that is asked for.
///
/// The upload stream of a segment is its head (piece 0) followed by pieces `first_piece..=last_piece`, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestSegment {
    pub segment: SegmentId,
    /// Digest taken when the segment was closed; absent while it is still being written.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Every piece of the file so far, head first.
    pub pieces: Vec<Piece>,
    /// At least 1.
    pub first_piece: u32,
    pub last_piece: u32,
    /// RFC 6381 codec string of the video.
    pub codec: String,
    pub width: u32,
    pub height: u32,
    /// RFC 6381 codec string of the audio, if there is a track.
    #[serde(default)]
    pub audio_codec: Option<String>,
    /// Wall time of the file's first frame (decode time 0), and of the end of its last frame so far.
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    /// Wall time of the first frame sent and the end of the last one sent.
    pub sent_start_ms: WallMs,
    pub sent_end_ms: WallMs,
    pub start_boot_ns: BootNs,
    pub clock: ClockState,
    /// Made for viewing, not evidence.
    #[serde(default)]
    pub derived: bool,
}

/// A run of bytes of a segment file that is hashed by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Piece {
    pub offset: u64,
    pub length: u32,
    pub digest: Digest,
}

impl ManifestSegment {
    /// The pieces that travel, in order: head first.
    pub fn sent_pieces(&self) -> impl Iterator<Item = &Piece> {
        let first = usize::try_from(self.first_piece.max(1)).unwrap_or(usize::MAX);
        let last = usize::try_from(self.last_piece).unwrap_or(0);
        let body =
            self.pieces.get(first..=last.min(self.pieces.len().saturating_sub(1)).max(first)).unwrap_or_default();
        self.pieces.first().into_iter().chain(body)
    }

    /// Size of the upload stream.
    #[must_use]
    pub fn sent_size(&self) -> ByteSize {
        ByteSize(self.sent_pieces().map(|p| u64::from(p.length)).sum())
    }

    /// Whether the list of pieces is whole, in order and without holes, and gives the digest taken at record time.
    #[must_use]
    pub fn is_consistent(&self) -> bool {
        let mut offset = 0;
        for piece in &self.pieces {
            if piece.offset != offset || piece.length == 0 {
                return false;
            }
            offset += u64::from(piece.length);
        }
        let last = u32::try_from(self.pieces.len()).unwrap_or(0).saturating_sub(1);
        self.first_piece >= 1
            && self.first_piece <= self.last_piece
            && self.last_piece <= last
            && self.start_ms <= self.sent_start_ms
            && self.sent_start_ms < self.sent_end_ms
            && self.digest.is_none_or(|digest| Digest::of_pieces(self.pieces.iter().map(|p| &p.digest)) == digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::RunId;

    fn segment() -> ManifestSegment {
        let pieces: Vec<Piece> = (0..4u64)
            .map(|i| Piece { offset: i * 10, length: 10, digest: Digest::of(&[u8::try_from(i).unwrap()]) })
            .collect();
        ManifestSegment {
            segment: SegmentId {
                camera: CameraId::generate(),
                stream: StreamName::Main,
                run: RunId { boot: 1, counter: 1 },
                sequence: 0,
            },
            digest: Some(Digest::of_pieces(pieces.iter().map(|p| &p.digest))),
            pieces,
            first_piece: 2,
            last_piece: 3,
            codec: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            audio_codec: None,
            start_ms: WallMs(0),
            end_ms: WallMs(800),
            sent_start_ms: WallMs(200),
            sent_end_ms: WallMs(800),
            start_boot_ns: BootNs(0),
            clock: ClockState::Ntp,
            derived: false,
        }
    }

    #[test]
    fn the_head_always_travels() {
        let s = segment();
        assert_eq!(s.sent_pieces().map(|p| p.offset).collect::<Vec<_>>(), [0, 20, 30]);
        assert_eq!(s.sent_size(), ByteSize(30));
        assert!(s.is_consistent());
    }

    // EVD-01
    #[test]
    fn a_changed_piece_digest_is_noticed() {
        let mut s = segment();
        s.pieces[1].digest = Digest::of(b"other");
        assert!(!s.is_consistent());
        let mut s = segment();
        s.last_piece = 9;
        assert!(!s.is_consistent());
        let mut s = segment();
        s.pieces.swap(1, 2);
        assert!(!s.is_consistent());
    }
}
