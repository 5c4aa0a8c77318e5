//! Every mode over whole virtual days, from the desired state to the log: frames as a camera session hands them in, the real
//! writer and vault, a simulated clock. Days are those of the site, also the ones with 23 and 25 hours.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use farwatch_shared::id::{AgentId, CameraId, RecorderId, StreamName};
use farwatch_shared::keys::OpenKey;
use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::nal::{Codec, Picture};
use farwatch_shared::policy::schedule::Weekly;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{SimClock, WallMs};
use farwatch_shared::wire::latest::{
    CamerasPart, DesiredCamera, DesiredStream, EventRecording, GapCause, LiveOnly, Recording, Schedule, SourceChoice,
    Window,
};

use super::*;
use crate::camera::{Opening, depay};
use crate::config::Settings as AgentSettings;
use crate::desired::Parts;
use crate::ledger::entry::{Closed, ClosedWhy, Gap};
use crate::ledger::log::{LogReader, LogWriter};
use crate::reconcile::make_plan;
use crate::record::book::Book;
use crate::record::clocks::{self, Boot, ClockWatch};
use crate::record::cut::Rules;
use crate::record::figures::Board;
use crate::record::gate::Gate;
use crate::record::hand::{Settings, Tools};
use crate::record::intake::Intake;
use crate::record::sync::Syncer;
use crate::recorder::socket::Wakeups;
use crate::recorder::supervise::wishes;
use crate::vault::Vault;

const HOUR_S: i64 = 3_600;
/// One frame a second, a keyframe every four.
const GOP: i64 = 4;
const BERLIN: &str = "Europe/Berlin";
/// Berlin midnights: an ordinary Wednesday, the Sunday of 23 hours, the Sunday of 25.
const DAYS: [(i64, i64); 3] = [(1_795_561_200_000, 24), (1_774_738_800_000, 23), (1_792_879_200_000, 25)];

/// A box with one camera.
struct Box1 {
    dir: tempfile::TempDir,
    sim: SimClock,
    key: StreamKey,
    frame: i64,
    sound: bool,
}

