//! Whether footage of a stream is due at an instant, and since when that is so. Pure.
//!
//! Belongs here: what the cutter asks before it opens a file and while it holds one. Does not: why (plans, triggers), what a
//! schedule means (`shared::policy`).

use farwatch_shared::policy::schedule::Weekly;
use farwatch_shared::time::WallMs;

use crate::ledger::entry::Moment;

/// What is due.
#[derive(Debug, Clone)]
pub enum Due {
    /// Everything; since then, where it was not before.
    Open { since: Option<Moment> },
    /// Nothing for now: between events.
    Shut { since: Option<Moment> },
    /// Nothing, and nothing is missed: live only.
    Never,
    /// By the clock on the site's wall.
    Windows(Windows),
}

/// A schedule and what it last said, so that a frame costs one comparison.
#[derive(Debug, Clone)]
pub struct Windows {
    weekly: Weekly,
    known: Option<Known>,
}

#[derive(Debug, Clone, Copy)]
struct Known {
    open: bool,
    from: WallMs,
    until: Option<WallMs>,
}

/// What holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub open: bool,
    pub since: Option<Moment>,
}

impl Due {
    #[must_use]
    pub fn windows(weekly: Weekly) -> Self {
        Self::Windows(Windows { weekly, known: None })
    }

    #[must_use]
    pub fn is_never(&self) -> bool {
        matches!(self, Self::Never)
    }

    /// Whether footage of this instant is due.
    pub fn is_open(&mut self, at: WallMs) -> bool {
        match self {
            Self::Open { .. } => true,
            Self::Shut { .. } | Self::Never => false,
            Self::Windows(windows) => windows.look(at).open,
        }
    }

    /// What holds now, and since when.
    pub fn standing(&mut self, now: Moment) -> Standing {
        match self {
            Self::Open { since } => Standing { open: true, since: *since },
            Self::Shut { since } => Standing { open: false, since: *since },
            Self::Never => Standing { open: false, since: None },
            Self::Windows(windows) => {
                let known = windows.look(now.wall_ms);
                let ago_ns = now.wall_ms.since(known.from).saturating_mul(1_000_000);
                Standing { open: known.open, since: Some(now.plus_ns(-ago_ns)) }
            }
        }
    }
}

impl Windows {
    fn look(&mut self, at: WallMs) -> Known {
        let before = self.known;
        if let Some(known) = before
            && known.from <= at
            && known.until.is_none_or(|until| at < until)
        {
            return known;
        }
        let now = self.weekly.standing(at);
        // A boundary just passed is known to the millisecond; after a step of the clock nothing is.
        let passed = before.and_then(|b| b.until).filter(|until| *until <= at);
        let from = passed.filter(|p| self.weekly.next_change(*p) == now.until && self.weekly.is_open(*p) == now.open);
        let known = Known { open: now.open, from: from.unwrap_or(at), until: now.until };
        self.known = Some(known);
        known
    }
}

#[cfg(test)]
mod tests {
    use farwatch_shared::time::BootNs;
    use farwatch_shared::wire::latest::{Schedule, Window};

    use super::*;

    const MINUTE: i64 = 60_000;
    /// Wednesday 2026-11-25 00:00 UTC.
    const WEDNESDAY: i64 = 1_795_564_800_000;

    fn at(minute: i64) -> Moment {
        Moment { boot_ns: BootNs(minute * MINUTE * 1_000_000), wall_ms: WallMs(WEDNESDAY + minute * MINUTE) }
    }

    // CAP-02
    #[test]
    fn a_boundary_is_known_to_the_instant_however_late_it_is_noticed() {
        let window = Window { days: vec![3], start_minute: 60, end_minute: 120 };
        let schedule = Schedule { time_zone: "UTC".into(), windows: vec![window] };
        let mut gate = Due::windows(Weekly::read(&schedule).unwrap());
        assert_eq!(gate.standing(at(59)), Standing { open: false, since: Some(at(59)) }, "nothing is known of before");
        assert_eq!(gate.standing(at(75)), Standing { open: true, since: Some(at(60)) });
        assert_eq!(gate.standing(at(119)), Standing { open: true, since: Some(at(60)) });
        assert_eq!(gate.standing(at(120)), Standing { open: false, since: Some(at(120)) });
        let back = at(90);
        assert_eq!(
            gate.standing(back),
            Standing { open: true, since: Some(back) },
            "after a step the clock starts anew"
        );
    }
}
