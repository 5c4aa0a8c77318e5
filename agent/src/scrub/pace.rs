//! How fast footage is read again. Pure.
//!
//! A round over everything takes [`Pace::round_ms`], so that each segment is read again within a week whatever the disk
//! does meanwhile; a small vault is done sooner, since nothing is read slower than [`Pace::slowest`]. The recorder comes
//! first: while its sync bound is up nothing is read, unless the week would pass.

use std::time::Duration;

use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{DAY_MS, WallMs};

/// Every segment must have been read within this.
pub const WEEK_MS: i64 = 7 * DAY_MS;

/// The rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// A round should take so long.
    pub round_ms: i64,
    /// A round that ended early is followed by the next after this.
    pub rest_ms: i64,
    /// Bytes per second a round never falls below.
    pub slowest: u64,
    /// Bytes per second a round that is late may reach.
    pub fastest: u64,
    /// The recorder's sync bound over which nothing is read.
    pub busy_ms: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { round_ms: 5 * DAY_MS, rest_ms: DAY_MS, slowest: 256 << 10, fastest: 48 << 20, busy_ms: 1_500 }
    }
}

/// How long a busy disk is left alone before it is looked at again.
const LEAVE_ALONE: Duration = Duration::from_secs(10);
/// No wait is longer, so that a vault that grows meanwhile is noticed.
const LONGEST: Duration = Duration::from_secs(600);

/// Where a round stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub began_ms: WallMs,
    pub now_ms: WallMs,
    /// Footage not read yet in this round.
    pub left: ByteSize,
    pub sync_bound_ms: Option<u64>,
}

impl Pace {
    /// Whether the recorder has the disk for itself now. A round that runs out of its week no longer waits for it.
    #[must_use]
    pub fn leaves_alone(&self, at: Standing) -> Option<Duration> {
        let late = at.now_ms.since(at.began_ms) > WEEK_MS - DAY_MS;
        (at.sync_bound_ms.is_some_and(|bound| bound > self.busy_ms) && !late).then_some(LEAVE_ALONE)
    }

    /// Bytes per second from here on.
    #[must_use]
    pub fn rate(&self, at: Standing) -> u64 {
        let left_ms = u64::try_from(at.began_ms.plus_ms(self.round_ms).since(at.now_ms)).unwrap_or(0).max(1);
        let even = u128::from(at.left.0) * 1000 / u128::from(left_ms);
        u64::try_from(even).unwrap_or(u64::MAX).clamp(self.slowest, self.fastest)
    }

    /// How long to wait after so many bytes were read in so much time.
    #[must_use]
    pub fn wait(&self, read: ByteSize, took: Duration, at: Standing) -> Duration {
        let fair_ms = u128::from(read.0) * 1000 / u128::from(self.rate(at));
        let fair = Duration::from_millis(u64::try_from(fair_ms).unwrap_or(u64::MAX));
        fair.saturating_sub(took).min(LONGEST)
    }

    /// How long until the next round begins; nothing when it is due.
    #[must_use]
    pub fn rest(&self, began_ms: WallMs, now_ms: WallMs) -> Option<Duration> {
        let left = u64::try_from(began_ms.plus_ms(self.rest_ms).since(now_ms)).ok().filter(|ms| *ms > 0)?;
        Some(Duration::from_millis(left).min(LONGEST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: WallMs = WallMs(1_800_000_000_000);
    const SEGMENT: u64 = 30 << 20;

    /// Reads a vault of so many segments on a simulated clock; gives how long the round took.
    fn days_for(segments: u64, busy: impl Fn(i64) -> bool, disk_bytes_per_s: u64) -> f64 {
        let pace = Pace::default();
        let mut at = Standing { began_ms: T0, now_ms: T0, left: ByteSize(segments * SEGMENT), sync_bound_ms: None };
        while at.left.0 > 0 {
            at.sync_bound_ms = busy(at.now_ms.since(T0)).then_some(9_000);
            if let Some(wait) = pace.leaves_alone(at) {
                at.now_ms = at.now_ms.plus_ms(i64::try_from(wait.as_millis()).unwrap());
                continue;
            }
            let took = Duration::from_millis(SEGMENT * 1000 / disk_bytes_per_s);
            at.left = ByteSize(at.left.0 - SEGMENT);
            let wait = pace.wait(ByteSize(SEGMENT), took, at) + took;
            at.now_ms = at.now_ms.plus_ms(i64::try_from(wait.as_millis()).unwrap());
        }
        at.now_ms.since(T0) as f64 / DAY_MS as f64
    }

    // RET-07
    #[test]
    fn four_terabytes_are_spread_over_five_days_and_a_small_vault_is_done_in_one() {
        let large = days_for(4_000_000 / 30, |_| false, 100 << 20);
        assert!((4.9..=5.1).contains(&large), "{large} days");
        let small = days_for(600, |_| false, 100 << 20);
        assert!(small < 1.0, "{small} days for 18 GB");
    }

    // RET-07
    #[test]
    fn a_disk_that_is_busy_half_the_time_is_left_alone_and_the_week_is_kept() {
        let busy = |ms: i64| ms % 3_600_000 < 1_800_000;
        let half = days_for(4_000_000 / 30, busy, 100 << 20);
        assert!(half < 6.0, "{half} days");
        let always = days_for(1_000_000 / 30, |_| true, 100 << 20);
        assert!(always < 7.0, "{always} days, although the disk is never quiet");
    }

    #[test]
    fn a_round_is_followed_by_the_next_a_day_after_it_began() {
        let pace = Pace::default();
        assert_eq!(pace.rest(T0, T0.plus_ms(DAY_MS)), None);
        assert_eq!(pace.rest(T0, T0.plus_ms(DAY_MS - 1_000)), Some(Duration::from_secs(1)));
        assert_eq!(pace.rest(T0, T0), Some(LONGEST));
    }
}