impl Box1 {
    fn new(wall: i64, camera: CameraId) -> Self {
        let sim = SimClock::at(WallMs(wall));
        sim.advance_ms(0);
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join("ledger")).unwrap();
        std::fs::create_dir_all(dir.path().join("vault")).unwrap();
        Self { dir, sim, key: (camera, StreamName::Main), frame: 0, sound: false }
    }

    fn now(&self) -> Moment {
        clocks::now(&self.sim.clock())
    }

    fn start(&self, boot: &str) -> (Hand, Intake) {
        let id = RecorderId::generate();
        let log = LogWriter::open(&self.dir.path().join("ledger").join(format!("{id}.log")), |_| {}).unwrap();
        let book = Book::new(id, log, Wakeups::new(id));
        let (boot_id, version) = (boot.to_owned(), "1".into());
        book.write(RecorderEntry::Started { recorder: id, version, boot_id: boot_id.clone(), at: self.now() });
        let tools = Tools {
            vault: Vault::new(self.dir.path().join("vault")),
            book,
            boot: Boot { id: boot_id, short: 7 },
            clock: self.sim.clock(),
            clock_watch: ClockWatch::default(),
            board: Board::default(),
            gate: Gate::default(),
            syncer: Syncer::default(),
            settings: Arc::new(Mutex::new(Settings { rules: Rules { segment_s: 60, fragment_ms: 200 }, agent: None })),
            ledgers: self.dir.path().join("ledger"),
            counter: self.dir.path().join("counter"),
        };
        let intake = Intake::new(ByteSize::mib(16));
        (Hand::prepare(tools, intake.clone()).unwrap(), intake)
    }

    fn want(&self, intake: &Intake, mode: PlanMode) {
        intake.push(self.key, Handed::Mode(mode));
        intake.push(self.key, Handed::Start(self.now()));
        self.play(intake);
    }

    fn play(&self, intake: &Intake) {
        let sets = ["6742c028da01e0089f97011000000300100000030280f1832a", "68ce3c80"];
        let sets = sets.iter().map(|set| hex::decode(set).unwrap()).collect();
        let audio = self.sound.then(|| AudioConfig::parse(&[0x14, 0x08]).unwrap());
        let opening = Opening { source: "rtsp", codec: Codec::H264, sets, audio, defects: Vec::new() };
        intake.push(self.key, Handed::Begin(opening.into()));
    }

    /// So many seconds of the camera; `each` may do something at the start of every one.
    fn run(&mut self, hand: &mut Hand, intake: &Intake, seconds: i64, mut each: impl FnMut(i64, Moment, &Intake)) {
        for second in 0..seconds {
            each(second, self.now(), intake);
            let picture = if self.frame % GOP == 0 { Picture::Idr } else { Picture::Ordinary };
            let at = self.sim.clock().boot();
            let unit = depay::video::Unit { ticks: self.frame * 90_000, data: vec![9; 40], lost: 0 };
            intake.push(self.key, Handed::Video(Item::Video { unit, at }, picture));
            if self.sound {
                let frame = depay::aac::Frame { ticks: self.frame * 16_000, data: vec![1; 16], lost: 0 };
                intake.push(self.key, Handed::Other(Item::Audio { frame, at }));
            }
            hand.work();
            self.sim.advance_ms(1_000);
            self.frame += 1;
        }
    }

    fn stop(&self, hand: &mut Hand, intake: &Intake) {
        intake.push(self.key, Handed::Stop(ClosedWhy::Stop));
        hand.work();
    }

    fn story(&self) -> Story {
        let mut paths: Vec<_> =
            std::fs::read_dir(self.dir.path().join("ledger")).unwrap().map(|e| e.unwrap().path()).collect();
        paths.sort();
        let mut story = Story::default();
        for path in paths {
            let mut reader = LogReader::open(&path, None).unwrap();
            while let Some((_, entry)) = reader.next_as::<RecorderEntry>().unwrap() {
                match entry {
                    RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => story.closed(closed),
                    RecorderEntry::Gap(gap) => story.gap(gap),
                    RecorderEntry::SwitchedOff { .. } => story.off += 1,
                    RecorderEntry::Event { trigger, start, end, .. } => story.events.push((trigger, start, end)),
                    _ => {}
                }
            }
        }
        story
    }
}

/// What the logs tell, checked to leave nothing out as it is read.
#[derive(Debug, Default)]
struct Story {
    footage: Vec<Closed>,
    gaps: Vec<Gap>,
    events: Vec<(Trigger, Moment, Moment)>,
    off: u32,
    at: Option<Moment>,
}

impl Story {
    fn joins(&mut self, start: Moment, end: Moment) {
        assert!(self.at.is_none_or(|at| at.boot_ns == start.boot_ns), "{:?} is followed by {start:?}", self.at);
        assert!(start.boot_ns <= end.boot_ns);
        self.at = Some(end);
    }

    fn closed(&mut self, closed: Closed) {
        self.joins(closed.start, closed.end);
        self.footage.push(closed);
    }

    fn gap(&mut self, gap: Gap) {
        self.joins(gap.start, gap.end);
        self.gaps.push(gap);
    }

    fn recorded_s(&self) -> i64 {
        self.footage.iter().map(|c| c.end.boot_ns.since(c.start.boot_ns)).sum::<i64>() / 1_000_000_000
    }

    fn missing_s(&self, cause: GapCause) -> i64 {
        self.gaps.iter().filter(|g| g.cause == cause).map(|g| g.end.boot_ns.since(g.start.boot_ns)).sum::<i64>()
            / 1_000_000_000
    }

    /// Footage as stretches without a hole, in wall milliseconds.
    fn clips(&self) -> Vec<(i64, i64)> {
        let mut clips: Vec<(i64, i64)> = Vec::new();
        for closed in &self.footage {
            match clips.last_mut() {
                Some(last) if last.1 == closed.start.wall_ms.0 => last.1 = closed.end.wall_ms.0,
                _ => clips.push((closed.start.wall_ms.0, closed.end.wall_ms.0)),
            }
        }
        clips
    }
}

