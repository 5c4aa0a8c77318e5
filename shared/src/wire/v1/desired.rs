//! `dn/desired`: what an agent should do, sealed and numbered.
//!
//! The document names its parts by digest; a part under 8 KiB rides inline, a larger one is fetched from
//! `GET /agent/v1/parts/<sha256>`. Nothing is applied until every part is present and verified.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::id::{AgentId, CameraId, HoldId, StreamName};
use crate::keys::Sealed;
use crate::seal::Document;
use crate::size::ByteSize;
use crate::time::WallMs;

/// The desired state of one agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Desired {
    /// The addressee.
    pub agent: AgentId,
    /// Only rises.
    pub generation: u64,
    pub issued_at_ms: WallMs,
    /// Parts by their name.
    pub parts: BTreeMap<PartName, PartRef>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub crit: Vec<String>,
}

impl Document for Desired {
    const TYPE: &'static str = "application/vnd.farwatch.desired.v1+json";
}

/// The parts a desired state has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartName {
    /// [`CamerasPart`]
    Cameras,
    /// [`RetentionPart`]
    Retention,
    /// [`HoldsPart`]
    Holds,
    /// [`HubsPart`]
    Hubs,
}

/// Names a part by digest and size; `inline` holds its exact bytes (JSON text) when they are few.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRef {
    pub digest: Digest,
    pub size: ByteSize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
}

/// The cameras an agent records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CamerasPart {
    pub cameras: Vec<DesiredCamera>,
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredCamera {
    pub camera: CameraId,
    pub name: String,
    pub recording: Recording,
    /// Off unless a purpose was set (CAP-02).
    #[serde(default)]
    pub audio: bool,
    #[serde(default)]
    pub source: SourceChoice,
    pub streams: Vec<DesiredStream>,
    /// `user:password`, sealed to the agent; bound by [`credential_binding`].
    #[serde(default)]
    pub credential: Option<Sealed>,
    /// PEM of the authority of the camera's own certificate, for `rtsps`.
    #[serde(default)]
    pub ca_pem: Option<String>,
}

/// Whether a camera is recorded. Modes beyond these are a later issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recording {
    Continuous,
    Off,
}

/// Which of the two ways in is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceChoice {
    /// `rtsp`, and `gst` when that refuses.
    #[default]
    Auto,
    Rtsp,
    Gst,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredStream {
    pub stream: StreamName,
    /// `rtsp://`, `rtsps://`, or for `gst` also `v4l2:///dev/video0`, `libcamera://`, `udp://`, … never with a password in it.
    pub url: String,
    /// Whether this stream is recorded, or only known.
    #[serde(default = "yes")]
    pub record: bool,
}

fn yes() -> bool {
    true
}

/// What a camera credential is bound to: it opens only for this camera at this host and port.
///
/// `host` is what [`credential_host`] says of the main stream's URL, e.g. `10.0.0.9:554`.
#[must_use]
pub fn credential_binding(camera: CameraId, host: &str) -> Vec<u8> {
    format!("farwatch camera credential v1|{camera}|{}", host.to_ascii_lowercase()).into_bytes()
}

/// `host:port` of a camera URL, lower case, without user info; the scheme's port when the URL names none (rtsp 554,
/// rtsps 322, http 80, https 443). Browser, hub and agent all bind by this, so `rtsp://cam` and `rtsp://CAM:554` agree.
///
/// `None` for a URL without a host, such as `v4l2:///dev/video0`.
#[must_use]
pub fn credential_host(url: &str) -> Option<String> {
    let (scheme, rest) = url.trim().split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let host = authority.rsplit('@').next()?.to_ascii_lowercase();
    // The colons of an IPv6 address are inside brackets.
    let named = host.rfind(':').is_some_and(|colon| host.rfind(']').is_none_or(|bracket| bracket < colon));
    let port = match scheme.to_ascii_lowercase().as_str() {
        "rtsp" => 554,
        "rtsps" => 322,
        "http" => 80,
        "https" => 443,
        _ => 0,
    };
    match () {
        () if host.is_empty() => None,
        () if named || port == 0 => Some(host),
        () => Some(format!("{host}:{port}")),
    }
}

/// How long footage is kept, per camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionPart {
    pub cameras: BTreeMap<CameraId, RetentionRule>,
    /// Free space the agent keeps on the vault's file system.
    pub min_free: ByteSize,
}

/// Never delete younger than the floor; must delete older than the ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRule {
    pub floor_days: u32,
    #[serde(default)]
    pub ceiling_days: Option<u32>,
}

/// Footage outside the ring.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldsPart {
    pub holds: Vec<DesiredHold>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredHold {
    pub hold: HoldId,
    pub camera: CameraId,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub reason: String,
}

/// Where the hub may be reached, tried in shuffled order; the enrolment address stays as last resort.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HubsPart {
    pub hubs: Vec<HubAddress>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HubAddress {
    /// DNS name or IP address, as in the hub's certificate.
    pub host: String,
    pub mqtt_port: u16,
    pub https_port: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_bound_to_one_spelling_of_its_host() {
        let host = |url: &str| credential_host(url).unwrap_or_default();
        for same in
            ["rtsp://cam.local/x", "rtsp://CAM.local:554", "RTSP://user:p%40@cam.local/x?y", " rtsp://cam.local "]
        {
            assert_eq!(host(same), "cam.local:554", "{same}");
        }
        assert_eq!(host("rtsps://cam.local/x"), "cam.local:322");
        assert_eq!(host("rtsp://[FE80::1]/x"), "[fe80::1]:554");
        assert_eq!(host("rtsp://[fe80::1]:8554/x"), "[fe80::1]:8554");
        assert_eq!(host("udp://239.0.0.1:5000"), "239.0.0.1:5000");
        assert_eq!(credential_host("v4l2:///dev/video0"), None);
        assert_eq!(credential_host("cam.local"), None);
    }
}
