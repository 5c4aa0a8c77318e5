//! What was and was not recorded of a stream on a day: the sums of a coverage statement. Pure.
//!
//! Belongs here: a site's days, counting stretches into them. Does not: where stretches come from
//! ([`super::ledgered`]), signing, when a statement is made.
//!
//! The rule: recorded, damaged and missing time are disjoint and together give the expected time. Agent and verifier count
//! with this same code over the same entries, so a statement that differs was not made from these logs.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use sha2::{Digest as _, Sha256};

use super::documents::{CauseTotal, CoverageStatement};
use super::entry::Closed;
use super::ledgered::{Of, Stretch};
use crate::digest::Digest;
use crate::size::ByteSize;
use crate::time::{DAY_MS, Span, WallMs};
use crate::wire::v1::GapCause;

/// How long after its end a day is stated: what belongs to it may be told late.
pub const STATED_AFTER_MS: i64 = 2 * 3_600_000;

/// The days of a site.
#[derive(Debug, Clone)]
pub struct SiteDays {
    zone: TimeZone,
    name: String,
}

/// One day of a site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteDay {
    /// `2026-11-24`.
    pub day: String,
    pub span: Span,
}

impl SiteDays {
    /// The days of an IANA zone; of UTC without one, or when nobody knows it.
    #[must_use]
    pub fn of(zone: Option<&str>) -> Self {
        let known = zone.and_then(|name| Some((TimeZone::get(name).ok()?, name)));
        known.map_or_else(
            || Self { zone: TimeZone::UTC, name: "UTC".into() },
            |(zone, name)| Self { zone, name: name.into() },
        )
    }

    #[must_use]
    pub fn zone(&self) -> &str {
        &self.name
    }

    /// The day an instant falls in.
    #[must_use]
    pub fn day_of(&self, at: WallMs) -> SiteDay {
        self.local(at).unwrap_or_else(|| {
            // Years no calendar has; a day all the same.
            let start = WallMs(at.0.div_euclid(DAY_MS).saturating_mul(DAY_MS));
            SiteDay { day: format!("{} ms", start.0), span: Span { start_ms: start, end_ms: start.plus_ms(DAY_MS) } }
        })
    }

    fn local(&self, at: WallMs) -> Option<SiteDay> {
        let date = Timestamp::from_millisecond(at.0).ok()?.to_zoned_datetime(self.zone.clone()).date();
        let midnight = |date: Date| {
            let begins = date.to_zoned_datetime(self.zone.clone()).ok()?;
            Some(WallMs(begins.timestamp().as_millisecond()))
        };
        let span = Span::new(midnight(date)?, midnight(date.tomorrow().ok()?)?)?;
        Some(SiteDay { day: date.to_string(), span })
    }
}

/// A day of a stream being counted. Its size does not depend on how much it counts.
#[derive(Debug, Clone)]
pub struct DayCount {
    span: Span,
    held: Vec<Span>,
    damaged: Vec<Span>,
    expected_ms: i64,
    recorded_ms: i64,
    held_ms: i64,
    damaged_ms: i64,
    gaps: BTreeMap<GapCause, (u32, i64)>,
    last_gap: Option<(GapCause, WallMs)>,
    segments: u64,
    bytes: u64,
    digests: Sha256,
    unbroken: Option<WallMs>,
    broken: bool,
}

/// The sums.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DaySums {
    pub expected_ms: u64,
    pub recorded_ms: u64,
    pub held_ms: u64,
    pub damaged_ms: u64,
    pub gaps: Vec<CauseTotal>,
    pub segments: u64,
    pub bytes: ByteSize,
    pub segments_digest: Digest,
    /// Since when footage was unbroken at the day's end, when that is within the day; `broken` says that the day has a
    /// hole, so that footage of the days before does not reach its end.
    pub unbroken_since_ms: Option<WallMs>,
    pub broken: bool,
}

impl DayCount {
    /// Nothing counted yet. `held` are the spans of holds on the camera, `damaged` those of footage known to be damaged.
    #[must_use]
    pub fn new(span: Span, held: Vec<Span>, damaged: Vec<Span>) -> Self {
        Self {
            span,
            held: disjoint(held),
            damaged: disjoint(damaged),
            expected_ms: 0,
            recorded_ms: 0,
            held_ms: 0,
            damaged_ms: 0,
            gaps: BTreeMap::new(),
            last_gap: None,
            segments: 0,
            bytes: 0,
            digests: Sha256::new(),
            unbroken: None,
            broken: false,
        }
    }

    #[must_use]
    pub fn span(&self) -> Span {
        self.span
    }

