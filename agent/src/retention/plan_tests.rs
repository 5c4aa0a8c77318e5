//! The plan over simulated months, by example and by property. The footage is a list, the disk a number.

use super::*;
use crate::catalog::{AgeDay, day_of};
use crate::retention::lines::Lines;
use farwatch_shared::digest::Digest;
use farwatch_shared::id::{RunId, SegmentId, StreamName};
use farwatch_shared::time::{ClockState, DAY_MS, Span};
use farwatch_shared::wire::latest::{GiveWay, RetentionRule, WhenShort};
use proptest::prelude::*;

const T0: WallMs = WallMs(20_833 * DAY_MS);
const HOUR_MS: i64 = 3_600_000;
const SIZE: u64 = 1_000;
const PLENTY: ByteSize = ByteSize(u64::MAX);

fn rule(floor_days: u32) -> RetentionRule {
    RetentionRule { floor_days, ceiling_days: None, event_days: None, quota: None }
}

/// A site whose segments are an hour long.
struct Site {
    camera: CameraId,
    footage: Vec<Entry>,
    policy: Policy,
    holds: Vec<Hold>,
    now: WallMs,
    wall_offset_ms: i64,
    clock: ClockState,
    /// Bytes of the disk.
    disk: u64,
    seen: BTreeMap<Lot, Seen>,
    clearing: bool,
}

impl Site {
    fn new(rule: RetentionRule, disk: u64, min_free: u64) -> Self {
        let camera = CameraId::generate();
        let lines = Lines::of(ByteSize(min_free));
        let policy = Policy { cameras: BTreeMap::from([(camera, rule)]), lines, ..Policy::default() };
        Self {
            camera,
            footage: Vec::new(),
            policy,
            holds: Vec::new(),
            now: T0,
            wall_offset_ms: 0,
            clock: ClockState::Ntp,
            disk,
            seen: BTreeMap::new(),
            clearing: false,
        }
    }

    fn record(&mut self, camera: CameraId, stream: StreamName, has_event: bool) {
        let end = self.now.plus_ms(self.wall_offset_ms);
        let run = RunId { boot: 1, counter: 1 };
        let sequence = u32::try_from(self.now.since(T0) / HOUR_MS).unwrap();
        self.footage.push(Entry {
            segment: SegmentId { camera, stream, run, sequence },
            span: Span { start_ms: end.plus_ms(-HOUR_MS), end_ms: end },
            bytes: ByteSize(SIZE),
            digest: Digest::ZERO,
            skew_s: i32::try_from(-self.wall_offset_ms / 1000).unwrap(),
            clock: self.clock,
            recovered: false,
            damaged: false,
            anchored: 0,
            has_event,
        });
    }

    fn hours(&mut self, hours: u32) {
        for _ in 0..hours {
            self.now = self.now.plus_ms(HOUR_MS);
            self.record(self.camera, StreamName::Main, false);
        }
    }

    fn free(&self) -> u64 {
        self.disk.saturating_sub(u64::try_from(self.footage.len()).unwrap() * SIZE)
    }

    fn ages(&self) -> Ages {
        let mut ages = Ages::new();
        for entry in &self.footage {
            let days = ages.entry(entry.stream()).or_default();
            days.entry(day_of(entry.aged_from())).or_insert_with(|| AgeDay::new(entry)).add(entry);
        }
        ages
    }

    /// Plans and carries out until nothing more may go.
    fn sweep(&mut self, allowance: ByteSize) -> (Vec<(Entry, DeletedWhy)>, ByteSize) {
        let now = Now { trusted: self.now, clock: self.clock };
        let mut gone: Vec<(Entry, DeletedWhy)> = Vec::new();
        for _ in 0..200 {
            let ages = self.ages();
            let used = u64::try_from(gone.len()).unwrap() * SIZE;
            let made = plan(&Situation {
                now,
                policy: &self.policy,
                ages: &ages,
                seen: &self.seen,
                free: ByteSize(self.free()),
                clearing: self.clearing,
                allowance: ByteSize(allowance.0.saturating_sub(used)),
            });
            self.clearing = made.clearing;
            if made.takes.is_empty() {
                return (gone, made.short);
            }
            for take in made.takes {
                let of_day = |e: &&Entry| e.stream() == take.lot.stream && day_of(e.aged_from()) == take.lot.day;
                let mut entries: Vec<Entry> = self.footage.iter().filter(of_day).copied().collect();
                entries.sort_by_key(|e| (e.aged_from(), e.segment));
                let picked = pick(&take, &entries, &self.policy, &self.holds, &now);
                self.footage.retain(|e| !picked.gone.iter().any(|g| g.segment == e.segment));
                gone.extend(picked.gone.iter().map(|e| (*e, take.why)));
                self.seen.insert(take.lot, picked.seen);
            }
        }
        unreachable!("a pass ends")
    }
}

