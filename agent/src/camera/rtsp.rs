//! RTSP through retina: session, packets, sender reports. The only file that names retina.
//!
//! Over TCP, digest or basic authentication. retina's own depacketiser is not used (see [`super::depay`]).

use std::collections::VecDeque;
use std::time::Duration;

use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::nal::Codec;
use farwatch_shared::time::Clock;
use futures::StreamExt as _;
use retina::client::{
    Credentials, Described, InitialSequenceNumberPolicy, InitialTimestampPolicy, PacketItem, PlayOptions, Playing,
    Session, SessionIdPolicy, SessionOptions, SetupOptions, Stream, TcpTransportOptions, Transport,
    UnassignedChannelDataPolicy, UnknownRtcpSsrcPolicy,
};
use retina::codec::{ParametersRef, VideoParametersCodec};
use url::Url;

use super::depay::{Packet, aac, video};
use super::heard::{Heard, while_polling};
use super::tls::Relay;
use super::{Item, Opening, Source, SourceError, Target, Track};
use crate::media::audio::{self, Converter};
use crate::media::protocol::{AudioTask, Law};
use crate::media::worker::Launch;

/// From connecting to the answer to PLAY.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// Packets that may be lost between the answer to PLAY and the first that is taken up.
const PROMISE_SLACK: u16 = 1_000;

/// A playing session.
pub struct RtspSource {
    session: Session<Playing>,
    clock: Clock,
    video_stream: usize,
    video: video::Depacketizer,
    audio_stream: Option<usize>,
    sound: Sound,
    ready: VecDeque<Item>,
    heard: Heard,
    /// Of the video packets; sender reports may carry another.
    ssrc: Option<u32>,
    /// Lives as long as the session that goes through it.
    _relay: Option<Relay>,
}

/// What becomes of the audio packets.
enum Sound {
    Aac(aac::Depacketizer),
    /// Made into AAC by a media worker.
    G711(Box<Converter>),
}

impl RtspSource {
    /// Connects and plays.
    ///
    /// # Errors
    /// Says whether the camera was not reached, refused the credential, or offers nothing that can be recorded.
    pub async fn open(target: &Target, launch: &Launch, clock: Clock) -> Result<(Opening, Self), SourceError> {
        tokio::time::timeout(OPEN_WITHIN, Self::connect(target, launch, clock)).await.unwrap_or_else(|_| {
            let detail = format!("it did not answer within {} s", OPEN_WITHIN.as_secs());
            Err(SourceError::Unreachable { detail })
        })
    }

    async fn connect(target: &Target, launch: &Launch, clock: Clock) -> Result<(Opening, Self), SourceError> {
        let url = Url::parse(&target.url)
            .map_err(|error| SourceError::Unsupported { detail: format!("its url is not understood: {error}") })?;
        let (url, relay) = match url.scheme() {
            "rtsp" => (url, None),
            "rtsps" => {
                let (url, relay) = Relay::to(&url, target.ca_pem.as_deref()).await?;
                (url, Some(relay))
            }
            other => return Err(SourceError::Unsupported { detail: format!("{other} is not rtsp") }),
        };
        // Cameras change the session's id between requests, and old ones mix the packets of a session that is gone
        // into the next connection.
        let options = SessionOptions::default()
            .creds(credentials(target))
            .user_agent("farwatch".into())
            .session_id(SessionIdPolicy::UseFirst)
            .unassigned_channel_data(UnassignedChannelDataPolicy::Ignore);
        let mut heard = Heard::default();
        let mut session = while_polling(&mut heard, Session::describe(url, options)).await.map_err(failed)?;
        let find = |media: &str, names: &[&str]| {
            session.streams().iter().position(|s| s.media() == media && names.contains(&s.encoding_name()))
        };
        let Some(video_stream) = find("video", &["h264", "h265"]) else {
            let offers: Vec<&str> = session.streams().iter().map(Stream::encoding_name).collect();
            return Err(SourceError::Unsupported {
                detail: format!("it offers {}, not h264 or h265", offers.join(", ")),
            });
        };
        let stream = &session.streams()[video_stream];
        let codec = if stream.encoding_name() == "h264" { Codec::H264 } else { Codec::H265 };
        let sets = parameter_sets(stream);
        let mut defects = sdp_defects(&session, stream);
        let mut audio = None;
        if target.audio {
            let label = format!("{}/{}", target.camera, target.stream);
            audio = (0..session.streams().len()).find_map(|at| {
                sound(&session.streams()[at], launch, &label).map(|(config, sound)| (at, config, sound))
            });
            if audio.is_none() && session.streams().iter().any(|s| s.media() == "audio") {
                defects.push("audio_not_kept");
            }
        }
        for at in std::iter::once(video_stream).chain(audio.as_ref().map(|(at, ..)| *at)) {
            let over_tcp = SetupOptions::default().transport(Transport::Tcp(TcpTransportOptions::default()));
            while_polling(&mut heard, session.setup(at, over_tcp)).await.map_err(failed)?;
        }
        let options = PlayOptions::default()
            .initial_timestamp(InitialTimestampPolicy::Permissive)
            .initial_seq(InitialSequenceNumberPolicy::Ignore)
            .unknown_rtcp_ssrc(UnknownRtcpSsrcPolicy::ProcessPackets);
        let session = while_polling(&mut heard, session.play(options)).await.map_err(failed)?;
        defects.extend(heard.take());
        let (audio_stream, config, sound) = match audio {
            Some((at, config, sound)) => (Some(at), Some(config), sound),
            None => (None, None, Sound::Aac(aac::Depacketizer::new())),
        };
        let opening = Opening { source: "rtsp", codec, sets, audio: config, defects };
        let source = Self {
            session,
            clock,
            video_stream,
            video: video::Depacketizer::new(codec),
            audio_stream,
            sound,
            ready: VecDeque::new(),
            heard,
            ssrc: None,
            _relay: relay,
        };
        Ok((opening, source))
    }

