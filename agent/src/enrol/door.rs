//! The agents' HTTPS door, seen from outside.
//!
//! Belongs here: requests and what their answers mean, hosts tried in turn. Does not: why a request is made.
//! Proxies: `HTTPS_PROXY` is honoured (HTTP CONNECT).

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use farwatch_shared::digest::Digest;
use farwatch_shared::id::OrderId;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::wire::latest::{EnrolAnswer, EnrolRequest, RefusalAnswer, RenewAnswer, RenewNonce, RenewRequest};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rustls::ClientConfig;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// Every wait has an end: a transfer that moves nothing for this long has failed.
const SILENCE: Duration = Duration::from_secs(30);
const CONNECT: Duration = Duration::from_secs(10);
/// Most of an answer we read into memory.
const MAX_ANSWER: usize = 8 << 20;

/// Why a request did not succeed.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    #[error("no hub address is known")]
    NoHost,
    #[error("the hub at {host} cannot be reached")]
    Unreachable { host: String, source: reqwest::Error },
    #[error("the hub refused: {message}")]
    Refused { refusal: Refusal, message: String },
    #[error("the hub at {host} answered {status} in a way this version does not understand")]
    Odd { host: String, status: StatusCode },
    #[error("the HTTPS client cannot be made")]
    Client(#[source] reqwest::Error),
}

impl DoorError {
    /// Whether the same request may succeed later or at another host.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::NoHost => true,
            Self::Odd { status, .. } => status.is_server_error(),
            Self::Refused { refusal, .. } => {
                matches!(refusal, Refusal::TooMany | Refusal::Internal | Refusal::DiskFull)
            }
            Self::Client(_) => false,
        }
    }

    /// The word for an order's result.
    #[must_use]
    pub fn refusal(&self) -> Refusal {
        match self {
            Self::Refused { refusal, .. } => *refusal,
            _ => Refusal::Internal,
        }
    }
}

/// A client of the agents' door.
pub struct Door {
    client: reqwest::Client,
    /// `host:port`, in the order they are tried.
    hosts: Vec<String>,
    /// The host that answered last is tried first.
    last_good: AtomicUsize,
}

