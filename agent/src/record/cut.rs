//! Decides where files begin and end, what a fragment holds, and what is a gap. Pure: readings in, [`Action`]s out.
//!
//! Belongs here: the rules of DESIGN 4 for one stream. Does not: bytes of files (`shared::media`), writing, logs,
//! sessions. The order of actions is the order in which they must happen.
//!
//! Every boundary between footage and hole is one [`Moment`] used by both sides, so that their spans are disjoint and
//! together leave nothing out, whatever the clocks do.

mod due;
mod ends;

use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::fragment::Sample;
use farwatch_shared::media::nal::Picture;
use farwatch_shared::media::sets::{ParameterSets, VideoConfig};
use farwatch_shared::media::{VIDEO_TIMESCALE, ticks90k_to_ns};
use farwatch_shared::time::{BootNs, WallMs};
use farwatch_shared::wire::latest::GapCause;

use super::due::Due;
use super::hole::{Hole, HolePiece, NOTHING_DUE};
use super::line::Line;
use super::opened::{OpenFile, ntp_at};
use super::pace::Pace;
use super::sound::Sound;
use super::window::{Timed, Unit, Window};
use crate::camera::{Opening, Track};
use crate::ledger::entry::{ClosedWhy, Moment};

/// Lengths the rules work with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    pub segment_s: u32,
    pub fragment_ms: u32,
}

/// Timestamps this far off the clock have jumped.
const JUMP_NS: i64 = 500_000_000;
/// Decode order may run back in presentation by this much, in ticks, where the stream does not say it never does.
const REORDER_TICKS: i64 = VIDEO_TIMESCALE as i64;
/// The wall clock was stepped when it moved this much against the boot clock.
const STEP_MS: i64 = 500;
/// Less than this is left as it is, so that neighbouring files join on the wall clock too.
const SLEW_MS: i64 = 20;
/// Connections and cameras take this long to recover from a dead network.
const AFTERMATH_NS: i64 = 30_000_000_000;
/// After a window closed, a frame of it may come so late.
const LATE_MS: i64 = 3_000;

/// What the one who holds the files must do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Open(FileStart),
    Write(Out),
    Close {
        end: Moment,
        why: ClosedWhy,
    },
    Gap(HolePiece),
    /// Something repaired, counted by name.
    Defect(&'static str),
    /// Pictures come and none of them can be recorded, for this reason; until the next file opens.
    Unusable(&'static str),
}

/// How a file begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileStart {
    pub start: Moment,
    pub config: VideoConfig,
    pub audio: Option<AudioConfig>,
    /// The camera's NTP time of the first frame.
    pub ntp: Option<u64>,
    /// No gap between the file before and this one: same run.
    pub continues: bool,
    pub needs_previous: bool,
    pub source: &'static str,
}

/// One fragment to write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Out {
    pub start: Moment,
    pub end: Moment,
    pub keyframe: bool,
    pub ntp: Option<u64>,
    /// Since the file's first frame.
    pub decode_time: u64,
    pub samples: Vec<Sample>,
    /// Sample bytes, in order.
    pub data: Vec<Vec<u8>>,
    pub sound: Option<SoundOut>,
}

/// The sound of a fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundOut {
    pub decode_time: u64,
    pub samples: Vec<Sample>,
    pub data: Vec<Vec<u8>>,
}

/// One stream's state.
#[derive(Debug)]
pub struct Cutter {
    rules: Rules,
    session: Option<Session>,
    file: Option<OpenFile>,
    hole: Hole,
    /// Boot and wall time taken together, from which wall times are reckoned.
    anchor: Moment,
    /// No later boundary may come before this.
    boundary: BootNs,
    window: Window,
    pace: Pace,
    /// When the network was last seen to be down.
    network_down: Option<BootNs>,
    gate: Due,
    /// Why the last session ended, while there is none.
    down: Option<(GapCause, String)>,
    /// Frames that came since then are held back and may still be handed in.
    held_since: Option<BootNs>,
    /// When the last frame came.
    heard: BootNs,
}

#[derive(Debug)]
struct Session {
    source: &'static str,
    sets: ParameterSets,
    config: Option<VideoConfig>,
    audio: Option<AudioConfig>,
    line: Line,
    sound: Option<Sound>,
    /// Added to the camera's ticks so that a jump does not show.
    shift: i64,
    last: Option<Seen>,
    /// Media ticks and NTP of the latest sender report.
    report: Option<(i64, u64)>,
    /// Leading pictures of the keyframe shown then cannot be decoded.
    skip_before: Option<i64>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// Highest presentation time so far, in media ticks.
    shown: i64,
    at: BootNs,
}

