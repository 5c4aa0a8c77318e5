//! Simulated days of a recorder's log, witnessed, with restarts and outages in between.

use std::path::Path;

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::Checkpoint;
use farwatch_shared::evidence::word::{AgentLine, AgentWord};
use farwatch_shared::id::{HoldId, RunId, SegmentId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{DAY_MS, SimClock};
use farwatch_shared::wire::latest::{GapCause, HoldFact};

use super::*;
use crate::ledger::entry::{Closed, ClosedWhy, Gap, Moment};
use crate::ledger::log::{LogReader, LogWriter};

/// 2026-11-24T00:00:00Z.
const T: i64 = 1_795_478_400_000;
const BOOT: &str = "00000001-0000-0000-0000-000000000000";
const HOUR: i64 = 3_600_000;

struct SimBox {
    dir: tempfile::TempDir,
    sim: SimClock,
    log: LogWriter,
    recorder: RecorderId,
    camera: CameraId,
    key: String,
    agent: AgentId,
    sequence: u32,
    last: Digest,
}

impl SimBox {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("recorder")).unwrap();
        let recorder = RecorderId::generate();
        let log = LogWriter::open(&dir.path().join(format!("recorder/{recorder}.log")), |_| ()).unwrap();
        let key = SignKey::generate().unwrap().to_pem().unwrap().to_string();
        let mut made = Self {
            dir,
            sim: SimClock::at(WallMs(T)),
            log,
            recorder,
            camera: CameraId::generate(),
            key,
            agent: AgentId::generate(),
            sequence: 0,
            last: Digest::ZERO,
        };
        let started = RecorderEntry::Started { recorder, version: "0".into(), boot_id: BOOT.into(), at: made.now() };
        made.log.append(&started).unwrap();
        made
    }

    fn now(&self) -> Moment {
        Moment { boot_ns: self.sim.clock().boot(), wall_ms: self.sim.clock().wall() }
    }

    fn ledger(&self) -> AgentLedger {
        AgentLedger::open(self.dir.path().join("agent.log"), self.sim.clock(), WallMs(0)).unwrap()
    }

    fn witness(&self, ledger: &AgentLedger) -> Witness {
        Witness::new(WitnessConfig {
            ledger: ledger.clone(),
            recorder_ledgers: self.dir.path().join("recorder"),
            agent: self.agent,
            key: SignKey::from_pem(&self.key).unwrap(),
            clock: self.sim.clock(),
            boot_id: BOOT.into(),
            terms: Box::new(|| Terms { default_floor: 30, clock: Some(ClockState::Ntp), ..Terms::default() }),
        })
    }

    /// Records this long, in segments of ten minutes.
    fn record(&mut self, ms: i64) {
        for _ in 0..ms / 600_000 {
            let start = self.now();
            self.sim.advance_ms(600_000);
            let digest = Digest::of_parts(&[&self.last.0, &self.sequence.to_le_bytes()]);
            let closed = Closed {
                segment: SegmentId {
                    camera: self.camera,
                    stream: StreamName::Main,
                    run: RunId { boot: 1, counter: 1 },
                    sequence: self.sequence,
                },
                start,
                end: self.now(),
                bytes: ByteSize(1_000),
                fragments: 3,
                frames: 9,
                digest,
                previous: self.last,
                clock: ClockState::Ntp,
                codec: "avc1.640028".into(),
                width: 1,
                height: 1,
                audio_codec: None,
                audio_derived: false,
                needs_previous: false,
                media_ticks90k: 0,
                why: ClosedWhy::Length,
                activity: Vec::new(),
            };
            (self.last, self.sequence) = (digest, self.sequence + 1);
            self.log.append(&RecorderEntry::Closed(closed)).unwrap();
        }
    }

    fn miss(&mut self, ms: i64, cause: GapCause) {
        let start = self.now();
        self.sim.advance_ms(ms);
        let (camera, stream, end) = (self.camera, StreamName::Main, self.now());
        let gap = Gap { camera, stream, start, end, cause, detail: None, across_boots: false };
        self.log.append(&RecorderEntry::Gap(gap)).unwrap();
    }
}

fn lines(dir: &Path) -> Vec<AgentWord> {
    let mut reader = LogReader::open(&dir.join("agent.log"), None).unwrap();
    std::iter::from_fn(|| reader.next_as::<AgentLine>().unwrap()).map(|(_, line)| line.word).collect()
}

/// All statements and checkpoints, signatures and chains checked.
fn documents(of: &SimBox) -> (Vec<CoverageStatement>, Vec<Checkpoint>) {
    let key = SignKey::from_pem(&of.key).unwrap().public();
    let (mut statements, mut checkpoints) = (Vec::new(), Vec::new());
    let (mut statement, mut checkpoint) = ((0, Digest::ZERO), (0, Digest::ZERO));
    for word in lines(of.dir.path()) {
        match word {
            AgentWord::Coverage { signed } => {
                let read = signed.verify(&key).unwrap();
                assert_eq!((read.number, read.previous), (statement.0 + 1, statement.1));
                statement = (read.number, Digest::of(read.bytes()));
                statements.push(read.into_inner());
            }
            AgentWord::Checkpoint { signed } => {
                let read = signed.verify(&key).unwrap();
                assert_eq!((read.number, read.previous), (checkpoint.0 + 1, checkpoint.1));
                checkpoint = (read.number, Digest::of(read.bytes()));
                checkpoints.push(read.into_inner());
            }
            _ => {}
        }
    }
    (statements, checkpoints)
}