fn night() -> Schedule {
    let window = |days: &[u8], start_minute, end_minute| Window { days: days.to_vec(), start_minute, end_minute };
    // The second window begins within the hour that is skipped in spring.
    let windows = vec![window(&[1, 2, 3, 4, 5, 6, 7], 20 * 60, 60), window(&[3, 7], 150, 400)];
    Schedule { time_zone: BERLIN.into(), windows }
}

fn around() -> EventRecording {
    EventRecording { pre_s: 10, post_s: 20, triggers: vec![Trigger::Input] }
}

fn desired(camera: CameraId, recording: Recording, audio: bool, purpose: Option<&str>) -> Parts {
    let stream =
        DesiredStream { stream: StreamName::Main, url: "rtsp://10.0.0.9/main".into(), record: true, target: None };
    let camera = DesiredCamera {
        camera,
        name: "Gate".into(),
        recording,
        audio,
        audio_purpose: purpose.map(str::to_owned),
        source: SourceChoice::Auto,
        streams: vec![stream],
        credential: None,
        ca_pem: None,
    };
    Parts { cameras: CamerasPart { cameras: vec![camera], time_zone: Some(BERLIN.into()) }, ..Parts::default() }
}

/// A day of one mode: its story, and whether the plan wanted sound.
fn day(recording: &Recording, audio: bool, purpose: Option<&str>, midnight: i64, hours: i64) -> (Story, bool) {
    let camera = CameraId::generate();
    let parts = desired(camera, recording.clone(), audio, purpose);
    let made = make_plan(&parts, AgentId::generate(), &OpenKey::generate(), &AgentSettings::default());
    let wanted: BTreeMap<StreamKey, _> = wishes(&made.plan);
    let mut site = Box1::new(midnight, camera);
    site.sound = wanted.values().any(|wish| wish.target.audio);
    let (mut hand, intake) = site.start("one");
    if let Some(wish) = wanted.get(&site.key) {
        site.want(&intake, wish.mode.clone());
    }
    let key = site.key;
    site.run(&mut hand, &intake, hours * HOUR_S, |second, now, intake| {
        // A contact opens for five seconds at seven, twice within its post-roll, and once more in the evening.
        if wanted.contains_key(&key) && [7 * HOUR_S, 7 * HOUR_S + 18, 21 * HOUR_S].contains(&second) {
            let what = Happened { trigger: Trigger::Input, start: now, end: now.plus_ns(5_000_000_000), detail: None };
            intake.push(key, Handed::Trigger(what));
        }
    });
    site.stop(&mut hand, &intake);
    let files = Vault::new(site.dir.path().join("vault")).streams().unwrap().len();
    let story = site.story();
    assert_eq!(files > 0, !story.footage.is_empty());
    (story, site.sound)
}

