//! Refusals and security events as first and count: a flood becomes one line a minute per kind.
//!
//! Belongs here: the counting ([`Tally`], pure) and its way into the ledger. Does not: deciding what is refused.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::{Clock, WallMs};
use farwatch_shared::wire::latest::SecurityFact;
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::agent::{AgentBody, AgentLedger};

/// At most one fact per kind in this time.
const EVERY_MS: i64 = 60_000;
/// Kinds remembered at a time; there are fewer than this.
const KINDS: usize = 256;

type Kind = (Refusal, &'static str);

#[derive(Debug)]
struct Seen {
    /// When the last fact of this kind was given.
    told_ms: WallMs,
    since: Option<SecurityFact>,
}

/// Counts by kind.
#[derive(Debug, Default)]
pub struct Tally {
    seen: BTreeMap<Kind, Seen>,
}

impl Tally {
    /// Something was refused. The first of its kind gives a fact at once; the next are counted.
    pub fn saw(&mut self, refusal: Refusal, what: &'static str, detail: &str, now: WallMs) -> Option<SecurityFact> {
        let detail: String = detail.chars().take(300).collect();
        let fact = SecurityFact { refusal, what: what.into(), first_ms: now, last_ms: now, count: 1, detail };
        let room = self.seen.len() < KINDS;
        match self.seen.get_mut(&(refusal, what)) {
            Some(seen) => {
                let kept = seen.since.get_or_insert(SecurityFact { count: 0, ..fact });
                kept.count = kept.count.saturating_add(1);
                kept.last_ms = now;
                None
            }
            None if room => {
                self.seen.insert((refusal, what), Seen { told_ms: now, since: None });
                Some(fact)
            }
            None => None,
        }
    }

    /// Facts whose minute is over; kinds that stayed quiet for a minute are forgotten.
    pub fn due(&mut self, now: WallMs) -> Vec<SecurityFact> {
        let mut facts = Vec::new();
        self.seen.retain(|_, seen| {
            // A clock stepped back must not silence anything for long.
            let waited = now.since(seen.told_ms);
            if (0..EVERY_MS).contains(&waited) {
                return true;
            }
            match seen.since.take() {
                Some(fact) => {
                    facts.push(fact);
                    seen.told_ms = now;
                    true
                }
                None => false,
            }
        });
        facts
    }
}

/// The handle others report to. Cheap to clone.
#[derive(Clone)]
pub struct Security {
    tally: Arc<Mutex<Tally>>,
    ledger: AgentLedger,
    clock: Clock,
}

impl Security {
    #[must_use]
    pub fn new(ledger: AgentLedger, clock: Clock) -> Self {
        Self { tally: Arc::default(), ledger, clock }
    }

    /// Something was refused that an honest hub does not send.
    pub async fn saw(&self, refusal: Refusal, what: &'static str, detail: &str) {
        let now = self.clock.wall();
        let fact = self.with(|tally| tally.saw(refusal, what, detail, now));
        self.write(fact).await;
    }

    /// Writes down what was counted, until stopped.
    pub async fn keep(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                () = tokio::time::sleep(Duration::from_secs(5)) => {}
            }
            let now = self.clock.wall();
            let due = self.with(|tally| tally.due(now));
            self.write(due).await;
        }
    }

    fn with<R>(&self, act: impl FnOnce(&mut Tally) -> R) -> R {
        act(&mut self.tally.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn write(&self, facts: impl IntoIterator<Item = SecurityFact>) {
        for fact in facts {
            warn!(refusal = ?fact.refusal, what = %fact.what, count = fact.count, detail = %fact.detail, "refused");
            if let Err(error) = self.ledger.append(AgentBody::Security { fact }).await {
                warn!(%error, "a security event cannot be written down");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // OPS-01
    #[test]
    fn a_hundred_thousand_refusals_in_a_minute_are_two_facts() {
        let mut tally = Tally::default();
        let mut facts = Vec::new();
        for n in 0..100_000i64 {
            let now = WallMs(n * 6 / 10);
            facts.extend(tally.saw(Refusal::BadSignature, "order", "x", now));
            if n % 1_000 == 0 {
                facts.extend(tally.due(now));
            }
        }
        facts.extend(tally.due(WallMs(60_000)));
        assert_eq!(facts.iter().map(|f| f.count).collect::<Vec<_>>(), [1, 99_999]);
        assert!(tally.saw(Refusal::BadSignature, "order", "x", WallMs(60_001)).is_none());
        assert!(tally.saw(Refusal::BadSignature, "desired", "x", WallMs(60_001)).is_some(), "another kind");
    }
}
