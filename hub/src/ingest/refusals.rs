//! Refusals as first and count, and how much one agent may send.
//!
//! A hundred thousand refusals in a minute are a hundred thousand additions to one number in memory; a row and a journal
//! entry are written for the first of a kind in an hour, and an entry with the count when it has gone quiet.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farwatch_shared::id::AgentId;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::{BootNs, Clock, DAY_MS, WallMs};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::audit::{self, Actor, Entry};
use crate::store::quarantine::{self, RefusalRow};
use crate::store::{self, Db};

/// Facts one agent may have stored in a day: a hundred times what a busy one sends.
pub const FACTS_PER_DAY: u64 = 200_000;
const HOUR_MS: i64 = 3_600_000;
/// Gone quiet: the count is journaled.
const QUIET_MS: i64 = 60_000;
const FLUSH: Duration = Duration::from_secs(2);
/// Messages one agent may send per second over some time, and at once.
const RATE: i64 = 200;
const BURST: i64 = 2000;
/// Most an agent's own acknowledgement is held back to slow it down.
const LONGEST_PACE: Duration = Duration::from_secs(1);
/// Kinds of refusal kept in memory; there are far fewer agents times kinds than this.
const KINDS: usize = 200_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    agent: AgentId,
    what: &'static str,
    refusal: Refusal,
}

#[derive(Debug, Clone)]
struct Count {
    first_ms: WallMs,
    last_ms: WallMs,
    /// Not yet written.
    waiting: u64,
    /// Since the last closing entry.
    total: u64,
    detail: String,
}

#[derive(Default)]
struct State {
    counts: BTreeMap<Key, Count>,
    paces: BTreeMap<AgentId, Pace>,
    stored: BTreeMap<AgentId, (i64, u64)>,
}

#[derive(Clone, Copy)]
struct Pace {
    /// In thousandths of a message.
    left: i64,
    at: BootNs,
}

/// The handle; cheap to clone.
#[derive(Clone, Default)]
pub struct Refusals(Arc<Mutex<State>>);

impl Refusals {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a refusal. Cheap.
    pub fn count(&self, agent: AgentId, what: &'static str, refusal: Refusal, detail: &str, clock: &Clock) {
        let now = clock.wall();
        let mut state = self.state();
        let key = Key { agent, what, refusal };
        if state.counts.len() >= KINDS && !state.counts.contains_key(&key) {
            return;
        }
        let count = state.counts.entry(key).or_insert_with(|| Count {
            first_ms: now,
            last_ms: now,
            waiting: 0,
            total: 0,
            detail: detail.chars().filter(|c| !c.is_control()).take(200).collect(),
        });
        count.last_ms = now;
        count.waiting += 1;
        count.total += 1;
    }

    /// Waits as long as the agent has sent too fast: its own session slows down, nobody else's.
    pub async fn pace(&self, agent: AgentId, clock: &Clock) {
        let wait = self.hold_back(agent, clock.boot());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
    }

    fn hold_back(&self, agent: AgentId, now: BootNs) -> Duration {
        let mut state = self.state();
        let pace = state.paces.entry(agent).or_insert(Pace { left: BURST * 1000, at: now });
        let earned = now.since(pace.at).saturating_mul(RATE) / 1_000_000;
        pace.left = pace.left.saturating_add(earned).min(BURST * 1000) - 1000;
        pace.at = now;
        let missing_ms = (-pace.left).max(0) / RATE;
        pace.left = pace.left.max(-RATE * 1000);
        Duration::from_millis(u64::try_from(missing_ms).unwrap_or(0)).min(LONGEST_PACE)
    }

    /// Whether so many facts more may be stored today.
    pub fn may_store(&self, agent: AgentId, facts: usize, now: WallMs) -> bool {
        let today = now.0.div_euclid(DAY_MS);
        let mut state = self.state();
        let (day, count) = state.stored.entry(agent).or_insert((today, 0));
        if *day != today {
            (*day, *count) = (today, 0);
        }
        *count += facts as u64;
        *count <= FACTS_PER_DAY
    }

