//! Whether the hub answers at all: for balancers and service managers, without a session.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_healthz, healthz)
}

/// Whether the hub answers and its database reads.
#[utoipa::path(get, path = "/healthz", tag = "openapi", security(()),
    responses((status = 200, body = HubHealth), (status = 503, body = Failure)))]
async fn healthz(State(office): State<Office>) -> Result<Json<HubHealth>, Fail> {
    let mut c = office.db.read().await.map_err(unwell)?;
    crate::store::changes::newest(&mut c).await.map_err(unwell)?;
    Ok(Json(HubHealth { ok: true, version: env!("CARGO_PKG_VERSION").to_owned() }))
}

fn unwell(e: crate::store::StoreError) -> Fail {
    Fail { status: StatusCode::SERVICE_UNAVAILABLE, ..Fail::internal("reading its database", &e) }
}
