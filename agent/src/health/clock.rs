//! The wall clock's state. Its error is known only to the kernel call we do not make, so it is left open.

use farwatch_shared::wire::latest::ClockHealth;

use crate::enrol::TrustedTime;

#[must_use]
pub fn of_box(trusted: &TrustedTime) -> ClockHealth {
    ClockHealth { state: trusted.clock_state(), error_us: None }
}
