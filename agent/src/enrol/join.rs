//! Enrolment: a URL with a token becomes an identity.
//!
//! Belongs here: making the keys, asking the hub, checking both pins, writing the identity. Does not: reading the URL from a
//! person (`main`).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farwatch_shared::id::AgentId;
use farwatch_shared::keys::{KeyError, OpenKey, SignKey};
use farwatch_shared::wire::latest::{EnrolRequest, EnrolUrl};
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData as _};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::door::{Door, DoorError};
use super::identity::{HubFile, Identity, IdentityError, Parts};
use super::pin::{HubVerifier, tls_config};
use super::trusted::TrustedTime;
use crate::config::Home;

/// Why a box could not join.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    #[error(
        "this box is already enrolled as agent {agent}; move {path} away first if it is to join anew",
        path = path.display()
    )]
    AlreadyEnrolled { agent: AgentId, path: std::path::PathBuf },
    #[error("a key cannot be made")]
    Key(#[from] KeyError),
    #[error("the certificate request cannot be made")]
    Request(#[from] rcgen::Error),
    #[error("the hub gave another owner key than the enrolment URL names; do not trust it, and tell the owner")]
    WrongOwner,
    #[error("the hub gave a certificate that is not for this box's key and name; ask for a new enrolment URL")]
    WrongCertificate,
    #[error("the hub could not be asked")]
    Door(#[from] DoorError),
    #[error("the TLS configuration cannot be made")]
    Tls(#[from] rustls::Error),
    #[error("the identity cannot be kept")]
    Identity(#[from] IdentityError),
}

/// What a technician wants to read after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    pub agent: AgentId,
    pub hub: String,
    pub site: String,
}

/// Joins the hub of the URL. The token is spent by it.
///
/// # Errors
/// Says what to do next; nothing is written then.
pub async fn join(home: &Home, url: &EnrolUrl, time: &TrustedTime) -> Result<Joined, JoinError> {
    if let Ok(identity) = Identity::load(home) {
        return Err(JoinError::AlreadyEnrolled { agent: identity.hub.agent, path: home.identity() });
    }
    let sign = SignKey::generate()?;
    let seal = OpenKey::generate();
    let (tls_key, csr) = new_key_and_request()?;
    let request = EnrolRequest {
        token: url.token.clone(),
        csr: STANDARD.encode(&csr),
        signing_key: sign.public(),
        sealing_key: seal.public(),
        proof: STANDARD.encode(sign.sign(&csr)),
        hostname: hostname(),
        version: env!("CARGO_PKG_VERSION").into(),
        target: target(),
    };
    let door = Door::new(tls_config(HubVerifier::new(url.ca, None, time.clone()), None)?, url.hosts.clone())?;
    let answer = door.enrol(&request).await?;
    if answer.owner_key.id() != url.owner {
        return Err(JoinError::WrongOwner);
    }
    if !is_for(&answer.certificate, &tls_key, answer.agent) {
        return Err(JoinError::WrongCertificate);
    }
    let joined = Joined { agent: answer.agent, hub: answer.hub_name.clone(), site: answer.site_name.clone() };
    let hub = HubFile {
        agent: answer.agent,
        hub_name: answer.hub_name,
        site_name: answer.site_name,
        time_zone: answer.time_zone,
        document_key: answer.document_key,
        owner_key: answer.owner_key,
        ca_pin: url.ca,
        enrol_hosts: url.hosts.clone(),
        hubs: answer.hubs,
    };
    let parts = Parts {
        hub,
        sign,
        seal,
        certificate_pem: answer.certificate,
        tls_key_pem: Zeroizing::new(tls_key.serialize_pem()),
        ca_pem: answer.ca,
    };
    Identity::write(home, &parts)?;
    time.begin_at(answer.now_ms);
    Ok(joined)
}

/// A new P-256 key and a certificate request for it, DER. The hub gives the name.
pub(super) fn new_key_and_request() -> Result<(KeyPair, Vec<u8>), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let request = CertificateParams::new(Vec::new())?.serialize_request(&key)?;
    Ok((key, request.der().to_vec()))
}

/// Whether a certificate is for this key and carries this agent as its name.
pub(super) fn is_for(pem: &str, key: &KeyPair, agent: AgentId) -> bool {
    let Ok(der) = CertificateDer::from_pem_slice(pem.as_bytes()) else { return false };
    let Ok((_, parsed)) = X509Certificate::from_der(&der) else { return false };
    let name = agent.to_string();
    parsed.public_key().raw == key.subject_public_key_info()
        && parsed.subject().iter_common_name().any(|cn| cn.as_str().is_ok_and(|cn| cn == name))
}

/// The kernel's name of this machine.
#[must_use]
pub fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// `x86_64-unknown-linux-gnu` and the like, as far as it can be known.
#[must_use]
pub fn target() -> String {
    format!("{}-unknown-linux-{}", std::env::consts::ARCH, if cfg!(target_env = "musl") { "musl" } else { "gnu" })
}
