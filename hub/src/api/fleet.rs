//! The fleet at a glance.

use super::prelude::*;
use super::show::Picture;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_fleet, fleet)
}

/// The whole fleet, present tense.
#[utoipa::path(get, path = "/api/v1/fleet", tag = "fleet",
    responses((status = 200, body = Fleet), (status = "4XX", body = Failure)))]
async fn fleet(_: Person, State(office): State<Office>) -> Result<Json<Fleet>, Fail> {
    Ok(Json(snapshot(&office).await?))
}

/// The fleet as a whole; also what an event stream begins with.
pub(super) async fn snapshot(office: &Office) -> crate::store::Result<Fleet> {
    let mut c = office.db.read().await?;
    let picture = Picture::take(&mut c, &office.fleet).await?;
    let hub = HubInfo {
        name: office.config.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        now_ms: office.clock.wall(),
    };
    Ok(picture.fleet(hub))
}