// CAP-02
#[test]
fn every_mode_with_and_without_sound_over_days_of_23_24_and_25_hours() {
    let weekly = Weekly::read(&night()).unwrap();
    for (midnight, hours) in DAYS {
        for (audio, purpose, sound) in [(false, None, false), (true, None, false), (true, Some("till robberies"), true)]
        {
            let total = hours * HOUR_S;
            let of = |recording: &Recording| {
                let (story, wanted_sound) = day(recording, audio, purpose, midnight, hours);
                let off = matches!(recording, Recording::Off);
                assert_eq!(wanted_sound, sound && !off, "{recording:?}");
                let with_sound = story.footage.iter().filter(|c| c.audio_codec.is_some()).count();
                assert_eq!(with_sound, if sound { story.footage.len() } else { 0 }, "{recording:?}");
                if !off {
                    assert_eq!(story.events.len(), 3, "events are ledgered in every mode: {:?}", story.events);
                }
                story
            };

            let story = of(&Recording::Continuous);
            assert_eq!((story.recorded_s(), story.gaps.len()), (total, 0));

            let story = of(&Recording::Off);
            assert!(story.footage.is_empty() && story.gaps.is_empty());

            let story = of(&Recording::LiveOnly(LiveOnly { reason: "changing room corridor".into() }));
            assert!(story.footage.is_empty() && story.gaps.is_empty(), "nothing kept, nothing missed");
            assert_eq!(story.off, 1);

            let story = of(&Recording::Schedule(night()));
            let open = (0..total).filter(|s| weekly.is_open(WallMs(midnight + s * 1_000))).count();
            let open = i64::try_from(open).unwrap();
            assert_eq!(story.recorded_s() + story.missing_s(GapCause::Schedule), total, "{:?}", story.clips());
            assert!((open - 3 * GOP..=open).contains(&story.recorded_s()), "{} of {open} s", story.recorded_s());
            for (start, end) in story.clips() {
                let opened = weekly.is_open(WallMs(start)) && !weekly.is_open(WallMs(start - GOP * 1_000));
                assert!(opened || start == midnight, "begins with the first keyframe of its window");
                assert!(!weekly.is_open(WallMs(end)) || end == midnight + total * 1_000, "ends with its window");
            }

            let story = of(&Recording::Event(around()));
            assert_eq!(story.recorded_s() + story.missing_s(GapCause::Schedule), total);
            let clips = story.clips();
            let expected = [(7 * HOUR_S, 7 * HOUR_S + 23), (21 * HOUR_S, 21 * HOUR_S + 5)];
            assert_eq!(clips.len(), expected.len(), "{clips:?}");
            for ((start, end), (from, to)) in clips.into_iter().zip(expected) {
                let (start, end) = ((start - midnight) / 1_000, (end - midnight) / 1_000);
                assert!((from - 10 - GOP..=from - 10).contains(&start), "pre-roll: {start} before {from}");
                assert!((to + 20..=to + 20 + GOP).contains(&end), "post-roll: {end} after {to}");
            }
        }
    }
}

// CAP-02
#[test]
fn a_crash_inside_a_clip_costs_what_a_crash_always_costs_and_the_clip_goes_on() {
    let mut site = Box1::new(DAYS[0].0, CameraId::generate());
    let (mut hand, intake) = site.start("one");
    site.want(&intake, PlanMode::Event(around()));
    let key = site.key;
    let trigger = move |at: i64| {
        move |second: i64, now: Moment, intake: &Intake| {
            if second == at {
                let end = now.plus_ns(60_000_000_000);
                intake.push(key, Handed::Trigger(Happened { trigger: Trigger::Manual, start: now, end, detail: None }));
            }
        }
    };
    site.run(&mut hand, &intake, 100, trigger(80));
    drop(hand);
    site.sim.advance_ms(1_000);
    site.frame += 1;
    let (mut hand, intake) = site.start("one");
    site.want(&intake, PlanMode::Event(around()));
    site.run(&mut hand, &intake, 60, |_, _, _| {});
    site.stop(&mut hand, &intake);
    let story = site.story();
    assert_eq!(story.missing_s(GapCause::Schedule) + story.missing_s(GapCause::Agent) + story.recorded_s(), 161);
    assert!(story.missing_s(GapCause::Agent) <= 2 + GOP, "{:?}", story.gaps);
    let clips = story.clips();
    let (first, last) = (clips[0].0 - DAYS[0].0, clips[1].1 - DAYS[0].0);
    assert!((66_000..=70_000).contains(&first), "{clips:?}");
    assert!(last >= 101_000 + 20_000, "the post-roll begins anew: {clips:?}");
}

// CAP-02
#[test]
fn a_recorder_away_while_a_window_opened_is_missed_from_its_opening_only() {
    let midnight = DAYS[0].0;
    let mut site = Box1::new(midnight + 19 * HOUR_S * 1_000, CameraId::generate());
    let (mut hand, intake) = site.start("one");
    site.want(&intake, PlanMode::Schedule(night()));
    site.run(&mut hand, &intake, HOUR_S / 2, |_, _, _| {});
    drop(hand);
    site.sim.advance_ms(HOUR_S * 1_000);
    site.frame += HOUR_S;
    let (mut hand, intake) = site.start("one");
    site.want(&intake, PlanMode::Schedule(night()));
    site.run(&mut hand, &intake, 100, |_, _, _| {});
    site.stop(&mut hand, &intake);
    let story = site.story();
    assert_eq!(story.missing_s(GapCause::Schedule), HOUR_S, "from seven to eight");
    assert!((HOUR_S / 2..=HOUR_S / 2 + GOP).contains(&story.missing_s(GapCause::Agent)), "{:?}", story.gaps);
    assert!(story.recorded_s() >= 100 - GOP);
}

