//! Decode times for access units that come in decode order with presentation times.
//!
//! RTP carries presentation times only. The decode time of the n-th unit is the n-th smallest presentation time; it is
//! certain once as many more units have come as a picture can be shown late (the reorder depth). Cameras without
//! B-pictures have depth 0 and are not delayed at all.

use std::collections::VecDeque;

use farwatch_shared::media::nal::Picture;

/// H.264 and H.265 allow no more.
const DEPTH_LIMIT: usize = 16;

/// One access unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// Presentation time in media ticks.
    pub shown: i64,
    pub picture: Picture,
    pub data: Vec<u8>,
}

/// A unit whose decode time is certain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timed {
    pub unit: Unit,
    pub decoded: i64,
}

/// Holds as many units as the stream reorders.
#[derive(Debug, Clone, Default)]
pub struct Window {
    depth: usize,
    waiting: VecDeque<Unit>,
    /// Presentation times not yet given out as decode times, sorted.
    times: Vec<i64>,
    /// Presentation times of the latest units, to notice reordering nobody announced.
    recent: VecDeque<i64>,
    last: Option<i64>,
}

impl Window {
    /// The stream says how deep it reorders.
    pub fn expect_depth(&mut self, depth: u8) {
        self.depth = self.depth.max(usize::from(depth).min(DEPTH_LIMIT));
    }

    /// True when the unit was shown late by more than was known: the depth grew.
    pub fn push(&mut self, unit: Unit) -> bool {
        let late = self.recent.iter().filter(|shown| **shown > unit.shown).count();
        let grew = late > self.depth;
        self.depth = self.depth.max(late);
        if self.recent.len() == DEPTH_LIMIT {
            self.recent.pop_front();
        }
        self.recent.push_back(unit.shown);
        let at = self.times.partition_point(|time| *time <= unit.shown);
        self.times.insert(at, unit.shown);
        self.waiting.push_back(unit);
        grew
    }

    /// The next unit whose decode time is certain.
    pub fn pop(&mut self) -> Option<Timed> {
        if self.waiting.len() <= self.depth { None } else { self.release() }
    }

    /// The next unit, though a later one might still be shown before it: the stream ends here.
    pub fn release(&mut self) -> Option<Timed> {
        let unit = self.waiting.pop_front()?;
        let first = self.times.remove(0);
        let decoded = self.last.map_or(first, |last| first.max(last + 1));
        self.last = Some(decoded);
        Some(Timed { unit, decoded })
    }

    /// Up to where every picture has come, by presentation: the first interval of more than one and a half usual ones
    /// begins what is missing. `None` where nothing is reordered, or nothing waits.
    #[must_use]
    pub fn whole_until(&self, nominal: i64) -> Option<i64> {
        if self.depth == 0 {
            return None;
        }
        let mut until = self.last.or_else(|| self.times.first().copied())?;
        for time in &self.times {
            if time - until > nominal * 3 / 2 {
                break;
            }
            until = *time;
        }
        Some(until)
    }

    /// The unit after the one popped last.
    #[must_use]
    pub fn peek(&self) -> Option<&Unit> {
        self.waiting.front()
    }

    /// The earliest presentation time that waits.
    #[must_use]
    pub fn earliest(&self) -> Option<i64> {
        self.times.first().copied()
    }

    /// A new beginning; what was learned of the depth stays.
    pub fn clear(&mut self) {
        self.waiting.clear();
        self.times.clear();
        self.recent.clear();
        self.last = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(depth: u8, shown: &[i64]) -> Vec<i64> {
        let mut window = Window::default();
        window.expect_depth(depth);
        let mut out = Vec::new();
        for shown in shown {
            window.push(Unit { shown: *shown, picture: Picture::Ordinary, data: Vec::new() });
            out.extend(std::iter::from_fn(|| window.pop()).map(|t| t.decoded));
        }
        out.extend(std::iter::from_fn(|| window.release()).map(|t| t.decoded));
        out
    }

    #[test]
    fn decode_times_are_the_sorted_presentation_times() {
        assert_eq!(decoded(0, &[0, 10, 20]), [0, 10, 20]);
        assert_eq!(decoded(1, &[0, 30, 10, 20, 60, 40, 50]), [0, 10, 20, 30, 40, 50, 60]);
        assert_eq!(decoded(2, &[0, 40, 20, 10, 30, 80, 60, 50, 70]), [0, 10, 20, 30, 40, 50, 60, 70, 80]);
    }

    // CAP-03
    #[test]
    fn what_is_whole_ends_where_the_first_picture_is_missing() {
        let mut window = Window::default();
        window.expect_depth(1);
        for shown in [0, 30, 10] {
            window.push(Unit { shown, picture: Picture::Ordinary, data: Vec::new() });
        }
        assert_eq!(window.whole_until(10), Some(10), "20 has not come");
        assert_eq!(std::iter::from_fn(|| window.pop()).count(), 2);
        assert_eq!(window.whole_until(10), Some(10), "20 has not come");
        window.push(Unit { shown: 20, picture: Picture::Ordinary, data: Vec::new() });
        assert_eq!(window.whole_until(10), Some(30));
    }

    #[test]
    fn reordering_nobody_announced_is_learned_and_decode_times_still_rise() {
        let times = decoded(0, &[0, 30, 10, 20, 60, 40, 50, 90, 70, 80]);
        assert!(times.windows(2).all(|w| w[0] < w[1]), "{times:?}");
        assert_eq!(&times[4..], [40, 50, 60, 70, 80, 90], "after the first pictures it is right");
    }
}
