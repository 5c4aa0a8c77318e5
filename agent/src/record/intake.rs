//! The way from the cameras to the disk: bounded by bytes, never waits.
//!
//! Cameras push, one thread takes. When the byte budget is used up, whole GOPs are dropped, oldest first, from the
//! stream that holds the most; a stream with a single GOP keeps it and drops what comes after it instead, so that every
//! camera is left with one. A mark takes the place of what was dropped, and becomes a gap.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::media::nal::{self, Picture};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::BootNs;
use farwatch_shared::wire::latest::GapCause;

use super::events::Happened;
use super::preroll::{Leave, Preroll};
use crate::camera::{Item, Opening};
use crate::ledger::entry::{ClosedWhy, Moment};
use crate::recorder::protocol::PlanMode;

/// Names a stream within the recorder.
pub type StreamKey = (CameraId, StreamName);

/// What is handed over, in order per stream.
#[derive(Debug)]
pub enum Handed {
    /// When the stream is recorded; told before it starts, and on every change.
    Mode(PlanMode),
    /// The stream is wanted since then.
    Start(Moment),
    /// Something happened at the stream's camera.
    Trigger(Happened),
    Begin(Box<Opening>),
    /// The next session goes through this interface, where it is known.
    Link {
        interface: Option<String>,
    },
    /// The way to the camera has no carrier now.
    NoCarrier,
    Video(Item, Picture),
    Other(Item),
    End {
        cause: GapCause,
        detail: String,
    },
    /// So many frames were dropped here.
    Dropped {
        frames: u32,
    },
    /// The stream is not wanted any more. The last that is handed of it.
    Stop(ClosedWhy),
}

#[derive(Debug, Default)]
struct Lane {
    items: VecDeque<Handed>,
    bytes: u64,
    /// Keyframes among `items`.
    gops: u32,
    /// Taken once and given back: it is not yet known whether it will be kept.
    held: Preroll,
    /// Drop what comes until the next keyframe that fits.
    full: bool,
}

#[derive(Debug, Default)]
struct Inner {
    lanes: BTreeMap<StreamKey, Lane>,
    bytes: u64,
    peak: u64,
    /// The taker sleeps.
    parked: bool,
    closed: bool,
    /// Where the taker goes on, so that no stream starves.
    next: Option<StreamKey>,
}

/// Cheap to clone; both ends.
#[derive(Debug, Clone)]
pub struct Intake {
    inner: Arc<(Mutex<Inner>, Condvar)>,
    budget: Arc<AtomicU64>,
}

/// Bound on what waits for the disk: 15 % of memory, at most 256 MB, or what the settings say.
#[must_use]
pub fn budget_for(memory: ByteSize, wanted: Option<ByteSize>) -> ByteSize {
    wanted.unwrap_or(ByteSize((memory.bytes() / 100 * 15).clamp(16 << 20, 256_000_000)))
}

impl Intake {
    #[must_use]
    pub fn new(budget: ByteSize) -> Self {
        Self { inner: Arc::default(), budget: Arc::new(AtomicU64::new(budget.bytes())) }
    }

