//! What each outbox is told: the highest number committed without a break, per epoch and class.
//!
//! Said after the commit, at most every 20 ms per agent, so that a burst of batches gets one answer. Lost with the process;
//! a new session is told everything again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use farwatch_shared::id::{AgentId, OutboxEpoch};
use farwatch_shared::topic::Down;
use serde::Serialize;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::broker::{Bus, Outgoing};

const COALESCE: Duration = Duration::from_millis(20);

type Through = BTreeMap<String, u64>;

/// `dn/received`, with classes as text: also those this version does not know.
#[derive(Serialize)]
struct Said<'a> {
    epoch: OutboxEpoch,
    through: &'a Through,
}

#[derive(Default)]
struct Waiting {
    marks: Mutex<BTreeMap<AgentId, BTreeMap<OutboxEpoch, Through>>>,
    wake: Notify,
}

/// The handle; cheap to clone. Holds one small map per agent that has something to hear.
#[derive(Clone, Default)]
pub struct Marks(Arc<Waiting>);

impl Marks {
    fn marks(&self) -> MutexGuard<'_, BTreeMap<AgentId, BTreeMap<OutboxEpoch, Through>>> {
        self.0.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Something was committed.
    pub fn say(&self, agent: AgentId, epoch: OutboxEpoch, class: &str, through: u64) {
        let mut marks = self.marks();
        let mark = marks.entry(agent).or_default().entry(epoch).or_default().entry(class.to_owned()).or_default();
        *mark = through.max(*mark);
        drop(marks);
        self.0.wake.notify_one();
    }

    /// A new session: everything.
    pub fn say_again(&self, agent: AgentId, marks: BTreeMap<OutboxEpoch, Through>) {
        for (epoch, through) in marks {
            for (class, number) in through {
                self.say(agent, epoch, &class, number);
            }
        }
    }

    /// Publishes until stopped.
    pub async fn run(self, bus: Arc<dyn Bus>, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.0.wake.notified() => {}
            }
            let waiting = std::mem::take(&mut *self.marks());
            for (agent, epochs) in waiting {
                for (epoch, through) in &epochs {
                    let body = serde_json::to_vec(&Said { epoch: *epoch, through }).unwrap_or_default();
                    let message = Outgoing { agent, topic: Down::Received, body: Bytes::from(body), expires_s: 300 };
                    if let Err(e) = bus.publish(message).await {
                        warn!(%agent, error = %e, "what was received could not be said; a new session hears it again");
                    }
                }
            }
            tokio::time::sleep(COALESCE).await;
        }
    }
}
