//! What agent and recorder say to each other over `recorder/<recorder id>.sock`.
//!
//! Lines of JSON, each at most [`LINE_LIMIT`] bytes. Down: the plan, whole every time, `trigger`, and `stop`. Up: wake-ups only;
//! the facts are in the recorder's log and in the segment files. Each listener has a bounded queue
//! ([`LISTENER_QUEUE`]); one that falls behind is told `lagged` and reads the log and the vault again.

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{AgentId, CameraId, RecorderId, SegmentId, StreamName};
use farwatch_shared::secret::Secret;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{BootNs, Span, WallMs};
pub use farwatch_shared::wire::latest::GiveWay;
use farwatch_shared::wire::latest::{CameraState, EventRecording, Schedule, SourceChoice, Trigger};
use serde::{Deserialize, Serialize};

use crate::retention::Lines;

/// Bound on one line.
pub const LINE_LIMIT: usize = 1 << 20;
/// Announcements that wait for one listener: at 64 streams and 5 fragments a second, 6 s.
pub const LISTENER_QUEUE: usize = 2_048;

/// Agent to recorder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Down {
    /// The whole plan; what did not change goes on undisturbed. A number that is not higher than the current plan's is
    /// ignored.
    Plan(Plan),
    /// An event begins at this camera, or goes on, for so long from now.
    Trigger {
        camera: CameraId,
        trigger: Trigger,
        #[serde(default)]
        detail: Option<String>,
        pulse_ms: u64,
    },
    /// Stop in order.
    Stop,
}

/// What to record, and what may go when the disk is full.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Only rises.
    pub number: u64,
    /// Written into every segment; absent before enrolment.
    #[serde(default)]
    pub agent: Option<AgentId>,
    pub cameras: Vec<PlanCamera>,
    pub disk: DiskRule,
    #[serde(default = "default_segment_seconds")]
    pub segment_seconds: u32,
    #[serde(default = "default_fragment_ms")]
    pub fragment_ms: u32,
    /// Bound on what waits in memory for the disk; absent means 15 % of memory, at most 256 MB.
    #[serde(default)]
    pub buffer: Option<ByteSize>,
}

fn default_segment_seconds() -> u32 {
    60
}

fn default_fragment_ms() -> u32 {
    200
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            number: 0,
            agent: None,
            cameras: Vec::new(),
            disk: DiskRule::default(),
            segment_seconds: default_segment_seconds(),
            fragment_ms: default_fragment_ms(),
            buffer: None,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanCamera {
    pub camera: CameraId,
    pub streams: Vec<PlanStream>,
    /// `user:password`.
    #[serde(default)]
    pub credential: Option<Secret>,
    #[serde(default)]
    pub source: SourceChoice,
    /// Whether sound is recorded where there is some.
    #[serde(default)]
    pub audio: bool,
    /// PEM of the authority of the camera's certificate, for `rtsps`.
    #[serde(default)]
    pub ca_pem: Option<String>,
    /// Footage younger than this goes last when the disk is full.
    #[serde(default)]
    pub floor_days: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "WrittenStream")]
pub struct PlanStream {
    pub stream: StreamName,
    /// Never with a password in it.
    pub url: String,
    pub mode: PlanMode,
}

/// When a stream is recorded. The recorder evaluates it by itself: it must go on without the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanMode {
    /// No session with the camera.
    Off,
    Continuous,
    /// Within the windows.
    Schedule(Schedule),
    /// Around events.
    Event(EventRecording),
    /// A session for its state and for live view; nothing is kept.
    LiveOnly,
}

impl PlanMode {
    /// Whether the camera is read at all.
    #[must_use]
    pub fn reads(&self) -> bool {
        *self != Self::Off
    }
}

/// As plans have it that were kept by any recorder: the first ones knew only yes and no.
#[derive(Deserialize)]
struct WrittenStream {
    stream: StreamName,
    url: String,
    #[serde(default)]
    mode: Option<PlanMode>,
    #[serde(default)]
    record: bool,
}

impl From<WrittenStream> for PlanStream {
    fn from(written: WrittenStream) -> Self {
        let WrittenStream { stream, url, mode, record } = written;
        let mode = mode.unwrap_or(if record { PlanMode::Continuous } else { PlanMode::Off });
        Self { stream, url, mode }
    }
}

