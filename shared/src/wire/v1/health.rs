//! `up/health`: how a box and its cameras are, every 30 s.

use serde::{Deserialize, Serialize};

use super::CameraStatus;
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
