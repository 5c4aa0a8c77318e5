//! Trusted time: a lower bound of true time that no stepped clock can move.
//!
//! It never goes below the build time, the last persisted value, or `issued_at_ms` of any verified document, and advances by
//! boot time. One document may raise it by at most 30 days unless NTP agrees. TLS, document expiry and retention use it;
//! footage times never do.

use std::path::PathBuf;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use farwatch_shared::time::{BootNs, Clock, ClockState, DAY_MS, WallMs};
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::clock::{boot_id, clock_state};
use crate::store::replace_json;

/// Most that one document may raise trusted time by when NTP does not agree.
const RAISE_MS: i64 = 30 * DAY_MS;
/// How near a clock must be to count as agreeing with a document.
const AGREES_MS: i64 = DAY_MS;
/// A synchronised clock this near is followed: it drifts less than the counter we advance by.
const SLEW_MS: i64 = 5 * 60_000;
/// How often the line is written down while nothing raises it.
const PERSIST_MS: i64 = 10 * 60_000;

/// A point from which trusted time runs on with boot time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    at_ms: WallMs,
    boot: BootNs,
}

impl Line {
    #[must_use]
    pub fn new(at_ms: WallMs, boot: BootNs) -> Self {
        Self { at_ms, boot }
    }

    #[must_use]
    pub fn now(&self, boot: BootNs) -> WallMs {
        self.at_ms.plus_ms(boot.since(self.boot) / 1_000_000)
    }

    fn raised(self, to: WallMs, boot: BootNs) -> Self {
        if to > self.now(boot) { Self::new(to, boot) } else { self }
    }

    /// The box booted: how long it was off is known only by its clock.
    #[must_use]
    pub fn after_boot(self, wall: WallMs, state: ClockState, boot: BootNs) -> Self {
        match state {
            ClockState::Ntp => self.raised(wall, boot),
            ClockState::Rtc => self.raised(wall.min(self.now(boot).plus_ms(RAISE_MS)), boot),
            ClockState::Unsynced => self,
        }
    }

    /// A synchronised clock is followed while it only drifts. A step is not.
    #[must_use]
    pub fn followed(self, wall: WallMs, state: ClockState, boot: BootNs) -> Self {
        let ahead = wall.since(self.now(boot));
        if state == ClockState::Ntp && (0..=SLEW_MS).contains(&ahead) { self.raised(wall, boot) } else { self }
    }

    /// A verified document was issued then, so it is at least that late.
    #[must_use]
    pub fn after_document(self, issued: WallMs, wall: WallMs, state: ClockState, boot: BootNs) -> Self {
        let agreed = state == ClockState::Ntp && wall.since(issued).abs() <= AGREES_MS;
        let to = if agreed { issued } else { issued.min(self.now(boot).plus_ms(RAISE_MS)) };
        self.raised(to, boot)
    }
}

#[derive(Serialize, Deserialize)]
struct Persisted {
    at_ms: WallMs,
    boot_id: String,
    boot_ns: BootNs,
}

struct Kept {
    line: Line,
    written_ms: WallMs,
}

/// The handle everybody asks. Cheap to clone.
#[derive(Clone)]
pub struct TrustedTime(Arc<Inner>);

struct Inner {
    clock: Clock,
    file: Option<PathBuf>,
    built: WallMs,
    kept: Mutex<Kept>,
    /// Estimated error of the wall clock; [`UNKNOWN`] when nobody knows it.
    error_us: AtomicI64,
}

const UNKNOWN: i64 = i64::MIN;

impl std::fmt::Debug for TrustedTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TrustedTime({})", self.now())
    }
}

impl TrustedTime {
    /// Continues from the file; without one, from the build time.
    #[must_use]
    pub fn load(clock: Clock, file: PathBuf) -> Self {
        let built = built_at();
        let boot = clock.boot();
        let persisted = std::fs::read(&file).ok().and_then(|b| serde_json::from_slice::<Persisted>(&b).ok());
        let wall = clock.wall();
        let state = clock_state(wall, built);
        let line = match persisted {
            Some(p) if p.boot_id == boot_id() && p.boot_ns <= boot => Line::new(p.at_ms.max(built), p.boot_ns),
            Some(p) => Line::new(p.at_ms.max(built), boot).after_boot(wall, state, boot),
            None => Line::new(built, boot).after_boot(wall, state, boot),
        };
        let kept = Mutex::new(Kept { line, written_ms: WallMs(0) });
        Self(Arc::new(Inner { clock, file: Some(file), built, kept, error_us: AtomicI64::new(UNKNOWN) }))
    }

    /// Not persisted, starting at the clock's wall time: for tests and before enrolment.
    #[must_use]
    pub fn unpersisted(clock: Clock) -> Self {
        let line = Line::new(clock.wall(), clock.boot());
        let kept = Mutex::new(Kept { line, written_ms: WallMs(0) });
        let error_us = AtomicI64::new(UNKNOWN);
        Self(Arc::new(Inner { clock, file: None, built: WallMs(0), kept, error_us }))
    }

    #[must_use]
    pub fn now(&self) -> WallMs {
        self.with(|kept| kept.line.now(self.0.clock.boot()))
    }

    /// The wall clock's state, as retention and health want it.
    #[must_use]
    pub fn clock_state(&self) -> ClockState {
        clock_state(self.0.clock.wall(), self.0.built)
    }

    /// By how much the wall clock may be wrong, where the time service says so.
    #[must_use]
    pub fn clock_error_us(&self) -> Option<i64> {
        Some(self.0.error_us.load(Ordering::Relaxed)).filter(|us| *us != UNKNOWN)
    }

