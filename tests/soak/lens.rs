//! A camera that exists in numbers only: what it takes, when, and the session it gives of it.
//!
//! Belongs here: frames on a drifting clock, the ways a session goes wrong, [`FakeSource`] at the boundary where real
//! cameras come in. Does not: what is made of it (`day`), whether that was right (`books`).

use std::cell::RefCell;
use std::rc::Rc;

use farwatch_agent::camera::depay::{aac, video};
use farwatch_agent::camera::{Item, Opening, Source, SourceError, Track};
use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::nal::Codec;
use farwatch_shared::time::{BootNs, Clock};

/// Before every frame's number in its payload.
pub const MARK: &[u8; 8] = b"FWFRAME:";
/// From one frame to the next on the camera's clock.
pub const FRAME_NS: i64 = 50_000_000;
const FRAME_TICKS: i64 = 4_500;
const SOUND_NS: i64 = 64_000_000;
const SOUND_TICKS: i64 = 1_024;
const REPORT_NS: i64 = 5_000_000_000;
const NTP_AT_BOOT: u64 = 3_990_000_000;

/// 1080p, no word about reordering; the same in 720p; their PPS.
const SPS: &str = "674d401fe980a00b760220000003002000000501e30627";
const SPS_OTHER: &str = "6742c016da0280bfe5c044000003000400000300a03c58ba80";
const PPS: &str = "68ce3c80";

/// What kind of camera.
#[derive(Debug, Clone, Copy)]
pub struct Kind {
    pub drift_ppm: i64,
    /// Frames between keyframes.
    pub gop: i64,
    /// Pictures a group sends before the one shown first: 0 for none, 16 is the most there is.
    pub reorder: i64,
    pub sound: bool,
}

/// The camera, and the state its session is in.
pub struct Lens {
    pub kind: Kind,
    /// Capture of frame 0 on the box's boot clock.
    phase_ns: i64,
    /// Added to its timestamps.
    pub jump_ticks: i64,
    /// Nothing is sent before then; the connection stays.
    pub silent_until: BootNs,
    /// Frames still to be lost on the way.
    pub lose: u32,
    lost: u32,
    /// The connection breaks.
    pub breaks: bool,
    /// The other resolution.
    pub other: bool,
    showing_other: bool,
    /// Something repairable that is to be noticed.
    pub defects: Vec<&'static str>,
    /// An access unit without a picture is to come.
    pub stray_unit: bool,
    next: i64,
    next_sound: i64,
    next_report: i64,
    last_at: BootNs,
    chance: u64,
}

impl Lens {
    pub fn new(kind: Kind, phase_ns: i64, seed: u64) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            kind,
            phase_ns,
            jump_ticks: 0,
            silent_until: BootNs(0),
            lose: 0,
            lost: 0,
            breaks: false,
            other: false,
            showing_other: false,
            defects: Vec::new(),
            stray_unit: false,
            next: 0,
            next_sound: 0,
            next_report: 0,
            last_at: BootNs(0),
            chance: seed | 1,
        }))
    }

    /// When a frame is taken, on the box's boot clock.
    pub fn taken_ns(&self, frame: i64) -> i64 {
        self.phase_ns + self.box_ns(frame * FRAME_NS)
    }

    /// A length on the camera's clock as the box measures it.
    fn box_ns(&self, camera_ns: i64) -> i64 {
        let ns = i128::from(camera_ns) * i128::from(1_000_000 - self.kind.drift_ppm) / 1_000_000;
        i64::try_from(ns).unwrap_or(i64::MAX)
    }

    /// How many frames were taken before an instant.
    pub fn taken_before(&self, at: BootNs) -> i64 {
        let camera_ns = i128::from(at.0 - self.phase_ns) * 1_000_000
            / i128::from(1_000_000 - self.kind.drift_ppm)
            / i128::from(FRAME_NS);
        i64::try_from(camera_ns).unwrap_or(0).max(0)
    }

    /// The frame sent as the n-th: within a GOP, groups of `reorder + 1` come with the last shown first.
    fn shown(&self, sent: i64) -> i64 {
        let (gop, group) = (self.kind.gop, self.kind.reorder + 1);
        let (start, place) = (sent / gop * gop, sent % gop);
        if place == 0 || group == 1 {
            return sent;
        }
        let (first, within) = ((place - 1) / group * group + 1, (place - 1) % group);
        let size = group.min(gop - first);
        start + first + size - 1 - within
    }

    /// Repeatable chance, so that a day that failed can be lived again.
    pub fn random(&mut self, below: i64) -> i64 {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        i64::try_from(self.chance >> 20).unwrap_or(0) % below.max(1)
    }

    /// A session begins with the frame taken next.
    fn connect(&mut self, now: BootNs) {
        self.next = (self.taken_before(now) + 1 - self.kind.reorder).max(0);
        self.next_sound = now.0 / SOUND_NS + 1;
        self.next_report = now.0 + 1_000_000_000;
        self.breaks = false;
        self.lost = 0;
        self.showing_other = self.other;
        self.last_at = now;
    }

    /// When the next picture arrives: sent once the last of its group is taken, after a delay of 5 to 45 ms.
    fn due(&mut self) -> BootNs {
        let jitter = 5_000_000 + (self.next.wrapping_mul(2_654_435_761) >> 8).rem_euclid(40_000_000);
        let at = self.taken_ns(self.next + self.kind.reorder) + jitter;
        BootNs(at.max(self.last_at.0).max(self.silent_until.0))
    }

    /// Passes over what will not arrive: taken while nothing is sent, or lost on the way.
    fn pass_over(&mut self) {
        let first = self.taken_before(self.silent_until) + 1;
        if self.next < first {
            // What comes after a silence begins with a keyframe. Pictures left out of the middle of a group use up
            // sequence numbers: without them nobody could tell that they were ever taken.
            self.lost += u32::from(self.kind.reorder > 0);
            self.next = (first + self.kind.gop - 1) / self.kind.gop * self.kind.gop;
        }
        while self.lose > 0 {
            self.lose -= 1;
            self.lost += 3;
            self.next += 1;
        }
    }

    fn picture(&mut self, at: BootNs) -> Item {
        let sent = self.next;
        self.next += 1;
        self.last_at = at;
        let shown = self.shown(sent);
        let key = sent % self.kind.gop == 0;
        if key {
            self.showing_other = self.other;
        }
        let mut data = Vec::with_capacity(160);
        let mut unit = |parts: &[&[u8]]| {
            let len: usize = parts.iter().map(|part| part.len()).sum();
            data.extend_from_slice(&u32::try_from(len).unwrap_or(0).to_be_bytes());
            parts.iter().for_each(|part| data.extend_from_slice(part));
        };
        if key {
            unit(&[&hex::decode(if self.showing_other { SPS_OTHER } else { SPS }).unwrap_or_default()]);
            unit(&[&hex::decode(PPS).unwrap_or_default()]);
        }
        let number = format!("{shown:016x}");
        let filler = [7; 40];
        let rest = usize::try_from(sent % 37).unwrap_or(0);
        unit(&[if key { &[0x65, 0x88] } else { &[0x41, 0x9a] }, MARK, number.as_bytes(), &filler[..rest]]);
        let ticks = 900_000 + shown * FRAME_TICKS + self.jump_ticks;
        let unit = video::Unit { ticks, data, lost: std::mem::take(&mut self.lost) };
        Item::Video { unit, at }
    }
}

