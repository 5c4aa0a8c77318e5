//! How long the disk lasts at the measured rate. Pure.
//!
//! Belongs here: rates out of the running totals, the day on which a promise breaks, what would go first. Does not: alarming
//! (the sweep opens a fault), refusing a policy (`admit`).
//!
//! The rate is that of yesterday and today together, so an event camera counts as it records and not as it could.

use std::collections::BTreeMap;

use farwatch_shared::id::CameraId;
use farwatch_shared::policy::budget::{Budget, Demand, Room, USUAL_EVENT_PERMILLE, budget};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{DAY_MS, WallMs};
use farwatch_shared::wire::latest::{NextToGo, RetentionHealth};

use super::plan::{Lot, Seen};
use super::rules::{Class, Policy, promised_days};
use crate::catalog::{AgeDay, Ages, Day, StreamKey, day_of, day_start};

/// A rate is believed after so long.
const HOUR_MS: i64 = 3_600_000;
/// Days looked ahead: beyond the longest promise nothing changes any more, and nobody plans further.
const HORIZON: u32 = 400;

/// How much a camera or a stream writes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Rate {
    pub bytes_per_day: u64,
    /// Of it with an event in it.
    pub event_bytes_per_day: u64,
}

impl Rate {
    #[must_use]
    pub fn event_permille(&self) -> u32 {
        let permille = u128::from(self.event_bytes_per_day) * 1000 / u128::from(self.bytes_per_day.max(1));
        u32::try_from(permille).unwrap_or(1000)
    }
}

/// What was measured on the box: the basis of forecast and admission.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measured {
    /// Cameras whose streams have been measured for an hour.
    pub rates: BTreeMap<CameraId, Rate>,
    /// Footage that lies there, plus free space.
    pub capacity: ByteSize,
    /// Held footage older than was promised.
    pub held: ByteSize,
}

impl Measured {
    #[must_use]
    pub fn room(&self, min_free: ByteSize) -> Room {
        Room { capacity: self.capacity, min_free, held: self.held }
    }

    /// What the policy needs at these rates.
    #[must_use]
    pub fn budget(&self, policy: &Policy) -> Budget {
        let demand = |(camera, rate): (&CameraId, &Rate)| Demand {
            camera: *camera,
            bytes_per_day: Some(ByteSize(rate.bytes_per_day)),
            event_permille: rate.event_permille(),
            rule: policy.rule(*camera),
        };
        let demands: Vec<Demand> = self.rates.iter().map(demand).collect();
        budget(&demands, self.room(policy.lines.min_free))
    }
}

/// The rates of all streams that have been measured for an hour.
#[must_use]
pub fn rates(ages: &Ages, now: WallMs) -> BTreeMap<StreamKey, Rate> {
    let today = day_of(now);
    let since = day_start(today.saturating_sub(1));
    let mut rates = BTreeMap::new();
    for (stream, days) in ages {
        let Some(began) = days.values().map(|figures| figures.first_ms).min() else { continue };
        let measured_ms = now.since(began.max(since));
        if measured_ms < HOUR_MS {
            continue;
        }
        let lately = || days.range(today.saturating_sub(1)..=today).map(|(_, figures)| figures);
        let added: u64 = lately().map(|figures| figures.added).sum();
        let (event, all) = lately().fold((0, 0), |(event, all), f| (event + f.event.bytes, all + f.bytes().0));
        let per_day = |bytes: u64| scaled(bytes, DAY_MS.unsigned_abs(), measured_ms.unsigned_abs());
        let bytes_per_day = per_day(added);
        if bytes_per_day > 0 {
            let event_bytes_per_day = scaled(bytes_per_day, event, all.max(1));
            rates.insert(*stream, Rate { bytes_per_day, event_bytes_per_day });
        }
    }
    rates
}

/// By camera.
#[must_use]
pub fn by_camera(rates: &BTreeMap<StreamKey, Rate>) -> BTreeMap<CameraId, Rate> {
    let mut cameras: BTreeMap<CameraId, Rate> = BTreeMap::new();
    for (stream, rate) in rates {
        let camera = cameras.entry(stream.camera).or_default();
        camera.bytes_per_day = camera.bytes_per_day.saturating_add(rate.bytes_per_day);
        camera.event_bytes_per_day = camera.event_bytes_per_day.saturating_add(rate.event_bytes_per_day);
    }
    cameras
}

/// Share of footage with events of a camera nobody measured.
#[must_use]
pub fn event_permille(rate: Option<&Rate>) -> u32 {
    rate.map_or(USUAL_EVENT_PERMILLE, Rate::event_permille)
}

/// What the forecast is made of.
#[derive(Debug, Clone, Copy)]
pub struct Outlook<'a> {
    pub now: WallMs,
    pub policy: &'a Policy,
    pub ages: &'a Ages,
    pub rates: &'a BTreeMap<StreamKey, Rate>,
    pub measured: &'a Measured,
    pub seen: &'a BTreeMap<Lot, Seen>,
}