impl Cutter {
    /// A stream of which nothing is known; `hole` says since when it is wanted and what was before.
    #[must_use]
    pub fn new(rules: Rules, hole: Hole, now: Moment) -> Self {
        Self {
            rules,
            session: None,
            file: None,
            boundary: hole.floor(),
            hole,
            anchor: now,
            window: Window::default(),
            pace: Pace::default(),
            network_down: None,
            gate: Due::Open { since: None },
            down: None,
            held_since: None,
            heard: BootNs(0),
        }
    }

    #[must_use]
    pub fn is_recording(&self) -> bool {
        self.file.is_some()
    }

    #[must_use]
    pub fn in_session(&self) -> bool {
        self.session.is_some()
    }

    /// Why footage is missing now.
    #[must_use]
    pub fn missing(&self) -> Option<GapCause> {
        if self.file.is_some() || self.gate.is_never() { None } else { self.hole.cause() }
    }

    /// A session with the camera began.
    pub fn begin(&mut self, opening: Opening, now: Moment, out: &mut Vec<Action>) {
        let cause = self.blame_for_silence(self.heard, now);
        self.finish(now, ClosedWhy::Session, cause, "the session was replaced", out);
        self.down = None;
        let mut sets = ParameterSets::new(opening.codec);
        for set in &opening.sets {
            sets.learn(set);
        }
        out.extend(opening.defects.iter().map(|name| Action::Defect(name)));
        self.session = Some(Session {
            source: opening.source,
            config: sets.config(),
            sets,
            sound: opening.audio.as_ref().map(Sound::new),
            audio: opening.audio,
            line: Line::new(VIDEO_TIMESCALE),
            shift: 0,
            last: None,
            report: None,
            skip_before: None,
        });
        self.window.clear();
    }

    /// A picture of the session. `now` is read on both clocks as it is handed in, `at` when it arrived.
    pub fn video(
        &mut self,
        unit: crate::camera::depay::video::Unit,
        picture: Picture,
        at: BootNs,
        now: Moment,
        out: &mut Vec<Action>,
    ) {
        self.watch_wall_clock(now, out);
        let heard = std::mem::replace(&mut self.heard, at);
        if unit.lost > 0 && (self.file.is_some() || self.window.peek().is_some()) {
            // Over TCP nothing is lost on the way: what is missing the camera left out.
            let cause = self.blame_for_silence(heard, now);
            let detail = format!("{} rtp packets lost", unit.lost);
            self.finish(now, ClosedWhy::Gap, cause, &detail, out);
        }
        let Some(session) = &mut self.session else { return };
        if session.sets.learn_unit(&unit.data) {
            session.config = session.sets.config();
        }
        if let Some(depth) = session.config.as_ref().and_then(|c| c.reorder) {
            self.window.expect_depth(depth);
        }
        if picture == Picture::None {
            // Parameter sets or SEI alone belong to no picture of their own: they are learned, not kept.
            out.push(Action::Defect("unit_without_picture"));
            return;
        }
        let nominal = self.pace.nominal();
        let jumped = session.place(unit.ticks, at, nominal);
        if jumped {
            out.push(Action::Defect("timestamp_jump"));
            if let Some(file) = &mut self.file {
                file.cut.get_or_insert(ClosedWhy::TimestampJump);
            }
        }
        let shown = unit.ticks + session.shift;
        if self.file.is_none() && self.window.peek().is_none() {
            if picture.is_entry() && session.config.is_none() {
                ends::say_unusable(&mut self.hole, out);
            }
            if !picture.is_entry() || session.config.is_none() {
                return;
            }
            let began = session.line.at(shown).unwrap_or(at);
            if !self.gate.is_open(self.anchor.plus_ns(began.0 - self.anchor.boot_ns.0).wall_ms) {
                return;
            }
            session.skip_before = (picture != Picture::Idr).then_some(shown);
        }
        if let Some(entry) = session.skip_before
            && !(picture.is_entry() && shown == entry)
        {
            if picture == Picture::Rasl || shown < entry {
                return;
            }
            session.skip_before = None;
        }
        if self.window.push(Unit { shown, picture, data: unit.data }) {
            out.push(Action::Defect("reordering_not_announced"));
        }
        while let Some(timed) = self.window.pop() {
            self.take(timed, now, out);
        }
    }

