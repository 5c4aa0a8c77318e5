//! Routes of `openapi`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_document, document)
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "openapi",
    responses((status = 200, description = "See the summary.", content_type = "application/json"), (status = "4XX", body = Failure)))]
pub async fn document(_: Person, _: State<Office>) -> Result<Response, Fail> {
    Err(Fail::unbuilt())
}
