//! Whether a camera's certificate is vouched for by the one authority given for it.
//!
//! GStreamer asks us about every certificate its own check refused; with an authority given, the system's are out of the
//! worker's reach (`sandbox`), so that is every one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farwatch_shared::time::Clock;
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::fail;
use crate::media::protocol::{Failure, FailureKind};

/// Longest chain looked at.
const CHAIN_LIMIT: usize = 8;

pub(super) struct Trust {
    anchors: Vec<CertificateDer<'static>>,
    host: Option<ServerName<'static>>,
    refused: AtomicBool,
}

impl Trust {
    pub(super) fn new(ca_pem: Option<&str>, host: &str) -> Result<Self, Failure> {
        let anchors = match ca_pem {
            None => Vec::new(),
            Some(pem) => CertificateDer::pem_slice_iter(pem.as_bytes())
                .collect::<Result<Vec<_>, _>>()
                .ok()
                .filter(|found| !found.is_empty())
                .ok_or_else(|| {
                    fail(FailureKind::Untrusted, "the authority given for the camera is no certificate in PEM form")
                })?,
        };
        let host = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).ok();
        Ok(Self { anchors, host, refused: AtomicBool::new(false) })
    }

    /// Whether a certificate was refused.
    pub(super) fn refused(&self) -> bool {
        self.refused.load(Ordering::SeqCst)
    }

    /// Answers `src` whenever it asks about a certificate.
    pub(super) fn watch(self: &Arc<Self>, src: &gst::Element) {
        let trust = self.clone();
        src.connect("accept-certificate", false, move |args| {
            let chain =
                args.get(2).and_then(|v| v.get::<glib::Object>().ok()).map(|leaf| chain(&leaf)).unwrap_or_default();
            let accepted = trust.accepts(&chain);
            if let Err(e) = &accepted {
                trust.refused.store(true, Ordering::SeqCst);
                eprintln!("the camera's certificate is refused: {e}");
            }
            Some(accepted.is_ok().to_value())
        });
    }

    fn accepts(&self, chain: &[CertificateDer<'_>]) -> Result<(), String> {
        let (Some((leaf, between)), Some(host)) = (chain.split_first(), &self.host) else {
            return Err("it came without a certificate, or the host has no name".to_owned());
        };
        if self.anchors.is_empty() {
            return Err("the system does not trust it and no authority is given for this camera".to_owned());
        }
        let anchors: Vec<_> = self.anchors.iter().filter_map(|a| webpki::anchor_from_trusted_cert(a).ok()).collect();
        let cert = webpki::EndEntityCert::try_from(leaf).map_err(|e| e.to_string())?;
        let now = Duration::from_millis(Clock::real().wall().0.max(0).unsigned_abs());
        let verified = cert.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            between,
            UnixTime::since_unix_epoch(now),
            webpki::KeyUsage::server_auth(),
            None,
            None,
        );
        match verified {
            Ok(_) => {}
            // The authority was given by a person for this one camera. A box whose clock is wrong, or a camera whose
            // certificate nobody renewed, must go on recording (CAP-01).
            Err(e @ (webpki::Error::CertExpired { .. } | webpki::Error::CertNotValidYet { .. })) => {
                eprintln!("the camera's certificate is accepted although out of date: {e}");
            }
            Err(e) => return Err(e.to_string()),
        }
        cert.verify_is_valid_for_subject_name(host).map_err(|e| e.to_string())
    }
}

/// The certificate and those that signed it, as far as the camera sent them.
fn chain(leaf: &glib::Object) -> Vec<CertificateDer<'static>> {
    let mut chain = Vec::new();
    let mut next = Some(leaf.clone());
    while let Some(cert) = next
        && chain.len() < CHAIN_LIMIT
        && cert.find_property("certificate-pem").is_some()
    {
        let pem = cert.property::<Option<String>>("certificate-pem").unwrap_or_default();
        let Ok(der) = CertificateDer::from_pem_slice(pem.as_bytes()) else { break };
        chain.push(der);
        next = cert.find_property("issuer").and_then(|_| cert.property::<Option<glib::Object>>("issuer"));
    }
    chain
}
