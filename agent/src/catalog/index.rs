//! The catalog over its database: one open block per stream in memory, the others as rows. Used by one thread.

use std::collections::{BTreeMap, BTreeSet};

use farwatch_shared::id::{CameraId, SegmentId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{ClockState, DAY_MS, Span, WallMs};
use serde::{Deserialize, Serialize};
use tracing::warn;

use super::ages::{self, AgeDay, Ages, Day, day_of};
use super::anchors::{Anchor, Anchors, moved};
use super::block::{BLOCK_MS, Block, BlockKey, Entry, StreamKey, block_number, skew_s};
use crate::ledger::agent::RecorderLine;
use crate::ledger::entry::GoneSegment;
use crate::ledger::follow::Cursors;
use crate::store::{Batch, Db, StoreError, frame, unframe};

const META: &[u8] = b"m";
const VERSION: u8 = 1;
/// Missing files remembered one by one: more is a disk that is not there.
const LOST: usize = 2_048;
/// A segment may last 5 minutes and a little: it overlaps a range whose first block is later than its own.
const LOOK_BACK_MS: i64 = BLOCK_MS;
/// Events of a camera that are remembered for segments still to close.
const EVENTS: usize = 8;
/// An event told again within this is the same one.
const TOLD_AGAIN_MS: i64 = 10_000;

/// What is kept beside the blocks, in one row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// How far the recorders' logs were read.
    pub cursors: Cursors,
    /// As of the last flush; blocks may be newer unless the stop was clean.
    pub totals: Vec<(CameraId, StreamName, Totals)>,
    /// Segments whose files were found missing, until somebody asked and told of them.
    #[serde(default)]
    pub lost: Vec<(SegmentId, Span)>,
    /// What the logs said of the clock.
    #[serde(default)]
    pub anchors: Anchors,
    /// The rows of [`super::ages`] are there.
    #[serde(default)]
    pub has_ages: bool,
    /// The last events of each camera, for the segments that close after them.
    #[serde(default)]
    pub events: Vec<(CameraId, Span)>,
    /// What recorders deleted by themselves, until the agent's log tells of it.
    #[serde(default)]
    pub deleted: Vec<DeletedByRecorder>,
}

/// A segment a recorder let go, as the catalog knew it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedByRecorder {
    pub line: RecorderLine,
    pub gone: GoneSegment,
    /// How old it was then, by the recorder's own clocks.
    pub age_ms: i64,
    pub has_event: bool,
}

/// Holes of a stream, in figures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapFigures {
    /// Day since 1970 (UTC) the counts are for.
    pub day: i64,
    pub today: u32,
    pub today_ms: u64,
    /// End of the last hole.
    pub last_end_ms: WallMs,
}

impl GapFigures {
    /// Counts a hole, or the next piece of the present one.
    pub fn add(&mut self, gap: Span) {
        let day_of = |at: WallMs| at.0.div_euclid(DAY_MS);
        let day = day_of(gap.end_ms);
        if day > self.day {
            *self = Self { day, today: 0, today_ms: 0, last_end_ms: self.last_end_ms };
        }
        if day == self.day {
            // A long hole is ledgered piece by piece: each piece begins where the one before ended.
            if gap.start_ms != self.last_end_ms || self.today == 0 {
                self.today = self.today.saturating_add(1);
            }
            let since = gap.start_ms.max(WallMs(day * DAY_MS));
            self.today_ms = self.today_ms.saturating_add(u64::try_from(gap.end_ms.since(since)).unwrap_or(0));
        }
        self.last_end_ms = self.last_end_ms.max(gap.end_ms);
    }

    /// The figures as of a day: yesterday's count is not today's.
    #[must_use]
    pub fn on(&self, now: WallMs) -> Self {
        if now.0.div_euclid(DAY_MS) == self.day { *self } else { Self { today: 0, today_ms: 0, ..*self } }
    }
}

/// A stream's footage in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Totals {
    pub segments: u64,
    pub bytes: ByteSize,
    pub oldest_ms: Option<WallMs>,
    /// End of the newest closed segment.
    pub newest_end_ms: Option<WallMs>,
    pub gaps: GapFigures,
}

