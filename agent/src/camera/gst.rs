//! The way in through a media worker, for cameras retina can not read.
//!
//! Belongs here: what a worker's frames mean to a recorder. Does not: GStreamer itself (`media`), when to try again
//! (`record`).
//!
//! One worker per session: a fault in a codec or a parser ends this session and nothing else.

use std::time::Duration;

use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::nal::Codec;
use farwatch_shared::secret::Secret;
use farwatch_shared::time::BootNs;

use super::depay::odd::Odd;
use super::depay::{aac, video};
use super::{Item, Opening, Source, SourceError, Target, Track};
use crate::media::audio::{self, Converter};
use crate::media::protocol::{
    self as media, AudioTask, CameraTask, Failure, FailureKind, Frame, Kind, Task, VideoCodec,
};
use crate::media::worker::{Launch, Worker, WorkerError};

/// How long a camera may take to its first picture.
const FIRST_PICTURE: Duration = Duration::from_secs(20);
/// Said of a stream whose pictures the worker encoded, since the camera gives none that can be recorded as they are.
const ENCODED_HERE: &str = "encoded on this box";

/// A session through a worker. Dropping it kills the worker.
#[derive(Debug)]
pub struct GstSource {
    worker: Worker,
    /// The frame that ended the opening.
    first: Option<Frame>,
    sound: Sound,
}

/// What becomes of the audio track.
#[derive(Debug)]
enum Sound {
    None,
    Aac,
    G711(Box<Converter>),
}

impl GstSource {
    /// Starts a worker and waits for its first picture.
    ///
    /// # Errors
    /// When the camera can not be reached, refuses, or offers nothing that can be recorded.
    pub async fn open(launch: &Launch, target: &Target) -> Result<(Opening, Self), SourceError> {
        let silent = || SourceError::Silent { seconds: u32::try_from(FIRST_PICTURE.as_secs()).unwrap_or(0) };
        tokio::time::timeout(FIRST_PICTURE, Self::begin(launch, target)).await.map_err(|_| silent())?
    }

    async fn begin(launch: &Launch, target: &Target) -> Result<(Opening, Self), SourceError> {
        let (user, password) =
            match target.credential.as_ref().map(|c| c.expose().split_once(':').unwrap_or((c.expose(), ""))) {
                Some((user, password)) => (Some(user.to_owned()), Some(Secret::new(password))),
                None => (None, None),
            };
        let task = Task::Camera(CameraTask {
            url: target.url.clone(),
            user,
            password,
            ca_pem: target.ca_pem.clone(),
            audio: target.audio,
        });
        let label = format!("{}/{}", target.camera, target.stream);
        let mut worker = Worker::start(launch, &task, &label).await.map_err(refused)?;
        let mut opening = None;
        let mut sound = Sound::None;
        let mut config = None;
        loop {
            let frame = frame(&mut worker).await?;
            if frame.kind != Kind::Track {
                let opening: Opening = opening.ok_or_else(|| unsupported("pictures came before their description"))?;
                let source = Self { worker, first: Some(frame), sound };
                return Ok((Opening { audio: config, ..opening }, source));
            }
            let track =
                serde_json::from_slice(&frame.payload).map_err(|_| unsupported("a track can not be understood"))?;
            match track {
                media::Track::Video { codec, parameter_sets, encoded_here } => {
                    opening = Some(Opening {
                        source: "gst",
                        codec: match codec {
                            VideoCodec::H264 => Codec::H264,
                            VideoCodec::H265 => Codec::H265,
                        },
                        sets: parameter_sets.iter().filter_map(|set| hex::decode(set).ok()).collect(),
                        audio: None,
                        defects: if encoded_here { vec![ENCODED_HERE] } else { Vec::new() },
                    });
                }
                media::Track::Aac { config: record, .. } => {
                    config = hex::decode(record).ok().and_then(|record| AudioConfig::parse(&record));
                    sound = if config.is_some() { Sound::Aac } else { Sound::None };
                }
                media::Track::G711 { law, rate, channels } => {
                    let task = AudioTask { law, rate, channels };
                    config = audio::config(task);
                    if config.is_some() {
                        sound = Sound::G711(Box::new(Converter::start(launch.clone(), task, label.clone())));
                    }
                }
            }
        }
    }