// CAP-01 RET-01 RET-04
#[test]
fn in_thirty_one_days_nothing_older_than_the_ceiling_stays_and_nothing_younger_than_the_floor_goes() {
    let mut site = Site::new(RetentionRule { ceiling_days: Some(7), ..rule(7) }, 1 << 40, 1 << 30);
    for _ in 0..31 * 24 {
        site.hours(1);
        for (gone, why) in site.sweep(PLENTY).0 {
            assert!(site.now.since(gone.aged_from()) > 7 * DAY_MS);
            assert_eq!(why, DeletedWhy::Ceiling);
        }
    }
    assert_eq!(site.footage.len(), 7 * 24 + 1);
}

// CAP-05
#[test]
fn a_stepped_clock_deletes_nothing_early() {
    let mut site = Site::new(RetentionRule { ceiling_days: Some(31), ..rule(30) }, 30 * 24 * SIZE + 2 * SIZE, 2_000);
    site.policy.when_short = WhenShort::KeepFloor;
    site.hours(10 * 24);
    for offset in [40 * DAY_MS, -DAY_MS] {
        site.wall_offset_ms = offset;
        site.hours(24);
        assert!(site.sweep(PLENTY).0.is_empty(), "{offset}");
    }
    site.wall_offset_ms = 0;
    site.hours(18 * 24);
    assert!(site.sweep(PLENTY).0.is_empty(), "30 days are not over");
    site.hours(2);
    let (gone, _) = site.sweep(PLENTY);
    assert_eq!(gone.iter().map(|(e, why)| (e.segment.sequence, *why)).collect::<Vec<_>>(), [(1, DeletedWhy::Space)]);
    site.hours(24 * 31);
    site.sweep(PLENTY);
    assert!(site.footage.iter().all(|e| site.now.since(e.aged_from()) <= 31 * DAY_MS), "at its true age it goes");
}

#[test]
fn a_clock_nobody_set_keeps_the_ceiling_waiting() {
    let mut site = Site::new(RetentionRule { ceiling_days: Some(2), ..rule(1) }, 1 << 40, 0);
    site.hours(10 * 24);
    site.clock = ClockState::Unsynced;
    assert!(site.sweep(PLENTY).0.is_empty());
    site.clock = ClockState::Rtc;
    assert_eq!(site.sweep(PLENTY).0.len(), 8 * 24 - 1);
}

// RET-03
#[test]
fn a_held_clip_survives_ceiling_need_and_breach() {
    let mut site = Site::new(RetentionRule { ceiling_days: Some(2), ..rule(1) }, 12 * 24 * SIZE, 100 * SIZE);
    site.policy.give_way = vec![GiveWay::Oldest];
    site.hours(24);
    let span = Span { start_ms: T0.plus_ms(5 * HOUR_MS + 1), end_ms: T0.plus_ms(7 * HOUR_MS) };
    site.holds.push(Hold { camera: site.camera, span });
    site.hours(10 * 24);
    site.sweep(PLENTY);
    site.disk = u64::try_from(site.footage.len()).unwrap() * SIZE;
    site.sweep(PLENTY);
    let kept: Vec<u32> = site.footage.iter().map(|e| e.segment.sequence).filter(|s| *s <= 24).collect();
    assert_eq!(kept, [6, 7]);
}

// RET-01
#[test]
fn a_floor_the_disk_cannot_keep_stands_when_the_policy_says_so_and_the_shortage_is_told() {
    let mut site = Site::new(rule(30), 40 * 24 * SIZE, 20 * 24 * SIZE);
    site.policy.when_short = WhenShort::KeepFloor;
    site.hours(40 * 24);
    let (gone, short) = site.sweep(PLENTY);
    assert_eq!(gone.len(), 10 * 24 - 1);
    assert!(site.footage.iter().all(|e| site.now.since(e.aged_from()) <= 30 * DAY_MS));
    assert_eq!(short.0, 10 * 24 * SIZE + SIZE);
}

// RET-01
#[test]
fn below_the_hard_floor_footage_gives_way_in_the_declared_order_and_no_further_than_needed() {
    let mut site = Site::new(rule(30), 10 * 24 * 2 * SIZE, 40 * SIZE);
    let camera = site.camera;
    for _ in 0..10 * 24 {
        site.hours(1);
        site.record(camera, StreamName::Sub, false);
    }
    site.policy.give_way = vec![GiveWay::OverFloor, GiveWay::SubStreams];
    let (gone, short) = site.sweep(PLENTY);
    assert_eq!(gone.len(), 21, "to a twentieth over the hard floor of 20 segments");
    assert!(gone.iter().all(|(e, why)| e.segment.stream == StreamName::Sub && *why == DeletedWhy::Breach));
    assert_eq!(short.0, 19 * SIZE, "the free space that was asked for is another promise");
    site.policy.when_short = WhenShort::KeepFloor;
    site.disk -= 21 * SIZE;
    assert!(site.sweep(PLENTY).0.is_empty());
}

