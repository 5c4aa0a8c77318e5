//! The worker's way out: a queue bounded in bytes and one thread that writes it to standard output.
//!
//! When the parent is slow a camera's units are dropped and counted (`offer`), since a camera is never made to wait;
//! a conversion waits (`send`), since its input can.

use std::collections::VecDeque;
use std::io::{BufWriter, Write as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::media::protocol::{Frame, Kind};

/// Depth of the queue, in payload bytes: ten seconds of a large camera.
const LIMIT: usize = 12 << 20;
const TRACKS: usize = 2;

/// Handle for those who have frames. Cheap to clone.
#[derive(Clone)]
pub(super) struct Out(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    writer: Mutex<Option<JoinHandle<()>>>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Frame>,
    bytes: usize,
    /// Units dropped per track since the last one that got in.
    dropped: [u32; TRACKS],
    closed: bool,
}

impl Out {
    pub(super) fn start() -> Self {
        let out = Self(Arc::new(Shared {
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
            writer: Mutex::new(None),
        }));
        let writing = out.clone();
        let handle = std::thread::spawn(move || writing.write_all());
        *out.0.writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
        out
    }

    /// Queues a frame, or drops it when the queue is full; the next of its track then says how many were lost.
    pub(super) fn offer(&self, mut frame: Frame) {
        let mut state = self.state();
        let track = usize::from(frame.track).min(TRACKS - 1);
        if frame.kind == Kind::Unit {
            if state.bytes + frame.payload.len() > LIMIT {
                state.dropped[track] += 1 + frame.lost;
                return;
            }
            frame.lost += std::mem::take(&mut state.dropped[track]);
        }
        self.put(state, frame);
    }

    /// Queues a frame, waiting for room.
    pub(super) fn send(&self, frame: Frame) {
        let full = |s: &mut State| s.bytes > 0 && s.bytes + frame.payload.len() > LIMIT;
        let state = self.0.changed.wait_while(self.state(), full).unwrap_or_else(PoisonError::into_inner);
        self.put(state, frame);
    }

    /// Queues the last frame and waits until everything is written.
    pub(super) fn finish(&self, last: Frame) {
        let mut state = self.state();
        state.closed = true;
        self.put(state, last);
        let writer = self.0.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            eprintln!("the media worker's writer broke");
        }
    }

    fn put(&self, mut state: MutexGuard<'_, State>, frame: Frame) {
        state.bytes += frame.payload.len();
        state.queue.push_back(frame);
        drop(state);
        self.0.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self) {
        let mut stdout = BufWriter::new(std::io::stdout().lock());
        loop {
            let mut state = self.state();
            while state.queue.is_empty() {
                if state.closed {
                    return;
                }
                state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let Some(frame) = state.queue.pop_front() else { continue };
            state.bytes -= frame.payload.len();
            let more = !state.queue.is_empty();
            drop(state);
            self.0.changed.notify_all();
            let written = frame
                .write_to(&mut stdout)
                .map_err(|_| ())
                .and_then(|()| if more { Ok(()) } else { stdout.flush().map_err(|_| ()) });
            if written.is_err() {
                // The parent is gone.
                super::die();
            }
        }
    }
}
