//! Routes of `pulls`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_add_pull, add_pull).at(__path_pulls, pulls).at(__path_pull, pull)
}

/// Asks for footage. The reason goes into this hub's journal and the agent's ledger.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/pulls", tag = "pulls",
    params(("id" = String, Path)),
    request_body = AddPull,
    responses((status = 201, body = Pull), (status = "4XX", body = Failure)))]
pub async fn add_pull(_: Admin, _: State<Office>, _: Named<CameraId>, _: Body<AddPull>) -> Result<Json<Pull>, Fail> {
    Err(Fail::unbuilt())
}

/// Footage asked for, newest first.
#[utoipa::path(get, path = "/api/v1/pulls", tag = "pulls",
    params(PullQuery),
    responses((status = 200, body = Pulls), (status = "4XX", body = Failure)))]
pub async fn pulls(_: Person, _: State<Office>, _: Asked<PullQuery>) -> Result<Json<Pulls>, Fail> {
    Err(Fail::unbuilt())
}

/// One pull.
#[utoipa::path(get, path = "/api/v1/pulls/{id}", tag = "pulls",
    params(("id" = String, Path)),
    responses((status = 200, body = Pull), (status = "4XX", body = Failure)))]
pub async fn pull(_: Person, _: State<Office>, _: Named<OrderId>) -> Result<Json<Pull>, Fail> {
    Err(Fail::unbuilt())
}
