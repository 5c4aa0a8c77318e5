//! The camera's own clock, and the grid its frames lie on.
//!
//! Belongs here: which frame is due when, in frames since 1970 and in the units RTP and NTP use. Does not: sending.
//!
//! The clock is set from the wall clock once, at start, and then only rises with boot time, as a camera's crystal
//! does: a wall-clock step on the machine under test must not move the truth it is measured against.

use farwatch_shared::time::{BootNs, Clock};
use farwatch_tests::truth::{FrameIndex, RATE};

/// From one frame to the next.
pub const FRAME_NS: u64 = 1_000_000_000 / RATE;
const NTP_BEFORE_UNIX_S: u64 = 2_208_988_800;
const VIDEO_TICKS: u64 = 90_000 / RATE;

/// Nanoseconds since 1970 by the camera's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CameraNs(pub u64);

/// The instant a frame is taken.
pub fn taken(frame: FrameIndex) -> CameraNs {
    CameraNs(frame.0 * FRAME_NS)
}

/// RTP ticks (90 kHz) from 1970 to a frame, as RTP carries them: the low 32 bits.
pub fn video_ticks(frame: FrameIndex) -> u32 {
    low_32(frame.0 * VIDEO_TICKS)
}

impl CameraNs {
    /// As RTCP sender reports carry it: seconds since 1900 in the high half, the fraction in the low half.
    pub fn ntp(self) -> u64 {
        let (seconds, nanos) = (self.0 / 1_000_000_000, self.0 % 1_000_000_000);
        ((seconds + NTP_BEFORE_UNIX_S) << 32) | ((nanos << 32) / 1_000_000_000)
    }

    /// How many samples of a track of `rate` Hz have been taken since 1970.
    pub fn samples(self, rate: u32) -> u64 {
        let rate = u64::from(rate);
        self.0 / 1_000_000_000 * rate + self.0 % 1_000_000_000 * rate / 1_000_000_000
    }
}

/// The low half of a count, as 32-bit counters on the wire wrap.
#[allow(clippy::cast_possible_truncation)] // the point of it
pub fn low_32(count: u64) -> u32 {
    count as u32
}

/// The camera's clock.
#[derive(Clone)]
pub struct CameraClock {
    clock: Clock,
    set_at: BootNs,
    set_to: CameraNs,
}

impl CameraClock {
    /// A clock set to the machine's wall clock now.
    pub fn set(clock: Clock) -> Self {
        let set_to = u64::try_from(clock.wall().0).unwrap_or(0).saturating_mul(1_000_000);
        Self { set_at: clock.boot(), set_to: CameraNs(set_to), clock }
    }

    pub fn now(&self) -> CameraNs {
        let passed = u64::try_from(self.clock.boot().since(self.set_at)).unwrap_or(0);
        CameraNs(self.set_to.0.saturating_add(passed))
    }

    /// The machine's own clocks, for the journal.
    pub fn machine(&self) -> &Clock {
        &self.clock
    }
}

#[cfg(test)]
mod tests {
    use farwatch_shared::time::{SimClock, WallMs};

    use super::*;

    #[test]
    fn a_step_of_the_machines_wall_clock_does_not_move_the_camera() {
        let sim = SimClock::at(WallMs(1_700_000_040_000));
        let clock = CameraClock::set(sim.clock());
        sim.step_wall_ms(-86_400_000);
        sim.advance_ms(1_000);
        assert_eq!(clock.now(), CameraNs(1_700_000_041_000_000_000));
    }

    #[test]
    fn ntp_counts_from_1900_with_a_binary_fraction() {
        assert_eq!(CameraNs(500_000_000).ntp(), (NTP_BEFORE_UNIX_S << 32) | 0x8000_0000);
    }

    #[test]
    fn samples_do_not_overflow_in_this_century() {
        assert_eq!(CameraNs(4_000_000_000_500_000_000).samples(16_000), 64_000_000_008_000);
    }
}
