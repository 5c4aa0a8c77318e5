//! How often a camera sends: the running median of its frame intervals.

use std::collections::VecDeque;

use farwatch_shared::media::VIDEO_TIMESCALE;

/// Frame length where none was measured yet, in ticks.
const DEFAULT_TICKS: i64 = 3_600;
const INTERVALS: usize = 31;
/// No camera sends more seldom than this on purpose, in ticks.
const LONGEST_TICKS: i64 = 30 * VIDEO_TIMESCALE as i64;
/// Least frame interval that is a gap, in ticks.
const GAP_TICKS: i64 = 2 * VIDEO_TIMESCALE as i64;

/// The intervals of one stream, in media ticks; kept over its sessions.
#[derive(Debug, Clone, Default)]
pub struct Pace(VecDeque<i64>);

impl Pace {
    /// The usual interval, which a last frame lasts.
    #[must_use]
    pub fn nominal(&self) -> i64 {
        if self.0.is_empty() {
            return DEFAULT_TICKS;
        }
        let mut sorted: Vec<i64> = self.0.iter().copied().collect();
        let middle = sorted.len() / 2;
        *sorted.select_nth_unstable(middle).1
    }

    /// Whether so long an interval is a gap and not merely how seldom the camera sends.
    #[must_use]
    pub fn is_gap(&self, interval: i64) -> bool {
        interval > GAP_TICKS && interval > 3 * self.nominal()
    }

    /// Takes an interval in, also one that was a gap: if the camera sends so seldom now, the median will tell.
    pub fn remember(&mut self, interval: i64) {
        if self.0.len() == INTERVALS {
            self.0.pop_front();
        }
        self.0.push_back(interval.min(LONGEST_TICKS));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_camera_that_slows_down_is_soon_taken_for_a_slow_one() {
        let mut pace = Pace::default();
        let mut gaps = |interval| {
            let is_gap = |pace: &mut Pace| {
                let is_gap = pace.is_gap(interval);
                pace.remember(interval);
                is_gap
            };
            (0..40).filter(|_| is_gap(&mut pace)).count()
        };
        assert_eq!(gaps(4_500), 0);
        assert_eq!(gaps(270_000), 16);
        assert_eq!(pace.nominal(), 270_000);
    }
}
