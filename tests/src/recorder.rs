//! A real recorder without an agent: its plan comes from the test, its words are kept.
//!
//! Belongs here: the process and its socket. Does not: what it recorded (`books`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use farwatch_agent::config::Home;
use farwatch_agent::recorder::kept::Kept;
use farwatch_agent::recorder::protocol::{Down, Plan, StreamStatus, Up};
use farwatch_shared::id::CameraId;
use farwatch_shared::wire::latest::CameraState;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::OwnedWriteHalf;
use tokio::process::Command;
use tokio::task::JoinSet;

use crate::bins::bin;
use crate::child::Program;
use crate::wait::until;

/// A recorder under test. Killed when dropped.
pub struct Recorder {
    dir: PathBuf,
    program: Program,
    down: OwnedWriteHalf,
    said: Arc<Mutex<BTreeMap<CameraId, StreamStatus>>>,
    _hearing: JoinSet<()>,
}

impl Recorder {
    /// Starts one and waits for its socket.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("a directory");
        let mut command = Command::new(bin("farwatch-agent"));
        command.arg("--dir").arg(dir).arg("record").env("RUST_LOG", "info");
        let program = Program::start("farwatch-agent record", &dir.join("recorder.log"), &mut command);
        let kept = Kept::new(Home::new(dir).recorder());
        let pid = program.pid();
        let socket = until("the recorder's socket", Duration::from_secs(20), || async {
            let current = kept.current().ok().flatten().filter(|current| current.pid == pid)?;
            UnixStream::connect(Home::new(dir).recorder().join(current.socket)).await.ok()
        })
        .await;
        let (up, down) = socket.into_split();
        let said = Arc::new(Mutex::new(BTreeMap::new()));
        let mut hearing = JoinSet::new();
        let heard = said.clone();
        hearing.spawn(async move {
            let mut lines = BufReader::new(up).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Ok(Up::Camera(status)) = serde_json::from_str(&line) {
                    heard.lock().unwrap_or_else(PoisonError::into_inner).insert(status.camera, status);
                }
            }
        });
        Self { dir: dir.to_owned(), program, down, said, _hearing: hearing }
    }

    /// Sends a plan.
    ///
    /// # Panics
    /// When the recorder is gone.
    pub async fn plan(&mut self, plan: Plan) {
        let mut line = serde_json::to_vec(&Down::Plan(plan)).expect("JSON");
        line.push(b'\n');
        self.down.write_all(&line).await.expect("the recorder listens");
    }

    /// How a camera's stream is, as last said.
    #[must_use]
    pub fn status(&self, camera: CameraId) -> Option<StreamStatus> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).get(&camera).cloned()
    }

    /// Waits until a camera's stream is in a state, and gives what is said of it.
    pub async fn until(&self, camera: CameraId, state: CameraState, within: Duration) -> StreamStatus {
        until(&format!("{camera} being {state:?}"), within, || {
            std::future::ready(self.status(camera).filter(|status| status.state == state))
        })
        .await
    }

    /// The last lines of its log.
    #[must_use]
    pub fn tail(&self) -> String {
        self.program.tail()
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.program.pid()
    }

    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stops it in order: every file is closed.
    ///
    /// # Panics
    /// When it does not stop well.
    pub async fn stop(self) {
        let status = self.program.stop().await;
        assert!(status.success(), "the recorder stops in order: {status}");
    }
}
