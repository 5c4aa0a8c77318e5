//! Time, and the one place that reads it.
//!
//! Belongs here: [`Clock`] (wall and boot-time), the real one, and the simulated one tests use for days and years.
//! Does not: formatting for people (the web page's `src/time`, the CLI), or policy.
//!
//! Wall time is what people call it and may jump; boot time only rises and counts sleep (`CLOCK_BOOTTIME`), so
//! coverage is measured on it.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01T00:00:00Z, as the box's wall clock had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WallMs(pub i64);

/// Nanoseconds of `CLOCK_BOOTTIME` since this boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BootNs(pub i64);

/// One day in milliseconds.
pub const DAY_MS: i64 = 86_400_000;

impl WallMs {
    /// Later by a number of milliseconds (earlier if negative).
    #[must_use]
    pub fn plus_ms(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// Milliseconds from `earlier` to here; negative when `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl BootNs {
    /// Nanoseconds from `earlier` to here, never negative.
    #[must_use]
    pub fn since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).max(0)
    }
}

impl fmt::Display for WallMs {
    /// RFC 3339 in UTC with milliseconds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(t) => write!(f, "{t:.3}"),
            Err(_) => write!(f, "{} ms", self.0),
        }
    }
}

/// Half-open span of wall time `[start, end)`, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    pub start_ms: WallMs,
    pub end_ms: WallMs,
}

impl Span {
    /// A span, or `None` when it would be empty or reversed.
    #[must_use]
    pub fn new(start_ms: WallMs, end_ms: WallMs) -> Option<Self> {
        (start_ms < end_ms).then_some(Self { start_ms, end_ms })
    }

    #[must_use]
    pub fn len_ms(&self) -> i64 {
        self.end_ms.since(self.start_ms)
    }

    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        self.start_ms < other.end_ms && other.start_ms < self.end_ms
    }

    #[must_use]
    pub fn contains(&self, at: WallMs) -> bool {
        self.start_ms <= at && at < self.end_ms
    }

    /// The part both share.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        Self::new(self.start_ms.max(other.start_ms), self.end_ms.min(other.end_ms))
    }
}

/// How much the wall clock can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClockState {
    /// Nothing has set it since boot.
    Unsynced,
    /// From the box's battery-backed clock.
    Rtc,
    /// Disciplined by NTP.
    Ntp,
}

/// Where time comes from. Cheap to clone; every part gets one handed in.
#[derive(Clone)]
pub struct Clock(Source);

#[derive(Clone)]
enum Source {
    Real,
    Sim(Arc<Sim>),
}

struct Sim {
    wall_ms: AtomicI64,
    boot_ns: AtomicI64,
}

impl Clock {
    /// The machine's clocks.
    #[must_use]
    pub fn real() -> Self {
        Self(Source::Real)
    }

    #[must_use]
    #[allow(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn wall(&self) -> WallMs {
        match &self.0 {
            Source::Real => WallMs(
                std::time::SystemTime::now()
                    .duration_since(std::time::UNIX_EPOCH)
                    .map_or_else(|before| -millis(before.duration()), millis),
            ),
            Source::Sim(sim) => WallMs(sim.wall_ms.load(Ordering::SeqCst)),
        }
    }

    /// `CLOCK_BOOTTIME`.
    #[must_use]
    pub fn boot(&self) -> BootNs {
        match &self.0 {
            Source::Real => {
                let t = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
                BootNs(t.tv_sec.saturating_mul(1_000_000_000).saturating_add(t.tv_nsec))
            }
            Source::Sim(sim) => BootNs(sim.boot_ns.load(Ordering::SeqCst)),
        }
    }
}

fn millis(d: std::time::Duration) -> i64 {
    i64::try_from(d.as_millis()).unwrap_or(i64::MAX)
}

/// The hand on a simulated clock: tests move days and years with it.
#[derive(Clone)]
pub struct SimClock(Arc<Sim>);

impl SimClock {
    #[must_use]
    pub fn at(wall: WallMs) -> Self {
        Self(Arc::new(Sim { wall_ms: AtomicI64::new(wall.0), boot_ns: AtomicI64::new(0) }))
    }

    #[must_use]
    pub fn clock(&self) -> Clock {
        Clock(Source::Sim(self.0.clone()))
    }

    /// Both clocks run on.
    pub fn advance_ms(&self, ms: i64) {
        self.0.wall_ms.fetch_add(ms, Ordering::SeqCst);
        self.0.boot_ns.fetch_add(ms.saturating_mul(1_000_000), Ordering::SeqCst);
    }

    /// Only the wall clock steps, as when NTP corrects it.
    pub fn step_wall_ms(&self, ms: i64) {
        self.0.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_step_leaves_boot_time_alone() {
        let sim = SimClock::at(WallMs(1_000));
        let clock = sim.clock();
        sim.advance_ms(5);
        sim.step_wall_ms(40 * DAY_MS);
        assert_eq!(clock.wall(), WallMs(1_005 + 40 * DAY_MS));
        assert_eq!(clock.boot(), BootNs(5_000_000));
    }

    #[test]
    fn wall_time_reads_as_rfc3339() {
        assert_eq!(WallMs(0).to_string(), "1970-01-01T00:00:00.000Z");
    }
}
