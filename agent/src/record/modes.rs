//! When a stream is recorded: straight on, around events, or not at all and held for whoever looks.
//!
//! Belongs here: what each mode does with what comes from a camera before the cutter sees it, triggers and what they start.
//! Does not: schedules (the cutter's gate asks them), where files are cut, what is written.
//!
//! In event mode the newest whole GOPs are held back, as far as the pre-roll reaches. What grows too old goes through the
//! cutter with its gate shut: it learns the camera's clock and keeps nothing. A trigger opens the gate and lets the held
//! GOPs in before anything newer, so a clip begins with a keyframe at or before the pre-roll's instant. Until the post-roll
//! is over frames go straight through, so a crash costs no more than ever. It ends at a keyframe: the next pre-roll begins
//! where the last clip ended.

use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::policy::schedule::Weekly;
use farwatch_shared::time::BootNs;
use farwatch_shared::wire::latest::{EventRecording, Trigger};

use super::activity::{Activity, Motion};
use super::cut::Action;
use super::due::Due;
use super::events::Happened;
use super::hand::{Hand, Stream};
use super::hole::Hole;
use super::intake::{Handed, StreamKey};
use super::preroll::Leave;
use super::recover;
use crate::camera::Item;
use crate::ledger::entry::{Moment, RecorderEntry, StreamEnd};
use crate::recorder::protocol::PlanMode;

const SECOND_NS: i64 = 1_000_000_000;
/// Bounds of what a policy may ask for.
const LONGEST_PRE_S: u16 = 60;
const LONGEST_POST_S: u16 = 3_600;
/// Held beyond the pre-roll: an event is sometimes noticed a moment after it began.
const SLACK_NS: i64 = 2 * SECOND_NS;
/// Without a keyframe a clip ends so long after its time.
const LINGER_NS: i64 = 30 * SECOND_NS;
/// What is held of a stream that is only looked at: the GOP being received and the one before it.
const RING: usize = 2;
/// While something moves, its event is extended this often.
const EXTEND_NS: i64 = SECOND_NS / 2;

/// What is done with a stream's frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// To the cutter.
    Straight,
    /// Held back until something happens.
    Around(Around),
    /// Held for live view; nothing is kept.
    Ring,
}

/// Recording around events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Around {
    pre_ns: i64,
    post_ns: i64,
    triggers: Vec<Trigger>,
    /// Footage is due up to here, while something happened.
    until: Option<BootNs>,
}

impl Around {
    #[must_use]
    pub fn new(rule: &EventRecording) -> Self {
        Self {
            pre_ns: i64::from(rule.pre_s.min(LONGEST_PRE_S)) * SECOND_NS,
            post_ns: i64::from(rule.post_s.min(LONGEST_POST_S)) * SECOND_NS,
            triggers: rule.triggers.clone(),
            until: None,
        }
    }

    /// Whether a trigger begins an event here. One by hand always does.
    fn counts(&self, trigger: Trigger) -> bool {
        trigger == Trigger::Manual || self.triggers.contains(&trigger)
    }

    /// Whether the clip ends before this frame.
    fn is_over(&self, at: BootNs, keyframe: bool) -> bool {
        self.until.is_some_and(|until| at >= until && (keyframe || at.since(until) >= LINGER_NS))
    }
}

impl Way {
    fn leave(&self, now: BootNs) -> Leave {
        match self {
            Self::Straight => Leave::All,
            Self::Around(around) if around.until.is_some() => Leave::All,
            Self::Around(around) => Leave::Before(BootNs(now.0 - around.pre_ns - SLACK_NS)),
            Self::Ring => Leave::AllBut(RING),
        }
    }

    fn holds(&self) -> bool {
        match self {
            Self::Straight => false,
            Self::Around(around) => around.until.is_none(),
            Self::Ring => true,
        }
    }
}