impl Door {
    /// A client over this TLS configuration.
    ///
    /// # Errors
    /// When the client cannot be built.
    pub fn new(tls: ClientConfig, hosts: Vec<String>) -> Result<Self, DoorError> {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(tls)
            .https_only(true)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .read_timeout(SILENCE)
            .pool_max_idle_per_host(2)
            .pool_idle_timeout(Duration::from_secs(30))
            .user_agent(concat!("farwatch-agent/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(DoorError::Client)?;
        Ok(Self { client, hosts, last_good: AtomicUsize::new(0) })
    }

    /// # Errors
    /// As the hub or the network has it.
    pub async fn enrol(&self, request: &EnrolRequest) -> Result<EnrolAnswer, DoorError> {
        self.post("enrol", request).await
    }

    /// # Errors
    /// As the hub or the network has it.
    pub async fn renew_nonce(&self) -> Result<RenewNonce, DoorError> {
        self.post("renew/nonce", &serde_json::json!({})).await
    }

    /// # Errors
    /// As the hub or the network has it.
    pub async fn renew(&self, request: &RenewRequest) -> Result<RenewAnswer, DoorError> {
        self.post("renew", request).await
    }

    /// The bytes of a part of the desired state; the caller checks their digest.
    ///
    /// # Errors
    /// As the hub or the network has it.
    pub async fn part(&self, digest: &Digest) -> Result<Bytes, DoorError> {
        let (host, answer) =
            self.send(|host| self.client.get(format!("https://{host}/agent/v1/parts/{}", digest.hex()))).await?;
        body(&host, answer).await
    }

    /// Gives the manifest of a pull, before the first byte of footage.
    ///
    /// # Errors
    /// As the hub or the network has it.
    pub async fn put_manifest(&self, order: OrderId, signed: Bytes) -> Result<(), DoorError> {
        self.send(|host| {
            self.client
                .put(format!("https://{host}/agent/v1/pulls/{order}/manifest"))
                .header("content-type", "application/json")
                .body(signed.clone())
        })
        .await
        .map(|_| ())
    }

    /// How much of a segment's upload the hub holds safely.
    ///
    /// # Errors
    /// As the hub or the network has it.
    pub async fn upload_offset(&self, order: OrderId, segment: &str) -> Result<u64, DoorError> {
        let (host, answer) = self.send(|host| self.client.request(Method::HEAD, url(host, order, segment))).await?;
        offset_of(&host, &answer)
    }

    /// Uploads one stretch; gives the offset the hub now holds safely.
    ///
    /// # Errors
    /// As the hub or the network has it.
    pub async fn put_bytes(
        &self,
        order: OrderId,
        segment: &str,
        first: u64,
        total: u64,
        bytes: Bytes,
    ) -> Result<u64, DoorError> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        let last = (first + length).saturating_sub(1);
        let (host, answer) = self
            .send(|host| {
                self.client
                    .put(url(host, order, segment))
                    .header("content-range", format!("bytes {first}-{last}/{total}"))
                    .header("content-type", "application/octet-stream")
                    .body(bytes.clone())
            })
            .await?;
        offset_of(&host, &answer)
    }

    async fn post<Q: Serialize, A: DeserializeOwned>(&self, path: &str, question: &Q) -> Result<A, DoorError> {
        let (host, answer) =
            self.send(|host| self.client.post(format!("https://{host}/agent/v1/{path}")).json(question)).await?;
        let status = answer.status();
        let bytes = body(&host, answer).await?;
        serde_json::from_slice(&bytes).map_err(|_| DoorError::Odd { host, status })
    }

    /// Tries the hosts in turn until one answers; an answer, also a refusal, ends it.
    async fn send(&self, make: impl Fn(&str) -> RequestBuilder) -> Result<(String, Response), DoorError> {
        let first = self.last_good.load(Ordering::Relaxed);
        let mut error = DoorError::NoHost;
        for turn in 0..self.hosts.len() {
            let index = (first + turn) % self.hosts.len();
            let host = &self.hosts[index];
            match make(host).send().await {
                Ok(answer) if answer.status().is_success() => {
                    self.last_good.store(index, Ordering::Relaxed);
                    return Ok((host.clone(), answer));
                }
                Ok(answer) => return Err(refusal(host, answer).await),
                Err(source) => error = DoorError::Unreachable { host: host.clone(), source: source.without_url() },
            }
        }
        Err(error)
    }
}

fn url(host: &str, order: OrderId, segment: &str) -> String {
    format!("https://{host}/agent/v1/pulls/{order}/{segment}")
}

fn offset_of(host: &str, answer: &Response) -> Result<u64, DoorError> {
    answer
        .headers()
        .get("upload-offset")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.parse().ok())
        .ok_or_else(|| DoorError::Odd { host: host.into(), status: answer.status() })
}

async fn body(host: &str, mut answer: Response) -> Result<Bytes, DoorError> {
    let unreachable =
        |source: reqwest::Error| DoorError::Unreachable { host: host.into(), source: source.without_url() };
    let mut whole = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
        if whole.len() + chunk.len() > MAX_ANSWER {
            return Err(DoorError::Odd { host: host.into(), status: answer.status() });
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole.into())
}

async fn refusal(host: &str, answer: Response) -> DoorError {
    let status = answer.status();
    let from_status = match status {
        StatusCode::TOO_MANY_REQUESTS => Some(Refusal::TooMany),
        StatusCode::INSUFFICIENT_STORAGE => Some(Refusal::DiskFull),
        _ => None,
    };
    match body(host, answer).await.ok().and_then(|b| serde_json::from_slice::<RefusalAnswer>(&b).ok()) {
        Some(RefusalAnswer { refusal, message }) => DoorError::Refused { refusal, message },
        None => match from_status {
            Some(refusal) => DoorError::Refused { refusal, message: refusal.to_string() },
            None => DoorError::Odd { host: host.into(), status },
        },
    }
}
