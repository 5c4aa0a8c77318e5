//! A camera in, encoded access units out, with RTP-exact times.
//!
//! Belongs here: the two ways in behind one trait ([`Source`]): `rtsp` (retina, in the recorder) and `gst` (through a
//! media worker). Does not: reconnecting and back-off (`record`), what is done with the units.
//!
//! A source is opened, gives items until it fails, and is dropped. It keeps no queue of its own beyond the socket's:
//! whoever holds it must go on calling [`Source::next`], and does (`record::intake` never makes it wait).

use std::future::Future;

use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::nal::Codec;
use farwatch_shared::secret::Secret;
use farwatch_shared::time::{BootNs, Clock};
use farwatch_shared::wire::latest::{CameraState, SourceChoice};

use crate::media::worker::Launch;

pub mod depay;
pub mod gst;
pub mod heard;
pub mod rtsp;
mod tls;

/// What to connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    pub camera: CameraId,
    pub stream: StreamName,
    /// Without user and password.
    pub url: String,
    /// `user:password`.
    pub credential: Option<Secret>,
    /// Whether sound is wanted.
    pub audio: bool,
    /// PEM of the authority of the camera's certificate.
    pub ca_pem: Option<String>,
}

/// What a session turned out to be, known before its first item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// `rtsp` or `gst`.
    pub source: &'static str,
    pub codec: Codec,
    /// Parameter sets told outside the stream (SDP), as NAL units without length. May be empty.
    pub sets: Vec<Vec<u8>>,
    /// The sound that will come, if any. G.711 made into AAC is marked `derived`.
    pub audio: Option<AudioConfig>,
    /// Defects of the stream the source noticed and repaired, by name.
    pub defects: Vec<&'static str>,
}

/// One thing out of a session, in the order the camera sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A picture; `at` is when its last byte arrived.
    Video { unit: depay::video::Unit, at: BootNs },
    /// An AAC frame, its ticks in the audio track's timescale.
    Audio { frame: depay::aac::Frame, at: BootNs },
    /// An RTCP sender report: the camera's NTP time (32.32 fixed point) of an extended RTP timestamp.
    Report { track: Track, ticks: i64, ntp: u64 },
    /// Something was wrong, was repaired or skipped, and is only counted.
    Defect(&'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Track {
    Video,
    Audio,
}

/// Why a session could not begin or is over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SourceError {
    #[error("no connection to the camera: {detail}")]
    Unreachable { detail: String },
    #[error("the camera refuses the user name or password; correct the credential")]
    AuthFailed,
    #[error("what the camera offers cannot be recorded: {detail}")]
    Unsupported { detail: String },
    #[error("the camera ended the session: {detail}")]
    Ended { detail: String },
    #[error("the camera sent nothing for {seconds} s")]
    Silent { seconds: u32 },
}

impl SourceError {
    /// The state the stream is in after this.
    #[must_use]
    pub fn state(&self) -> CameraState {
        match self {
            Self::Unreachable { .. } | Self::Ended { .. } => CameraState::Unreachable,
            Self::AuthFailed => CameraState::AuthFailed,
            Self::Unsupported { .. } => CameraState::Unsupported,
            Self::Silent { .. } => CameraState::Stalled,
        }
    }
}

/// A session through either way in.
pub enum Session {
    Rtsp(Box<rtsp::RtspSource>),
    Gst(Box<gst::GstSource>),
}

impl Session {
    /// Opens the way in that was chosen. `auto` is `rtsp` where the URL is one, and `gst` when that finds nothing it can
    /// record; the opening says which it became.
    ///
    /// # Errors
    /// As the source that was tried last.
    pub async fn open(
        choice: SourceChoice,
        target: &Target,
        launch: &Launch,
        clock: &Clock,
    ) -> Result<(Opening, Self), SourceError> {
        let is_rtsp = target.url.starts_with("rtsp://") || target.url.starts_with("rtsps://");
        if choice == SourceChoice::Rtsp || (choice == SourceChoice::Auto && is_rtsp) {
            match rtsp::RtspSource::open(target, launch, clock.clone()).await {
                Ok((opening, source)) => return Ok((opening, Self::Rtsp(Box::new(source)))),
                Err(SourceError::Unsupported { detail }) if choice == SourceChoice::Auto => {
                    tracing::info!(camera = %target.camera, stream = %target.stream, detail, "trying the other way in");
                }
                Err(error) => return Err(error),
            }
        }
        let (opening, source) = gst::GstSource::open(launch, target).await?;
        Ok((opening, Self::Gst(Box::new(source))))
    }
}

impl Source for Session {
    async fn next(&mut self) -> Result<Item, SourceError> {
        match self {
            Self::Rtsp(source) => source.next().await,
            Self::Gst(source) => source.next().await,
        }
    }
}

/// A session with a camera.
pub trait Source {
    /// The next item. Waits as long as the camera is silent: the caller has the watchdog. Dropping the future between
    /// items loses nothing.
    ///
    /// # Errors
    /// Once it fails the session is over.
    fn next(&mut self) -> impl Future<Output = Result<Item, SourceError>>;
}
