//! `up/camera`: one camera stream's state, said on every change and within health.

use serde::{Deserialize, Serialize};

use crate::id::{CameraId, StreamName};
use crate::size::ByteSize;
use crate::time::WallMs;

/// Is it recording now, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraState {
    /// Frames arrive and are committed.
    Recording,
    /// Connected, but no frame for a while.
    Stalled,
    /// No connection.
    Unreachable,
    /// The camera refuses the credential.
    AuthFailed,
    /// Connected, but what it sends cannot be recorded.
    Unsupported,
    /// The camera plays, and nothing of it is due to be kept now: outside its schedule, between events, live only.
    Watching,
    /// Recording is switched off.
    Disabled,
    /// Not tried yet.
    Starting,
}

/// One stream's state and figures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraStatus {
    pub camera: CameraId,
    pub stream: StreamName,
    pub state: CameraState,
    pub since_ms: WallMs,
    /// For people: what the camera said, without secrets.
    #[serde(default)]
    pub detail: Option<String>,
    /// Which source records it: `rtsp` or `gst`.
    #[serde(default)]
    pub source: Option<String>,
    /// RFC 6381 codec string, e.g. `avc1.640028`.
    #[serde(default)]
    pub codec: Option<String>,
    #[serde(default)]
    pub width: Option<u32>,
    #[serde(default)]
    pub height: Option<u32>,
    #[serde(default)]
    pub audio: bool,
    /// Thousandths of a frame per second, measured.
    pub fps_milli: u32,
    pub bits_per_s: u64,
    /// End of the last frame that is on the disk.
    #[serde(default)]
    pub last_committed_ms: Option<WallMs>,
    /// Start of the oldest footage kept.
    #[serde(default)]
    pub oldest_ms: Option<WallMs>,
    /// Start of the unbroken footage that reaches until now.
    #[serde(default)]
    pub unbroken_since_ms: Option<WallMs>,
    pub footage: ByteSize,
    /// Gaps since midnight UTC, and how long they are together.
    pub gaps_today: u32,
    pub gap_ms_today: u64,
    /// Repaired defects of the stream, counted by name since the recorder started.
    #[serde(default)]
    pub defects: std::collections::BTreeMap<String, u64>,
}