    /// Another bound, for what comes from now on.
    pub fn set_budget(&self, budget: ByteSize) {
        self.budget.store(budget.bytes(), Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // The data is plain counters and queues: usable whatever panicked meanwhile.
        self.inner.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands something over. Never waits for the taker.
    pub fn push(&self, key: StreamKey, handed: Handed) {
        let mut inner = self.lock();
        inner.push(key, handed, self.budget.load(Ordering::Relaxed));
        if inner.parked {
            inner.parked = false;
            self.inner.1.notify_one();
        }
    }

    /// An item of a session.
    pub fn item(&self, key: StreamKey, codec: nal::Codec, item: Item) {
        let handed = match &item {
            Item::Video { unit, .. } => {
                let picture = nal::picture(codec, &unit.data);
                Handed::Video(item, picture)
            }
            _ => Handed::Other(item),
        };
        self.push(key, handed);
    }

    /// No more will come: the taker ends once everything is taken.
    pub fn close(&self) {
        self.lock().closed = true;
        self.inner.1.notify_one();
    }

    /// The next thing of any stream, without waiting.
    #[must_use]
    pub fn take(&self) -> Option<(StreamKey, Handed)> {
        self.lock().take()
    }

    /// Sleeps until something is there or `most` has passed. False when the intake is closed and empty.
    #[must_use]
    pub fn wait(&self, most: Duration) -> bool {
        let mut inner = self.lock();
        if inner.is_empty() {
            if inner.closed {
                return false;
            }
            inner.parked = true;
            let waited = self.inner.1.wait_timeout(inner, most);
            inner = waited.unwrap_or_else(PoisonError::into_inner).0;
            inner.parked = false;
        }
        !(inner.closed && inner.is_empty())
    }

    /// Gives something back that was taken, to be held until it is known whether it is wanted. It counts as before.
    pub fn hold(&self, key: StreamKey, at: BootNs, handed: Handed) {
        let mut inner = self.lock();
        let size = handed.bytes();
        inner.make_room(size, self.budget.load(Ordering::Relaxed));
        inner.lanes.entry(key).or_default().held.push(at, handed);
        inner.bytes += size;
        inner.peak = inner.peak.max(inner.bytes);
    }

    /// The oldest thing held that may leave.
    #[must_use]
    pub fn unhold(&self, key: StreamKey, leave: Leave) -> Option<Handed> {
        let mut inner = self.lock();
        let handed = inner.lanes.get_mut(&key)?.held.pop(leave)?;
        inner.bytes -= handed.bytes();
        Some(handed)
    }

    /// When the oldest thing held came.
    #[must_use]
    pub fn held_since(&self, key: StreamKey) -> Option<BootNs> {
        self.lock().lanes.get(&key)?.held.since()
    }

    /// How many GOPs that were held had to make room since this was asked last.
    #[must_use]
    pub fn held_dropped(&self, key: StreamKey) -> u32 {
        self.lock().lanes.get_mut(&key).map_or(0, |lane| lane.held.take_dropped())
    }

    /// Bytes that wait now, and the most that ever waited.
    #[must_use]
    pub fn load(&self) -> (ByteSize, ByteSize) {
        let inner = self.lock();
        (ByteSize(inner.bytes), ByteSize(inner.peak))
    }
}

impl Inner {
    fn is_empty(&self) -> bool {
        self.lanes.values().all(|lane| lane.items.is_empty())
    }

    fn push(&mut self, key: StreamKey, handed: Handed, budget: u64) {
        let size = handed.bytes();
        let entry = handed.is_entry();
        self.make_room(size, budget);
        let lane = self.lanes.entry(key).or_default();
        if lane.full && matches!(handed, Handed::Video(..) | Handed::Other(Item::Audio { .. })) {
            if !entry || self.bytes + size > budget {
                lane.drop_new(&handed);
                return;
            }
            lane.full = false;
        }
        while size > 0 && self.bytes + size > budget {
            let fullest = self.lanes.iter_mut().filter(|(_, l)| l.gops >= 2).max_by_key(|(_, l)| l.bytes);
            if let Some((_, lane)) = fullest {
                self.bytes -= lane.drop_oldest();
                continue;
            }
            let lane = self.lanes.entry(key).or_default();
            lane.full = true;
            lane.drop_new(&handed);
            return;
        }
        let lane = self.lanes.entry(key).or_default();
        lane.bytes += size;
        lane.gops += u32::from(entry);
        lane.items.push_back(handed);
        self.bytes += size;
        self.peak = self.peak.max(self.bytes);
    }

    /// What is held goes first when room is short, the most of it first; every stream keeps a GOP.
    fn make_room(&mut self, size: u64, budget: u64) {
        while size > 0 && self.bytes + size > budget {
            let most = self.lanes.values_mut().filter(|l| l.held.gops() >= 2).max_by_key(|l| l.held.bytes());
            let Some(lane) = most else { return };
            self.bytes -= lane.held.drop_oldest();
        }
    }

    fn take(&mut self) -> Option<(StreamKey, Handed)> {
        let from = self.next;
        let waiting = |(_, lane): &(&StreamKey, &Lane)| !lane.items.is_empty();
        let after = from.and_then(|from| self.lanes.range(from..).find(waiting));
        let key = *after.or_else(|| self.lanes.iter().find(waiting))?.0;
        let lane = self.lanes.get_mut(&key)?;
        let handed = lane.items.pop_front()?;
        let size = handed.bytes();
        lane.bytes -= size;
        lane.gops -= u32::from(handed.is_entry());
        self.bytes -= size;
        // A stream is emptied before the next one's turn: its file is warm.
        self.next = Some(key);
        if matches!(handed, Handed::Stop(_)) && lane.items.is_empty() && lane.held.is_empty() {
            self.lanes.remove(&key);
        }
        Some((key, handed))
    }
}

impl Lane {
    /// Drops the oldest GOP; gives the bytes that became free.
    fn drop_oldest(&mut self) -> u64 {
        let (mut freed, mut frames, mut seen_entry) = (0, 0, false);
        let mut kept: VecDeque<Handed> = VecDeque::with_capacity(self.items.len());
        let mut place = None;
        while let Some(handed) = self.items.pop_front() {
            if handed.is_entry() {
                if seen_entry {
                    self.items.push_front(handed);
                    break;
                }
                seen_entry = true;
                self.gops -= 1;
            }
            match handed {
                Handed::Video(..) => {
                    freed += handed.bytes();
                    frames += 1;
                    place.get_or_insert(kept.len());
                }
                Handed::Other(Item::Audio { .. }) => freed += handed.bytes(),
                Handed::Dropped { frames: more } => frames += more,
                other => kept.push_back(other),
            }
        }
        let place = place.unwrap_or(kept.len()).min(kept.len());
        kept.insert(place, Handed::Dropped { frames });
        while let Some(handed) = kept.pop_back() {
            self.items.push_front(handed);
        }
        self.bytes -= freed;
        freed
    }

    fn drop_new(&mut self, handed: &Handed) {
        if !matches!(handed, Handed::Video(..)) {
            return;
        }
        match self.items.back_mut() {
            Some(Handed::Dropped { frames }) => *frames += 1,
            _ => self.items.push_back(Handed::Dropped { frames: 1 }),
        }
    }
}

impl Handed {
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Self::Video(Item::Video { unit, .. }, _) => unit.data.len() as u64,
            Self::Other(Item::Audio { frame, .. }) => frame.data.len() as u64,
            _ => 0,
        }
    }