    /// An audio frame of the session.
    pub fn audio(&mut self, frame: crate::camera::depay::aac::Frame, at: BootNs) {
        if let Some(sound) = self.session.as_mut().and_then(|s| s.sound.as_mut()) {
            sound.push(frame, at, self.file.is_some());
        }
    }

    /// A sender report of the session.
    pub fn report(&mut self, track: Track, ticks: i64, ntp: u64) {
        let Some(session) = &mut self.session else { return };
        match track {
            Track::Video => session.report = Some((ticks + session.shift, ntp)),
            Track::Audio => {
                if let Some(sound) = &mut session.sound {
                    sound.report(ticks, ntp);
                }
            }
        }
    }

    /// Whole GOPs were dropped before they came here.
    pub fn dropped(&mut self, frames: u32, now: Moment, out: &mut Vec<Action>) {
        let detail = format!("{frames} frames dropped because the disk was too slow");
        self.finish(now, ClosedWhy::Gap, GapCause::Disk, &detail, out);
        if self.gate.is_open(now.wall_ms) {
            self.hole.blame(GapCause::Disk, &detail, now, out);
        }
    }

    /// The session is over.
    pub fn end(&mut self, cause: GapCause, detail: &str, now: Moment, out: &mut Vec<Action>) {
        if cause == GapCause::Network {
            self.network_down = Some(now.boot_ns);
        }
        let cause = if cause == GapCause::Camera { self.blame_for_silence(self.heard, now) } else { cause };
        self.finish(now, ClosedWhy::Session, cause, detail, out);
        if self.gate.is_open(now.wall_ms) {
            self.hole.blame(cause, detail, now, out);
        }
        self.down = Some((cause, detail.to_owned()));
        self.session = None;
    }

    /// The network is down now: what is missing of this stream is its doing, and for a while what comes of it.
    pub fn network_down(&mut self, detail: &str, now: Moment, out: &mut Vec<Action>) {
        self.network_down = Some(now.boot_ns);
        if self.file.is_none() {
            self.hole.suspect_network(detail, now, out);
        }
    }

    /// Whose fault it is that the camera was not heard: the network's if that was down since the last frame.
    fn blame_for_silence(&self, last_heard: BootNs, now: Moment) -> GapCause {
        match self.network_down {
            Some(at) if at >= last_heard && now.boot_ns.since(at) < AFTERMATH_NS => GapCause::Network,
            _ => GapCause::Camera,
        }
    }

    /// Nothing more is wanted of this stream: the file ends here and nothing is missed after it.
    pub fn stop(&mut self, why: ClosedWhy, now: Moment, out: &mut Vec<Action>) {
        if self.file.is_some() || self.window.peek().is_some() {
            self.finish(now, why, GapCause::Operator, "recording was stopped", out);
        } else if !self.gate.is_never() {
            self.hole.settle(now, out);
        }
        self.session = None;
    }

    /// Where everything up to is ledgered, after [`Self::stop`].
    #[must_use]
    pub fn ledgered(&self) -> Option<Moment> {
        self.hole.ledgered()
    }

    /// The file could not be written: footage ends at `end`, the end of the last fragment that could.
    pub fn abandon(&mut self, end: Option<Moment>, detail: &str, out: &mut Vec<Action>) {
        let Some(file) = self.file.take() else { return };
        self.window.clear();
        let end = end.unwrap_or(file.start);
        self.boundary = end.boot_ns;
        self.hole.open(end, GapCause::Disk, detail);
        out.push(Action::Defect("write_failed"));
    }

    /// Time passes without a frame.
    pub fn tick(&mut self, now: Moment, out: &mut Vec<Action>) {
        self.watch_wall_clock(now, out);
        let patience = i64::from(self.rules.fragment_ms).saturating_mul(2_000_000).max(500_000_000);
        match &self.file {
            Some(file) if !file.pending.is_empty() && now.boot_ns.since(file.pending_since) >= patience => {
                self.write_pending(None, out);
            }
            // The camera fell silent inside its window, and the window has closed.
            Some(_) if !self.gate.is_open(now.wall_ms) && !self.gate.is_open(now.wall_ms.plus_ms(-LATE_MS)) => {
                self.finish(now, ClosedWhy::NotDue, GapCause::Camera, "no frame before the window closed", out);
            }
            Some(_) => {}
            None if self.gate.is_never() => {}
            None => self.tick_hole(now, out),
        }
    }

