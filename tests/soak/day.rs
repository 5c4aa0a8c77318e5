//! One simulated day of four cameras: the fake source at the boundary of `camera`, and from there the real intake, rules,
//! files, vault and log on a simulated clock.
//!
//! Drift of up to 200 ppm either way, steps of the wall clock, broken and silent sessions, lost packets, jumping
//! timestamps, changing formats, 16 pictures of reordering, sound, stalls of the disk, restarts and crashes of the
//! recorder. Every frame the cameras took is recorded or in a ledgered gap, no gap holds a recorded frame, and segments
//! and gaps join without overlap to the whole time.
//!
//! Six hours by default, `FARWATCH_LONG` the whole day; `FARWATCH_SOAK_HOURS` any other.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use farwatch_agent::camera::{Item, Source as _, SourceError};
use farwatch_agent::ledger::entry::{ClosedWhy, RecorderEntry};
use farwatch_agent::ledger::log::{LogReader, LogWriter};
use farwatch_agent::record::book::Book;
use farwatch_agent::record::clocks::{self, Boot, ClockWatch};
use farwatch_agent::record::cut::Rules;
use farwatch_agent::record::figures::Board;
use farwatch_agent::record::gate::Gate;
use farwatch_agent::record::hand::{Hand, Settings, Tools};
use farwatch_agent::record::intake::{Handed, Intake, StreamKey};
use farwatch_agent::record::session::watchdog;
use farwatch_agent::record::sync::Syncer;
use farwatch_agent::recorder::socket::Wakeups;
use farwatch_agent::vault::Vault;
use farwatch_shared::id::{CameraId, RecorderId, StreamName};
use farwatch_shared::media::nal::Codec;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{BootNs, SimClock, WallMs};
use farwatch_shared::wire::latest::GapCause;
use futures::FutureExt as _;

use crate::books::Account;
use crate::lens::{FRAME_NS, FakeSource, Kind, Lens};

const SECOND: i64 = 1_000_000_000;
/// Mean time between two troubles of one camera.
const TROUBLE_EVERY_S: i64 = 240;
const STEP_EVERY_S: i64 = 1_900;
const STALL_EVERY_S: i64 = 1_500;
const RESTART_EVERY_S: i64 = 3_100;
/// What waits for the disk at most: little, so that a stall of half a minute is too long.
const BUDGET: ByteSize = ByteSize(180_000);

const KINDS: [Kind; 4] = [
    Kind { drift_ppm: 200, gop: 40, reorder: 0, sound: true },
    Kind { drift_ppm: -200, gop: 35, reorder: 16, sound: false },
    Kind { drift_ppm: 37, gop: 200, reorder: 0, sound: false },
    Kind { drift_ppm: -90, gop: 40, reorder: 1, sound: false },
];

/// A camera and its session.
struct Camera {
    key: StreamKey,
    lens: Rc<RefCell<Lens>>,
    session: Option<FakeSource>,
    again_at: BootNs,
    last: BootNs,
    trouble_at: BootNs,
}

/// A recorder that runs.
struct Recorder {
    hand: Hand,
    intake: Intake,
    book: Book,
    syncer: Syncer,
}

struct Day {
    dir: PathBuf,
    sim: SimClock,
    cameras: Vec<Camera>,
    recorder: Option<Recorder>,
    board: Board,
    logs: BTreeMap<PathBuf, LogReader>,
    accounts: BTreeMap<StreamKey, Account>,
    /// What went wrong, and how often.
    weather: BTreeMap<&'static str, u32>,
    chance: Rc<RefCell<Lens>>,
}

