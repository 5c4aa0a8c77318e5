//! Chain heads: every ten minutes, and at the end of a run, how far each stream's chain of segments has come.
//!
//! Belongs here: gathering closings into heads (pure). Does not: writing them down or telling the hub.

use std::collections::BTreeMap;

use farwatch_shared::id::{CameraId, RecorderId, RunId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::ChainHeadFact;

use super::entry::{ACTIVITY_SLOT_MS, Closed};
use super::log::Position;

/// Longest stretch one head covers.
const HEAD_MS: i64 = 600_000;
/// Most slots of activity in a head.
const SLOTS: usize = 60;

type Stream = (CameraId, StreamName);

/// Closings of one run that no head covers yet.
#[derive(Debug, Clone)]
struct Open {
    log: RecorderId,
    /// Where the first of its closings stands.
    since: Position,
    fact: ChainHeadFact,
    slots: Vec<u64>,
}

/// The gatherer.
#[derive(Debug, Default)]
pub struct Heads {
    open: BTreeMap<Stream, Open>,
    /// Highest sequence covered or gathered, per run.
    covered: BTreeMap<(CameraId, StreamName, RunId), u32>,
}

impl Heads {
    /// Goes on from what the ledger says is covered.
    #[must_use]
    pub fn new(covered: BTreeMap<(CameraId, StreamName, RunId), u32>) -> Self {
        Self { open: BTreeMap::new(), covered }
    }

    /// A segment closed; gives the heads that are complete by it.
    pub fn closed(&mut self, log: RecorderId, at: Position, closed: &Closed) -> Vec<(RecorderId, ChainHeadFact)> {
        let id = closed.segment;
        let run = (id.camera, id.stream, id.run);
        if self.covered.get(&run).is_some_and(|last| *last >= id.sequence) {
            return Vec::new();
        }
        let (start, end) = (closed.start.wall_ms, closed.end.wall_ms);
        let stream = (id.camera, id.stream);
        let mut heads = Vec::new();
        let fits = |open: &Open| {
            open.log == log
                && open.fact.run == id.run
                && open.fact.last_sequence.checked_add(1) == Some(id.sequence)
                && (0..=HEAD_MS).contains(&end.since(open.fact.start_ms))
        };
        if self.open.get(&stream).is_some_and(|open| !fits(open)) {
            heads.extend(self.open.remove(&stream).map(finish));
        }
        self.covered.insert(run, id.sequence);
        let open = self.open.entry(stream).or_insert_with(|| Open {
            log,
            since: at,
            fact: ChainHeadFact {
                camera: id.camera,
                stream: id.stream,
                run: id.run,
                first_sequence: id.sequence,
                last_sequence: id.sequence,
                start_ms: start,
                end_ms: end,
                bytes: ByteSize(0),
                head: closed.digest,
                activity: Vec::new(),
            },
            slots: Vec::new(),
        });
        open.fact.last_sequence = id.sequence;
        open.fact.end_ms = end.max(open.fact.end_ms);
        open.fact.bytes = ByteSize(open.fact.bytes.0.saturating_add(closed.bytes.0));
        open.fact.head = closed.digest;
        let first = usize::try_from(start.since(open.fact.start_ms) / i64::from(ACTIVITY_SLOT_MS)).unwrap_or(0);
        open.slots.resize(first.max(open.slots.len()), 0);
        open.slots.extend(closed.activity.iter().map(|b| u64::from(*b)));
        heads
    }

    /// Closes what will not grow: the stream's run ended (a gap, an orderly stop), or its ten minutes are over.
    pub fn ended(&mut self, camera: CameraId, stream: StreamName) -> Option<(RecorderId, ChainHeadFact)> {
        self.open.remove(&(camera, stream)).map(finish)
    }

    /// Heads that are due by the clock although nothing closed since.
    pub fn due(&mut self, now: WallMs) -> Vec<(RecorderId, ChainHeadFact)> {
        let due: Vec<Stream> = self
            .open
            .iter()
            .filter(|(_, open)| now.since(open.fact.start_ms) >= HEAD_MS + 60_000)
            .map(|(stream, _)| *stream)
            .collect();
        due.into_iter().filter_map(|stream| self.open.remove(&stream)).map(finish).collect()
    }

    /// All that is gathered: at a stop, so that the hub's picture is complete.
    pub fn all(&mut self) -> Vec<(RecorderId, ChainHeadFact)> {
        std::mem::take(&mut self.open).into_values().map(finish).collect()
    }

    /// Where reading a log must begin after a restart so that nothing gathered is lost; `read` is how far it was read.
    #[must_use]
    pub fn resume(&self, log: RecorderId, read: Position) -> Position {
        let open = self.open.values().filter(|open| open.log == log).map(|open| open.since);
        open.fold(read, |earliest, since| if since.index < earliest.index { since } else { earliest })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.open.is_empty()
    }
}

fn finish(open: Open) -> (RecorderId, ChainHeadFact) {
    let per_slot = open.slots.len().div_ceil(SLOTS).max(1);
    let activity =
        open.slots.chunks(per_slot).map(|chunk| u32::try_from(chunk.iter().sum::<u64>()).unwrap_or(u32::MAX)).collect();
    (open.log, ChainHeadFact { activity, ..open.fact })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::entry::{ClosedWhy, Moment};
    use farwatch_shared::digest::Digest;
    use farwatch_shared::id::SegmentId;
    use farwatch_shared::time::{BootNs, ClockState};

    fn closed(camera: CameraId, run: u32, sequence: u32) -> Closed {
        let at = |minute: u32| {
            let ms = i64::from(minute) * 60_000;
            Moment { boot_ns: BootNs(ms * 1_000_000), wall_ms: WallMs(1_800_000_000_000 + ms) }
        };
        Closed {
            segment: SegmentId { camera, stream: StreamName::Main, run: RunId { boot: 1, counter: run }, sequence },
            start: at(sequence),
            end: at(sequence + 1),
            bytes: ByteSize(100),
            fragments: 300,
            frames: 1200,
            digest: Digest::of(&sequence.to_le_bytes()),
            previous: Digest::ZERO,
            clock: ClockState::Ntp,
            codec: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            audio_codec: None,
            audio_derived: false,
            needs_previous: false,
            media_ticks90k: 5_400_000,
            why: ClosedWhy::Length,
            activity: vec![10; 12],
        }
    }

    fn at(index: u32) -> Position {
        Position { offset: u64::from(index), index: u64::from(index), chain: Digest::ZERO }
    }

    // EVD-01
    #[test]
    fn heads_cover_every_segment_once_across_a_restart() {
        let (camera, log) = (CameraId::generate(), RecorderId::generate());
        let mut heads = Heads::default();
        let mut made = Vec::new();
        for n in 0..25 {
            made.extend(heads.closed(log, at(n), &closed(camera, 1, n)));
        }
        let covered =
            made.iter().map(|(_, f)| ((f.camera, f.stream, f.run), f.last_sequence)).collect::<BTreeMap<_, _>>();
        let mut again = Heads::new(covered);
        for n in 0..25 {
            made.extend(again.closed(log, at(n), &closed(camera, 1, n)));
        }
        made.extend(again.closed(log, at(25), &closed(camera, 2, 0)));
        made.extend(again.all());
        let ranges: Vec<_> =
            made.iter().map(|(_, f)| (f.run.counter, f.first_sequence, f.last_sequence, f.bytes.0)).collect();
        assert_eq!(ranges, [(1, 0, 9, 1000), (1, 10, 19, 1000), (1, 20, 24, 500), (2, 0, 0, 100)]);
        assert_eq!(made[0].1.activity, vec![20; 60], "120 slots of 5 s fold into 60");
        assert_eq!(made[0].1.head, Digest::of(&9u32.to_le_bytes()));
    }

    #[test]
    fn a_head_is_due_when_its_ten_minutes_are_long_over() {
        let (camera, log) = (CameraId::generate(), RecorderId::generate());
        let mut heads = Heads::default();
        heads.closed(log, at(0), &closed(camera, 1, 0));
        assert_eq!(heads.resume(log, at(9)).index, 0);
        let start = WallMs(1_800_000_000_000);
        assert!(heads.due(start.plus_ms(600_000)).is_empty());
        assert_eq!(heads.due(start.plus_ms(660_000)).len(), 1);
        assert!(heads.is_empty());
        assert_eq!(heads.resume(log, at(9)).index, 9);
    }
}
