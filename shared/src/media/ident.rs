//! Our two `uuid` boxes: what a segment says of itself, and when a fragment was recorded.
//!
//! The segment's is JSON (UTF-8, one object, unknown members ignored), complete when the file opens. The fragment's is
//! 24 bytes: version 1, flags (bit 0: decoding can begin here; bit 1: there is a checksum), two bytes of zero, boot-time ns
//! of the first frame, wall ms of the first frame, CRC-32 over the whole fragment with these four bytes zero; all
//! big-endian. Older files end before the checksum.

use serde::{Deserialize, Serialize};

use super::boxes::{self, Take};
use crate::digest::Digest;
use crate::id::{AgentId, CameraId, RunId, SegmentId, StreamName};
use crate::time::{BootNs, ClockState, WallMs};

/// `6f4ac96e-1d0c-4b0b-9f5e-5c0f5e6d7761`: the box after `moov`.
pub const SEGMENT_UUID: [u8; 16] =
    [0x6f, 0x4a, 0xc9, 0x6e, 0x1d, 0x0c, 0x4b, 0x0b, 0x9f, 0x5e, 0x5c, 0x0f, 0x5e, 0x6d, 0x77, 0x61];
/// `6f4ac96e-1d0c-4b0b-9f5e-5c0f5e6d7762`: the box before each `moof`.
pub const FRAGMENT_UUID: [u8; 16] =
    [0x6f, 0x4a, 0xc9, 0x6e, 0x1d, 0x0c, 0x4b, 0x0b, 0x9f, 0x5e, 0x5c, 0x0f, 0x5e, 0x6d, 0x77, 0x62];

/// Who recorded what, when, after what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentIdent {
    /// 1. A reader refuses what it does not know.
    pub version: u32,
    /// Absent when the box recorded before it was enrolled.
    pub agent: Option<AgentId>,
    pub camera: CameraId,
    pub stream: StreamName,
    pub run: RunId,
    pub sequence: u32,
    /// The kernel's boot id.
    pub boot_id: String,
    /// When the first frame was, on the box's clocks.
    pub boot_ns: BootNs,
    pub wall_ms: WallMs,
    pub clock: ClockState,
    /// The kernel's estimate of the wall clock's error, where it has one.
    #[serde(default)]
    pub clock_error_us: Option<i64>,
    /// NTP timestamp (32.32 fixed point, as decimal text since it is over 2^53) the camera gave for the first frame.
    #[serde(default)]
    pub camera_ntp: Option<String>,
    /// Digest of the segment before in this run; zero in the first.
    pub previous: Digest,
    /// RFC 6381.
    pub codec: String,
    pub width: u32,
    pub height: u32,
    #[serde(default)]
    pub audio_codec: Option<String>,
    /// The audio was made on the box from another encoding.
    #[serde(default)]
    pub audio_derived: bool,
    /// Not the camera's own pictures but a smaller copy made for viewing; never evidence.
    #[serde(default)]
    pub derived: bool,
    /// The first frame cannot be decoded without the segment before.
    #[serde(default)]
    pub needs_previous: bool,
    /// `rtsp` or `gst`.
    #[serde(default)]
    pub source: Option<String>,
}

impl SegmentIdent {
    pub const VERSION: u32 = 1;

    #[must_use]
    pub fn segment(&self) -> SegmentId {
        SegmentId { camera: self.camera, stream: self.stream, run: self.run, sequence: self.sequence }
    }

    /// Appends the box.
    pub fn put(&self, out: &mut Vec<u8>) {
        boxes::put(out, b"uuid", |out| {
            out.extend_from_slice(&SEGMENT_UUID);
            // Plain data with text keys: serialising it cannot fail.
            out.extend_from_slice(&serde_json::to_vec(self).unwrap_or_default());
        });
    }

    /// Finds it in a head.
    #[must_use]
    pub fn find(head: &[u8]) -> Option<Self> {
        let body = boxes::walk(head)
            .filter(|inner| inner.kind == *b"uuid")
            .find_map(|inner| inner.body.strip_prefix(&SEGMENT_UUID))?;
        let ident: Self = serde_json::from_slice(body).ok()?;
        (ident.version == Self::VERSION).then_some(ident)
    }
}

/// Places in a fragment: box header, uuid, then the fields.
const FLAGS_AT: usize = 8 + 16 + 1;
const CRC_AT: usize = 8 + 16 + 20;
const CHECKED: u8 = 2;

fn checksum<'a>(parts: impl Iterator<Item = &'a [u8]>) -> u32 {
    let mut crc = crc32fast::Hasher::new();
    parts.for_each(|part| crc.update(part));
    crc.finalize()
}

/// When a fragment's first frame was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentIdent {
    pub boot_ns: BootNs,
    pub wall_ms: WallMs,
    /// Decoding can begin here.
    pub keyframe: bool,
}

impl FragmentIdent {
    /// Appends the box.
    pub fn put(&self, out: &mut Vec<u8>) {
        boxes::put(out, b"uuid", |out| {
            out.extend_from_slice(&FRAGMENT_UUID);
            out.extend_from_slice(&[1, u8::from(self.keyframe), 0, 0]);
            out.extend_from_slice(&self.boot_ns.0.to_be_bytes());
            out.extend_from_slice(&self.wall_ms.0.to_be_bytes());
            out.extend_from_slice(&[0; 4]);
        });
    }

    /// Puts the checksum into a fragment's head, whose first box this is, once its sample bytes are known.
    pub fn check_in(head: &mut [u8], data: &[&[u8]]) {
        if let Some(flags) = head.get_mut(FLAGS_AT) {
            *flags |= CHECKED;
            let crc = checksum(std::iter::once(&*head).chain(data.iter().copied()));
            if let Some(place) = head.get_mut(CRC_AT..CRC_AT + 4) {
                place.copy_from_slice(&crc.to_be_bytes());
            }
        }
    }

    /// Whether a whole fragment's bytes are those that were written, as far as it says: a size survives where the
    /// content was torn.
    #[must_use]
    pub fn is_intact(fragment: &[u8]) -> bool {
        let (Some(flags), Some(says)) = (fragment.get(FLAGS_AT), fragment.get(CRC_AT..CRC_AT + 4)) else {
            return false;
        };
        if flags & CHECKED == 0 {
            return true;
        }
        let (before, after) = (&fragment[..CRC_AT], &fragment[CRC_AT + 4..]);
        checksum([before, &[0; 4], after].into_iter()).to_be_bytes() == says
    }

    /// Reads a `uuid` box's body.
    #[must_use]
    pub fn parse(body: &[u8]) -> Option<Self> {
        let mut take = Take(body.strip_prefix(&FRAGMENT_UUID)?);
        let version = take.u8()?;
        let flags = take.u8()?;
        take.skip(2)?;
        let boot_ns = BootNs(take.u64()?.cast_signed());
        let wall_ms = WallMs(take.u64()?.cast_signed());
        (version == 1).then_some(Self { boot_ns, wall_ms, keyframe: flags & 1 != 0 })
    }
}
