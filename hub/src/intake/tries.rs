//! How often an address may fail at enrolling or renewing, and how many may try at once.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use farwatch_shared::time::{BootNs, Clock};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Failures an address may have at once; one is forgiven every [`FORGIVEN_NS`].
const FAILURES: u32 = 30;
const FORGIVEN_NS: i64 = 2_000_000_000;
/// Tries under way at once: each costs a signature and a commit.
const AT_ONCE: usize = 32;
/// Addresses remembered.
const ADDRESSES: usize = 10_000;

#[derive(Clone)]
pub struct Tries {
    failures: Arc<Mutex<HashMap<IpAddr, (u32, BootNs)>>>,
    at_once: Arc<Semaphore>,
}

impl Default for Tries {
    fn default() -> Self {
        Self { failures: Arc::default(), at_once: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Tries {
    /// A place to try; `None` when the address has failed too often or too many try at once.
    pub fn begin(&self, address: IpAddr, clock: &Clock) -> Option<SemaphorePermit<'_>> {
        let now = clock.boot();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= ADDRESSES {
            failures.retain(|_, (_, last)| now.since(*last) < FORGIVEN_NS * i64::from(FAILURES));
        }
        if let Some((count, last)) = failures.get_mut(&address) {
            let forgiven = u32::try_from(now.since(*last) / FORGIVEN_NS).unwrap_or(u32::MAX);
            if forgiven > 0 {
                *count = count.saturating_sub(forgiven);
                *last = now;
            }
            if *count >= FAILURES {
                return None;
            }
        }
        self.at_once.try_acquire().ok()
    }

    pub fn failed(&self, address: IpAddr, clock: &Clock) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() < ADDRESSES || failures.contains_key(&address) {
            failures.entry(address).or_insert((0, clock.boot())).0 += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::time::{SimClock, WallMs};

    #[test]
    fn an_address_that_guesses_is_shut_out_for_a_while_and_others_are_not() {
        let sim = SimClock::at(WallMs(0));
        let (tries, bad, good) = (Tries::default(), IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..FAILURES {
            assert!(tries.begin(bad, &sim.clock()).is_some());
            tries.failed(bad, &sim.clock());
        }
        assert!(tries.begin(bad, &sim.clock()).is_none());
        assert!(tries.begin(good, &sim.clock()).is_some());
        sim.advance_ms(2_001);
        assert!(tries.begin(bad, &sim.clock()).is_some());
    }
}
