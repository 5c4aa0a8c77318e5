//! The hub is believed when its chain leads to the certificate authority that was pinned at enrolment, and in no other case.
//!
//! Belongs here: the rustls verifier and the client configurations made with it. Does not: requests.

use std::sync::Arc;

use farwatch_shared::keys::Pin;
use farwatch_shared::time::WallMs;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert};
use x509_parser::prelude::{FromDer as _, X509Certificate};

use super::trusted::TrustedTime;

/// Verifies the hub's certificate against the pinned authority, by trusted time.
#[derive(Debug)]
pub struct HubVerifier {
    pin: Pin,
    /// The authority's certificate, once known. Before enrolment it is looked for in the chain.
    authority: Option<CertificateDer<'static>>,
    time: TrustedTime,
    provider: Arc<CryptoProvider>,
}

impl HubVerifier {
    /// A verifier for the authority whose key has this pin.
    #[must_use]
    pub fn new(pin: Pin, authority: Option<CertificateDer<'static>>, time: TrustedTime) -> Self {
        Self { pin, authority, time, provider: Arc::new(ring::default_provider()) }
    }

    /// Every certificate that the pin vouches for: the stored one, and those in the chain with the same key.
    fn authorities<'a>(&'a self, chain: &'a [CertificateDer<'a>]) -> Vec<&'a CertificateDer<'a>> {
        self.authority.iter().chain(chain).filter(|c| pin_of(c) == Some(self.pin)).take(4).collect()
    }
}

/// The pin of a certificate's key.
fn pin_of(certificate: &CertificateDer<'_>) -> Option<Pin> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    Some(Pin::of_spki_der(parsed.public_key().raw))
}

/// The first moment a certificate is valid.
fn not_before(certificate: &CertificateDer<'_>) -> WallMs {
    X509Certificate::from_der(certificate)
        .map_or(WallMs(0), |(_, c)| WallMs(c.validity().not_before.timestamp().saturating_mul(1000)))
}

impl ServerCertVerifier for HubVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let leaf = EndEntityCert::try_from(end_entity).map_err(bad)?;
        // Trusted time is a lower bound: a certificate made after it is young, not wrong.
        let at = self.time.now().max(not_before(end_entity));
        let at = UnixTime::since_unix_epoch(Duration::from_millis(u64::try_from(at.0).unwrap_or(0)));
        let mut reason = Error::InvalidCertificate(CertificateError::UnknownIssuer);
        for authority in self.authorities(intermediates) {
            let anchor = anchor_from_trusted_cert(authority).map_err(bad)?;
            let anchors = [anchor];
            let path = leaf.verify_for_usage(
                self.provider.signature_verification_algorithms.all,
                &anchors,
                intermediates,
                at,
                KeyUsage::server_auth(),
                None,
                None,
            );
            match path {
                Ok(_) => {
                    leaf.verify_is_valid_for_subject_name(server_name).map_err(bad)?;
                    return Ok(ServerCertVerified::assertion());
                }
                Err(error) => reason = bad(error),
            }
        }
        Err(reason)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

fn bad(error: webpki::Error) -> Error {
    let error = match error {
        webpki::Error::CertExpired { .. } => CertificateError::Expired,
        webpki::Error::CertNotValidYet { .. } => CertificateError::NotValidYet,
        webpki::Error::UnknownIssuer => CertificateError::UnknownIssuer,
        webpki::Error::CertNotValidForName(_) => CertificateError::NotValidForName,
        webpki::Error::InvalidSignatureForPublicKey => CertificateError::BadSignature,
        other => CertificateError::Other(rustls::OtherError(Arc::new(other))),
    };
    Error::InvalidCertificate(error)
}

/// A client configuration that believes the pinned hub only, with our certificate or without one.
///
/// # Errors
/// When the certificate and key do not belong together.
pub fn tls_config(
    verifier: HubVerifier,
    own: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
) -> Result<ClientConfig, Error> {
    let builder = ClientConfig::builder_with_provider(verifier.provider.clone())
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    match own {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_no_client_auth()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::time::{DAY_MS, SimClock};
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair, PublicKeyData as _, date_time_ymd};

    struct Authority {
        key: KeyPair,
        params: CertificateParams,
        der: CertificateDer<'static>,
    }

    fn authority() -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let der = params.self_signed(&key).unwrap().der().clone();
        Authority { key, params, der }
    }

    fn leaf(of: &Authority) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["hub.example".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2026, 12, 1);
        params.not_after = date_time_ymd(2027, 1, 1);
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
        let key = KeyPair::generate().unwrap();
        params.signed_by(&key, &Issuer::from_params(&of.params, &of.key)).unwrap().der().clone()
    }

    // 2026-12-15
    const NOW: WallMs = WallMs(1_797_292_800_000);

    fn verify(
        pin: Pin,
        at: WallMs,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &str,
    ) -> Result<(), Error> {
        let time = TrustedTime::unpersisted(SimClock::at(at).clock());
        let name = ServerName::try_from(name.to_owned()).unwrap();
        HubVerifier::new(pin, None, time)
            .verify_server_cert(leaf, chain, &name, &[], UnixTime::since_unix_epoch(Duration::ZERO))
            .map(|_| ())
    }

    // OPS-01
    #[test]
    fn only_a_chain_to_the_pinned_authority_is_believed() {
        let (ours, other) = (authority(), authority());
        let pin = Pin::of_spki_der(&ours.key.subject_public_key_info());
        let cert = leaf(&ours);
        assert_eq!(verify(pin, NOW, &cert, std::slice::from_ref(&ours.der), "hub.example"), Ok(()));
        assert_eq!(verify(pin, NOW, &cert, std::slice::from_ref(&ours.der), "127.0.0.1"), Ok(()));
        assert!(verify(pin, NOW, &cert, std::slice::from_ref(&ours.der), "other.example").is_err());
        assert!(verify(pin, NOW, &cert, &[], "hub.example").is_err(), "no authority in the chain");
        let forged = leaf(&other);
        for chain in [vec![other.der.clone()], vec![ours.der.clone()], vec![ours.der.clone(), other.der.clone()]] {
            assert!(verify(pin, NOW, &forged, &chain, "hub.example").is_err());
        }
    }

    #[test]
    fn expiry_is_judged_by_trusted_time_and_a_slow_clock_is_no_hindrance() {
        let ours = authority();
        let pin = Pin::of_spki_der(&ours.key.subject_public_key_info());
        let cert = leaf(&ours);
        let chain = std::slice::from_ref(&ours.der);
        assert_eq!(verify(pin, NOW.plus_ms(-40 * DAY_MS), &cert, chain, "hub.example"), Ok(()));
        let expired = Error::InvalidCertificate(CertificateError::Expired);
        assert_eq!(verify(pin, NOW.plus_ms(40 * DAY_MS), &cert, chain, "hub.example"), Err(expired));
    }
}