impl Day {
    fn begin(dir: &Path) -> Self {
        let sim = SimClock::at(WallMs(1_790_000_000_000));
        sim.advance_ms(5_000);
        for folder in ["vault", "ledger"] {
            std::fs::create_dir_all(dir.join(folder)).expect("a folder");
        }
        let cameras = KINDS.into_iter().zip(1..).map(|(kind, n)| Camera {
            key: (CameraId::generate(), StreamName::Main),
            lens: Lens::new(kind, n * 7_000_000, 0x5eed_0000 + u64::try_from(n).unwrap_or(1)),
            session: None,
            again_at: BootNs(0),
            last: BootNs(0),
            trouble_at: BootNs(30 * SECOND * n),
        });
        let cameras: Vec<Camera> = cameras.collect();
        let accounts = cameras.iter().map(|camera| (camera.key, Account::default())).collect();
        let chance = Lens::new(KINDS[0], 0, 0xc0ff_ee11);
        Self {
            dir: dir.to_owned(),
            sim,
            cameras,
            recorder: None,
            board: Board::default(),
            logs: BTreeMap::new(),
            accounts,
            weather: BTreeMap::new(),
            chance,
        }
    }

    fn now(&self) -> BootNs {
        self.sim.clock().boot()
    }

    fn random(&self, below: i64) -> i64 {
        self.chance.borrow_mut().random(below)
    }

    /// An instant a random time from now, `mean_s` on average.
    fn some_time(&self, mean_s: i64) -> BootNs {
        BootNs(self.now().0 + self.random(2 * mean_s * 1_000) * 1_000_000)
    }

    fn start_recorder(&mut self) {
        let clock = self.sim.clock();
        let id = RecorderId::generate();
        let log = LogWriter::open(&self.dir.join("ledger").join(format!("{id}.log")), |_| {}).expect("a log");
        let book = Book::new(id, log, Wakeups::new(id));
        let boot = Boot { id: "a day".into(), short: 7 };
        let at = clocks::now(&clock);
        book.write(RecorderEntry::Started { recorder: id, version: "1".into(), boot_id: boot.id.clone(), at });
        let syncer = Syncer::default();
        let rules = Rules { segment_s: 60, fragment_ms: 200 };
        let tools = Tools {
            vault: Vault::new(self.dir.join("vault")),
            book: book.clone(),
            boot,
            clock,
            clock_watch: ClockWatch::default(),
            board: self.board.clone(),
            syncer: syncer.clone(),
            settings: Arc::new(Mutex::new(Settings { rules, agent: None })),
            ledgers: self.dir.join("ledger"),
            counter: self.dir.join("counter"),
            gate: Gate::default(),
        };
        let intake = Intake::new(BUDGET);
        let hand = Hand::prepare(tools, intake.clone()).expect("the vault can be listed");
        for camera in &mut self.cameras {
            intake.push(camera.key, Handed::Start(at));
            camera.again_at = BootNs(at.boot_ns.0 + 150_000_000);
        }
        self.recorder = Some(Recorder { hand, intake, book, syncer });
    }

    /// As an update or a person does it: everything that arrived is written.
    fn stop_recorder(&mut self) {
        let Some(mut recorder) = self.recorder.take() else { return };
        for camera in &mut self.cameras {
            camera.session = None;
            recorder.intake.push(camera.key, Handed::Stop(ClosedWhy::Stop));
        }
        recorder.hand.work();
        let at = clocks::now(&self.sim.clock());
        recorder.book.write_synced(&RecorderEntry::CleanStop { boot_id: "a day".into(), at }).expect("written");
    }

    /// As kill -9 does it: what was not written is gone.
    fn crash_recorder(&mut self) {
        self.recorder = None;
        self.cameras.iter_mut().for_each(|camera| camera.session = None);
    }

    /// What a session has to give by now.
    fn pump(&mut self, at: usize) {
        let now = self.now();
        let (camera, Some(recorder)) = (&mut self.cameras[at], &self.recorder) else { return };
        let Some(source) = &mut camera.session else {
            if camera.again_at <= now {
                let (opening, source) = FakeSource::open(&camera.lens, self.sim.clock());
                recorder.intake.push(camera.key, Handed::Begin(Box::new(opening)));
                camera.session = Some(source);
                camera.last = now;
            }
            return;
        };
        while source.due() <= now {
            match source.next().now_or_never().expect("a fake source never waits") {
                Ok(item) => {
                    if matches!(item, Item::Video { .. }) {
                        camera.last = now;
                    }
                    recorder.intake.item(camera.key, Codec::H264, item);
                }
                Err(error) => {
                    self.end(at, &error);
                    return;
                }
            }
        }
        if let Err(error) = watchdog(camera.last, now) {
            self.end(at, &error);
        }
    }

