//! How often a name or an address may try to sign in.
//!
//! Belongs here: counting, back-off, forgetting; pure, `now` is an argument. Does not: what a try is.
//!
//! Five tries are free, then each further one waits twice as long as the last, at most 15 minutes. An hour without a try
//! forgets. The table holds 10,000 keys; when full, the one that may try soonest makes room, so a flood of names cannot
//! push out the name under attack.

use std::collections::HashMap;
use std::net::IpAddr;

use farwatch_shared::digest::Digest;
use farwatch_shared::time::WallMs;

/// Tries before waiting begins.
const FREE: u32 = 5;
const FIRST_WAIT_MS: i64 = 1_000;
const LONGEST_WAIT_MS: i64 = 15 * 60_000;
const FORGET_MS: i64 = 60 * 60_000;
const MOST_KEYS: usize = 10_000;

/// Whose tries are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Tryer {
    /// A name, hashed: what was typed there is often a password.
    Name(Digest),
    /// An address; of IPv6 the /64 a subscriber gets.
    Address(IpAddr),
}

impl Tryer {
    #[must_use]
    pub fn name(name: &str) -> Self {
        Self::Name(Digest::of(name.trim().to_lowercase().as_bytes()))
    }

    #[must_use]
    pub fn address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
            v4 => v4,
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Tries {
    failed: u32,
    last_ms: WallMs,
    free_at_ms: WallMs,
}

/// The count of failed tries.
#[derive(Debug, Default)]
pub struct Limit {
    tries: HashMap<Tryer, Tries>,
}

impl Limit {
    /// Counts a try about to be made, as failed until [`Self::succeeded`] says otherwise: tries made at the same moment
    /// must not all be judged by the count before them.
    ///
    /// # Errors
    /// The seconds to wait; then nothing was counted and nothing must be tried.
    pub fn try_now(&mut self, tryers: &[Tryer], now: WallMs) -> Result<(), u32> {
        let wait_ms =
            tryers.iter().filter_map(|t| self.tries.get(t)).map(|t| t.free_at_ms.since(now)).max().unwrap_or(0);
        if wait_ms > 0 {
            return Err(u32::try_from(wait_ms.min(LONGEST_WAIT_MS) / 1000 + 1).unwrap_or(u32::MAX));
        }
        for tryer in tryers {
            self.make_room(now);
            let tries = self.tries.entry(tryer.clone()).or_insert(Tries { failed: 0, last_ms: now, free_at_ms: now });
            if now.since(tries.last_ms) > FORGET_MS {
                tries.failed = 0;
            }
            tries.failed = tries.failed.saturating_add(1);
            tries.last_ms = now;
            tries.free_at_ms = now.plus_ms(wait_after(tries.failed));
        }
        Ok(())
    }

    /// The try was a good one.
    pub fn succeeded(&mut self, tryers: &[Tryer]) {
        for tryer in tryers {
            self.tries.remove(tryer);
        }
    }

    fn make_room(&mut self, now: WallMs) {
        if self.tries.len() < MOST_KEYS {
            return;
        }
        self.tries.retain(|_, t| now.since(t.last_ms) <= FORGET_MS);
        if self.tries.len() >= MOST_KEYS
            && let Some(soonest) =
                self.tries.iter().min_by_key(|(_, t)| (t.free_at_ms, t.last_ms)).map(|(k, _)| k.clone())
        {
            self.tries.remove(&soonest);
        }
    }
}

fn wait_after(failed: u32) -> i64 {
    match failed.checked_sub(FREE) {
        None => 0,
        Some(over) => FIRST_WAIT_MS.saturating_mul(1 << over.min(30)).min(LONGEST_WAIT_MS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallMs = WallMs(1_000_000_000);

    #[test]
    fn guessing_gets_slower_and_slower() {
        let mut limit = Limit::default();
        let who = [Tryer::name("Ada")];
        let mut now = NOW;
        for _ in 0..FREE {
            assert_eq!(limit.try_now(&who, now), Ok(()));
        }
        let mut tries_in_a_day = FREE;
        while now < NOW.plus_ms(24 * 3_600_000) {
            match limit.try_now(&who, now) {
                Ok(()) => tries_in_a_day += 1,
                Err(wait) => now = now.plus_ms(i64::from(wait) * 1000),
            }
        }
        assert!(tries_in_a_day < 120, "{tries_in_a_day} guesses in a day");
        assert_eq!(limit.try_now(&who, now), Ok(()));
        assert!(limit.try_now(&[Tryer::name(" aDA ")], now).is_err(), "one name however it is typed");
    }

    #[test]
    fn an_address_is_slowed_whatever_names_it_tries() {
        let mut limit = Limit::default();
        let address = Tryer::address("2001:db8::1".parse().unwrap());
        for n in 0..FREE {
            assert_eq!(limit.try_now(&[Tryer::name(&n.to_string()), address.clone()], NOW), Ok(()));
        }
        let neighbour = Tryer::address("2001:db8::2".parse().unwrap());
        assert_eq!(limit.try_now(&[Tryer::name("x"), neighbour.clone()], NOW), Err(2));
        assert_eq!(limit.try_now(&[Tryer::name("x")], NOW), Ok(()), "a refused try is not counted against the name");
        limit.succeeded(&[neighbour]);
        assert_eq!(limit.try_now(&[address], NOW), Ok(()));
    }

    #[test]
    fn a_flood_of_names_does_not_free_the_one_under_attack() {
        let mut limit = Limit::default();
        let victim = [Tryer::name("ada")];
        for _ in 0..FREE {
            assert_eq!(limit.try_now(&victim, NOW), Ok(()));
        }
        for n in 0..MOST_KEYS + 300 {
            assert_eq!(limit.try_now(&[Tryer::name(&n.to_string())], NOW), Ok(()));
        }
        assert!(limit.try_now(&victim, NOW).is_err());
        assert!(limit.tries.len() <= MOST_KEYS);
    }
}
