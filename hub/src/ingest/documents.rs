//! Documents an agent signed about its own footage: believed or not.
//!
//! Belongs here: checking the signature against the key the agent enrolled with, the figures against each other, the number
//! and digest against the chain before; all pure. Does not: keeping what is believed, or what is not ([`super::keep`]).
//!
//! A chain: documents of a kind count from 1, and each names the digest of the one before. The same number with other
//! content, or a document that names another one before it, is a fork: the box, or whoever has its key, tells two stories.

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::{Checkpoint, CoverageStatement, DeletionCertificate, MAX_HEADS, MAX_RANGES};
use farwatch_shared::id::AgentId;
use farwatch_shared::keys::VerifyKey;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::{Document, Signed, Verified};
use farwatch_shared::time::Span;

use crate::policy::days;
use crate::store::coverage::Link;

/// Figures may differ by so much: stretches are cut to whole milliseconds.
const ROUNDING_MS: u64 = 1_000;
/// Time is measured on the boot clock: where the wall clock was stepped back, a day is lived more than once.
const MOST_TIMES: u64 = 4;

/// Why a document is not believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Disbelief {
    pub refusal: Refusal,
    pub detail: String,
}

fn disbelief(refusal: Refusal, detail: impl Into<String>) -> Disbelief {
    Disbelief { refusal, detail: detail.into() }
}

/// What a kind of document has in common with the others.
pub(super) trait Numbered: Document {
    fn agent(&self) -> AgentId;
    fn number(&self) -> u64;
    fn previous(&self) -> Digest;
    /// Whether its figures contradict each other.
    fn figures(&self) -> Result<(), String>;
}

/// Believes a document of this agent, by its signature and by itself.
///
/// # Errors
/// Says which of the rules was broken.
pub(super) fn believed<T: Numbered>(
    signed: &Signed<T>,
    key: &VerifyKey,
    agent: AgentId,
) -> Result<Verified<T>, Disbelief> {
    let verified = signed.verify(key).map_err(|e| disbelief(Refusal::BadSignature, e.to_string()))?;
    if verified.agent() != agent {
        return Err(disbelief(Refusal::WrongAddressee, format!("it is of agent {}", verified.agent())));
    }
    if !(1..1 << 53).contains(&verified.number()) {
        return Err(disbelief(Refusal::Malformed, format!("number {} is none", verified.number())));
    }
    verified.figures().map_err(|detail| disbelief(Refusal::Malformed, detail))?;
    Ok(verified)
}

/// Where a document stands in its agent's chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It is known, word for word.
    Known,
    /// It goes on where the one before ended.
    Next,
    /// It fits, but so many before it are not known.
    AfterHole(u64),
}

/// Finds the place among its neighbours: the nearest known before it, itself, the nearest after it.
///
/// # Errors
/// [`Refusal::BrokenChain`] when the story is told in two ways.
pub(super) fn place(around: &[Link], it: Link) -> Result<Place, Disbelief> {
    let fork = |detail: String| disbelief(Refusal::BrokenChain, detail);
    let number = it.number;
    if let Some(same) = around.iter().find(|link| link.number == number) {
        return if same.digest == it.digest {
            Ok(Place::Known)
        } else {
            Err(fork(format!("number {number} came before with other content ({}, now {})", same.digest, it.digest)))
        };
    }
    let before = around.iter().rev().find(|link| link.number < number);
    let after = around.iter().find(|link| link.number > number);
    if let Some(next) = after.filter(|next| next.number == number + 1 && next.previous != it.digest) {
        return Err(fork(format!("number {} names {} before it, this is {}", next.number, next.previous, it.digest)));
    }
    match before {
        None if number == 1 && it.previous != Digest::ZERO => {
            Err(fork(format!("the first names {} before it", it.previous)))
        }
        None => Ok(if number == 1 { Place::Next } else { Place::AfterHole(number - 1) }),
        Some(last) if last.number + 1 == number && it.previous != last.digest => Err(fork(format!(
            "number {number} names {} before it, number {} is {}",
            it.previous, last.number, last.digest
        ))),
        Some(last) if last.number + 1 == number => Ok(Place::Next),
        Some(last) => Ok(Place::AfterHole(number - last.number - 1)),
    }
}

impl Numbered for CoverageStatement {
    fn agent(&self) -> AgentId {
        self.agent
    }
    fn number(&self) -> u64 {
        self.number
    }
    fn previous(&self) -> Digest {
        self.previous
    }

