//! Routes of `views`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_add_view, add_view).at(__path_clip, clip).at(__path_segment, segment)
}

/// Opens a view. It is in the journal before the answer; without a reason there is none.
#[utoipa::path(post, path = "/api/v1/pulls/{id}/views", tag = "views",
    params(("id" = String, Path)),
    request_body = AddView,
    responses((status = 201, body = View), (status = "4XX", body = Failure)))]
pub async fn add_view(_: Admin, _: State<Office>, _: Named<OrderId>, _: Body<AddView>) -> Result<Json<View>, Fail> {
    Err(Fail::unbuilt())
}

/// What a view can play so far.
#[utoipa::path(get, path = "/api/v1/views/{view}/clip", tag = "views",
    params(("view" = String, Path)),
    responses((status = 200, body = Clip), (status = "4XX", body = Failure)))]
pub async fn clip(_: Person, _: State<Office>, _: Named<ViewId>) -> Result<Json<Clip>, Fail> {
    Err(Fail::unbuilt())
}

/// Bytes of one segment, as far as they have arrived. Takes `Range`.
#[utoipa::path(get, path = "/api/v1/views/{view}/segments/{n}", tag = "views",
    params(("view" = String, Path), ("n" = u32, Path)),
    responses((status = 206, description = "See the summary.", content_type = "video/mp4"), (status = "4XX", body = Failure)))]
pub async fn segment(_: Person, _: State<Office>, _: Named<(ViewId, u32)>) -> Result<Response, Fail> {
    Err(Fail::unbuilt())
}