    pub(super) fn is_entry(&self) -> bool {
        matches!(self, Self::Video(_, picture) if picture.is_entry())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::depay::video::Unit;

    fn frame(ticks: i64, picture: Picture) -> Handed {
        let unit = Unit { ticks, data: vec![0; 100], lost: 0 };
        Handed::Video(Item::Video { unit, at: BootNs(0) }, picture)
    }

    fn taken(intake: &Intake) -> Vec<String> {
        std::iter::from_fn(|| intake.take())
            .map(|(_, handed)| match handed {
                Handed::Video(Item::Video { unit, .. }, _) => unit.ticks.to_string(),
                Handed::Dropped { frames } => format!("-{frames}"),
                other => format!("{other:?}").chars().take(5).collect(),
            })
            .collect()
    }

    // PEERS 4
    #[test]
    fn a_slow_disk_costs_the_oldest_whole_gops_and_says_how_many_frames() {
        let intake = Intake::new(ByteSize(600));
        let key = (CameraId::generate(), StreamName::Main);
        for ticks in 0..12 {
            let picture = if ticks % 3 == 0 { Picture::Idr } else { Picture::Ordinary };
            intake.push(key, frame(ticks, picture));
        }
        assert!(intake.load().1 <= ByteSize(600));
        assert_eq!(taken(&intake), ["-6", "6", "7", "8", "9", "10", "11"]);
        assert_eq!(intake.load().0, ByteSize(0));
    }

    #[test]
    fn every_camera_keeps_one_gop_and_a_single_one_drops_what_comes_after() {
        let intake = Intake::new(ByteSize(500));
        let (a, b) = ((CameraId::generate(), StreamName::Main), (CameraId::generate(), StreamName::Main));
        for ticks in 0..3 {
            intake.push(a, frame(ticks, if ticks == 0 { Picture::Idr } else { Picture::Ordinary }));
            intake.push(b, frame(ticks, if ticks == 0 { Picture::Idr } else { Picture::Ordinary }));
        }
        assert_eq!(taken(&intake), ["0", "1", "2", "0", "1", "-1"]);
        intake.push(b, frame(3, Picture::Ordinary));
        assert_eq!(taken(&intake), ["-1"], "the rest of a GOP that lost a frame is no use");
        intake.push(b, frame(4, Picture::Idr));
        assert_eq!(taken(&intake), ["4"]);
    }

    #[test]
    fn sessions_begin_and_end_around_what_was_dropped() {
        let intake = Intake::new(ByteSize(300));
        let key = (CameraId::generate(), StreamName::Main);
        intake.push(key, frame(0, Picture::Idr));
        intake.push(key, frame(1, Picture::Ordinary));
        intake.push(key, Handed::End { cause: GapCause::Camera, detail: "x".into() });
        intake.push(key, frame(2, Picture::Idr));
        intake.push(key, frame(3, Picture::Ordinary));
        assert_eq!(taken(&intake), ["-2", "End {", "2", "3"]);
    }

    // CAP-02: pre-roll is inside the one byte budget and makes room for what waits for the disk.
    #[test]
    fn what_is_held_counts_and_goes_first() {
        let intake = Intake::new(ByteSize(1_000));
        let (event, other) = ((CameraId::generate(), StreamName::Main), (CameraId::generate(), StreamName::Main));
        for ticks in 0..8 {
            let picture = if ticks % 2 == 0 { Picture::Idr } else { Picture::Ordinary };
            intake.push(event, frame(ticks, picture));
            let (_, handed) = intake.take().unwrap();
            intake.hold(event, BootNs(ticks), handed);
        }
        assert_eq!(intake.load().0, ByteSize(800));
        for ticks in 0..6 {
            intake.push(other, frame(ticks, if ticks == 0 { Picture::Idr } else { Picture::Ordinary }));
        }
        assert!(intake.load().1 <= ByteSize(1_000));
        assert_eq!(taken(&intake), ["0", "1", "2", "3", "4", "5"], "nothing that waits for the disk is lost");
        assert_eq!(intake.held_dropped(event), 2);
        let left: Vec<_> = std::iter::from_fn(|| intake.unhold(event, Leave::All)).collect();
        assert_eq!(left.len(), 4, "the newest GOPs");
        assert_eq!(intake.load().0, ByteSize(0));
    }

    // CAP-02
    #[test]
    fn what_is_held_is_whole_gops_that_reach_back_far_enough() {
        let intake = Intake::new(ByteSize(10_000));
        let key = (CameraId::generate(), StreamName::Main);
        for ticks in 0..12 {
            intake.hold(
                key,
                BootNs(ticks),
                frame(ticks, if ticks % 4 == 0 { Picture::Idr } else { Picture::Ordinary }),
            );
        }
        assert!(intake.unhold(key, Leave::Before(BootNs(3))).is_none(), "the first GOP is needed to decode 3");
        let gone = std::iter::from_fn(|| intake.unhold(key, Leave::Before(BootNs(9)))).count();
        assert_eq!((gone, intake.held_since(key)), (8, Some(BootNs(8))));
        intake.hold(key, BootNs(12), Handed::End { cause: GapCause::Camera, detail: "gone".into() });
        let gone = std::iter::from_fn(|| intake.unhold(key, Leave::Before(BootNs(20)))).count();
        assert_eq!((gone, intake.held_since(key)), (5, None), "a dead session's frames do not stay");
    }
}
