//! What exists of a camera's time: footage, gaps, holds.

use farwatch_shared::id::{CameraId, HoldId, PersonId};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ClockTrust, StreamChoice, TriggerChoice};

/// Which stretch of which stream.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TimelineQuery {
    /// UTC ms, inclusive. Without it: 24 hours before `to_ms`.
    pub from_ms: Option<i64>,
    /// UTC ms, exclusive. Without it: now.
    pub to_ms: Option<i64>,
    /// Without it: `main`.
    #[param(inline)]
    #[serde(default)]
    pub stream: StreamChoice,
}

/// The strip of one camera stream. Spans and gaps are in order of time; those at the edges are not cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Timeline {
    #[schema(value_type = String)]
    pub camera: CameraId,
    pub stream: StreamChoice,
    /// IANA name of the site's time zone.
    pub time_zone: String,
    #[schema(value_type = i64)]
    pub from_ms: WallMs,
    #[schema(value_type = i64)]
    pub to_ms: WallMs,
    /// Footage that is closed and reported; stretches that touch are one. At most 2,000: close ones are merged when there
    /// are more (the gaps between them stay in `gaps`).
    pub spans: Vec<FootageSpan>,
    /// At most 2,000, the longest when there are more.
    pub gaps: Vec<GapSpan>,
    pub holds: Vec<Hold>,
    /// What happened in front of the camera, in order of time. At most 2,000, the longest when there are more.
    pub events: Vec<EventSpan>,
    /// Where the box's clock changed, in order of time. At most 500, the newest when there are more.
    pub clock_marks: Vec<ClockMark>,
    /// Stored footage that no longer matches its digest, or does not decode.
    pub damage: Vec<Stretch>,
    /// What retention removed, as certified; not in `spans`.
    pub deleted: Vec<Stretch>,
    /// UTC ms: footage from here to `open_until_ms` is on the agent's disk, not yet in `spans` (the file still open).
    #[schema(value_type = Option<i64>)]
    pub open_from_ms: Option<WallMs>,
    #[schema(value_type = Option<i64>)]
    pub open_until_ms: Option<WallMs>,
    /// Spans closer than this many ms were merged; 0 when nothing was.
    pub merged_ms: i64,
    /// Gaps left out because there were more than 2,000.
    pub gaps_left_out: u64,
}

/// A stretch of footage without a hole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FootageSpan {
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
    #[schema(value_type = u64)]
    pub bytes: ByteSize,
    /// Bytes per slot of equal length over the span: how much moved. Empty when unknown.
    pub activity: Vec<u32>,
    /// How far the box's clock could be trusted meanwhile; the worst, where spans were merged for number's sake.
    pub clock: ClockTrust,
}

/// Something happened, pre- and post-roll not counted in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct EventSpan {
    pub trigger: TriggerChoice,
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
    pub detail: Option<String>,
}

/// The box's clock changed: it stepped, was set later, or its trust changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ClockMark {
    /// UTC ms, as the clock had it afterwards.
    #[schema(value_type = i64)]
    pub at_ms: WallMs,
    pub kind: ClockMarkKind,
    /// How far it moved; positive is forward.
    pub by_ms: Option<i64>,
    /// Its trust from then on.
    pub state: Option<ClockTrust>,
}

/// What a [`ClockMark`] tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ClockMarkKind {
    /// It moved against the boot clock.
    Stepped,
    /// Its trust changed.
    State,
    /// Footage recorded before, while nobody had set the clock, is later than it says by `by_ms`.
    Reanchored,
}

/// A stretch of time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Stretch {
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
}

/// Which stretch of a site.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SiteStripQuery {
    /// UTC ms, inclusive. Without it: 24 hours before `to_ms`.
    pub from_ms: Option<i64>,
    /// UTC ms, exclusive. Without it: now.
    pub to_ms: Option<i64>,
}

/// The strips of a site's cameras, main streams, in few words: for a page that shows many at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct SiteStrip {
    /// IANA name of the site's time zone.
    pub time_zone: String,
    #[schema(value_type = i64)]
    pub from_ms: WallMs,
    #[schema(value_type = i64)]
    pub to_ms: WallMs,
    /// By name.
    pub cameras: Vec<CameraStrip>,
}

/// One camera of a [`SiteStrip`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CameraStrip {
    #[schema(value_type = String)]
    pub camera: CameraId,
    /// As in `Timeline`, at most 200, with at most 200 slots of activity in all.
    pub spans: Vec<FootageSpan>,
    /// At most 200, the longest when there are more.
    pub gaps: Vec<GapSpan>,
    #[schema(value_type = Option<i64>)]
    pub open_from_ms: Option<WallMs>,
    #[schema(value_type = Option<i64>)]
    pub open_until_ms: Option<WallMs>,
    pub damage: Vec<Stretch>,
    pub holds: Vec<Stretch>,
}

/// Why footage is missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// One camera was silent, refused, or sent what cannot be kept.
    Camera,
    /// The carrier was down, or every camera of an interface was silent.
    Network,
    /// The recorder or agent was not running.
    Agent,
    /// The disk was full or too slow.
    Disk,
    /// The box lost power.
    Power,
    /// The clock was stepped.
    Clock,
    /// A recorder handed over to its successor.
    Update,
    /// A person switched recording off or stopped the service.
    Operator,
    /// Not due by schedule.
    Schedule,
}

/// A hole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct GapSpan {
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
    pub cause: GapReason,
    pub detail: Option<String>,
}

/// Footage that may not be deleted until the hold is released.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hold {
    #[schema(value_type = String)]
    pub id: HoldId,
    #[schema(value_type = String)]
    pub camera: CameraId,
    #[schema(value_type = i64)]
    pub start_ms: WallMs,
    #[schema(value_type = i64)]
    pub end_ms: WallMs,
    pub reason: String,
    /// Who placed it; absent when it was placed at the hub's own command line.
    #[schema(value_type = Option<String>)]
    pub person: Option<PersonId>,
    #[schema(value_type = i64)]
    pub created_ms: WallMs,
}

/// Places a hold.
#[derive(Debug, Deserialize, ToSchema)]
pub struct AddHold {
    /// UTC ms, inclusive.
    pub start_ms: i64,
    /// UTC ms, exclusive.
    pub end_ms: i64,
    /// Why, 1 to 500 characters. It is journaled.
    pub reason: String,
}
