//! The thread that reads: of the lowest priority the system has, so that recording and everything else come first.
//!
//! The kernel derives a thread's place in the queue of the disk from its niceness where the disk has a queue that knows
//! places; where it has none, the pace alone keeps the disk free.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::SegmentId;
use farwatch_shared::time::Clock;
use tokio::sync::oneshot;

use super::check::{Finding, check, next_says};
use crate::catalog::Entry;
use crate::vault::Vault;

/// The lowest priority.
const NICE: i32 = 19;

enum Request {
    Check(Entry, oneshot::Sender<(Finding, Duration)>),
    NextSays(SegmentId, oneshot::Sender<Option<Digest>>),
}

/// The handle. The thread ends with the last one.
pub struct Reader {
    requests: SyncSender<Request>,
}

impl Reader {
    /// # Errors
    /// When the system gives no thread.
    pub fn start(vault: Vault, clock: Clock) -> std::io::Result<Self> {
        let (requests, queue) = sync_channel(1);
        std::thread::Builder::new().name("scrub".into()).stack_size(256 << 10).spawn(move || {
            // Of this thread alone. Refused means ordinary priority, and the pace still holds.
            let _ = rustix::process::nice(NICE);
            read(&vault, &clock, &queue);
        })?;
        Ok(Self { requests })
    }

    /// Looks at one segment; says how long that took. `None` when the thread is gone.
    pub async fn check(&self, entry: Entry) -> Option<(Finding, Duration)> {
        self.ask(|answer| Request::Check(entry, answer)).await
    }

    /// What the segment after this one says of it.
    pub async fn next_says(&self, segment: SegmentId) -> Option<Digest> {
        self.ask(|answer| Request::NextSays(segment, answer)).await.flatten()
    }

    async fn ask<A>(&self, make: impl FnOnce(oneshot::Sender<A>) -> Request) -> Option<A> {
        let (answer, got) = oneshot::channel();
        // There is one asker, which waits for each answer: the queue is never full.
        self.requests.try_send(make(answer)).ok()?;
        got.await.ok()
    }
}

fn read(vault: &Vault, clock: &Clock, requests: &Receiver<Request>) {
    while let Ok(request) = requests.recv() {
        match request {
            Request::Check(entry, answer) => {
                let began = clock.boot();
                let finding = check(vault, &entry);
                let took = u64::try_from(clock.boot().since(began)).unwrap_or(0);
                let _ = answer.send((finding, Duration::from_nanos(took)));
            }
            Request::NextSays(segment, answer) => {
                let _ = answer.send(next_says(vault, &segment));
            }
        }
    }
}
