//! RTSP through rtspsrc, for cameras retina refuses.
//!
//! Only rtspsrc's session and jitter buffer are used: its RTP packets go through our own depacketiser, since
//! GStreamer's times are not the camera's and its parsers change the stream. `select-stream` describes the tracks, sender
//! reports are read where they come in, since the jitter buffer keeps the first one to itself.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::inputs::{Over, Rtsp};
use super::out::Out;
use super::tls::Trust;
use super::units::{self, Depay, PacketTrack, packet_sink};
use super::{encode, fail, plugins, rtp};
use crate::media::protocol::{CameraTask, Failure, FailureKind, Frame, Law, Track, VideoCodec};

/// How long TCP may be silent while the session is set up, in microseconds.
const TCP_TIMEOUT_US: u64 = 10_000_000;
/// Reordering depth over UDP; over TCP nothing is out of order and waiting would only delay.
const UDP_LATENCY_MS: u32 = 200;

/// The tracks in use, by rtspsrc's stream number.
#[derive(Default)]
struct Tracks(BTreeMap<u32, Chosen>);

struct Chosen {
    audio: bool,
    packets: Arc<Mutex<PacketTrack>>,
}

pub(super) fn run(task: &CameraTask, rtsp: &Rtsp, out: &Out) -> Result<(), Failure> {
    plugins::require("rtspsrc")?;
    plugins::require("rtpjitterbuffer")?;
    let pipeline = gst::Pipeline::new();
    let src = encode::element("rtspsrc")?;
    src.set_property("location", &rtsp.location);
    src.set_property("user-agent", "farwatch");
    src.set_property("tcp-timeout", TCP_TIMEOUT_US);
    src.set_property("do-retransmission", false);
    match rtsp.over {
        Over::Tcp => {
            src.set_property_from_str("protocols", "tcp");
            src.set_property("latency", 0_u32);
        }
        Over::Udp => {
            src.set_property_from_str("protocols", "udp+udp-mcast");
            src.set_property("latency", UDP_LATENCY_MS);
        }
    }
    encode::give_credential(&src, task);
    let trust = Arc::new(Trust::new(task.ca_pem.as_deref(), &rtsp.host)?);
    trust.watch(&src);
    let tracks = Arc::new(Mutex::new(Tracks::default()));
    choose_streams(&src, task.audio, &tracks, out);
    follow_clocks(&src, &tracks, out);
    link_packets(&src, &pipeline, &tracks, out);
    pipeline.add(&src).map_err(|e| fail(FailureKind::Broken, e.to_string()))?;
    encode::play(&pipeline).map_err(|failure| {
        if trust.refused() {
            return fail(
                FailureKind::Untrusted,
                "the camera's certificate is not signed by the authority given for it, or names another host",
            );
        }
        let chosen = tracks.lock().unwrap_or_else(PoisonError::into_inner).0.values().any(|c| !c.audio);
        // rtspsrc ends an empty selection as if the stream had run out.
        if failure.kind == FailureKind::Ended && !chosen {
            return fail(FailureKind::Unsupported, "the camera offers no H.264 or H.265 video");
        }
        failure
    })
}

/// Takes the first video and, if wanted, the first audio that can be used; says what they are.
fn choose_streams(src: &gst::Element, audio: bool, tracks: &Arc<Mutex<Tracks>>, out: &Out) {
    let (tracks, out) = (tracks.clone(), out.clone());
    src.connect("select-stream", false, move |args| {
        let mut tracks = tracks.lock().unwrap_or_else(PoisonError::into_inner);
        let number = args.get(1).and_then(|v| v.get::<u32>().ok());
        let caps = args.get(2).and_then(|v| v.get::<gst::Caps>().ok());
        let described = caps.as_ref().and_then(|caps| caps.structure(0)).and_then(describe);
        let (Some(number), Some((track, depay))) = (number, described) else { return Some(false.to_value()) };
        let is_audio = !matches!(track, Track::Video { .. });
        let taken = tracks.0.values().any(|c| c.audio == is_audio);
        if taken || (is_audio && !audio) {
            return Some(false.to_value());
        }
        let index = u8::from(is_audio);
        match Frame::track(index, &track) {
            Ok(frame) => out.offer(frame),
            Err(_) => return Some(false.to_value()),
        }
        tracks.0.insert(number, Chosen { audio: is_audio, packets: PacketTrack::new(index, depay) });
        Some(true.to_value())
    });
}

