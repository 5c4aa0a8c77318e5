//! Routes of `tokens`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_tokens, tokens).at(__path_add_token, add_token)
}

/// Enrolment tokens, newest first.
#[utoipa::path(get, path = "/api/v1/tokens", tag = "tokens",
    responses((status = 200, body = Tokens), (status = "4XX", body = Failure)))]
pub async fn tokens(_: Person, _: State<Office>) -> Result<Json<Tokens>, Fail> {
    Err(Fail::unbuilt())
}

/// Makes an enrolment token.
#[utoipa::path(post, path = "/api/v1/tokens", tag = "tokens",
    request_body = AddToken,
    responses((status = 201, body = NewToken), (status = "4XX", body = Failure)))]
pub async fn add_token(_: Admin, _: State<Office>, _: Body<AddToken>) -> Result<Json<NewToken>, Fail> {
    Err(Fail::unbuilt())
}
