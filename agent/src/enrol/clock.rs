//! What the box knows about its own clock and boot. Agent and recorder judge alike.

use std::path::Path;
use std::sync::OnceLock;

use farwatch_shared::time::{ClockState, WallMs};

/// How far the wall clock can be trusted now.
///
/// Time services leave a mark once they have set the clock; without one, a real-time clock chip (or a hypervisor, which
/// has one) is the next best. A clock before the build of this program was set by nobody.
#[must_use]
pub fn clock_state(wall: WallMs, built: WallMs) -> ClockState {
    judge(wall, built, ntp_says_synced, has_clock_chip)
}

fn judge(wall: WallMs, built: WallMs, ntp: impl Fn() -> bool, chip: impl Fn() -> bool) -> ClockState {
    if wall < built {
        ClockState::Unsynced
    } else if ntp() {
        ClockState::Ntp
    } else if chip() {
        ClockState::Rtc
    } else {
        ClockState::Unsynced
    }
}

fn ntp_says_synced() -> bool {
    let exists = |path: &str| Path::new(path).exists();
    if exists("/run/systemd/timesync/synchronized") {
        return true;
    }
    // The other services leave no mark but how fast their clock runs; it outlives them, so it counts only beside one that
    // runs.
    let drift = ["/var/lib/chrony/drift", "/var/lib/ntp/ntp.drift", "/var/lib/ntpsec/ntp.drift"];
    let running = ["/run/chrony/chronyd.pid", "/run/chrony/chronyd.sock", "/run/ntpd.pid", "/run/ntpsec/ntpd.pid"];
    drift.iter().any(|path| exists(path)) && running.iter().any(|path| exists(path))
}

/// Part of the machine, so it is looked for once.
fn has_clock_chip() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let hypervised = || {
            std::fs::read_to_string("/proc/cpuinfo")
                .is_ok_and(|text| text.lines().any(|l| l.starts_with("flags") && l.contains(" hypervisor")))
        };
        Path::new("/sys/class/rtc/rtc0").exists() || Path::new("/sys/hypervisor/type").exists() || hypervised()
    })
}

/// The kernel's boot id, or a word saying that there is none.
#[must_use]
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map_or_else(|_| "unknown".to_owned(), |id| id.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    // PEERS 5
    #[test]
    fn a_clock_in_1970_is_unsynced_whatever_the_board_carries_or_a_mark_says() {
        let built = WallMs(1_800_000_000_000);
        let judge = |wall, ntp, chip| judge(wall, built, || ntp, || chip);
        assert_eq!(judge(WallMs(0), false, true), ClockState::Unsynced);
        assert_eq!(judge(WallMs(0), true, false), ClockState::Unsynced);
        assert_eq!(judge(built, false, true), ClockState::Rtc);
        assert_eq!(judge(built, false, false), ClockState::Unsynced);
        assert_eq!(judge(built, true, false), ClockState::Ntp);
    }
}
