//! AAC made of G.711, with every frame at the sample it stands for.
//!
//! The encoder is VisualOn's (voaacenc, Apache-2.0, in Debian's gstreamer1.0-plugins-bad): no GPL and no non-free
//! package. It works at the camera's own sample rate, so one tick stays one sample. GStreamer's times are not used: frame
//! `k` of an unbroken run stands for samples from `1024 k - DELAY` of that run. A hole in the samples ends the run and
//! begins another; nothing is filled in, and frames of two runs never overlap.

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
    let frames = Arc::new(Mutex::new(Frames { described: false, free: i64::MIN, index: 0, base: 0, lost: 0, end: 0 }));
    let mut run: Option<Run> = None;
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
                over.finish(task, &frames)?;
            }
            frames.lock().unwrap_or_else(PoisonError::into_inner).begin(frame.ticks, frame.lost);
            run = Some(Run::start(task, Place { next: frame.ticks + samples }, frames.clone(), out.clone())?);
        }
        if let Some(run) = &run {
            run.push(frame.payload)?;
        }
    }
    run.map_or(Ok(()), |over| over.finish(task, &frames))
}

/// Where the frames of all runs have got to, and which are given out.
#[derive(Debug)]
struct Frames {
    /// Whether the track has been described.
    described: bool,
    /// No frame may begin before this: the end of the last one given out.
    free: i64,
    /// Of this run: its next frame, its first sample, what was lost before it, and once that is known its end.
    index: i64,
    base: i64,
    lost: u32,
    end: i64,
}

impl Frames {
    fn begin(&mut self, base: i64, lost: u32) {
        let lost = self.lost + lost;
        *self = Self { index: 0, base, lost, end: i64::MAX, ..*self };
    }

    /// When the next frame out of the encoder begins, and what was lost before it; `None` when it stands only for what
    /// was before the run or behind it, or lies in the run before.
    fn next(&mut self) -> Option<(i64, u32)> {
        let ticks = self.base + self.index * FRAME_SAMPLES - DELAY;
        self.index += 1;
        let given = ticks + FRAME_SAMPLES > self.base && ticks < self.end && ticks >= self.free;
        given.then(|| {
            self.free = ticks + FRAME_SAMPLES;
            (ticks, std::mem::take(&mut self.lost))
        })
    }
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
    fn start(task: AudioTask, place: Place, frames: Arc<Mutex<Frames>>, out: Out) -> Result<Self, Failure> {
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
        frames_out(&encode::app_sink(&pipeline)?, task, frames, out);
        pipeline.set_state(gst::State::Playing).map_err(|_| {
            fail(FailureKind::Unsupported, format!("no AAC can be made at {} samples a second", task.rate))
        })?;
        Ok(Self { pipeline, source, place })
    }

    fn push(&self, bytes: Vec<u8>) -> Result<(), Failure> {
        self.source
            .push_buffer(gst::Buffer::from_mut_slice(bytes))
            .map(|_| ())
            .map_err(|e| fail(FailureKind::Broken, format!("the AAC encoder takes no more: {e}")))
    }

    /// Pushes the last samples through the encoder, which keeps at its end what it has not filled a frame with.
    fn finish(self, task: AudioTask, frames: &Mutex<Frames>) -> Result<(), Failure> {
        frames.lock().unwrap_or_else(PoisonError::into_inner).end = self.place.next;
        let silence = match task.law {
            Law::A => 0xd5,
            Law::Mu => 0xff,
        };
        let samples = usize::try_from(DELAY + 2 * FRAME_SAMPLES).unwrap_or(0);
        self.push(vec![silence; samples * usize::from(task.channels.max(1))])?;
        let Self { pipeline, source, place: _ } = self;
        source.end_of_stream().map_err(|e| fail(FailureKind::Broken, e.to_string()))?;
        match encode::play(&pipeline) {
            Err(failure) if failure.kind == FailureKind::Ended => Ok(()),
            other => other,
        }
    }
}

fn frames_out(sink: &gst_app::AppSink, task: AudioTask, frames: Arc<Mutex<Frames>>, out: Out) {
    sink.set_callbacks(
        gst_app::AppSinkCallbacks::builder()
            .new_sample(move |sink| {
                let sample = sink.pull_sample().map_err(|_| gst::FlowError::Eos)?;
                let Some(buffer) = sample.buffer() else { return Ok(gst::FlowSuccess::Ok) };
                let map = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
                let mut frames = frames.lock().unwrap_or_else(PoisonError::into_inner);
                if !std::mem::replace(&mut frames.described, true) {
                    let config = sample.caps().and_then(config).unwrap_or_default();
                    let track =
                        Track::Aac { rate: task.rate, channels: task.channels.max(1), config, encoded_here: true };
                    out.send(Frame::track(0, &track).map_err(|_| gst::FlowError::Error)?);
                }
                if let Some((ticks, lost)) = frames.next() {
                    out.send(Frame { lost, ..Frame::unit(0, ticks, map.to_vec()) });
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
    fn frames_of_two_runs_never_overlap_and_end_with_their_samples() {
        let mut frames = Frames { described: true, free: i64::MIN, index: 0, base: 0, lost: 0, end: 0 };
        frames.begin(10_000, 0);
        frames.end = 12_000;
        let first: Vec<_> = (0..8).filter_map(|_| frames.next()).map(|(t, _)| t).collect();
        assert_eq!(first, [9_424, 10_448, 11_472]);
        frames.begin(12_160, 1);
        let second: Vec<_> = (0..4).filter_map(|_| frames.next()).collect();
        assert_eq!(second, [(12_608, 1), (13_632, 0)]);
    }

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
