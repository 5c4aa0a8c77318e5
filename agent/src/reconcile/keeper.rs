//! Keeps a recorder running and told: finds the one that runs, or starts one; gives it the plan; hears how its streams are.
//!
//! A recorder outlives the agent. When it dies while we watch, its socket closes at once and the next one is started
//! within a tenth of a second. Belongs here: process and socket. Does not: what the plan says (`plan`).

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use farwatch_shared::id::RecorderId;
use farwatch_shared::time::{BootNs, Clock};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::catalog::StreamKey;
use crate::config::{Home, RecorderMode};
use crate::enrol::boot_id;
use crate::recorder::address::Address;
use crate::recorder::protocol::{Current, Down, LINE_LIMIT, Plan, StreamStatus, Up};

/// How long a started recorder may take to open its socket before it is given up.
const START: Duration = Duration::from_secs(15);
/// How often its socket is looked for meanwhile.
const LOOK: Duration = Duration::from_millis(20);
/// A recorder that lives longer than this is healthy; its death is answered at once.
const HEALTHY_NS: i64 = 10_000_000_000;
/// A line is said at least every 5 s; silence this long means it hangs.
const SILENCE: Duration = Duration::from_secs(30);

/// The recorder as the agent sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecorderView {
    pub recorder: Option<RecorderId>,
    pub pid: Option<u32>,
    pub version: Option<String>,
    /// Number of the plan in force.
    pub plan: Option<u64>,
    pub sync_bound_ms: Option<u64>,
    pub streams: BTreeMap<StreamKey, StreamStatus>,
}

impl RecorderView {
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.pid.is_some()
    }
}

/// Recorders started, for the health of the box.
pub type Starts = u32;

/// What the keeper needs.
pub struct KeeperConfig {
    pub home: Home,
    pub mode: RecorderMode,
    pub clock: Clock,
    /// The plan, without its number; `None` until there is a desired state.
    pub plan: watch::Receiver<Option<Plan>>,
    /// What the recorder is told beside the plan. Waits while there is no recorder.
    pub triggers: mpsc::Receiver<Down>,
    /// Wakes those who follow the logs.
    pub log_grew: mpsc::Sender<()>,
}

pub struct Keeper {
    config: KeeperConfig,
    view: watch::Sender<RecorderView>,
    child: Option<Child>,
    started: BootNs,
    /// Quick deaths in a row.
    deaths: u32,
}

impl Keeper {
    #[must_use]
    pub fn new(config: KeeperConfig) -> (Self, watch::Receiver<RecorderView>) {
        let (view, seen) = watch::channel(RecorderView::default());
        (Self { config, view, child: None, started: BootNs(i64::MIN), deaths: 0 }, seen)
    }