    /// What the time service said last.
    pub fn set_clock_error_us(&self, error_us: Option<i64>) {
        self.0.error_us.store(error_us.unwrap_or(UNKNOWN), Ordering::Relaxed);
    }

    /// Takes a verified document's time of issue into account.
    pub fn saw_document(&self, issued_at_ms: WallMs) {
        let (wall, boot) = (self.0.clock.wall(), self.0.clock.boot());
        let state = self.clock_state();
        self.with(|kept| {
            let before = kept.line.now(boot);
            kept.line = kept.line.after_document(issued_at_ms, wall, state, boot);
            if kept.line.now(boot).since(before) > 60_000 {
                info!(from = %before, to = %kept.line.now(boot), "trusted time raised by a document");
                self.persist(kept);
            }
        });
    }

    /// The hub was reached through the fingerprint a person brought: its time is where ours begins.
    pub fn begin_at(&self, hub_now_ms: WallMs) {
        let boot = self.0.clock.boot();
        self.with(|kept| {
            kept.line = kept.line.raised(hub_now_ms, boot);
            self.persist(kept);
        });
    }

    /// To be called about every minute: follows a synchronised clock and writes the line down now and then.
    pub fn tick(&self) {
        let (wall, boot) = (self.0.clock.wall(), self.0.clock.boot());
        let state = self.clock_state();
        self.with(|kept| {
            kept.line = kept.line.followed(wall, state, boot);
            if kept.line.now(boot).since(kept.written_ms) >= PERSIST_MS {
                self.persist(kept);
            }
        });
    }

    fn with<R>(&self, act: impl FnOnce(&mut Kept) -> R) -> R {
        act(&mut self.0.kept.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn persist(&self, kept: &mut Kept) {
        let boot = self.0.clock.boot();
        let Some(file) = &self.0.file else { return };
        let at_ms = kept.line.now(boot);
        match replace_json(file, &Persisted { at_ms, boot_id: boot_id(), boot_ns: boot }) {
            Ok(()) => kept.written_ms = at_ms,
            Err(error) => warn!(%error, "trusted time cannot be written down; after a restart it may be behind"),
        }
    }
}

/// When this program was built: the modification time of its file is not evidence, so the build writes it in.
fn built_at() -> WallMs {
    let seconds = option_env!("SOURCE_DATE_EPOCH").and_then(|s| s.parse::<i64>().ok()).unwrap_or(BUILT_NOT_BEFORE_S);
    WallMs(seconds.saturating_mul(1000))
}

/// 2026-11-24T00:00:00Z, for builds that do not say.
const BUILT_NOT_BEFORE_S: i64 = 1_795_478_400;

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::time::SimClock;

    const T: WallMs = WallMs(1_800_000_000_000);

    #[test]
    fn a_stepped_clock_does_not_move_trusted_time() {
        let sim = SimClock::at(T);
        let trusted = TrustedTime::unpersisted(sim.clock());
        sim.advance_ms(1_000);
        sim.step_wall_ms(40 * DAY_MS);
        trusted.tick();
        assert_eq!(trusted.now(), T.plus_ms(1_000));
        sim.step_wall_ms(-41 * DAY_MS);
        trusted.tick();
        sim.advance_ms(1_000);
        assert_eq!(trusted.now(), T.plus_ms(2_000));
    }

    #[test]
    fn one_document_raises_it_by_thirty_days_at_most_unless_ntp_agrees() {
        let boot = BootNs(0);
        let line = Line::new(T, boot);
        let far = T.plus_ms(400 * DAY_MS);
        let raised = line.after_document(far, far, ClockState::Rtc, boot);
        assert_eq!(raised.now(boot), T.plus_ms(30 * DAY_MS));
        assert_eq!(raised.after_document(far, far, ClockState::Rtc, boot).now(boot), T.plus_ms(60 * DAY_MS));
        assert_eq!(line.after_document(far, far, ClockState::Ntp, boot).now(boot), far);
        assert_eq!(line.after_document(far, T, ClockState::Ntp, boot).now(boot), T.plus_ms(30 * DAY_MS));
        assert_eq!(line.after_document(T.plus_ms(-DAY_MS), T, ClockState::Ntp, boot).now(boot), T);
    }

    #[test]
    fn it_survives_a_restart_and_a_boot_at_1970() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("trusted-time");
        let sim = SimClock::at(WallMs(0));
        let trusted = TrustedTime::load(sim.clock(), file.clone());
        assert_eq!(trusted.now(), built_at());
        trusted.saw_document(built_at().plus_ms(10 * DAY_MS));
        let again = TrustedTime::load(SimClock::at(WallMs(0)).clock(), file);
        assert_eq!(again.now(), built_at().plus_ms(10 * DAY_MS));
    }

    #[test]
    fn a_drifting_synchronised_clock_is_followed() {
        let line = Line::new(T, BootNs(0));
        let boot = BootNs(3_600_000_000_000);
        assert_eq!(line.followed(T.plus_ms(3_600_700), ClockState::Ntp, boot).now(boot), T.plus_ms(3_600_700));
        assert_eq!(line.followed(T.plus_ms(3_600_700), ClockState::Rtc, boot).now(boot), T.plus_ms(3_600_000));
        assert_eq!(line.followed(T.plus_ms(3_500_000), ClockState::Ntp, boot).now(boot), T.plus_ms(3_600_000));
    }
}
