//! Routes of `sites`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_add_site, add_site).at(__path_site, site)
}

/// Makes a site.
#[utoipa::path(post, path = "/api/v1/sites", tag = "sites",
    request_body = AddSite,
    responses((status = 201, body = Site), (status = "4XX", body = Failure)))]
pub async fn add_site(_: Admin, _: State<Office>, _: Body<AddSite>) -> Result<Json<Site>, Fail> {
    Err(Fail::unbuilt())
}

/// One site.
#[utoipa::path(get, path = "/api/v1/sites/{id}", tag = "sites",
    params(("id" = String, Path)),
    responses((status = 200, body = Site), (status = "4XX", body = Failure)))]
pub async fn site(_: Person, _: State<Office>, _: Named<SiteId>) -> Result<Json<Site>, Fail> {
    Err(Fail::unbuilt())
}