#[test]
fn footage_with_an_event_stays_until_its_own_days_are_over() {
    let mut site = Site::new(RetentionRule { event_days: Some(10), ..rule(2) }, 1 << 40, 0);
    for _ in 0..20 * 24 {
        site.hours(1);
        let every_tenth = site.footage.len().is_multiple_of(10);
        site.footage.last_mut().unwrap().has_event = every_tenth;
    }
    site.policy.lines = Lines::of(ByteSize(1 << 40));
    site.sweep(PLENTY);
    let oldest = |event| site.footage.iter().filter(|e| e.has_event == event).map(Entry::aged_from).min().unwrap();
    assert!((9 * DAY_MS..=10 * DAY_MS).contains(&site.now.since(oldest(true))));
    assert_eq!(site.now.since(oldest(false)), 2 * DAY_MS);
}

#[test]
fn a_camera_over_its_quota_loses_its_own_old_footage_only() {
    let mut site = Site::new(RetentionRule { quota: Some(ByteSize(5 * 24 * SIZE)), ..rule(3) }, 1 << 40, 0);
    let other = CameraId::generate();
    site.policy.cameras.insert(other, rule(1));
    for _ in 0..8 * 24 {
        site.hours(1);
        site.record(other, StreamName::Main, false);
    }
    let (gone, _) = site.sweep(PLENTY);
    assert_eq!(gone.len(), 3 * 24);
    assert!(gone.iter().all(|(e, why)| e.segment.camera == site.camera && *why == DeletedWhy::Quota));
    site.policy.cameras.get_mut(&site.camera).unwrap().quota = Some(ByteSize(SIZE));
    site.sweep(PLENTY);
    let kept = site.footage.iter().filter(|e| e.segment.camera == site.camera).count();
    assert_eq!(kept, 3 * 24 + 1, "the floor is not the quota's to take");
}

#[test]
fn clearing_goes_a_little_beyond_the_line_it_began_at_and_the_oldest_goes_first() {
    let mut site = Site::new(rule(1), 10 * 24 * SIZE + 99 * SIZE, 100 * SIZE);
    site.hours(10 * 24);
    let (gone, _) = site.sweep(PLENTY);
    let order: Vec<u32> = gone.iter().map(|(e, _)| e.segment.sequence).collect();
    assert_eq!(order, (1..=11).collect::<Vec<_>>());
    assert!(site.sweep(PLENTY).0.is_empty());
}

#[test]
fn all_streams_are_cut_back_to_the_same_instant() {
    let mut site = Site::new(rule(1), 0, 200 * SIZE);
    let others: Vec<CameraId> = (0..7).map(|_| CameraId::generate()).collect();
    for other in &others {
        site.policy.cameras.insert(*other, rule(1));
    }
    for _ in 0..3 * 24 {
        site.hours(1);
        for other in &others {
            site.record(*other, StreamName::Main, false);
        }
    }
    site.disk = (site.footage.len() as u64 + 100) * SIZE;
    let (gone, _) = site.sweep(PLENTY);
    assert!((120..130).contains(&gone.len()), "{}", gone.len());
    for camera in site.policy.cameras.keys() {
        let of = gone.iter().filter(|(e, _)| e.segment.camera == *camera).count();
        assert!((14..=17).contains(&of), "{of} of one camera, of {} of eight", gone.len());
    }
}

#[test]
fn deleting_keeps_pace_with_recording_and_a_backlog_shrinks() {
    let minute = ByteSize::mib(100);
    assert_eq!(allowance(minute, ByteSize(0), 60_000, false), ByteSize::mib(216));
    assert_eq!(allowance(minute, ByteSize(0), 60_000, true), ByteSize::mib(864));
    assert_eq!(
        allowance(ByteSize(0), ByteSize::gib(720), 60_000, false),
        ByteSize::gib(1),
        "720 minutes are half a day"
    );
    let mut site = Site::new(rule(1), 30 * 24 * SIZE, 10 * 24 * SIZE);
    site.hours(30 * 24);
    assert_eq!(site.sweep(ByteSize(5 * SIZE)).0.len(), 5);
    assert!(site.clearing, "the rest goes with the next passes");
    let mut more = 0;
    while !site.sweep(ByteSize(5 * SIZE)).0.is_empty() {
        more += 1;
    }
    assert_eq!(more, 11 * 24 / 5, "to a tenth beyond the line");
}

