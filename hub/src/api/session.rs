//! Routes of `session`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_sign_in, sign_in).at(__path_who, who).at(__path_sign_out, sign_out)
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/session", tag = "session",
    request_body = SignIn,
    security(()),
    responses((status = 200, body = Session), (status = "4XX", body = Failure)))]
pub async fn sign_in(_: State<Office>, _: Body<SignIn>) -> Result<Json<Session>, Fail> {
    Err(Fail::unbuilt())
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = Session), (status = "4XX", body = Failure)))]
pub async fn who(_: Person, _: State<Office>) -> Result<Json<Session>, Fail> {
    Err(Fail::unbuilt())
}

/// Signs out.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "Done."), (status = "4XX", body = Failure)))]
pub async fn sign_out(_: Person, _: State<Office>) -> Result<StatusCode, Fail> {
    Err(Fail::unbuilt())
}
