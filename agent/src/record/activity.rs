//! Whether something moves in front of a camera, from the sizes of its encoded frames. Nothing is decoded. Pure.
//!
//! An encoder spends bytes on what changed. Bytes alone deceive, though: at a constant bit rate motion makes pictures
//! coarser and not more numerous in bytes, and night noise costs as much as a crowd. So what is watched is how large the
//! frames between keyframes are against the keyframe before them: the encoder's coarseness is in both and cancels out. The
//! usual level of that ratio is learned, slowly, and something moves when the ratio stays well over it for a while.

use std::collections::VecDeque;

use farwatch_shared::time::BootNs;

const SECOND_NS: i64 = 1_000_000_000;
/// Frames are averaged over this long: longer than any pattern of B- and P-frames.
const WINDOW_NS: i64 = 400_000_000;
/// The ratio must stay high for so long. One frame of a lamp switched on does not.
const SUSTAIN_NS: i64 = 450_000_000;
/// Something that moved goes on until it was calm for so long.
const CALM_NS: i64 = 3 * SECOND_NS;
/// Nothing is said before the usual level is known.
const LEARN_NS: i64 = 10 * SECOND_NS;
/// How fast the usual level follows, up and down, while nothing moves and while something does.
const FOLLOW_UP_S: f64 = 90.0;
const FOLLOW_DOWN_S: f64 = 20.0;
const FOLLOW_MOVING_S: f64 = 600.0;
/// Keyframes are averaged over about this many, so that one odd one shifts nothing.
const KEYFRAMES: f64 = 3.0;
/// What counts as moving, as factors of the usual level.
const BEGINS: f64 = 1.8;
const ENDS: f64 = 1.35;
/// The factor grows with how restless the picture usually is: so many times the usual spread.
const SPREADS: f64 = 5.0;
/// Frames smaller than this say nothing: headers only.
const LEAST_BYTES: f64 = 24.0;

/// What one stream's frames have shown.
#[derive(Debug, Clone, Default)]
pub struct Activity {
    window: VecDeque<(BootNs, f64)>,
    sum: f64,
    keyframe: Option<f64>,
    usual: Option<Usual>,
    /// Since when the ratio has been high without a break.
    high_since: Option<BootNs>,
    moving: Option<Moving>,
}

#[derive(Debug, Clone, Copy)]
struct Usual {
    since: BootNs,
    at: BootNs,
    /// Natural logarithms: levels and spreads are factors.
    level: f64,
    spread: f64,
}

#[derive(Debug, Clone, Copy)]
struct Moving {
    since: BootNs,
    /// When the ratio was last high.
    last: BootNs,
}

/// Something moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Motion {
    pub since: BootNs,
    /// How large frames are against their usual size, in thousandths.
    pub strength_milli: u32,
}

impl Activity {
    /// A frame came. Says whether something moves now.
    pub fn see(&mut self, bytes: usize, keyframe: bool, at: BootNs) -> Option<Motion> {
        #[allow(clippy::cast_precision_loss, reason = "frames are far smaller than 2^52 bytes")]
        let bytes = bytes as f64;
        if keyframe {
            self.keyframe = Some(self.keyframe.map_or(bytes, |k| k + (bytes - k) / KEYFRAMES));
            return self.motion(at, None);
        }
        self.window.push_back((at, bytes));
        self.sum += bytes;
        while let Some((first, size)) = self.window.front().copied()
            && at.since(first) >= WINDOW_NS
        {
            self.window.pop_front();
            self.sum -= size;
        }
        let keyframe = self.keyframe?;
        #[allow(clippy::cast_precision_loss, reason = "a window holds a few dozen frames")]
        let mean = (self.sum / self.window.len() as f64).max(LEAST_BYTES);
        let ratio = (mean / keyframe.max(LEAST_BYTES)).ln();
        let usual = *self.usual.get_or_insert(Usual { since: at, at, level: ratio, spread: 0.1 });
        let over = ratio - usual.level;
        let known = at.since(usual.since) >= LEARN_NS;
        let begins = BEGINS.ln().max(SPREADS * usual.spread);
        if known && over >= begins {
            let since = *self.high_since.get_or_insert(at);
            if at.since(since) >= SUSTAIN_NS {
                let moving = self.moving.get_or_insert(Moving { since, last: at });
                moving.last = at;
            }
        } else {
            self.high_since = None;
            let goes_on = over >= ENDS.ln().max(SPREADS * usual.spread / 2.0);
            if let Some(moving) = self.moving.as_mut().filter(|_| goes_on) {
                moving.last = at;
            }
        }
        self.learn(usual, ratio, at, known);
        self.motion(at, Some(over))
    }

    fn motion(&mut self, at: BootNs, over: Option<f64>) -> Option<Motion> {
        let moving = self.moving?;
        if at.since(moving.last) >= CALM_NS {
            self.moving = None;
            return None;
        }
        let strength = over.map_or(1.0, f64::exp).clamp(0.0, 1_000.0) * 1_000.0;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0 to a million")]
        Some(Motion { since: moving.since, strength_milli: strength as u32 })
    }

    fn learn(&mut self, usual: Usual, ratio: f64, at: BootNs, known: bool) {
        #[allow(clippy::cast_precision_loss, reason = "seconds between frames")]
        let passed_s = at.since(usual.at) as f64 / 1e9;
        let over = ratio - usual.level;
        let follow_s = match (known, self.moving.is_some() || self.high_since.is_some(), over > 0.0) {
            (false, ..) => 2.0,
            (_, true, _) => FOLLOW_MOVING_S,
            (_, _, true) => FOLLOW_UP_S,
            (_, _, false) => FOLLOW_DOWN_S,
        };
        let weight = (passed_s / follow_s).min(1.0);
        let level = usual.level + over * weight;
        let spread = usual.spread + (over.abs() - usual.spread) * weight;
        self.usual = Some(Usual { at, level, spread: spread.clamp(0.02, 0.5), ..usual });
    }
}

#[cfg(test)]
#[path = "activity_tests.rs"]
mod tests;
