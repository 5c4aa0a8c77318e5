//! What a recorder writes into its log, and what the agent's log says of footage that goes.
//!
//! Belongs here: the entries and their meaning. Does not: how they lie in the file ([`super::log`]), writing them.
//!
//! Per stream the spans of [`Closed`] (also inside `recovered`) and [`Gap`] entries are disjoint on the boot clock and
//! leave nothing out: each begins where the one before ended. A log is written within one boot, named in `started`.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{CameraId, RecorderId, RunId, SegmentId, StreamName};
use crate::size::ByteSize;
use crate::time::{BootNs, ClockState, Span, WallMs};
use crate::wire::v1::{ClockFact, GapCause, Trigger};

/// One instant on both of the box's clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Moment {
    pub boot_ns: BootNs,
    pub wall_ms: WallMs,
}

impl Moment {
    /// Later by some nanoseconds on both clocks, as long as the wall clock is not stepped.
    #[must_use]
    pub fn plus_ns(self, ns: i64) -> Self {
        let boot = self.boot_ns.0.saturating_add(ns);
        // Floor, so that equal boot times give equal wall times whichever way they were reached from one anchor.
        Self { boot_ns: BootNs(boot), wall_ms: self.wall_ms.plus_ms(ns.div_euclid(1_000_000)) }
    }
}

/// One entry of `ledger/recorder/<recorder>.log`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum RecorderEntry {
    /// The first entry: who writes here and in which boot.
    Started { recorder: RecorderId, version: String, boot_id: String, at: Moment },
    /// Every older log is dealt with: torn files cut, their entries in this log. Nothing before this entry's log needs
    /// reading to know where each stream ended.
    Settled { streams: Vec<StreamEnd> },
    /// A run began; `after` joins it to the run before it of the same stream.
    RunOpened { camera: CameraId, stream: StreamName, run: RunId, at: Moment, after: Option<RunLink> },
    /// A segment is complete and will never change.
    Closed(Closed),
    /// A segment an earlier recorder left open, cut back to its last whole fragment.
    Recovered {
        #[serde(flatten)]
        closed: Closed,
        /// Bytes after the last whole fragment.
        cut: ByteSize,
    },
    /// Footage is missing.
    Gap(Gap),
    /// Recording of a stream was switched off: nothing is missed from here on until its next run.
    SwitchedOff { camera: CameraId, stream: StreamName, at: Moment },
    /// Something happened in front of a camera. What goes on is told again from where it was told last, so that a camera
    /// before a busy street fills no log. The end of a pulse may still be to come.
    Event {
        camera: CameraId,
        trigger: Trigger,
        start: Moment,
        end: Moment,
        #[serde(default)]
        detail: Option<String>,
    },
    /// A segment goes; written and synced before it does.
    Deleted {
        segment: SegmentId,
        bytes: ByteSize,
        span: Span,
        why: DeletedWhy,
        #[serde(default)]
        at: Option<Moment>,
    },
    /// The box's wall clock was stepped, or is to be trusted otherwise than before; or footage recorded while nobody had
    /// set it is now known to be of another time.
    Clock { fact: ClockFact },
    /// The recorder was told to stop and did so in order. Always the last entry.
    CleanStop { boot_id: String, at: Moment },
}

/// Joins a run to the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunLink {
    pub run: RunId,
    pub last_sequence: u32,
    /// Digest of that last segment.
    pub digest: Digest,
}

/// A whole segment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    pub segment: SegmentId,
    /// The first frame begins.
    pub start: Moment,
    /// The last frame ends.
    pub end: Moment,
    pub bytes: ByteSize,
    pub fragments: u32,
    /// Video frames.
    pub frames: u32,
    /// Over the ordered digests of its pieces.
    pub digest: Digest,
    /// Digest of the segment before it in the run; zero in the first.
    pub previous: Digest,
    pub clock: ClockState,
    /// RFC 6381, e.g. `avc1.640028`.
    pub codec: String,
    pub width: u32,
    pub height: u32,
    #[serde(default)]
    pub audio_codec: Option<String>,
    /// The audio was made on this box from another encoding.
    #[serde(default)]
    pub audio_derived: bool,
    /// The first frame cannot be decoded without the segment before.
    #[serde(default)]
    pub needs_previous: bool,
    /// Sum of the sample durations.
    pub media_ticks90k: u64,
    pub why: ClosedWhy,
    /// Video bytes per [`ACTIVITY_SLOT_MS`] of media, keyframes not counted: how much moved.
    #[serde(default)]
    pub activity: Vec<u32>,
}

/// Length of one slot of [`Closed::activity`].
pub const ACTIVITY_SLOT_MS: u32 = 5_000;

impl Closed {
    /// The wall time it covers; `None` when it holds less than a millisecond.
    #[must_use]
    pub fn span(&self) -> Option<Span> {
        Span::new(self.start.wall_ms, self.end.wall_ms)
    }
}

/// Why a file ended where it did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedWhy {
    /// Its time was up.
    Length,
    /// The picture format or the track set changed.
    Parameters,
    /// The box's wall clock was stepped.
    ClockStep,
    /// The camera's timestamps jumped.
    TimestampJump,
    /// A gap follows.
    Gap,
    /// Nothing was due after it: its window closed, or its event was over.
    NotDue,
    /// The session with the camera ended.
    Session,
    /// Recording of this stream was switched off, or its settings changed.
    Plan,
    /// The recorder stopped in order.
    Stop,
    /// The recorder died.
    Crash,
}

/// A hole of one stream, or a part of a long one: while a hole lasts it is ledgered piece by piece.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    pub camera: CameraId,
    pub stream: StreamName,
    pub start: Moment,
    pub end: Moment,
    pub cause: GapCause,
    /// For people: what was seen.
    #[serde(default)]
    pub detail: Option<String>,
    /// The hole began in an earlier boot: `start.boot_ns` belongs to that boot and only wall times can be compared.
    #[serde(default)]
    pub across_boots: bool,
}

/// Where a stream stands, for the recorder that comes after.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamEnd {
    pub camera: CameraId,
    pub stream: StreamName,
    pub boot_id: String,
    /// Up to here everything is ledgered.
    pub end: Moment,
    /// Recording was switched off then.
    pub switched_off: bool,
    /// The recorder then stopped in order.
    pub clean_stop: bool,
    /// Nothing was due then: outside the schedule, or between events.
    #[serde(default)]
    pub idle: bool,
    /// The last segment.
    pub last: Option<RunLink>,
}

/// One segment of a `deleting` entry of the agent's log: what a deletion certificate is made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoneSegment {
    pub segment: SegmentId,
    /// As the closing said.
    pub digest: Digest,
    pub span: Span,
    pub bytes: ByteSize,
}

/// Why a segment was deleted by the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeletedWhy {
    /// Free space fell under the hard floor while the agent was silent.
    HardFloor,
    /// It held no whole fragment.
    Empty,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_survive_their_written_form() {
        let entry =
            RecorderEntry::CleanStop { boot_id: "b".into(), at: Moment { boot_ns: BootNs(5), wall_ms: WallMs(7) } };
        let text = serde_json::to_string(&entry).unwrap();
        assert_eq!(text, r#"{"is":"clean_stop","boot_id":"b","at":{"boot_ns":5,"wall_ms":7}}"#);
        assert_eq!(serde_json::from_str::<RecorderEntry>(&text).unwrap(), entry);
    }
}