pub struct Index {
    db: Db,
    open: BTreeMap<StreamKey, (Block, Dirty)>,
    totals: BTreeMap<StreamKey, Totals>,
    ages: Ages,
    /// Days whose row is older than their figures.
    dirty_days: BTreeSet<(StreamKey, Day)>,
    pub meta: Meta,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dirty {
    Yes,
    No,
}

/// Rows that could not be read; their footage must be looked up in the vault again.
pub type Damaged = Vec<BlockKey>;

impl Index {
    /// Takes the totals kept at a clean stop; without one, reads every block once. Damaged rows are removed and named.
    ///
    /// # Errors
    /// When the database fails.
    pub fn load(db: Db) -> Result<(Self, Damaged), StoreError> {
        let meta = db.get(META)?.and_then(|row| serde_json::from_slice(unframe(VERSION, &row).ok()?).ok());
        let was_clean = db.was_clean() && meta.is_some();
        let meta: Meta = meta.unwrap_or_default();
        let mut totals: BTreeMap<StreamKey, Totals> = meta
            .totals
            .iter()
            .map(|(camera, stream, t)| (StreamKey { camera: *camera, stream: *stream }, *t))
            .collect();
        let (ages, unread) = read_ages(&db)?;
        if was_clean && meta.has_ages && unread.is_empty() {
            let (open, dirty_days) = (BTreeMap::new(), BTreeSet::new());
            return Ok((Self { db, open, totals, ages, dirty_days, meta }, Vec::new()));
        }
        // Holes are counted from the logs; footage is what the blocks say.
        totals.values_mut().for_each(|t| *t = Totals { gaps: t.gaps, ..Totals::default() });
        // Every row is written again, and those of days that are no more removed.
        let days = |(stream, days): (&StreamKey, &BTreeMap<Day, AgeDay>)| {
            days.keys().map(|day| (*stream, *day)).collect::<Vec<_>>()
        };
        let dirty_days = ages.iter().flat_map(days).chain(unread).collect();
        let mut index = Self { db, open: BTreeMap::new(), totals, ages: Ages::new(), dirty_days, meta };
        let damaged = index.count_all()?;
        for (stream, days) in ages {
            for (day, before) in days {
                if let Some(now) = index.ages.get_mut(&stream).and_then(|days| days.get_mut(&day)) {
                    now.added = now.added.max(before.added);
                }
            }
        }
        Ok((index, damaged))
    }

    fn count_all(&mut self) -> Result<Damaged, StoreError> {
        let mut damaged = Vec::new();
        let (from, to) = BlockKey::all();
        let mut batch = Batch::default();
        for row in self.db.range(&from, &to) {
            let (key, value) = row?;
            let block = BlockKey::parse(&key).map(|k| (k, Block::decode(k, &value)));
            match block {
                Some((_, Ok(block))) => {
                    block.entries.iter().for_each(|entry| self.count(entry));
                }
                Some((block_key, Err(error))) => {
                    warn!(camera = %block_key.stream.camera, %error, "a row of the catalog is damaged");
                    batch.remove(&key);
                    damaged.push(block_key);
                }
                None => batch.remove(&key),
            }
        }
        self.db.apply(batch)?;
        Ok(damaged)
    }

    /// Adds a segment, or replaces it when it is known.
    ///
    /// # Errors
    /// When the database fails.
    pub fn add(&mut self, mut entry: Entry) -> Result<(), StoreError> {
        let here = |(camera, span): &(CameraId, Span)| *camera == entry.segment.camera && span.overlaps(&entry.span);
        entry.has_event |= self.meta.events.iter().any(here);
        let key = entry.block();
        let stream = key.stream;
        if self.open.get(&stream).is_none_or(|(block, _)| block.key != key) {
            self.put_away(stream)?;
            let block = self.read_block(key)?.unwrap_or_else(|| Block::empty(key));
            self.open.insert(stream, (block, Dirty::No));
        }
        let Some((block, dirty)) = self.open.get_mut(&stream) else { return Ok(()) };
        *dirty = Dirty::Yes;
        let known = block.entries.iter().find(|e| e.segment == entry.segment);
        // What a scrub found stays true when a log is read again.
        let entry = Entry {
            damaged: entry.damaged || known.is_some_and(|e| e.damaged),
            has_event: entry.has_event || known.is_some_and(|e| e.has_event),
            ..entry
        };
        let before = block.insert(entry);
        if let Some(before) = before {
            self.uncount(&before);
            self.age_of(&before).undo(&before);
        }
        self.count(&entry);
        Ok(())
    }

