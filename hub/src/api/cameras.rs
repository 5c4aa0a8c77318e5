//! Cameras: adding, changing, one in full.
//!
//! A credential comes sealed to the agent by the browser; the hub stores it and cannot read it. A URL with a password in it
//! is refused, with the advice where to put it.

mod wish;

use std::collections::BTreeMap;

use farwatch_shared::wire::latest::HealthSample;

use super::prelude::*;
use super::show;
use crate::audit::Entry;
use crate::policy;
use crate::store::cameras::CameraRow;
use crate::store::changes::Kind;
use crate::store::{Conn, agents, cameras, changes, sites};

/// Most cameras in one question.
const MOST_ASKED: usize = 512;

pub(super) fn routes() -> Routes {
    Routes::default()
        .at(__path_add_camera, add_camera)
        .at(__path_camera, camera)
        .at(__path_change_camera, change_camera)
        .at(__path_check_retention, check_retention)
}

/// Adds a camera to an agent.
#[utoipa::path(post, path = "/api/v1/agents/{id}/cameras", tag = "cameras", params(("id" = String, Path)),
    request_body = AddCamera, responses((status = 201, body = CameraDetail), (status = "4XX", body = Failure)))]
async fn add_camera(
    Admin(person): Admin,
    State(office): State<Office>,
    Named(agent): Named<AgentId>,
    Body(ask): Body<AddCamera>,
) -> Result<(StatusCode, Json<CameraDetail>), Fail> {
    let now = office.clock.wall();
    let when_short = ask.when_short;
    let row = wish::checked(wish::new(agent, ask, now)?)?;
    let id = row.camera;
    let health = office.fleet.agent(agent).and_then(|a| a.health);
    let entry = Entry::done(now, person.actor(), "camera.add", id).with("agent", agent.to_string());
    let entry = wish::told(entry, &row, when_short);
    office
        .deed(entry, move |c| {
            Box::pin(async move {
                if agents::get(c, agent).await?.revoked_ms.is_some() {
                    return Err(Fail::conflict("revoked", "that agent is revoked", "enrol the box again"));
                }
                if cameras::get(c, id).await.is_ok() {
                    return Err(Fail::conflict("taken", "there is a camera with that id already", "make a new id"));
                }
                short(c, agent, when_short).await?;
                put(c, row, health.as_deref(), now).await
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(detail(&office, id).await?)))
}

/// One camera in full.
#[utoipa::path(get, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = String, Path)),
    responses((status = 200, body = CameraDetail), (status = "4XX", body = Failure)))]
async fn camera(
    _: Person,
    State(office): State<Office>,
    Named(id): Named<CameraId>,
) -> Result<Json<CameraDetail>, Fail> {
    Ok(Json(detail(&office, id).await?))
}

/// Changes a camera. The agent's desired state follows; until it reports so, `drift` says `pending`.
#[utoipa::path(patch, path = "/api/v1/cameras/{id}", tag = "cameras", params(("id" = String, Path)),
    request_body = ChangeCamera, responses((status = 200, body = CameraDetail), (status = "4XX", body = Failure)))]
async fn change_camera(
    Admin(person): Admin,
    State(office): State<Office>,
    Named(id): Named<CameraId>,
    Body(ask): Body<ChangeCamera>,
) -> Result<Json<CameraDetail>, Fail> {
    let now = office.clock.wall();
    let before = cameras::get(&mut *office.db.read().await?, id).await?;
    let when_short = ask.when_short;
    let row = wish::checked(wish::changed(before.clone(), ask)?)?;
    let health = office.fleet.agent(row.agent).and_then(|a| a.health);
    let entry = wish::told(Entry::done(now, person.actor(), "camera.change", id), &row, when_short);
    office
        .deed(entry, move |c| {
            Box::pin(async move {
                // Somebody else's change of the same moment must not be undone by ours.
                if cameras::get(c, id).await? != before {
                    return Err(Fail::conflict(
                        "changed_meanwhile",
                        "the camera was changed by somebody else at the same moment",
                        "look at it again, then change it",
                    ));
                }
                short(c, row.agent, when_short).await?;
                put(c, row, health.as_deref(), now).await
            })
        })
        .await?;
    Ok(Json(detail(&office, id).await?))
}

/// Asks whether an agent's disk can keep a policy, before it is saved. Saving asks the same, and refuses with 422
/// `policy_too_large`.
#[utoipa::path(post, path = "/api/v1/cameras/retention-check", tag = "cameras", request_body = RetentionCheck,
    responses((status = 200, body = RetentionVerdict), (status = "4XX", body = Failure)))]