    /// Runs until stopped. The recorder goes on.
    pub async fn keep(mut self, stop: CancellationToken) {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.once() => {}
            }
        }
    }

    /// Finds or starts a recorder and serves it until it is gone.
    async fn once(&mut self) {
        match self.connect().await {
            Some(socket) => {
                self.serve(socket).await;
                self.view
                    .send_modify(|view| *view = RecorderView { streams: BTreeMap::new(), ..RecorderView::default() });
            }
            None if self.config.mode == RecorderMode::Child => self.start().await,
            None => tokio::time::sleep(Duration::from_millis(500)).await,
        }
    }

    async fn connect(&mut self) -> Option<UnixStream> {
        let dir = self.config.home.recorder();
        let current: Current = serde_json::from_slice(&std::fs::read(dir.join("current")).ok()?).ok()?;
        if current.boot_id != boot_id() {
            return None;
        }
        UnixStream::connect(Address::of(&dir.join(current.socket)).ok()?).await.ok()
    }

    async fn start(&mut self) {
        let lived = self.config.clock.boot().since(self.started);
        self.deaths = if lived > HEALTHY_NS { 0 } else { self.deaths.saturating_add(1) };
        // The first restart comes at once; only a recorder that cannot live is slowed down.
        let wait = match self.deaths {
            0 | 1 => Duration::ZERO,
            deaths => Duration::from_millis(100u64.saturating_mul(1 << deaths.min(6))),
        };
        tokio::time::sleep(wait).await;
        self.started = self.config.clock.boot();
        match self.spawn() {
            Ok(mut child) => {
                info!(pid = child.id(), "recorder started");
                let up = tokio::time::timeout(START, self.wait_for_socket(&mut child)).await;
                if up.is_err() {
                    warn!("the recorder did not open its socket in time");
                }
                self.child = Some(child);
            }
            Err(error) => {
                warn!(%error, "the recorder cannot be started");
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let program: PathBuf = std::env::current_exe()?;
        // The running image, also when the file was replaced since.
        let program = if program.exists() { program } else { "/proc/self/exe".into() };
        Command::new(program)
            .arg("--dir")
            .arg(self.config.home.root())
            .arg("record")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            // Not in our process group: a Ctrl-C meant for the agent leaves it alone. It makes a session of its own itself.
            .process_group(0)
            .kill_on_drop(false)
            .spawn()
    }

    /// Returns when a recorder answers, or the child ended.
    async fn wait_for_socket(&mut self, child: &mut Child) {
        loop {
            if self.connect().await.is_some() {
                return;
            }
            if let Ok(Some(status)) = child.try_wait() {
                warn!(%status, "the recorder ended before it was ready");
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Speaks with the recorder until its socket closes.
    async fn serve(&mut self, socket: UnixStream) {
        let (read, mut write) = socket.into_split();
        let mut lines = BufReader::with_capacity(16 << 10, read);
        let mut line = Vec::new();
        let mut told: Option<Plan> = None;
        let mut greeted = false;
        self.config.plan.mark_changed();
        // A line cut short by a new plan is read on in the next turn.
        loop {
            tokio::select! {
                got = tokio::time::timeout(SILENCE, read_line(&mut lines, &mut line)) => match got {
                    Ok(true) => {
                        greeted |= self.heard(&line);
                        line.clear();
                    }
                    Ok(false) => break,
                    Err(_) => {
                        warn!("the recorder has been silent for 30 s; its socket is opened anew");
                        break;
                    }
                },
                Some(down) = self.config.triggers.recv(), if greeted => {
                    let Ok(mut bytes) = serde_json::to_vec(&down) else { continue };
                    bytes.push(b'\n');
                    if write.write_all(&bytes).await.is_err() {
                        warn!("a trigger did not reach the recorder");
                        break;
                    }
                }
                changed = self.config.plan.changed(), if greeted => {
                    if changed.is_err() {
                        // The agent is stopping; the recorder goes on by its plan.
                        std::future::pending::<()>().await;
                    }
                    let plan = self.config.plan.borrow_and_update().clone();
                    let Some(plan) = plan.filter(|p| told.as_ref() != Some(p)) else { continue };
                    let number = self.view.borrow().plan.unwrap_or(0) + 1;
                    let numbered = Plan { number, ..plan.clone() };
                    let Ok(mut bytes) = serde_json::to_vec(&Down::Plan(numbered)) else { continue };
                    bytes.push(b'\n');
                    if write.write_all(&bytes).await.is_err() {
                        break;
                    }
                    debug!(number, "plan sent to the recorder");
                    self.view.send_modify(|view| {
                        view.plan = Some(number);
                        view.streams.retain(|key, _| names(&plan, key));
                    });
                    told = Some(plan);
                }
            }
        }
        if let Some(mut child) = self.child.take() {
            match tokio::time::timeout(Duration::from_millis(100), child.wait()).await {
                Ok(Ok(status)) => warn!(%status, "the recorder ended"),
                // Still there without a socket: it is let go, and found again by its socket if it lives.
                _ => self.child = Some(child),
            }
        } else {
            info!("the recorder's socket closed");
        }
    }

    /// Takes a line in; says whether it was the greeting.
    fn heard(&mut self, line: &[u8]) -> bool {
        let Ok(up) = serde_json::from_slice::<Up>(line) else {
            debug!("a line of the recorder is not understood");
            return false;
        };
        match up {
            Up::Hello { recorder, pid, version, plan } => {
                info!(%recorder, pid, plan, "recorder found");
                self.view.send_modify(|view| {
                    view.recorder = Some(recorder);
                    view.pid = Some(pid);
                    view.version = Some(version);
                    view.plan = Some(plan);
                });
                return true;
            }
            Up::Planned { plan } => self.view.send_modify(|view| view.plan = Some(view.plan.unwrap_or(0).max(plan))),
            Up::Camera(status) => {
                let key = StreamKey { camera: status.camera, stream: status.stream };
                self.view.send_modify(|view| {
                    view.streams.insert(key, status);
                });
            }
            Up::Sync { bound_ms } => self.view.send_modify(|view| view.sync_bound_ms = Some(bound_ms)),
            // Full means that a wake-up is on its way already.
            Up::Log { .. } | Up::Lagged { .. } => {
                let _ = self.config.log_grew.try_send(());
            }
            Up::Fragment(_) => {}
        }
        false
    }
}

fn names(plan: &Plan, key: &StreamKey) -> bool {
    plan.cameras.iter().any(|c| c.camera == key.camera && c.streams.iter().any(|s| s.stream == key.stream))
}

/// Reads one line of bounded length; `false` at the end or when it is too long.
async fn read_line(lines: &mut BufReader<tokio::net::unix::OwnedReadHalf>, line: &mut Vec<u8>) -> bool {
    loop {
        let Ok(available) = lines.fill_buf().await else { return false };
        if available.is_empty() {
            return false;
        }
        let (taken, done) = match available.iter().position(|b| *b == b'\n') {
            Some(end) => (end + 1, true),
            None => (available.len(), false),
        };
        line.extend_from_slice(&available[..taken]);
        lines.consume(taken);
        if done {
            return true;
        }
        if line.len() > LINE_LIMIT {
            return false;
        }
    }
}
