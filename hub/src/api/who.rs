//! The extractors: who asks. Every route names one of them first, so that nothing is read before it is known who asks.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::{Fail, Office};
use crate::auth::{Admin, Person, cookie, session};

impl FromRequestParts<Office> for Person {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Fail> {
        let secret = cookie::secret_of(&parts.headers).ok_or_else(Fail::no_session)?;
        session::find(&office.db, &secret, office.clock.wall()).await?.ok_or_else(Fail::no_session)
    }
}

impl FromRequestParts<Office> for Admin {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Fail> {
        Person::from_request_parts(parts, office).await.map(Admin)
    }
}
