//! Describes a mount to whoever asks (RFC 8866, and 6184, 7798, 3640 for the formats).
//!
//! Belongs here: the text. Does not: which resolution is on (`mount`).

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::audio::{Audio, Coding};
use crate::clips::Video;
use crate::nal::Codec;
use crate::odd;
use crate::quirk::{Quirk, Quirks};

/// The control of the video track, and of the audio track.
pub const CONTROLS: [&str; 2] = ["trackID=0", "trackID=1"];

/// The session description.
pub fn describe(video: &Video, audio: Option<&Audio>, quirks: Quirks) -> String {
    let odd = quirks.has(Quirk::OddSdp);
    let mut lines = vec![
        "v=0".to_owned(),
        "o=- 1 1 IN IP4 0.0.0.0".to_owned(),
        "s=Farwatch test camera".to_owned(),
        "c=IN IP4 0.0.0.0".to_owned(),
        "t=0 0".to_owned(),
        "a=control:*".to_owned(),
        "a=range:npt=now-".to_owned(),
        "m=video 0 RTP/AVP 96".to_owned(),
    ];
    if odd {
        lines.retain(|line| !line.starts_with("o="));
    }
    let sets: Vec<String> = video.parameter_sets.iter().map(|set| encode(video.codec, set, quirks)).collect();
    match (video.codec, &sets[..]) {
        (Codec::H264, _) if quirks.has(Quirk::NoSets) => {
            lines.push("a=rtpmap:96 H264/90000".to_owned());
            lines.push("a=fmtp:96 packetization-mode=1".to_owned());
        }
        (Codec::H265, _) if quirks.has(Quirk::NoSets) => lines.push("a=rtpmap:96 H265/90000".to_owned()),
        (Codec::H264, sets) => {
            lines.push(format!("a=rtpmap:96 H264/90000{}", if odd { " " } else { "" }));
            if odd {
                lines.push("a=fmtp:96".to_owned());
            }
            let level = video.parameter_sets.first().and_then(|sps| sps.get(1..4)).map(hex::encode_upper);
            lines.push(format!(
                "a=fmtp:96 packetization-mode=1;profile-level-id={};sprop-parameter-sets={}",
                level.unwrap_or_default(),
                sets.join(",")
            ));
        }
        (Codec::H265, sets) => {
            lines.push("a=rtpmap:96 H265/90000".to_owned());
            let named: Vec<String> =
                ["vps", "sps", "pps"].iter().zip(sets).map(|(name, set)| format!("sprop-{name}={set}")).collect();
            lines.push(format!("a=fmtp:96 {}", named.join(";")));
        }
    }
    lines.push(format!("a=control:{}", CONTROLS[0]));
    match audio.map(|audio| audio.coding) {
        // 1408: AAC-LC, 16 kHz, one channel.
        Some(Coding::Aac) => lines.extend([
            "m=audio 0 RTP/AVP 97".to_owned(),
            "a=rtpmap:97 mpeg4-generic/16000/1".to_owned(),
            "a=fmtp:97 streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3;config=1408"
                .to_owned(),
            format!("a=control:{}", CONTROLS[1]),
        ]),
        Some(Coding::Alaw) => lines.extend([
            "m=audio 0 RTP/AVP 8".to_owned(),
            "a=rtpmap:8 PCMA/8000".to_owned(),
            format!("a=control:{}", CONTROLS[1]),
        ]),
        None => {}
    }
    if odd {
        lines.push("m=application/TP-LINK 0 RTP/AVP smart/1/90000".to_owned());
        lines.push("a=rtpmap:95 TP-LINK/90000".to_owned());
    }
    lines.join("\r\n") + "\r\n"
}

fn encode(codec: Codec, set: &[u8], quirks: Quirks) -> String {
    if quirks.has(Quirk::BadSets) {
        return BASE64.encode([0xe9, 1, 2, 3]);
    }
    let set = odd::set(codec, set, quirks);
    if quirks.has(Quirk::AnnexBSets) { BASE64.encode([&[0, 0, 0, 1], &set[..]].concat()) } else { BASE64.encode(set) }
}
