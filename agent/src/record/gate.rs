//! Whether footage may be written at all: not to a disk that is full to its last line, nor to the disk below one that is not
//! mounted.
//!
//! Belongs here: the word of the guard, as the writer hears it. Does not: measuring (`recorder::guard`).

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Shared by the guard, which shuts and opens it, and the writer. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Gate(Arc<(Mutex<State>, Condvar)>);

#[derive(Debug, Default)]
struct State {
    shut: Option<String>,
    ended: bool,
}

impl Gate {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Nothing may be written, and why; says whether it was open before.
    pub fn shut(&self, why: &str) -> bool {
        let mut state = self.lock();
        let was_open = state.shut.is_none();
        if was_open {
            state.shut = Some(why.to_owned());
        }
        was_open
    }

    /// Footage may be written; says whether it was shut before.
    pub fn open(&self) -> bool {
        let was_shut = self.lock().shut.take().is_some();
        self.0.1.notify_all();
        was_shut
    }

    /// Why nothing may be written.
    #[must_use]
    pub fn why_shut(&self) -> Option<String> {
        self.lock().shut.clone()
    }

    /// Waits until something may be written or [`Self::end`] is called.
    pub fn wait(&self) {
        let mut state = self.lock();
        while state.shut.is_some() && !state.ended {
            state = self.0.1.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Nobody waits any more: the recorder stops.
    pub fn end(&self) {
        self.lock().ended = true;
        self.0.1.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_waits_at_a_shut_gate_goes_on_when_it_opens_or_all_ends() {
        for is_end in [false, true] {
            let gate = Gate::default();
            assert!(gate.shut("the disk is full"));
            assert!(!gate.shut("told again"));
            assert_eq!(gate.why_shut().as_deref(), Some("the disk is full"));
            let waiting = std::thread::spawn({
                let gate = gate.clone();
                move || gate.wait()
            });
            if is_end {
                gate.end();
            } else {
                assert!(gate.open());
            }
            waiting.join().unwrap();
        }
    }
}
