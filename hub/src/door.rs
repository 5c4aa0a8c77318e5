//! HTTPS doors: TCP accept, TLS, HTTP, with bounds everywhere.
//!
//! Belongs here: the accept loop both doors share, its time limits, the certificate that is read again when its file
//! changes. Does not: routes (`intake`, `api`), who may do what.
//!
//! Bounds: 8,192 connections per door; 10 s for the TLS handshake; 15 s for a request's head; a connection that is idle
//! or sends its head too slowly is closed. Bodies are bounded by who reads them.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use hyper::body::{Body, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use rustls::RootCertStore;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::Service;
use tracing::{debug, warn};

use crate::keys::Peer;

const CONNECTIONS: usize = 8192;
const HANDSHAKE: Duration = Duration::from_secs(10);
const HEAD: Duration = Duration::from_secs(15);
/// Requests under way when the hub stops get this long.
const DRAIN: Duration = Duration::from_secs(5);

/// Who is at the other end; an extension of every request.
#[derive(Debug, Clone)]
pub struct Remote {
    pub address: SocketAddr,
    /// The agent's certificate, where the door takes one and one was shown.
    pub peer: Option<Peer>,
}

/// What can be wrong with a door.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error("cannot listen on {address}; is another hub running, or the port taken")]
    Listen {
        address: SocketAddr,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} is not a usable certificate or key")]
    Certificate { path: PathBuf },
    #[error("TLS cannot be set up")]
    Tls(#[from] rustls::Error),
}

/// A certificate from two files, read again when they change.
#[derive(Debug)]
pub struct Certificate {
    chain: PathBuf,
    key: PathBuf,
    current: RwLock<(Arc<CertifiedKey>, Option<SystemTime>)>,
}

impl Certificate {
    /// # Errors
    /// When a file is missing or not PEM of a pair.
    pub fn load(chain: PathBuf, key: PathBuf) -> Result<Arc<Self>, DoorError> {
        let pair = read_pair(&chain, &key)?;
        let stamp = stamp(&chain);
        Ok(Arc::new(Self { chain, key, current: RwLock::new((pair, stamp)) }))
    }

    /// Takes the files again if they changed. A pair that cannot be used leaves the old one in place.
    pub fn refresh(&self) {
        let now = stamp(&self.chain);
        if self.current().1 == now {
            return;
        }
        match read_pair(&self.chain, &self.key) {
            Ok(pair) => *self.current.write().unwrap_or_else(std::sync::PoisonError::into_inner) = (pair, now),
            Err(e) => warn!(error = %e, "the changed certificate cannot be used; the old one stays"),
        }
    }

    fn current(&self) -> (Arc<CertifiedKey>, Option<SystemTime>) {
        self.current.read().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current().0)
    }
}

fn stamp(path: &PathBuf) -> Option<SystemTime> {
    std::fs::metadata(path).and_then(|m| m.modified()).ok()
}

fn read_pair(chain: &PathBuf, key: &PathBuf) -> Result<Arc<CertifiedKey>, DoorError> {
    let bad = |path: &PathBuf| DoorError::Certificate { path: path.clone() };
    let certs: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(chain).and_then(Iterator::collect).map_err(|_| bad(chain))?;
    let der = PrivateKeyDer::from_pem_file(key).map_err(|_| bad(key))?;
    let signing = rustls::crypto::aws_lc_rs::sign::any_supported_type(&der).map_err(|_| bad(key))?;
    let pair = CertifiedKey::new(certs, signing);
    // Renewal writes two files; between the two they do not fit.
    pair.keys_match().map_err(|_| bad(chain))?;
    Ok(Arc::new(pair))
}

/// Whose certificates a door takes.
pub enum Peers {
    /// Nobody's: people sign in.
    None,
    /// The CA's of this PEM, but one need not be shown.
    Optional { ca_pem: String },
}

/// A door that listens and is not yet served.
pub struct Door {
    listener: TcpListener,
    tls: TlsAcceptor,
    pub address: SocketAddr,
}

impl Door {
    /// # Errors
    /// When the address is taken, or TLS cannot be set up.
    pub async fn open(address: SocketAddr, certificate: Arc<Certificate>, peers: Peers) -> Result<Self, DoorError> {
        let failed = |source| DoorError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            rustls::ServerConfig::builder_with_provider(provider.clone()).with_safe_default_protocol_versions()?;
        let builder = match peers {
            Peers::None => builder.with_no_client_auth(),
            Peers::Optional { ca_pem } => {
                let mut roots = RootCertStore::empty();
                for ca in CertificateDer::pem_slice_iter(ca_pem.as_bytes()).flatten() {
                    roots.add(ca)?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .allow_unauthenticated()
                    .build()
                    .map_err(|e| rustls::Error::General(e.to_string()))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut config = builder.with_cert_resolver(certificate);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Self { listener, tls: TlsAcceptor::from(Arc::new(config)), address })
    }

    /// Serves until stopped, then lets requests under way end for 5 s.
    pub async fn serve<S, B>(self, service: S, stop: CancellationToken)
    where
        S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
        S::Future: Send + 'static,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        let places = Arc::new(Semaphore::new(CONNECTIONS));
        let connections = TaskTracker::new();
        loop {
            // A place first: when all are taken, the kernel's queue waits, bounded, and the stalled time out.
            let Ok(place) = places.clone().acquire_owned().await else { break };
            let accepted = tokio::select! {
                biased;
                () = stop.cancelled() => break,
                accepted = self.listener.accept() => accepted,
            };
            let (socket, address) = match accepted {
                Ok(pair) => pair,
                Err(e) => {
                    // Out of descriptors, most likely: connections that end make room.
                    warn!(error = %e, "a connection could not be accepted");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let (tls, service, stop) = (self.tls.clone(), service.clone(), stop.clone());
            connections.spawn(async move {
                if let Err(e) = connection(socket, address, tls, service, stop).await {
                    debug!(%address, error = %e, "a connection ended");
                }
                drop(place);
            });
        }
        connections.close();
        let _ = tokio::time::timeout(DRAIN, connections.wait()).await;
    }
}

async fn connection<S, B>(
    socket: TcpStream,
    address: SocketAddr,
    tls: TlsAcceptor,
    service: S,
    stop: CancellationToken,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    socket.set_nodelay(true)?;
    let stream = tokio::time::timeout(HANDSHAKE, tls.accept(socket)).await??;
    let peer = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).map(|der| Peer::read(der));
    let remote = Remote { address, peer: peer.transpose()? };
    let handle = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(remote.clone());
        let mut service = service.clone();
        async move {
            // Routers are always ready.
            std::future::poll_fn(|cx| service.poll_ready(cx)).await?;
            service.call(request).await
        }
    });
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HEAD).max_buf_size(64 << 10);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(64)
        .max_header_list_size(64 << 10)
        .keep_alive_interval(Some(Duration::from_secs(20)))
        .keep_alive_timeout(Duration::from_secs(20));
    let served = builder.serve_connection(TokioIo::new(stream), handle);
    tokio::pin!(served);
    tokio::select! {
        ended = served.as_mut() => return ended,
        () = stop.cancelled() => served.as_mut().graceful_shutdown(),
    }
    served.await
}