/// The forecast; `None` until an hour was measured.
#[must_use]
pub fn forecast(outlook: &Outlook<'_>) -> Option<RetentionHealth> {
    if outlook.rates.is_empty() {
        return None;
    }
    let Outlook { policy, measured, .. } = outlook;
    let per_day: u64 = outlook.rates.values().map(|rate| rate.bytes_per_day).fold(0, u64::saturating_add);
    let capacity = measured.capacity.0.saturating_sub(policy.lines.min_free.0);
    let budget = measured.budget(policy);
    Some(RetentionHealth {
        bytes_per_day: ByteSize(per_day),
        capacity: ByteSize(capacity),
        bound: ByteSize(promised_at(outlook, 0).saturating_add(measured.held.0)),
        hours_possible: scaled(capacity.saturating_sub(measured.held.0), 24, per_day.max(1)),
        floor_hours: budget.floor_hours,
        breach_at_ms: breach_at(outlook),
        missing: budget.missing,
        next_to_go: next_to_go(outlook),
    })
}

/// When footage that was promised has to go: the bytes promised outgrow what lies above the hard floor.
fn breach_at(outlook: &Outlook<'_>) -> Option<WallMs> {
    let lines = outlook.policy.lines;
    let room = outlook.measured.capacity.0.saturating_sub(lines.hard_floor.0).saturating_sub(outlook.measured.held.0);
    let mut before = promised_at(outlook, 0);
    if before > room {
        return Some(outlook.now);
    }
    for day in 1..=HORIZON {
        let then = promised_at(outlook, day);
        if then > room {
            // Somewhere within that day, as if it filled evenly.
            let part = scaled(room - before, DAY_MS.unsigned_abs(), (then - before).max(1));
            let into = i64::try_from(part).unwrap_or(DAY_MS).min(DAY_MS);
            return Some(outlook.now.plus_ms(i64::from(day - 1) * DAY_MS + into));
        }
        before = then;
    }
    None
}

/// Bytes under promise so many days from now: what lies there and is then still young enough, and what comes.
fn promised_at(outlook: &Outlook<'_>, in_days: u32) -> u64 {
    let then = outlook.now.plus_ms(i64::from(in_days) * DAY_MS);
    let mut bytes = 0u64;
    for (stream, days) in outlook.ages {
        let rule = outlook.policy.rule(stream.camera);
        for (class, sum) in [
            (Class::Plain, (|figures: &AgeDay| figures.plain.bytes) as fn(&AgeDay) -> u64),
            (Class::Event, |figures: &AgeDay| figures.event.bytes),
        ] {
            let kept_ms = i64::from(promised_days(&rule, class)) * DAY_MS;
            let young = |day: Day| then.since(day_start(day + 1)) <= kept_ms;
            bytes += days.iter().rev().take_while(|(day, _)| young(**day)).map(|(_, f)| sum(f)).sum::<u64>();
        }
    }
    for (stream, rate) in outlook.rates {
        let rule = outlook.policy.rule(stream.camera);
        let event = rate.event_bytes_per_day.min(rate.bytes_per_day);
        let plain_days = u64::from(in_days.min(promised_days(&rule, Class::Plain)));
        let event_days = u64::from(in_days.min(promised_days(&rule, Class::Event)));
        bytes = bytes.saturating_add((rate.bytes_per_day - event).saturating_mul(plain_days));
        bytes = bytes.saturating_add(event.saturating_mul(event_days));
    }
    bytes
}

/// The footage whose promise ends first.
fn next_to_go(outlook: &Outlook<'_>) -> Option<NextToGo> {
    let mut first: Option<(WallMs, StreamKey, WallMs)> = None;
    for (stream, days) in outlook.ages {
        let rule = outlook.policy.rule(stream.camera);
        for class in [Class::Plain, Class::Event] {
            let oldest = days.iter().find_map(|(day, figures)| {
                let sum = if class == Class::Plain { figures.plain } else { figures.event };
                let seen = outlook.seen.get(&Lot { stream: *stream, day: *day, class });
                match seen.filter(|seen| seen.segments == sum.segments) {
                    _ if sum.segments == 0 => None,
                    Some(seen) => seen.oldest,
                    None => Some(figures.first_ms.max(day_start(*day))),
                }
            });
            let Some(oldest) = oldest else { continue };
            let ends = oldest.plus_ms(i64::from(promised_days(&rule, class)) * DAY_MS);
            if first.is_none_or(|(earliest, ..)| ends < earliest) {
                first = Some((ends, *stream, oldest));
            }
        }
    }
    first.map(|(_, stream, start_ms)| NextToGo { camera: stream.camera, stream: stream.stream, start_ms })
}

/// `value * by / parts`, at most [`u64::MAX`].
fn scaled(value: u64, by: u64, parts: u64) -> u64 {
    u64::try_from(u128::from(value) * u128::from(by) / u128::from(parts.max(1))).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;