    fn watch_wall_clock(&mut self, now: Moment, out: &mut Vec<Action>) {
        let off = now.wall_ms.since(self.wall_at(now.boot_ns)).abs();
        match &mut self.file {
            Some(file) if off > STEP_MS => {
                file.cut.get_or_insert(ClosedWhy::ClockStep);
            }
            None if off > SLEW_MS => {
                if off > STEP_MS {
                    // What is missing ends before the first picture that waits.
                    let waits = self.window.earliest().zip(self.session.as_ref());
                    let until =
                        waits.and_then(|(shown, s)| s.line.at(shown)).map_or(now.boot_ns, |at| at.min(now.boot_ns));
                    let before = Moment { boot_ns: until, wall_ms: self.wall_at(until) };
                    self.hole.step_wall(before, now, out);
                }
                self.anchor = now;
            }
            _ => {}
        }
    }

    fn wall_at(&self, boot: BootNs) -> WallMs {
        self.anchor.plus_ns(boot.0 - self.anchor.boot_ns.0).wall_ms
    }

    /// The boundary at these media ticks, never before the one before it.
    fn moment(&mut self, ticks: i64) -> Moment {
        let at = self.session.as_ref().and_then(|s| s.line.at(ticks)).unwrap_or(self.boundary);
        self.boundary = self.boundary.max(at);
        Moment { boot_ns: self.boundary, wall_ms: self.wall_at(self.boundary) }
    }

    fn take(&mut self, timed: Timed, now: Moment, out: &mut Vec<Action>) {
        let decoded = timed.decoded;
        if self.file.is_some() && !self.is_due_at(decoded) {
            self.end_file(Some(decoded), ClosedWhy::NotDue, GapCause::Schedule, "", out);
            let end = Moment { boot_ns: self.boundary, wall_ms: self.wall_at(self.boundary) };
            self.hole.open(end, GapCause::Schedule, NOTHING_DUE);
            self.window.clear();
            return;
        }
        if let Some(file) = &self.file {
            let interval = decoded - file.last;
            if self.pace.is_gap(interval) {
                let detail = format!("no frame for {} ms", ticks90k_to_ns(interval) / 1_000_000);
                let last = self.session.as_ref().and_then(|s| s.line.at(file.last)).unwrap_or(BootNs(0));
                let cause = self.blame_for_silence(last, now);
                self.end_file(None, ClosedWhy::Gap, cause, &detail, out);
                self.pace.remember(interval);
                if !timed.unit.picture.is_entry() {
                    self.window.clear();
                    return;
                }
            } else {
                self.pace.remember(interval);
            }
        }
        let Some(file) = &mut self.file else {
            if timed.unit.picture.is_entry() {
                self.open(timed, false, false, now, out);
            }
            return;
        };
        if timed.unit.picture.is_entry() && self.session.as_ref().is_some_and(|s| s.config.is_none()) {
            self.end_unusable(out);
            return;
        }
        let follows_rasl = self.window.peek().is_some_and(|next| next.picture == Picture::Rasl);
        let config = self.session.as_ref().and_then(|s| s.config.as_ref());
        if let Some(config) = config
            && let Some(cut) = file.cut_here(&timed, follows_rasl, config, self.rules)
        {
            let needs_previous = match timed.unit.picture {
                Picture::Idr | Picture::Bla => false,
                Picture::Cra => follows_rasl,
                _ => true,
            };
            self.end_file(Some(decoded), cut, GapCause::Camera, "", out);
            self.open(timed, true, needs_previous, now, out);
            return;
        }
        let first = file.pending.first().map_or(decoded, |t| t.decoded);
        if decoded - first >= i64::from(self.rules.fragment_ms) * 90 {
            self.write_pending(Some(decoded), out);
        }
        if let Some(file) = &mut self.file {
            file.push(timed, now);
        }
    }