#[test]
fn footage_of_a_forgotten_camera_is_kept_thirty_days() {
    let mut site = Site::new(RetentionRule { ceiling_days: Some(1), ..rule(1) }, 1 << 40, 0);
    site.policy = Policy { lines: Lines::of(ByteSize(1 << 40)), when_short: WhenShort::KeepFloor, ..Policy::default() };
    site.hours(29 * 24);
    assert!(site.sweep(PLENTY).0.is_empty());
}

prop_compose! {
    fn policies()(floor in 0u32..12, over in 0u32..8, ceiling in any::<bool>(), event in 0u32..20, quota in 0u64..600,
        keeps_floor in any::<bool>(), steps in prop::collection::vec(0usize..4, 0..4)) -> (RetentionRule, WhenShort, Vec<GiveWay>)
    {
        let all = [GiveWay::OverFloor, GiveWay::SubStreams, GiveWay::WithoutEvent, GiveWay::Oldest];
        let rule = RetentionRule {
            floor_days: floor,
            ceiling_days: ceiling.then_some(floor.max(event) + over),
            event_days: (event > 0).then_some(event),
            quota: (quota > 100).then_some(ByteSize(quota * SIZE)),
        };
        let when_short = if keeps_floor { WhenShort::KeepFloor } else { WhenShort::KeepRecording };
        (rule, when_short, steps.into_iter().map(|n| all[n]).collect())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    // RET-01 RET-03 RET-04
    #[test]
    fn whatever_the_policy_no_held_or_promised_footage_goes_without_a_breach_and_no_more_than_allowed(
        (rule, when_short, give_way) in policies(),
        hours in 1u32..400,
        events in 2usize..9,
        hold in (0i64..400, 1i64..40),
        min_free in 0u64..500,
        spare in 0u64..400,
        allowed in 1u64..500,
        unsynced in any::<bool>(),
    ) {
        let mut site = Site::new(rule, 1 << 50, min_free * SIZE);
        (site.policy.when_short, site.policy.give_way) = (when_short, give_way);
        let camera = site.camera;
        for hour in 0..hours {
            site.hours(1);
            site.footage.last_mut().unwrap().has_event = usize::try_from(hour).unwrap().is_multiple_of(events);
            site.record(camera, StreamName::Sub, false);
        }
        site.clock = if unsynced { ClockState::Unsynced } else { ClockState::Ntp };
        site.disk = (site.footage.len() as u64 + spare) * SIZE;
        let span = Span { start_ms: T0.plus_ms(hold.0 * HOUR_MS), end_ms: T0.plus_ms((hold.0 + hold.1) * HOUR_MS) };
        site.holds.push(Hold { camera, span });
        let free = site.free();
        let (gone, _) = site.sweep(ByteSize(allowed * SIZE));
        prop_assert!(gone.len() as u64 <= allowed);
        let lines = site.policy.lines;
        for (entry, why) in &gone {
            let now = Now { trusted: site.now, clock: site.clock };
            let days = promised_days(&rule, Class::of(entry.has_event));
            prop_assert!(!is_held(&site.holds, camera, &entry.span));
            prop_assert!(*why == DeletedWhy::Breach || *why == DeletedWhy::Ceiling || now.is_past(entry.aged_from(), days));
            match why {
                DeletedWhy::Ceiling => prop_assert!(!unsynced && now.is_past(entry.aged_from(), rule.ceiling_days.unwrap())),
                DeletedWhy::Space => prop_assert!(free < lines.min_free.0),
                DeletedWhy::Quota => prop_assert!(rule.quota.is_some()),
                DeletedWhy::Breach => {
                    prop_assert!(free < lines.hard_floor.0);
                    prop_assert!(when_short == WhenShort::KeepRecording || now.is_past(entry.aged_from(), rule.floor_days));
                }
            }
        }
        // What is older of the same kind is gone or held when something younger went.
        for class in [Class::Plain, Class::Event] {
            for stream in [StreamName::Main, StreamName::Sub] {
                let kind = |e: &&Entry| Class::of(e.has_event) == class && e.segment.stream == stream;
                let youngest_gone = gone.iter().map(|(e, _)| e).filter(kind).map(Entry::aged_from).max();
                let oldest_left = site.footage.iter().filter(kind)
                    .filter(|e| !is_held(&site.holds, camera, &e.span)).map(Entry::aged_from).min();
                if let (Some(gone), Some(left)) = (youngest_gone, oldest_left) {
                    prop_assert!(gone < left);
                }
            }
        }
    }
}
