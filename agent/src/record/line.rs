//! The line from a camera's media ticks to the box's boot-time clock.
//!
//! Arrival is capture plus a delay that is never negative and often small, so the line follows the lowest delays: a
//! frame that came earlier than the line says pulls it down at once; otherwise it may rise by [`DRIFT_PPM`], which is
//! more than any camera's crystal drifts, so that it does not stick to one lucky packet for days.

use farwatch_shared::time::BootNs;

/// How fast the line may rise against the camera's clock.
const DRIFT_PPM: i64 = 500;

/// Fitted to one session; ticks are of one timescale.
#[derive(Debug, Clone)]
pub struct Line {
    per_second: u32,
    fit: Option<Fit>,
}

#[derive(Debug, Clone, Copy)]
struct Fit {
    origin: i64,
    /// Boot time of the origin.
    offset_ns: i64,
    last_at: BootNs,
}

impl Line {
    #[must_use]
    pub fn new(per_second: u32) -> Self {
        Self { per_second: per_second.max(1), fit: None }
    }

    /// A frame with these ticks arrived.
    pub fn observe(&mut self, ticks: i64, at: BootNs) {
        let Some(fit) = self.fit else {
            self.fit = Some(Fit { origin: ticks, offset_ns: at.0, last_at: at });
            return;
        };
        let seen = at.0 - self.ns(ticks - fit.origin);
        let rise = at.since(fit.last_at) / 1_000_000 * DRIFT_PPM;
        let offset_ns = if seen < fit.offset_ns { seen } else { seen.min(fit.offset_ns + rise) };
        self.fit = Some(Fit { offset_ns, last_at: fit.last_at.max(at), ..fit });
    }

    /// When a frame with these ticks was; `None` before the first observation.
    #[must_use]
    pub fn at(&self, ticks: i64) -> Option<BootNs> {
        self.fit.map(|fit| BootNs(fit.offset_ns.saturating_add(self.ns(ticks.saturating_sub(fit.origin)))))
    }

    fn ns(&self, ticks: i64) -> i64 {
        let ns = i128::from(ticks) * 1_000_000_000 / i128::from(self.per_second);
        i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN / 4 } else { i64::MAX / 4 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_FRAMES: i64 = 86_400 * 20;

    /// Frames of a camera whose clock is `ppm` fast, each delayed by a pseudo-random 1 to 41 ms.
    fn worst_error_ns(ppm: i64) -> i64 {
        let mut line = Line::new(90_000);
        let mut seed = 7u64;
        let mut worst = 0;
        for frame in 0..DAY_FRAMES {
            let captured = frame * 50_000_000;
            let ticks = frame * 4_500 + frame * 4_500 / 1_000_000 * ppm;
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let delay = 1_000_000 + i64::try_from(seed >> 40).unwrap() % 40_000_000;
            line.observe(ticks, BootNs(captured + delay));
            if frame > 200 {
                worst = worst.max((line.at(ticks).unwrap().0 - captured).abs());
            }
        }
        worst
    }

    // CAP-01, PEERS 5
    #[test]
    fn a_day_of_200_ppm_drift_stays_within_a_frame() {
        for ppm in [-200, 0, 200] {
            let worst = worst_error_ns(ppm);
            assert!(worst < 50_000_000, "{ppm} ppm: {worst} ns off");
        }
    }

    #[test]
    fn a_stall_of_the_network_does_not_move_the_line() {
        let mut line = Line::new(90_000);
        for frame in 0..100 {
            line.observe(frame * 4_500, BootNs(frame * 50_000_000));
        }
        line.observe(100 * 4_500, BootNs(8_000_000_000));
        let at = line.at(100 * 4_500).unwrap().0;
        assert!((at - 5_000_000_000).abs() < 2_000_000, "{at}");
    }
}
