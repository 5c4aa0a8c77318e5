//! What is wrong or at risk on a box: faults, clock, disk, how long the disk lasts.

use farwatch_shared::id::CameraId;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::StreamChoice;

/// How much a box's wall clock can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockTrust {
    /// Disciplined by NTP.
    Ntp,
    /// From the box's battery-backed clock.
    Rtc,
    /// Nothing has set it since boot.
    Unsynced,
}

/// A box's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClockView {
    pub state: ClockTrust,
    /// Estimated error in microseconds, where the kernel knows it.
    pub error_us: Option<i64>,
    /// The newest step that was noticed.
    pub last_step: Option<ClockStep>,
}

/// The wall clock moved against the boot clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClockStep {
    /// UTC ms, as the clock had it afterwards.
    #[schema(value_type = i64)]
    pub at_ms: WallMs,
    /// Positive is forward.
    pub by_ms: i64,
}

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultChoice {
    /// Stored footage no longer matches its digest, or does not decode.
    Damage,
    /// The disk says it wears out or fails.
    DiskWear,
    /// The disk is slower than the cameras, or read-only, or full.
    Disk,
    /// Resolution, frame rate or bit rate are far from the target.
    TargetDrift,
    /// The retention policy will not be kept at the measured rate.
    RetentionAtRisk,
    /// The wall clock is not set, or jumps.
    ClockUnsure,
    /// The vault is not on the disk it should be on.
    WrongMount,
}

/// A fault: open until a measurement sees it mended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FaultView {
    /// Made by the hub.
    pub id: String,
    pub fault: FaultChoice,
    /// Absent when it is of the whole box.
    #[schema(value_type = Option<String>)]
    pub camera: Option<CameraId>,
    pub stream: Option<StreamChoice>,
    /// UTC ms: the footage it is about.
    #[schema(value_type = Option<i64>)]
    pub start_ms: Option<WallMs>,
    #[schema(value_type = Option<i64>)]
    pub end_ms: Option<WallMs>,
    /// What happened and what to do.
    pub detail: String,
    #[schema(value_type = i64)]
    pub opened_ms: WallMs,
    #[schema(value_type = Option<i64>)]
    pub mended_ms: Option<WallMs>,
}

/// Which faults.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FaultsQuery {
    /// Without it: `open`.
    #[param(inline)]
    #[serde(default)]
    pub state: FaultState,
    /// 100 unless said otherwise, at most 500.
    pub limit: Option<u32>,
}

/// Open faults, or mended ones too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaultState {
    #[default]
    Open,
    All,
}

/// Faults, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Faults {
    pub faults: Vec<FaultView>,
}

/// How long the disk lasts at the measured rate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct RetentionView {
    /// All cameras together, over the last day or since the recorder started.
    #[schema(value_type = u64)]
    pub bytes_per_day: ByteSize,
    /// Room for footage: what lies there plus what is free above the space that stays free.
    #[schema(value_type = u64)]
    pub capacity: ByteSize,
    /// Footage that may not go: under its floor, held, or of the event class.
    #[schema(value_type = u64)]
    pub bound: ByteSize,
    /// Whole hours of footage the disk can hold at that rate.
    pub hours_possible: u64,
    /// The longest floor the policy asks for, in hours.
    pub floor_hours: u64,
    /// UTC ms: when footage under its floor would have to go; absent when the floor is kept.
    #[schema(value_type = Option<i64>)]
    pub breach_at_ms: Option<WallMs>,
    /// Bytes the disk is short of for the floors at that rate; 0 when they are kept.
    #[schema(value_type = u64)]
    pub missing: ByteSize,
    /// What would go first now.
    pub next_to_go: Option<NextGone>,
}

/// The footage that would go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct NextGone {
    #[schema(value_type = String)]
    pub camera: CameraId,
    pub stream: StreamChoice,
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
}

/// Age of the disk the footage is on, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct WearView {
    #[schema(example = "nvme0n1")]
    pub disk: String,
    /// Per cent of its rated life used; may pass 100.
    pub used_percent: Option<u32>,
    pub media_errors: Option<u64>,
    pub power_on_hours: Option<u64>,
    /// The disk's own verdict.
    pub failing: Option<bool>,
    /// Bytes it was told to write since it was attached.
    #[schema(value_type = Option<u64>)]
    pub written: Option<ByteSize>,
}
