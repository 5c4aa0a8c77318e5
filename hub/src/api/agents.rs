//! Routes of `agents`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default()
        .at(__path_agent, agent)
        .at(__path_agent_health, agent_health)
        .at(__path_revoke_agent, revoke_agent)
}

/// One agent in full.
#[utoipa::path(get, path = "/api/v1/agents/{id}", tag = "agents",
    params(("id" = String, Path)),
    responses((status = 200, body = AgentDetail), (status = "4XX", body = Failure)))]
pub async fn agent(_: Person, _: State<Office>, _: Named<AgentId>) -> Result<Json<AgentDetail>, Fail> {
    Err(Fail::unbuilt())
}

/// Health of an agent over time.
#[utoipa::path(get, path = "/api/v1/agents/{id}/health", tag = "agents",
    params(("id" = String, Path), Range),
    responses((status = 200, body = HealthSeries), (status = "4XX", body = Failure)))]
pub async fn agent_health(
    _: Person,
    _: State<Office>,
    _: Asked<Range>,
    _: Named<AgentId>,
) -> Result<Json<HealthSeries>, Fail> {
    Err(Fail::unbuilt())
}

/// Takes an agent's certificate away: its sessions and uploads are cut within 5 s.
#[utoipa::path(post, path = "/api/v1/agents/{id}/revoke", tag = "agents",
    params(("id" = String, Path)),
    request_body = Revoke,
    responses((status = 204, description = "Done."), (status = "4XX", body = Failure)))]
pub async fn revoke_agent(_: Admin, _: State<Office>, _: Named<AgentId>, _: Body<Revoke>) -> Result<StatusCode, Fail> {
    Err(Fail::unbuilt())
}
