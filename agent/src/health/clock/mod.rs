//! The wall clock: how far it can be trusted, by how much it may be wrong, whether that is a fault (CAP-05).
//!
//! Belongs here: asking the time service for its error (`error`), judging (`sure`, pure). Does not: steps in the ledger
//! (the recorder sees and logs them), trusted time (`enrol`).

mod error;
mod sure;

use std::time::Duration;

use farwatch_shared::time::Clock;
use farwatch_shared::wire::latest::{ClockHealth, FaultKind};
use tokio_util::sync::CancellationToken;

use super::faults::{About, Faults};
use crate::enrol::TrustedTime;
use crate::record::clocks;
use sure::Sure;

const LOOK: Duration = Duration::from_secs(1);
/// The time service is asked this often.
const ASK_NS: i64 = 60_000_000_000;

#[must_use]
pub fn of_box(trusted: &TrustedTime) -> ClockHealth {
    ClockHealth { state: trusted.clock_state(), error_us: trusted.clock_error_us() }
}

/// Looks every second and asks every minute, until stopped.
pub async fn watch_clock(clock: Clock, trusted: TrustedTime, faults: Faults, stop: CancellationToken) {
    let mut sure = Sure::default();
    let mut asked = None;
    let mut said = None;
    loop {
        let now = clocks::now(&clock);
        let state = trusted.clock_state();
        if asked.is_none_or(|at| now.boot_ns.since(at) >= ASK_NS) {
            asked = Some(now.boot_ns);
            trusted.set_clock_error_us(error::ask().await);
        }
        // Only changes are told: a fault is looked up in the log's state, which others use too.
        if let Some(verdict) = sure.look(now, state)
            && said.as_ref() != Some(&verdict.is_ok())
        {
            said = Some(verdict.is_ok());
            faults.say(FaultKind::ClockUnsure, About::this_box(), verdict).await;
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
