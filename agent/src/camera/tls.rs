//! RTSPS: retina speaks plain TCP only, so its connection goes through a relay inside this process that speaks TLS to
//! the camera and checks its certificate against the authority given for that camera, and no other.

use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use url::Url;

use super::SourceError;

const DEFAULT_PORT: u16 = 322;

/// One connection's relay; ends when dropped.
pub(super) struct Relay {
    _task: JoinSet<()>,
}

impl Relay {
    /// Connects to the camera and gives the plain URL that leads through here.
    pub(super) async fn to(url: &Url, ca_pem: Option<&str>) -> Result<(Url, Self), SourceError> {
        let unsupported = |detail: &str| SourceError::Unsupported { detail: detail.into() };
        let unreachable = |error: &dyn std::error::Error| SourceError::Unreachable { detail: error.to_string() };
        let host = url.host_str().ok_or_else(|| unsupported("its url names no host"))?.trim_matches(['[', ']']);
        let name =
            ServerName::try_from(host.to_owned()).map_err(|_| unsupported("its host cannot be in a certificate"))?;
        let config = config(ca_pem)?;
        let port = url.port().unwrap_or(DEFAULT_PORT);
        let plain = TcpStream::connect((host, port)).await.map_err(|e| unreachable(&e))?;
        let tls = TlsConnector::from(config).connect(name, plain).await.map_err(|e| unreachable(&e))?;
        let door = TcpListener::bind(("127.0.0.1", 0)).await.map_err(|e| unreachable(&e))?;
        let at = door.local_addr().map_err(|e| unreachable(&e))?;
        let mut through = url.clone();
        // `rtsps` to `rtsp` by text: the url crate refuses to change between schemes it does not know.
        through = Url::parse(&through.as_str().replacen("rtsps://", "rtsp://", 1))
            .map_err(|_| unsupported("its url is not understood"))?;
        through.set_ip_host(at.ip()).map_err(|()| unsupported("its url is not understood"))?;
        through.set_port(Some(at.port())).map_err(|()| unsupported("its url is not understood"))?;
        let mut task = JoinSet::new();
        task.spawn(async move {
            // One connection only, and only from this machine.
            let Ok((mut inside, _)) = door.accept().await else { return };
            drop(door);
            let mut outside = tls;
            if let Err(error) = tokio::io::copy_bidirectional(&mut inside, &mut outside).await {
                tracing::debug!(%error, "the tls connection to a camera ended");
            }
        });
        Ok((through, Self { _task: task }))
    }
}

fn config(ca_pem: Option<&str>) -> Result<Arc<ClientConfig>, SourceError> {
    let refuse = |detail: &str| SourceError::Unsupported { detail: detail.into() };
    let pem = ca_pem.ok_or_else(|| refuse("rtsps needs the certificate of the camera's authority; add it"))?;
    let mut roots = RootCertStore::empty();
    for cert in CertificateDer::pem_slice_iter(pem.as_bytes()) {
        let cert = cert.map_err(|_| refuse("the authority's certificate is not PEM"))?;
        roots.add(cert).map_err(|_| refuse("the authority's certificate is not understood"))?;
    }
    if roots.is_empty() {
        return Err(refuse("the authority's PEM holds no certificate"));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| refuse("no tls version in common"))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(Arc::new(config))
}
