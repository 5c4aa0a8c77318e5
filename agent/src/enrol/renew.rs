//! The certificate is renewed at half life, and also after it has expired.
//!
//! Belongs here: when (`due_at`), and the one exchange. The old key signs the hub's nonce together with the new request, so
//! no client certificate is needed and an expired one is no hindrance. Does not: telling the uplink (`run`).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{RenewRequest, renew_message};
use rcgen::SigningKey as _;

use super::door::{Door, DoorError};
use super::identity::{HubFile, Identity, IdentityError};
use super::join::{is_for, new_key_and_request};
use super::trusted::TrustedTime;
use crate::config::Home;

/// Why a renewal failed. It is tried again while the certificate can still be followed.
#[derive(Debug, thiserror::Error)]
pub enum RenewError {
    #[error("the new key or its request cannot be made")]
    Request(#[from] rcgen::Error),
    #[error("the hub could not be asked, or refused")]
    Door(#[from] DoorError),
    #[error("the identity cannot be read or kept")]
    Identity(#[from] IdentityError),
    #[error("the hub gave a certificate that is not for this box's new key")]
    WrongCertificate,
}

/// When the certificate is due: at half its life, earlier or later by up to a tenth so that a fleet does not come at once.
///
/// `jitter` is 0..1000.
#[must_use]
pub fn due_at(validity: (WallMs, WallMs), jitter: u32) -> WallMs {
    let life = validity.1.since(validity.0).max(0);
    let tenth = life / 10;
    let offset = tenth * i64::from(jitter.min(1000)) / 1000 - tenth / 2;
    validity.0.plus_ms(life / 2 + offset)
}

/// One renewal.
pub struct Renewal<'a> {
    pub home: &'a Home,
    pub identity: &'a Identity,
    pub time: &'a TrustedTime,
    /// `host:port` of the agents' doors.
    pub hosts: Vec<String>,
}

impl Renewal<'_> {
    /// Asks for the next certificate and takes it into use.
    ///
    /// # Errors
    /// The old identity stays in force.
    pub async fn run(self) -> Result<Arc<Identity>, RenewError> {
        let door = Door::new(self.identity.tls_anonymous(self.time)?, self.hosts)?;
        let (key, csr) = new_key_and_request()?;
        Identity::write_next_key(self.home, &key.serialize_pem())?;
        let nonce = door.renew_nonce().await?.nonce;
        let signature = self.identity.tls_key()?.sign(&renew_message(&nonce, &csr))?;
        let request = RenewRequest {
            nonce,
            csr: STANDARD.encode(&csr),
            certificate: STANDARD.encode(self.identity.certificate()?),
            signature: STANDARD.encode(signature),
        };
        let answer = door.renew(&request).await?;
        if !is_for(&answer.certificate, &key, self.identity.hub.agent) {
            return Err(RenewError::WrongCertificate);
        }
        let hubs = if answer.hubs.is_empty() { self.identity.hub.hubs.clone() } else { answer.hubs };
        let hub = HubFile { hubs, ..self.identity.hub.clone() };
        Ok(Arc::new(Identity::write_renewed(self.home, &answer.certificate, &answer.ca, &hub)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::time::DAY_MS;

    #[test]
    fn a_certificate_is_due_about_half_life() {
        let validity = (WallMs(0), WallMs(30 * DAY_MS));
        assert_eq!(due_at(validity, 500), WallMs(15 * DAY_MS));
        assert!(due_at(validity, 0) >= WallMs(13 * DAY_MS));
        assert!(due_at(validity, 1000) <= WallMs(17 * DAY_MS));
    }
}
