//! How long to wait before the next attempt: exponential with full jitter, so that a fleet spreads itself.

use std::time::Duration;

/// The shortest ceiling of a wait.
const FIRST_MS: u64 = 1_000;
/// The longest: presence must be right within 90 s of the network's return.
const LONGEST_MS: u64 = 30_000;

/// Counts failures in a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The wait after one more failure; `random` is any number, equally likely.
    pub fn failed(&mut self, random: u64) -> Duration {
        let ceiling = FIRST_MS.checked_shl(self.failures.min(16)).unwrap_or(LONGEST_MS).min(LONGEST_MS);
        self.failures = self.failures.saturating_add(1);
        Duration::from_millis(random % (ceiling + 1))
    }

    /// A session stood.
    pub fn succeeded(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // OPS-01: 10,000 agents that return at once are all back within a minute and do not come in one wave.
    #[test]
    fn waits_grow_to_half_a_minute_and_fill_the_whole_range() {
        let mut backoff = Backoff::default();
        assert!(backoff.failed(u64::MAX) <= Duration::from_millis(1_000));
        for _ in 0..40 {
            assert!(backoff.failed(7_777_777) <= Duration::from_secs(30));
        }
        assert_eq!(backoff.failed(29_999), Duration::from_millis(29_999));
        assert_eq!(backoff.failed(0), Duration::ZERO);
        backoff.succeeded();
        assert!(backoff.failed(29_999) <= Duration::from_secs(1));
    }
}
