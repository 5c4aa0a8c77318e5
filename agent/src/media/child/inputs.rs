//! What a camera's URL means to a worker: the table of inputs. Pure.
//!
//! | URL | read through |
//! |---|---|
//! | `rtsp://` (`rtspu://` over UDP), `rtsps://` | rtspsrc |
//! | `udp://ADDRESS:PORT?format=ts\|h264\|h265` | RTP, or MPEG transport stream (`codec=h265` where it is), multicast too |
//! | `http://`, `https://` | motion JPEG, encoded here |
//! | `v4l2:///dev/video0?format=h264\|mjpeg\|raw` | USB cameras; `mjpeg` and `raw` are encoded here |
//! | `libcamera://` | CSI cameras, encoded here |
//! | `test://?width=640&height=360&fps=20` | a test picture, encoded here |
//!
//! Local ones take `width`, `height`, `fps`; encoded ones take `bitrate` (bits per second).

use std::path::PathBuf;

use url::Url;

use crate::media::protocol::VideoCodec;
use crate::media::sandbox::{Authorities, Network};

/// Bits per second of what is encoded here, when the URL does not say.
const DEFAULT_BITRATE: u32 = 3_000_000;
/// Frames between keyframes of what is encoded here: two seconds of an ordinary camera.
const KEYFRAME_EVERY: u32 = 40;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    Rtsp(Rtsp),
    Pipeline(Pipeline),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Rtsp {
    /// With a scheme rtspsrc knows, without user info.
    pub(super) location: String,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) over: Over,
    pub(super) authorities: Authorities,
}

/// How RTP packets travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    Tcp,
    Udp,
}

/// Elements in a row, ending in an appsink named `sink`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pipeline {
    /// Fixed text; what comes from the URL is in `settings`, so that nothing in it is read as a pipeline.
    pub(super) launch: String,
    /// Element name, property, value.
    pub(super) settings: Vec<(&'static str, &'static str, String)>,
    /// Elements that must be there.
    pub(super) needs: Vec<&'static str>,
    /// The element that takes `user-id` and `user-pw`.
    pub(super) credential: Option<&'static str>,
    pub(super) carries: Carries,
    network: Network,
    /// Character files to open.
    pub(super) cameras: Vec<PathBuf>,
}

/// What arrives at the end of a [`Pipeline`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carries {
    /// RTP packets.
    Packets(VideoCodec),
    /// Access units the camera encoded.
    Units(VideoCodec),
    /// Access units of H.264 encoded here.
    Encoded,
}

/// A URL no worker can read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum InputError {
    #[error("the camera's address is not a URL ({0}); write it like rtsp://10.0.0.9:554/main")]
    NotUrl(#[from] url::ParseError),
    #[error("the camera's URL holds a password; give it as a credential instead")]
    Secret,
    #[error(
        "no camera can be read through {0}://; known are rtsp, rtspu, rtsps, udp, http, https, v4l2, libcamera, test"
    )]
    Scheme(String),
    #[error("{what} {value:?} in the camera's URL is not one of {known}")]
    Value { what: &'static str, value: String, known: &'static str },
    #[error("the camera's URL names no {0}")]
    Missing(&'static str),
    #[error("a certificate authority of its own can be given for rtsps cameras only, not for {0}")]
    Authority(String),
}

impl Input {
    pub(super) fn network(&self) -> Network {
        match self {
            Self::Rtsp(r) => Network::Camera { port: Some(r.port), authorities: r.authorities },
            Self::Pipeline(p) => p.network,
        }
    }

    pub(super) fn cameras(&self) -> Vec<PathBuf> {
        match self {
            Self::Rtsp(_) => Vec::new(),
            Self::Pipeline(p) => p.cameras.clone(),
        }
    }

    pub(super) fn encodes(&self) -> bool {
        matches!(self, Self::Pipeline(Pipeline { carries: Carries::Encoded, .. }))
    }
}

