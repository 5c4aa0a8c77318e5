//! A box asks for its next certificate, before or up to 180 days after the end of the last.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use farwatch_shared::id::AgentId;
use farwatch_shared::keys::random32;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::{Clock, DAY_MS, WallMs};
use farwatch_shared::wire::latest::{HubAddress, RenewAnswer, RenewNonce, RenewRequest, renew_message};
use rustls::SignatureScheme;

use super::{EnrolError, join};
use crate::audit::{self, Actor, Entry};
use crate::keys::{Keys, Peer, der_of};
use crate::store::{self, Db};

/// How long after its end a certificate may still be followed by another.
pub const RENEW_AFTER_EXPIRY_MS: i64 = 180 * DAY_MS;
/// A nonce is good for this long.
const NONCE_MS: i64 = 300_000;
/// Nonces open at once; above that the oldest go.
const NONCES: usize = 20_000;

/// What renewing needs.
#[derive(Clone)]
pub struct Renewals {
    pub db: Db,
    pub keys: Arc<Keys>,
    pub clock: Clock,
    pub hubs: Vec<HubAddress>,
    nonces: Arc<Mutex<HashMap<String, WallMs>>>,
}

impl Renewals {
    #[must_use]
    pub fn new(db: Db, keys: Arc<Keys>, clock: Clock, hubs: Vec<HubAddress>) -> Self {
        Self { db, keys, clock, hubs, nonces: Arc::default() }
    }

    /// A fresh nonce, for one renewal within five minutes. Kept in memory: after a restart the box asks for another.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn nonce(&self) -> Result<RenewNonce, EnrolError> {
        let now = self.clock.wall();
        let nonce = URL_SAFE_NO_PAD.encode(random32().map_err(crate::keys::KeysError::from)?);
        let mut nonces = self.nonces();
        if nonces.len() >= NONCES {
            nonces.retain(|_, made| now.since(*made) < NONCE_MS);
        }
        if nonces.len() >= NONCES {
            return Err(EnrolError::refused(Refusal::TooMany, "too many renewals at once"));
        }
        nonces.insert(nonce.clone(), now);
        Ok(RenewNonce { nonce })
    }

    fn nonces(&self) -> std::sync::MutexGuard<'_, HashMap<String, WallMs>> {
        self.nonces.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn spend(&self, nonce: &str, now: WallMs) -> Result<(), EnrolError> {
        match self.nonces().remove(nonce) {
            Some(made) if (0..NONCE_MS).contains(&now.since(made)) => Ok(()),
            _ => Err(EnrolError::refused(Refusal::AlreadySpent, "the nonce is unknown, spent or too old")),
        }
    }

    /// Checks that the asker holds the old key and that the agent is in good standing; issues the next certificate.
    ///
    /// # Errors
    /// [`Refusal::Revoked`], [`Refusal::Expired`], [`Refusal::BadSignature`], [`Refusal::AlreadySpent`].
    pub async fn renew(&self, request: RenewRequest) -> Result<(AgentId, RenewAnswer), EnrolError> {
        let now = self.clock.wall();
        self.spend(&request.nonce, now)?;
        let (old, csr) = (der_of(&request.certificate)?, der_of(&request.csr)?);
        let signature = STANDARD
            .decode(&request.signature)
            .map_err(|_| EnrolError::refused(Refusal::Malformed, "the signature is not base64"))?;
        let peer = Peer::read(&old).map_err(|e| EnrolError::refused(Refusal::Malformed, e.to_string()))?;
        if !Peer::signed_by_ca(&old, &self.keys) {
            return Err(EnrolError::refused(Refusal::BadSignature, "the old certificate is not of this hub"));
        }
        if !signed(&peer.point, &renew_message(&request.nonce, &csr), &signature) {
            return Err(EnrolError::refused(Refusal::BadSignature, "the old key did not sign the request"));
        }
        if now.since(peer.not_after_ms) > RENEW_AFTER_EXPIRY_MS {
            return Err(EnrolError::refused(
                Refusal::Expired,
                "the certificate ended more than 180 days ago; enrol anew",
            ));
        }
        self.in_good_standing(&peer).await?;
        let issued = self.keys.issue_agent(peer.agent, &csr, now)?;
        let cert = join::certificate_row(peer.agent, &issued, now);
        let entry = Entry::done(now, Actor::Agent(peer.agent), "agent.renew", peer.agent)
            .with("serial", cert.serial.as_str())
            .with("follows", peer.serial.as_str());
        self.db
            .write(move |c| {
                Box::pin(async move {
                    store::certificates::insert(c, &cert).await?;
                    audit::append(c, &entry).await
                })
            })
            .await?;
        let answer =
            RenewAnswer { certificate: issued.pem, ca: self.keys.ca_pem().to_owned(), hubs: self.hubs.clone() };
        Ok((peer.agent, answer))
    }

    async fn in_good_standing(&self, peer: &Peer) -> Result<(), EnrolError> {
        let mut c = self.db.read().await?;
        let agent = store::agents::find(&mut c, peer.agent).await?;
        let cert = store::certificates::by_serial(&mut c, &peer.serial).await?;
        match (agent, cert) {
            (Some(agent), Some(cert)) if cert.agent == peer.agent => {
                if agent.revoked_ms.is_some() || cert.revoked_ms.is_some() {
                    return Err(EnrolError::refused(Refusal::Revoked, "revoked"));
                }
                Ok(())
            }
            _ => Err(EnrolError::refused(Refusal::NotYours, "the hub does not know this certificate")),
        }
    }
}

/// Whether the key of this SEC1 point made this ECDSA P-256/SHA-256 signature (ASN.1).
fn signed(point: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let algorithms = rustls::crypto::aws_lc_rs::default_provider().signature_verification_algorithms;
    algorithms
        .mapping
        .iter()
        .filter(|(scheme, _)| *scheme == SignatureScheme::ECDSA_NISTP256_SHA256)
        .flat_map(|(_, algorithms)| algorithms.iter())
        .any(|algorithm| algorithm.verify_signature(point, message, signature).is_ok())
}
