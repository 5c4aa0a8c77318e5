//! Agents: one in full, its health over time, taking its certificate away.

use farwatch_shared::time::DAY_MS;
use farwatch_shared::wire::latest::HealthSample;

use super::prelude::*;
use super::show;
use crate::audit::Entry;
use crate::fleet::AgentNow;
use crate::store::changes::Kind;
use crate::store::{self, agents, cameras, certificates, changes, desired, faults, happenings, sites};

/// Most samples one answer holds.
const MOST_SAMPLES: usize = 1500;
/// Longest stretch of health one may ask for.
const MOST_DAYS: i64 = 40;
/// Mended faults are shown with an agent for so long.
const FAULT_DAYS: i64 = 30;
/// The newest step of the clock is looked for among so many changes.
const RECENT_CHANGES: u32 = 200;
/// Most faults shown with an agent.
const MOST_FAULTS: u32 = 200;

pub(super) fn routes() -> Routes {
    Routes::default()
        .at(__path_agent, agent)
        .at(__path_agent_health, agent_health)
        .at(__path_revoke_agent, revoke_agent)
        .at(__path_agent_faults, agent_faults)
}

/// One agent in full.
#[utoipa::path(get, path = "/api/v1/agents/{id}", tag = "agents", params(("id" = String, Path)),
    responses((status = 200, body = AgentDetail), (status = "4XX", body = Failure)))]
async fn agent(_: Person, State(office): State<Office>, Named(id): Named<AgentId>) -> Result<Json<AgentDetail>, Fail> {
    let mut c = office.db.read().await?;
    let now = office.agent_now(&mut c, id).await?;
    let row = agents::get(&mut c, id).await?;
    let site = sites::get(&mut c, row.site).await?;
    let desired = desired::find(&mut c, id).await?;
    let certificate = certificates::newest(&mut c, id).await?;
    let mut cameras: Vec<_> = cameras::of_agent(&mut c, id)
        .await?
        .iter()
        .map(|row| show::camera(row, &office.fleet.camera(row.camera), &now))
        .collect();
    let recent = office.clock.wall().plus_ms(-FAULT_DAYS * DAY_MS);
    let faults = faults::of_agent(&mut c, id, recent, MOST_FAULTS).await?;
    let clock = happenings::clock_before(&mut c, id, WallMs(i64::MAX), RECENT_CHANGES).await?;
    let health = now.health.as_deref();
    cameras.sort_by(|a, b| (&a.name, a.id).cmp(&(&b.name, b.id)));
    Ok(Json(AgentDetail {
        summary: show::agent(&now),
        site_name: site.name,
        time_zone: site.time_zone,
        session: (now.session != 0).then_some(now.session),
        target: (!now.target.is_empty()).then(|| now.target.clone()),
        recorder_version: now.reported.as_ref().and_then(|r| r.recorder_version.clone()),
        enrolled_ms: row.enrolled_ms,
        desired: desired.map(|d| DesiredView {
            generation: d.generation,
            digest: Some(d.payload_digest),
            published_ms: d.published_ms,
        }),
        reported: now.reported.as_ref().map(|r| ReportedView {
            generation: r.generation,
            digest: r.digest,
            at_ms: r.at_ms,
            refusals: show::refusals(r),
        }),
        health: now.health.as_deref().map(show::health),
        outbox: outbox(&now),
        recorder: recorder(&now),
        retention: health.and_then(|h| h.retention.as_ref()).map(show::condition::retention),
        when_short: show::recording::short(row.when_short),
        faults: faults.into_iter().map(show::condition::fault).collect(),
        clock: health.map(|h| show::condition::clock(h, &clock)),
        wear: health.and_then(|h| h.disk.wear.as_ref()).map(show::condition::wear),
        certificate: certificate.map(|c| CertificateView { serial: c.serial, expires_ms: c.not_after_ms }),
        signing_key: row.signing_key.into(),
        sealing_key: row.sealing_key.into(),
        recovery_key: Some(office.keys.owner.recovery.clone().into()),
        cameras,
    }))
}

fn outbox(now: &AgentNow) -> Option<OutboxView> {
    let outbox = &now.health.as_deref()?.outbox;
    Some(OutboxView {
        waiting: outbox.waiting,
        bytes: outbox.bytes,
        oldest_ms: outbox.oldest_ms,
        dropped: outbox.dropped,
    })
}