    /// Counts the part of a stretch that lies in the day.
    pub fn count(&mut self, stretch: &Stretch<'_>) {
        let end_ms = stretch.start_ms.plus_ms(stretch.len_ms);
        if let Of::Recorded(closed) = stretch.of {
            self.count_segment(closed);
        }
        let Some(part) = Span::new(stretch.start_ms, end_ms).and_then(|whole| whole.intersect(&self.span)) else {
            return;
        };
        match stretch.of {
            Of::Recorded(_) => {
                self.expected_ms += part.len_ms();
                self.count_recorded(part);
            }
            Of::Missing(cause) => {
                self.expected_ms += part.len_ms();
                self.count_gap(cause, part);
            }
            Of::TakenBack => {
                self.expected_ms -= part.len_ms();
                self.recorded_ms -= part.len_ms();
            }
        }
    }

    /// A segment belongs to the day it begins in.
    fn count_segment(&mut self, closed: &Closed) {
        if self.span.contains(closed.start.wall_ms) {
            self.segments += 1;
            self.bytes = self.bytes.saturating_add(closed.bytes.bytes());
            self.digests.update(closed.digest.0);
        }
    }

    fn count_recorded(&mut self, part: Span) {
        self.last_gap = None;
        let damaged = overlap(&self.damaged, part);
        self.damaged_ms += damaged;
        self.recorded_ms += part.len_ms() - damaged;
        // Damage under a hold is kept, and is still no footage.
        self.held_ms += overlap(&self.held, part).min(part.len_ms() - damaged);
        if damaged > 0 {
            self.broken = true;
            self.unbroken = None;
        } else {
            self.unbroken.get_or_insert(part.start_ms);
        }
    }

    fn count_gap(&mut self, cause: GapCause, part: Span) {
        let (count, ms) = self.gaps.entry(cause).or_default();
        *ms += part.len_ms();
        // A long hole is ledgered piece by piece; a millisecond is rounding.
        let goes_on = self.last_gap.is_some_and(|(c, end)| c == cause && part.start_ms.since(end).abs() <= 1);
        if !goes_on {
            *count += 1;
        }
        self.last_gap = Some((cause, part.end_ms));
        if cause != GapCause::Schedule {
            self.broken = true;
            self.unbroken = None;
        }
    }

    #[must_use]
    pub fn sums(&self) -> DaySums {
        let ms = |n: i64| u64::try_from(n).unwrap_or(0);
        DaySums {
            expected_ms: ms(self.expected_ms),
            recorded_ms: ms(self.recorded_ms),
            held_ms: ms(self.held_ms),
            damaged_ms: ms(self.damaged_ms),
            gaps: self
                .gaps
                .iter()
                .map(|(cause, (count, n))| CauseTotal { cause: *cause, count: *count, ms: ms(*n) })
                .collect(),
            segments: self.segments,
            bytes: ByteSize(self.bytes),
            segments_digest: Digest(self.digests.clone().finalize().into()),
            unbroken_since_ms: self.unbroken,
            broken: self.broken,
        }
    }
}

impl DaySums {
    /// Since when footage reaches the day's end, given what the statement before said of the same stream; never before the
    /// oldest footage there is.
    #[must_use]
    pub fn unbroken_since(
        &self,
        span: Span,
        before: Option<(WallMs, WallMs)>,
        oldest: Option<WallMs>,
    ) -> Option<WallMs> {
        let reaching = before.filter(|(end, _)| !self.broken && *end == span.start_ms).map(|(_, since)| since);
        let since = reaching.or(self.unbroken_since_ms)?;
        Some(oldest.map_or(since, |oldest| since.max(oldest)))
    }

    /// What differs between these sums and a statement; `None` when it says the same.
    #[must_use]
    pub fn differs(&self, said: &CoverageStatement) -> Option<String> {
        let figures = [
            ("expected_ms", self.expected_ms, said.expected_ms),
            ("recorded_ms", self.recorded_ms, said.recorded_ms),
            ("held_ms", self.held_ms, said.held_ms),
            ("damaged_ms", self.damaged_ms, said.damaged_ms),
            ("segments", self.segments, said.segments),
            ("bytes", self.bytes.bytes(), said.bytes.bytes()),
        ];
        if let Some((name, counted, stated)) = figures.into_iter().find(|(_, counted, stated)| counted != stated) {
            return Some(format!("{name} is {stated}, the logs give {counted}"));
        }
        if self.gaps != said.gaps {
            return Some("its gaps are not those of the logs".into());
        }
        (self.segments_digest != said.segments_digest).then(|| "its segments are not those of the logs".into())
    }
}

/// Sorted and merged.
fn disjoint(mut spans: Vec<Span>) -> Vec<Span> {
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::new();
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.start_ms <= last.end_ms => last.end_ms = last.end_ms.max(span.end_ms),
            _ => merged.push(span),
        }
    }
    merged
}

fn overlap(spans: &[Span], part: Span) -> i64 {
    spans.iter().filter_map(|span| span.intersect(&part)).map(|both| both.len_ms()).sum()
}

#[cfg(test)]
#[path = "coverage_tests.rs"]
mod tests;