/// Reads the table.
///
/// # Errors
/// [`InputError`], saying what the URL should have been.
pub(super) fn plan(text: &str, own_authority: bool) -> Result<Input, InputError> {
    let url = Url::parse(text)?;
    if url.password().is_some() {
        return Err(InputError::Secret);
    }
    if own_authority && url.scheme() != "rtsps" {
        return Err(InputError::Authority(url.scheme().to_owned()));
    }
    match url.scheme() {
        "rtsp" | "rtspt" => rtsp(&url, Over::Tcp, 554, own_authority).map(Input::Rtsp),
        "rtspu" => rtsp(&url, Over::Udp, 554, own_authority).map(Input::Rtsp),
        "rtsps" => rtsp(&url, Over::Tcp, 322, own_authority).map(Input::Rtsp),
        "udp" => udp(&url).map(Input::Pipeline),
        "http" | "https" => http(&url).map(Input::Pipeline),
        "v4l2" => v4l2(&url).map(Input::Pipeline),
        "libcamera" => libcamera(&url).map(Input::Pipeline),
        "test" => test(&url).map(Input::Pipeline),
        other => Err(InputError::Scheme(other.to_owned())),
    }
}

fn rtsp(url: &Url, over: Over, default_port: u16, own_authority: bool) -> Result<Rtsp, InputError> {
    let host = url.host_str().ok_or(InputError::Missing("host"))?.to_owned();
    let scheme = if url.scheme() == "rtsps" { "rtsps" } else { "rtsp" };
    let port = url.port().unwrap_or(default_port);
    let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
    let location = format!("{scheme}://{host}:{port}{}{query}", url.path());
    let authorities = if own_authority { Authorities::Given } else { Authorities::System };
    Ok(Rtsp { location, host, port, over, authorities })
}

fn udp(url: &Url) -> Result<Pipeline, InputError> {
    let host = url.host_str().ok_or(InputError::Missing("address to listen on"))?.to_owned();
    let port = url.port().ok_or(InputError::Missing("port"))?;
    let codec = match text(url, "codec").as_deref() {
        None | Some("h264") => VideoCodec::H264,
        Some("h265") => VideoCodec::H265,
        Some(other) => return Err(unknown("codec", other, "h264, h265")),
    };
    let rtp = |codec, name: &str| {
        let caps = format!("application/x-rtp,media=video,clock-rate=90000,encoding-name={name}");
        let launch = format!("udpsrc name=src caps=\"{caps}\" ! rtpjitterbuffer latency=200 ! {SINK}");
        (launch, vec!["udpsrc", "rtpjitterbuffer"], Carries::Packets(codec))
    };
    let (launch, needs, carries) = match text(url, "format").as_deref() {
        Some("h264") => rtp(VideoCodec::H264, "H264"),
        Some("h265") => rtp(VideoCodec::H265, "H265"),
        None | Some("ts") => {
            let launch = format!("udpsrc name=src ! tsdemux ! {}", parse(codec));
            (launch, vec!["udpsrc", "tsdemux", parser(codec)], Carries::Units(codec))
        }
        Some(other) => return Err(unknown("format", other, "ts, h264, h265")),
    };
    let settings = vec![("src", "address", host), ("src", "port", port.to_string())];
    let network = Network::Camera { port: None, authorities: Authorities::System };
    Ok(Pipeline { launch, settings, needs, credential: None, carries, network, cameras: Vec::new() })
}

fn http(url: &Url) -> Result<Pipeline, InputError> {
    let launch = format!(
        "souphttpsrc name=src is-live=true do-timestamp=true ! multipartdemux single-stream=true ! jpegparse ! jpegdec ! {}",
        encode(url)?
    );
    let mut plain = url.clone();
    plain.set_query(camera_query(url).as_deref());
    Ok(Pipeline {
        launch,
        settings: vec![("src", "location", plain.to_string())],
        needs: vec!["souphttpsrc", "multipartdemux", "jpegparse", "jpegdec", "openh264enc"],
        credential: Some("src"),
        carries: Carries::Encoded,
        network: Network::Camera { port: url.port_or_known_default(), authorities: Authorities::System },
        cameras: Vec::new(),
    })
}

