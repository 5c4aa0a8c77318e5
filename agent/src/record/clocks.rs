//! The boot this is, how far the wall clock can be trusted, and whether it was stepped.
//!
//! A step is seen against the boot clock, which only rises. What is seen is an entry of the recorder's log; footage
//! recorded while nobody had set the clock is moved by one that says so (DESIGN 4), and its files never change.

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use farwatch_shared::time::{BootNs, Clock, ClockState, WallMs};
use farwatch_shared::wire::latest::{ClockChange, ClockFact};

use crate::enrol::clock_state;
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
        Ok(Self::of(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim()))
    }

    #[must_use]
    pub fn of(id: &str) -> Self {
        let short = id.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0);
        Self { id: id.to_owned(), short }
    }
}

/// Both clocks at once.
#[must_use]
pub fn now(clock: &Clock) -> Moment {
    Moment { boot_ns: clock.boot(), wall_ms: clock.wall() }
}

/// Both clocks read within this, or again: a process that was not running in between would take that for a step.
const TOGETHER_NS: i64 = 20_000_000;

fn together(clock: &Clock) -> Moment {
    let mut at = now(clock);
    for _ in 0..5 {
        if clock.boot().since(at.boot_ns) <= TOGETHER_NS {
            break;
        }
        at = now(clock);
    }
    at
}

/// The wall clock was stepped when it moved this much against the boot clock between two looks. Slewing moves it by half
/// a millisecond a second.
const STEP_MS: i64 = 500;
/// A time service may say that the clock is set shortly before it sets it.
const SETTING_NS: i64 = 10_000_000_000;

/// Compares each look with the one before. Pure.
#[derive(Debug, Default)]
pub struct Monitor {
    last: Option<(Moment, ClockState)>,
    /// When somebody was first known to have set the clock, if nobody had before.
    set: Option<BootNs>,
}

impl Monitor {
    /// What changed since the last look, in the order it must be told.
    pub fn look(&mut self, now: Moment, state: ClockState) -> Vec<ClockChange> {
        let Some((before, was)) = self.last.replace((now, state)) else { return Vec::new() };
        let mut changes = Vec::new();
        let expected = before.plus_ns(now.boot_ns.0 - before.boot_ns.0).wall_ms;
        let by_ms = now.wall_ms.since(expected);
        let being_set = self.set.is_some_and(|at| now.boot_ns.since(at) <= SETTING_NS);
        if by_ms.abs() > STEP_MS {
            changes.push(ClockChange::Stepped { by_ms });
        }
        if state != was {
            changes.push(ClockChange::State { before: was, now: state });
            if was == ClockState::Unsynced {
                self.set = Some(now.boot_ns);
            }
        }
        // A clock nobody had set was wrong; whoever steps it sets it. A set clock that is stepped proves nothing about
        // what was recorded before.
        if by_ms.abs() > STEP_MS && (was == ClockState::Unsynced || being_set) {
            changes.push(ClockChange::Reanchored { until_boot_ns: now.boot_ns, by_ms });
        }
        changes
    }
}

/// 2026-01-01: a wall clock before this was never set.
const BUILT: WallMs = WallMs(1_767_225_600_000);

/// The clock's state, looked at every second by the sync thread and read by the writer. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct ClockWatch(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    boot_id: String,
    state: AtomicU8,
    monitor: Mutex<Monitor>,
}

impl ClockWatch {
    #[must_use]
    pub fn new(boot: &Boot) -> Self {
        Self(Arc::new(Inner { boot_id: boot.id.clone(), ..Inner::default() }))
    }

    /// Looks again; gives what changed.
    pub fn look(&self, clock: &Clock) -> Vec<ClockFact> {
        let at = together(clock);
        self.judged(at, clock_state(at.wall_ms, BUILT))
    }

