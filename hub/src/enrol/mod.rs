//! Tokens, certificates, renewal, revocation.
//!
//! Belongs here: making and spending an enrolment token ([`tokens`]), turning a request into an identity ([`join`],
//! [`renewal`]), and the gate that asks before every door whether a certificate still opens it ([`gate`]).
//! Does not: HTTP (`intake`), MQTT (`broker`), the CA's key (`keys`).

pub mod gate;
mod join;
mod renewal;
pub mod tokens;

use farwatch_shared::refusal::Refusal;

pub use gate::Gate;
pub use join::Joining;
pub use renewal::{RENEW_AFTER_EXPIRY_MS, Renewals};

use crate::keys::KeysError;
use crate::store::StoreError;

/// Why a box gets no certificate.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// For the box, in the words of the wire; `detail` for the log.
    #[error("{refusal}: {detail}")]
    Refused { refusal: Refusal, detail: String },
    #[error("the hub's database failed")]
    Store(#[from] StoreError),
    #[error("the hub's keys failed")]
    Keys(#[from] KeysError),
}

impl EnrolError {
    fn refused(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self::Refused { refusal, detail: detail.into() }
    }

    /// The word for the wire.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused { refusal, .. } => *refusal,
            Self::Store(_) => Refusal::Internal,
            Self::Keys(KeysError::Request(_)) => Refusal::Malformed,
            Self::Keys(_) => Refusal::Internal,
        }
    }
}