fn v4l2(url: &Url) -> Result<Pipeline, InputError> {
    if url.path().is_empty() || url.path() == "/" {
        return Err(InputError::Missing("character file, as in v4l2:///dev/video0"));
    }
    let shape = shape(url)?;
    let (kind, tail, carries, mut needs) = match text(url, "format").as_deref() {
        Some("h264") => {
            let codec = VideoCodec::H264;
            ("video/x-h264", parse(codec), Carries::Units(codec), vec!["h264parse"])
        }
        Some("mjpeg") => {
            let tail = format!("jpegparse ! jpegdec ! {}", encode(url)?);
            ("image/jpeg", tail, Carries::Encoded, vec!["jpegparse", "jpegdec", "openh264enc"])
        }
        None | Some("raw") => ("video/x-raw", encode(url)?, Carries::Encoded, vec!["openh264enc"]),
        Some(other) => return Err(unknown("format", other, "h264, mjpeg, raw")),
    };
    needs.push("v4l2src");
    Ok(Pipeline {
        launch: format!("v4l2src name=src do-timestamp=true ! {kind}{shape} ! {tail}"),
        settings: vec![("src", "device", url.path().to_owned())],
        needs,
        credential: None,
        carries,
        network: Network::None,
        cameras: vec![PathBuf::from(url.path())],
    })
}

fn libcamera(url: &Url) -> Result<Pipeline, InputError> {
    let settings = match url.path().trim_start_matches('/') {
        "" => Vec::new(),
        name => vec![("src", "camera-name", name.to_owned())],
    };
    Ok(Pipeline {
        launch: format!("libcamerasrc name=src ! video/x-raw{} ! {}", shape(url)?, encode(url)?),
        settings,
        needs: vec!["libcamerasrc", "openh264enc"],
        credential: None,
        carries: Carries::Encoded,
        network: Network::None,
        cameras: vec![PathBuf::from("/dev")],
    })
}

fn test(url: &Url) -> Result<Pipeline, InputError> {
    Ok(Pipeline {
        launch: format!("videotestsrc name=src is-live=true ! video/x-raw{} ! {}", shape(url)?, encode(url)?),
        settings: text(url, "pattern").map(|p| ("src", "pattern", p)).into_iter().collect(),
        needs: vec!["videotestsrc", "openh264enc"],
        credential: None,
        carries: Carries::Encoded,
        network: Network::None,
        cameras: Vec::new(),
    })
}

pub(super) const SINK: &str = "appsink name=sink sync=false async=false";

fn parser(codec: VideoCodec) -> &'static str {
    match codec {
        VideoCodec::H264 => "h264parse",
        VideoCodec::H265 => "h265parse",
    }
}

/// Finds access units in a byte stream, length-prefixed; takes nothing out and puts nothing in.
pub(super) fn parse(codec: VideoCodec) -> String {
    match codec {
        VideoCodec::H264 => format!("h264parse ! video/x-h264,stream-format=avc,alignment=au ! {SINK}"),
        VideoCodec::H265 => format!("h265parse ! video/x-h265,stream-format=hvc1,alignment=au ! {SINK}"),
    }
}

/// The H.264 encoder (Cisco's OpenH264, BSD) and what is behind it.
pub(super) fn encoder(bits_per_second: u32, keyframe_every: u32) -> String {
    format!(
        "videoconvert ! video/x-raw,format=I420 ! openh264enc usage-type=camera complexity=low rate-control=bitrate \
         enable-frame-skip=false bitrate={bits_per_second} gop-size={keyframe_every} ! {}",
        parse(VideoCodec::H264)
    )
}

fn encode(url: &Url) -> Result<String, InputError> {
    Ok(encoder(number(url, "bitrate")?.unwrap_or(DEFAULT_BITRATE), KEYFRAME_EVERY))
}

/// `,width=W,height=H,framerate=F/1`, as far as the URL says.
fn shape(url: &Url) -> Result<String, InputError> {
    let mut shape = String::new();
    for (key, field, tail) in [("width", "width", ""), ("height", "height", ""), ("fps", "framerate", "/1")] {
        if let Some(n) = number(url, key)? {
            shape.push_str(&format!(",{field}={n}{tail}"));
        }
    }
    Ok(shape)
}

