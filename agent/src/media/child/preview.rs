//! A smaller H.264 picture of what a browser can not play, each picture at the time of the one it was made from.

use std::io::{BufReader, Stdin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::out::Out;
use super::units::{Pace, nanoseconds, ticks, unit_sink};
use super::{encode, fail, inputs, plugins};
use crate::media::protocol::{Failure, FailureKind, Frame, Kind, PreviewTask, Track, VideoCodec};

const TICKS90K: u32 = 90_000;
/// Frames between keyframes.
const KEYFRAME_EVERY: u32 = 40;
/// Depth of what waits for the decoder, in bytes.
const WAITING: u64 = 4 << 20;
/// Added to all times inside, since GStreamer knows none before zero and a leading picture may have one.
const ZERO_TICKS: i64 = 90_000 * 60;

pub(super) fn run(task: &PreviewTask, input: BufReader<Stdin>, out: &Out) -> Result<(), Failure> {
    let (format, stream_format, parser, decoder) = match task.codec {
        VideoCodec::H264 => ("video/x-h264", "avc", "h264parse", plugins::first_of(&["avdec_h264", "openh264dec"])?),
        VideoCodec::H265 => ("video/x-h265", "hvc1", "h265parse", plugins::first_of(&["avdec_h265", "libde265dec"])?),
    };
    ["appsrc", parser, "videoscale", "openh264enc"].iter().try_for_each(|e| plugins::require(e))?;
    let widest = task.max_width.clamp(16, 4_096) & !1;
    let pipeline = encode::launch(&format!(
        "appsrc name=source format=time block=true max-bytes={WAITING} max-time=0 max-buffers=0 ! {parser} ! {decoder} name=decoder \
         ! videoconvert ! videoscale ! video/x-raw,width=(int)[16,{widest},2],height=(int)[16,4096,2],pixel-aspect-ratio=1/1 \
         ! {}",
        inputs::encoder(task.bits_per_second, KEYFRAME_EVERY)
    ))?;
    // One damaged picture must not end the preview.
    let decoder = encode::named(&pipeline, "decoder")?;
    for (property, value) in [("max-errors", "-1"), ("max-threads", "2")] {
        if decoder.find_property(property).is_some() {
            decoder.set_property_from_str(property, value);
        }
    }
    let config =
        hex::decode(&task.config).map_err(|_| fail(FailureKind::Unsupported, "the codec's record is not hex"))?;
    let source: gst_app::AppSrc = encode::named(&pipeline, "source")?
        .downcast()
        .map_err(|_| fail(FailureKind::Broken, "the pipeline does not begin with an appsrc"))?;
    let caps = gst::Caps::builder(format)
        .field("stream-format", stream_format)
        .field("alignment", "au")
        .field("codec_data", gst::Buffer::from_mut_slice(config))
        .build();
    source.set_caps(Some(&caps));
    let track = Track::Video { codec: VideoCodec::H264, parameter_sets: Vec::new(), encoded_here: true };
    out.send(Frame::track(0, &track).map_err(|e| fail(FailureKind::Broken, e.to_string()))?);
    let sink = encode::app_sink(&pipeline)?;
    unit_sink(&sink, 0, TICKS90K, Pace::Patient, ZERO_TICKS, out.clone());
    std::thread::spawn(move || feed(input, &source));
    let complaints = task.strict.then(complaints);
    match encode::play(&pipeline) {
        Err(failure) if failure.kind == FailureKind::Ended => match complaints.map_or(0, |c| c.load(Ordering::Relaxed))
        {
            0 => Ok(()),
            count => Err(fail(FailureKind::Unsupported, format!("the decoder complained {count} times"))),
        },
        other => other,
    }
}

/// Counts what the decoder complains of: it guesses what damaged bytes do not say, and such pictures come out like any
/// other.
fn complaints() -> Arc<AtomicU32> {
    let count = Arc::new(AtomicU32::new(0));
    let heard = count.clone();
    gst::log::remove_default_log_function();
    gst::log::add_log_function(move |category, level, _, _, _, _, _| {
        if level == gst::DebugLevel::Error && category.name() == "libav" {
            heard.fetch_add(1, Ordering::Relaxed);
        }
    });
    gst::log::set_threshold_for_name("libav", gst::DebugLevel::Error);
    gst::log::set_active(true);
    count
}

/// Hands the parent's units to the decoder until `End`.
fn feed(mut input: BufReader<Stdin>, source: &gst_app::AppSrc) {
    loop {
        let frame = match Frame::read_from(&mut input) {
            Ok(Some(frame)) if frame.kind == Kind::Unit => frame,
            Ok(Some(frame)) if frame.kind == Kind::End => break,
            Ok(Some(_)) => continue,
            Ok(None) | Err(_) => super::die(),
        };
        let mut buffer = gst::Buffer::from_mut_slice(frame.payload);
        if let Some(buffer) = buffer.get_mut() {
            let at = nanoseconds(frame.ticks + ZERO_TICKS, TICKS90K);
            debug_assert_eq!(ticks(at, TICKS90K), frame.ticks + ZERO_TICKS);
            buffer.set_pts(at);
        }
        if source.push_buffer(buffer).is_err() {
            // The pipeline broke; the bus says why.
            return;
        }
    }
    if source.end_of_stream().is_err() {
        eprintln!("the preview's decoder took no end");
    }
}