    /// Something happened in front of a camera: what was recorded of it is footage with an event, now and later.
    ///
    /// # Errors
    /// When the database fails.
    pub fn event(&mut self, camera: CameraId, span: Span) -> Result<(), StoreError> {
        for stream in [StreamName::Main, StreamName::Sub] {
            for entry in self.overlapping(StreamKey { camera, stream }, span)? {
                if !entry.has_event {
                    self.add(Entry { has_event: true, ..entry })?;
                }
            }
        }
        let events = &mut self.meta.events;
        let last = events.iter_mut().rev().find(|(of, _)| *of == camera);
        match last {
            // What goes on is told again and again: one long event.
            Some((_, last)) if last.start_ms <= span.start_ms && span.start_ms.since(last.end_ms) <= TOLD_AGAIN_MS => {
                last.end_ms = last.end_ms.max(span.end_ms);
            }
            _ => events.push((camera, span)),
        }
        if events.iter().filter(|(of, _)| *of == camera).count() > EVENTS
            && let Some(oldest) = events.iter().position(|(of, _)| *of == camera)
        {
            events.remove(oldest);
        }
        Ok(())
    }

    /// Forgets a segment that starts at a known time; says what was known of it.
    ///
    /// # Errors
    /// When the database fails.
    pub fn remove(&mut self, segment: &SegmentId, start_ms: WallMs) -> Result<Option<Entry>, StoreError> {
        let stream = StreamKey { camera: segment.camera, stream: segment.stream };
        let key = BlockKey { stream, number: block_number(start_ms) };
        let Some(mut block) = self.read_block(key)? else { return Ok(None) };
        let Some(gone) = block.remove(segment) else { return Ok(None) };
        self.keep(block)?;
        let oldest = self.first_start(stream)?;
        self.uncount(&gone);
        self.age_of(&gone).take(&gone);
        self.totals.entry(stream).or_default().oldest_ms = oldest;
        Ok(Some(gone))
    }

    fn count(&mut self, entry: &Entry) {
        let totals = self.totals.entry(entry.stream()).or_default();
        totals.segments += 1;
        totals.bytes = ByteSize(totals.bytes.0.saturating_add(entry.bytes.0));
        totals.oldest_ms = Some(totals.oldest_ms.map_or(entry.span.start_ms, |o| o.min(entry.span.start_ms)));
        totals.newest_end_ms = Some(totals.newest_end_ms.map_or(entry.span.end_ms, |n| n.max(entry.span.end_ms)));
        self.age_of(entry).add(entry);
    }

    fn uncount(&mut self, entry: &Entry) {
        let totals = self.totals.entry(entry.stream()).or_default();
        totals.segments = totals.segments.saturating_sub(1);
        totals.bytes = ByteSize(totals.bytes.0.saturating_sub(entry.bytes.0));
    }

    fn age_of(&mut self, entry: &Entry) -> &mut AgeDay {
        let (stream, day) = (entry.stream(), day_of(entry.aged_from()));
        self.dirty_days.insert((stream, day));
        self.ages.entry(stream).or_default().entry(day).or_insert_with(|| AgeDay::new(entry))
    }

    /// What lies where, by age.
    #[must_use]
    pub fn ages(&self) -> &Ages {
        &self.ages
    }

