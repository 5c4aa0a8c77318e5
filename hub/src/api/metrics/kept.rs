//! What was kept, what was missed, what is broken: figures of the last day over the whole fleet.
//!
//! Labels are closed lists (causes, faults, outlooks), never a camera or a site.

use std::collections::BTreeMap;

use farwatch_shared::time::DAY_MS;
use farwatch_shared::wire::latest::{FaultKind, GapCause, RetentionHealth};

use super::{Exposition, word};
use crate::api::Office;
use crate::store;

const CAUSES: [GapCause; 9] = [
    GapCause::Camera,
    GapCause::Network,
    GapCause::Agent,
    GapCause::Disk,
    GapCause::Power,
    GapCause::Clock,
    GapCause::Update,
    GapCause::Operator,
    GapCause::Schedule,
];
const FAULTS: [FaultKind; 7] = [
    FaultKind::Damage,
    FaultKind::DiskWear,
    FaultKind::Disk,
    FaultKind::TargetDrift,
    FaultKind::RetentionAtRisk,
    FaultKind::ClockUnsure,
    FaultKind::WrongMount,
];

/// How a disk's forecast reads, in a word.
fn outlook(retention: Option<&RetentionHealth>) -> &'static str {
    match retention {
        None => "unmeasured",
        Some(r) if r.breach_at_ms.is_some() || r.missing.bytes() > 0 => "at_risk",
        Some(_) => "kept",
    }
}

/// What the fleet's picture knows.
pub(super) fn now(office: &Office, text: &mut Exposition) {
    let mut faults: BTreeMap<String, u64> = FAULTS.map(|f| (f.as_str().to_owned(), 0)).into();
    let mut outlooks: BTreeMap<String, u64> = ["at_risk", "kept", "unmeasured"].map(|o| (o.to_owned(), 0)).into();
    let mut missing = 0u64;
    for agent in office.fleet.agents().iter().filter(|a| a.revoked_ms.is_none()) {
        for (kind, count) in &agent.faults {
            *faults.entry(kind.as_str().to_owned()).or_default() += u64::from(*count);
        }
        let retention = agent.health.as_deref().and_then(|h| h.retention.as_ref());
        *outlooks.entry(outlook(retention).to_owned()).or_default() += 1;
        missing = missing.saturating_add(retention.map_or(0, |r| r.missing.bytes()));
    }
    text.gauge("farwatch_faults_open", "Faults that are open, by kind.", "fault", &faults);
    text.gauge("farwatch_retention_agents", "Agents by how long their disk lasts.", "outlook", &outlooks);
    text.one("gauge", "farwatch_retention_missing_bytes", "Bytes all disks are short of for their floors.", missing);
}

/// What the rows know of the last 24 hours.
///
/// # Errors
/// When the database fails.
pub(super) async fn last_day(office: &Office, text: &mut Exposition) -> store::Result<()> {
    let since = office.clock.wall().plus_ms(-DAY_MS);
    let mut c = office.db.read().await?;
    let sums = store::coverage::sums_since(&mut c, since).await?;
    let mut counts: BTreeMap<String, u64> = CAUSES.iter().map(|cause| (word(cause), 0)).collect();
    let mut seconds = counts.clone();
    for gap in store::timeline::gaps_since(&mut c, since).await? {
        counts.insert(word(&gap.cause), gap.count);
        seconds.insert(word(&gap.cause), gap.ms / 1000);
    }
    for (name, help, value) in [
        ("farwatch_coverage_statements_day", "Signed coverage statements issued in the last 24 h.", sums.statements),
        ("farwatch_coverage_expected_seconds_day", "Expected by those statements.", sums.expected_ms / 1000),
        ("farwatch_coverage_recorded_seconds_day", "Recorded by those statements.", sums.recorded_ms / 1000),
        ("farwatch_coverage_damaged_seconds_day", "Damaged by those statements.", sums.damaged_ms / 1000),
        (
            "farwatch_coverage_floors_broken_day",
            "Those statements that say their floor was not kept.",
            sums.floors_broken,
        ),
        (
            "farwatch_events_day",
            "Events received in the last 24 h.",
            store::happenings::events_since(&mut c, since).await?,
        ),
        (
            "farwatch_breaches_day",
            "Breaches signed in the last 24 h.",
            store::facts::count_since(&mut c, "breach", since).await?,
        ),
    ] {
        text.one("gauge", name, help, value);
    }
    text.gauge("farwatch_gaps_day", "Gaps that ended in the last 24 h, by cause.", "cause", &counts);
    text.gauge("farwatch_gap_seconds_day", "How long those gaps were, by cause.", "cause", &seconds);
    Ok(())
}