    fn figures(&self) -> Result<(), String> {
        let zone = jiff::tz::TimeZone::get(&self.time_zone)
            .map_err(|_| format!("{:?} is no time zone", clipped(&self.time_zone)))?;
        let day = self.day.parse().map_err(|_| format!("{:?} is no day", clipped(&self.day)))?;
        let span = days::span_of(day, &zone).filter(|_| day.to_string() == self.day);
        // A day may be stated from where the statement before ended, when the site's zone changed.
        let within = |span: Span| self.end_ms == span.end_ms && span.contains(self.start_ms);
        if !span.is_some_and(within) {
            return Err(format!("{} in {} is not from {} to {}", self.day, self.time_zone, self.start_ms, self.end_ms));
        }
        let length = u64::try_from(self.end_ms.since(self.start_ms)).unwrap_or(0);
        let missing = self.gaps.iter().map(|gap| gap.ms).fold(0, u64::saturating_add);
        let sum = self.recorded_ms.saturating_add(self.damaged_ms).saturating_add(missing);
        if sum.abs_diff(self.expected_ms) > ROUNDING_MS {
            return Err(format!(
                "recorded {} ms, damaged {} ms and missing {missing} ms are not the expected {} ms",
                self.recorded_ms, self.damaged_ms, self.expected_ms
            ));
        }
        if self.expected_ms > length.saturating_mul(MOST_TIMES) {
            return Err(format!("{} ms are expected of a day of {length} ms", self.expected_ms));
        }
        if self.held_ms > self.recorded_ms + ROUNDING_MS {
            return Err(format!("{} ms are held of {} ms recorded", self.held_ms, self.recorded_ms));
        }
        if self.gaps.windows(2).any(|pair| pair[0].cause >= pair[1].cause) {
            return Err("a cause is named twice, or out of order".into());
        }
        Ok(())
    }
}

impl Numbered for Checkpoint {
    fn agent(&self) -> AgentId {
        self.agent
    }
    fn number(&self) -> u64 {
        self.number
    }
    fn previous(&self) -> Digest {
        self.previous
    }

    fn figures(&self) -> Result<(), String> {
        if self.heads.len() > MAX_HEADS {
            return Err(format!("{} heads, at most {MAX_HEADS} are taken", self.heads.len()));
        }
        Ok(())
    }
}

impl Numbered for DeletionCertificate {
    fn agent(&self) -> AgentId {
        self.agent
    }
    fn number(&self) -> u64 {
        self.number
    }
    fn previous(&self) -> Digest {
        self.previous
    }

    fn figures(&self) -> Result<(), String> {
        if self.ranges.is_empty() || self.ranges.len() > MAX_RANGES {
            return Err(format!("{} ranges, 1 to {MAX_RANGES} are taken", self.ranges.len()));
        }
        if self.ranges.iter().any(|r| r.first_sequence > r.last_sequence || r.start_ms > r.end_ms) {
            return Err("a range ends before it begins".into());
        }
        let named: u64 = self.ranges.iter().map(|r| u64::from(r.last_sequence - r.first_sequence) + 1).sum();
        if named != self.segments {
            return Err(format!("{} segments, its ranges name {named}", self.segments));
        }
        Ok(())
    }
}

fn clipped(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(number: u64, digest: u8, previous: u8) -> Link {
        let of = |n: u8| if n == 0 { Digest::ZERO } else { Digest::of(&[n]) };
        Link { number, digest: of(digest), previous: of(previous) }
    }

    // EVD-01
    #[test]
    fn a_chain_goes_on_where_it_ended_and_a_fork_is_seen() {
        let (one, two, three) = (link(1, 1, 0), link(2, 2, 1), link(3, 3, 2));
        assert_eq!(place(&[], one), Ok(Place::Next));
        assert_eq!(place(&[one], two), Ok(Place::Next));
        assert_eq!(place(&[one, two], two), Ok(Place::Known));
        assert_eq!(place(&[one], three), Ok(Place::AfterHole(1)));
        assert_eq!(place(&[], three), Ok(Place::AfterHole(2)));
        assert_eq!(place(&[one, three], two), Ok(Place::Next), "one that came late closes the hole");
        let forks = [
            (vec![], link(1, 1, 9)),
            (vec![one, two], link(2, 9, 1)),
            (vec![one], link(2, 2, 9)),
            (vec![one, three], link(2, 9, 1)),
        ];
        for (around, it) in forks {
            assert_eq!(place(&around, it).unwrap_err().refusal, Refusal::BrokenChain, "{it:?}");
        }
    }
}
