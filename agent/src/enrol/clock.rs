//! What the box knows about its own clock and boot.

use std::path::Path;

use farwatch_shared::time::{ClockState, WallMs};

/// How far the wall clock can be trusted now.
///
/// NTP daemons leave a mark in `/run` once they have set the clock; without one, a real-time clock chip (or a hypervisor,
/// which has one) is the next best. A clock before the build of this program was set by nobody.
#[must_use]
pub fn clock_state(wall: WallMs, built: WallMs) -> ClockState {
    if wall < built {
        return ClockState::Unsynced;
    }
    if ["/run/systemd/timesync/synchronized", "/run/chrony/synchronized", "/run/ntpsec/synchronized"]
        .iter()
        .any(|mark| Path::new(mark).exists())
    {
        return ClockState::Ntp;
    }
    let hypervised = || {
        std::fs::read_to_string("/proc/cpuinfo")
            .is_ok_and(|text| text.lines().any(|l| l.starts_with("flags") && l.contains(" hypervisor")))
    };
    if Path::new("/sys/class/rtc/rtc0").exists() || Path::new("/sys/hypervisor/type").exists() || hypervised() {
        ClockState::Rtc
    } else {
        ClockState::Unsynced
    }
}

/// The kernel's boot id, or a word saying that there is none.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}
