//! When a weekly schedule is open. Pure: an instant in, yes or no and until when out.
//!
//! The clock on the site's wall decides: a window is open at every instant whose local reading lies in it. So when clocks
//! go forward, a window that would begin in the skipped hour begins with the hour after it; when they go back, the hour
//! that comes twice is open both times or not at all. More than was asked for may be recorded on such a night, never less.
//!
//! Zone rules come from the system where it has them, else from those built in.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::refusal::Refusal;
use crate::time::{DAY_MS, WallMs};
use crate::wire::latest::{Schedule, Window};

const WEEK_MS: i64 = 7 * DAY_MS;
const MINUTE_MS: i64 = 60_000;
/// Nobody draws more; a plan must stay small.
const WINDOWS_LIMIT: usize = 200;

/// A schedule ready to be asked.
#[derive(Debug, Clone)]
pub struct Weekly {
    zone: TimeZone,
    /// Open spans of the local week in milliseconds since Monday 00:00, disjoint and rising.
    open: Vec<(i64, i64)>,
}

/// What a schedule says at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub open: bool,
    /// When that changes; `None` for a schedule that is always or never open.
    pub until: Option<WallMs>,
}

impl Weekly {
    /// Checks a schedule and makes it ready.
    ///
    /// # Errors
    /// [`Refusal::BadSchedule`] for a zone nobody knows, or a window without a day or with a time no day has.
    pub fn read(schedule: &Schedule) -> Result<Self, Refusal> {
        let zone = zone(&schedule.time_zone)?;
        if schedule.windows.len() > WINDOWS_LIMIT || !schedule.windows.iter().all(is_window) {
            return Err(Refusal::BadSchedule);
        }
        Ok(Self { zone, open: merge(schedule.windows.iter().flat_map(spans).collect()) })
    }

    #[must_use]
    pub fn is_open(&self, at: WallMs) -> bool {
        let here = self.local(at).rem_euclid(WEEK_MS);
        self.open.iter().any(|(start, end)| (*start..*end).contains(&here))
    }

    /// What holds at an instant, and until when.
    #[must_use]
    pub fn standing(&self, at: WallMs) -> Standing {
        Standing { open: self.is_open(at), until: self.next_change(at) }
    }

    /// The next instant at which the schedule opens or closes.
    #[must_use]
    pub fn next_change(&self, at: WallMs) -> Option<WallMs> {
        let open = self.is_open(at);
        let mut from = at;
        // Zones change a few times a year: within two weeks the schedule has shown all it does.
        while from.since(at) <= 2 * WEEK_MS {
            let edge = self.next_edge(from);
            let shift = self.next_shift(from).filter(|shift| edge.is_none_or(|edge| *shift <= edge));
            // Without an edge there may still be a shift, and after it nothing else either.
            from = shift.or(edge)?;
            if self.is_open(from) != open {
                return Some(from);
            }
        }
        None
    }

    /// The wall clock's reading as milliseconds since its own Monday 1969-12-29 00:00.
    fn local(&self, at: WallMs) -> i64 {
        // 1970 began on a Thursday.
        at.0.saturating_add(self.offset_ms(at)).saturating_add(3 * DAY_MS)
    }

    fn offset_ms(&self, at: WallMs) -> i64 {
        let at = Timestamp::from_millisecond(at.0).unwrap_or(Timestamp::UNIX_EPOCH);
        i64::from(self.zone.to_offset(at).seconds()) * 1_000
    }

    /// Where the schedule would next change if the zone's offset stayed.
    fn next_edge(&self, at: WallMs) -> Option<WallMs> {
        let here = self.local(at).rem_euclid(WEEK_MS);
        let edges = || self.open.iter().flat_map(|(start, end)| [*start, *end]);
        let next = edges().filter(|edge| *edge > here).min();
        let wait = next.or_else(|| edges().min().map(|edge| edge + WEEK_MS))? - here;
        Some(at.plus_ms(wait))
    }

    /// When the zone's offset next changes.
    fn next_shift(&self, at: WallMs) -> Option<WallMs> {
        let from = Timestamp::from_millisecond(at.0).ok()?;
        self.zone.following(from).next().map(|shift| WallMs(shift.timestamp().as_millisecond()))
    }
}

/// The zone of an IANA name.
///
/// # Errors
/// [`Refusal::BadSchedule`] for a name nobody knows.
pub fn zone(name: &str) -> Result<TimeZone, Refusal> {
    TimeZone::get(name).ok().filter(|zone| !zone.is_unknown()).ok_or(Refusal::BadSchedule)
}

fn is_window(window: &Window) -> bool {
    !window.days.is_empty()
        && window.days.iter().all(|day| (1..=7).contains(day))
        && window.start_minute < 1_440
        && window.end_minute <= 1_440
}

/// A window's spans of the week, cut at Sunday midnight.
fn spans(window: &Window) -> Vec<(i64, i64)> {
    let (start, end) = (i64::from(window.start_minute), i64::from(window.end_minute));
    let length = if end > start { end - start } else { end + 1_440 - start };
    let of_day = |day: &u8| {
        let start = (i64::from(*day) - 1) * DAY_MS + start * MINUTE_MS;
        let end = start + length * MINUTE_MS;
        if end > WEEK_MS { vec![(start, WEEK_MS), (0, end - WEEK_MS)] } else { vec![(start, end)] }
    };
    window.days.iter().flat_map(of_day).collect()
}

fn merge(mut spans: Vec<(i64, i64)>) -> Vec<(i64, i64)> {
    spans.sort_unstable();
    let mut merged: Vec<(i64, i64)> = Vec::with_capacity(spans.len());
    for (start, end) in spans {
        match merged.last_mut() {
            Some(last) if start <= last.1 => last.1 = last.1.max(end),
            _ => merged.push((start, end)),
        }
    }
    merged
}

#[cfg(test)]
#[path = "schedule_tests.rs"]
mod tests;