impl Hand {
    /// Brings a mode into force for a stream that runs.
    pub(super) fn adopt(&mut self, key: StreamKey, mode: &PlanMode, now: Moment) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let torn = self.torn.remove(&key);
        let since = Some(now);
        let (way, gate) = match mode {
            // Never sent; nothing would be right to record then.
            PlanMode::Off | PlanMode::LiveOnly => (Way::Ring, Due::Never),
            PlanMode::Continuous => (Way::Straight, Due::Open { since }),
            PlanMode::Schedule(schedule) => match Weekly::read(schedule) {
                Ok(weekly) => (Way::Straight, Due::windows(weekly)),
                Err(refusal) => {
                    tracing::error!(camera = %key.0, stream = %key.1, %refusal, "nothing is recorded until the plan changes");
                    (Way::Straight, Due::Shut { since })
                }
            },
            PlanMode::Event(rule) => {
                let mut around = Around::new(rule);
                around.until = match &stream.way {
                    Way::Around(before) => before.until,
                    // The recorder before this one died inside a clip: it goes on.
                    _ if torn => Some(BootNs(now.boot_ns.0 + around.post_ns)),
                    // What is being recorded ends as a clip does, at a keyframe: nothing is held before one.
                    _ => stream.cutter.is_recording().then_some(now.boot_ns),
                };
                let gate = if around.until.is_some() { Due::Open { since } } else { Due::Shut { since } };
                (Way::Around(around), gate)
            }
        };
        let same_kind = matches!((&stream.way, &way), (Way::Around(_), Way::Around(_)));
        stream.way = way;
        // What was held under the mode before was not wanted under it.
        self.let_out(key, now);
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if !same_kind {
            stream.cutter.set_gate(gate, now, &mut self.actions);
            self.act(key);
        }
        if matches!(mode, PlanMode::LiveOnly) {
            self.note_switched_off(key);
        } else if let Some(stream) = self.streams.get_mut(&key) {
            stream.off = false;
        }
    }

    /// A recorder that was away while a window opened is missed from then on; before, nothing was due.
    pub(super) fn missed_opening(&mut self, end: &StreamEnd, key: StreamKey, now: Moment, hole: &mut Hole) {
        let Some(PlanMode::Schedule(schedule)) = self.modes.get(&key) else { return };
        let Ok(weekly) = Weekly::read(schedule) else { return };
        let opened = weekly.next_change(end.end.wall_ms).filter(|at| *at < now.wall_ms && weekly.is_open(*at));
        if let Some(opened) = opened.filter(|_| end.idle && !end.switched_off) {
            let ago_ns = now.wall_ms.since(opened).saturating_mul(1_000_000);
            let (cause, detail) = recover::absence(end, &self.tools.boot);
            hole.blame(cause, detail, now.plus_ns(-ago_ns), &mut self.actions);
        }
    }

    /// What a camera handed in, on its way to the cutter.
    pub(super) fn pass(&mut self, key: StreamKey, handed: Handed, now: Moment) {
        // What is known of the network concerns now, whatever is held.
        if matches!(handed, Handed::Link { .. } | Handed::NoCarrier) {
            return self.feed(key, handed, now);
        }
        // One stream tells for its camera.
        let tells = key.1 == StreamName::Main || !self.streams.contains_key(&(key.0, StreamName::Main));
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let seen = stream.see(&handed, tells);
        let frame = match &handed {
            Handed::Video(Item::Video { at, .. }, picture) => Some((*at, picture.is_entry())),
            _ => None,
        };
        if let (Way::Around(around), Some((at, keyframe))) = (&mut stream.way, frame)
            && around.is_over(at, keyframe)
        {
            around.until = None;
            stream.cutter.set_gate(Due::Shut { since: Some(now) }, now, &mut self.actions);
            self.act(key);
        }
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if stream.way.holds() {
            self.intake.hold(key, frame.map_or(now.boot_ns, |(at, _)| at), handed);
            self.let_out(key, now);
        } else {
            self.feed(key, handed, now);
        }
        if let Some(happened) = seen.map(|motion| happening(motion, now)) {
            self.happened(key.0, &happened, now);
        }
    }

    /// Something happened at a camera, or goes on.
    pub(super) fn happened(&mut self, camera: CameraId, what: &Happened, now: Moment) {
        if let Some(entry) = self.events.happened(camera, what, now) {
            tracing::info!(%camera, trigger = ?what.trigger, detail = what.detail, "event");
            self.tools.book.write(entry);
        }
        let keys: Vec<StreamKey> = self.streams.keys().filter(|key| key.0 == camera).copied().collect();
        for key in keys {
            self.record_around(key, what, now);
        }
    }

    fn record_around(&mut self, key: StreamKey, what: &Happened, now: Moment) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        let Way::Around(around) = &mut stream.way else { return };
        if !around.counts(what.trigger) {
            return;
        }
        let until = BootNs(what.end.boot_ns.0.saturating_add(around.post_ns));
        if let Some(before) = around.until {
            around.until = Some(before.max(until));
            return;
        }
        let from = what.start.plus_ns(-around.pre_ns);
        // What is older than the pre-roll goes by with the gate shut.
        while let Some(handed) = self.intake.unhold(key, Leave::Before(from.boot_ns)) {
            self.feed(key, handed, now);
        }
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if let Way::Around(around) = &mut stream.way {
            around.until = Some(until);
        }
        stream.cutter.set_gate(Due::Open { since: Some(from) }, now, &mut self.actions);
        if self.intake.held_dropped(key) > 0 {
            self.actions.push(Action::Defect("pre_roll_short"));
        }
        self.act(key);
        self.let_out(key, now);
    }

    /// Time passes: what is held grows old, a clip whose camera fell silent ends, events are over.
    pub(super) fn pass_time(&mut self, now: Moment) {
        for entry in self.events.tick(now) {
            self.tools.book.write(entry);
        }
        let keys: Vec<StreamKey> = self.streams.keys().copied().collect();
        for key in keys {
            let Some(stream) = self.streams.get_mut(&key) else { continue };
            let recording = stream.cutter.is_recording();
            if let Way::Around(around) = &mut stream.way
                && !recording
                && let Some(until) = around.until
                && now.boot_ns >= until
            {
                around.until = None;
                let ago = now.boot_ns.since(until);
                stream.cutter.set_gate(Due::Shut { since: Some(now.plus_ns(-ago)) }, now, &mut self.actions);
                self.act(key);
            }
            self.let_out(key, now);
        }
    }

    /// Lets go of what need not be held any longer, through the cutter and in order.
    pub(super) fn let_out(&mut self, key: StreamKey, now: Moment) {
        let Some(leave) = self.streams.get(&key).map(|stream| stream.way.leave(now.boot_ns)) else { return };
        while let Some(handed) = self.intake.unhold(key, leave) {
            self.feed(key, handed, now);
        }
        let held = self.intake.held_since(key);
        if let Some(stream) = self.streams.get_mut(&key) {
            stream.cutter.hold_since(held);
        }
    }

    /// From here on nothing is expected of the stream.
    fn note_switched_off(&mut self, key: StreamKey) {
        let Some(stream) = self.streams.get_mut(&key) else { return };
        if std::mem::replace(&mut stream.off, true) {
            return;
        }
        if let Some(at) = stream.cutter.ledgered() {
            let (camera, stream) = key;
            self.tools.book.write(RecorderEntry::SwitchedOff { camera, stream, at });
        }
    }
}

