//! What the recorder lets go when the disk is full and the agent is silent.
//!
//! Belongs here: the choice, as a pure function of what lies there, the plan's rule and the time. Does not: measuring free
//! space, or deleting.

use std::collections::BTreeMap;

use farwatch_shared::id::{CameraId, SegmentId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{DAY_MS, Span, WallMs};

use super::protocol::{DiskRule, GiveWay};

/// A closed segment that lies in the vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub segment: SegmentId,
    pub bytes: ByteSize,
    pub span: Span,
}

/// Segments to delete, in order, so that at least `need` bytes come free: the plan's steps one after the other, the oldest
/// first within each. Held footage and what no step names stay, even when `need` is then not met.
#[must_use]
pub fn choose(
    candidates: &[Candidate],
    rule: &DiskRule,
    floors: &BTreeMap<CameraId, u32>,
    now: WallMs,
    need: ByteSize,
) -> Vec<Candidate> {
    let mut left: Vec<Candidate> = candidates.iter().filter(|c| !held(c, rule)).copied().collect();
    left.sort_by_key(|c| (c.span.end_ms, c.segment));
    let mut chosen = Vec::new();
    let mut freed = 0;
    for step in &rule.give_way {
        let mut kept = Vec::new();
        for candidate in left {
            if freed < need.bytes() && named(*step, &candidate, floors, now) {
                freed += candidate.bytes.bytes();
                chosen.push(candidate);
            } else {
                kept.push(candidate);
            }
        }
        left = kept;
    }
    chosen
}

fn held(candidate: &Candidate, rule: &DiskRule) -> bool {
    rule.holds.iter().any(|hold| hold.camera == candidate.segment.camera && hold.span.overlaps(&candidate.span))
}

fn named(step: GiveWay, candidate: &Candidate, floors: &BTreeMap<CameraId, u32>, now: WallMs) -> bool {
    match step {
        GiveWay::OverFloor => {
            // A camera that is no longer in the plan has no promise left to keep but its age is unknown to us: the
            // cautious reading is the longest floor of any camera.
            let longest = floors.values().copied().max().unwrap_or(30);
            let days = floors.get(&candidate.segment.camera).copied().unwrap_or(longest);
            now.since(candidate.span.end_ms) > i64::from(days) * DAY_MS
        }
        // The recorder knows no events; that step is the agent's.
        GiveWay::WithoutEvent => false,
        GiveWay::SubStreams => candidate.segment.stream == StreamName::Sub,
        GiveWay::Oldest => true,
    }
}

#[cfg(test)]
mod tests {
    use farwatch_shared::id::RunId;

    use super::super::protocol::PlanHold;
    use super::*;

    const NOW: WallMs = WallMs(100 * DAY_MS);

    fn segment(camera: CameraId, stream: StreamName, days_old: i64, sequence: u32) -> Candidate {
        let end = NOW.plus_ms(-days_old * DAY_MS);
        Candidate {
            segment: SegmentId { camera, stream, run: RunId { boot: 1, counter: 1 }, sequence },
            bytes: ByteSize(100),
            span: Span::new(end.plus_ms(-60_000), end).unwrap(),
        }
    }

    fn rule(give_way: &[GiveWay]) -> DiskRule {
        DiskRule { give_way: give_way.to_vec(), ..DiskRule::default() }
    }

    // RET-01
    #[test]
    fn footage_over_its_floor_goes_before_a_sub_stream_and_that_before_young_footage() {
        let camera = CameraId::generate();
        let (old, sub, young) = (
            segment(camera, StreamName::Main, 40, 0),
            segment(camera, StreamName::Sub, 5, 0),
            segment(camera, StreamName::Main, 6, 1),
        );
        let floors = BTreeMap::from([(camera, 30)]);
        let all = rule(&[GiveWay::OverFloor, GiveWay::SubStreams, GiveWay::Oldest]);
        let take = |need| choose(&[young, sub, old], &all, &floors, NOW, ByteSize(need));
        assert_eq!(take(1), [old]);
        assert_eq!(take(101), [old, sub]);
        assert_eq!(take(1_000), [old, sub, young]);
        assert_eq!(choose(&[young, sub, old], &rule(&[GiveWay::OverFloor]), &floors, NOW, ByteSize(1_000)), [old]);
        assert_eq!(choose(&[old], &rule(&[]), &floors, NOW, ByteSize(1_000)), []);
    }

    // RET-03
    #[test]
    fn a_held_segment_stays_even_when_the_disk_is_full() {
        let camera = CameraId::generate();
        let held = segment(camera, StreamName::Main, 40, 0);
        let mut rule = rule(&[GiveWay::Oldest]);
        rule.holds = vec![PlanHold { camera, span: held.span }];
        assert_eq!(choose(&[held], &rule, &BTreeMap::new(), NOW, ByteSize(1_000)), []);
    }

    #[test]
    fn footage_of_a_camera_no_longer_planned_keeps_the_longest_floor() {
        let (gone, planned) = (CameraId::generate(), CameraId::generate());
        let floors = BTreeMap::from([(planned, 60)]);
        let old = segment(gone, StreamName::Main, 50, 0);
        assert_eq!(choose(&[old], &rule(&[GiveWay::OverFloor]), &floors, NOW, ByteSize(1)), []);
    }
}
