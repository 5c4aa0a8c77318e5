//! One camera in full; adding and changing one.

use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{CameraStateNow, CameraSummary, Drift, RecordingTerms, RefusalView, ShortChoice, StreamTargets};

/// Which stream of a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamChoice {
    /// The full picture.
    #[default]
    Main,
    /// The small picture.
    Sub,
}

impl From<StreamName> for StreamChoice {
    fn from(name: StreamName) -> Self {
        match name {
            StreamName::Main => Self::Main,
            StreamName::Sub => Self::Sub,
        }
    }
}

impl From<StreamChoice> for StreamName {
    fn from(choice: StreamChoice) -> Self {
        match choice {
            StreamChoice::Main => Self::Main,
            StreamChoice::Sub => Self::Sub,
        }
    }
}

/// Which of the two ways in records a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceWay {
    /// `rtsp`, and `gst` when that refuses.
    #[default]
    Auto,
    Rtsp,
    Gst,
}

/// Everything the hub knows of a camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CameraDetail {
    pub summary: CameraSummary,
    pub site_name: String,
    pub agent_name: String,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    /// Never with a password in it.
    pub url: String,
    pub sub_url: Option<String>,
    pub source: SourceWay,
    /// How it is recorded, on the clock of `time_zone`.
    pub recording: RecordingTerms,
    /// Why sound is recorded; absent when it is not.
    pub audio_purpose: Option<String>,
    /// Footage with an event in it is kept at least so long.
    pub event_days: Option<u32>,
    /// Most bytes it may occupy on the box; footage over its floor goes beyond it.
    #[schema(value_type = Option<u64>)]
    pub quota_bytes: Option<ByteSize>,
    /// What happens on its box when the disk cannot keep the floors after all.
    pub when_short: ShortChoice,
    pub targets: StreamTargets,
    /// Whether a credential is stored (sealed to the agent; the hub cannot read it).
    pub has_credential: bool,
    pub streams: Vec<StreamNow>,
    /// Whether the agent has applied what is wanted of it.
    pub drift: Drift,
    /// What the agent could not do for this camera.
    pub problems: Vec<RefusalView>,
    #[schema(value_type = i64)]
    pub added_ms: WallMs,
}

/// One stream as the agent last told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StreamNow {
    pub stream: StreamChoice,
    pub state: CameraStateNow,
    #[schema(value_type = i64)]
    pub since_ms: WallMs,
    pub detail: Option<String>,
    /// Which source records it: `rtsp` or `gst`.
    pub source: Option<String>,
    /// RFC 6381 codec string of the video.
    #[schema(example = "avc1.640028")]
    pub codec: Option<String>,
    /// Pixels.
    pub width: Option<u32>,
    /// Pixels.
    pub height: Option<u32>,
    pub audio: bool,
    /// Thousandths of a frame per second, measured.
    pub fps_milli: u32,
    /// Bits per second, measured.
    pub bitrate_bps: u64,
    #[schema(value_type = Option<i64>)]
    pub last_committed_ms: Option<WallMs>,
    #[schema(value_type = Option<i64>)]
    pub oldest_ms: Option<WallMs>,
    #[schema(value_type = Option<i64>)]
    pub unbroken_since_ms: Option<WallMs>,
    /// Bytes kept at the site.
    #[schema(value_type = u64)]
    pub footage: ByteSize,
    /// Repaired defects of the stream, counted by name since the recorder started.
    pub defects: std::collections::BTreeMap<String, u64>,
}

/// A secret sealed in the browser to one reader (HPKE, RFC 9180: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
/// ChaCha20-Poly1305, base mode, `info` = `farwatch seal v1`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SealedSecret {
    /// Encapsulated key, base64.
    pub enc: String,
    /// Ciphertext, base64.
    pub ct: String,
}