    /// The worker's process id.
    #[must_use]
    pub fn worker(&self) -> Option<u32> {
        self.worker.output.pid()
    }

    /// What one frame is to the recorder; `None` for what it need not know.
    fn item(&mut self, frame: Frame) -> Option<Item> {
        let at = BootNs(frame.boot_ns);
        let track = if frame.track == 0 { Track::Video } else { Track::Audio };
        match (frame.kind, track, &mut self.sound) {
            (Kind::Unit, Track::Video, _) => {
                let unit = video::Unit { ticks: frame.ticks, data: frame.payload, lost: frame.lost };
                Some(Item::Video { unit, at })
            }
            (Kind::Unit, Track::Audio, Sound::Aac) => {
                let frame = aac::Frame { ticks: frame.ticks, data: frame.payload, lost: frame.lost };
                Some(Item::Audio { frame, at })
            }
            (Kind::Unit, Track::Audio, Sound::G711(converter)) => {
                converter.push(frame.ticks, frame.lost, at, frame.payload);
                None
            }
            (Kind::Clock, _, _) => {
                let ntp = frame.payload.first_chunk().map(|ntp| u64::from_be_bytes(*ntp))?;
                // Some cameras send reports with a clock of zero.
                (ntp >> 32 != 0).then_some(Item::Report { track, ticks: frame.ticks, ntp })
            }
            (Kind::Track, _, _) => Some(Item::Defect("track_described_twice")),
            (Kind::Odd, _, _) => {
                let odd = frame.payload.first().and_then(|number| Odd::of(*number));
                odd.map(|odd| Item::Defect(odd.name()))
            }
            _ => None,
        }
    }
}

impl Source for GstSource {
    async fn next(&mut self) -> Result<Item, SourceError> {
        loop {
            let frame = match self.first.take() {
                Some(frame) => frame,
                None => {
                    let Self { worker, sound, .. } = self;
                    tokio::select! {
                        frame = frame(worker) => frame?,
                        (frame, at) = converted(sound) => return Ok(Item::Audio { frame, at }),
                    }
                }
            };
            if let Some(item) = self.item(frame) {
                return Ok(item);
            }
        }
    }
}

async fn converted(sound: &mut Sound) -> (aac::Frame, BootNs) {
    match sound {
        Sound::G711(converter) => converter.next().await,
        Sound::None | Sound::Aac => std::future::pending().await,
    }
}

async fn frame(worker: &mut Worker) -> Result<Frame, SourceError> {
    match worker.output.next().await {
        Ok(Some(frame)) => Ok(frame),
        Ok(None) => Err(SourceError::Ended { detail: "the media worker was told to end".to_owned() }),
        Err(error) => Err(refused(error)),
    }
}

fn unsupported(detail: &str) -> SourceError {
    SourceError::Unsupported { detail: detail.to_owned() }
}

/// Sorts what a worker says into what a recorder acts on.
fn refused(error: WorkerError) -> SourceError {
    match error {
        WorkerError::Failed(Failure { kind, detail }) => match kind {
            FailureKind::AuthFailed => SourceError::AuthFailed,
            FailureKind::Unreachable | FailureKind::Untrusted => SourceError::Unreachable { detail },
            FailureKind::Ended => SourceError::Ended { detail },
            FailureKind::Unsupported | FailureKind::Broken => SourceError::Unsupported { detail },
        },
        died @ WorkerError::Died => SourceError::Ended { detail: died.to_string() },
        other => SourceError::Unsupported { detail: other.to_string() },
    }
}
