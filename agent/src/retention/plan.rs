//! Which footage goes. Values and a time in, a list out; no clock, no disk.
//!
//! Ages are counted on the line of evidence (trusted time), on which every segment was placed when it was catalogued, so that a
//! stepped wall clock makes nothing older than it is.

use std::collections::BTreeMap;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{CameraId, SegmentId};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{ClockState, DAY_MS, Span, WallMs};
use farwatch_shared::wire::latest::RetentionRule;

/// Kept for cameras no policy names any more.
pub const DEFAULT_RULE: Rule = Rule { floor_days: 30, ceiling_days: None };

/// How long a camera's footage is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Never delete younger.
    pub floor_days: u32,
    /// Must delete older.
    pub ceiling_days: Option<u32>,
}

impl From<RetentionRule> for Rule {
    fn from(rule: RetentionRule) -> Self {
        Self { floor_days: rule.floor_days, ceiling_days: rule.ceiling_days }
    }
}

/// Footage that stays whatever the rules say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hold {
    pub camera: CameraId,
    pub span: Span,
}

/// A closed segment that might go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub segment: SegmentId,
    /// As recorded: what holds and people mean.
    pub span: Span,
    /// Its end on the line of evidence: what ages are counted from.
    pub aged_from: WallMs,
    pub bytes: ByteSize,
    pub digest: Digest,
}

/// What is known about the present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Trusted time: a lower bound of true time.
    pub trusted: WallMs,
    pub clock: ClockState,
}

/// The vault's file system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    pub free: ByteSize,
    /// Deleting starts below this.
    pub min_free: ByteSize,
}

impl Space {
    /// Deleting ends above this: 10 % more, at most 1 GiB, so that it does not start anew with every segment.
    #[must_use]
    pub fn enough(&self) -> ByteSize {
        ByteSize(self.min_free.0.saturating_add((self.min_free.0 / 10).min(1 << 30)))
    }
}

/// Why a segment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Older than it may be.
    Ceiling,
    /// Old enough to go, and room is needed.
    Space,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    pub segment: SegmentId,
    pub span: Span,
    pub bytes: ByteSize,
    pub digest: Digest,
    pub why: Why,
}

/// The plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Oldest first.
    pub deletions: Vec<Deletion>,
    /// Bytes still missing under `min_free` when everything that may go is gone: the promise cannot be kept on this disk.
    pub missing: ByteSize,
}

/// Whether a hold covers any of it.
#[must_use]
pub fn is_held(holds: &[Hold], camera: CameraId, span: &Span) -> bool {
    holds.iter().any(|hold| hold.camera == camera && hold.span.overlaps(span))
}

/// Chooses. `candidates` are the oldest segments of every stream, in any order.
#[must_use]
pub fn plan(
    candidates: &[Candidate],
    rules: &BTreeMap<CameraId, Rule>,
    holds: &[Hold],
    space: Space,
    now: Now,
) -> Outcome {
    let rule_of = |c: &Candidate| rules.get(&c.segment.camera).copied().unwrap_or(DEFAULT_RULE);
    let older_than = |c: &Candidate, days: u32| now.trusted.since(c.aged_from) > i64::from(days) * DAY_MS;
    let mut free_to_go: Vec<&Candidate> = candidates
        .iter()
        .filter(|c| older_than(c, rule_of(c).floor_days) && !is_held(holds, c.segment.camera, &c.span))
        .collect();
    free_to_go.sort_by_key(|c| (c.aged_from, c.segment));
    let mut outcome = Outcome::default();
    let mut freed = 0u64;
    let mut rest = Vec::new();
    for candidate in free_to_go {
        let past_ceiling = rule_of(candidate).ceiling_days.is_some_and(|days| older_than(candidate, days));
        // A clock nobody set proves nothing; the ceiling waits until somebody does.
        if past_ceiling && now.clock != ClockState::Unsynced {
            freed = freed.saturating_add(candidate.bytes.0);
            outcome.deletions.push(deletion(candidate, Why::Ceiling));
        } else {
            rest.push(candidate);
        }
    }
    let free = |freed: u64| space.free.0.saturating_add(freed);
    if free(freed) < space.min_free.0 {
        for candidate in rest {
            if free(freed) >= space.enough().0 {
                break;
            }
            freed = freed.saturating_add(candidate.bytes.0);
            outcome.deletions.push(deletion(candidate, Why::Space));
        }
        outcome.missing = ByteSize(space.min_free.0.saturating_sub(free(freed)));
    }
    outcome
}