    fn packet(&mut self, packet: &retina::rtp::ReceivedPacket) {
        let part = Packet {
            payload: packet.payload(),
            ticks: packet.timestamp().timestamp(),
            mark: packet.mark(),
            lost: packet.loss(),
        };
        if packet.stream_id() == self.video_stream {
            if self.ssrc.replace(packet.ssrc()).is_none() {
                self.check_promise(packet.sequence_number());
            }
            match self.video.push(part) {
                Ok(units) => {
                    for unit in units {
                        self.ready.push_back(Item::Video { unit, at: self.clock.boot() });
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "video packet not understood");
                    self.ready.push_back(Item::Defect("video_packet_not_understood"));
                }
            }
            self.ready.extend(self.video.noticed().into_iter().map(|odd| Item::Defect(odd.name())));
        } else if Some(packet.stream_id()) == self.audio_stream {
            let at = self.clock.boot();
            match &mut self.sound {
                Sound::G711(converter) => {
                    converter.push(part.ticks, u32::from(part.lost), at, part.payload.to_vec());
                }
                Sound::Aac(depacketizer) => match depacketizer.push(part) {
                    Ok(frames) => self.ready.extend(frames.into_iter().map(|frame| Item::Audio { frame, at })),
                    Err(error) => {
                        tracing::debug!(%error, "audio packet not understood");
                        self.ready.push_back(Item::Defect("audio_packet_not_understood"));
                    }
                },
            }
        }
    }

    /// The answer to PLAY names the first packet's number; a few may have come before the answer.
    fn check_promise(&mut self, first: u16) {
        let promised = std::mem::take(&mut self.heard.promised).into_iter().find(|(at, _)| *at == self.video_stream);
        if promised.is_some_and(|(_, seq)| first.wrapping_sub(seq) > PROMISE_SLACK) {
            self.ready.push_back(Item::Defect("rtp_info_sequence_wrong"));
        }
    }

    fn report(&mut self, compound: &retina::rtcp::ReceivedCompoundPacket) {
        let Some(timestamp) = compound.rtp_timestamp() else { return };
        let track = if compound.stream_id() == self.video_stream { Track::Video } else { Track::Audio };
        for packet in compound.pkts() {
            let Ok(Some(report)) = packet.as_sender_report() else { continue };
            if track == Track::Video && self.ssrc.is_some_and(|ssrc| ssrc != report.ssrc()) {
                self.ready.push_back(Item::Defect("report_of_another_ssrc"));
            }
            let ntp = report.ntp_timestamp().0;
            if ntp >> 32 == 0 {
                self.ready.push_back(Item::Defect("report_without_clock"));
                continue;
            }
            self.ready.push_back(Item::Report { track, ticks: timestamp.timestamp(), ntp });
            return;
        }
    }
}

