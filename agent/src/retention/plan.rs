//! Which footage goes. Running totals, a policy and a time in; an ordered list of what to take out; no clock, no disk.
//!
//! The plan names days of streams, not segments: its size does not grow with the footage. Whoever carries it out reads
//! those days and lets [`pick`] choose the segments, which looks at each one's own age and at the holds.
//!
//! In this order: older than the ceiling; over a camera's quota; for free space, whatever is older than was promised, the
//! oldest of all streams first; and below the hard floor the declared steps. Ages are counted on the line of evidence, so a
//! stepped wall clock makes nothing older than it is.

use std::collections::BTreeMap;

use farwatch_shared::evidence::DeletedWhy;
use farwatch_shared::id::CameraId;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::GiveWay;

use super::rules::{Class, Ground, Hold, Now, Policy, is_held, may_go, promised_days};
use crate::catalog::{Ages, Day, Entry, StreamKey, Sum, day_start};

/// Added to what the recording of the same time calls for, so that a backlog shrinks.
const SMALLEST: u64 = 16 << 20;
/// A backlog past the ceiling is worked off in this time: half of the 24 hours the law gives.
const CEILING_MS: u64 = 12 * 3_600_000;

/// The footage of one class that one stream has of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lot {
    pub stream: StreamKey,
    pub day: Day,
    pub class: Class,
}

/// What was seen in a lot when it was last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    /// Segments it had; other figures mean that it must be read again.
    pub segments: u32,
    /// Where the oldest that is not held lies; `None` when all are held.
    pub oldest: Option<WallMs>,
}

/// What the plan is made of.
#[derive(Debug, Clone, Copy)]
pub struct Situation<'a> {
    pub now: Now,
    pub policy: &'a Policy,
    pub ages: &'a Ages,
    pub seen: &'a BTreeMap<Lot, Seen>,
    pub free: ByteSize,
    /// Clearing began and has not reached `enough` yet.
    pub clearing: bool,
    /// Most that may go now.
    pub allowance: ByteSize,
}

/// Something to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Take {
    pub lot: Lot,
    pub ground: Ground,
    pub why: DeletedWhy,
    /// Zero: it is only looked at.
    pub at_most: ByteSize,
}

/// The plan.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Plan {
    pub takes: Vec<Take>,
    pub clearing: bool,
    /// Bytes under `min_free` that nothing that may go makes up for.
    pub short: ByteSize,
}

/// What may go while so much is recorded: twice the ingest, so that deleting never outruns recording by more than it must.
///
/// Below the hard floor it is four times that; and a backlog past the ceiling is spread over half a day.
#[must_use]
pub fn allowance(ingested: ByteSize, past_ceiling: ByteSize, elapsed_ms: u64, is_pressing: bool) -> ByteSize {
    let pace = ingested.0.saturating_mul(2).saturating_add(SMALLEST);
    let pace = if is_pressing { pace.saturating_mul(4) } else { pace };
    let spread = u128::from(past_ceiling.0) * u128::from(elapsed_ms.min(CEILING_MS)) / u128::from(CEILING_MS);
    ByteSize(pace.max(u64::try_from(spread).unwrap_or(u64::MAX)))
}

/// Bytes of all days that lie past their ceiling.
#[must_use]
pub fn past_ceiling(ages: &Ages, policy: &Policy, now: &Now) -> ByteSize {
    let mut bytes = 0u64;
    for (stream, days) in ages {
        let Some(ceiling) = policy.rule(stream.camera).ceiling_days else { continue };
        for (day, figures) in days {
            if now.is_past(day_start(*day + 1), ceiling) {
                bytes = bytes.saturating_add(figures.bytes().0);
            }
        }
    }
    ByteSize(bytes)
}