// RET-05, EVD-01
#[tokio::test]
async fn every_day_is_stated_once_two_hours_after_its_end_whenever_the_agent_restarts() {
    let mut site = SimBox::new();
    for hour in 0..24 * 3 + 3 {
        let ledger = site.ledger();
        let mut witness = site.witness(&ledger);
        site.record(HOUR / 2);
        witness.pass(false).await.unwrap();
        if hour % 5 == 4 {
            site.miss(HOUR / 2, GapCause::Camera);
        } else {
            site.record(HOUR / 2);
        }
        witness.pass(hour % 2 == 0).await.unwrap();
        let stated = documents(&site).0.len() as i64;
        let over = (hour + 1) / 24 - i64::from((hour + 1) % 24 < 2 && hour >= 23);
        assert_eq!(stated, over, "after {} hours", hour + 1);
    }
    let (statements, checkpoints) = documents(&site);
    let days: Vec<&str> = statements.iter().map(|s| s.day.as_str()).collect();
    assert_eq!(days, ["2026-11-24", "2026-11-25", "2026-11-26"]);
    for said in &statements {
        let missing: u64 = said.gaps.iter().map(|g| g.ms).sum();
        assert_eq!(said.expected_ms, 86_400_000);
        assert_eq!(said.recorded_ms + missing, said.expected_ms);
        assert!(said.gaps.iter().all(|g| g.cause == GapCause::Camera) && said.floor_kept);
    }
    let segments: u64 = statements.iter().map(|s| s.segments).sum();
    assert_eq!(segments, segments_before(&site, WallMs(T + 3 * DAY_MS)));
    let covered: u64 =
        checkpoints.iter().flat_map(|c| &c.logs).filter(|l| l.log != "agent").map(|l| l.entries).max().unwrap();
    assert!(covered > 0 && checkpoints.iter().any(|c| c.heads.iter().any(|h| h.camera == site.camera)));
}

fn segments_before(site: &SimBox, end: WallMs) -> u64 {
    let mut reader = LogReader::open(&site.dir.path().join(format!("recorder/{}.log", site.recorder)), None).unwrap();
    let entries = std::iter::from_fn(|| reader.next_as::<RecorderEntry>().unwrap());
    entries.filter(|(_, entry)| matches!(entry, RecorderEntry::Closed(c) if c.start.wall_ms < end)).count() as u64
}

// RET-05
#[tokio::test]
async fn days_of_an_outage_are_stated_once_the_hole_is_told() {
    let mut site = SimBox::new();
    site.record(DAY_MS + 10 * HOUR);
    let ledger = site.ledger();
    let mut witness = site.witness(&ledger);
    witness.pass(false).await.unwrap();
    assert_eq!(documents(&site).0.len(), 1);
    // The recorder is silent for four days; nothing is stated that nobody ledgered.
    let hole = 4 * DAY_MS;
    let quiet = site.now();
    site.sim.advance_ms(hole);
    witness.pass(false).await.unwrap();
    assert_eq!(documents(&site).0.len(), 1);
    drop((witness, ledger));
    let (camera, stream, end) = (site.camera, StreamName::Main, site.now());
    let gap = Gap { camera, stream, start: quiet, end, cause: GapCause::Agent, detail: None, across_boots: false };
    site.log.append(&RecorderEntry::Gap(gap)).unwrap();
    site.record(HOUR);
    let ledger = site.ledger();
    site.witness(&ledger).pass(false).await.unwrap();
    site.witness(&ledger).pass(false).await.unwrap();
    let (statements, _) = documents(&site);
    let figures: Vec<(u64, u64)> = statements.iter().map(|s| (s.expected_ms, s.recorded_ms)).collect();
    let day = 86_400_000;
    assert_eq!(figures, [(day, day), (day, 36_000_000), (day, 0), (day, 0), (day, 0)]);
    assert_eq!(statements[0].unbroken_since_ms, Some(WallMs(T)));
    assert_eq!(statements[4].unbroken_since_ms, None);
}

// RET-03, RET-05
#[tokio::test]
async fn a_statement_says_what_a_hold_protects() {
    let mut site = SimBox::new();
    let ledger = site.ledger();
    let fact = HoldFact {
        hold: HoldId::generate(),
        camera: site.camera,
        start_ms: WallMs(T + HOUR),
        end_ms: WallMs(T + 3 * HOUR),
        placed: true,
        bytes: ByteSize(0),
    };
    ledger.append(AgentBody::Hold { fact }).await.unwrap();
    site.record(DAY_MS + 3 * HOUR);
    site.witness(&ledger).pass(false).await.unwrap();
    assert_eq!(documents(&site).0[0].held_ms, 7_200_000);
}
