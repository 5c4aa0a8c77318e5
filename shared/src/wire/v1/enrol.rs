//! The enrolment URL, and the bodies of `POST /agent/v1/enrol` and `/renew`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::HubAddress;
use crate::id::AgentId;
use crate::keys::{Pin, SealKey, VerifyKey};
use crate::secret::Secret;
use crate::time::WallMs;

/// `https://host:8444/e#t=TOKEN&ca=PIN&owner=PIN` with `&h=host:port` for further hosts.
///
/// Everything behind `#` stays out of requests and server logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolUrl {
    /// `host:port` of the agents' door, first the one in the URL.
    pub hosts: Vec<String>,
    pub token: Secret,
    pub ca: Pin,
    pub owner: Pin,
}

/// What is wrong with an enrolment URL.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum EnrolUrlError {
    #[error(
        "an enrolment URL looks like https://hub:8444/e#t=…&ca=…&owner=…; copy the whole of it, or scan the code again"
    )]
    Shape,
    #[error("the enrolment URL lacks {0}; copy the whole of it, or scan the code again")]
    Lacks(&'static str),
}

/// The URL in full, secret included: for the person it is made for, not for a log.
impl fmt::Display for EnrolUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, rest) = self.hosts.split_first().ok_or(fmt::Error)?;
        write!(f, "https://{first}/e#t={}&ca={}&owner={}", self.token.expose(), self.ca, self.owner)?;
        rest.iter().try_for_each(|host| write!(f, "&h={host}"))
    }
}

impl FromStr for EnrolUrl {
    type Err = EnrolUrlError;

    fn from_str(text: &str) -> Result<Self, EnrolUrlError> {
        let rest = text.trim().strip_prefix("https://").ok_or(EnrolUrlError::Shape)?;
        let (host, fragment) = rest.split_once("/e#").ok_or(EnrolUrlError::Shape)?;
        let mut hosts = vec![host.to_owned()];
        let (mut token, mut ca, mut owner) = (None, None, None);
        for pair in fragment.split('&') {
            match pair.split_once('=') {
                Some(("t", v)) => token = Some(Secret::new(v)),
                Some(("ca", v)) => ca = v.parse().ok(),
                Some(("owner", v)) => owner = v.parse().ok(),
                Some(("h", v)) => hosts.push(v.to_owned()),
                _ => {}
            }
        }
        if hosts.len() > 16 || hosts.iter().any(|h| h.is_empty() || h.contains(['/', '@', '#', '?', ' '])) {
            return Err(EnrolUrlError::Shape);
        }
        Ok(Self {
            hosts,
            token: token.filter(|t| !t.is_empty()).ok_or(EnrolUrlError::Lacks("its token (t=)"))?,
            ca: ca.ok_or(EnrolUrlError::Lacks("the hub's fingerprint (ca=)"))?,
            owner: owner.ok_or(EnrolUrlError::Lacks("the owner's fingerprint (owner=)"))?,
        })
    }
}

/// A box asks to join.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EnrolRequest {
    pub token: Secret,
    /// PKCS#10, DER, base64. Its subject is ignored: the hub gives the name.
    pub csr: String,
    pub signing_key: VerifyKey,
    pub sealing_key: SealKey,
    /// The signing key's signature over the CSR's DER, base64: the box holds both.
    pub proof: String,
    pub hostname: String,
    pub version: String,
    #[serde(default)]
    pub target: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrolAnswer {
    pub agent: AgentId,
    /// The agent's certificate, PEM.
    pub certificate: String,
    /// The hub's CA, PEM.
    pub ca: String,
    /// Signs desired states and orders. Pinned by the box from now on.
    pub document_key: VerifyKey,
    /// The customer's owner key; its pin was in the URL.
    pub owner_key: VerifyKey,
    pub hubs: Vec<HubAddress>,
    pub hub_name: String,
    pub site_name: String,
    pub time_zone: String,
    pub now_ms: WallMs,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewNonce {
    /// Single use, valid for a few minutes.
    pub nonce: String,
}

/// A box asks for its next certificate, at half life or up to 180 days after expiry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewRequest {
    pub nonce: String,
    /// PKCS#10 with the new TLS key, DER, base64.
    pub csr: String,
    /// The certificate to be followed, DER, base64.
    pub certificate: String,
    /// The old TLS key's ECDSA P-256/SHA-256 signature (ASN.1) over [`renew_message`], base64.
    pub signature: String,
}

/// What the old key signs: binds the new key to the hub's nonce.
#[must_use]
pub fn renew_message(nonce: &str, csr_der: &[u8]) -> Vec<u8> {
    let mut message = format!("farwatch renew v1|{nonce}|").into_bytes();
    message.extend_from_slice(csr_der);
    message
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenewAnswer {
    pub certificate: String,
    pub ca: String,
    pub hubs: Vec<HubAddress>,
}

/// What the agents' door says when it will not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalAnswer {
    pub refusal: crate::refusal::Refusal,
    pub message: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_enrolment_url_reads_back() {
        let url = EnrolUrl {
            hosts: vec!["hub.example:8444".into(), "10.0.0.2:8444".into()],
            token: Secret::new("abc"),
            ca: Pin([1; 32]),
            owner: Pin([2; 32]),
        };
        assert_eq!(url.to_string().parse(), Ok(url));
        assert_eq!(
            "https://hub:8444/e#t=abc&ca=x".parse::<EnrolUrl>(),
            Err(EnrolUrlError::Lacks("the hub's fingerprint (ca=)"))
        );
        assert_eq!("http://hub/e#t=abc".parse::<EnrolUrl>(), Err(EnrolUrlError::Shape));
    }
}