    /// The segments of a stream that became safe on a day of the line of evidence, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub fn of_day(&self, stream: StreamKey, day: Day) -> Result<Vec<Entry>, StoreError> {
        let Some(figures) = self.ages.get(&stream).and_then(|days| days.get(&day)) else { return Ok(Vec::new()) };
        let blocks = self.blocks(stream, figures.blocks.0, figures.blocks.1, usize::MAX)?;
        let mut found: Vec<Entry> =
            blocks.into_iter().flat_map(|b| b.entries).filter(|e| day_of(e.aged_from()) == day).collect();
        found.sort_by_key(|e| (e.aged_from(), e.segment));
        Ok(found)
    }

    /// Says of a segment that starts at a known time whether its bytes are those that were recorded; whether it is known.
    ///
    /// # Errors
    /// When the database fails.
    pub fn mark(&mut self, segment: &SegmentId, start_ms: WallMs, damaged: bool) -> Result<bool, StoreError> {
        let stream = StreamKey { camera: segment.camera, stream: segment.stream };
        let key = BlockKey { stream, number: block_number(start_ms) };
        let Some(mut block) = self.read_block(key)? else { return Ok(false) };
        let Some(entry) = block.entries.iter_mut().find(|e| e.segment == *segment) else { return Ok(false) };
        if entry.damaged != damaged {
            entry.damaged = damaged;
            self.keep(block)?;
        }
        Ok(true)
    }