    fn end(&mut self, at: usize, error: &SourceError) {
        let away_ms = [300, 2_000, 9_000, 40_000][usize::try_from(self.random(4)).unwrap_or(0)];
        let now = self.now();
        let (camera, Some(recorder)) = (&mut self.cameras[at], &self.recorder) else { return };
        camera.session = None;
        camera.again_at = BootNs(now.0 + away_ms * 1_000_000);
        recorder.intake.push(camera.key, Handed::End { cause: GapCause::Camera, detail: error.to_string() });
    }

    fn trouble(&mut self, at: usize) {
        let mut kind = self.random(8);
        let (amount, sign) = (self.random(7_000_000), if self.random(2) == 0 { 1 } else { -1 });
        let now = self.now();
        let mut lens = self.cameras[at].lens.borrow_mut();
        if kind == 4 && lens.kind.reorder > 1 {
            // Where in a group of 17 timestamps jumped nobody can tell; what comes of it is right to the group, not the frame.
            kind = 2;
        }
        let name = match kind {
            0 => {
                lens.breaks = true;
                "connections broken"
            }
            1 => {
                // Less than 2 s is no silence by the rules, more than 6 s is given up.
                lens.silent_until = BootNs(now.0 + 2_200_000_000 + amount * 2_000);
                "silences"
            }
            2 | 3 => {
                lens.lose = u32::try_from(1 + amount % 30).unwrap_or(1);
                "packet losses"
            }
            4 => {
                // Two seconds to three weeks.
                lens.jump_ticks += sign * (180_000 + amount * amount / 300);
                "timestamp jumps"
            }
            5 => {
                lens.other = !lens.other && lens.kind.reorder == 0;
                "format changes"
            }
            6 => {
                lens.defects.push("marker_within_unit");
                "defects"
            }
            _ => {
                lens.stray_unit = true;
                "units without picture"
            }
        };
        drop(lens);
        *self.weather.entry(name).or_default() += 1;
        self.cameras[at].trouble_at = self.some_time(TROUBLE_EVERY_S);
    }

    /// Reads on in the logs and settles each file once.
    fn read(&mut self) {
        let vault = Vault::new(self.dir.join("vault"));
        let mut paths: Vec<PathBuf> =
            std::fs::read_dir(self.dir.join("ledger")).expect("the logs").flatten().map(|entry| entry.path()).collect();
        // Their names begin with the time they were made.
        paths.sort();
        for path in paths {
            let log = self.logs.entry(path).or_insert_with_key(|path| LogReader::open(path, None).expect("a log"));
            while let Some((_, entry)) = log.next_as::<RecorderEntry>().expect("a whole log") {
                let key = match &entry {
                    RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => {
                        (closed.segment.camera, closed.segment.stream)
                    }
                    RecorderEntry::Gap(gap) => (gap.camera, gap.stream),
                    _ => continue,
                };
                self.accounts.get_mut(&key).expect("one of our streams").enter(&entry, &vault);
            }
        }
    }

