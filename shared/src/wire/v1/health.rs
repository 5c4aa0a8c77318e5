//! `up/health`: how a box and its cameras are, every 30 s.

use serde::{Deserialize, Serialize};

use super::CameraStatus;
use crate::id::{CameraId, StreamName};
use crate::size::ByteSize;
use crate::time::{ClockState, WallMs};

/// One sample. Numbers are integers with their unit in the name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthSample {
    pub at_ms: WallMs,
    pub uptime_s: u64,
    pub clock: ClockHealth,
    /// Of all cores together: 1000 is every core busy.
    pub cpu_permille: u32,
    pub mem_total: ByteSize,
    pub mem_used: ByteSize,
    pub agent_mem: ByteSize,
    #[serde(default)]
    pub recorder_mem: Option<ByteSize>,
    pub disk: DiskHealth,
    /// Thousandths of a degree Celsius; absent where the box has no sensor.
    #[serde(default)]
    pub temperature_mc: Option<i64>,
    #[serde(default)]
    pub network: Vec<NetworkHealth>,
    pub recorder: RecorderHealth,
    pub outbox: OutboxHealth,
    #[serde(default)]
    pub cameras: Vec<CameraStatus>,
    /// How long the disk lasts at the measured rate; absent until an hour was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention: Option<RetentionHealth>,
}

/// What the retention engine expects (RET-02, CAP-04).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionHealth {
    /// All cameras together, over the last day or since the recorder started.
    pub bytes_per_day: ByteSize,
    /// Room for footage: what lies there plus what is free above `min_free`.
    pub capacity: ByteSize,
    /// Footage that may not go: under its floor, held, or of the event class.
    pub bound: ByteSize,
    /// Whole hours of footage the disk can hold at that rate.
    pub hours_possible: u64,
    /// The longest floor the policy asks for, in hours.
    pub floor_hours: u64,
    /// When footage under its floor would have to go; absent when the floor is kept.
    #[serde(default)]
    pub breach_at_ms: Option<WallMs>,
    /// Bytes the disk is short of for the floors at that rate; 0 when they are kept.
    pub missing: ByteSize,
    /// What would go first now.
    #[serde(default)]
    pub next_to_go: Option<NextToGo>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextToGo {
    pub camera: CameraId,
    pub stream: StreamName,
    pub start_ms: WallMs,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockHealth {
    pub state: ClockState,
    /// Estimated error of the wall clock in microseconds, where the kernel knows it.
    #[serde(default)]
    pub error_us: Option<i64>,
}

/// The file system that holds the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskHealth {
    pub total: ByteSize,
    pub free: ByteSize,
    pub inodes_total: u64,
    pub inodes_free: u64,
    /// Bytes of footage in the vault.
    pub footage: ByteSize,
    /// What the disk says of itself, where it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wear: Option<DiskWear>,
}

/// Age of a disk, from SMART, NVMe or eMMC registers (RET-07).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskWear {
    /// E.g. `nvme0n1`.
    pub disk: String,
    /// Per cent of its rated life used; may pass 100.
    #[serde(default)]
    pub used_percent: Option<u32>,
    /// Errors the medium itself counted.
    #[serde(default)]
    pub media_errors: Option<u64>,
    #[serde(default)]
    pub power_on_hours: Option<u64>,
    /// The disk's own verdict.
    #[serde(default)]
    pub failing: Option<bool>,
    /// Bytes the block device was told to write since it was attached.
    #[serde(default)]
    pub written: Option<ByteSize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkHealth {
    pub interface: String,
    pub up: bool,
    pub rx_bytes_per_s: u64,
    pub tx_bytes_per_s: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecorderHealth {
    pub running: bool,
    #[serde(default)]
    pub pid: Option<u32>,
    /// Number of the plan it works by.
    #[serde(default)]
    pub plan: Option<u64>,
    /// Worst recent time between a byte's arrival and its being safe on disk.
    #[serde(default)]
    pub sync_bound_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutboxHealth {
    pub waiting: u64,
    pub bytes: ByteSize,
    #[serde(default)]
    pub oldest_ms: Option<WallMs>,
    /// Facts dropped since the outbox was made, because it was full.
    pub dropped: u64,
}