/// Adds a camera to an agent.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AddCamera {
    /// A UUIDv7 made by the browser. Needed with `sealed_credential`, which is bound to it; else the hub makes one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub id: Option<CameraId>,
    /// 1 to 100 characters, unlike any other camera's of the site.
    pub name: String,
    /// `rtsp://` or `rtsps://` and host; for `gst` also `v4l2://`, `libcamera://`, `udp://`. A password in it is refused.
    #[schema(example = "rtsp://10.0.0.9/stream1")]
    pub url: String,
    /// URL of the small stream.
    #[serde(default)]
    pub sub_url: Option<String>,
    #[serde(default)]
    pub source: SourceWay,
    /// Without it: continuous.
    #[serde(default)]
    pub recording: Option<RecordingTerms>,
    /// Why sound is recorded, 1 to 500 characters. Without it, it is not.
    #[serde(default)]
    pub audio_purpose: Option<String>,
    /// True without `audio_purpose` is refused.
    #[serde(default)]
    pub audio: Option<bool>,
    /// Without it: 30.
    #[serde(default)]
    pub floor_days: Option<u32>,
    /// Not below the floor.
    #[serde(default)]
    pub ceiling_days: Option<u32>,
    /// Footage with an event in it is kept at least so long: between floor and ceiling.
    #[serde(default)]
    pub event_days: Option<u32>,
    /// Most bytes it may occupy on the box.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    pub quota_bytes: Option<ByteSize>,
    /// Holds for its whole box.
    #[serde(default)]
    pub when_short: Option<ShortChoice>,
    #[serde(default)]
    pub targets: Option<StreamTargets>,
    /// `user:password` in UTF-8, sealed to the agent's `sealing_key`; the `aad` is
    /// `farwatch camera credential v1|<camera id>|<host>:<port>` of `url`, lower case, with the scheme's port (rtsp 554,
    /// rtsps 322) when the URL names none.
    #[serde(default)]
    pub sealed_credential: Option<SealedSecret>,
    /// The same text with the same `aad`, sealed to the owner's `recovery_key`.
    #[serde(default)]
    pub sealed_recovery: Option<SealedSecret>,
    /// PEM of the authority of the camera's own certificate, for `rtsps`.
    #[serde(default)]
    pub ca_pem: Option<String>,
}

/// Changes a camera: a field that is absent stays as it is.
#[derive(Debug, Default, Deserialize, ToSchema)]
pub struct ChangeCamera {
    #[serde(default)]
    pub name: Option<String>,
    /// A new host makes the stored credential unreadable: send `sealed_credential` along.
    #[serde(default)]
    pub url: Option<String>,
    /// Empty text takes the small stream away.
    #[serde(default)]
    pub sub_url: Option<String>,
    #[serde(default)]
    pub source: Option<SourceWay>,
    #[serde(default)]
    pub recording: Option<RecordingTerms>,
    /// Empty text switches sound off.
    #[serde(default)]
    pub audio_purpose: Option<String>,
    /// False switches sound off; true where no purpose is given is refused.
    #[serde(default)]
    pub audio: Option<bool>,
    #[serde(default)]
    pub floor_days: Option<u32>,
    /// 0 takes the ceiling away.
    #[serde(default)]
    pub ceiling_days: Option<u32>,
    /// 0 takes it away.
    #[serde(default)]
    pub event_days: Option<u32>,
    /// 0 takes it away.
    #[serde(default)]
    #[schema(value_type = Option<u64>)]
    pub quota_bytes: Option<ByteSize>,
    /// Changes it for the whole box.
    #[serde(default)]
    pub when_short: Option<ShortChoice>,
    /// Replaces all targets of the camera.
    #[serde(default)]
    pub targets: Option<StreamTargets>,
    #[serde(default)]
    pub sealed_credential: Option<SealedSecret>,
    #[serde(default)]
    pub sealed_recovery: Option<SealedSecret>,
    /// Empty text takes it away.
    #[serde(default)]
    pub ca_pem: Option<String>,
}
