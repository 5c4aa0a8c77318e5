//! RTSPS: a CA made anew at every start, and a certificate under it.
//!
//! Belongs here: keys, the CA written out for whoever is to trust it. Does not: the listener (`run`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::PrivatePkcs8KeyDer;
use tokio_rustls::TlsAcceptor;

/// Why there is no RTSPS.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("cannot make the camera's certificate")]
    Make(#[from] rcgen::Error),
    #[error("cannot use the camera's certificate")]
    Use(#[from] rustls::Error),
    #[error("cannot write the camera's CA to {file}")]
    Write { file: PathBuf, source: std::io::Error },
}

/// Makes a CA, writes its certificate (PEM) to `ca_file`, and accepts connections for `hosts` under it.
pub fn acceptor(hosts: &[String], ca_file: &Path) -> Result<TlsAcceptor, TlsError> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.distinguished_name.push(DnType::CommonName, "Farwatch test camera CA");
    ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(ca, ca_key);

    let key = KeyPair::generate()?;
    let mut leaf = CertificateParams::new(hosts.to_vec())?;
    leaf.distinguished_name.push(DnType::CommonName, "Farwatch test camera");
    leaf.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    leaf.use_authority_key_identifier_extension = true;
    let leaf = leaf.signed_by(&key, &issuer)?;

    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![leaf.der().clone()], PrivatePkcs8KeyDer::from(key.serialize_der()).into())?;
    std::fs::write(ca_file, ca_pem).map_err(|source| TlsError::Write { file: ca_file.to_owned(), source })?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
