//! Signing in and out, and who is here.

use super::prelude::*;
use super::setup::with_cookie;
use crate::auth::{self, LIFE_MS, cookie};

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_sign_in, sign_in).at(__path_who, who).at(__path_sign_out, sign_out)
}

/// Signs in.
#[utoipa::path(post, path = "/api/v1/session", tag = "session", security(()), request_body = SignIn,
    responses((status = 200, body = Session), (status = "4XX", body = Failure)))]
async fn sign_in(
    State(office): State<Office>,
    take::From(from): take::From,
    Body(ask): Body<SignIn>,
) -> Result<impl IntoResponse, Fail> {
    let entered = auth::sign_in(&office, from, &ask.name, ask.password).await?;
    Ok((with_cookie(cookie::set(&entered.secret, LIFE_MS)), Json(session(&entered.person))))
}

/// Who is signed in.
#[utoipa::path(get, path = "/api/v1/session", tag = "session",
    responses((status = 200, body = Session), (status = "4XX", body = Failure)))]
async fn who(person: Person) -> Json<Session> {
    Json(session(&person))
}

/// Signs out. Its event streams end too.
#[utoipa::path(delete, path = "/api/v1/session", tag = "session",
    responses((status = 204, description = "Done; the cookie is taken away."), (status = "4XX", body = Failure)))]
async fn sign_out(person: Person, State(office): State<Office>) -> Result<impl IntoResponse, Fail> {
    auth::leave(&office, &person).await?;
    Ok((StatusCode::NO_CONTENT, with_cookie(cookie::clear())))
}

fn session(person: &Person) -> Session {
    Session { person: person.id, name: person.name.clone(), expires_ms: person.expires_ms }
}