    /// Moves what was recorded in a boot before its clock was set to its true time. Done twice it moves nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub fn reanchor(&mut self, anchor: Anchor) -> Result<(), StoreError> {
        let streams: Vec<StreamKey> = self.totals.keys().copied().collect();
        for stream in streams {
            let entries = self.oldest(stream, WallMs(i64::MIN), usize::MAX)?;
            let follows = |e: &&Entry| {
                e.clock == ClockState::Unsynced && e.segment.run.boot == anchor.boot && e.anchored < anchor.number
            };
            for entry in entries.iter().filter(follows) {
                let span = moved(entry.span, anchor.by_ms);
                // What was measured against the line of evidence moves along only backwards: a line that lagged behind
                // makes nothing older than its true time.
                let measured = entry.aged_from().plus_ms(anchor.by_ms.min(0));
                let skew_s = skew_s(span.end_ms, measured.max(span.end_ms));
                self.remove(&entry.segment, entry.span.start_ms)?;
                self.add(Entry { span, skew_s, anchored: anchor.number, ..*entry })?;
            }
        }
        Ok(())
    }

    /// Puts a changed block back where it was read from.
    fn keep(&mut self, block: Block) -> Result<(), StoreError> {
        if let Some((open, dirty)) = self.open.get_mut(&block.key.stream)
            && open.key == block.key
        {
            (*open, *dirty) = (block, Dirty::Yes);
            return Ok(());
        }
        let mut batch = Batch::default();
        put_block(&mut batch, &block);
        self.db.apply(batch)
    }

    fn first_start(&self, stream: StreamKey) -> Result<Option<WallMs>, StoreError> {
        Ok(self.blocks(stream, 0, u32::MAX, 1)?.first().and_then(|b| b.entries.first()).map(|e| e.span.start_ms))
    }

    fn read_block(&self, key: BlockKey) -> Result<Option<Block>, StoreError> {
        if let Some((block, _)) = self.open.get(&key.stream)
            && block.key == key
        {
            return Ok(Some(block.clone()));
        }
        let row = self.db.get(&key.bytes())?;
        Ok(row.and_then(|row| Block::decode(key, &row).ok()))
    }

    /// Up to `most` non-empty blocks of a stream, in order of time, the open one included.
    fn blocks(&self, stream: StreamKey, from: u32, to: u32, most: usize) -> Result<Vec<Block>, StoreError> {
        let mut blocks: BTreeMap<u32, Block> = BTreeMap::new();
        let open = self.open.get(&stream).map(|(block, _)| block).filter(|b| (from..=to).contains(&b.key.number));
        let end = BlockKey { stream, number: to }.bytes();
        let end: Vec<u8> = end.into_iter().chain([0]).collect();
        for row in self.db.range(&BlockKey { stream, number: from }.bytes(), &end) {
            if blocks.len() >= most {
                break;
            }
            let (key, value) = row?;
            if let Some(key) = BlockKey::parse(&key)
                && open.is_none_or(|o| o.key != key)
                && let Ok(block) = Block::decode(key, &value)
                && !block.entries.is_empty()
            {
                blocks.insert(key.number, block);
            }
        }
        blocks.extend(open.filter(|b| !b.entries.is_empty()).map(|b| (b.key.number, b.clone())));
        Ok(blocks.into_values().take(most).collect())
    }

    /// The segments of a stream that overlap a range, in order of time.
    ///
    /// # Errors
    /// When the database fails.
    pub fn overlapping(&self, stream: StreamKey, range: Span) -> Result<Vec<Entry>, StoreError> {
        let from = block_number(range.start_ms.plus_ms(-LOOK_BACK_MS));
        let blocks = self.blocks(stream, from, block_number(range.end_ms), usize::MAX)?;
        Ok(blocks.into_iter().flat_map(|b| b.entries).filter(|e| e.span.overlaps(&range)).collect())
    }

    /// The oldest segments of a stream, from a time on: at least `most` when there are so many, never half a block.
    ///
    /// # Errors
    /// When the database fails.
    pub fn oldest(&self, stream: StreamKey, from: WallMs, most: usize) -> Result<Vec<Entry>, StoreError> {
        let mut found = Vec::new();
        let mut number = block_number(from);
        while found.len() < most {
            let blocks = self.blocks(stream, number, u32::MAX, 8)?;
            let Some(last) = blocks.last().map(|b| b.key.number) else { break };
            found.extend(blocks.into_iter().flat_map(|b| b.entries).filter(|e| e.span.start_ms >= from));
            let Some(next) = last.checked_add(1) else { break };
            number = next;
        }
        Ok(found)
    }

    /// Forgets a segment whose file is not there, and remembers that until it is told.
    ///
    /// # Errors
    /// When the database fails.
    pub fn lose(&mut self, entry: &Entry) -> Result<(), StoreError> {
        self.remove(&entry.segment, entry.span.start_ms)?;
        if self.meta.lost.len() < LOST && self.meta.lost.iter().all(|(segment, _)| *segment != entry.segment) {
            self.meta.lost.push((entry.segment, entry.span));
        }
        Ok(())
    }

    /// Counts a hole.
    pub fn gap(&mut self, stream: StreamKey, gap: Span) {
        let totals = self.totals.entry(stream).or_default();
        totals.gaps.add(gap);
    }

    #[must_use]
    pub fn totals(&self) -> &BTreeMap<StreamKey, Totals> {
        &self.totals
    }

    fn put_away(&mut self, stream: StreamKey) -> Result<(), StoreError> {
        let Some((block, Dirty::Yes)) = self.open.remove(&stream) else { return Ok(()) };
        let mut batch = Batch::default();
        put_block(&mut batch, &block);
        self.db.apply(batch)
    }

    /// Writes open blocks and cursors; durable on return.
    ///
    /// # Errors
    /// When the disk refuses.
    pub fn flush(&mut self) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        for (block, dirty) in self.open.values_mut() {
            if *dirty == Dirty::Yes {
                put_block(&mut batch, block);
                *dirty = Dirty::No;
            }
        }
        for (stream, day) in std::mem::take(&mut self.dirty_days) {
            let days = self.ages.entry(stream).or_default();
            // Rates are measured over the last two days, so figures of a day stay a little after its footage is gone.
            let newest = days.keys().next_back().copied().unwrap_or(day);
            match days.get(&day) {
                Some(figures) if !figures.is_empty() || day + 2 > newest => {
                    batch.put(&ages::key(stream, day), figures.encode());
                }
                _ => {
                    days.remove(&day);
                    batch.remove(&ages::key(stream, day));
                }
            }
        }
        self.meta.has_ages = true;
        self.meta.totals = self.totals.iter().map(|(key, t)| (key.camera, key.stream, *t)).collect();
        batch.put(META, frame(VERSION, &serde_json::to_vec(&self.meta).unwrap_or_default()));
        self.db.apply(batch)?;
        self.db.durable()
    }

    /// # Errors
    /// When the last writes cannot be made durable.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.flush()?;
        self.db.close()
    }
}

