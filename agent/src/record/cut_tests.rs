//! The rules of one stream, fed by a simulated camera on a simulated clock. Time is asserted in days, not frames.

use farwatch_shared::media::nal::Codec;
use farwatch_shared::time::DAY_MS;

use super::*;
use crate::camera::depay;

const SPS: &str = "6742c028da01e0089f97011000000300100000030280f1832a";
const SPS_SMALL: &str = "6742c016da0280bfe5c044000003000400000300a03c58ba80";
const SPS_B: &str = "674d401fe980a00b760220000003002000000501e30627";
const PPS: &str = "68ce3c80";
const MS: i64 = 1_000_000;
const RULES: Rules = Rules { segment_s: 60, fragment_ms: 200 };

fn set(text: &str) -> Vec<u8> {
    hex::decode(text).unwrap()
}

fn opening(sps: &str) -> Opening {
    Opening { source: "rtsp", codec: Codec::H264, sets: vec![set(sps), set(PPS)], audio: None, defects: Vec::new() }
}

/// A camera of 20 frames a second with a keyframe every 2 s, on the box's clocks.
struct World {
    cutter: Cutter,
    boot_ms: i64,
    wall_ms: i64,
    /// Frames the camera took, sent or not.
    frame: i64,
    /// Added to the camera's ticks.
    jump: i64,
    actions: Vec<Action>,
}

impl World {
    fn new() -> Self {
        let mut world = Self {
            cutter: Cutter::new(RULES, Hole::never_recorded(moment(0, 0)), moment(0, 0)),
            boot_ms: 0,
            wall_ms: 1_790_000_000_000,
            frame: 0,
            jump: 0,
            actions: Vec::new(),
        };
        world.begin();
        world
    }

    fn now(&self) -> Moment {
        moment(self.boot_ms, self.wall_ms)
    }

    fn begin(&mut self) {
        let now = self.now();
        self.cutter.begin(opening(SPS), now, &mut self.actions);
    }

    fn pass(&mut self, ms: i64) {
        self.boot_ms += ms;
        self.wall_ms += ms;
        let now = self.now();
        self.cutter.tick(now, &mut self.actions);
    }

    fn send(&mut self, lost: u32) {
        let picture = if self.frame % 40 == 0 { Picture::Idr } else { Picture::Ordinary };
        self.send_as(self.frame * 4_500 + self.jump, picture, lost, vec![0, 0, 0, 1, 0x41]);
    }

    fn send_as(&mut self, ticks: i64, picture: Picture, lost: u32, data: Vec<u8>) {
        let now = self.now();
        let unit = depay::video::Unit { ticks, data, lost };
        self.cutter.video(unit, picture, now.boot_ns, now, &mut self.actions);
        self.frame += 1;
    }

    /// So many frames sent in time.
    fn run(&mut self, frames: i64) {
        for _ in 0..frames {
            self.send(0);
            self.pass(50);
        }
    }

    /// So many frames the camera took and nobody got.
    fn miss(&mut self, frames: i64) {
        for _ in 0..frames {
            self.frame += 1;
            self.pass(50);
        }
    }

    /// Footage and gaps as boot spans in ms, in order; checks that they join without overlap.
    fn story(&self) -> Vec<(String, i64, i64)> {
        let mut story = Vec::new();
        let mut start = None;
        let mut at: Option<BootNs> = None;
        for action in &self.actions {
            let (what, from, to) = match action {
                Action::Open(file) => {
                    assert!(start.replace(file.start).is_none(), "two files open");
                    continue;
                }
                Action::Close { end, why } => (format!("{why:?}"), start.take().unwrap(), *end),
                Action::Gap(piece) => (format!("gap {:?}", piece.cause), piece.start, piece.end),
                Action::Write(_) | Action::Defect(_) | Action::Unusable(_) => continue,
            };
            assert!(
                at.is_none_or(|at| at == from.boot_ns),
                "{what} begins at {from:?}, not where the last ended: {at:?}"
            );
            assert!(from.boot_ns <= to.boot_ns, "{what} ends before it begins");
            at = Some(to.boot_ns);
            story.push((what, from.boot_ns.0 / MS, to.boot_ns.0 / MS));
        }
        story
    }

    fn stop(&mut self) -> Vec<(String, i64, i64)> {
        let now = self.now();
        self.cutter.stop(ClosedWhy::Stop, now, &mut self.actions);
        self.story()
    }

    fn writes(&self) -> Vec<&Out> {
        self.actions.iter().filter_map(|a| if let Action::Write(out) = a { Some(out) } else { None }).collect()
    }
}

fn moment(boot_ms: i64, wall_ms: i64) -> Moment {
    Moment { boot_ns: BootNs(boot_ms * MS), wall_ms: WallMs(wall_ms) }
}

