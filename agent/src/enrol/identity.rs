//! The files under `identity/`: three keys, a certificate, the pins and where the hub is.
//!
//! Belongs here: reading and writing them so that a power cut leaves the old identity or the new one, never half of each.
//! Does not: getting a certificate (`join`, `renew`).

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farwatch_shared::id::AgentId;
use farwatch_shared::keys::{KeyError, OpenKey, Pin, SignKey, VerifyKey};
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::HubAddress;
use rcgen::{KeyPair, PublicKeyData as _};
use rustls::ClientConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use serde::{Deserialize, Serialize};
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

use super::pin::{HubVerifier, tls_config};
use super::trusted::TrustedTime;
use crate::config::{Home, make_private};
use crate::store::{replace_file, replace_json};

/// What is wrong with the identity on the disk.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    #[error("this box is not enrolled; run `farwatch-agent enrol` with the URL from the hub")]
    NotEnrolled,
    #[error("the identity file {path} cannot be read or written")]
    File { path: PathBuf, source: io::Error },
    #[error("the identity file {path} is damaged; restore it from a backup, or enrol this box again")]
    Damaged { path: PathBuf },
    #[error("the key in {path} cannot be used")]
    Key { path: PathBuf, source: KeyError },
    #[error("the certificate and the TLS key do not belong together; enrol this box again")]
    Mismatch,
    #[error("the TLS configuration cannot be made")]
    Tls(#[from] rustls::Error),
}

/// `hub.json`: who we are to whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubFile {
    pub agent: AgentId,
    pub hub_name: String,
    pub site_name: String,
    pub time_zone: String,
    /// Signs desired states and orders.
    pub document_key: VerifyKey,
    /// The customer's own root.
    pub owner_key: VerifyKey,
    /// Of the certificate authority of hub and agents.
    pub ca_pin: Pin,
    /// The `host:port` of the enrolment URL: the last resort when every later address fails.
    pub enrol_hosts: Vec<String>,
    pub hubs: Vec<HubAddress>,
}

/// A box's identity, in memory.
pub struct Identity {
    pub hub: HubFile,
    pub sign: SignKey,
    pub seal: OpenKey,
    certificate_pem: String,
    tls_key_pem: Zeroizing<String>,
    ca_pem: String,
}

impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Identity({})", self.hub.agent)
    }
}

/// The parts a new identity is made of.
pub(super) struct Parts {
    pub hub: HubFile,
    pub sign: SignKey,
    pub seal: OpenKey,
    pub certificate_pem: String,
    pub tls_key_pem: Zeroizing<String>,
    pub ca_pem: String,
}

impl Identity {
    /// Reads the identity, finishing a renewal that was cut short.
    ///
    /// # Errors
    /// Names the file that is missing or damaged.
    pub fn load(home: &Home) -> Result<Self, IdentityError> {
        let dir = home.identity();
        if !dir.join("hub.json").exists() {
            return Err(IdentityError::NotEnrolled);
        }
        let hub_json = read(&dir.join("hub.json"))?;
        let hub = serde_json::from_str(&hub_json).map_err(|_| IdentityError::Damaged { path: dir.join("hub.json") })?;
        let key_error = |name: &str| {
            let path = dir.join(name);
            move |source| IdentityError::Key { path: path.clone(), source }
        };
        let sign = SignKey::from_pem(&read(&dir.join("sign.key"))?).map_err(key_error("sign.key"))?;
        let seal_bytes = STANDARD
            .decode(read(&dir.join("seal.key"))?.trim())
            .map(Zeroizing::new)
            .map_err(|_| IdentityError::Damaged { path: dir.join("seal.key") })?;
        let seal = OpenKey::from_bytes(&seal_bytes).map_err(key_error("seal.key"))?;
        let certificate_pem = read(&dir.join("tls.crt"))?.to_string();
        let ca_pem = read(&dir.join("ca.pem"))?.to_string();
        let tls_key_pem = key_of_certificate(&dir, &certificate_pem)?;
        Ok(Self { hub, sign, seal, certificate_pem, tls_key_pem, ca_pem })
    }