/// What the recorder does by itself when the disk fills up and the agent is silent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DiskRule {
    /// The same as the agent's own: above the hard floor the recorder never deletes.
    #[serde(flatten)]
    pub lines: Lines,
    /// In this order; what no step names is never deleted. Empty means nothing may go.
    #[serde(default)]
    pub give_way: Vec<GiveWay>,
    /// What must stay whatever happens.
    #[serde(default)]
    pub holds: Vec<PlanHold>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanHold {
    pub camera: CameraId,
    pub span: Span,
}

/// Recorder to agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Up {
    /// First line of every connection; followed by one `camera` line per stream.
    Hello { recorder: RecorderId, pid: u32, version: String, plan: u64 },
    /// The plan of this number is in force.
    Planned { plan: u64 },
    /// Bytes were written and can be read by anyone who opens the file.
    Fragment(FragmentWritten),
    /// How a stream is; said on every change and every 5 s.
    Camera(StreamStatus),
    /// The log has entries up to and including this one.
    Log { log: RecorderId, index: u64 },
    /// Worst time lately between a byte's arrival and its being safe on the disk.
    Sync { bound_ms: u64 },
    /// This listener was too slow: announcements are missing here.
    Lagged { missed: u64 },
}

/// One piece of a segment. The head (`piece` 0) is announced by itself, together with the first fragment's write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FragmentWritten {
    pub segment: SegmentId,
    /// 0 is the head.
    pub piece: u32,
    pub offset: u64,
    pub length: u32,
    /// Taken as it was written.
    pub digest: Digest,
    /// Decoding can begin here. True for the first fragment of nearly every file.
    pub keyframe: bool,
    /// First frame's begin and last frame's end; equal for a head.
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub start_boot_ns: BootNs,
}

/// A stream as its recorder sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStatus {
    pub camera: CameraId,
    pub stream: StreamName,
    pub state: CameraState,
    pub since_ms: WallMs,
    #[serde(default)]
    pub detail: Option<String>,
    /// `rtsp` or `gst`.
    #[serde(default)]
    pub source: Option<String>,
    #[serde(default)]
    pub codec: Option<String>,
    #[serde(default)]
    pub width: Option<u32>,
    #[serde(default)]
    pub height: Option<u32>,
    #[serde(default)]
    pub audio: bool,
    pub fps_milli: u32,
    pub bits_per_s: u64,
    /// End of the last frame that was written.
    #[serde(default)]
    pub last_committed_ms: Option<WallMs>,
    /// Since when the stream has been recorded without a gap.
    #[serde(default)]
    pub unbroken_since_ms: Option<WallMs>,
    /// Repaired defects, counted by name since the recorder started.
    #[serde(default)]
    pub defects: std::collections::BTreeMap<String, u64>,
}

/// `recorder/current`: which recorder runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Current {
    pub recorder: RecorderId,
    pub pid: u32,
    /// File name of the socket, in the same directory.
    pub socket: String,
    /// A recorder of another boot is gone for sure.
    pub boot_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_tagged_and_secrets_do_not_print() {
        let plan = Plan {
            number: 3,
            cameras: vec![PlanCamera {
                camera: CameraId::generate(),
                streams: vec![PlanStream {
                    stream: StreamName::Main,
                    url: "rtsp://10.0.0.9/main".into(),
                    mode: PlanMode::Continuous,
                }],
                credential: Some(Secret::new("admin:hunter2")),
                source: SourceChoice::Auto,
                audio: false,
                ca_pem: None,
                floor_days: 30,
            }],
            ..Plan::default()
        };
        assert!(!format!("{plan:?}").contains("hunter2"));
        let line = serde_json::to_string(&Down::Plan(plan.clone())).unwrap();
        assert!(line.starts_with(r#"{"is":"plan","number":3"#), "{line}");
        assert_eq!(serde_json::from_str::<Down>(&line).unwrap(), Down::Plan(plan));
    }

    // CAP-02
    #[test]
    fn a_plan_kept_before_there_were_modes_still_reads() {
        let read = |text: &str| serde_json::from_str::<PlanStream>(text).unwrap().mode;
        assert_eq!(read(r#"{"stream":"main","url":"rtsp://a","record":true}"#), PlanMode::Continuous);
        assert_eq!(read(r#"{"stream":"sub","url":"rtsp://a","record":false}"#), PlanMode::Off);
        let event = PlanMode::Event(EventRecording { pre_s: 5, post_s: 20, triggers: vec![Trigger::Activity] });
        let stream = PlanStream { stream: StreamName::Main, url: "rtsp://a".into(), mode: event };
        let text = serde_json::to_string(&stream).unwrap();
        assert_eq!(serde_json::from_str::<PlanStream>(&text).unwrap(), stream);
    }
}
