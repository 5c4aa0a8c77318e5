//! The writer with real files and a simulated clock: what the log says is what the vault holds, also after a crash.

use std::path::Path;

use farwatch_shared::id::{CameraId, RecorderId, SegmentId, StreamName};
use farwatch_shared::media::nal::{Codec, Picture};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{ClockState, SimClock, WallMs};

use super::*;
use crate::camera::{Opening, depay};
use crate::ledger::entry::Closed;
use crate::ledger::log::{LogReader, LogWriter};
use crate::recorder::socket::Wakeups;

const KEY_MS: i64 = 1_000;

struct Site {
    dir: tempfile::TempDir,
    sim: SimClock,
    key: StreamKey,
    frame: i64,
}

impl Site {
    fn new() -> Self {
        let sim = SimClock::at(WallMs(1_790_000_000_000));
        sim.advance_ms(5_000);
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("ledger")).unwrap();
        Self { dir, sim, key: (CameraId::generate(), StreamName::Main), frame: 0 }
    }

    fn vault(&self) -> Vault {
        Vault::new(self.dir.path().join("vault"))
    }

    fn boot(&self, id: &str) -> Boot {
        Boot { id: id.into(), short: 7 }
    }

    fn start(&self, boot: &Boot) -> (Hand, Intake) {
        std::fs::create_dir_all(self.dir.path().join("vault")).unwrap();
        let id = RecorderId::generate();
        let log = LogWriter::open(&self.dir.path().join("ledger").join(format!("{id}.log")), |_| {}).unwrap();
        let book = Book::new(id, log, Wakeups::new(id));
        let clock = self.sim.clock();
        let at = clocks::now(&clock);
        book.write(RecorderEntry::Started { recorder: id, version: "1".into(), boot_id: boot.id.clone(), at });
        let tools = Tools {
            vault: self.vault(),
            book,
            boot: boot.clone(),
            clock: clock.clone(),
            clock_watch: ClockWatch::default(),
            board: Board::default(),
            syncer: Syncer::default(),
            settings: Arc::new(Mutex::new(Settings { rules: Rules { segment_s: 5, fragment_ms: 200 }, agent: None })),
            ledgers: self.dir.path().join("ledger"),
            counter: self.dir.path().join("counter"),
            gate: Gate::default(),
        };
        let intake = Intake::new(ByteSize::mib(16));
        let hand = Hand::prepare(tools, intake.clone()).unwrap();
        intake.push(self.key, Handed::Start(at));
        let sets = ["6742c028da01e0089f97011000000300100000030280f1832a", "68ce3c80"];
        let sets = sets.iter().map(|set| hex::decode(set).unwrap()).collect();
        let opening = Opening { source: "rtsp", codec: Codec::H264, sets, audio: None, defects: Vec::new() };
        intake.push(self.key, Handed::Begin(opening.into()));
        (hand, intake)
    }

    fn run(&mut self, hand: &mut Hand, intake: &Intake, frames: i64) {
        for _ in 0..frames {
            let picture = if self.frame % (KEY_MS / 50) == 0 { Picture::Idr } else { Picture::Ordinary };
            let size = 200 + usize::try_from(self.frame % 97).unwrap();
            let unit = depay::video::Unit { ticks: self.frame * 4_500, data: vec![9; size], lost: 0 };
            let at = self.sim.clock().boot();
            intake.push(self.key, Handed::Video(Item::Video { unit, at }, picture));
            hand.work();
            self.sim.advance_ms(50);
            self.frame += 1;
        }
    }

    fn entries(&self) -> Vec<RecorderEntry> {
        let mut names: Vec<_> =
            std::fs::read_dir(self.dir.path().join("ledger")).unwrap().map(|e| e.unwrap().path()).collect();
        names.sort();
        names.iter().flat_map(|path| entries(path)).collect()
    }

    fn closed(&self) -> Vec<Closed> {
        let closed = |entry| match entry {
            RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => Some(closed),
            _ => None,
        };
        self.entries().into_iter().filter_map(closed).collect()
    }
}