/// What an RTP stream carries, by its SDP; `None` for what can not be recorded.
fn describe(sdp: &gst::StructureRef) -> Option<(Track, Depay)> {
    let text = |key: &str| sdp.get::<String>(key).ok();
    let name = text("encoding-name")?.to_ascii_uppercase();
    let rate = sdp.get::<i32>("clock-rate").ok().and_then(|r| u32::try_from(r).ok()).filter(|r| *r > 0)?;
    let channels = text("encoding-params").and_then(|p| p.parse().ok()).filter(|c| (1..=8).contains(c)).unwrap_or(1);
    let sets = |keys: &[&str]| -> Vec<String> {
        let decode = |set: &str| glib::base64_decode(set.trim());
        keys.iter()
            .filter_map(|key| text(key))
            .flat_map(|list| list.split(',').map(decode).collect::<Vec<_>>())
            .filter(|set| !set.is_empty())
            .map(hex::encode)
            .collect()
    };
    let video = |codec, parameter_sets| {
        Some((Track::Video { codec, parameter_sets, encoded_here: false }, units::video(codec)))
    };
    match name.as_str() {
        "H264" if rate == 90_000 => video(VideoCodec::H264, sets(&["sprop-parameter-sets"])),
        "H265" if rate == 90_000 => video(VideoCodec::H265, sets(&["sprop-vps", "sprop-sps", "sprop-pps"])),
        "MPEG4-GENERIC" if text("mode").is_some_and(|m| m.eq_ignore_ascii_case("AAC-hbr")) => {
            let config = text("config")?.to_ascii_lowercase();
            hex::decode(&config).ok()?;
            let track = Track::Aac { rate, channels, config, encoded_here: false };
            Some((track, Depay::Aac(Default::default())))
        }
        "PCMA" => Some((Track::G711 { law: Law::A, rate, channels }, Depay::Whole { lost: 0 })),
        "PCMU" => Some((Track::G711 { law: Law::Mu, rate, channels }, Depay::Whole { lost: 0 })),
        _ => None,
    }
}

/// Hands each sender report to the tracks; each takes those of its own sender.
fn follow_clocks(src: &gst::Element, tracks: &Arc<Mutex<Tracks>>, out: &Out) {
    let (tracks, out) = (tracks.clone(), out.clone());
    src.connect("new-manager", false, move |args| {
        let manager = args.get(1)?.get::<gst::Bin>().ok()?;
        let (tracks, out) = (tracks.clone(), out.clone());
        manager.connect_element_added(move |_, element| {
            if element.factory().is_none_or(|f| f.name() != "rtpsession") {
                return;
            }
            let Some(session) = element.property::<Option<glib::Object>>("internal-session") else { return };
            let (tracks, out) = (tracks.clone(), out.clone());
            session.connect("on-receiving-rtcp", false, move |args| {
                let packet = args.get(1)?.get::<gst::Buffer>().ok()?;
                let map = packet.map_readable().ok()?;
                let report = rtp::sender_report(&map)?;
                let packets: Vec<_> = {
                    let tracks = tracks.lock().unwrap_or_else(PoisonError::into_inner);
                    tracks.0.values().map(|c| c.packets.clone()).collect()
                };
                for packets in packets {
                    packets.lock().unwrap_or_else(PoisonError::into_inner).clock(report, &out);
                }
                None
            });
        });
        None
    });
}

/// Leads every new pad's packets to its track.
fn link_packets(src: &gst::Element, pipeline: &gst::Pipeline, tracks: &Arc<Mutex<Tracks>>, out: &Out) {
    let (tracks, out) = (tracks.clone(), out.clone());
    let pipeline = pipeline.downgrade();
    src.connect_pad_added(move |_, pad| {
        let Some(pipeline) = pipeline.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let audio = caps.structure(0).and_then(|s| s.get::<String>("media").ok()).is_some_and(|m| m == "audio");
        let packets = {
            let tracks = tracks.lock().unwrap_or_else(PoisonError::into_inner);
            tracks.0.values().find(|c| c.audio == audio).map(|c| c.packets.clone())
        };
        let Some(packets) = packets else { return };
        let sink = gst_app::AppSink::builder().sync(false).async_(false).build();
        packet_sink(&sink, packets, out.clone());
        let linked = pipeline
            .add(&sink)
            .map_err(|e| e.to_string())
            .and_then(|()| sink.sync_state_with_parent().map_err(|e| e.to_string()))
            .and_then(|()| sink.static_pad("sink").ok_or_else(|| "no sink pad".to_owned()))
            .and_then(|to| pad.link(&to).map(|_| ()).map_err(|e| e.to_string()));
        if let Err(e) = linked {
            eprintln!("a track of the camera can not be linked: {e}");
        }
    });
}
