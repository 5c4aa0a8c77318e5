//! The extractors: who asks. Every route names one of them first, so that nothing is read before it is known who asks.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use farwatch_shared::digest::Digest;
use farwatch_shared::id::PersonId;
use farwatch_shared::time::WallMs;

use super::{cookie, session};
use crate::api::{Fail, Office};
use crate::audit::Actor;

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
    /// Hash of the session's secret.
    pub session: Digest,
    /// When the session ends unless it is used again.
    pub expires_ms: WallMs,
}

impl Person {
    /// As the journal names the person.
    #[must_use]
    pub fn actor(&self) -> Actor {
        Actor::Person(self.id)
    }
}

impl FromRequestParts<Office> for Person {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Fail> {
        let secret = cookie::secret_of(&parts.headers).ok_or_else(Fail::no_session)?;
        session::find(&office.db, &secret, office.clock.wall()).await?.ok_or_else(Fail::no_session)
    }
}

/// An administrator who is signed in. In this version everybody is.
#[derive(Debug, Clone)]
pub struct Admin(pub Person);

impl FromRequestParts<Office> for Admin {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Fail> {
        Person::from_request_parts(parts, office).await.map(Admin)
    }
}
