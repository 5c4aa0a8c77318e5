//! Faults, clocks, disks and how long they last, as people see them.

use farwatch_shared::time::ClockState;
use farwatch_shared::wire::latest::{ClockChange, DiskWear, FaultKind, HealthSample, RetentionHealth};

use crate::api::shape::{
    ClockMark, ClockMarkKind, ClockStep, ClockTrust, ClockView, FaultChoice, FaultView, NextGone, RetentionView,
    WearView,
};
use crate::store::faults::FaultRow;
use crate::store::happenings::ClockRow;

pub(in crate::api) fn trust(state: ClockState) -> ClockTrust {
    match state {
        ClockState::Ntp => ClockTrust::Ntp,
        ClockState::Rtc => ClockTrust::Rtc,
        ClockState::Unsynced => ClockTrust::Unsynced,
    }
}

/// The clock as the newest sample has it, and the newest step among the changes.
pub(in crate::api) fn clock(sample: &HealthSample, changes: &[ClockRow]) -> ClockView {
    let last_step = changes.iter().rev().find_map(|row| match row.change {
        ClockChange::Stepped { by_ms } => Some(ClockStep { at_ms: row.at_ms, by_ms }),
        ClockChange::State { .. } | ClockChange::Reanchored { .. } => None,
    });
    ClockView { state: trust(sample.clock.state), error_us: sample.clock.error_us, last_step }
}

pub(in crate::api) fn clock_mark(row: &ClockRow) -> ClockMark {
    let (kind, by_ms, state) = match row.change {
        ClockChange::Stepped { by_ms } => (ClockMarkKind::Stepped, Some(by_ms), None),
        ClockChange::State { now, .. } => (ClockMarkKind::State, None, Some(trust(now))),
        ClockChange::Reanchored { by_ms, .. } => (ClockMarkKind::Reanchored, Some(by_ms), None),
    };
    ClockMark { at_ms: row.at_ms, kind, by_ms, state }
}

fn fault_kind(kind: FaultKind) -> FaultChoice {
    match kind {
        FaultKind::Damage => FaultChoice::Damage,
        FaultKind::DiskWear => FaultChoice::DiskWear,
        FaultKind::Disk => FaultChoice::Disk,
        FaultKind::TargetDrift => FaultChoice::TargetDrift,
        FaultKind::RetentionAtRisk => FaultChoice::RetentionAtRisk,
        FaultKind::ClockUnsure => FaultChoice::ClockUnsure,
        FaultKind::WrongMount => FaultChoice::WrongMount,
    }
}

pub(in crate::api) fn fault(row: FaultRow) -> FaultView {
    FaultView {
        id: row.id,
        fault: fault_kind(row.fault),
        camera: row.camera,
        stream: row.stream.map(Into::into),
        start_ms: row.span.map(|s| s.start_ms),
        end_ms: row.span.map(|s| s.end_ms),
        detail: row.detail,
        opened_ms: row.opened_ms,
        mended_ms: row.mended_ms,
    }
}

pub(in crate::api) fn retention(health: &RetentionHealth) -> RetentionView {
    RetentionView {
        bytes_per_day: health.bytes_per_day,
        capacity: health.capacity,
        bound: health.bound,
        hours_possible: health.hours_possible,
        floor_hours: health.floor_hours,
        breach_at_ms: health.breach_at_ms,
        missing: health.missing,
        next_to_go: health.next_to_go.as_ref().map(|next| NextGone {
            camera: next.camera,
            stream: next.stream.into(),
            start_ms: next.start_ms,
        }),
    }
}

pub(in crate::api) fn wear(wear: &DiskWear) -> WearView {
    WearView {
        disk: wear.disk.clone(),
        used_percent: wear.used_percent,
        media_errors: wear.media_errors,
        power_on_hours: wear.power_on_hours,
        failing: wear.failing,
        written: wear.written,
    }
}
