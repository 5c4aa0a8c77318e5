//! Routes of `timeline`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_timeline, timeline)
}

/// The strip: what is kept, what is missing and why, what is held.
#[utoipa::path(get, path = "/api/v1/cameras/{id}/timeline", tag = "timeline",
    params(("id" = String, Path), TimelineQuery),
    responses((status = 200, body = Timeline), (status = "4XX", body = Failure)))]
pub async fn timeline(
    _: Person,
    _: State<Office>,
    _: Asked<TimelineQuery>,
    _: Named<CameraId>,
) -> Result<Json<Timeline>, Fail> {
    Err(Fail::unbuilt())
}