    /// Writes counts every two seconds until stopped, and once more then.
    pub async fn run(self, db: Db, clock: Clock, stop: CancellationToken) {
        let mut tick = tokio::time::interval(FLUSH);
        loop {
            let last = tokio::select! {
                biased;
                () = stop.cancelled() => true,
                _ = tick.tick() => false,
            };
            if let Err(e) = self.flush(&db, clock.wall(), last).await {
                warn!(error = %e, "refusals could not be written");
            }
            if last {
                return;
            }
        }
    }

    async fn flush(&self, db: &Db, now: WallMs, last: bool) -> store::Result<()> {
        let mut rows = Vec::new();
        let mut closed = Vec::new();
        self.state().counts.retain(|key, count| {
            if count.waiting > 0 {
                rows.push(RefusalRow {
                    agent: key.agent,
                    what: key.what.to_owned(),
                    refusal: key.refusal.code(),
                    hour_ms: WallMs(now.0.div_euclid(HOUR_MS) * HOUR_MS),
                    first_ms: count.first_ms,
                    last_ms: count.last_ms,
                    count: count.waiting,
                    detail: count.detail.clone(),
                });
                count.waiting = 0;
            }
            let quiet = last || now.since(count.last_ms) > QUIET_MS;
            if quiet && count.total > 1 {
                closed.push((key.clone(), count.clone()));
            }
            !quiet
        });
        if rows.is_empty() && closed.is_empty() {
            return Ok(());
        }
        db.write(move |c| {
            Box::pin(async move {
                for row in &rows {
                    if quarantine::count_refusal(c, row).await? {
                        let entry = Entry::refused(row.first_ms, Actor::Agent(row.agent), "agent.try", row.agent)
                            .with("what", row.what.as_str())
                            .with("refusal", row.refusal.as_str())
                            .with("detail", row.detail.as_str());
                        audit::append(c, &entry).await?;
                    }
                }
                for (key, count) in &closed {
                    let entry = Entry::refused(now, Actor::Agent(key.agent), "agent.tries", key.agent)
                        .with("what", key.what)
                        .with("refusal", key.refusal.code())
                        .with("first_ms", count.first_ms)
                        .with("last_ms", count.last_ms)
                        .with("count", count.total);
                    audit::append(c, &entry).await?;
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
    use crate::store::{journal, testing};
    use farwatch_shared::time::SimClock;

    // SEC-05
    #[tokio::test]
    async fn a_hundred_thousand_refusals_are_two_journal_entries() {
        let (db, _dir) = testing::db().await;
        let sim = SimClock::at(WallMs(1_795_510_800_000));
        let refusals = Refusals::default();
        let agent = AgentId::generate();
        for _ in 0..10 {
            for _ in 0..10_000 {
                refusals.count(agent, "publish", Refusal::NotYours, "fw/1/other", &sim.clock());
            }
            refusals.flush(&db, sim.clock().wall(), false).await.unwrap();
        }
        sim.advance_ms(QUIET_MS + 1);
        refusals.flush(&db, sim.clock().wall(), false).await.unwrap();
        let mut c = db.read().await.unwrap();
        assert_eq!(quarantine::refusals(&mut c, agent).await.unwrap()[0].count, 100_000);
        let pending = journal::pending(&mut c, 10).await.unwrap();
        assert_eq!(pending.len(), 2);
        assert!(String::from_utf8_lossy(&pending[1].leaf).contains("\"count\":100000"));
    }

    #[test]
    fn who_sends_too_fast_is_held_back_and_nobody_else() {
        let refusals = Refusals::default();
        let (fast, slow) = (AgentId::generate(), AgentId::generate());
        for _ in 0..BURST {
            assert!(refusals.hold_back(fast, BootNs(0)).is_zero());
        }
        assert!(refusals.hold_back(fast, BootNs(0)) >= Duration::from_millis(5));
        assert!(refusals.hold_back(slow, BootNs(0)).is_zero());
        assert!(refusals.hold_back(fast, BootNs(1_000_000_000)).is_zero(), "a second later it has earned some again");
    }
}
