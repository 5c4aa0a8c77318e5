//! Whether the wall clock is a fault: nobody sets it, or it jumps. Pure.

use std::collections::VecDeque;

use farwatch_shared::time::{BootNs, ClockState};

use crate::ledger::entry::Moment;

/// A box may take so long after its start until something sets its clock.
const SETTLE_NS: i64 = 300_000_000_000;
/// A step is told of for so long.
const REMEMBER_NS: i64 = 86_400_000_000_000;
/// The clock moved this much against the boot clock between two looks.
const STEP_MS: i64 = 500;
/// One step of a set clock by this much is one too many.
const LARGE_MS: i64 = 60_000;
/// So many small ones within a day are.
const MANY: usize = 3;
/// Steps remembered.
const MOST: usize = 64;

/// What was seen of it so far.
#[derive(Debug, Default)]
pub struct Sure {
    last: Option<(Moment, ClockState)>,
    unsynced_since: Option<BootNs>,
    steps: VecDeque<(BootNs, i64)>,
}

impl Sure {
    /// The verdict after this look: broken (and what to do) or not. `None` while nothing can be said yet.
    pub fn look(&mut self, now: Moment, state: ClockState) -> Option<Result<String, String>> {
        if let Some((before, was)) = self.last.replace((now, state)) {
            let by_ms = now.wall_ms.since(before.plus_ns(now.boot_ns.0 - before.boot_ns.0).wall_ms);
            // A clock that nobody had set is set by a step.
            if by_ms.abs() > STEP_MS && was != ClockState::Unsynced {
                self.steps.push_back((now.boot_ns, by_ms));
            }
        }
        while self.steps.len() > MOST || self.steps.front().is_some_and(|(at, _)| now.boot_ns.since(*at) > REMEMBER_NS)
        {
            self.steps.pop_front();
        }
        if state == ClockState::Unsynced {
            let since = *self.unsynced_since.get_or_insert(now.boot_ns);
            let long = now.boot_ns.since(since) >= SETTLE_NS;
            let said = "nobody sets this box's clock: footage is placed by when it was switched on; give it a way to a \
                        time server, or set it by hand";
            return long.then(|| Ok(said.into()));
        }
        self.unsynced_since = None;
        let largest = self.steps.iter().map(|(_, by_ms)| *by_ms).max_by_key(|by_ms| by_ms.abs()).unwrap_or(0);
        if largest.abs() >= LARGE_MS || self.steps.len() >= MANY {
            let count = self.steps.len();
            return Some(Ok(format!(
                "the clock was stepped {count} times in a day, at most by {} s; nothing is deleted early for it, and \
                 every step is in the ledger; look at what sets this box's clock",
                largest / 1000
            )));
        }
        Some(Err("the clock is set and runs evenly".into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::clocks;
    use farwatch_shared::time::{DAY_MS, SimClock, WallMs};

    fn run(sure: &mut Sure, sim: &SimClock, seconds: i64, state: ClockState) -> Option<bool> {
        let mut verdict = None;
        for _ in 0..seconds {
            sim.advance_ms(1_000);
            verdict = sure.look(clocks::now(&sim.clock()), state).map(|v| v.is_ok());
        }
        verdict
    }

    // CAP-05
    #[test]
    fn a_clock_nobody_sets_is_a_fault_after_five_minutes_and_mended_when_it_is_set() {
        let (sim, mut sure) = (SimClock::at(WallMs(0)), Sure::default());
        assert_eq!(run(&mut sure, &sim, 299, ClockState::Unsynced), None);
        assert_eq!(run(&mut sure, &sim, 10, ClockState::Unsynced), Some(true));
        sim.step_wall_ms(1_800_000_000_000);
        assert_eq!(run(&mut sure, &sim, 5, ClockState::Ntp), Some(false), "the step that set it is none");
    }

    // CAP-05
    #[test]
    fn a_set_clock_that_jumps_is_a_fault_for_a_day() {
        let (sim, mut sure) = (SimClock::at(WallMs(1_800_000_000_000)), Sure::default());
        assert_eq!(run(&mut sure, &sim, 5, ClockState::Ntp), Some(false));
        sim.step_wall_ms(40 * DAY_MS);
        assert_eq!(run(&mut sure, &sim, 1, ClockState::Ntp), Some(true));
        assert_eq!(run(&mut sure, &sim, 86_000, ClockState::Ntp), Some(true));
        assert_eq!(run(&mut sure, &sim, 600, ClockState::Ntp), Some(false));
        for _ in 0..2 {
            sim.step_wall_ms(-2_000);
            assert_eq!(run(&mut sure, &sim, 60, ClockState::Rtc), Some(false), "a leap or two");
        }
        sim.step_wall_ms(-2_000);
        assert_eq!(run(&mut sure, &sim, 60, ClockState::Rtc), Some(true));
    }
}
