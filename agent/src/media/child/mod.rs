//! The child's half: `farwatch-agent media`, one task, then the end.
//!
//! Belongs here: reading the task, shutting itself in, running it, saying why it ended. Does not: trying again; the
//! parent starts a new worker for that.

mod audio;
mod encode;
mod inputs;
mod out;
mod plugins;
mod preview;
mod rtp;
mod rtsp;
mod tls;
mod units;

use std::io::{BufRead as _, BufReader, Read, Stdin};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use gstreamer as gst;

use super::protocol::{Failure, FailureKind, Frame, Kind, ProtocolError, TASK_LIMIT, Task};
use super::sandbox::{self, Confines, Network};
use inputs::Input;
use out::Out;

/// Most private memory of a worker that passes pictures on, and of one that decodes them.
const PASSING_MEMORY: u64 = 384 << 20;
const DECODING_MEMORY: u64 = 1 << 30;
/// A preview may wait, recording may not.
const PREVIEW_NICE: i32 = 10;

/// Runs the worker over standard input and output until its task is done or its parent is gone.
///
/// Must be called before the process has started any thread.
#[must_use]
pub fn serve() -> ExitCode {
    let mut input = BufReader::new(std::io::stdin());
    let task = match read_task(&mut input) {
        Ok(task) => task,
        Err(e) => {
            eprintln!("farwatch-agent media is started by the agent itself, with its task on standard input: {e}");
            return ExitCode::from(2);
        }
    };
    let planned = plan(&task);
    let confines = planned.as_ref().map_or_else(|_| offline(PASSING_MEMORY), |p| p.confines.clone());
    match sandbox::enter(&confines) {
        Ok(unenforced) => {
            for what in unenforced {
                eprintln!("the media worker's confinement is not complete: {what}");
            }
        }
        Err(e) => {
            eprintln!("the media worker refuses to run unconfined: {e}");
            return ExitCode::from(2);
        }
    }
    let out = Out::start();
    let done = planned.and_then(|planned| {
        plugins::load(planned.plugins)?;
        match planned.work {
            Work::Rtsp(task, rtsp) => {
                watch_parent(input);
                rtsp::run(&task, &rtsp, &out)
            }
            Work::Pipeline(task, pipeline) => {
                watch_parent(input);
                encode::run(&task, &pipeline, &out)
            }
            Work::Audio(task) => {
                outlive_no_parent();
                audio::run(task, input, &out)
            }
            Work::Preview(task) => {
                outlive_no_parent();
                preview::run(&task, input, &out)
            }
        }
    });
    match done {
        Ok(()) => out.finish(Frame::end()),
        Err(failure) => {
            let payload = serde_json::to_vec(&failure).unwrap_or_default();
            out.finish(Frame { kind: Kind::Failed, payload, ..Frame::end() });
        }
    }
    ExitCode::SUCCESS
}

enum Work {
    Rtsp(super::protocol::CameraTask, inputs::Rtsp),
    Pipeline(super::protocol::CameraTask, inputs::Pipeline),
    Audio(super::protocol::AudioTask),
    Preview(super::protocol::PreviewTask),
}

struct Planned {
    work: Work,
    confines: Confines,
    plugins: &'static [&'static str],
}

fn plan(task: &Task) -> Result<Planned, Failure> {
    Ok(match task {
        Task::Camera(camera) => {
            let input = inputs::plan(&camera.url, camera.ca_pem.is_some())
                .map_err(|e| fail(FailureKind::Unsupported, e.to_string()))?;
            let confines = Confines {
                network: input.network(),
                cameras: input.cameras(),
                memory: if input.encodes() { DECODING_MEMORY } else { PASSING_MEMORY },
                nice: 0,
            };
            match input {
                Input::Rtsp(rtsp) => {
                    Planned { work: Work::Rtsp(camera.clone(), rtsp), confines, plugins: plugins::RTSP }
                }
                Input::Pipeline(pipeline) => {
                    Planned { work: Work::Pipeline(camera.clone(), pipeline), confines, plugins: plugins::LOCAL }
                }
            }
        }
        Task::Audio(audio) => {
            Planned { work: Work::Audio(*audio), confines: offline(PASSING_MEMORY), plugins: plugins::AUDIO }
        }
        Task::Preview(preview) => Planned {
            work: Work::Preview(preview.clone()),
            confines: Confines { nice: PREVIEW_NICE, ..offline(DECODING_MEMORY) },
            plugins: plugins::PREVIEW,
        },
    })
}

fn offline(memory: u64) -> Confines {
    Confines { network: Network::None, cameras: Vec::new(), memory, nice: 0 }
}

fn fail(kind: FailureKind, detail: impl Into<String>) -> Failure {
    Failure { kind, detail: detail.into() }
}

fn read_task(input: &mut BufReader<Stdin>) -> Result<Task, ProtocolError> {
    let mut line = Vec::new();
    input.by_ref().take(TASK_LIMIT as u64).read_until(b'\n', &mut line)?;
    Ok(serde_json::from_slice(&line)?)
}

/// Where a playing pipeline is told that the parent is gone.
static PARENT: Mutex<Option<gst::Bus>> = Mutex::new(None);
/// How long a pipeline may take to say goodbye to its camera.
const GOODBYE: Duration = Duration::from_secs(1);
/// How often a conversion looks whether its parent lives.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Ends the process when the parent's pipe closes, also when a codec hangs and nothing else here runs any more.
///
/// Not by a parent-death signal: that one follows the thread that forked, which in the parent may be any.
fn watch_parent(mut input: BufReader<Stdin>) {
    std::thread::spawn(move || {
        let mut ignored = [0; 64];
        while input.read(&mut ignored).is_ok_and(|n| n > 0) {}
        let bus = PARENT.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(bus) = bus {
            let gone = gst::message::Application::builder(gst::Structure::new_empty("parent-gone")).build();
            if bus.post(gone).is_ok() {
                std::thread::park_timeout(GOODBYE);
            }
        }
        die();
    });
}

/// Ends a conversion whose parent died while its codec hangs: then nobody reads the pipe that would tell. Looking now and
/// then is enough, since whoever is not hung sees the pipe at once.
fn outlive_no_parent() {
    let parent = rustix::process::getppid();
    std::thread::spawn(move || {
        loop {
            std::thread::park_timeout(LOOK_EVERY);
            if rustix::process::getppid() != parent {
                die();
            }
        }
    });
}

/// A worker has nothing to save: it owns no file, and its parent reads a closed pipe as the end.
fn die() -> ! {
    let killed = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    panic!("the media worker could not end itself: {killed:?}");
}