async fn check_retention(
    _: Person,
    State(office): State<Office>,
    Body(ask): Body<RetentionCheck>,
) -> Result<Json<RetentionVerdict>, Fail> {
    if ask.cameras.len() > MOST_ASKED {
        return Err(Fail::bad("too_many", format!("at most {MOST_ASKED} cameras are judged at once"), "ask for fewer"));
    }
    let mut c = office.db.read().await?;
    let agent = office.agent_now(&mut c, ask.agent).await?;
    let mut rows = cameras::of_agent(&mut c, ask.agent).await?;
    let mut rates = BTreeMap::new();
    for wanted in ask.cameras {
        policy::retention(wanted.floor_days, None, None)?;
        let id = wanted.camera.unwrap_or_else(CameraId::generate);
        match rows.iter_mut().find(|row| row.camera == id) {
            Some(row) => row.floor_days = wanted.floor_days,
            None if wanted.camera.is_some() => return Err(Fail::not_found("camera of that agent")),
            None => rows.push(wish::unmade(id, ask.agent, wanted.floor_days, office.clock.wall())),
        }
        rates.extend(wanted.bits_per_s.map(|bits| (id, bits)));
    }
    let verdict = policy::Asked { cameras: &rows, health: agent.health.as_deref(), rates: &rates }.verdict();
    Ok(Json(RetentionVerdict {
        fits: verdict.budget.fits(),
        missing_bytes: verdict.budget.missing,
        capacity_bytes: verdict.capacity,
        needed_bytes: verdict.budget.needed,
        hours_possible: verdict.budget.hours_possible,
    }))
}

async fn short(c: &mut Conn, agent: AgentId, wanted: Option<ShortChoice>) -> Result<(), Fail> {
    let Some(wanted) = wanted.map(show::recording::wire_short) else { return Ok(()) };
    if agents::get(c, agent).await?.when_short != wanted {
        agents::set_when_short(c, agent, wanted).await?;
    }
    Ok(())
}

/// Names are unique within an agent's site, so that a person can say which camera is meant. What the disk cannot keep is
/// refused here, among the rows it will stand beside.
async fn put(c: &mut Conn, row: CameraRow, health: Option<&HealthSample>, now: WallMs) -> Result<(), Fail> {
    let site = agents::get(c, row.agent).await?.site;
    if cameras::named_at(c, site, &row.name).await?.is_some_and(|other| other != row.camera) {
        return Err(Fail::conflict("taken", "another camera of this site has that name", "choose another name"));
    }
    let before = cameras::of_agent(c, row.agent).await?;
    let others = before.iter().filter(|other| other.camera != row.camera).cloned();
    let after: Vec<CameraRow> = others.chain(std::iter::once(row.clone())).collect();
    policy::admit(&before, &after, health)?;
    cameras::put(c, &row).await?;
    changes::note(c, Kind::Camera, &row.camera.to_string(), now).await?;
    Ok(changes::note(c, Kind::Agent, &row.agent.to_string(), now).await?)
}

async fn detail(office: &Office, id: CameraId) -> Result<CameraDetail, Fail> {
    let mut c = office.db.read().await?;
    let row = cameras::get(&mut c, id).await?;
    let agent = office.agent_now(&mut c, row.agent).await?;
    let site = sites::get(&mut c, agent.site).await?;
    let when_short = agents::get(&mut c, row.agent).await?.when_short;
    let now = office.fleet.camera(id);
    let problems = agent.reported.iter().flat_map(|r| show::refusals(r)).filter(|p| p.camera == Some(id)).collect();
    Ok(CameraDetail {
        summary: show::camera(&row, &now, &agent),
        site_name: site.name,
        agent_name: agent.hostname.clone(),
        time_zone: site.time_zone,
        source: show::source(row.source),
        recording: show::recording::terms(&row.recording),
        event_days: row.event_days,
        quota_bytes: row.quota,
        when_short: show::recording::short(when_short),
        targets: show::recording::targets(row.targets),
        has_credential: row.credential.is_some(),
        streams: now.streams.values().map(|s| show::stream(&s.status)).collect(),
        drift: show::drift(&agent),
        problems,
        added_ms: row.created_ms,
        audio_purpose: row.audio_purpose,
        url: row.url,
        sub_url: row.sub_url,
    })
}
