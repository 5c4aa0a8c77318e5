//! Certificates: the CA's own, the server's, agents'; and reading the one a peer shows.

use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farwatch_shared::id::AgentId;
use farwatch_shared::time::{DAY_MS, WallMs};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData as _, SerialNumber, date_time_ymd,
};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::{Keys, KeysError, files};

/// An agent's certificate lives this long.
pub const AGENT_DAYS: i64 = 30;
/// The server's.
const SERVER_DAYS: i64 = 90;
/// Renewed when less is left.
const SERVER_RENEW_DAYS: i64 = 30;
const CA_DAYS: i64 = 20 * 365;
/// Validity begins a little earlier, for clocks that run behind.
const EARLIER_MS: i64 = 3_600_000;

/// A new certificate.
#[derive(Debug, Clone)]
pub struct Issued {
    pub pem: String,
    /// Lower-case hex without leading zeros.
    pub serial: String,
    pub not_before_ms: WallMs,
    pub not_after_ms: WallMs,
}

fn params(cn: &str, from: WallMs, to: WallMs) -> Result<(CertificateParams, String), KeysError> {
    let mut serial = farwatch_shared::keys::random32()?;
    // Positive, and no leading zero digit: one spelling for every reader.
    serial[0] = (serial[0] & 0x6f) | 0x10;
    let mut p = CertificateParams::default();
    p.distinguished_name = DistinguishedName::new();
    p.distinguished_name.push(DnType::CommonName, cn);
    // rcgen's type for an instant is of a crate it does not re-export; it can be made, not named.
    p.not_before = date_time_ymd(1970, 1, 1) + since_1970(from);
    p.not_after = date_time_ymd(1970, 1, 1) + since_1970(to);
    p.serial_number = Some(SerialNumber::from_slice(&serial[..16]));
    p.use_authority_key_identifier_extension = true;
    Ok((p, hex::encode(&serial[..16])))
}

fn since_1970(at: WallMs) -> Duration {
    Duration::from_millis(u64::try_from(at.0).unwrap_or(0))
}

pub(super) fn ca_certificate(hub_name: &str, key: &KeyPair, now: WallMs) -> Result<String, KeysError> {
    let (mut p, _) = params("Farwatch CA", now.plus_ms(-EARLIER_MS), now.plus_ms(CA_DAYS * DAY_MS))?;
    p.distinguished_name.push(DnType::OrganizationName, hub_name.chars().take(60).collect::<String>());
    p.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    p.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature];
    Ok(p.self_signed(key)?.pem())
}

impl Keys {
    /// A certificate for an agent's TLS key. The request's own subject and extensions are ignored; its signature must hold
    /// and its key must be P-256.
    ///
    /// # Errors
    /// When the request is not one.
    pub fn issue_agent(&self, agent: AgentId, csr_der: &[u8], now: WallMs) -> Result<Issued, KeysError> {
        let csr = CertificateSigningRequestParams::from_der(&csr_der.into())
            .map_err(|_| KeysError::Request("it is not a PKCS#10 request signed by its own key"))?;
        if *csr.public_key.algorithm() != rcgen::PKCS_ECDSA_P256_SHA256 {
            return Err(KeysError::Request("its key is not P-256"));
        }
        let (from, to) = (now.plus_ms(-EARLIER_MS), now.plus_ms(AGENT_DAYS * DAY_MS));
        let (mut p, serial) = params(&agent.to_string(), from, to)?;
        p.is_ca = IsCa::ExplicitNoCa;
        p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        let cert = p.signed_by(&csr.public_key, &self.issuer)?;
        Ok(Issued { pem: cert.pem(), serial, not_before_ms: from, not_after_ms: to })
    }

    /// Makes the server's certificate anew when it is missing, near its end, or for other hosts. True when it did.
    ///
    /// # Errors
    /// When it cannot be made or written.
    pub fn ensure_server(&self, hosts: &[String], now: WallMs) -> Result<bool, KeysError> {
        let (cert_path, key_path) = self.server_paths();
        if key_path.exists() && fits(&cert_path, hosts, now) {
            return Ok(false);
        }
        let mut names = hosts.to_vec();
        names.extend(["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()]);
        names.dedup();
        let (mut p, _) = params(
            hosts.first().map_or("hub", String::as_str),
            now.plus_ms(-EARLIER_MS),
            now.plus_ms(SERVER_DAYS * DAY_MS),
        )?;
        p.subject_alt_names = CertificateParams::new(names)?.subject_alt_names;
        p.is_ca = IsCa::ExplicitNoCa;
        p.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        p.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate()?;
        let chain = format!("{}{}", p.signed_by(&key, &self.issuer)?.pem(), self.ca_pem());
        let io = |path: &Path| {
            let path = path.to_owned();
            move |source| KeysError::File { path, source }
        };
        // A crash between the two leaves a pair that does not fit; `fits` finds that and both are made anew.
        files::write_durably(&key_path, key.serialize_pem().as_bytes(), 0o600).map_err(io(&key_path))?;
        files::write_durably(&cert_path, chain.as_bytes(), 0o600).map_err(io(&cert_path))?;
        Ok(true)
    }
}

/// Whether the server certificate is good for these hosts and for some time to come, and belongs to the key beside it.
fn fits(cert_path: &Path, hosts: &[String], now: WallMs) -> bool {
    let Ok(pem) = std::fs::read(cert_path) else { return false };
    let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(&pem) else { return false };
    let Ok(cert) = pem.parse_x509() else { return false };
    let key = std::fs::read_to_string(cert_path.with_file_name("server.key")).ok();
    let same_key = key
        .and_then(|text| KeyPair::from_pem(&text).ok())
        .is_some_and(|key| key.subject_public_key_info() == cert.public_key().raw);
    let left = cert.validity().not_after.timestamp().saturating_mul(1000) - now.0;
    let Ok(Some(san)) = cert.subject_alternative_name() else { return false };
    let covers = |host: &String| {
        san.value.general_names.iter().any(|name| match name {
            x509_parser::extensions::GeneralName::DNSName(dns) => dns.eq_ignore_ascii_case(host),
            x509_parser::extensions::GeneralName::IPAddress(ip) => {
                host.parse().is_ok_and(|want: std::net::IpAddr| match want {
                    std::net::IpAddr::V4(v4) => v4.octets() == *ip,
                    std::net::IpAddr::V6(v6) => v6.octets() == *ip,
                })
            }
            _ => false,
        })
    };
    same_key && left > SERVER_RENEW_DAYS * DAY_MS && hosts.iter().all(covers)
}

/// Why a certificate is no agent's.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PeerError {
    #[error("it is not an X.509 certificate")]
    NotACertificate,
    #[error("its name {0:?} is not an agent's id")]
    NotAnAgent(String),
}

/// What an agent's certificate says. Whether the CA signed it is checked by TLS, or with [`Peer::signed_by_ca`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    pub agent: AgentId,
    /// Lower-case hex without leading zeros.
    pub serial: String,
    pub not_after_ms: WallMs,
    /// The public key's point, for checking signatures: SEC1, uncompressed.
    pub point: Vec<u8>,
}

