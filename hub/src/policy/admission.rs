//! Whether a box's disk can keep what its cameras' floors promise, before a policy is saved (RET-02). Pure.
//!
//! Belongs here: from our rows and the box's newest health to the sum both sides share ([`budget`]). Does not: the sum
//! itself, the box's own verdict (it comes back as a problem in its report).

use std::collections::BTreeMap;

use farwatch_shared::id::CameraId;
use farwatch_shared::policy::budget::{self, Budget, Demand, Room};
use farwatch_shared::size::ByteSize;
use farwatch_shared::wire::latest::{CameraState, HealthSample};

use super::PolicyError;
use super::render::{MIN_FREE, desired, rule};
use crate::store::cameras::CameraRow;
use crate::store::recording::Mode;

/// What is judged: the cameras as they would be, and what is known of their box.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub cameras: &'a [CameraRow],
    /// The box's newest sample; None before its first, when nothing can be judged.
    pub health: Option<&'a HealthSample>,
    /// Rates to take instead of the measured ones, bits per second of all streams of a camera together.
    pub rates: &'a BTreeMap<CameraId, u64>,
}

/// The sum, and the room it was held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub budget: Budget,
    /// None: the box has not said yet.
    pub capacity: Option<ByteSize>,
}

impl Asked<'_> {
    /// Adds up.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        let demands: Vec<Demand> = self.cameras.iter().map(|row| self.demand(row)).collect();
        let capacity = self.health.map(capacity);
        let room = Room { capacity: capacity.unwrap_or(ByteSize(u64::MAX)), min_free: ByteSize(0), held: ByteSize(0) };
        let mut budget = budget::budget(&demands, room);
        if capacity.is_none() {
            budget.hours_possible = None;
        }
        Verdict { budget, capacity }
    }

    fn demand(&self, row: &CameraRow) -> Demand {
        let wished = desired(row, "");
        let share = u64::from(budget::recorded_permille(&wished.recording));
        let bits = self.rates.get(&row.camera).copied().or_else(|| self.measured(row.camera));
        let by_bits = bits.map(|bits| ByteSize(budget::bytes_per_day(bits).bytes() / 1000 * share));
        Demand {
            camera: row.camera,
            bytes_per_day: by_bits.or_else(|| budget::declared_per_day(&wished)),
            event_permille: budget::USUAL_EVENT_PERMILLE,
            rule: rule(row),
        }
    }

    /// All streams of a camera together, while it plays.
    fn measured(&self, camera: CameraId) -> Option<u64> {
        let streams = &self.health?.cameras;
        let bits = streams
            .iter()
            .filter(|s| s.camera == camera && plays(s.state))
            .map(|s| s.bits_per_s)
            .fold(0, u64::saturating_add);
        (bits > 0).then_some(bits)
    }
}

/// Whether the measured rate is of a camera that sends, recorded this moment or not.
fn plays(state: CameraState) -> bool {
    !matches!(
        state,
        CameraState::Stalled
            | CameraState::Unreachable
            | CameraState::AuthFailed
            | CameraState::Unsupported
            | CameraState::Disabled
            | CameraState::Starting
    )
}

/// Room for footage: what lies there and what is free, less what stays free.
fn capacity(health: &HealthSample) -> ByteSize {
    let disk = health.disk.footage.bytes().saturating_add(health.disk.free.bytes()).saturating_sub(MIN_FREE.bytes());
    health.retention.as_ref().map_or(ByteSize(disk), |r| r.capacity)
}

/// Refuses a change that asks for more than the disk can keep. A box that is short already may be changed in any way that
/// does not make it shorter.
///
/// # Errors
/// [`PolicyError::TooLarge`] with the bytes that are missing after the change.
pub fn admit(before: &[CameraRow], after: &[CameraRow], health: Option<&HealthSample>) -> Result<(), PolicyError> {
    let rates = BTreeMap::new();
    let missing = |cameras: &[CameraRow], others: &[CameraRow]| {
        let cameras: Vec<CameraRow> = cameras.iter().map(|row| as_if_on(row, others)).collect();
        Asked { cameras: &cameras, health, rates: &rates }.verdict().budget.missing
    };
    let (was, would_be) = (missing(before, after), missing(after, before));
    if would_be > was { Err(PolicyError::TooLarge { missing: would_be }) } else { Ok(()) }
}

