//! AAC made of G.711, with every frame at the sample it stands for.
//!
//! The encoder is VisualOn's (voaacenc, Apache-2.0, in Debian's gstreamer1.0-plugins-bad): no GPL and no non-free
//! package. It works at the camera's own sample rate, so one tick stays one sample. GStreamer's times are not used: frame
//! `k` of an unbroken run stands for samples from `1024 k - DELAY` of that run. A hole in the samples ends the run and
//! begins another; nothing is filled in.

use std::io::{BufReader, Stdin};
use std::sync::{Arc, Mutex, PoisonError};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::out::Out;
use super::{encode, fail, plugins};
use crate::camera::depay::aac::FRAME_SAMPLES;
use crate::media::protocol::{AudioTask, Failure, FailureKind, Frame, Kind, Law, Track};

/// Samples by which voaacenc's output lags behind its input (found by a click through encoder and decoder).
const DELAY: i64 = 1_600;
/// Bits per second for one channel of telephone sound.
const BITRATE: i32 = 24_000;
/// Depth of what waits for the encoder, in bytes: two seconds.
const WAITING: u64 = 16_000;
/// How far a camera's timestamps may stray from its sample count before it is a hole: some count loosely.
const TOLERANCE_MS: i64 = 60;

pub(super) fn run(task: AudioTask, mut input: BufReader<Stdin>, out: &Out) -> Result<(), Failure> {
    let mut run: Option<Run> = None;
    let mut first = true;
    loop {
        let frame = match Frame::read_from(&mut input) {
            Ok(Some(frame)) if frame.kind == Kind::Unit => frame,
            Ok(Some(frame)) if frame.kind == Kind::End => break,
            Ok(Some(_)) => continue,
            Ok(None) | Err(_) => super::die(),
        };
        if frame.payload.is_empty() {
            continue;
        }
        let samples = i64::try_from(frame.payload.len()).unwrap_or(i64::MAX) / i64::from(task.channels.max(1));
        let goes_on = run.as_mut().is_some_and(|r| r.place.takes(frame.ticks, samples, frame.lost, task.rate));
        if !goes_on {
            if let Some(over) = run.take() {
                over.finish()?;
            }
            let place = Place { next: frame.ticks + samples };
            run = Some(Run::start(task, frame.ticks, frame.lost, place, first, out.clone())?);
            first = false;
        }
        if let Some(run) = &run {
            run.push(frame.payload)?;
        }
    }
    run.map_or(Ok(()), Run::finish)
}

/// Where the samples of a run have got to.
#[derive(Debug, Clone, Copy)]
struct Place {
    next: i64,
}

impl Place {
    /// Whether a packet of `samples` at `ticks` goes on where the last ended; counts it if so.
    fn takes(&mut self, ticks: i64, samples: i64, lost: u32, rate: u32) -> bool {
        let goes_on = lost == 0 && (ticks - self.next).abs() <= i64::from(rate) * TOLERANCE_MS / 1_000;
        self.next += samples;
        goes_on
    }
}

/// One unbroken run of samples, in an encoder of its own.
struct Run {
    pipeline: gst::Pipeline,
    source: gst_app::AppSrc,
    place: Place,
}

impl Run {
    fn start(task: AudioTask, base: i64, lost: u32, place: Place, first: bool, out: Out) -> Result<Self, Failure> {
        let (decoder, format) = match task.law {
            Law::A => ("alawdec", "audio/x-alaw"),
            Law::Mu => ("mulawdec", "audio/x-mulaw"),
        };
        [decoder, "audioconvert", "voaacenc"].iter().try_for_each(|e| plugins::require(e))?;
        let bitrate = BITRATE * i32::from(task.channels.max(1));
        let pipeline = encode::launch(&format!(
            "appsrc name=source format=time block=true max-bytes={WAITING} max-time=0 max-buffers=0 ! {decoder} ! audioconvert \
             ! voaacenc bitrate={bitrate} ! audio/mpeg,mpegversion=4,stream-format=raw ! appsink name=sink sync=false async=false"
        ))?;
        let source: gst_app::AppSrc = encode::named(&pipeline, "source")?
            .downcast()
            .map_err(|_| fail(FailureKind::Broken, "the pipeline does not begin with an appsrc"))?;
        let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
        let caps = gst::Caps::builder(format)
            .field("rate", number(task.rate))
            .field("channels", i32::from(task.channels.max(1)))
            .build();
        source.set_caps(Some(&caps));
        frames_out(&encode::app_sink(&pipeline)?, task, base, lost, first, out);
        pipeline
            .set_state(gst::State::Playing)
            .map_err(|_| fail(FailureKind::Unsupported, format!("no AAC can be made at {} samples a second", task.rate)))?;
        Ok(Self { pipeline, source, place })
    }

    fn push(&self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.source
            .push_buffer(gst::Buffer::from_mut_slice(bytes))
            .map(|_| ())
            .map_err(|e| fail(FailureKind::Broken, format!("the AAC encoder takes no more: {e}")))
    }

    /// Lets the encoder give out what it still holds.
    fn finish(self) -> Result<(), Failure> {
        let Self { pipeline, source, place: _ } = self;
        source.end_of_stream().map_err(|e| fail(FailureKind::Broken, e.to_string()))?;
        match encode::play(&pipeline) {
            Err(failure) if failure.kind == FailureKind::Ended => Ok(()),
            other => other,
        }
    }
}

fn frames_out(sink: &gst_app::AppSink, task: AudioTask, base: i64, lost: u32, first: bool, out: Out) {
    let state = Arc::new(Mutex::new((0_i64, lost, first)));
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let Some(buffer) = sample.buffer() else { return Ok(gst::FlowSuccess::Ok) };
                let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
                let (index, lost, first) = &mut *state;
                if std::mem::take(first) {
                    let config = sample.caps().and_then(config).unwrap_or_default();
                    let track = Track::Aac { rate: task.rate, channels: task.channels.max(1), config, encoded_here: true };
                    out.send(Frame::track(0, &track).map_err(|_| gst::FlowError::Error)?);
                }
                let ticks = base + *index * FRAME_SAMPLES - DELAY;
                *index += 1;
                // A frame that stands only for what was before the first sample is not part of the recording.
                if ticks + FRAME_SAMPLES > base {
                    out.send(Frame { lost: std::mem::take(lost), ..Frame::unit(0, ticks, map.to_vec()) });
                }
                Ok(gst::FlowSuccess::Ok)
            })
            .build(),
    );
}

/// The AudioSpecificConfig, in hex.
fn config(caps: &gst::CapsRef) -> Option<String> {
    let data = caps.structure(0)?.get::<gst::Buffer>("codec_data").ok()?;
    let map = data.map_readable().ok()?;
    Some(hex::encode(&map[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loosely_counted_packets_go_on_and_a_hole_does_not() {
        let mut place = Place { next: 1_000 };
        assert!(place.takes(1_000, 160, 0, 8_000));
        assert!(place.takes(1_200, 160, 0, 8_000));
        assert!(place.takes(1_320, 160, 0, 8_000));
        assert!(!place.takes(1_480, 160, 1, 8_000));
        let mut place = Place { next: 1_000 };
        assert!(!place.takes(9_000, 160, 0, 8_000));
    }
}
