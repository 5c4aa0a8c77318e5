//! Pipelines of the inputs table, and what all pipelines share: building, playing, saying why they stopped.

use std::fs::File;
use std::path::Path;
use std::sync::PoisonError;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;

use super::inputs::{Carries, Pipeline};
use super::out::Out;
use super::units::{self, Pace, PacketTrack, packet_sink, unit_sink};
use super::{PARENT, fail, plugins};
use crate::media::protocol::{CameraTask, Failure, FailureKind, Frame, Track, VideoCodec};

const TICKS90K: u32 = 90_000;
/// Longest text of GStreamer that goes into a failure.
const DETAIL_LIMIT: usize = 300;

pub(super) fn run(task: &CameraTask, input: &Pipeline, out: &Out) -> Result<(), Failure> {
    input.needs.iter().try_for_each(|element| plugins::require(element))?;
    for camera in input.cameras.iter().filter(|c| c.as_path() != Path::new("/dev")) {
        if let Err(e) = File::options().read(true).write(true).open(camera) {
            let told = format!("{} can not be opened ({e}); is the camera plugged in?", camera.display());
            return Err(fail(FailureKind::Unreachable, told));
        }
    }
    let pipeline = launch(&input.launch)?;
    for (name, property, value) in &input.settings {
        let element = named(&pipeline, name)?;
        set(&element, property, value)?;
    }
    if let Some(name) = input.credential {
        give_credential(&named(&pipeline, name)?, task);
    }
    let sink = app_sink(&pipeline)?;
    let (codec, encoded_here) = match input.carries {
        Carries::Packets(codec) | Carries::Units(codec) => (codec, false),
        Carries::Encoded => (VideoCodec::H264, true),
    };
    // Parameter sets come in band: parsers keep them there, and senders over UDP have no other way to give them.
    let track = Track::Video { codec, parameter_sets: Vec::new(), encoded_here };
    out.offer(Frame::track(0, &track).map_err(|e| fail(FailureKind::Broken, e.to_string()))?);
    match input.carries {
        Carries::Packets(codec) => packet_sink(&sink, PacketTrack::new(0, units::video(codec)), out.clone()),
        Carries::Units(_) | Carries::Encoded => unit_sink(&sink, 0, TICKS90K, Pace::Live, 0, out.clone()),
    }
    play(&pipeline)
}

pub(super) fn element(name: &str) -> Result<gst::Element, Failure> {
    plugins::require(name)?;
    gst::ElementFactory::make(name).build().map_err(|e| fail(FailureKind::Broken, e.to_string()))
}

pub(super) fn launch(description: &str) -> Result<gst::Pipeline, Failure> {
    let built = gst::parse::launch(description).map_err(|e| fail(FailureKind::Broken, e.message().to_owned()))?;
    built.downcast().map_err(|_| fail(FailureKind::Broken, "the description is no pipeline"))
}

pub(super) fn named(pipeline: &gst::Pipeline, name: &str) -> Result<gst::Element, Failure> {
    pipeline.by_name(name).ok_or_else(|| fail(FailureKind::Broken, format!("the pipeline has no element {name}")))
}

pub(super) fn app_sink(pipeline: &gst::Pipeline) -> Result<gst_app::AppSink, Failure> {
    named(pipeline, "sink")?
        .downcast()
        .map_err(|_| fail(FailureKind::Broken, "the pipeline does not end in an appsink"))
}

/// Sets a property from text, refusing what the element does not know instead of panicking.
fn set(element: &gst::Element, property: &str, value: &str) -> Result<(), Failure> {
    let refuse = || fail(FailureKind::Unsupported, format!("{value:?} is no {property} of {}", element.name()));
    let spec = element.find_property(property).ok_or_else(refuse)?;
    let value = gst::glib::Value::deserialize_with_pspec(value, &spec).map_err(|_| refuse())?;
    element.set_property_from_value(property, &value);
    Ok(())
}

pub(super) fn give_credential(element: &gst::Element, task: &CameraTask) {
    if let Some(user) = &task.user {
        element.set_property("user-id", user);
    }
    if let Some(password) = &task.password {
        element.set_property("user-pw", password.expose());
    }
}

/// Plays until the stream ends, breaks, or the parent is gone (then `Ok`).
pub(super) fn play(pipeline: &gst::Pipeline) -> Result<(), Failure> {
    let bus = pipeline.bus().ok_or_else(|| fail(FailureKind::Broken, "the pipeline has no bus"))?;
    *PARENT.lock().unwrap_or_else(PoisonError::into_inner) = Some(bus.clone());
    let played = match pipeline.set_state(gst::State::Playing) {
        Ok(_) => wait(&bus),
        // What refused to start has said why on the bus.
        Err(_) => match bus.timed_pop_filtered(gst::ClockTime::ZERO, &[gst::MessageType::Error]) {
            Some(message) => told(&message),
            None => Err(fail(FailureKind::Broken, "the pipeline does not start")),
        },
    };
    // Says goodbye to the camera too: many allow only a few sessions.
    if pipeline.set_state(gst::State::Null).is_err() {
        eprintln!("the pipeline does not stop");
    }
    played
}

fn wait(bus: &gst::Bus) -> Result<(), Failure> {
    let kinds = [gst::MessageType::Error, gst::MessageType::Eos, gst::MessageType::Application];
    loop {
        if let Some(message) = bus.timed_pop_filtered(gst::ClockTime::NONE, &kinds) {
            return told(&message);
        }
    }
}

fn told(message: &gst::Message) -> Result<(), Failure> {
    match message.view() {
        gst::MessageView::Error(e) => Err(failure(&e.error(), e.debug().as_deref())),
        gst::MessageView::Eos(_) => Err(fail(FailureKind::Ended, "the stream ended")),
        _ => Ok(()),
    }
}

/// Sorts GStreamer's errors into the few kinds a parent acts on.
fn failure(error: &gst::glib::Error, debug: Option<&str>) -> Failure {
    let kind = if error.matches(gst::ResourceError::NotAuthorized) {
        FailureKind::AuthFailed
    } else if error.matches(gst::CoreError::MissingPlugin) || error.matches(gst::ResourceError::NoSpaceLeft) {
        FailureKind::Broken
    } else if error.is::<gst::ResourceError>() {
        FailureKind::Unreachable
    } else if error.is::<gst::StreamError>() {
        FailureKind::Unsupported
    } else {
        FailureKind::Broken
    };
    // The last line of the debug text is meant for people; those before name source files.
    let told = debug.and_then(|d| d.lines().last()).filter(|d| !d.starts_with("../")).unwrap_or_default();
    let detail: String = format!("{} {told}", error.message()).trim().chars().take(DETAIL_LIMIT).collect();
    Failure { kind, detail }
}
