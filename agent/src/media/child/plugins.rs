//! Which GStreamer plugins a task loads, by name; nothing else on the system is opened.

use std::path::PathBuf;

use gstreamer as gst;

use super::fail;
use crate::media::protocol::{Failure, FailureKind};

/// RTSP, handing over RTP packets.
pub(super) const RTSP: &[&str] = &["coreelements", "app", "rtsp", "rtp", "rtpmanager", "udp", "tcp"];
/// Everything the inputs table can ask for.
pub(super) const LOCAL: &[&str] = &[
    "coreelements",
    "app",
    "udp",
    "rtp",
    "rtpmanager",
    "video4linux2",
    "libcamera",
    "soup",
    "multipart",
    "mpegtsdemux",
    "jpegformat",
    "jpeg",
    "videotestsrc",
    "videoconvertscale",
    "videoconvert",
    "videoscale",
    "videoparsersbad",
    "openh264",
];
pub(super) const AUDIO: &[&str] = &["coreelements", "app", "alaw", "mulaw", "audioconvert", "voaacenc"];
pub(super) const PREVIEW: &[&str] = &[
    "coreelements",
    "app",
    "videoparsersbad",
    "libav",
    "de265",
    "videoconvertscale",
    "videoconvert",
    "videoscale",
    "openh264",
];

/// Debian's package of each element we ask for, so that a missing one can be put right.
const PACKAGES: &[(&str, &str)] = &[
    ("appsrc", "gstreamer1.0-plugins-base"),
    ("appsink", "gstreamer1.0-plugins-base"),
    ("audioconvert", "gstreamer1.0-plugins-base"),
    ("videoconvert", "gstreamer1.0-plugins-base"),
    ("videoscale", "gstreamer1.0-plugins-base"),
    ("videotestsrc", "gstreamer1.0-plugins-base"),
    ("libcamerasrc", "gstreamer1.0-libcamera"),
    ("rtspsrc", "gstreamer1.0-plugins-good"),
    ("rtpjitterbuffer", "gstreamer1.0-plugins-good"),
    ("udpsrc", "gstreamer1.0-plugins-good"),
    ("v4l2src", "gstreamer1.0-plugins-good"),
    ("jpegdec", "gstreamer1.0-plugins-good"),
    ("souphttpsrc", "gstreamer1.0-plugins-good"),
    ("multipartdemux", "gstreamer1.0-plugins-good"),
    ("alawdec", "gstreamer1.0-plugins-good"),
    ("mulawdec", "gstreamer1.0-plugins-good"),
    ("h264parse", "gstreamer1.0-plugins-bad"),
    ("h265parse", "gstreamer1.0-plugins-bad"),
    ("tsdemux", "gstreamer1.0-plugins-bad"),
    ("openh264enc", "gstreamer1.0-plugins-bad"),
    ("openh264dec", "gstreamer1.0-plugins-bad"),
    ("libde265dec", "gstreamer1.0-plugins-bad"),
    ("voaacenc", "gstreamer1.0-plugins-bad"),
    ("avdec_h264", "gstreamer1.0-libav"),
    ("avdec_h265", "gstreamer1.0-libav"),
];

/// Starts GStreamer and loads what is there of `names`; what is missing shows when an element of it is asked for.
pub(super) fn load(names: &[&str]) -> Result<(), Failure> {
    gst::init().map_err(|e| fail(FailureKind::Broken, format!("GStreamer does not start: {e}")))?;
    let Some(folder) = folder() else {
        return Err(fail(
            FailureKind::Broken,
            "no GStreamer plugins on this box; install gstreamer1.0-plugins-base, -good and -bad",
        ));
    };
    for name in names {
        let path = folder.join(format!("libgst{name}.so"));
        if path.exists()
            && let Err(e) = gst::Plugin::load_file(&path)
        {
            eprintln!("plugin {name}: {e}");
        }
    }
    Ok(())
}

/// The first of the usual places that holds GStreamer's own elements.
fn folder() -> Option<PathBuf> {
    let arch = std::env::consts::ARCH;
    let debian = match arch {
        "arm" => "arm-linux-gnueabihf".to_owned(),
        _ => format!("{arch}-linux-gnu"),
    };
    [format!("/usr/lib/{debian}"), "/usr/lib64".into(), "/usr/lib".into(), "/usr/local/lib".into()]
        .into_iter()
        .map(|lib| PathBuf::from(lib).join("gstreamer-1.0"))
        .find(|folder| folder.join("libgstcoreelements.so").exists())
}

/// Refuses with the package to install when an element is not there.
pub(super) fn require(element: &str) -> Result<(), Failure> {
    if gst::ElementFactory::find(element).is_some() {
        return Ok(());
    }
    let package = PACKAGES.iter().find(|(e, _)| *e == element).map_or("its GStreamer plugin", |(_, p)| p);
    Err(fail(FailureKind::Broken, format!("GStreamer element {element} is missing on this box; install {package}")))
}

/// The first of `elements` that is there.
pub(super) fn first_of(elements: &[&'static str]) -> Result<&'static str, Failure> {
    match elements.iter().find(|e| gst::ElementFactory::find(e).is_some()) {
        Some(element) => Ok(element),
        None => Err(elements.first().map_or_else(
            || fail(FailureKind::Broken, "no element was asked for"),
            |first| require(first).err().unwrap_or_else(|| fail(FailureKind::Broken, "an element vanished")),
        )),
    }
}