/// An event out of motion seen until now.
fn happening(motion: Motion, now: Moment) -> Happened {
    let ago = now.boot_ns.since(motion.since);
    let strength = motion.strength_milli;
    let detail = format!("frames {}.{} times their usual size", strength / 1_000, strength % 1_000 / 100);
    Happened { trigger: Trigger::Activity, start: now.plus_ns(-ago), end: now, detail: Some(detail) }
}

impl Stream {
    /// Takes note of what a camera handed in; gives motion when it is time to tell of it.
    fn see(&mut self, handed: &Handed, tells: bool) -> Option<Motion> {
        match handed {
            Handed::Begin(_) => self.activity = Activity::default(),
            Handed::Other(Item::Audio { frame, at }) => self.arrived.add(0, frame.data.len(), *at),
            Handed::Video(Item::Video { unit, at }, picture) => {
                self.arrived.add(1, unit.data.len(), *at);
                if !tells {
                    return None;
                }
                let motion = self.activity.see(unit.data.len(), picture.is_entry(), *at)?;
                let told = self.motion_told.replace(*at);
                if told.is_some_and(|told| at.since(told) < EXTEND_NS) {
                    self.motion_told = told;
                    return None;
                }
                return Some(motion);
            }
            _ => {}
        }
        None
    }
}

#[cfg(test)]
#[path = "modes_tests.rs"]
mod tests;