    fn open(&mut self, timed: Timed, continues: bool, needs_previous: bool, now: Moment, out: &mut Vec<Action>) {
        if now.wall_ms.since(self.wall_at(now.boot_ns)).abs() > SLEW_MS {
            self.anchor = now;
        }
        if !continues {
            self.boundary = self.boundary.max(self.hole.floor());
        }
        let start = self.moment(timed.decoded);
        if !continues {
            self.hole.close(start, out);
        }
        let Some(session) = &mut self.session else { return };
        let Some(config) = session.config.clone() else { return };
        if let Some(sound) = &mut session.sound {
            sound.new_file(timed.decoded, &session.line, session.report);
        }
        out.push(Action::Open(FileStart {
            start,
            config: config.clone(),
            audio: session.audio.clone(),
            ntp: ntp_at(session.report, timed.unit.shown),
            continues,
            needs_previous,
            source: session.source,
        }));
        let mut file = OpenFile {
            start,
            base: timed.decoded,
            config,
            cut: None,
            pending: Vec::new(),
            pending_since: now.boot_ns,
            last: timed.decoded,
        };
        file.push(timed, now);
        self.file = Some(file);
    }

    /// `next` is the decode time of the frame that follows without a gap; without one a hole opens.
    fn end_file(&mut self, next: Option<i64>, why: ClosedWhy, cause: GapCause, detail: &str, out: &mut Vec<Action>) {
        if self.file.is_none() {
            return;
        }
        self.write_pending(next, out);
        let Some(file) = self.file.take() else { return };
        let end = self.moment(next.unwrap_or(file.last + self.pace.nominal()));
        out.push(Action::Close { end, why });
        if next.is_none() {
            self.hole.open(end, cause, detail);
        }
    }

    /// Writes the pending units as one fragment. The last lasts until `next`, or as long as frames usually do.
    fn write_pending(&mut self, next: Option<i64>, out: &mut Vec<Action>) {
        let nominal = self.pace.nominal();
        let Some(file) = &mut self.file else { return };
        let pending = std::mem::take(&mut file.pending);
        let (Some(first), Some(last)) = (pending.first(), pending.last()) else { return };
        let (first_decoded, base) = (first.decoded, file.base);
        let (keyframe, shown) = (first.unit.picture.is_entry(), first.unit.shown);
        let until = next.unwrap_or(last.decoded + nominal);
        let ends: Vec<i64> = pending.iter().skip(1).map(|t| t.decoded).chain([until]).collect();
        let (mut samples, mut data) = (Vec::with_capacity(pending.len()), Vec::with_capacity(pending.len()));
        for (timed, end) in pending.into_iter().zip(ends) {
            samples.push(Sample {
                size: u32::try_from(timed.unit.data.len()).unwrap_or(u32::MAX),
                duration: u32::try_from(end - timed.decoded).unwrap_or(0),
                offset: i32::try_from(timed.unit.shown - timed.decoded).unwrap_or(0),
                sync: timed.unit.picture.is_entry(),
            });
            data.push(timed.unit.data);
        }
        let (start, end) = (self.moment(first_decoded), self.moment(until));
        let session = self.session.as_mut();
        let ntp = session.as_ref().and_then(|s| ntp_at(s.report, shown));
        let sound = session.and_then(|s| s.sound.as_mut()).and_then(Sound::take);
        let decode_time = u64::try_from(first_decoded - base).unwrap_or(0);
        out.push(Action::Write(Out { start, end, keyframe, ntp, decode_time, samples, data, sound }));
    }
}

impl Session {
    /// Finds the shift for this unit, true when the camera's timestamps jumped; the line learns its arrival.
    fn place(&mut self, ticks: i64, at: BootNs, nominal: i64) -> bool {
        let mut jumped = false;
        if let Some(last) = self.last {
            let shown = ticks.saturating_add(self.shift);
            let never_back = self.config.as_ref().is_some_and(|c| c.reorder == Some(0));
            let back = if never_back { shown < last.shown } else { shown < last.shown.saturating_sub(REORDER_TICKS) };
            // A session may begin in the middle of a reordered group, with pictures that come late.
            let slack = if never_back { JUMP_NS } else { JUMP_NS + ticks90k_to_ns(REORDER_TICKS) };
            let ahead = self.line.at(shown).is_some_and(|t| t.0.saturating_sub(at.0) > slack);
            if back || ahead {
                let waited = at.since(last.at) / 1_000 * 9 / 100;
                let step = if waited < 2 * nominal { nominal } else { waited };
                self.shift = last.shown.saturating_add(step).saturating_sub(ticks);
                self.report = None;
                jumped = true;
            }
        }
        let shown = ticks + self.shift;
        self.line.observe(shown, at);
        self.last = Some(Seen { shown: self.last.map_or(shown, |l| l.shown.max(shown)), at });
        jumped
    }
}

#[cfg(test)]
#[path = "cut_tests.rs"]
mod tests;
