//! A real hub with its own directory, doors on free ports.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;

use crate::bins::bin;
use crate::child::{Program, output};
use crate::wait::until;

/// A hub under test.
pub struct Hub {
    keep: Option<TempDir>,
    pub dir: PathBuf,
    /// `t=` of the first administrator's link.
    pub setup_token: String,
    pub doors: Doors,
    program: Option<Program>,
}

/// Where the hub listens, `ip:port`.
#[derive(Debug, Clone, serde::Deserialize)]
pub struct Doors {
    pub mqtt: String,
    pub agents: String,
    pub people: String,
}

impl Hub {
    /// Makes a hub in a temporary directory and starts it.
    pub async fn start() -> Self {
        let keep = tempfile::tempdir().expect("a temporary directory");
        let dir = keep.path().join("hub");
        let mut hub = Self::make(&dir, "127.0.0.1", &["127.0.0.1", "localhost"]).await;
        hub.keep = Some(keep);
        hub.run().await;
        hub
    }

    /// Makes a hub that will listen on `ip`, without starting it.
    pub async fn make(dir: &Path, ip: &str, hosts: &[&str]) -> Self {
        std::fs::create_dir_all(dir).expect("a directory can be made");
        let owner = dir.join("owner-key.pem");
        let mut init = Command::new(bin("farwatch-hub"));
        init.arg("--dir").arg(dir).args(["init", "--json", "--name", "Test hub", "--owner-key-out"]).arg(&owner);
        for host in hosts {
            init.args(["--host", host]);
        }
        let made: serde_json::Value =
            serde_json::from_str(&output(&mut init, None).await).expect("init --json prints JSON");
        let setup_url = made["setup_url"].as_str().expect("init gives a set-up link");
        let setup_token = setup_url.split_once("#t=").expect("a token in the link").1.to_owned();
        let settings = dir.join("hub.toml");
        let mut table: BTreeMap<String, serde_json::Value> =
            toml_table(&std::fs::read_to_string(&settings).unwrap_or_default());
        for door in ["mqtt_listen", "agents_listen", "people_listen", "metrics_listen"] {
            table.insert(door.into(), format!("{ip}:0").into());
        }
        let text: String = table.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        std::fs::write(&settings, text).expect("settings can be written");
        Self { setup_token, ..Self::at(dir) }
    }

    /// A hub that already lies in `dir`, not started.
    #[must_use]
    pub fn at(dir: &Path) -> Self {
        let doors = Doors { mqtt: String::new(), agents: String::new(), people: String::new() };
        Self { keep: None, dir: dir.to_path_buf(), setup_token: String::new(), doors, program: None }
    }

    /// Starts the hub and waits until its doors are open. Later starts keep the ports of the first, as a real hub would.
    pub async fn run(&mut self) {
        self.run_with(|command| command).await;
    }

    /// As [`Self::run`], with the command wrapped, e.g. into a network namespace.
    pub async fn run_with(&mut self, wrap: impl FnOnce(Command) -> Command) {
        let doors = self.dir.join("doors.json");
        let _ = std::fs::remove_file(&doors);
        let mut command = Command::new(bin("farwatch-hub"));
        command.arg("--dir").arg(&self.dir).arg("run");
        let mut command = wrap(command);
        let mut program = Program::start("farwatch-hub", &self.dir.join("test.log"), &mut command);
        self.doors = until("the hub's doors", Duration::from_secs(30), || {
            assert!(program.runs(), "the hub ended: {}", program.tail());
            let read = std::fs::read_to_string(&doors).ok().and_then(|text| serde_json::from_str(&text).ok());
            std::future::ready(read)
        })
        .await;
        self.program = Some(program);
        self.fix_ports();
    }

    /// Agents come back to the port they know.
    fn fix_ports(&self) {
        let settings = self.dir.join("hub.toml");
        let mut table = toml_table(&std::fs::read_to_string(&settings).unwrap_or_default());
        for (door, at) in [
            ("mqtt_listen", &self.doors.mqtt),
            ("agents_listen", &self.doors.agents),
            ("people_listen", &self.doors.people),
        ] {
            table.insert(door.into(), at.clone().into());
        }
        let text: String = table.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
        std::fs::write(&settings, text).expect("settings can be written");
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        if let Some(program) = self.program.take() {
            program.kill().await;
        }
    }

    /// An orderly stop.
    pub async fn stop(&mut self) {
        if let Some(program) = self.program.take() {
            let status = program.stop().await;
            assert!(status.success(), "the hub stops in order: {status}");
        }
    }

    /// # Panics
    /// When the hub does not run.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.program.as_ref().expect("the hub runs").pid()
    }

    /// Runs a `farwatch-hub` command with `--json` and reads its answer.
    pub async fn command(&self, args: &[&str], stdin: Option<&str>) -> serde_json::Value {
        let mut command = Command::new(bin("farwatch-hub"));
        command.arg("--dir").arg(&self.dir).args(args).arg("--json");
        let text = output(&mut command, stdin).await;
        serde_json::from_str(&text).unwrap_or_else(|e| panic!("{args:?} --json printed {text:?}: {e}"))
    }

    /// A fresh enrolment URL.
    pub async fn token(&self, site: &str) -> String {
        let made = self.command(&["token", "new", "--site", site], None).await;
        made["url"].as_str().expect("token new gives a URL").to_owned()
    }

    /// The hub's CA, PEM.
    ///
    /// # Panics
    /// When the hub has none.
    #[must_use]
    pub fn ca_pem(&self) -> String {
        std::fs::read_to_string(self.dir.join("keys/ca.pem")).expect("the hub has a CA")
    }

    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join("test.log")).unwrap_or_default()
    }
}

/// The flat settings of hub.toml; every value there is a string, a list of strings, a number or a boolean, which JSON and
/// TOML write alike.
fn toml_table(text: &str) -> BTreeMap<String, serde_json::Value> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .filter_map(|line| {
            let (key, value) = line.split_once('=')?;
            Some((key.trim().to_owned(), serde_json::from_str(value.trim()).ok()?))
        })
        .collect()
}
