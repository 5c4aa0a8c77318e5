//! Who asks: a person with a session. How one is found in a request is in `api::who`.

use farwatch_shared::digest::Digest;
use farwatch_shared::id::PersonId;
use farwatch_shared::time::WallMs;

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

/// An administrator who is signed in. In this version everybody is.
#[derive(Debug, Clone)]
pub struct Admin(pub Person);