fn told(story: &[(String, i64, i64)]) -> Vec<(&str, i64, i64)> {
    story.iter().map(|(what, from, to)| (what.as_str(), *from, *to)).collect()
}

// CAP-01
#[test]
fn files_are_cut_at_the_first_keyframe_after_their_time_and_join_without_a_hole() {
    let mut world = World::new();
    world.run(20 * 130);
    let story = world.stop();
    assert_eq!(told(&story), [("Length", 0, 60_000), ("Length", 60_000, 120_000), ("Stop", 120_000, 130_000)]);
    let frames: usize = world.writes().iter().map(|out| out.samples.len()).sum();
    assert_eq!(frames, 20 * 130, "no frame lost");
    assert!(world.writes().iter().all(|out| out.samples.len() <= 4), "a fragment closes at 200 ms");
    let continues: Vec<bool> =
        world.actions.iter().filter_map(|a| if let Action::Open(f) = a { Some(f.continues) } else { None }).collect();
    assert_eq!(continues, [false, true, true]);
}

// CAP-01
#[test]
fn a_lost_packet_is_a_gap_up_to_the_next_keyframe() {
    let mut world = World::new();
    world.run(50);
    world.miss(1);
    world.send(3);
    world.pass(50);
    world.run(48);
    let story = world.stop();
    assert_eq!(told(&story), [("Gap", 0, 2_500), ("gap Camera", 2_500, 4_000), ("Stop", 4_000, 5_000)]);
    let last = world.writes().into_iter().rfind(|out| out.end.boot_ns.0 / MS == 2_500).unwrap();
    assert_eq!(last.samples.last().unwrap().duration, 4_500, "the last frame keeps its own length");
}

// CAP-01
#[test]
fn silence_in_a_session_is_a_gap_and_a_stall_of_the_network_is_none() {
    let mut world = World::new();
    world.run(40);
    world.miss(60);
    world.frame = 120;
    world.pass(1_000);
    world.run(40);
    // The network stalls for 1.5 s, then everything comes at once.
    for _ in 0..30 {
        world.pass(50);
    }
    for _ in 0..30 {
        world.send(0);
    }
    world.run(50);
    let story = world.stop();
    assert_eq!(told(&story)[..2], [("Gap", 0, 2_000), ("gap Camera", 2_000, 6_000)]);
    assert_eq!(story.len(), 3, "{story:?}");
    assert_eq!(story[2].0, "Stop");
}

#[test]
fn a_camera_of_one_frame_in_three_seconds_has_no_gaps() {
    let mut world = World::new();
    for n in 0..40 {
        world.send_as(n * 270_000, if n % 4 == 0 { Picture::Idr } else { Picture::Ordinary }, 0, vec![0; 8]);
        for _ in 0..30 {
            world.pass(100);
        }
    }
    let story = world.stop();
    let broken = story.iter().filter(|(what, ..)| what == "Gap").count();
    // The second frame comes before any interval was measured; after that 3 s are this camera's way.
    assert!(broken <= 1, "{story:?}");
    assert!(world.writes().len() >= 36, "the timer writes what no next frame closes");
}

// PEERS 5
#[test]
fn a_timestamp_jump_cuts_a_file_and_is_no_gap() {
    for jump in [-90_000 * 3_600, 90_000 * 10, -4_500 * 5] {
        let mut world = World::new();
        world.run(100);
        world.jump = jump;
        world.run(60);
        let story = world.stop();
        assert_eq!(told(&story), [("TimestampJump", 0, 6_000), ("Stop", 6_000, 8_000)], "jump {jump}");
        assert!(world.writes().iter().flat_map(|out| &out.samples).all(|s| s.duration == 4_500), "jump {jump}");
    }
}

// PEERS 5
#[test]
fn a_step_of_the_wall_clock_cuts_a_file_and_loses_nothing() {
    for step in [40 * DAY_MS, -DAY_MS] {
        let mut world = World::new();
        world.run(100);
        let before = world.wall_ms;
        world.wall_ms += step;
        world.run(60);
        let story = world.stop();
        assert_eq!(told(&story), [("ClockStep", 0, 6_000), ("Stop", 6_000, 8_000)]);
        let start = world.actions.iter().rev().find_map(|a| if let Action::Open(f) = a { Some(f.start) } else { None });
        assert_eq!(start.unwrap().wall_ms.0, before + step + 1_000);
    }
}