fn deletion(candidate: &Candidate, why: Why) -> Deletion {
    Deletion { segment: candidate.segment, span: candidate.span, bytes: candidate.bytes, digest: candidate.digest, why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::id::{RunId, StreamName};

    const T0: WallMs = WallMs(1_800_000_000_000);
    const SIZE: ByteSize = ByteSize(1_000);

    struct Site {
        camera: CameraId,
        footage: Vec<Candidate>,
        rules: BTreeMap<CameraId, Rule>,
        holds: Vec<Hold>,
        /// True time, wall clock offset from it, and what the box has proof of.
        now: WallMs,
        wall_offset_ms: i64,
        made: u32,
    }

    impl Site {
        fn new(floor_days: u32, ceiling_days: Option<u32>) -> Self {
            let camera = CameraId::generate();
            let rules = BTreeMap::from([(camera, Rule { floor_days, ceiling_days })]);
            Self { camera, footage: Vec::new(), rules, holds: Vec::new(), now: T0, wall_offset_ms: 0, made: 0 }
        }

        /// One segment an hour keeps a month within a test's patience.
        fn record_hours(&mut self, hours: u32) {
            for _ in 0..hours {
                let end = self.now.plus_ms(3_600_000);
                let wall = |t: WallMs| t.plus_ms(self.wall_offset_ms);
                let segment = SegmentId {
                    camera: self.camera,
                    stream: StreamName::Main,
                    run: RunId { boot: 1, counter: 1 },
                    sequence: self.made,
                };
                let span = Span { start_ms: wall(self.now), end_ms: wall(end) };
                self.footage.push(Candidate { segment, span, aged_from: end, bytes: SIZE, digest: Digest::ZERO });
                self.made += 1;
                self.now = end;
            }
        }

        fn sweep(&mut self, free: u64, min_free: u64, clock: ClockState) -> Outcome {
            let space = Space { free: ByteSize(free), min_free: ByteSize(min_free) };
            let outcome = plan(&self.footage, &self.rules, &self.holds, space, Now { trusted: self.now, clock });
            self.footage.retain(|c| !outcome.deletions.iter().any(|d| d.segment == c.segment));
            outcome
        }

        fn oldest_age_h(&self) -> i64 {
            let oldest = self.footage.iter().map(|c| c.aged_from).min().unwrap();
            self.now.since(oldest) / 3_600_000
        }
    }

    const ROOM: (u64, u64) = (1 << 40, 1 << 30);

    // CAP-01
    #[test]
    fn in_thirty_one_days_nothing_older_than_the_ceiling_stays_and_nothing_younger_than_the_floor_goes() {
        let mut site = Site::new(7, Some(7));
        for _ in 0..31 * 24 {
            site.record_hours(1);
            let outcome = site.sweep(ROOM.0, ROOM.1, ClockState::Ntp);
            for gone in outcome.deletions {
                assert!(site.now.since(gone.span.end_ms) > 7 * DAY_MS);
                assert_eq!(gone.why, Why::Ceiling);
            }
            assert!(site.oldest_age_h() <= 7 * 24);
        }
        assert_eq!(site.footage.len(), 7 * 24 + 1);
    }

    #[test]
    fn a_stepped_clock_deletes_nothing_early() {
        let mut site = Site::new(30, Some(31));
        site.record_hours(10 * 24);
        site.wall_offset_ms = 40 * DAY_MS;
        assert!(site.sweep(0, ROOM.1, ClockState::Ntp).deletions.is_empty(), "+40 d");
        site.record_hours(24);
        site.wall_offset_ms = -DAY_MS;
        site.record_hours(19 * 24);
        let outcome = site.sweep(0, ROOM.1, ClockState::Ntp);
        assert!(outcome.deletions.is_empty(), "30 days are not over: {outcome:?}");
        site.record_hours(2);
        let outcome = site.sweep(0, ROOM.1, ClockState::Ntp);
        assert_eq!(outcome.deletions.len(), 1);
        assert_eq!(outcome.deletions[0].why, Why::Space);
    }

    #[test]
    fn a_clock_nobody_set_keeps_the_ceiling_waiting() {
        let mut site = Site::new(1, Some(2));
        site.record_hours(10 * 24);
        assert!(site.sweep(ROOM.0, ROOM.1, ClockState::Unsynced).deletions.is_empty());
        assert_eq!(site.sweep(ROOM.0, ROOM.1, ClockState::Rtc).deletions.len(), 8 * 24 - 1);
    }

    // CAP-01
    #[test]
    fn a_held_clip_survives_ceiling_and_need() {
        let mut site = Site::new(1, Some(2));
        site.record_hours(24);
        let span = Span { start_ms: T0.plus_ms(5 * 3_600_000 + 1), end_ms: T0.plus_ms(7 * 3_600_000) };
        site.holds.push(Hold { camera: site.camera, span });
        site.record_hours(10 * 24);
        site.sweep(0, u64::MAX, ClockState::Ntp);
        let kept: Vec<u32> = site.footage.iter().map(|c| c.segment.sequence).take_while(|s| *s < 24).collect();
        assert_eq!(kept, [5, 6]);
    }

    #[test]
    fn a_floor_the_disk_cannot_keep_is_told_and_kept() {
        let mut site = Site::new(30, None);
        site.record_hours(40 * 24);
        let before = site.footage.len();
        let outcome = site.sweep(0, 1_000_000_000, ClockState::Ntp);
        assert_eq!(before - site.footage.len(), outcome.deletions.len());
        assert!(site.footage.iter().all(|c| site.now.since(c.aged_from) <= 30 * DAY_MS));
        assert_eq!(outcome.missing, ByteSize(1_000_000_000 - 1_000 * outcome.deletions.len() as u64));
    }

    #[test]
    fn deleting_stops_a_little_above_the_line_it_started_at() {
        let mut site = Site::new(1, None);
        site.record_hours(10 * 24);
        let outcome = site.sweep(99_500, 100_000, ClockState::Ntp);
        assert_eq!(outcome.deletions.len(), 11, "to 110,000");
        assert!(site.sweep(110_500, 100_000, ClockState::Ntp).deletions.is_empty());
        let order: Vec<_> = outcome.deletions.iter().map(|d| d.segment.sequence).collect();
        assert_eq!(order, (0..11).collect::<Vec<_>>(), "oldest first");
    }

    #[test]
    fn footage_of_a_forgotten_camera_is_kept_thirty_days() {
        let mut site = Site::new(1, Some(1));
        site.rules.clear();
        site.record_hours(29 * 24);
        assert!(site.sweep(0, u64::MAX, ClockState::Ntp).deletions.is_empty());
    }
}
