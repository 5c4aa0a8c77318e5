//! Synthetic series of frame sizes: what cameras send of still scenes, of motion, by night and under rate control.

use super::*;

const FPS: i64 = 20;
const GOP: i64 = 40;

/// A camera's encoder: sizes of a still scene, with noise.
struct Encoder {
    activity: Activity,
    frame: i64,
    seed: u64,
    key: f64,
    inter: f64,
    noise: f64,
    /// When motion was seen to begin, frame numbers.
    began: Vec<i64>,
    moving: bool,
}

impl Encoder {
    fn still() -> Self {
        Self {
            activity: Activity::default(),
            frame: 0,
            seed: 3,
            key: 60_000.0,
            inter: 3_000.0,
            noise: 0.25,
            began: Vec::new(),
            moving: false,
        }
    }

    fn chance(&mut self) -> f64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 40) as f64 / (1u64 << 24) as f64
    }

    /// So many seconds; `shape` gives the factors of keyframes and of frames between at each frame.
    fn run(&mut self, seconds: i64, shape: impl Fn(i64) -> (f64, f64)) {
        for n in 0..seconds * FPS {
            let keyframe = self.frame % GOP == 0;
            let (key, inter) = shape(n);
            let size = if keyframe { self.key * key } else { self.inter * inter };
            let size = size * (1.0 + self.noise * (self.chance() * 2.0 - 1.0));
            let at = BootNs(self.frame * 1_000_000_000 / FPS);
            let seen = self.activity.see(size as usize, keyframe, at);
            if seen.is_some() && !self.moving {
                self.began.push(self.frame);
            }
            self.moving = seen.is_some();
            self.frame += 1;
        }
    }
}

const STILL: fn(i64) -> (f64, f64) = |_| (1.0, 1.0);

// CAP-04
#[test]
fn somebody_walking_through_is_seen_within_a_second_and_over_soon_after() {
    let mut camera = Encoder::still();
    camera.run(120, STILL);
    assert!(camera.began.is_empty(), "a still scene is quiet: {:?}", camera.began);
    let walks = camera.frame;
    camera.run(5, |_| (1.05, 3.0));
    assert_eq!(camera.began.len(), 1);
    assert!(camera.began[0] - walks <= FPS, "{} frames late", camera.began[0] - walks);
    let since = camera.activity.moving.unwrap().since;
    assert!((since.0 - walks * 50_000_000).abs() <= SECOND_NS / 2, "the event begins when the motion does");
    camera.run(6, STILL);
    assert!(!camera.moving && camera.began.len() == 1);
}

// CAP-04
#[test]
fn motion_is_seen_under_constant_bit_rate_where_the_bytes_stay_the_same() {
    let mut camera = Encoder::still();
    camera.run(120, STILL);
    // The encoder coarsens everything: keyframes shrink to a third, the frames between barely grow.
    camera.run(8, |n| if n < 10 { (1.0, 2.4) } else { (0.33, 1.1) });
    assert!(camera.moving && camera.began.len() == 1, "{:?}", camera.began);
}

#[test]
fn dusk_lamps_and_odd_keyframes_are_no_motion() {
    let mut camera = Encoder::still();
    camera.run(60, STILL);
    // Noise makes every frame four times as large over an hour.
    for minute in 0..60 {
        let factor = 1.0 + 3.0 * f64::from(minute) / 60.0;
        camera.run(60, move |_| (1.0 + (factor - 1.0) / 4.0, factor));
    }
    assert!(camera.began.is_empty(), "dusk: {:?}", camera.began);
    camera.run(30, |n| (1.2, if n == 100 { 40.0 } else { 4.0 }));
    assert!(camera.began.is_empty(), "one frame of a lamp: {:?}", camera.began);
    camera.run(30, |n| (if n < 40 { 0.6 } else { 1.2 }, 4.0));
    assert!(camera.began.is_empty(), "one odd keyframe: {:?}", camera.began);
}

#[test]
fn a_pattern_of_b_frames_is_no_motion_and_does_not_hide_any() {
    let mut camera = Encoder::still();
    let pattern = |n: i64| if n % 3 == 0 { 2.4 } else { 0.3 };
    camera.run(120, |n| (1.0, pattern(n)));
    assert!(camera.began.is_empty(), "{:?}", camera.began);
    camera.run(5, |n| (1.0, pattern(n) * 3.0));
    assert_eq!(camera.began.len(), 1);
}

#[test]
fn a_street_that_is_always_busy_becomes_the_usual_and_a_lorry_is_not_missed_for_ever() {
    let mut camera = Encoder::still();
    camera.run(60, STILL);
    camera.run(3_600, |_| (1.0, 3.0));
    assert!(!camera.moving, "an hour of the same is no event any more");
    assert_eq!(camera.began.len(), 1, "and it did not flap on the way: {:?}", camera.began);
    camera.run(1_200, STILL);
    camera.run(5, |_| (1.0, 3.0));
    assert_eq!(camera.began.len(), 2, "after a quiet while it is one again");
}

#[test]
fn nothing_is_said_before_the_usual_is_known() {
    let mut camera = Encoder::still();
    camera.run(9, |n| (1.0, if n < 60 { 1.0 } else { 4.0 }));
    assert!(camera.began.is_empty());
}