// CAP-02
#[test]
fn modes_change_under_a_running_session_and_nothing_is_left_out() {
    let mut site = Box1::new(DAYS[0].0 + 12 * HOUR_S * 1_000, CameraId::generate());
    let (mut hand, intake) = site.start("one");
    let modes = [
        PlanMode::Continuous,
        PlanMode::Event(around()),
        PlanMode::LiveOnly,
        PlanMode::Schedule(night()),
        PlanMode::Continuous,
        PlanMode::LiveOnly,
        PlanMode::Event(around()),
        PlanMode::Continuous,
    ];
    site.want(&intake, modes[0].clone());
    for mode in &modes[1..] {
        site.run(&mut hand, &intake, 100, |_, _, _| {});
        intake.push(site.key, Handed::Mode(mode.clone()));
    }
    site.run(&mut hand, &intake, 100, |_, _, _| {});
    site.stop(&mut hand, &intake);
    let story = site.story();
    let (recorded, missing) =
        (story.recorded_s(), story.missing_s(GapCause::Schedule) + story.missing_s(GapCause::Operator));
    assert_eq!(recorded + missing, 800, "{:?}", story.gaps);
    assert!((300 - 3 * GOP..=300 + 2).contains(&recorded), "{recorded}");
    assert_eq!(story.off, 2);
    assert_eq!(intake.load().0, ByteSize(0), "nothing stays held");
}

// CAP-02
#[test]
fn an_event_right_after_the_switch_to_events_has_the_footage_before_it() {
    for (triggered, clip_s) in [(true, 103 + 20), (false, 104)] {
        let mut site = Box1::new(DAYS[0].0 + 12 * HOUR_S * 1_000, CameraId::generate());
        let (mut hand, intake) = site.start("one");
        site.want(&intake, PlanMode::Continuous);
        // In the middle of a GOP: what comes of it now cannot be decoded without its beginning.
        site.run(&mut hand, &intake, 102, |_, _, _| {});
        intake.push(site.key, Handed::Mode(PlanMode::Event(around())));
        let key = site.key;
        site.run(&mut hand, &intake, 60, |second, now, intake| {
            if triggered && second == 1 {
                let what = Happened { trigger: Trigger::Input, start: now, end: now, detail: None };
                intake.push(key, Handed::Trigger(what));
            }
        });
        site.stop(&mut hand, &intake);
        let clips = site.story().clips();
        assert_eq!(clips.len(), 1, "one stretch: {clips:?}");
        let length = (clips[0].1 - clips[0].0) / 1_000;
        assert!((clip_s..=clip_s + GOP).contains(&length), "{length} s, triggered: {triggered}");
    }
}

// CAP-02
#[test]
fn a_camera_that_is_down_is_missed_only_while_something_is_due() {
    let midnight = DAYS[0].0;
    let mut site = Box1::new(midnight + 19 * HOUR_S * 1_000, CameraId::generate());
    let (mut hand, intake) = site.start("one");
    site.want(&intake, PlanMode::Schedule(night()));
    let key = site.key;
    site.run(&mut hand, &intake, 600, |_, _, _| {});
    intake.push(key, Handed::End { cause: GapCause::Camera, detail: "unplugged".into() });
    // Down from ten past seven until ten past eight, the window opens at eight.
    for _ in 0..HOUR_S {
        hand.work();
        site.sim.advance_ms(1_000);
        site.frame += 1;
    }
    site.play(&intake);
    site.run(&mut hand, &intake, 60, |_, _, _| {});
    site.stop(&mut hand, &intake);
    let story = site.story();
    assert_eq!(story.missing_s(GapCause::Schedule), HOUR_S);
    assert!((600..=600 + GOP).contains(&story.missing_s(GapCause::Camera)), "{:?}", story.gaps);
}
