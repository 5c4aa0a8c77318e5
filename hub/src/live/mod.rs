//! Fan-out to browsers: a snapshot, then what changes.
//!
//! Belongs here: turning changes of the fleet's picture into numbered events, once for all listeners; keeping the last
//! ones for browsers that come back. Does not: HTTP (`api::events`), what a shape looks like (`api::shape`).
//!
//! A change names what changed; up to four times a second the changed things are rendered and become events. A thing that
//! changed ten times meanwhile is one event. The last 4,096 events are kept; a browser that comes back with the id of one
//! of them goes on from there, any other takes a new snapshot. So does a reader that falls 1,024 events behind.
//!
//! ids: `<8 hex digits of this hub's start>-<number>`, so that numbers of another start are not mistaken for ours.

mod feed;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::broadcast;

pub use feed::feed;

/// Events kept for browsers that come back.
const KEPT: usize = 4096;
/// Events one reader may be behind.
const BEHIND: usize = 1024;

/// One event, rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub number: u64,
    /// `site`, `agent`, `camera`, `pull`; or `fleet`: everything may have changed, take a new snapshot.
    pub name: &'static str,
    /// JSON on one line.
    pub data: Arc<str>,
}

/// The handle.
#[derive(Clone)]
pub struct Live {
    epoch: u32,
    kept: Arc<Mutex<Kept>>,
    events: broadcast::Sender<Event>,
}

struct Kept {
    newest: u64,
    events: VecDeque<Event>,
}

/// How a reader begins.
#[derive(Debug, PartialEq, Eq)]
pub enum Begin {
    /// With a snapshot that is as of this number (or later).
    Snapshot { as_of: u64 },
    /// With the events missed.
    GoOn(Vec<Event>),
}

impl Live {
    /// `epoch` tells this start of the hub from every other.
    #[must_use]
    pub fn new(epoch: u32) -> Self {
        let kept = Kept { newest: 0, events: VecDeque::new() };
        Self { epoch, kept: Arc::new(Mutex::new(kept)), events: broadcast::channel(BEHIND).0 }
    }

    /// The id of an event, as a browser gives it back.
    #[must_use]
    pub fn id(&self, number: u64) -> String {
        format!("{:08x}-{number}", self.epoch)
    }

    /// Hands out an event. Nobody listening is fine.
    pub(crate) fn publish(&self, name: &'static str, data: Arc<str>) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.newest += 1;
        let event = Event { number: kept.newest, name, data };
        if kept.events.len() == KEPT {
            kept.events.pop_front();
        }
        kept.events.push_back(event.clone());
        // Sent under the lock: a reader that begins meanwhile neither misses it nor sees it twice.
        let _ = self.events.send(event);
    }

    /// Listens from now on; says what to begin with for a reader whose last id was `last`.
    #[must_use]
    pub fn listen(&self, last: Option<&str>) -> (Begin, broadcast::Receiver<Event>) {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let receiver = self.events.subscribe();
        let missed = last.and_then(|id| self.number_of(id)).and_then(|number| kept.after(number));
        (missed.map_or(Begin::Snapshot { as_of: kept.newest }, Begin::GoOn), receiver)
    }

    fn number_of(&self, id: &str) -> Option<u64> {
        let (epoch, number) = id.split_once('-')?;
        (u32::from_str_radix(epoch, 16).ok()? == self.epoch).then(|| number.parse().ok())?
    }
}

impl Kept {
    /// Events after a number; `None` when some of them are no longer kept, or the number is not of ours, or one of them
    /// asks for a new snapshot anyway.
    fn after(&self, number: u64) -> Option<Vec<Event>> {
        let oldest = self.newest + 1 - self.events.len() as u64;
        if number > self.newest || number + 1 < oldest {
            return None;
        }
        let missed: Vec<Event> = self.events.iter().filter(|e| e.number > number).cloned().collect();
        missed.iter().all(|e| e.name != "fleet").then_some(missed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn say(live: &Live, n: u64) {
        live.publish("agent", n.to_string().into());
    }

    #[test]
    fn a_browser_that_comes_back_gets_exactly_what_it_missed() {
        let live = Live::new(7);
        (1..=5).for_each(|n| say(&live, n));
        let (begin, mut receiver) = live.listen(Some("00000007-3"));
        say(&live, 6);
        let Begin::GoOn(missed) = begin else { panic!("a snapshot, though nothing was lost") };
        assert_eq!(missed.iter().map(|e| e.number).collect::<Vec<_>>(), [4, 5]);
        assert_eq!(receiver.try_recv().unwrap().number, 6);
    }

    #[test]
    fn too_old_an_id_or_one_of_another_start_takes_a_snapshot() {
        let live = Live::new(7);
        assert_eq!(live.listen(None).0, Begin::Snapshot { as_of: 0 });
        assert_eq!(live.listen(Some("00000007-0")).0, Begin::GoOn(Vec::new()));
        let many = KEPT as u64 + 10;
        (1..=many).for_each(|n| say(&live, n));
        for last in ["00000008-4100", "00000007-9", "00000007-99999", "7", "x-y", ""] {
            assert_eq!(live.listen(Some(last)).0, Begin::Snapshot { as_of: many }, "{last}");
        }
        assert!(matches!(live.listen(Some("00000007-10")).0, Begin::GoOn(missed) if missed.len() == KEPT));
    }
}
