//! What can be watched, and in what condition each is.
//!
//! Belongs here: the mounts, their faults, how many sessions each has. Does not: reading fault requests (`control`).

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use serde::Serialize;
use tokio::sync::watch;

use crate::audio::Audio;
use crate::clips::{Clips, Video};
use crate::play::Play;
use crate::quirk::{Quirk, Quirks};
use crate::ticks::{CameraNs, FRAME_NS};

/// What is wrong with a mount just now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Condition {
    /// Connections stay, nothing is sent, no request is answered.
    pub hung: bool,
    /// DESCRIBE and SETUP find nothing.
    pub down: bool,
    /// Raised each time every session is to be cut.
    pub cuts: u64,
    /// RTP packets left out, in thousandths.
    pub drop_permille: u16,
    /// Added to every RTP timestamp.
    pub jump_ms: i64,
    /// The second resolution is on.
    pub alt: bool,
    /// No RTCP sender reports.
    pub silent_rtcp: bool,
    /// Sessions at once, without bound if none.
    pub limit: Option<u32>,
    /// What is odd about it.
    pub quirks: Quirks,
}

/// A change of condition that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    Hang,
    Resume,
    Kill,
    Down,
    Up,
    Drop { permille: u16 },
    Jump { ms: i64 },
    Alt,
    Main,
    NoReports,
    Reports,
    Limit { sessions: u32 },
    Odd(Quirk),
    Straight(Quirk),
    AllStraight,
}

impl Condition {
    /// The condition after a change.
    #[must_use]
    pub fn after(mut self, fault: Fault) -> Self {
        match fault {
            Fault::Hang => self.hung = true,
            Fault::Resume => self.hung = false,
            Fault::Kill => self.cuts += 1,
            Fault::Down => {
                self.down = true;
                self.cuts += 1;
            }
            Fault::Up => self.down = false,
            Fault::Drop { permille } => self.drop_permille = permille,
            Fault::Jump { ms } => self.jump_ms = self.jump_ms.saturating_add(ms),
            Fault::Alt => self.alt = true,
            Fault::Main => self.alt = false,
            Fault::NoReports => self.silent_rtcp = true,
            Fault::Reports => self.silent_rtcp = false,
            Fault::Limit { sessions } => self.limit = (sessions > 0).then_some(sessions),
            Fault::Odd(quirk) => self.quirks = self.quirks.with(quirk),
            Fault::Straight(quirk) => self.quirks = self.quirks.without(quirk),
            Fault::AllStraight => self.quirks = Quirks::default(),
        }
        self
    }
}

/// One thing to watch.
pub struct Mount {
    pub name: String,
    pub main: Rc<Video>,
    pub alt: Option<Rc<Video>>,
    pub audio: Option<Rc<Audio>>,
    /// How long after a frame is taken it is sent. Differs per mount, so that many cameras do not send in step.
    pub latency_ns: u64,
    condition: watch::Sender<Condition>,
    sessions: Cell<u32>,
    stale: RefCell<Option<Stale>>,
}

/// A session whose connection is gone and which the camera has not noticed.
pub struct Stale {
    pub play: Play,
    pub until: CameraNs,
    /// Its place is still taken.
    pub _seat: Option<Seat>,
}

/// A place at a mount; given back when dropped.
pub struct Seat(Rc<Mount>);

impl Mount {
    /// A mount in good order, with neither sound nor a second resolution.
    pub fn new(name: String, main: &Rc<Video>) -> Self {
        let (condition, _) = watch::channel(Condition::default());
        Self {
            name,
            main: main.clone(),
            alt: None,
            audio: None,
            latency_ns: 0,
            condition,
            sessions: Cell::new(0),
            stale: RefCell::new(None),
        }
    }

    pub fn condition(&self) -> Condition {
        *self.condition.borrow()
    }

    /// Wakes whenever the condition changes.
    pub fn follow(&self) -> watch::Receiver<Condition> {
        self.condition.subscribe()
    }

    pub fn change(&self, fault: Fault) {
        self.condition.send_modify(|condition| *condition = condition.after(fault));
    }

    pub fn sessions(&self) -> u32 {
        self.sessions.get()
    }

    /// The loop a new session is described.
    pub fn video(&self, condition: &Condition) -> &Rc<Video> {
        match &self.alt {
            Some(alt) if condition.alt => alt,
            _ => &self.main,
        }
    }

