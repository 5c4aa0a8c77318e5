//! The boot this is, and how far the wall clock can be trusted.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use farwatch_shared::time::{Clock, ClockState, WallMs};

use crate::ledger::entry::Moment;

/// The kernel's id of this boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    pub id: String,
    /// Its first 32 bits, as in a run's name.
    pub short: u32,
}

impl Boot {
    /// The boot this process runs in.
    ///
    /// # Errors
    /// When `/proc` is not mounted.
    pub fn current() -> std::io::Result<Self> {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
        let short = id.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0);
        Ok(Self { id, short })
    }
}

/// Both clocks at once.
#[must_use]
pub fn now(clock: &Clock) -> Moment {
    Moment { boot_ns: clock.boot(), wall_ms: clock.wall() }
}

/// 2026-01-01: a wall clock before this was never set.
const BUILT: WallMs = WallMs(1_767_225_600_000);

/// The clock's state, looked at now and then by the sync thread and read by the writer.
#[derive(Debug, Clone, Default)]
pub struct ClockWatch(Arc<AtomicU8>);

impl ClockWatch {
    /// Looks again.
    pub fn look(&self, wall: WallMs) {
        let state = judge(wall, ntp_says_synced(), Path::new("/sys/class/rtc/rtc0").exists());
        self.0.store(state as u8, Ordering::Relaxed);
    }

    #[must_use]
    pub fn state(&self) -> ClockState {
        match self.0.load(Ordering::Relaxed) {
            n if n == ClockState::Ntp as u8 => ClockState::Ntp,
            n if n == ClockState::Rtc as u8 => ClockState::Rtc,
            _ => ClockState::Unsynced,
        }
    }
}

fn judge(wall: WallMs, ntp: bool, rtc: bool) -> ClockState {
    match (ntp, rtc) {
        (true, _) => ClockState::Ntp,
        (false, true) if wall >= BUILT => ClockState::Rtc,
        _ => ClockState::Unsynced,
    }
}

/// What the usual time services leave behind once the clock is disciplined.
fn ntp_says_synced() -> bool {
    [
        "/run/systemd/timesync/synchronized",
        "/var/lib/ntp/ntp.drift",
        "/var/lib/chrony/drift",
        "/var/lib/ntpsec/ntp.drift",
    ]
    .iter()
    .zip([true, false, false, false])
    .any(|(path, alone)| Path::new(path).exists() && (alone || service_runs()))
}

/// A drift file outlives its daemon, so it counts only beside a running one.
fn service_runs() -> bool {
    ["/run/chrony/chronyd.pid", "/run/chrony/chronyd.sock", "/run/ntpd.pid", "/run/ntpsec/ntpd.pid"]
        .iter()
        .any(|path| Path::new(path).exists())
}

#[cfg(test)]
mod tests {
    use super::*;

    // PEERS 5
    #[test]
    fn a_clock_in_1970_is_unsynced_whatever_the_board_carries() {
        assert_eq!(judge(WallMs(0), false, true), ClockState::Unsynced);
        assert_eq!(judge(BUILT, false, true), ClockState::Rtc);
        assert_eq!(judge(BUILT, false, false), ClockState::Unsynced);
        assert_eq!(judge(WallMs(0), true, false), ClockState::Ntp);
    }
}