    /// Takes in what a look gave.
    pub fn judged(&self, at: Moment, state: ClockState) -> Vec<ClockFact> {
        self.0.state.store(state as u8, Ordering::Relaxed);
        let changes = self.0.monitor.lock().unwrap_or_else(PoisonError::into_inner).look(at, state);
        let fact =
            |change| ClockFact { at_ms: at.wall_ms, boot_id: self.0.boot_id.clone(), boot_ns: at.boot_ns, change };
        changes.into_iter().map(fact).collect()
    }

    #[must_use]
    pub fn state(&self) -> ClockState {
        match self.0.state.load(Ordering::Relaxed) {
            n if n == ClockState::Ntp as u8 => ClockState::Ntp,
            n if n == ClockState::Rtc as u8 => ClockState::Rtc,
            _ => ClockState::Unsynced,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::time::{DAY_MS, SimClock};

    fn looks(sim: &SimClock, monitor: &mut Monitor, seconds: i64, state: ClockState) -> Vec<ClockChange> {
        let mut changes = Vec::new();
        for _ in 0..seconds {
            sim.advance_ms(1_000);
            changes.extend(monitor.look(now(&sim.clock()), state));
        }
        changes
    }

    // CAP-05
    #[test]
    fn a_clock_put_forward_forty_days_and_back_a_day_are_two_steps_with_their_size() {
        let sim = SimClock::at(BUILT);
        let mut monitor = Monitor::default();
        assert!(looks(&sim, &mut monitor, 60, ClockState::Ntp).is_empty());
        sim.step_wall_ms(40 * DAY_MS);
        assert_eq!(looks(&sim, &mut monitor, 60, ClockState::Ntp), [ClockChange::Stepped { by_ms: 40 * DAY_MS }]);
        sim.step_wall_ms(-DAY_MS);
        assert_eq!(looks(&sim, &mut monitor, 60, ClockState::Ntp), [ClockChange::Stepped { by_ms: -DAY_MS }]);
    }

    // CAP-05
    #[test]
    fn a_day_of_drift_and_slewing_is_no_step() {
        let sim = SimClock::at(BUILT);
        let mut monitor = Monitor::default();
        for second in 0..86_400 {
            sim.advance_ms(1_000);
            // 200 ppm in whole milliseconds.
            sim.step_wall_ms(i64::from(second % 5 == 0));
            assert!(monitor.look(now(&sim.clock()), ClockState::Ntp).is_empty());
        }
    }

    // CAP-05, PEERS 5
    #[test]
    fn a_boot_without_a_clock_is_anchored_when_somebody_sets_it_and_only_then() {
        let sim = SimClock::at(WallMs(0));
        let mut monitor = Monitor::default();
        assert!(looks(&sim, &mut monitor, 90, ClockState::Unsynced).is_empty());
        let by_ms = BUILT.0 + 5;
        sim.step_wall_ms(by_ms);
        let until_boot_ns = BootNs(91_000_000_000);
        assert_eq!(
            looks(&sim, &mut monitor, 1, ClockState::Ntp),
            [
                ClockChange::Stepped { by_ms },
                ClockChange::State { before: ClockState::Unsynced, now: ClockState::Ntp },
                ClockChange::Reanchored { until_boot_ns, by_ms },
            ]
        );
        assert!(looks(&sim, &mut monitor, 60, ClockState::Ntp).is_empty());
        sim.step_wall_ms(-3_000);
        assert_eq!(looks(&sim, &mut monitor, 1, ClockState::Ntp), [ClockChange::Stepped { by_ms: -3_000 }]);
    }

    // CAP-05
    #[test]
    fn a_mark_that_comes_before_the_step_anchors_all_the_same() {
        let sim = SimClock::at(BUILT);
        let mut monitor = Monitor::default();
        looks(&sim, &mut monitor, 10, ClockState::Unsynced);
        assert_eq!(looks(&sim, &mut monitor, 3, ClockState::Ntp).len(), 1);
        sim.step_wall_ms(7_200_000);
        let changes = looks(&sim, &mut monitor, 1, ClockState::Ntp);
        assert!(matches!(changes[..], [ClockChange::Stepped { .. }, ClockChange::Reanchored { by_ms: 7_200_000, .. }]));
    }
}
