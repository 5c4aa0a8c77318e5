//! Routes of `holds`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_add_hold, add_hold)
}

/// Holds footage: it is not deleted, whatever the retention says.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/holds", tag = "holds",
    params(("id" = String, Path)),
    request_body = AddHold,
    responses((status = 201, body = Hold), (status = "4XX", body = Failure)))]
pub async fn add_hold(_: Admin, _: State<Office>, _: Named<CameraId>, _: Body<AddHold>) -> Result<Json<Hold>, Fail> {
    Err(Fail::unbuilt())
}