/// A session with a lens. Never waits: whoever holds it asks when something is due.
pub struct FakeSource {
    lens: Rc<RefCell<Lens>>,
    clock: Clock,
}

impl FakeSource {
    pub fn open(lens: &Rc<RefCell<Lens>>, clock: Clock) -> (Opening, Self) {
        lens.borrow_mut().connect(clock.boot());
        let sound = lens.borrow().kind.sound;
        // AAC-LC, 16 kHz, one channel.
        let audio = if sound { AudioConfig::parse(&[0x14, 0x08]) } else { None };
        let opening = Opening { source: "rtsp", codec: Codec::H264, sets: Vec::new(), audio, defects: Vec::new() };
        (opening, Self { lens: lens.clone(), clock })
    }

    /// When [`Source::next`] may be asked.
    pub fn due(&self) -> BootNs {
        let mut lens = self.lens.borrow_mut();
        if lens.breaks {
            return self.clock.boot();
        }
        lens.pass_over();
        let mut due = lens.due();
        if lens.kind.sound {
            due = due.min(BootNs((lens.next_sound * SOUND_NS).max(lens.silent_until.0)));
        }
        due
    }
}

impl Source for FakeSource {
    async fn next(&mut self) -> Result<Item, SourceError> {
        let mut lens = self.lens.borrow_mut();
        let now = self.clock.boot();
        if lens.breaks {
            return Err(SourceError::Ended { detail: "it closed the connection".into() });
        }
        if let Some(name) = lens.defects.pop() {
            return Ok(Item::Defect(name));
        }
        if std::mem::take(&mut lens.stray_unit) {
            let ticks = 900_000 + lens.next * FRAME_TICKS + lens.jump_ticks;
            let unit = video::Unit { ticks, data: vec![0, 0, 0, 3, 6, 5, 0x80], lost: 0 };
            return Ok(Item::Video { unit, at: now });
        }
        if now.0 >= lens.next_report {
            lens.next_report = now.0 + REPORT_NS;
            let camera_ns = (now.0 - lens.phase_ns).max(0);
            let ntp = (NTP_AT_BOOT << 32) + u64::try_from((i128::from(camera_ns) << 32) / 1_000_000_000).unwrap_or(0);
            let ticks = 900_000 + camera_ns / 1_000 * 9 / 100 + lens.jump_ticks;
            return Ok(Item::Report { track: Track::Video, ticks, ntp });
        }
        if lens.kind.sound && lens.next_sound * SOUND_NS <= now.0 && lens.silent_until <= now {
            let ticks = lens.next_sound * SOUND_TICKS;
            lens.next_sound += 1;
            let frame = aac::Frame { ticks, data: vec![0x21; 24], lost: 0 };
            return Ok(Item::Audio { frame, at: now });
        }
        Ok(lens.picture(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deeply_reordering_camera_shows_every_frame_once_and_none_before_its_keyframe() {
        let kind = Kind { drift_ppm: 0, gop: 35, reorder: 16, sound: false };
        let lens = Lens::new(kind, 0, 1);
        let lens = lens.borrow();
        let mut shown: Vec<i64> = (0..350).map(|sent| lens.shown(sent)).collect();
        assert_eq!(&shown[..3], [0, 17, 16]);
        assert!((0..350).all(|sent| lens.shown(sent) <= sent + 16));
        shown.sort_unstable();
        assert!(shown.into_iter().eq(0..350));
    }
}