impl Source for RtspSource {
    async fn next(&mut self) -> Result<Item, SourceError> {
        loop {
            if let Some(item) = self.ready.pop_front() {
                return Ok(item);
            }
            let next = while_polling(&mut self.heard, self.session.next());
            let packet = match &mut self.sound {
                Sound::Aac(_) => next.await,
                Sound::G711(converter) => tokio::select! {
                    packet = next => packet,
                    (frame, at) = converter.next() => return Ok(Item::Audio { frame, at }),
                },
            };
            self.ready.extend(self.heard.take().into_iter().map(Item::Defect));
            match packet {
                Some(Ok(PacketItem::Rtp(packet))) => self.packet(&packet),
                Some(Ok(PacketItem::Rtcp(compound))) => self.report(&compound),
                Some(Ok(_)) => {}
                // A session that is gone goes on in this connection: its packets are not ours, the others are.
                Some(Err(error)) if first_line(&error).starts_with("wrong ssrc") => {
                    self.ready.push_back(Item::Defect("packet_of_another_session"));
                }
                Some(Err(error)) => return Err(SourceError::Ended { detail: first_line(&error) }),
                None => return Err(SourceError::Ended { detail: "it closed the connection".into() }),
            }
        }
    }
}

fn credentials(target: &Target) -> Option<Credentials> {
    let (username, password) = target.credential.as_ref()?.expose().split_once(':')?;
    Some(Credentials { username: username.into(), password: password.into() })
}

/// The sets the SDP told, as NAL units.
fn parameter_sets(stream: &Stream) -> Vec<Vec<u8>> {
    let Some(ParametersRef::Video(parameters)) = stream.parameters() else { return Vec::new() };
    match parameters.codec_params() {
        VideoParametersCodec::H264 { sps, pps } => vec![sps.to_vec(), pps.to_vec()],
        VideoParametersCodec::H265 { vps, sps, pps } => vec![vps.to_vec(), sps.to_vec(), pps.to_vec()],
        _ => Vec::new(),
    }
}

/// What is wrong with the description that retina passes over in silence.
fn sdp_defects(session: &Session<Described>, video: &Stream) -> Vec<&'static str> {
    let sdp = String::from_utf8_lossy(session.sdp());
    let mut defects = Vec::new();
    if !sdp.lines().any(|line| line.starts_with("o=")) {
        defects.push("sdp_without_origin");
    }
    if sdp.lines().any(|line| line.starts_with("a=rtpmap:") && line.ends_with(' ')) {
        defects.push("rtpmap_with_blanks");
    }
    // Base64 of 00 00 00 01 and what follows.
    if sdp.contains("sprop-parameter-sets=AAAAA") {
        defects.push("parameter_sets_with_start_codes");
    }
    if video.parameters().is_none() {
        let named = sdp.contains("sprop-");
        defects.push(if named { "parameter_sets_unreadable" } else { "parameter_sets_not_described" });
    }
    defects
}

/// The sound of a stream, if it can be kept: AAC as it is, G.711 by way of a worker.
fn sound(stream: &Stream, launch: &Launch, label: &str) -> Option<(AudioConfig, Sound)> {
    let law = match (stream.media(), stream.encoding_name()) {
        ("audio", "mpeg4-generic") => {
            let Some(ParametersRef::Audio(parameters)) = stream.parameters() else { return None };
            let config = AudioConfig::parse(parameters.extra_data())?;
            return Some((config, Sound::Aac(aac::Depacketizer::new())));
        }
        ("audio", "pcma") => Law::A,
        ("audio", "pcmu") => Law::Mu,
        _ => return None,
    };
    let channels = stream.channels().map_or(1, |n| u8::try_from(n.get()).unwrap_or(u8::MAX));
    let task = AudioTask { law, rate: stream.clock_rate_hz(), channels };
    let config = audio::config(task)?;
    Some((config, Sound::G711(Box::new(Converter::start(launch.clone(), task, label.into())))))
}

fn failed(error: retina::Error) -> SourceError {
    match error.status_code() {
        Some(401 | 403) => SourceError::AuthFailed,
        Some(415 | 461) => SourceError::Unsupported { detail: first_line(&error) },
        Some(453) => SourceError::Unreachable {
            detail: "it takes no further session (453); end another one, or wait until it lets go of one that is gone"
                .into(),
        },
        _ => SourceError::Unreachable { detail: first_line(&error) },
    }
}

/// retina tells much for those who debug it; people need the first line.
fn first_line(error: &retina::Error) -> String {
    error.to_string().lines().next().unwrap_or_default().chars().take(200).collect()
}