impl Peer {
    /// # Errors
    /// When the bytes are not an agent's certificate.
    pub fn read(der: &[u8]) -> Result<Self, PeerError> {
        let (rest, cert) = X509Certificate::from_der(der).map_err(|_| PeerError::NotACertificate)?;
        if !rest.is_empty() {
            return Err(PeerError::NotACertificate);
        }
        let cn = cert.subject().iter_common_name().next().and_then(|cn| cn.as_str().ok()).unwrap_or_default();
        Ok(Self {
            agent: cn.parse().map_err(|_| PeerError::NotAnAgent(cn.chars().take(64).collect()))?,
            serial: cert.serial.to_str_radix(16),
            not_after_ms: WallMs(cert.validity().not_after.timestamp().saturating_mul(1000)),
            point: cert.public_key().subject_public_key.data.to_vec(),
        })
    }

    /// Whether the hub's CA signed these bytes, whatever the certificate's validity.
    #[must_use]
    pub fn signed_by_ca(der: &[u8], keys: &Keys) -> bool {
        let Ok((_, pem)) = x509_parser::pem::parse_x509_pem(keys.ca_pem().as_bytes()) else { return false };
        let (Ok(ca), Ok((_, cert))) = (pem.parse_x509(), X509Certificate::from_der(der)) else { return false };
        cert.verify_signature(Some(ca.public_key())).is_ok()
    }
}

/// DER of a base64 text.
///
/// # Errors
/// When it is not base64.
pub fn der_of(text: &str) -> Result<Vec<u8>, KeysError> {
    STANDARD.decode(text).map_err(|_| KeysError::Request("it is not base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: WallMs = WallMs(1_795_510_800_000);

    fn keys() -> (Keys, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        Keys::make(&dir.path().join("keys"), "HQ", NOW).unwrap();
        (Keys::load(&dir.path().join("keys")).unwrap(), dir)
    }

    #[test]
    fn an_agents_certificate_names_the_agent_whatever_the_request_says() {
        let (keys, _dir) = keys();
        let key = KeyPair::generate().unwrap();
        let mut p = CertificateParams::new(vec!["evil.example".to_owned()]).unwrap();
        p.distinguished_name.push(DnType::CommonName, "somebody else");
        p.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let csr = p.serialize_request(&key).unwrap();
        let agent = AgentId::generate();
        let issued = keys.issue_agent(agent, csr.der(), NOW).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(issued.pem.as_bytes()).unwrap();
        let peer = Peer::read(&pem.contents).unwrap();
        assert_eq!((peer.agent, &peer.serial), (agent, &issued.serial));
        assert_eq!(peer.not_after_ms, NOW.plus_ms(30 * DAY_MS));
        assert!(Peer::signed_by_ca(&pem.contents, &keys));
        let cert = pem.parse_x509().unwrap();
        assert!(!cert.is_ca() && cert.subject_alternative_name().unwrap().is_none());

        let (other, _dir) = self::keys();
        assert!(!Peer::signed_by_ca(&pem.contents, &other));
        let ed = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        let csr = CertificateParams::default().serialize_request(&ed).unwrap();
        assert!(keys.issue_agent(agent, csr.der(), NOW).is_err());
    }

    #[test]
    fn the_server_certificate_is_renewed_in_time_and_for_new_hosts() {
        let (keys, _dir) = keys();
        let hosts = vec!["hub.example".to_owned(), "10.0.0.2".to_owned()];
        assert!(keys.ensure_server(&hosts, NOW).unwrap());
        assert!(!keys.ensure_server(&hosts, NOW.plus_ms(59 * DAY_MS)).unwrap());
        assert!(keys.ensure_server(&hosts, NOW.plus_ms(61 * DAY_MS)).unwrap());
        let more = vec!["hub.example".to_owned(), "10.0.0.3".to_owned()];
        assert!(keys.ensure_server(&more, NOW.plus_ms(61 * DAY_MS)).unwrap());
    }
}
