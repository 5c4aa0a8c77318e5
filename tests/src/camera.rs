//! Starts the test camera beside a test, asks it for faults, and ends it.
//!
//! Belongs here: the child process and its control port. Does not: its journal (`truth`), its pictures (`frames`).

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::bins::bin;
use crate::truth::{self, Line};

const CONTROL_WITHIN: Duration = Duration::from_secs(5);

/// What the camera prints once it is ready.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doors {
    pub rtsp: SocketAddr,
    pub control: SocketAddr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rtsps: Option<SocketAddr>,
    /// The CA (PEM) to trust RTSPS under.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
}

/// How to start a camera.
#[derive(Debug, Clone)]
pub struct CameraSetup {
    /// How many of cam0, cam1, … there are.
    pub mounts: u16,
    /// How many of light0, light1, … (1 Mbit/s) there are.
    pub light: u16,
    /// Name and password to ask for.
    pub credentials: Option<(String, String)>,
    /// Whether to serve RTSPS too.
    pub tls: bool,
    /// Where to listen; port 0 is any. A fixed port lets a camera come back where it was.
    pub listen: SocketAddr,
}

impl Default for CameraSetup {
    fn default() -> Self {
        Self { mounts: 1, light: 0, credentials: None, tls: false, listen: SocketAddr::from(([127, 0, 0, 1], 0)) }
    }
}

/// A running camera; ends when dropped, and also when the test's process dies.
pub struct TestCamera {
    child: Child,
    doors: Doors,
    setup: CameraSetup,
    journal: PathBuf,
    _dir: tempfile::TempDir,
}

impl TestCamera {
    /// Starts a camera and waits until it is ready. The very first on a machine makes its loops, which takes a minute.
    ///
    /// # Errors
    /// When it cannot be started or ends before it is ready; what it said is on stderr.
    pub fn start(setup: CameraSetup) -> io::Result<Self> {
        let dir = tempfile::Builder::new().prefix("farwatch-camera-").tempdir()?;
        let journal = dir.path().join("journal.jsonl");
        let mut command = Command::new(bin("farwatch-test-camera"));
        command
            .arg("--until-stdin-closes")
            .args(["--listen", &setup.listen.to_string()])
            .args(["--mounts", &setup.mounts.to_string()])
            .args(["--light", &setup.light.to_string()])
            .arg("--journal")
            .arg(&journal)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        if let Some((user, password)) = &setup.credentials {
            let file = dir.path().join("password");
            std::fs::write(&file, password)?;
            command.args(["--user", user]).arg("--password-file").arg(file);
        }
        if setup.tls {
            command.args(["--tls-listen", "127.0.0.1:0"]).arg("--ca-out").arg(dir.path().join("ca.pem"));
        }
        let mut child = command.spawn()?;
        let ready = child.stdout.take().map(BufReader::new).map(|mut stdout| {
            let mut line = String::new();
            stdout.read_line(&mut line).map(|_| line)
        });
        let line = ready.ok_or_else(|| io::Error::other("the test camera has no stdout"))??;
        match serde_json::from_str(&line) {
            Ok(doors) => Ok(Self { child, doors, setup, journal, _dir: dir }),
            Err(source) => {
                stop(&mut child);
                Err(io::Error::other(format!("the test camera did not become ready: {line:?}: {source}")))
            }
        }
    }

    /// What it listens on.
    #[must_use]
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// The process, for what is measured about it.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `rtsp://host:port/mount`, without credentials.
    #[must_use]
    pub fn url(&self, mount: &str) -> String {
        format!("rtsp://{}/{mount}", self.doors.rtsp)
    }

    /// The same over TLS, for a camera set up with it.
    #[must_use]
    pub fn secure_url(&self, mount: &str) -> Option<String> {
        self.doors.rtsps.map(|address| format!("rtsps://{address}/{mount}"))
    }

    /// The URL with the camera's credentials in it, for programs that want them there.
    ///
    /// # Panics
    /// When the mount's name makes no URL.
    #[must_use]
    pub fn url_with_credentials(&self, mount: &str) -> String {
        let mut url = url::Url::parse(&self.url(mount)).expect("a mount's name makes a URL");
        if let Some((user, password)) = &self.setup.credentials {
            let put = url.set_username(user).and_then(|()| url.set_password(Some(password)));
            put.expect("a URL with a host takes credentials");
        }
        url.into()
    }

    /// Says one line to the control port, e.g. `hang cam0`, and waits until it is done.
    ///
    /// # Errors
    /// When the camera is gone or refuses.
    pub fn control(&self, line: &str) -> io::Result<String> {
        control(self.doors.control, line)
    }

    /// Sessions a mount has now.
    ///
    /// # Errors
    /// When the camera is gone or has no such mount.
    pub fn sessions(&self, mount: &str) -> io::Result<u32> {
        #[derive(Deserialize)]
        struct Listed {
            mount: String,
            sessions: u32,
        }
        let list: Vec<Listed> = serde_json::from_str(&self.control("list")?).map_err(io::Error::other)?;
        let found = list.into_iter().find(|listed| listed.mount == mount);
        found.map(|listed| listed.sessions).ok_or_else(|| io::Error::other(format!("no mount {mount}")))
    }

    /// Every line of the journal so far; the last 100 ms may not be in it yet.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn journal(&self) -> io::Result<Vec<Line>> {
        truth::read_journal(&self.journal)
    }

    /// The journal's file.
    #[must_use]
    pub fn journal_file(&self) -> &Path {
        &self.journal
    }

    /// Ends the camera in order and returns its whole journal.
    ///
    /// # Errors
    /// When it does not end well or the journal cannot be read.
    pub fn finish(mut self) -> io::Result<Vec<Line>> {
        drop(self.child.stdin.take());
        let status = self.child.wait()?;
        if !status.success() {
            return Err(io::Error::other(format!("the test camera ended with {status}")));
        }
        self.journal()
    }
}

impl Drop for TestCamera {
    fn drop(&mut self) {
        stop(&mut self.child);
    }
}

/// Ends this one process, by its id, and waits for it. Both fail only when it has already been waited for.
fn stop(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Says one line to the control port of any camera.
///
/// # Errors
/// When the camera is gone or refuses.
pub fn control(address: SocketAddr, line: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, CONTROL_WITHIN)?;
    stream.set_read_timeout(Some(CONTROL_WITHIN))?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream).read_line(&mut answer)?;
    let answer = answer.trim_end();
    if answer.is_empty() || answer.starts_with("error") {
        return Err(io::Error::other(format!("the test camera answered {line:?} with {answer:?}")));
    }
    Ok(answer.to_owned())
}