#[test]
fn a_wall_clock_step_inside_a_hole_does_not_make_the_hole_longer() {
    let mut world = World::new();
    world.run(40);
    let now = world.now();
    world.cutter.end(GapCause::Camera, "gone", now, &mut world.actions);
    world.pass(3_000);
    world.wall_ms += 40 * DAY_MS;
    world.pass(3_000);
    world.begin();
    world.frame = 400;
    world.run(40);
    world.stop();
    let gaps: i64 = world
        .actions
        .iter()
        .filter_map(|a| if let Action::Gap(p) = a { Some(p.end.wall_ms.since(p.start.wall_ms)) } else { None })
        .sum();
    assert_eq!(gaps, 6_000);
}

#[test]
fn new_parameter_sets_cut_a_file_at_their_keyframe() {
    let mut world = World::new();
    world.run(50);
    let sps = set(SPS_SMALL);
    let data = [&u32::try_from(sps.len()).unwrap().to_be_bytes()[..], &sps, &[0, 0, 0, 1, 0x65]].concat();
    world.send_as(50 * 4_500, Picture::Idr, 0, data.clone());
    world.pass(50);
    world.run(10);
    let story = world.stop();
    assert_eq!(told(&story), [("Parameters", 0, 2_500), ("Stop", 2_500, 3_050)]);
    let sizes: Vec<u16> = world
        .actions
        .iter()
        .filter_map(|a| if let Action::Open(f) = a { Some(f.config.width) } else { None })
        .collect();
    assert_eq!(sizes, [1_920, 640]);
    assert!(world.writes().iter().any(|out| out.data.contains(&data)), "in-band sets stay in the sample");
}

#[test]
fn pictures_out_of_order_keep_their_times_by_signed_offsets() {
    let mut world = World::new();
    let now = world.now();
    world.cutter.begin(opening(SPS_B), now, &mut world.actions);
    // I B P in decode order I P B, at 20 frames a second.
    let order: Vec<i64> = (0..30).flat_map(|n| if n == 0 { vec![0] } else { vec![2 * n, 2 * n - 1] }).collect();
    for shown in &order {
        world.send_as(shown * 4_500, if *shown == 0 { Picture::Idr } else { Picture::Ordinary }, 0, vec![0; 4]);
        world.pass(50);
    }
    world.stop();
    let mut shown = Vec::new();
    for out in world.writes() {
        let mut at = i64::try_from(out.decode_time).unwrap();
        for sample in &out.samples {
            assert_eq!(sample.duration, 4_500);
            shown.push((at + i64::from(sample.offset)) / 4_500);
            at += i64::from(sample.duration);
        }
    }
    assert_eq!(shown, order);
}

// CAP-01
#[test]
fn a_new_session_is_a_new_run_and_the_hole_between_is_exact() {
    let mut world = World::new();
    world.run(45);
    let now = world.now();
    world.cutter.end(GapCause::Camera, "closed", now, &mut world.actions);
    world.pass(700);
    world.begin();
    world.jump = 77_777_777;
    world.frame = 61;
    world.run(40);
    let story = world.stop();
    // The first keyframe of the new session is frame 80, 19 frames on.
    assert_eq!(told(&story), [("Session", 0, 2_250), ("gap Camera", 2_250, 3_900), ("Stop", 3_900, 4_950)]);
}

#[test]
fn a_long_hole_is_ledgered_while_it_lasts() {
    let mut world = World::new();
    world.run(40);
    let now = world.now();
    world.cutter.end(GapCause::Camera, "gone", now, &mut world.actions);
    for _ in 0..3_600 {
        world.pass(1_000);
    }
    let story = world.story();
    assert!(story.len() >= 6 && story.len() <= 9, "{story:?}");
    assert!(story.last().unwrap().2 > 3_600_000 - 610_000);
}

// CAP-03
#[test]
fn a_hole_is_not_ledgered_over_pictures_that_wait_for_their_decode_time() {
    let mut world = World::new();
    let begin = |world: &mut World| {
        let now = world.now();
        world.cutter.begin(opening(SPS_B), now, &mut world.actions);
    };
    begin(&mut world);
    // A keyframe, then groups of 17 that are sent in reverse once their last is taken; the stream does not announce it.
    let group = |world: &mut World| {
        let first = world.frame;
        for within in 0..35 {
            let (picture, shown) = match within {
                0 => (Picture::Idr, 0),
                1..18 => (Picture::Ordinary, 18 - within),
                _ => (Picture::Ordinary, 52 - within),
            };
            world.send_as((first + shown - 16) * 4_500, picture, 0, vec![0, 0, 0, 1, 0x41]);
            for _ in 0..5 {
                world.pass(10);
            }
        }
    };
    for _ in 0..4 {
        group(&mut world);
    }
    let now = world.now();
    world.cutter.end(GapCause::Camera, "it closed the connection", now, &mut world.actions);
    world.miss(190);
    begin(&mut world);
    let began = world.boot_ms;
    group(&mut world);
    let story = world.stop();
    let hole = story.iter().rfind(|(what, ..)| what == "gap Camera").unwrap();
    assert_eq!(began - hole.2, 16 * 50, "it ends where the first picture was taken: {story:?}");
}

