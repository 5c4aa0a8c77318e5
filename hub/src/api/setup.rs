//! The first administrator comes in by a one-time link. There is no default password.

use axum::http::{HeaderValue, header};
use axum::response::AppendHeaders;

use super::prelude::*;
use crate::auth::{self, EnterError, LIFE_MS, cookie};

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_set_up, set_up)
}

/// Sets the hub up: makes the first administrator, by the one-time link, and signs in.
#[utoipa::path(post, path = "/api/v1/setup", tag = "session", security(()), request_body = SetUp,
    responses((status = 204, description = "Done; the session's cookie is set."), (status = "4XX", body = Failure)))]
async fn set_up(
    State(office): State<Office>,
    take::From(from): take::From,
    Body(ask): Body<SetUp>,
) -> Result<impl IntoResponse, Fail> {
    let name = take::name("person", &ask.name, 64)?;
    let entered = auth::set_up(&office, from, &ask.token, name, ask.password).await?;
    Ok((StatusCode::NO_CONTENT, with_cookie(cookie::set(&entered.secret, LIFE_MS))))
}

pub(super) fn with_cookie(value: HeaderValue) -> AppendHeaders<[(header::HeaderName, HeaderValue); 1]> {
    AppendHeaders([(header::SET_COOKIE, value)])
}

impl From<EnterError> for Fail {
    fn from(e: EnterError) -> Self {
        let said = e.to_string();
        match e {
            EnterError::BadLink => Self::forbidden(
                "bad_link",
                said,
                "sign in if somebody has set the hub up already; else make a new link on the hub's machine with: \
                 farwatch-hub link",
            ),
            EnterError::Wrong => Self::new(
                StatusCode::UNAUTHORIZED,
                "wrong_name_or_password",
                said,
                "check both and try again; after a few tries you have to wait",
            ),
            EnterError::Wait(seconds) => Self::too_many(seconds),
            EnterError::NameTaken => Self::conflict("taken", said, "choose another name"),
            EnterError::Password(auth::password::PasswordError::Hash(_)) => Self::internal("hashing a password", &e),
            EnterError::Password(_) => Self::bad("bad_password", said, "choose a longer sentence only you know"),
            EnterError::Key(_) => Self::internal("making a session", &e),
            EnterError::Store(e) => e.into(),
        }
    }
}
