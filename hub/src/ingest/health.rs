//! Health on its way to the store: the newest sample of each agent every few seconds, packed stretches every five minutes.
//!
//! A crash loses at most the five minutes not yet packed, never the newest state. Stretches are written staggered, so that
//! ten thousand agents do not all write at once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::AgentId;
use farwatch_shared::time::{Clock, WallMs};
use farwatch_shared::wire::latest::HealthSample;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::store::health::{self, CHUNK_MS, chunk_of};
use crate::store::{self, Db};

const FLUSH: Duration = Duration::from_secs(5);
/// Samples waiting per agent; an agent that sends more per five minutes loses the oldest.
const WAITING: usize = 600;

#[derive(Default)]
struct State {
    newest: BTreeMap<AgentId, Arc<HealthSample>>,
    waiting: BTreeMap<AgentId, Vec<Arc<HealthSample>>>,
}

/// The handle; cheap to clone.
#[derive(Clone, Default)]
pub struct HealthBuffer(Arc<Mutex<State>>);

/// How long after the end of its five minutes an agent's stretch is written: 0 to 60 s, by its id.
fn stagger_ms(agent: AgentId) -> i64 {
    i64::from(Digest::of(agent.to_string().as_bytes()).0[0]) * 60_000 / 256
}

/// Which samples are due to be packed, by chunk; the rest stays.
fn due(waiting: &mut Vec<Arc<HealthSample>>, now: WallMs, stagger: i64) -> BTreeMap<WallMs, Vec<HealthSample>> {
    let mut out: BTreeMap<WallMs, Vec<HealthSample>> = BTreeMap::new();
    waiting.retain(|sample| {
        let chunk = chunk_of(sample.at_ms);
        // A clock that runs ahead must not keep samples here for ever.
        let ended = now.since(chunk) >= CHUNK_MS + stagger || chunk.since(now) > CHUNK_MS;
        if ended {
            out.entry(chunk).or_default().push(HealthSample::clone(sample));
        }
        !ended
    });
    out
}

impl HealthBuffer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn add(&self, agent: AgentId, sample: Arc<HealthSample>) {
        let mut state = self.state();
        state.newest.insert(agent, sample.clone());
        let waiting = state.waiting.entry(agent).or_default();
        waiting.push(sample);
        let extra = waiting.len().saturating_sub(WAITING);
        waiting.drain(..extra);
    }

    /// Writes until stopped; everything at the end.
    pub async fn run(self, db: Db, clock: Clock, stop: CancellationToken) {
        let mut tick = tokio::time::interval(FLUSH);
        loop {
            let last = tokio::select! {
                biased;
                () = stop.cancelled() => true,
                _ = tick.tick() => false,
            };
            if let Err(e) = self.flush(&db, clock.wall(), last).await {
                warn!(error = %e, "health could not be written");
            }
            if last {
                return;
            }
        }
    }

    async fn flush(&self, db: &Db, now: WallMs, last: bool) -> store::Result<()> {
        let (newest, chunks) = {
            let mut state = self.state();
            let newest = std::mem::take(&mut state.newest);
            let mut chunks = Vec::new();
            for (agent, waiting) in &mut state.waiting {
                let until = if last { WallMs(i64::MAX / 2) } else { now };
                chunks.extend(due(waiting, until, stagger_ms(*agent)).into_iter().map(|(at, s)| (*agent, at, s)));
            }
            state.waiting.retain(|_, waiting| !waiting.is_empty());
            (newest, chunks)
        };
        if newest.is_empty() && chunks.is_empty() {
            return Ok(());
        }
        db.write(move |c| {
            Box::pin(async move {
                for (agent, sample) in newest {
                    health::put_latest(c, agent, &sample, now).await?;
                    store::agents::seen(c, agent, now).await?;
                }
                for (agent, chunk, samples) in chunks {
                    health::add(c, agent, chunk, samples).await?;
                }
                Ok(())
            })
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(at: i64) -> Arc<HealthSample> {
        let json = include_str!("../../../shared/src/wire/golden/v1/health.json");
        let mut sample: HealthSample = serde_json::from_str(json).unwrap();
        sample.at_ms = WallMs(at);
        Arc::new(sample)
    }

    #[tokio::test]
    async fn samples_are_packed_once_their_five_minutes_are_over() {
        let (db, _dir) = store::testing::db().await;
        let buffer = HealthBuffer::default();
        let agent = AgentId::generate();
        let start = 1_795_510_800_000 / CHUNK_MS * CHUNK_MS;
        for n in 0..15 {
            buffer.add(agent, sample(start + n * 30_000));
        }
        buffer.flush(&db, WallMs(start + 400_000), false).await.unwrap();
        let read = |from, to| {
            let db = db.clone();
            async move { health::between(&mut db.read().await.unwrap(), agent, WallMs(from), WallMs(to)).await.unwrap() }
        };
        assert_eq!(read(0, i64::MAX).await.len(), 10);
        // The rest at an orderly stop, and a late one joins the chunk that is there.
        buffer.add(agent, sample(start + 1_000));
        buffer.flush(&db, WallMs(start + 400_001), true).await.unwrap();
        let all = read(0, i64::MAX).await;
        assert_eq!(all.len(), 16);
        assert!(all.windows(2).all(|pair| pair[0].at_ms < pair[1].at_ms));
        assert_eq!(read(start + 30_000, start + 60_000).await.len(), 1);
    }
}
