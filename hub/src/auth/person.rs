//! The extractors: who asks.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use farwatch_shared::id::PersonId;

use crate::api::{Fail, Office};

/// Somebody who is signed in.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: PersonId,
    pub name: String,
}

impl FromRequestParts<Office> for Person {
    type Rejection = Fail;

    async fn from_request_parts(_: &mut Parts, _: &Office) -> Result<Self, Fail> {
        Err(Fail::no_session())
    }
}

/// An administrator who is signed in.
#[derive(Debug, Clone)]
pub struct Admin(pub Person);

impl FromRequestParts<Office> for Admin {
    type Rejection = Fail;

    async fn from_request_parts(parts: &mut Parts, office: &Office) -> Result<Self, Fail> {
        Person::from_request_parts(parts, office).await.map(Admin)
    }
}