/// Decides.
#[must_use]
pub fn plan(situation: &Situation<'_>) -> Plan {
    let lines = situation.policy.lines;
    let free = situation.free.0;
    let clearing = free < lines.min_free.0 || situation.clearing && free < lines.enough().0;
    let mut draft = Draft::new(situation);
    draft.take(Ground::Ceiling, DeletedWhy::Ceiling, u64::MAX, |_| true);
    draft.over_quotas();
    if clearing {
        let freed = draft.taken;
        draft.take(Ground::Promise, DeletedWhy::Space, lines.enough().0.saturating_sub(free + freed), |_| true);
    }
    let left = free.saturating_add(draft.taken);
    // What was counted on above may be held or a little too young. Promises are broken only by a plan that knows that
    // nothing else is left to go, so that the oldest is always first.
    if left < lines.hard_floor.0 && draft.takes.is_empty() {
        let mut need = lines.relieved().0.saturating_sub(left);
        for step in situation.policy.steps() {
            let before = draft.taken;
            draft.take(Ground::Step((*step).into()), DeletedWhy::Breach, need, |_| true);
            need = need.saturating_sub(draft.taken - before);
            if *step == GiveWay::OverFloor && draft.taken > before {
                break;
            }
        }
    }
    let reached = free.saturating_add(draft.taken);
    let short = if draft.left > 0 { lines.min_free.0.saturating_sub(reached) } else { 0 };
    Plan { takes: draft.takes, clearing, short: ByteSize(short) }
}

/// What is left of a lot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rest {
    oldest: WallMs,
    lot: Lot,
    bytes: u64,
    /// Bytes of one of its segments, on the average.
    segment: u64,
    /// `oldest` was seen and is not a guess from the day's figures.
    is_seen: bool,
}

impl Rest {
    /// Bytes that lie before an instant, if they lie evenly from the oldest to the end of the day.
    fn before(&self, until: WallMs) -> u64 {
        let whole = day_start(self.lot.day + 1).since(self.oldest).max(1);
        let part = until.since(self.oldest).clamp(0, whole);
        let bytes = u128::from(self.bytes) * u128::from(part.unsigned_abs()) / u128::from(whole.unsigned_abs());
        u64::try_from(bytes).unwrap_or(u64::MAX)
    }
}

/// How much each lot gives so that `need` bytes go and no stream loses younger footage than the others: all are cut back to
/// the same instant, in whole segments and never by more than was asked for. `rests` are sorted, the oldest first.
fn shares(rests: &[Rest], need: u64) -> Vec<u64> {
    let Some(first) = rests.first() else { return Vec::new() };
    let ends = rests.iter().map(|rest| day_start(rest.lot.day + 1).max(rest.oldest.plus_ms(1)));
    let (mut low, mut high) = (first.oldest, ends.max().unwrap_or(first.oldest));
    while high.since(low) > 1 {
        let middle = low.plus_ms(high.since(low) / 2);
        let sum = rests.iter().fold(0u64, |sum, rest| sum.saturating_add(rest.before(middle)));
        if sum < need { low = middle } else { high = middle }
    }
    let (mut due, mut given) = (0u64, 0u64);
    let mut shares: Vec<u64> = Vec::with_capacity(rests.len());
    for rest in rests {
        due = due.saturating_add(rest.before(high)).min(need);
        let open = due - given;
        let share = if open >= rest.bytes { rest.bytes } else { open / rest.segment * rest.segment };
        given += share;
        shares.push(share);
    }
    // Less than a segment is left over: the oldest that has more gives it.
    for (rest, share) in rests.iter().zip(&mut shares) {
        let more = (rest.bytes - *share).min(need - given);
        *share += more;
        given += more;
    }
    shares
}

struct Draft<'a> {
    situation: &'a Situation<'a>,
    rests: Vec<Rest>,
    takes: Vec<Take>,
    taken: u64,
    /// Of the allowance.
    left: u64,
}

impl<'a> Draft<'a> {
    fn new(situation: &'a Situation<'a>) -> Self {
        let mut rests = Vec::new();
        for (stream, days) in situation.ages {
            for (day, figures) in days {
                for (class, sum) in [(Class::Plain, figures.plain), (Class::Event, figures.event)] {
                    let lot = Lot { stream: *stream, day: *day, class };
                    if let Some((oldest, is_seen)) = oldest(situation, lot, sum, figures.first_ms) {
                        let segment = (sum.bytes / u64::from(sum.segments.max(1))).max(1);
                        rests.push(Rest { oldest, lot, bytes: sum.bytes, segment, is_seen });
                    }
                }
            }
        }
        rests.sort_unstable();
        Self { situation, rests, takes: Vec::new(), taken: 0, left: situation.allowance.0 }
    }