/// A camera that is switched off or on is judged as if it were on: the switch is no promise, and its terms are. One that is
/// off and stays as it is asks for nothing.
fn as_if_on(row: &CameraRow, others: &[CameraRow]) -> CameraRow {
    let other = others.iter().find(|other| other.camera == row.camera);
    match other {
        Some(other) if row.recording == Mode::Off && other != row => {
            let recording = if other.recording == Mode::Off { Mode::Continuous } else { other.recording.clone() };
            CameraRow { recording, ..row.clone() }
        }
        _ => row.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::tests::camera;
    use farwatch_shared::wire::latest::StreamTarget;

    /// A box with so many gibibytes for footage, where each camera sends so many bits.
    fn health(gib: u64, rates: &[(&CameraRow, u64)]) -> HealthSample {
        let json = include_str!("../../../shared/src/wire/golden/v1/health.json");
        let mut sample: HealthSample = serde_json::from_str(json).unwrap();
        sample.retention = None;
        sample.disk.footage = ByteSize(0);
        sample.disk.free = ByteSize(ByteSize::gib(gib).bytes() + MIN_FREE.bytes());
        let status = sample.cameras[0].clone();
        sample.cameras = rates
            .iter()
            .map(|(row, bits)| {
                let mut status = status.clone();
                (status.camera, status.state, status.bits_per_s) = (row.camera, CameraState::Recording, *bits);
                status
            })
            .collect();
        sample
    }

    // RET-02
    #[test]
    fn sixty_days_on_a_disk_for_thirty_are_refused_with_the_missing_bytes() {
        let thirty = CameraRow { floor_days: 30, ..camera("a") };
        // 1 Mbit/s is 10.8 GB a day: thirty days and the hour that is being written are 302 GiB.
        let box_ = health(303, &[(&thirty, 1_000_000)]);
        let sixty = CameraRow { floor_days: 60, ..thirty.clone() };
        let refused = admit(std::slice::from_ref(&thirty), &[sixty], Some(&box_)).unwrap_err();
        let PolicyError::TooLarge { missing } = refused else { panic!("{refused}") };
        let (per_day, room) = (10_800_000_000, ByteSize::gib(303).bytes());
        assert_eq!(missing.bytes(), per_day * 60 + per_day / 24 - room);
        assert_eq!(admit(&[], &[thirty], Some(&box_)), Ok(()));
    }

    #[test]
    fn a_box_that_is_short_already_may_be_changed_for_the_better() {
        let long = CameraRow { floor_days: 90, ..camera("a") };
        let box_ = health(10, &[(&long, 1_000_000)]);
        let renamed = CameraRow { name: "b".into(), ..long.clone() };
        let shorter = CameraRow { floor_days: 60, ..long.clone() };
        let off = CameraRow { recording: Mode::Off, ..long.clone() };
        for good in [renamed, shorter, off] {
            assert_eq!(admit(std::slice::from_ref(&long), &[good], Some(&box_)), Ok(()));
        }
        let longer = CameraRow { floor_days: 91, ..long.clone() };
        assert!(admit(&[long], &[longer], Some(&box_)).is_err());
    }

    #[test]
    fn a_camera_is_switched_off_and_on_again_and_its_terms_are_judged_all_the_while() {
        let on = CameraRow { floor_days: 90, ..camera("a") };
        let off = CameraRow { recording: Mode::Off, ..on.clone() };
        let box_ = health(10, &[(&on, 1_000_000)]);
        let change =
            |from: &CameraRow, to: &CameraRow| admit(std::slice::from_ref(from), std::slice::from_ref(to), Some(&box_));
        assert_eq!(change(&on, &off), Ok(()));
        assert_eq!(change(&off, &on), Ok(()));
        let longer = CameraRow { floor_days: 91, ..off.clone() };
        assert!(change(&off, &longer).is_err(), "a longer floor does not slip in while it is off");
        let live = CameraRow { recording: Mode::LiveOnly { reason: "staff room".into() }, ..on.clone() };
        assert_eq!(change(&on, &live), Ok(()));
        assert!(change(&live, &on).is_err(), "a camera that was never meant to be kept now is");
    }

    #[test]
    fn what_nobody_knows_is_not_held_against_a_policy_and_a_target_is() {
        let (known, new) = (camera("a"), camera("b"));
        let box_ = health(400, &[(&known, 1_000_000)]);
        assert_eq!(
            admit(std::slice::from_ref(&known), &[known.clone(), new.clone()], Some(&box_)),
            Ok(()),
            "no rate yet"
        );
        let aim = StreamTarget { width: None, height: None, fps_milli: None, bits_per_s: Some(4_000_000) };
        let mut aimed = new;
        aimed.targets.main = Some(aim);
        assert!(
            admit(std::slice::from_ref(&known), &[known.clone(), aimed.clone()], Some(&box_)).is_err(),
            "it says 4 Mbit/s of itself"
        );
        assert_eq!(admit(&[], &[aimed], None), Ok(()), "a box that never spoke has no size");
    }

    #[test]
    fn a_quota_below_the_cameras_own_floor_is_refused() {
        let row = camera("a");
        let box_ = health(1000, &[(&row, 1_000_000)]);
        let tight = CameraRow { quota: Some(ByteSize::gib(100)), ..row.clone() };
        assert!(matches!(admit(&[row], &[tight], Some(&box_)), Err(PolicyError::TooLarge { .. })));
    }
}
