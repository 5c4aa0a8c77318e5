//! The description of all this.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_document, document)
}

/// This document.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "openapi", security(()),
    responses((status = 200, description = "OpenAPI 3.1.", content_type = "application/json")))]
async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(super::openapi())
}
