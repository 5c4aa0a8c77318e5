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
    /// IANA name of the site's zone: the days of coverage statements. UTC when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time_zone: Option<String>,
}

/// One camera.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DesiredCamera {
    pub camera: CameraId,
    pub name: String,
    pub recording: Recording,
    /// Sound is recorded only when this is true and `audio_purpose` says why (CAP-02).
    #[serde(default)]
    pub audio: bool,
    /// Why sound is recorded, in a person's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub audio_purpose: Option<String>,
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

impl DesiredCamera {
    /// Whether sound may be recorded: wanted, and for a stated purpose.
    #[must_use]
    pub fn records_sound(&self) -> bool {
        self.audio && self.audio_purpose.as_deref().is_some_and(|purpose| !purpose.trim().is_empty())
    }
}

/// When a camera is recorded (CAP-02).
///
/// On the wire `"continuous"` and `"off"` are words, the others objects of one member, e.g. `{"event": {…}}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recording {
    Continuous,
    Off,
    /// Within the windows; outside them the gap's cause is `schedule`.
    Schedule(Schedule),
    /// Around events; between them the gap's cause is `schedule`.
    Event(EventRecording),
    /// The camera is read for live view and health, and nothing is kept.
    LiveOnly(LiveOnly),
}

/// Weekly windows on the site's wall clock, daylight saving included.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// IANA name, e.g. `Europe/Berlin`.
    pub time_zone: String,
    /// Windows may touch or overlap. None means never.
    pub windows: Vec<Window>,
}

/// From `start` to `end` on each of the days; `end` at or before `start` reaches into the next day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Window {
    /// ISO: 1 is Monday, 7 is Sunday.
    pub days: Vec<u8>,
    /// Minutes after midnight on the wall clock, 0 to 1439.
    pub start_minute: u16,
    /// Minutes after midnight, 0 to 1440.
    pub end_minute: u16,
}

/// What is kept around an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRecording {
    /// Seconds kept before the event begins, at most 60; held in memory until then.
    pub pre_s: u16,
    /// Seconds kept after it ends, at most 3600.
    pub post_s: u16,
    /// What counts as one. A trigger by hand always does.
    #[serde(default)]
    pub triggers: Vec<Trigger>,
}

/// What may begin an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// The encoded frames grew: something moved.
    Activity,
    /// A person or a program on the box said so (`farwatch-agent trigger`).
    Manual,
    /// An alarm input of the box or the camera.
    Input,
}

/// Why a camera is watched and not recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveOnly {
    pub reason: String,
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
    /// What the camera was set to; measured figures far from it open a fault (CAP-04).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<StreamTarget>,
}

/// What a stream should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamTarget {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fps_milli: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_s: Option<u64>,
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
    /// What happens when the disk cannot keep the promise after all.
    #[serde(default)]
    pub when_short: WhenShort,
    /// What goes first when it is short, in this order; what no step names stays. Empty: [`GiveWay::USUAL`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub give_way: Vec<GiveWay>,
}

/// Never delete younger than the floor; must delete older than the ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RetentionRule {
    pub floor_days: u32,
    #[serde(default)]
    pub ceiling_days: Option<u32>,
    /// Footage with an event in it is kept at least so long; at least the floor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_days: Option<u32>,
    /// Most bytes this camera may occupy; footage over its floor goes beyond it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<ByteSize>,
}

/// What gives way when the disk is full and nothing is old enough to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhenShort {
    /// Recording goes on; footage under the floor goes in the declared order, and the breach is signed.
    #[default]
    KeepRecording,
    /// The floor stands; recording stops with a gap of cause `disk`.
    KeepFloor,
}

/// One step of giving way. Within a step the oldest goes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GiveWay {
    /// Footage older than its camera's floor.
    OverFloor,
    /// Sub streams of any age.
    SubStreams,
    /// Footage without an event in it.
    WithoutEvent,
    /// Anything.
    Oldest,
}

impl GiveWay {
    /// Unless a policy says otherwise.
    pub const USUAL: [Self; 3] = [Self::OverFloor, Self::SubStreams, Self::Oldest];
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
