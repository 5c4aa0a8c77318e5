//! Asking the box to take something as an event: a contact that opened, a person who pressed a button.
//!
//! Belongs here: what is asked and answered over the local socket, and the way past an agent that does not run. Does not: what
//! an event starts (`record::modes`).

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use farwatch_shared::id::CameraId;
use farwatch_shared::wire::latest::Trigger;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::catalog::StreamKey;
use crate::enrol::boot_id;
use crate::reconcile::{Applied, RecorderView};
use crate::recorder::address::Address;
use crate::recorder::protocol::{Current, Down};

/// Triggers that wait for the recorder's socket; more are refused.
pub const TRIGGERS: usize = 16;
const PATIENCE: Duration = Duration::from_secs(3);

/// What may be asked beside the status, as one line of JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    Trigger {
        camera: CameraId,
        trigger: Trigger,
        #[serde(default)]
        detail: Option<String>,
        pulse_ms: u64,
    },
}

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Asked {
    /// The recorder has it.
    Taken,
    Refused {
        why: String,
    },
}

/// Where a running agent sends triggers.
#[derive(Clone)]
pub struct Triggers {
    pub applied: watch::Receiver<Applied>,
    pub recorder: watch::Receiver<RecorderView>,
    pub to_recorder: mpsc::Sender<Down>,
}

impl Triggers {
    /// Takes a trigger in, or says why not.
    #[must_use]
    pub fn take(&self, ask: Ask) -> Asked {
        let Ask::Trigger { camera, trigger, detail, pulse_ms } = ask;
        let refused = |why: &str| Asked::Refused { why: why.to_owned() };
        let applied = self.applied.borrow();
        let streams: Vec<&StreamKey> = applied.known.iter().filter(|key| key.camera == camera).collect();
        if streams.is_empty() {
            return refused("this box has no such camera; `farwatch-agent status` lists those it has");
        }
        if streams.iter().all(|key| applied.off.contains_key(key)) {
            return refused("this camera is switched off");
        }
        if !self.recorder.borrow().is_running() {
            return refused("the recorder does not run; it is being started, try again");
        }
        match self.to_recorder.try_send(Down::Trigger { camera, trigger, detail, pulse_ms }) {
            Ok(()) => Asked::Taken,
            Err(_) => refused("too many triggers at once; try again"),
        }
    }
}

/// Asks the running agent; `None` when none answers.
#[must_use]
pub fn ask_trigger(socket: &Path, ask: &Ask) -> Option<Asked> {
    let mut socket = UnixStream::connect(Address::of(socket).ok()?).ok()?;
    socket.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut line = serde_json::to_vec(ask).ok()?;
    line.push(b'\n');
    socket.write_all(&line).ok()?;
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).ok()?;
    serde_json::from_slice(&answer).ok()
}

/// Tells the recorder itself, when no agent runs. It does not say what became of it; its log does.
///
/// # Errors
/// When no recorder runs either.
pub fn tell_recorder(recorder: &Path, ask: Ask) -> io::Result<()> {
    let Ask::Trigger { camera, trigger, detail, pulse_ms } = ask;
    let current: Current = serde_json::from_slice(&std::fs::read(recorder.join("current"))?)?;
    if current.boot_id != boot_id() {
        return Err(io::ErrorKind::NotConnected.into());
    }
    let mut socket = UnixStream::connect(Address::of(&recorder.join(current.socket))?)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut line = serde_json::to_vec(&Down::Trigger { camera, trigger, detail, pulse_ms })?;
    line.push(b'\n');
    socket.write_all(&line)?;
    socket.shutdown(Shutdown::Write)?;
    // The recorder closes once it has read everything.
    io::copy(&mut socket.take(1 << 20), &mut io::sink()).map(|_| ())
}

#[cfg(test)]
mod tests {
    use farwatch_shared::id::StreamName;
    use farwatch_shared::time::WallMs;

    use super::*;

    // CAP-04
    #[test]
    fn a_trigger_reaches_the_recorder_or_says_why_not() {
        let (camera, stranger) = (CameraId::generate(), CameraId::generate());
        let key = StreamKey { camera, stream: StreamName::Main };
        let (applied_in, applied) = watch::channel(Applied { known: [key].into(), ..Applied::default() });
        let (recorder_in, recorder) = watch::channel(RecorderView::default());
        let (to_recorder, mut heard) = mpsc::channel(1);
        let triggers = Triggers { applied, recorder, to_recorder };
        let ask = |camera| Ask::Trigger { camera, trigger: Trigger::Input, detail: None, pulse_ms: 10_000 };
        let why = |asked| if let Asked::Refused { why } = asked { why } else { String::new() };
        assert!(why(triggers.take(ask(stranger))).contains("no such camera"));
        assert!(why(triggers.take(ask(camera))).contains("recorder does not run"));
        recorder_in.send_replace(RecorderView { pid: Some(1), ..RecorderView::default() });
        assert_eq!(triggers.take(ask(camera)), Asked::Taken);
        assert!(matches!(heard.try_recv(), Ok(Down::Trigger { pulse_ms: 10_000, .. })));
        applied_in.send_replace(Applied { known: [key].into(), off: [(key, WallMs(0))].into(), ..Applied::default() });
        assert!(why(triggers.take(ask(camera))).contains("switched off"));
    }
}
