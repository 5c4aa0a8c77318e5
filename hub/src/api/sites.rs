//! Sites: places with cameras, each in one time zone.

use super::prelude::*;
use super::show::Picture;
use crate::audit::Entry;
use crate::store::changes::Kind;
use crate::store::sites::SiteRow;
use crate::store::{changes, sites};

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_add_site, add_site).at(__path_site, site)
}

/// Makes a site.
#[utoipa::path(post, path = "/api/v1/sites", tag = "sites", request_body = AddSite,
    responses((status = 201, body = Site), (status = "4XX", body = Failure)))]
async fn add_site(
    Admin(person): Admin,
    State(office): State<Office>,
    Body(ask): Body<AddSite>,
) -> Result<(StatusCode, Json<Site>), Fail> {
    let now = office.clock.wall();
    let row = SiteRow {
        site: SiteId::generate(),
        name: take::name("site", &ask.name, 100)?,
        time_zone: crate::policy::time_zone(ask.time_zone.trim())?,
        created_ms: now,
    };
    let entry = Entry::done(now, person.actor(), "site.add", row.site)
        .with("name", row.name.clone())
        .with("time_zone", row.time_zone.clone());
    let made = Site {
        id: row.site,
        name: row.name.clone(),
        time_zone: row.time_zone.clone(),
        agents: Vec::new(),
        cameras: Vec::new(),
    };
    office
        .deed(entry, move |c| {
            Box::pin(async move {
                sites::insert(c, &row).await?;
                Ok(changes::note(c, Kind::Site, &row.site.to_string(), now).await?)
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// One site.
#[utoipa::path(get, path = "/api/v1/sites/{id}", tag = "sites", params(("id" = String, Path)),
    responses((status = 200, body = Site), (status = "4XX", body = Failure)))]
async fn site(_: Person, State(office): State<Office>, Named(id): Named<SiteId>) -> Result<Json<Site>, Fail> {
    let picture = Picture::take(&mut *office.db.read().await?, &office.fleet).await?;
    picture.sites().into_iter().find(|site| site.id == id).map(Json).ok_or_else(|| Fail::not_found("site"))
}