fn entries(path: &Path) -> Vec<RecorderEntry> {
    let mut reader = LogReader::open(path, None).unwrap();
    std::iter::from_fn(|| reader.next_as::<RecorderEntry>().unwrap()).map(|(_, entry)| entry).collect()
}

// EVD-01
#[test]
fn what_the_log_says_of_a_segment_is_what_lies_in_the_vault() {
    let mut site = Site::new();
    let (mut hand, intake) = site.start(&site.boot("one"));
    site.run(&mut hand, &intake, 20 * 13);
    intake.push(site.key, Handed::Stop(ClosedWhy::Stop));
    hand.work();
    let closed = site.closed();
    assert_eq!(
        closed.iter().map(|c| c.why).collect::<Vec<_>>(),
        [ClosedWhy::Length, ClosedWhy::Length, ClosedWhy::Stop]
    );
    assert_eq!(closed.iter().map(|c| c.frames).sum::<u32>(), 20 * 13);
    for closed in &closed {
        let contents = site.vault().read(&closed.segment).unwrap();
        assert_eq!((contents.digest(), contents.size(), contents.rest), (closed.digest, closed.bytes, ByteSize(0)));
        let told = recover::describe(&contents);
        assert_eq!((told.start, told.end, told.frames), (closed.start, closed.end, closed.frames));
        assert_eq!(told.previous, closed.previous);
    }
    assert_eq!(closed[1].previous, closed[0].digest, "the chain");
    assert_eq!(closed[0].previous, Digest::ZERO);
}

// CAP-01, PEERS 2
#[test]
fn a_crash_at_any_byte_costs_at_most_the_torn_fragment() {
    let mut site = Site::new();
    let (mut hand, intake) = site.start(&site.boot("one"));
    site.run(&mut hand, &intake, 20 * 7);
    drop(hand);
    let last = site.vault().scan().unwrap().pop().unwrap();
    let path = site.vault().path(&last.segment);
    let whole = std::fs::read(&path).unwrap();
    let pieces = site.vault().read(&last.segment).unwrap().pieces;
    for cut in (usize::try_from(pieces[1].offset).unwrap()..whole.len()).step_by(331) {
        std::fs::write(&path, &whole[..cut]).unwrap();
        let before = site.entries().len();
        let (hand, _intake) = site.start(&site.boot("one"));
        drop(hand);
        let kept = pieces.iter().filter(|p| p.offset + u64::from(p.length) <= cut as u64).count();
        if kept < 2 {
            assert!(!path.exists(), "nothing to keep at {cut}");
        } else {
            let contents = site.vault().read(&last.segment).unwrap();
            assert_eq!((contents.pieces.len(), contents.rest), (kept, ByteSize(0)), "cut at {cut}");
            let told = site.entries().split_off(before);
            assert!(told.iter().any(|e| matches!(e, RecorderEntry::Recovered { closed, .. }
                if closed.digest == contents.digest() && closed.segment == last.segment)));
        }
        // Put the crash back as it was.
        let mut logs: Vec<_> =
            std::fs::read_dir(site.dir.path().join("ledger")).unwrap().map(|e| e.unwrap().path()).collect();
        logs.sort();
        std::fs::remove_file(logs.pop().unwrap()).unwrap();
        std::fs::write(&path, &whole).unwrap();
    }
}

