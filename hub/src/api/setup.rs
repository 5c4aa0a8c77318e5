//! Routes of `setup`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_set_up, set_up)
}

/// Sets the hub up: the first administrator, by the one-time link.
#[utoipa::path(post, path = "/api/v1/setup", tag = "setup",
    request_body = SetUp,
    security(()),
    responses((status = 204, description = "Done."), (status = "4XX", body = Failure)))]
pub async fn set_up(_: State<Office>, _: Body<SetUp>) -> Result<StatusCode, Fail> {
    Err(Fail::unbuilt())
}