    /// Leaves a session behind for the next connection.
    pub fn leave(&self, stale: Stale) {
        self.stale.replace(Some(stale));
    }

    /// The session somebody left behind, if its time is not over.
    pub fn inherit(&self, now: CameraNs) -> Option<Stale> {
        self.forget_stale(now);
        self.stale.take()
    }

    fn forget_stale(&self, now: CameraNs) {
        let mut stale = self.stale.borrow_mut();
        let over = stale.as_ref().is_some_and(|stale| stale.until < now);
        let gone = if over { stale.take() } else { None };
        // Its seat is given back once nothing is borrowed.
        drop(stale);
        drop(gone);
    }

    /// A place for one more session, unless the limit is reached.
    pub fn sit(self: &Rc<Self>, now: CameraNs) -> Option<Seat> {
        self.forget_stale(now);
        let taken = self.sessions.get();
        if self.condition().limit.is_some_and(|limit| taken >= limit) {
            return None;
        }
        self.sessions.set(taken + 1);
        Some(Seat(self.clone()))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.sessions.set(self.0.sessions.get().saturating_sub(1));
    }
}

/// Every mount by name.
pub struct Mounts(BTreeMap<String, Rc<Mount>>);

impl Mounts {
    /// `cam0` to `cam(count-1)`, as many of `hd` (4 Mbit/s) and `low` (256 kbit/s), `light0` to `light(light-1)`, and one of
    /// each special kind.
    pub fn new(clips: &Clips, count: u16, light: u16) -> Self {
        let cam = |name: String| Mount { alt: Some(clips.alt.clone()), ..Mount::new(name, &clips.cam) };
        let mut all: Vec<Mount> = (0..count).map(|n| cam(format!("cam{n}"))).collect();
        all.extend((0..count).map(|n| Mount::new(format!("hd{n}"), &clips.hd)));
        all.extend((0..count).map(|n| Mount::new(format!("low{n}"), &clips.low)));
        all.extend((0..light).map(|n| Mount::new(format!("light{n}"), &clips.light)));
        all.push(Mount::new("longgop".to_owned(), &clips.longgop));
        all.push(Mount::new("opengop".to_owned(), &clips.opengop));
        all.push(Mount { audio: Some(clips.aac.clone()), ..cam("aac".to_owned()) });
        all.push(Mount { audio: Some(clips.alaw.clone()), ..cam("alaw".to_owned()) });
        all.push(Mount::new("h265".to_owned(), &clips.h265));
        all.push(Mount { audio: Some(clips.aac.clone()), ..Mount::new("h265aac".to_owned(), &clips.h265) });
        all.push(Mount::new("bframes".to_owned(), &clips.bframes));
        all.push(Mount::new("small".to_owned(), &clips.small));
        all.extend((0..count).map(|n| Mount::new(format!("small{n}"), &clips.small)));
        let spread = |(n, mount): (u64, Mount)| {
            // Steps of the golden ratio fall evenly on the frame interval, whatever the count.
            let latency_ns = n * (FRAME_NS * 618 / 1000) % FRAME_NS;
            (mount.name.clone(), Rc::new(Mount { latency_ns, ..mount }))
        };
        Self((0..).zip(all).map(spread).collect())
    }

    pub fn get(&self, name: &str) -> Option<&Rc<Mount>> {
        self.0.get(name)
    }

    pub fn all(&self) -> impl Iterator<Item = &Rc<Mount>> {
        self.0.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn going_down_also_cuts_those_who_watch() {
        let down = Condition::default().after(Fault::Down);
        assert!(down.down);
        assert_eq!(down.cuts, 1);
        assert_eq!(down.after(Fault::Up), Condition { cuts: 1, ..Condition::default() });
    }

    #[test]
    fn jumps_add_up_and_a_limit_of_none_lifts_it() {
        let jumped = Condition::default().after(Fault::Jump { ms: 5_000 }).after(Fault::Jump { ms: -7_000 });
        assert_eq!(jumped.jump_ms, -2_000);
        let limited = Condition::default().after(Fault::Limit { sessions: 1 });
        assert_eq!(limited.limit, Some(1));
        assert_eq!(limited.after(Fault::Limit { sessions: 0 }).limit, None);
    }
}