fn put_block(batch: &mut Batch, block: &Block) {
    if block.entries.is_empty() {
        batch.remove(&block.key.bytes());
    } else {
        batch.put(&block.key.bytes(), block.encode());
    }
}

/// The figures as rows have them, and the days whose row cannot be read.
fn read_ages(db: &Db) -> Result<(Ages, Vec<(StreamKey, Day)>), StoreError> {
    let (mut found, mut unread) = (Ages::new(), Vec::new());
    let (from, to) = ages::all_keys();
    for row in db.range(&from, &to) {
        let (key, value) = row?;
        let Some((stream, day)) = ages::parse_key(&key) else { continue };
        match AgeDay::decode(&value) {
            Ok(figures) => {
                found.entry(stream).or_default().insert(day, figures);
            }
            Err(_) => unread.push((stream, day)),
        }
    }
    Ok((found, unread))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::block::tests::entry;
    use farwatch_shared::time::Clock;

    const T0: i64 = 1_800_000_000_000;

    fn index(dir: &std::path::Path) -> Index {
        let (db, _) = Db::open(dir, 1 << 20, &Clock::real()).unwrap();
        let (index, damaged) = Index::load(db).unwrap();
        assert!(damaged.is_empty());
        index
    }

    // CAP-01
    #[test]
    fn segments_are_found_by_time_before_and_after_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let camera = CameraId::generate();
        let stream = StreamKey { camera, stream: StreamName::Main };
        let mut catalog = index(dir.path());
        for n in 0..50 {
            catalog.add(entry(camera, n, T0 + i64::from(n) * 60_000)).unwrap();
        }
        let range = Span { start_ms: WallMs(T0 + 9 * 60_000 + 59_999), end_ms: WallMs(T0 + 12 * 60_000) };
        let numbers = |catalog: &Index| -> Vec<u32> {
            catalog.overlapping(stream, range).unwrap().iter().map(|e| e.segment.sequence).collect()
        };
        assert_eq!(numbers(&catalog), [9, 10, 11]);
        catalog.close().unwrap();
        let mut catalog = index(dir.path());
        assert_eq!(numbers(&catalog), [9, 10, 11]);
        for n in 0..10 {
            catalog.remove(&entry(camera, n, 0).segment, WallMs(T0 + i64::from(n) * 60_000)).unwrap();
        }
        let totals = catalog.totals()[&stream];
        assert_eq!((totals.segments, totals.oldest_ms), (40, Some(WallMs(T0 + 600_000))));
        assert_eq!(totals.bytes, ByteSize(40 * 22_500_000));
        assert_eq!(catalog.oldest(stream, WallMs(0), 5).unwrap()[0].segment.sequence, 10);
        assert_eq!(catalog.oldest(stream, WallMs(T0 + 45 * 60_000), 100).unwrap().len(), 5);
        catalog.add(entry(camera, 49, T0 + 49 * 60_000)).unwrap();
        assert_eq!(catalog.totals()[&stream].segments, 40, "the same segment twice is one");
    }

    #[test]
    fn a_hole_told_in_pieces_is_one_hole() {
        let mut figures = GapFigures::default();
        let gap = |a: i64, b: i64| Span { start_ms: WallMs(T0 + a), end_ms: WallMs(T0 + b) };
        figures.add(gap(0, 1_000));
        figures.add(gap(1_000, 2_000));
        figures.add(gap(5_000, 6_000));
        assert_eq!((figures.today, figures.today_ms), (2, 3_000));
        assert_eq!(figures.last_end_ms, WallMs(T0 + 6_000));
        let tomorrow = figures.on(WallMs(T0 + DAY_MS));
        assert_eq!((tomorrow.today, tomorrow.last_end_ms), (0, WallMs(T0 + 6_000)));
    }
}