    /// Writes a new identity; the directory appears whole or not at all.
    pub(super) fn write(home: &Home, parts: &Parts) -> Result<(), IdentityError> {
        let dir = home.identity();
        let fresh = home.root().join("identity.new");
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| IdentityError::File { path, source }
        };
        if fresh.exists() {
            std::fs::remove_dir_all(&fresh).map_err(at(&fresh))?;
        }
        make_private(&fresh).map_err(at(&fresh))?;
        let sign_pem =
            parts.sign.to_pem().map_err(|source| IdentityError::Key { path: fresh.join("sign.key"), source })?;
        let seal = Zeroizing::new(STANDARD.encode(&*parts.seal.to_bytes()));
        for (name, bytes) in [
            ("tls.key", parts.tls_key_pem.as_bytes()),
            ("tls.crt", parts.certificate_pem.as_bytes()),
            ("ca.pem", parts.ca_pem.as_bytes()),
            ("sign.key", sign_pem.as_bytes()),
            ("seal.key", seal.as_bytes()),
        ] {
            let path = fresh.join(name);
            replace_file(&path, bytes).map_err(at(&path))?;
        }
        replace_json(&fresh.join("hub.json"), &parts.hub).map_err(at(&fresh))?;
        std::fs::rename(&fresh, &dir).map_err(at(&dir))?;
        let root = home.root();
        std::fs::File::open(root).and_then(|d| d.sync_all()).map_err(at(root))
    }

    /// Keeps the key of a renewal before the hub hears of it.
    pub(super) fn write_next_key(home: &Home, pem: &str) -> Result<(), IdentityError> {
        let path = home.identity().join("tls.key.next");
        replace_file(&path, pem.as_bytes()).map_err(|source| IdentityError::File { path, source })
    }

    /// Takes a renewed certificate into use. The certificate decides which key is current.
    pub(super) fn write_renewed(
        home: &Home,
        certificate_pem: &str,
        ca_pem: &str,
        hub: &HubFile,
    ) -> Result<Self, IdentityError> {
        let dir = home.identity();
        let at = |path: PathBuf| move |source| IdentityError::File { path, source };
        replace_file(&dir.join("ca.pem"), ca_pem.as_bytes()).map_err(at(dir.join("ca.pem")))?;
        replace_json(&dir.join("hub.json"), hub).map_err(at(dir.join("hub.json")))?;
        replace_file(&dir.join("tls.crt"), certificate_pem.as_bytes()).map_err(at(dir.join("tls.crt")))?;
        Self::load(home)
    }

    /// Our certificate, DER.
    ///
    /// # Errors
    /// When the file does not hold one.
    pub fn certificate(&self) -> Result<CertificateDer<'static>, IdentityError> {
        CertificateDer::from_pem_slice(self.certificate_pem.as_bytes())
            .map_err(|_| IdentityError::Damaged { path: "tls.crt".into() })
    }

    pub(super) fn tls_key(&self) -> Result<KeyPair, IdentityError> {
        KeyPair::from_pem(&self.tls_key_pem).map_err(|_| IdentityError::Damaged { path: "tls.key".into() })
    }

    /// From and until when our certificate is valid.
    #[must_use]
    pub fn validity(&self) -> Option<(WallMs, WallMs)> {
        let der = self.certificate().ok()?;
        let (_, parsed) = X509Certificate::from_der(&der).ok()?;
        let ms = |t: x509_parser::time::ASN1Time| WallMs(t.timestamp().saturating_mul(1000));
        Some((ms(parsed.validity().not_before), ms(parsed.validity().not_after)))
    }

    fn authority(&self) -> Option<CertificateDer<'static>> {
        CertificateDer::from_pem_slice(self.ca_pem.as_bytes()).ok()
    }

    /// TLS towards the hub with our certificate.
    ///
    /// # Errors
    /// When key and certificate do not fit.
    pub fn tls(&self, time: &TrustedTime) -> Result<ClientConfig, IdentityError> {
        let key = PrivateKeyDer::from_pem_slice(self.tls_key_pem.as_bytes())
            .map_err(|_| IdentityError::Damaged { path: "tls.key".into() })?;
        let verifier = HubVerifier::new(self.hub.ca_pin, self.authority(), time.clone());
        Ok(tls_config(verifier, Some((vec![self.certificate()?], key)))?)
    }

    /// TLS towards the hub without a certificate: for a renewal after expiry.
    ///
    /// # Errors
    /// When rustls has no common protocol version, which does not happen.
    pub fn tls_anonymous(&self, time: &TrustedTime) -> Result<ClientConfig, IdentityError> {
        Ok(tls_config(HubVerifier::new(self.hub.ca_pin, self.authority(), time.clone()), None)?)
    }
}

fn read(path: &Path) -> Result<Zeroizing<String>, IdentityError> {
    std::fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|source| IdentityError::File { path: path.into(), source })
}

/// The key the certificate was made for: the current one, or the next one when a renewal stopped between two files.
fn key_of_certificate(dir: &Path, certificate_pem: &str) -> Result<Zeroizing<String>, IdentityError> {
    let der = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
        .map_err(|_| IdentityError::Damaged { path: dir.join("tls.crt") })?;
    let (_, parsed) =
        X509Certificate::from_der(&der).map_err(|_| IdentityError::Damaged { path: dir.join("tls.crt") })?;
    let fits =
        |pem: &str| KeyPair::from_pem(pem).is_ok_and(|key| key.subject_public_key_info() == parsed.public_key().raw);
    let (current, next) = (dir.join("tls.key"), dir.join("tls.key.next"));
    let pem = read(&current)?;
    if fits(&pem) {
        return Ok(pem);
    }
    let pem = read(&next).map_err(|_| IdentityError::Mismatch)?;
    if !fits(&pem) {
        return Err(IdentityError::Mismatch);
    }
    std::fs::rename(&next, &current).map_err(|source| IdentityError::File { path: current, source })?;
    Ok(pem)
}