fn text(url: &Url, key: &str) -> Option<String> {
    url.query_pairs().find(|(k, _)| k == key).map(|(_, v)| v.into_owned())
}

fn number(url: &Url, key: &'static str) -> Result<Option<u32>, InputError> {
    match text(url, key) {
        None => Ok(None),
        Some(t) => match t.parse() {
            Ok(n) if (1..=100_000_000).contains(&n) => Ok(Some(n)),
            _ => Err(unknown(key, &t, "the whole numbers from 1")),
        },
    }
}

/// An HTTP camera's own query, without ours.
fn camera_query(url: &Url) -> Option<String> {
    let kept: Vec<&str> = url.query()?.split('&').filter(|p| !p.starts_with("bitrate=")).collect();
    (!kept.is_empty()).then(|| kept.join("&"))
}

fn unknown(what: &'static str, value: &str, known: &'static str) -> InputError {
    InputError::Value { what, value: value.chars().take(40).collect(), known }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pipeline(text: &str) -> Pipeline {
        match plan(text, false) {
            Ok(Input::Pipeline(p)) => p,
            other => panic!("{text} became {other:?}"),
        }
    }

    #[test]
    fn every_row_of_the_table_reads() {
        for (url, carries) in [
            ("udp://239.1.2.3:5000", Carries::Units(VideoCodec::H264)),
            ("udp://0.0.0.0:5000?format=ts&codec=h265", Carries::Units(VideoCodec::H265)),
            ("udp://0.0.0.0:5000?format=h265", Carries::Packets(VideoCodec::H265)),
            ("http://10.0.0.9/video.cgi?a=1&bitrate=900000", Carries::Encoded),
            ("v4l2:///dev/video0?format=h264&width=1280&height=720&fps=25", Carries::Units(VideoCodec::H264)),
            ("v4l2:///dev/video0?format=mjpeg", Carries::Encoded),
            ("v4l2:///dev/video2", Carries::Encoded),
            ("libcamera://", Carries::Encoded),
            ("test://?width=320&height=180&fps=10", Carries::Encoded),
        ] {
            assert_eq!(pipeline(url).carries, carries, "{url}");
        }
    }

    #[test]
    fn only_what_is_local_is_opened_and_only_the_cameras_port_is_reached() {
        assert_eq!(pipeline("v4l2:///dev/video0").network, Network::None);
        assert_eq!(pipeline("v4l2:///dev/video0").cameras, vec![PathBuf::from("/dev/video0")]);
        let rtsp = plan("rtsp://cam.example/main?channel=1", false).unwrap();
        assert_eq!(rtsp.network(), Network::Camera { port: Some(554), authorities: Authorities::System });
        let Input::Rtsp(rtsp) = rtsp else { panic!("not rtsp") };
        assert_eq!(rtsp.location, "rtsp://cam.example:554/main?channel=1");
    }

    #[test]
    fn nothing_in_a_url_becomes_part_of_a_pipeline() {
        let p = pipeline("v4l2:///dev/video0%20!%20filesink?format=raw");
        assert!(!p.launch.contains("filesink"));
        let p = pipeline("test://?pattern=ball!filesink");
        assert!(!p.launch.contains("filesink"));
        assert_eq!(
            plan("test://?width=1!filesink", false).unwrap_err().to_string(),
            "width \"1!filesink\" in the camera's URL is not one of the whole numbers from 1"
        );
    }

    #[test]
    fn a_url_that_can_not_be_read_says_what_to_write() {
        for (url, says) in [
            ("10.0.0.9/main", "write it like rtsp://"),
            ("rtsp://u:p@10.0.0.9/main", "give it as a credential"),
            ("gopher://10.0.0.9/main", "known are rtsp"),
            ("udp://0.0.0.0", "names no port"),
            ("v4l2:///dev/video0?format=divx", "is not one of h264, mjpeg, raw"),
        ] {
            let error = plan(url, false).unwrap_err().to_string();
            assert!(error.contains(says), "{url}: {error}");
        }
        assert!(plan("http://10.0.0.9/v", true).unwrap_err().to_string().contains("for rtsps cameras only"));
    }
}