fn recorder(now: &AgentNow) -> Option<RecorderView> {
    let health = now.health.as_deref()?;
    Some(RecorderView {
        running: health.recorder.running,
        sync_bound_ms: health.recorder.sync_bound_ms,
        mem: health.recorder_mem,
    })
}

/// Health of an agent over time.
#[utoipa::path(get, path = "/api/v1/agents/{id}/health", tag = "agents", params(("id" = String, Path), Range),
    responses((status = 200, body = HealthSeries), (status = "4XX", body = Failure)))]
async fn agent_health(
    _: Person,
    State(office): State<Office>,
    Named(id): Named<AgentId>,
    Asked(range): Asked<Range>,
) -> Result<Json<HealthSeries>, Fail> {
    let span = take::stretch(range.from_ms, range.to_ms, office.clock.wall(), MOST_DAYS)?;
    let mut c = office.db.read().await?;
    let row = agents::get(&mut c, id).await?;
    let site = sites::get(&mut c, row.site).await?;
    let mut samples = store::health::between(&mut c, id, span.start_ms, span.end_ms).await?;
    // The last minutes are still in memory.
    let newest = samples.last().map(|s| s.at_ms);
    let recent = office.fleet.recent_health(id);
    let later = recent.iter().filter(|s| span.contains(s.at_ms) && newest.is_none_or(|newest| s.at_ms > newest));
    samples.extend(later.map(|s| HealthSample::clone(s)));
    Ok(Json(HealthSeries {
        agent: id,
        time_zone: site.time_zone,
        samples: thinned(&samples, MOST_SAMPLES).map(show::health).collect(),
    }))
}

/// At most `most` of them, evenly, the last always among them.
fn thinned<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let every = all.len().div_ceil(most.max(1)).max(1);
    let skip = (all.len() + every - 1) % every;
    all.iter().skip(skip).step_by(every)
}

/// An agent's faults: what is broken now, or what ever was.
#[utoipa::path(get, path = "/api/v1/agents/{id}/faults", tag = "agents", params(("id" = String, Path), FaultsQuery),
    responses((status = 200, body = Faults), (status = "4XX", body = Failure)))]
async fn agent_faults(
    _: Person,
    State(office): State<Office>,
    Named(id): Named<AgentId>,
    Asked(ask): Asked<FaultsQuery>,
) -> Result<Json<Faults>, Fail> {
    let mut c = office.db.read().await?;
    agents::get(&mut c, id).await?;
    let since = match ask.state {
        FaultState::Open => WallMs(i64::MAX),
        FaultState::All => WallMs(i64::MIN),
    };
    let rows = faults::of_agent(&mut c, id, since, take::limit(ask.limit)).await?;
    Ok(Json(Faults { faults: rows.into_iter().map(show::condition::fault).collect() }))
}

/// Takes an agent's certificates away. Its MQTT session and uploads are cut within 5 s, and every door refuses it.
#[utoipa::path(post, path = "/api/v1/agents/{id}/revoke", tag = "agents", params(("id" = String, Path)),
    request_body = Revoke,
    responses((status = 204, description = "Done."), (status = "4XX", body = Failure)))]
async fn revoke_agent(
    Admin(person): Admin,
    State(office): State<Office>,
    Named(id): Named<AgentId>,
    Body(ask): Body<Revoke>,
) -> Result<StatusCode, Fail> {
    let now = office.clock.wall();
    let reason = take::reason(&ask.reason)?;
    let entry = Entry::done(now, person.actor(), "agent.revoke", id).with("reason", reason.clone());
    office
        .deed(entry, move |c| {
            Box::pin(async move {
                if !agents::revoke(c, id, &reason, now).await? {
                    return Err(Fail::conflict("revoked", "that agent is revoked already", "nothing is left to do"));
                }
                Ok(changes::note(c, Kind::Agent, &id.to_string(), now).await?)
            })
        })
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thinned_series_keeps_its_end_and_its_bound() {
        for len in [0, 1, 2, 1499, 1500, 1501, 4000, 86_400] {
            let all: Vec<usize> = (0..len).collect();
            let thin: Vec<usize> = thinned(&all, MOST_SAMPLES).copied().collect();
            assert!(thin.len() <= MOST_SAMPLES, "{len} gives {}", thin.len());
            assert_eq!(thin.last(), all.last());
            assert!(len == 0 || thin.len() > MOST_SAMPLES / 2 || thin.len() == len);
        }
    }
}