    /// Takes from the lots, the oldest first, until `need` is met or the allowance is used up.
    fn take(&mut self, ground: Ground, why: DeletedWhy, need: u64, of: impl Fn(CameraId) -> bool) {
        let Situation { now, policy, .. } = self.situation;
        let need = need.min(self.left);
        if need == 0 {
            return;
        }
        let may = |rest: &Rest| {
            let Lot { stream, class, .. } = rest.lot;
            let rule = policy.rule(stream.camera);
            rest.bytes > 0 && of(stream.camera) && may_go(ground, &rule, stream.stream, class, rest.oldest, now)
        };
        let (of_these, going): (Vec<usize>, Vec<Rest>) =
            self.rests.iter().copied().enumerate().filter(|(_, rest)| may(rest)).unzip();
        let shares = shares(&going, need);
        let wanted = going.iter().zip(&shares).filter(|(_, share)| **share > 0);
        let unseen: Vec<Lot> = wanted.filter(|(rest, _)| !rest.is_seen).map(|(rest, _)| rest.lot).collect();
        if !unseen.is_empty() {
            // By a guess the newest footage could go before the oldest: these are looked at, and the next plan knows.
            self.takes = unseen.into_iter().map(|lot| Take { lot, ground, why, at_most: ByteSize(0) }).collect();
            self.left = 0;
            return;
        }
        for ((at, rest), share) in of_these.into_iter().zip(&going).zip(shares) {
            if share == 0 {
                continue;
            }
            let rule = policy.rule(rest.lot.stream.camera);
            // A step that takes what is older than was promised breaks no promise.
            let kept = now.is_past(rest.oldest, promised_days(&rule, rest.lot.class));
            let (ground, why) = match why {
                DeletedWhy::Breach if kept => (Ground::Promise, DeletedWhy::Space),
                why => (ground, why),
            };
            self.takes.push(Take { lot: rest.lot, ground, why, at_most: ByteSize(share) });
            self.rests[at].bytes -= share;
            self.taken += share;
            self.left -= share;
        }
    }

    fn over_quotas(&mut self) {
        let policy = self.situation.policy;
        for (camera, rule) in policy.cameras.iter().filter(|(_, rule)| rule.quota.is_some()) {
            let of_camera = self.situation.ages.iter().filter(|(stream, _)| stream.camera == *camera);
            let used: u64 = of_camera.flat_map(|(_, days)| days.values()).map(|figures| figures.bytes().0).sum();
            let gone = self.takes.iter().filter(|take| take.lot.stream.camera == *camera);
            let gone: u64 = gone.map(|take| take.at_most.0).sum();
            let over = used.saturating_sub(gone).saturating_sub(rule.quota.map_or(u64::MAX, |quota| quota.0));
            self.take(Ground::Promise, DeletedWhy::Quota, over, |of| of == *camera);
        }
    }
}

/// The earliest that anything in a lot can be, and whether that was seen; `None` when nothing in it can go.
fn oldest(situation: &Situation<'_>, lot: Lot, sum: Sum, first: WallMs) -> Option<(WallMs, bool)> {
    if sum.segments == 0 {
        return None;
    }
    match situation.seen.get(&lot) {
        Some(seen) if seen.segments == sum.segments => Some((seen.oldest?, true)),
        _ => Some((first.max(day_start(lot.day)), false)),
    }
}

/// What a lot gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picked {
    pub gone: Vec<Entry>,
    /// The lot as it is without them.
    pub seen: Seen,
}

/// Chooses the segments of a lot. `entries` are all of its stream and day, oldest first.
#[must_use]
pub fn pick(take: &Take, entries: &[Entry], policy: &Policy, holds: &[Hold], now: &Now) -> Picked {
    let camera = take.lot.stream.camera;
    let rule = policy.rule(camera);
    let (mut gone, mut bytes, mut oldest, mut segments) = (Vec::new(), 0u64, None, 0u32);
    for entry in entries.iter().filter(|e| Class::of(e.has_event) == take.lot.class) {
        segments += 1;
        if is_held(holds, camera, &entry.span) {
            continue;
        }
        let aged_from = entry.aged_from();
        let may = may_go(take.ground, &rule, take.lot.stream.stream, take.lot.class, aged_from, now);
        if may && oldest.is_none() && bytes < take.at_most.0 {
            bytes = bytes.saturating_add(entry.bytes.0);
            gone.push(*entry);
            segments -= 1;
        } else if oldest.is_none() {
            oldest = Some(aged_from);
        }
    }
    Picked { gone, seen: Seen { segments, oldest } }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
