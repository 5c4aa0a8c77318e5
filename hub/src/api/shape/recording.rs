//! How a camera is recorded and kept.

use farwatch_shared::size::ByteSize;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How a camera is recorded, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordingMode {
    Continuous,
    Off,
    /// Within weekly windows on the site's wall clock.
    Schedule,
    /// Around events.
    Event,
    /// Watched and not recorded.
    LiveOnly,
}

/// How a camera is recorded, with the mode's own terms.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub enum RecordingTerms {
    Continuous,
    Off,
    /// Windows on the site's wall clock, daylight saving included; they may touch or overlap. Time outside them is a gap of
    /// cause `schedule`.
    Schedule {
        windows: Vec<WeekWindow>,
    },
    /// Time between events is a gap of cause `schedule`.
    Event {
        /// Seconds kept before the event begins, at most 60.
        pre_s: u16,
        /// Seconds kept after it ends, at most 3600.
        post_s: u16,
        /// What counts as an event. A trigger by hand always does.
        triggers: Vec<TriggerChoice>,
    },
    LiveOnly {
        /// Why it is not recorded, 1 to 500 characters. It is journaled.
        reason: String,
    },
}

/// From `start_minute` to `end_minute` on each of the days; an end at or before the start reaches into the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WeekWindow {
    /// ISO: 1 is Monday, 7 is Sunday.
    pub days: Vec<u8>,
    /// Minutes after midnight, 0 to 1439.
    pub start_minute: u16,
    /// Minutes after midnight, 0 to 1440.
    pub end_minute: u16,
}

/// What may begin an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TriggerChoice {
    /// The encoded frames grew: something moved.
    Activity,
    /// A person or a program on the box said so.
    Manual,
    /// An alarm input of the box or the camera.
    Input,
}

/// What each stream should be; measured figures far from it open a fault.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamTargets {
    #[serde(default)]
    pub main: Option<StreamAim>,
    #[serde(default)]
    pub sub: Option<StreamAim>,
}

/// What one stream should be; absent figures are not watched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StreamAim {
    /// Pixels.
    #[serde(default)]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default)]
    pub height: Option<u32>,
    /// Thousandths of a frame per second.
    #[serde(default)]
    pub fps_milli: Option<u32>,
    /// Bits per second. Also what a stream counts for until its own rate is measured.
    #[serde(default)]
    pub bits_per_s: Option<u64>,
}

/// What happens on a box when its disk cannot keep the floors after all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ShortChoice {
    /// Recording goes on; footage under its floor goes in the declared order, and the breach is signed.
    #[default]
    KeepRecording,
    /// The floor stands; recording stops with a gap of cause `disk`.
    KeepFloor,
}

/// Asks whether an agent's disk can keep a policy, before it is saved.
#[derive(Debug, Deserialize, ToSchema)]
pub struct RetentionCheck {
    #[schema(value_type = String)]
    pub agent: farwatch_shared::id::AgentId,
    /// What would be changed; the agent's other cameras count as they are.
    pub cameras: Vec<CheckedCamera>,
}

/// One camera of a [`RetentionCheck`].
#[derive(Debug, Deserialize, ToSchema)]
pub struct CheckedCamera {
    /// Without it: a camera that does not exist yet.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub camera: Option<farwatch_shared::id::CameraId>,
    pub floor_days: u32,
    /// All its streams together. Without it: as measured, else as its target says; a camera of neither counts nothing.
    #[serde(default)]
    pub bits_per_s: Option<u64>,
}

/// Whether a policy can be kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct RetentionVerdict {
    /// True also when it cannot be judged because the agent has not said yet how large its disk is.
    pub fits: bool,
    /// Bytes the disk is short of; 0 when it fits.
    #[schema(value_type = u64)]
    pub missing_bytes: ByteSize,
    /// Room for footage on the box; absent before the agent's first health sample.
    #[schema(value_type = Option<u64>)]
    pub capacity_bytes: Option<ByteSize>,
    /// Bytes the floors need at these rates.
    #[schema(value_type = u64)]
    pub needed_bytes: ByteSize,
    /// Whole hours of footage of all cameras the disk can hold; absent when no rate is known.
    pub hours_possible: Option<u64>,
}
