//! Looking at footage: a view is journaled before its first byte.

use farwatch_shared::id::{OrderId, ViewId};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::PullState;

/// Asks to look at a pull's footage.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AddView {
    /// Why, 1 to 500 characters (ACC-02). Without one not a byte is shown.
    #[serde(default)]
    pub reason: String,
}

/// Permission to look, for the session that asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct View {
    #[schema(value_type = String)]
    pub view: ViewId,
    /// UTC ms: 4 hours after it was opened.
    #[schema(value_type = i64)]
    pub expires_ms: WallMs,
}

/// What can be played, as far as it is known. Ask again while `complete` is false.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Clip {
    #[schema(value_type = String)]
    pub pull: OrderId,
    pub state: PullState,
    /// RFC 6381 codecs parameter for the whole clip, video then audio; empty before the manifest arrived.
    #[schema(example = "avc1.640028,mp4a.40.2")]
    pub codec: String,
    /// In order of time; empty before the manifest arrived.
    pub segments: Vec<ClipSegment>,
    /// UTC ms of the first frame, or of what was asked before the manifest arrived.
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// Every byte is there.
    pub complete: bool,
    /// Made for viewing, not evidence.
    pub derived: bool,
}

/// One segment file, or the part of it that was asked for: its head (ftyp, moov) and whole fragments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClipSegment {
    /// Counts from 0; use it in `segments/{n}`.
    pub n: u32,
    /// `<run>-<sequence>`, the file's name in the pull.
    pub short: String,
    /// UTC ms of decode time 0 of the file: set MSE's `timestampOffset` from it. May lie before `sent_start_ms`.
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    /// UTC ms of the end of the last frame sent.
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
    /// UTC ms of the first frame sent.
    #[schema(value_type = i64)]
    pub sent_start_ms: WallMs,
    #[schema(value_type = u64)]
    pub bytes_total: ByteSize,
    /// Bytes from the start that have arrived and can be read.
    #[schema(value_type = u64)]
    pub bytes_ready: ByteSize,
    pub complete: bool,
    /// RFC 6381 codec string of the video.
    pub codec: String,
    /// RFC 6381 codec string of the audio, if there is a track.
    pub audio_codec: Option<String>,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Made for viewing, not evidence.
    pub derived: bool,
}
