//! Whether a disk can keep what a retention policy promises: the same sum on the hub before a policy is saved and on the
//! box that has to keep it (RET-02).
//!
//! Belongs here: what cameras need per day, what a disk has room for, the bytes missing, the hours possible.
//! Does not: measuring rates or disks, deciding what goes when it is short after all, words for people.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::id::CameraId;
use crate::size::ByteSize;
use crate::wire::v1::{DesiredCamera, Recording, RetentionRule, Schedule};

/// Share of recorded time in which something happens, until it is measured: one part in ten.
pub const USUAL_EVENT_PERMILLE: u32 = 100;
/// Share of all time that is recorded around events, until it is measured: one part in five.
pub const USUAL_EVENT_RECORDING_PERMILLE: u32 = 200;
/// What is being written while the oldest is still a moment under its floor.
const TURNOVER_HOURS: u64 = 1;
const DAY_HOURS: u64 = 24;
const WEEK_MINUTES: u32 = 7 * 24 * 60;

/// What one camera asks for, all its recorded streams together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Demand {
    pub camera: CameraId,
    /// Measured, or declared and scaled by how much of the time is recorded; `None` when nobody knows yet, which asks for
    /// nothing.
    pub bytes_per_day: Option<ByteSize>,
    /// Of the footage, how much has an event in it.
    pub event_permille: u32,
    pub rule: RetentionRule,
}

/// What there is to lay footage on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Room {
    /// Footage that lies there plus everything that is free.
    pub capacity: ByteSize,
    /// To be left free.
    pub min_free: ByteSize,
    /// Held footage that is older than its floor: it takes room and no promise of the floor counts it.
    pub held: ByteSize,
}

impl Room {
    /// What footage may fill.
    #[must_use]
    pub fn usable(&self) -> ByteSize {
        ByteSize(self.capacity.0.saturating_sub(self.min_free.0).saturating_sub(self.held.0))
    }
}

/// The sum.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// For all floors and events together.
    pub needed: ByteSize,
    /// What footage may fill.
    pub usable: ByteSize,
    /// 0 when the policy can be kept.
    pub missing: ByteSize,
    /// Whole hours of footage of all cameras the disk holds; `None` while no rate is known.
    pub hours_possible: Option<u64>,
    /// The longest floor, in hours.
    pub floor_hours: u64,
    /// Cameras whose quota is less than their own floor needs, and by how much: no disk mends that.
    pub over_quota: BTreeMap<CameraId, ByteSize>,
    /// Cameras nobody knows the rate of: the sum is without them.
    pub unknown: Vec<CameraId>,
}

impl Budget {
    /// Whether the promise can be kept as far as rates are known.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.missing.0 == 0
    }
}

/// Adds up. A quota below a camera's own floor is missing bytes too: the two promises contradict each other.
#[must_use]
pub fn budget(demands: &[Demand], room: Room) -> Budget {
    let (mut needed, mut per_day, mut over_quota, mut unknown) = (0u64, 0u64, BTreeMap::new(), Vec::new());
    for demand in demands {
        let Some(rate) = demand.bytes_per_day else {
            unknown.push(demand.camera);
            continue;
        };
        let need = need_of(&demand.rule, rate, demand.event_permille);
        needed = needed.saturating_add(need.0);
        per_day = per_day.saturating_add(rate.0);
        let over = demand.rule.quota.map_or(0, |quota| need.0.saturating_sub(quota.0));
        if over > 0 {
            over_quota.insert(demand.camera, ByteSize(over));
        }
    }
    let usable = room.usable();
    let short = needed.saturating_sub(usable.0);
    let contradicted = over_quota.values().map(|over| over.0).fold(0, u64::saturating_add);
    Budget {
        needed: ByteSize(needed),
        usable,
        missing: ByteSize(short.max(contradicted)),
        hours_possible: (per_day > 0).then(|| scaled(usable.0, DAY_HOURS, per_day)),
        floor_hours: demands.iter().map(|d| u64::from(d.rule.floor_days) * DAY_HOURS).max().unwrap_or(0),
        over_quota,
        unknown,
    }
}

/// Bytes one camera's promise takes: everything through the floor, and footage with events beyond it.
#[must_use]
pub fn need_of(rule: &RetentionRule, bytes_per_day: ByteSize, event_permille: u32) -> ByteSize {
    let floor_hours = u64::from(rule.floor_days) * DAY_HOURS + TURNOVER_HOURS;
    let all = scaled(bytes_per_day.0, floor_hours, DAY_HOURS);
    let longer = u64::from(rule.event_days.unwrap_or(0).saturating_sub(rule.floor_days));
    let events = scaled(bytes_per_day.0, longer * u64::from(event_permille.min(1000)), 1000);
    ByteSize(all.saturating_add(events))
}

/// Bytes a day of a stream that runs all the time.
#[must_use]
pub fn bytes_per_day(bits_per_s: u64) -> ByteSize {
    ByteSize(scaled(bits_per_s, 86_400, 8))
}

/// What a camera was set to write per day: the declared rates of its recorded streams for the share of time that is
/// recorded. `None` unless every recorded stream declares one.
#[must_use]
pub fn declared_per_day(camera: &DesiredCamera) -> Option<ByteSize> {
    let share = recorded_permille(&camera.recording);
    let mut bits = 0u64;
    for stream in camera.streams.iter().filter(|stream| stream.record) {
        bits = bits.saturating_add(stream.target?.bits_per_s?);
    }
    Some(ByteSize(scaled(bytes_per_day(bits).0, u64::from(share), 1000)))
}

/// Share of all time a mode records.
#[must_use]
pub fn recorded_permille(recording: &Recording) -> u32 {
    match recording {
        Recording::Continuous => 1000,
        Recording::Off | Recording::LiveOnly(_) => 0,
        Recording::Event(_) => USUAL_EVENT_RECORDING_PERMILLE,
        Recording::Schedule(schedule) => (minutes_open(schedule) * 1000).div_ceil(WEEK_MINUTES),
    }
}

/// Minutes of a week, without daylight saving, in which any window is open.
fn minutes_open(schedule: &Schedule) -> u32 {
    let mut spans: Vec<(u32, u32)> = Vec::new();
    for window in &schedule.windows {
        let (start, end) = (u32::from(window.start_minute), u32::from(window.end_minute));
        let length = if end > start { end - start } else { end + 24 * 60 - start };
        for day in &window.days {
            let from = (u32::from(*day).saturating_sub(1) * 24 * 60 + start) % WEEK_MINUTES;
            let to = from + length;
            spans.push((from, to.min(WEEK_MINUTES)));
            // Sunday night reaches into Monday.
            spans.push((0, to.saturating_sub(WEEK_MINUTES)));
        }
    }
    spans.sort_unstable();
    let (mut open, mut reached) = (0, 0);
    for (from, to) in spans {
        open += to.saturating_sub(from.max(reached));
        reached = reached.max(to);
    }
    open
}

/// `value * by / parts` without overflow on the way, at most [`u64::MAX`].
fn scaled(value: u64, by: u64, parts: u64) -> u64 {
    let wide = u128::from(value) * u128::from(by) / u128::from(parts.max(1));
    u64::try_from(wide).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "budget_tests.rs"]
mod tests;
