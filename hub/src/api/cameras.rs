//! Routes of `cameras`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default()
        .at(__path_add_camera, add_camera)
        .at(__path_camera, camera)
        .at(__path_change_camera, change_camera)
}

/// Adds a camera to an agent.
#[utoipa::path(post, path = "/api/v1/agents/{id}/cameras", tag = "cameras",
    params(("id" = String, Path)),
    request_body = AddCamera,
    responses((status = 201, body = CameraDetail), (status = "4XX", body = Failure)))]
pub async fn add_camera(
    _: Admin,
    _: State<Office>,
    _: Named<AgentId>,
    _: Body<AddCamera>,
) -> Result<Json<CameraDetail>, Fail> {
    Err(Fail::unbuilt())
}

/// One camera in full.
#[utoipa::path(get, path = "/api/v1/cameras/{id}", tag = "cameras",
    params(("id" = String, Path)),
    responses((status = 200, body = CameraDetail), (status = "4XX", body = Failure)))]
pub async fn camera(_: Person, _: State<Office>, _: Named<CameraId>) -> Result<Json<CameraDetail>, Fail> {
    Err(Fail::unbuilt())
}

/// Changes a camera.
#[utoipa::path(patch, path = "/api/v1/cameras/{id}", tag = "cameras",
    params(("id" = String, Path)),
    request_body = ChangeCamera,
    responses((status = 200, body = CameraDetail), (status = "4XX", body = Failure)))]
pub async fn change_camera(
    _: Admin,
    _: State<Office>,
    _: Named<CameraId>,
    _: Body<ChangeCamera>,
) -> Result<Json<CameraDetail>, Fail> {
    Err(Fail::unbuilt())
}