#[test]
fn a_stream_that_never_came_is_missed_after_its_grace_and_one_that_came_soon_is_not() {
    let mut world = World::new();
    world.run(40);
    assert_eq!(world.stop().len(), 1);
    let mut world = World::new();
    for _ in 0..200 {
        world.pass(100);
    }
    assert_eq!(told(&world.story())[0].0, "gap Camera");
    assert_eq!(told(&world.story())[0].1, 0);
}

#[test]
fn a_file_that_could_not_be_written_is_a_hole_from_its_last_whole_fragment() {
    let mut world = World::new();
    world.run(50);
    world.cutter.abandon(Some(moment(2_000, world.wall_ms)), "no space", &mut world.actions);
    // The holder of the files closes what it has.
    world.actions.push(Action::Close { end: moment(2_000, world.wall_ms), why: ClosedWhy::Gap });
    world.run(50);
    let story = world.stop();
    assert_eq!(told(&story)[..2], [("Gap", 0, 2_000), ("gap Disk", 2_000, 4_000)]);
}

// CAP-01: a simulated day with every fault in turn; sum(segments) + sum(gaps) = the clock.
#[test]
fn over_a_day_of_faults_footage_and_gaps_are_the_whole_day() {
    let mut world = World::new();
    let mut seed = 99u64;
    while world.boot_ms < DAY_MS / 4 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let n = i64::try_from(seed >> 52).unwrap();
        world.run(200 + n);
        match seed >> 33 & 7 {
            0 => {
                world.miss(1);
                world.send(1);
                world.pass(50);
            }
            1 => world.jump += n * 1_000 - 2_000_000,
            2 => world.wall_ms += n * 1_000 - 2_000_000,
            3 => world.miss(n % 300),
            4 => {
                let now = world.now();
                world.cutter.end(GapCause::Camera, "gone", now, &mut world.actions);
                world.miss(n % 2_000);
                world.begin();
                world.jump += 1_234_567;
            }
            5 => {
                let now = world.now();
                world.cutter.dropped(40, now, &mut world.actions);
            }
            _ => {}
        }
    }
    let story = world.stop();
    let total: i64 = story.iter().map(|(_, from, to)| to - from).sum();
    assert!((total - world.boot_ms).abs() <= 2_000, "{total} of {} ms told", world.boot_ms);
    assert!(story.iter().any(|(what, ..)| what == "gap Disk"));
}

// CAP-05, PEERS 5
#[test]
fn a_day_of_200_ppm_between_the_clocks_cuts_no_file_and_leaves_none_a_frame_off() {
    let mut world = World::new();
    let began = world.wall_ms;
    // A millisecond in five seconds.
    for _ in 0..17_280 {
        world.run(100);
        world.wall_ms += 1;
    }
    let mut files = 0;
    for action in &world.actions {
        match action {
            Action::Open(file) => {
                files += 1;
                let boot_ms = file.start.boot_ns.0 / MS;
                let shown = began + boot_ms + boot_ms / 5_000;
                let off = file.start.wall_ms.0 - shown;
                assert!(off.abs() < 50, "a file begins {off} ms off the wall clock");
            }
            Action::Close { why, .. } => assert_eq!(*why, ClosedWhy::Length),
            Action::Gap(piece) => panic!("{piece:?}"),
            Action::Write(_) | Action::Defect(_) | Action::Unusable(_) => {}
        }
    }
    assert_eq!(files, 1_440);
}

// CAP-03
#[test]
fn the_network_is_blamed_for_what_it_took_and_not_for_a_camera_that_fails_after_it() {
    let mut world = World::new();
    world.run(200);
    world.miss(100);
    let now = world.now();
    world.cutter.network_down("the network link was down", now, &mut world.actions);
    world.cutter.end(GapCause::Camera, "it did not answer", now, &mut world.actions);
    world.miss(20);
    world.begin();
    world.run(200);
    let now = world.now();
    world.cutter.end(GapCause::Camera, "the camera ended the session", now, &mut world.actions);
    world.pass(1_000);
    let now = world.now();
    world.cutter.end(GapCause::Camera, "no connection to the camera", now, &mut world.actions);
    world.miss(40);
    world.begin();
    world.run(200);
    let story = world.stop();
    let causes: Vec<&str> =
        story.iter().map(|(what, ..)| what.as_str()).filter(|what| what.starts_with("gap")).collect();
    assert_eq!(causes, ["gap Network", "gap Camera"], "{story:?}");
}
