//! Routes of `fleet`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_fleet, fleet)
}

/// The whole fleet, present tense.
#[utoipa::path(get, path = "/api/v1/fleet", tag = "fleet",
    responses((status = 200, body = Fleet), (status = "4XX", body = Failure)))]
pub async fn fleet(_: Person, _: State<Office>) -> Result<Json<Fleet>, Fail> {
    Err(Fail::unbuilt())
}