// CAP-01
#[test]
fn the_hole_around_a_dead_recorder_begins_where_its_last_fragment_ended() {
    for (boot, cause) in [("one", GapCause::Agent), ("two", GapCause::Power)] {
        let mut site = Site::new();
        let (mut hand, intake) = site.start(&site.boot("one"));
        site.run(&mut hand, &intake, 20 * 3 + 7);
        drop(hand);
        site.sim.advance_ms(2_000);
        site.frame = 20 * 5;
        let (mut hand, intake) = site.start(&site.boot(boot));
        site.run(&mut hand, &intake, 30);
        let recovered = site.closed().pop().unwrap();
        let gaps: Vec<Gap> = site
            .entries()
            .into_iter()
            .filter_map(|e| if let RecorderEntry::Gap(g) = e { Some(g) } else { None })
            .collect();
        assert_eq!(gaps.len(), 1);
        assert_eq!((gaps[0].start, gaps[0].cause), (recovered.end, cause));
        assert_eq!(gaps[0].across_boots, cause == GapCause::Power);
        assert!(gaps[0].end.boot_ns > gaps[0].start.boot_ns);
        let linked = site.entries().into_iter().rev().find_map(|e| match e {
            RecorderEntry::RunOpened { after, .. } => Some(after),
            _ => None,
        });
        assert_eq!(linked.flatten().map(|link| link.digest), Some(recovered.digest), "run joins to run");
    }
}

/// A recorder that died; the last segment it had logged, and its file.
fn killed_after_a_closed_segment() -> (Site, Closed, std::path::PathBuf) {
    let mut site = Site::new();
    let (mut hand, intake) = site.start(&site.boot("one"));
    site.run(&mut hand, &intake, 20 * 6 + 3);
    drop(hand);
    let logged = site.closed().pop().unwrap();
    let path = site.vault().path(&logged.segment);
    (site, logged, path)
}

// PEERS 2
#[test]
fn a_segment_the_log_has_whole_and_the_disk_has_torn_is_cut_and_the_difference_is_told() {
    let (mut site, logged, path) = killed_after_a_closed_segment();
    let mut bytes = std::fs::read(&path).unwrap();
    let torn = bytes.len() - 3_000;
    bytes[torn..].fill(0x5a);
    std::fs::write(&path, &bytes).unwrap();
    let next = SegmentId { sequence: logged.segment.sequence + 1, ..logged.segment };
    std::fs::remove_file(site.vault().path(&next)).unwrap();
    site.frame = 20 * 8;
    let (mut hand, intake) = site.start(&site.boot("two"));
    site.run(&mut hand, &intake, 30);
    let entries = site.entries();
    let recovered = entries.iter().find_map(|e| match e {
        RecorderEntry::Recovered { closed, .. } if closed.segment == logged.segment => Some(closed.clone()),
        _ => None,
    });
    let recovered = recovered.expect("the torn segment is told of again");
    assert!(recovered.end.wall_ms < logged.end.wall_ms && recovered.bytes < logged.bytes);
    let told = entries.iter().any(|e| {
        matches!(e, RecorderEntry::Gap(gap) if gap.cause == GapCause::Power
            && (gap.start, gap.end) == (recovered.end, logged.end))
    });
    assert!(told, "{entries:#?}");
    assert_eq!(site.vault().read(&logged.segment).unwrap().digest(), recovered.digest);
}

// EVD-01
#[test]
fn an_altered_segment_is_not_made_good_by_a_power_cut() {
    let (mut site, logged, path) = killed_after_a_closed_segment();
    let mut altered = std::fs::read(&path).unwrap();
    // A digit of what the file says of itself: every fragment stays whole, and only the digest is another.
    let name = b"\"width\":";
    let at = altered.windows(name.len()).position(|w| w == name).unwrap() + name.len();
    altered[at] = if altered[at] == b'1' { b'2' } else { b'1' };
    std::fs::write(&path, &altered).unwrap();
    assert_ne!(site.vault().read(&logged.segment).unwrap().digest(), logged.digest);
    let next = SegmentId { sequence: logged.segment.sequence + 1, ..logged.segment };
    std::fs::remove_file(site.vault().path(&next)).unwrap();
    site.frame = 20 * 8;
    let (mut hand, intake) = site.start(&site.boot("two"));
    site.run(&mut hand, &intake, 30);
    let is_told =
        |e: &RecorderEntry| matches!(e, RecorderEntry::Recovered { closed, .. } if closed.segment == logged.segment);
    assert!(!site.entries().iter().any(is_told), "the log stands by the digest it has");
    assert_eq!(std::fs::read(&path).unwrap(), altered);
}

