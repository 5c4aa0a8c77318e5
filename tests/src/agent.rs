//! A real agent with its own directory.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::bins::bin;
use crate::child::{Program, output, signal};
use crate::hub::Hub;
use crate::wait::until;

/// An agent under test.
pub struct Agent {
    keep: Option<TempDir>,
    pub dir: PathBuf,
    /// Its identity, once enrolled.
    pub id: String,
    program: Option<Program>,
}

impl Agent {
    /// Enrols a new box at a site and starts it.
    pub async fn start(hub: &Hub, site: &str) -> Self {
        let keep = tempfile::tempdir().expect("a temporary directory");
        let mut agent = Self::enrol(hub, site, &keep.path().join("agent")).await;
        agent.keep = Some(keep);
        agent.run();
        agent
    }

    /// Enrols a new box in `dir`, without starting it.
    pub async fn enrol(hub: &Hub, site: &str, dir: &Path) -> Self {
        Self::enrol_with(hub, site, dir, |command| command).await
    }

    /// As [`Self::enrol`], with the command wrapped, e.g. into a network namespace.
    pub async fn enrol_with(hub: &Hub, site: &str, dir: &Path, wrap: impl FnOnce(Command) -> Command) -> Self {
        let url = hub.token(site).await;
        let mut command = Command::new(bin("farwatch-agent"));
        command.arg("--dir").arg(dir).args(["enrol", "-", "--json"]);
        let mut command = wrap(command);
        let text = output(&mut command, Some(&url)).await;
        let answer: Value = serde_json::from_str(&text).expect("enrol --json prints JSON");
        let id = answer["agent"].as_str().expect("an agent id").to_owned();
        Self { keep: None, dir: dir.to_path_buf(), id, program: None }
    }

    /// Settings that differ from the defaults, as lines of agent.toml.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn configure(&self, settings: &str) {
        std::fs::write(self.dir.join("agent.toml"), settings).expect("settings can be written");
    }

    pub fn run(&mut self) {
        self.run_with(|command| command);
    }

    /// As [`Self::run`], with the command wrapped, e.g. into a network namespace.
    pub fn run_with(&mut self, wrap: impl FnOnce(Command) -> Command) {
        let mut command = Command::new(bin("farwatch-agent"));
        command.arg("--dir").arg(&self.dir).arg("run").env("RUST_LOG", "info");
        let mut command = wrap(command);
        self.program = Some(Program::start("farwatch-agent", &self.dir.join("test.log"), &mut command));
    }

    /// `kill -9` of the agent alone: its recorder goes on.
    pub async fn kill(&mut self) {
        if let Some(program) = self.program.take() {
            program.kill().await;
        }
    }

    pub async fn stop(&mut self) {
        if let Some(program) = self.program.take() {
            let status = program.stop().await;
            assert!(status.success(), "the agent stops in order: {status}");
        }
    }

    /// # Panics
    /// When the agent does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.program.as_ref().expect("the agent runs").pid()
    }

    /// The recorder's pid, as the agent reports it.
    pub async fn recorder_pid(&self) -> u32 {
        until("a running recorder", Duration::from_secs(20), || async {
            self.status().await?["recorder"]["pid"].as_u64().and_then(|pid| u32::try_from(pid).ok())
        })
        .await
    }

    /// `farwatch-agent status --json`, if it answers.
    pub async fn status(&self) -> Option<Value> {
        let done = Command::new(bin("farwatch-agent"))
            .arg("--dir")
            .arg(&self.dir)
            .args(["status", "--json"])
            .output()
            .await
            .ok()?;
        serde_json::from_slice(&done.stdout).ok()
    }

    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("test.log")).unwrap_or_default()
    }
}

impl Drop for Agent {
    /// The recorder outlives its agent by design, so a test ends it by its pid.
    fn drop(&mut self) {
        self.program.take();
        for pid in recorder_pids(&self.dir) {
            signal(pid, rustix::process::Signal::KILL);
        }
    }
}

/// Processes whose command line names this agent's directory: its recorder and workers.
#[must_use]
pub fn recorder_pids(dir: &Path) -> Vec<u32> {
    let wanted = dir.as_os_str().as_encoded_bytes();
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            std::fs::read(format!("/proc/{pid}/cmdline")).is_ok_and(|line| {
                line.split(|b| *b == 0).any(|arg| arg == wanted) && line.windows(14).any(|w| w == b"farwatch-agent")
            })
        })
        .collect()
}
