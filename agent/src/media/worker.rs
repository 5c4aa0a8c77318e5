//! The parent's end of a worker: a child process and two pipes.
//!
//! Belongs here: starting it in a clean environment, sending frames to it, taking its frames, ending it. Does not: when
//! to start it again (its user decides), what the frames mean.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;

use super::protocol::{Failure, Frame, HEADER_LEN, Header, Kind, ProtocolError, TASK_LIMIT, Task};

/// Most bytes of a worker's standard error that reach the log.
const STDERR_LIMIT: usize = 16 << 10;
/// Read size, and what a worker costs its parent while idle.
const READ_SIZE: usize = 64 << 10;

/// How workers are started.
#[derive(Debug, Clone)]
pub struct Launch {
    program: PathBuf,
}

impl Launch {
    /// From the running program itself, also when an update has replaced its file.
    #[must_use]
    pub fn this_program() -> Self {
        Self { program: PathBuf::from("/proc/self/exe") }
    }

    /// From another build of the agent.
    #[must_use]
    pub fn of(program: &Path) -> Self {
        Self { program: program.to_owned() }
    }
}

/// Why a worker gave nothing more.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("the media worker {program} can not be started")]
    Start { program: String, source: io::Error },
    #[error("the media worker's task is {len} bytes long, the limit is {TASK_LIMIT}")]
    TaskTooLong { len: usize },
    #[error("the media worker ended without a word; it was killed or crashed, see its log lines above")]
    Died,
    #[error("the media worker gave up: {}", .0.detail)]
    Failed(Failure),
    #[error("the media worker can not be understood")]
    Protocol(#[from] ProtocolError),
}

/// A running worker. Dropping it kills the process.
#[derive(Debug)]
pub struct Worker {
    pub input: Input,
    pub output: Output,
}

/// Frames towards a worker.
#[derive(Debug)]
pub struct Input {
    stdin: Option<ChildStdin>,
}

/// Frames from a worker, and the process itself.
#[derive(Debug)]
pub struct Output {
    stdout: ChildStdout,
    buffer: Vec<u8>,
    /// Bytes of `buffer` already given out.
    taken: usize,
    child: Child,
    /// Carries the worker's standard error to the log.
    _log: JoinSet<()>,
}

impl Worker {
    /// Starts a worker and hands it its task.
    ///
    /// # Errors
    /// When the program can not be run, or is gone before it has read its task.
    pub async fn start(launch: &Launch, task: &Task, label: &str) -> Result<Self, WorkerError> {
        let mut line = serde_json::to_vec(task).map_err(ProtocolError::from)?;
        line.push(b'\n');
        if line.len() > TASK_LIMIT {
            return Err(WorkerError::TaskTooLong { len: line.len() });
        }
        let mut child = Command::new(&launch.program)
            .arg("media")
            // Nothing of ours reaches the worker but its task: no settings, no secrets of the service manager.
            .env_clear()
            .envs([
                ("PATH", "/usr/bin:/bin"),
                ("LC_ALL", "C.UTF-8"),
                ("HOME", "/nonexistent"),
                // No scan of all plugins, no cache file, no helper program: the worker loads the few it needs by name.
                ("GST_REGISTRY_DISABLE", "yes"),
                // Neither D-Bus nor a settings service.
                ("GIO_USE_VFS", "local"),
                ("GIO_USE_PROXY_RESOLVER", "dummy"),
                ("GSETTINGS_BACKEND", "memory"),
                ("MALLOC_ARENA_MAX", "2"),
            ])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|source| WorkerError::Start { program: launch.program.display().to_string(), source })?;
        let (Some(mut stdin), Some(stdout), Some(stderr)) =
            (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(WorkerError::Died);
        };
        let mut log = JoinSet::new();
        log.spawn(carry_log(stderr, label.to_owned()));
        let written = async {
            stdin.write_all(&line).await?;
            stdin.flush().await
        };
        written.await.map_err(ProtocolError::from)?;
        let output = Output { stdout, buffer: Vec::with_capacity(READ_SIZE), taken: 0, child, _log: log };
        Ok(Self { input: Input { stdin: Some(stdin) }, output })
    }
}

impl Input {
    /// Sends one frame; waits while the worker is busy.
    ///
    /// # Errors
    /// When the worker is gone.
    pub async fn send(&mut self, frame: &Frame) -> Result<(), WorkerError> {
        let Some(stdin) = &mut self.stdin else { return Err(WorkerError::Died) };
        let sent = async {
            stdin.write_all(&frame.header().to_bytes()).await?;
            stdin.write_all(&frame.payload).await?;
            stdin.flush().await
        };
        sent.await.map_err(|_| WorkerError::Died)
    }

    /// Closes the pipe: the worker ends, whatever it is doing.
    pub fn close(&mut self) {
        self.stdin = None;
    }
}

impl Output {
    /// The worker's process id, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// The next frame; `None` after `End`. Safe to cancel and call again.
    ///
    /// # Errors
    /// When the worker gave up, died, or sends what is no frame. Nothing follows an error.
    pub async fn next(&mut self) -> Result<Option<Frame>, WorkerError> {
        loop {
            if let Some(frame) = self.buffered()? {
                return match frame.kind {
                    Kind::End => Ok(None),
                    Kind::Failed => {
                        Err(WorkerError::Failed(serde_json::from_slice(&frame.payload).map_err(ProtocolError::from)?))
                    }
                    Kind::Track | Kind::Unit | Kind::Clock | Kind::Odd => Ok(Some(frame)),
                };
            }
            self.buffer.drain(..self.taken);
            self.taken = 0;
            self.buffer.reserve(READ_SIZE);
            if self.stdout.read_buf(&mut self.buffer).await.map_err(ProtocolError::from)? == 0 {
                return Err(WorkerError::Died);
            }
        }
    }

    fn buffered(&mut self) -> Result<Option<Frame>, ProtocolError> {
        let Some((head, rest)) = self.buffer[self.taken..].split_first_chunk::<HEADER_LEN>() else { return Ok(None) };
        let header = Header::parse(head)?;
        let Some(payload) = rest.get(..header.len as usize) else { return Ok(None) };
        let frame = Frame::from_parts(header, payload.to_vec());
        self.taken += HEADER_LEN + frame.payload.len();
        Ok(Some(frame))
    }

    /// Kills the process and waits until it is gone.
    pub async fn end(mut self) {
        if let Err(e) = self.child.kill().await {
            tracing::debug!(error = %e, "media worker was already gone");
        }
    }
}

async fn carry_log(mut stderr: ChildStderr, label: String) {
    let mut left = STDERR_LIMIT;
    let mut chunk = vec![0; 4 << 10];
    while let Ok(read) = stderr.read(&mut chunk).await
        && read > 0
    {
        let shown = read.min(left);
        left -= shown;
        for line in String::from_utf8_lossy(&chunk[..shown]).lines().filter(|l| !l.trim().is_empty()) {
            tracing::debug!(worker = %label, "{}", line.trim());
        }
    }
}
