//! What is promised to be kept, as the engine reads it.
//!
//! Belongs here: the policy in force, holds, whether one segment may go on a given ground. Does not: what goes when (`plan`).

use std::collections::BTreeMap;

use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::time::{ClockState, DAY_MS, Span, WallMs};
use farwatch_shared::wire::latest::{GiveWay, RetentionRule, WhenShort};

use super::lines::Lines;

/// Kept for cameras no policy names any more.
pub const DEFAULT_RULE: RetentionRule =
    RetentionRule { floor_days: 30, ceiling_days: None, event_days: None, quota: None };

/// The retention policy in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    pub cameras: BTreeMap<CameraId, RetentionRule>,
    pub lines: Lines,
    pub when_short: WhenShort,
    /// What goes when the disk is short of even the floors.
    pub give_way: Vec<GiveWay>,
}

impl Policy {
    #[must_use]
    pub fn rule(&self, camera: CameraId) -> RetentionRule {
        self.cameras.get(&camera).copied().unwrap_or(DEFAULT_RULE)
    }

    /// The steps that may be taken below the hard floor. When the floor stands, only what is over it goes.
    #[must_use]
    pub fn steps(&self) -> &[GiveWay] {
        match self.when_short {
            WhenShort::KeepFloor => &[GiveWay::OverFloor],
            WhenShort::KeepRecording if self.give_way.is_empty() => &GiveWay::USUAL,
            WhenShort::KeepRecording => &self.give_way,
        }
    }
}

/// Footage with an event in it, or without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    Plain,
    Event,
}

impl Class {
    #[must_use]
    pub fn of(has_event: bool) -> Self {
        if has_event { Self::Event } else { Self::Plain }
    }
}

/// Days that footage of a class is promised.
#[must_use]
pub fn promised_days(rule: &RetentionRule, class: Class) -> u32 {
    match class {
        Class::Plain => rule.floor_days,
        Class::Event => rule.event_days.unwrap_or(0).max(rule.floor_days),
    }
}

/// Footage that stays whatever the rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    pub camera: CameraId,
    pub span: Span,
}

/// Whether a hold covers any of it.
#[must_use]
pub fn is_held(holds: &[Hold], camera: CameraId, span: &Span) -> bool {
    holds.iter().any(|hold| hold.camera == camera && hold.span.overlaps(span))
}

/// What is known about the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Trusted time: a lower bound of true time.
    pub trusted: WallMs,
    pub clock: ClockState,
}

impl Now {
    /// Whether footage that became safe then is older than so many days.
    #[must_use]
    pub fn is_past(&self, aged_from: WallMs, days: u32) -> bool {
        self.trusted.since(aged_from) > i64::from(days) * DAY_MS
    }
}

/// On what ground a segment may go. Holds are asked besides, on every ground.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ground {
    /// Older than it may be. A clock nobody set proves nothing: then this waits.
    Ceiling,
    /// Older than was promised.
    Promise,
    /// A declared step of giving way.
    Step(Step),
}

/// [`GiveWay`], with an order so that it can stand in a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    OverFloor,
    SubStreams,
    WithoutEvent,
    Oldest,
}

impl From<GiveWay> for Step {
    fn from(step: GiveWay) -> Self {
        match step {
            GiveWay::OverFloor => Self::OverFloor,
            GiveWay::SubStreams => Self::SubStreams,
            GiveWay::WithoutEvent => Self::WithoutEvent,
            GiveWay::Oldest => Self::Oldest,
        }
    }
}

/// Whether footage may go on this ground, as far as its age and kind say.
#[must_use]
pub fn may_go(
    ground: Ground,
    rule: &RetentionRule,
    stream: StreamName,
    class: Class,
    aged_from: WallMs,
    now: &Now,
) -> bool {
    match ground {
        Ground::Ceiling => {
            now.clock != ClockState::Unsynced && rule.ceiling_days.is_some_and(|days| now.is_past(aged_from, days))
        }
        Ground::Promise => now.is_past(aged_from, promised_days(rule, class)),
        Ground::Step(Step::OverFloor) => now.is_past(aged_from, rule.floor_days),
        Ground::Step(Step::SubStreams) => stream == StreamName::Sub,
        Ground::Step(Step::WithoutEvent) => class == Class::Plain,
        Ground::Step(Step::Oldest) => true,
    }
}