#[test]
fn a_stream_switched_off_and_on_again_is_missed_by_the_operators_wish() {
    let mut site = Site::new();
    let (mut hand, intake) = site.start(&site.boot("one"));
    site.run(&mut hand, &intake, 40);
    intake.push(site.key, Handed::Stop(ClosedWhy::Plan));
    hand.work();
    site.sim.advance_ms(60_000);
    drop(hand);
    site.frame = 0;
    let (mut hand, intake) = site.start(&site.boot("two"));
    site.run(&mut hand, &intake, 40);
    let entries = site.entries();
    assert!(entries.iter().any(|e| matches!(e, RecorderEntry::SwitchedOff { .. })));
    assert!(entries.iter().any(|e| matches!(e, RecorderEntry::Gap(gap) if gap.cause == GapCause::Operator)));
}

// CAP-05
#[test]
fn each_segment_says_how_its_clock_stood_though_that_changed_within_a_run() {
    let mut site = Site::new();
    let (mut hand, intake) = site.start(&site.boot("one"));
    let watch = hand.tools.clock_watch.clone();
    for state in [ClockState::Unsynced, ClockState::Rtc, ClockState::Ntp] {
        watch.judged(clocks::now(&site.sim.clock()), state);
        site.run(&mut hand, &intake, 20 * 5);
    }
    intake.push(site.key, Handed::Stop(ClosedWhy::Stop));
    hand.work();
    let closed = site.closed();
    let told: Vec<ClockState> = closed.iter().map(|c| c.clock).collect();
    assert_eq!(told, [ClockState::Unsynced, ClockState::Rtc, ClockState::Ntp]);
    for closed in &closed {
        assert_eq!(site.vault().ident(&closed.segment).unwrap().clock, closed.clock);
    }
    assert_eq!(closed.iter().map(|c| c.segment.run).collect::<std::collections::BTreeSet<_>>().len(), 1, "one run");
}

// EVD-01
#[test]
fn a_log_that_grew_large_is_followed_by_another_which_alone_tells_the_next_recorder_all() {
    let mut site = Site::new();
    let boot = site.boot("one");
    let (mut hand, intake) = site.start(&boot);
    site.run(&mut hand, &intake, 20 * 13);
    let ledgers = site.dir.path().join("ledger");
    let (book, old) = (hand.tools.book.clone(), hand.tools.book.id());
    let turner = super::super::turn::Turner::new(ledgers.clone(), boot.clone(), 1);
    let new = turner.turn(&book, &site.sim.clock()).unwrap();
    assert!(new > old && book.id() == new);
    site.run(&mut hand, &intake, 20 * 10);
    let before = site.closed();
    assert_eq!(before.iter().map(|c| c.segment.sequence).collect::<Vec<_>>(), [0, 1, 2, 3]);
    for pair in before.windows(2) {
        assert_eq!((pair[1].previous, pair[1].start), (pair[0].digest, pair[0].end), "the chain goes on over the turn");
    }
    // Killed; and the first log is gone.
    drop(hand);
    std::fs::remove_file(super::super::turn::log_path(&ledgers, old)).unwrap();
    site.sim.advance_ms(3_000);
    let (mut hand, intake) = site.start(&boot);
    site.run(&mut hand, &intake, 20 * 6);
    intake.push(site.key, Handed::Stop(ClosedWhy::Stop));
    hand.work();
    let mut at = before[1].end;
    for entry in site.entries() {
        let (start, end) = match entry {
            RecorderEntry::Closed(c) | RecorderEntry::Recovered { closed: c, .. } => (c.start, c.end),
            RecorderEntry::Gap(gap) => {
                assert_eq!(gap.cause, GapCause::Agent);
                (gap.start, gap.end)
            }
            _ => continue,
        };
        assert_eq!(start, at, "nothing is missing and nothing is there twice");
        at = end;
    }
    assert!(at.boot_ns >= site.sim.clock().boot(), "up to now");
}