    fn live(&mut self, until: BootNs) {
        let (mut work_at, mut second_at, mut minute_at) = (BootNs(0), BootNs(0), BootNs(0));
        let mut step_at = self.some_time(STEP_EVERY_S);
        let mut stall_at = self.some_time(STALL_EVERY_S);
        let mut restart_at = self.some_time(RESTART_EVERY_S);
        let mut start_at = BootNs(0);
        while self.now() < until {
            let now = self.now();
            if self.recorder.is_none() && start_at <= now {
                self.start_recorder();
            }
            for at in 0..self.cameras.len() {
                if self.cameras[at].trouble_at <= now {
                    self.trouble(at);
                }
                self.pump(at);
            }
            if step_at <= now {
                let by = [40, 700, -700, 30_000, -3_600_000, 86_400_000][usize::try_from(self.random(6)).unwrap_or(0)];
                self.sim.step_wall_ms(by);
                *self.weather.entry("steps of the wall clock").or_default() += 1;
                step_at = self.some_time(STEP_EVERY_S);
            }
            if stall_at <= now {
                work_at = BootNs(now.0 + (5 + self.random(25)) * SECOND);
                *self.weather.entry("stalls of the disk").or_default() += 1;
                stall_at = self.some_time(STALL_EVERY_S);
            }
            if restart_at <= now {
                let (name, crash) = if self.random(2) == 0 { ("crashes", true) } else { ("restarts", false) };
                if crash {
                    self.crash_recorder()
                } else {
                    self.stop_recorder()
                }
                *self.weather.entry(name).or_default() += 1;
                start_at = BootNs(now.0 + (1 + self.random(8)) * SECOND);
                restart_at = self.some_time(RESTART_EVERY_S);
            }
            if let Some(recorder) = &mut self.recorder {
                if work_at <= now {
                    recorder.hand.work();
                    work_at = BootNs(now.0 + 100_000_000);
                }
                if second_at <= now {
                    recorder.syncer.pass(&recorder.book);
                    second_at = BootNs(now.0 + SECOND);
                }
            }
            if minute_at <= now {
                self.read();
                minute_at = BootNs(now.0 + 60 * SECOND);
            }
            self.sim.advance_ms(7);
        }
    }
}

/// In memory where there is such a place: syncing is not what is tested here.
fn place() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::Builder::new().prefix("farwatch-soak-").tempdir_in(base).expect("a temporary directory")
}

fn hours() -> i64 {
    let asked = std::env::var("FARWATCH_SOAK_HOURS").ok().and_then(|hours| hours.parse().ok());
    asked.unwrap_or(if std::env::var_os("FARWATCH_LONG").is_some() { 24 } else { 6 })
}

// CAP-01, CAP-03, EVD-01, PEERS 5, 9
#[test]
fn a_day_of_bad_weather_leaves_no_frame_and_no_second_unsaid() {
    let dir = place();
    let mut day = Day::begin(dir.path());
    let begun = day.now();
    let end = BootNs(begun.0 + hours() * 3_600 * SECOND);
    day.live(end);
    if day.recorder.is_none() {
        day.start_recorder();
    }
    day.stop_recorder();
    day.read();
    println!("{} h of weather: {:?}", hours(), day.weather);
    for (camera, kind) in day.cameras.iter().zip(KINDS) {
        let account = &day.accounts[&camera.key];
        let lens = camera.lens.borrow();
        let name = format!("{kind:?}");
        let frames = lens.taken_before(begun)..lens.taken_before(end);
        let verdict = account.settle(kind, frames, |frame| lens.taken_ns(frame));
        let missing: BTreeMap<_, _> = account.missing_ns.iter().map(|(cause, ns)| (cause, ns / 1_000_000)).collect();
        let (taken, recorded) = (verdict.taken, verdict.recorded);
        println!(
            "{name}\n  {taken} frames taken, {recorded} recorded, {} in gaps; {} segments, {} pieces, {} MB; ms {missing:?}",
            verdict.missed,
            account.segments,
            account.pieces,
            account.bytes / 1_000_000
        );
        let (first, last) = account.ends().expect("something was recorded");
        assert!(first.boot_ns.since(begun) < 22 * SECOND, "{name}: the first GOP is expected after 10 s of grace");
        // Of a reordered group nothing is sent before its last picture is taken, and only a whole one counts.
        let in_flight = SECOND + 2 * kind.reorder * FRAME_NS;
        assert!(end.0 - last.boot_ns.0 < in_flight, "{name}: accounted for until the end, not {last:?}");
        assert!(recorded * 10 > u64::try_from(taken).unwrap_or(0) * 7, "{name}: {recorded} of {taken}");
    }
}
