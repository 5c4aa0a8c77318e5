//! What the witness is told by the other parts of the agent.

use std::collections::BTreeMap;

use farwatch_shared::id::CameraId;
use farwatch_shared::keys::SignKey;
use farwatch_shared::wire::latest::RetentionHealth;
use tokio::sync::watch;

use super::Base;
use crate::enrol::boot_id;
use crate::ledger::witness::{Terms, WitnessConfig};
use crate::reconcile::Applied;
use crate::retention::{DEFAULT_RULE, Wanted};

/// Ties the witness to what stands.
///
/// # Errors
/// When the signing key cannot be copied.
pub fn config(
    base: &Base,
    applied: &watch::Receiver<Applied>,
    retention: &watch::Receiver<Wanted>,
    forecast: watch::Receiver<Option<RetentionHealth>>,
) -> anyhow::Result<WitnessConfig> {
    let identity = base.identity.borrow().clone();
    let (applied, retention, totals) = (applied.clone(), retention.clone(), base.catalog.totals());
    let (trusted, site_zone) = (base.trusted.clone(), identity.hub.time_zone.clone());
    let terms = move || {
        let applied = applied.borrow();
        let oldest = |totals: &crate::catalog::AllTotals| -> BTreeMap<_, _> {
            totals.iter().filter_map(|(key, t)| Some(((key.camera, key.stream), t.oldest_ms?))).collect()
        };
        Terms {
            zone: applied.time_zone.clone().or_else(|| Some(site_zone.clone())).filter(|zone| !zone.is_empty()),
            floors: floors(&retention.borrow()),
            default_floor: DEFAULT_RULE.floor_days,
            wanted: (applied.generation > 0)
                .then(|| applied.known.iter().map(|key| (key.camera, key.stream)).collect()),
            next_breach_ms: forecast.borrow().as_ref().and_then(|forecast| forecast.breach_at_ms),
            oldest: totals.borrow().as_ref().map(oldest).unwrap_or_default(),
            clock: Some(trusted.clock_state()),
            clock_error_us: trusted.clock_error_us(),
        }
    };
    Ok(WitnessConfig {
        ledger: base.ledger.clone(),
        recorder_ledgers: base.home.recorder_ledgers(),
        agent: identity.hub.agent,
        key: SignKey::from_pem(&identity.sign.to_pem()?)?,
        clock: base.clock.clone(),
        boot_id: boot_id(),
        terms: Box::new(terms),
    })
}

fn floors(wanted: &Wanted) -> BTreeMap<CameraId, u32> {
    let rules = wanted.policy.iter().flat_map(|policy| &policy.cameras);
    rules.map(|(camera, rule)| (*camera, rule.floor_days)).collect()
}
