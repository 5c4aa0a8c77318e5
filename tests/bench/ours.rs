//! Our recorder for a bench: started alone, given a plan over its socket, as the agent would.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::bail;
use farwatch_shared::id::{AgentId, CameraId};
use farwatch_tests::bins::bin;
use farwatch_tests::camera::TestCamera;
use serde_json::{Value, json};

use crate::disk::Disk;
use crate::measure::{Children, Measured, grown, settled, window};
use crate::process::usage;

/// A recorder that records every mount.
pub struct Ours {
    pub pid: u32,
    pub dir: PathBuf,
    _children: Children,
}

impl Ours {
    /// Starts it in `dir` and returns once every stream has footage and the start's rush is over.
    ///
    /// # Errors
    /// When it does not start or a stream is not recorded.
    pub async fn start(dir: PathBuf, eye: &TestCamera, mounts: &[String], source: &str) -> anyhow::Result<Self> {
        std::fs::create_dir_all(&dir)?;
        let child = Command::new(bin("farwatch-agent"))
            .arg("--dir")
            .arg(&dir)
            .arg("record")
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .spawn()?;
        let ours = Self { pid: child.id(), dir, _children: Children(vec![child]) };
        let mut socket = connect(&ours.dir).await?;
        writeln!(socket, "{}", plan(eye, mounts, source))?;
        let mut listener = BufReader::new(socket);
        // Whatever the recorder says is read and forgotten, as by an agent that keeps up.
        std::thread::spawn(move || {
            let mut line = String::new();
            while listener.read_line(&mut line).is_ok_and(|n| n > 0) {
                line.clear();
            }
        });
        settled(|| grown(&ours.vault()), mounts.len()).await?;
        Ok(ours)
    }

    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.dir.join("vault")
    }

    /// Bytes of footage in the vault.
    #[must_use]
    pub fn footage(&self) -> u64 {
        fn of(dir: &Path) -> u64 {
            let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
            entries
                .map(|entry| match entry.metadata() {
                    Ok(meta) if meta.is_dir() => of(&entry.path()),
                    Ok(meta) if entry.path().extension().is_some_and(|e| e == "mp4") => meta.len(),
                    _ => 0,
                })
                .sum()
        }
        of(&self.vault())
    }
}

/// Measures a window; through `rtsp` on a disk of its own also the peak while that is frozen for five seconds.
pub async fn ours(eye: &TestCamera, mounts: &[String], seconds: u64, source: &str) -> anyhow::Result<Measured> {
    let keep = tempfile::tempdir()?;
    let disk = Disk::make(keep.path(), 8);
    let ours = Ours::start(keep.path().join("disk/agent"), eye, mounts, source).await?;
    let mut measured = window(&[ours.pid], mounts.len(), seconds).await;
    if let (Some(disk), "rtsp") = (&disk, source) {
        measured.stall_peak_mb = Some(stall(disk, ours.pid, mounts.len()).await);
    }
    Ok(measured)
}

async fn connect(dir: &Path) -> anyhow::Result<UnixStream> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    loop {
        let current = std::fs::read_to_string(dir.join("recorder/current")).ok();
        let current: Option<Value> = current.and_then(|text| serde_json::from_str(&text).ok());
        if let Some(name) = current.as_ref().and_then(|c| c["socket"].as_str())
            && let Ok(socket) = UnixStream::connect(dir.join("recorder").join(name))
        {
            return Ok(socket);
        }
        if tokio::time::Instant::now() > deadline {
            bail!("the recorder opens no socket within 20 s");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn plan(eye: &TestCamera, mounts: &[String], source: &str) -> Value {
    let cameras: Vec<Value> = mounts
        .iter()
        .map(|mount| {
            json!({
                "camera": CameraId::generate(),
                "streams": [{"stream": "main", "url": eye.url(mount), "mode": "continuous"}],
                "source": source,
            })
        })
        .collect();
    json!({"is": "plan", "number": 1, "agent": AgentId::generate(), "cameras": cameras, "disk": {"min_free": 0, "hard_floor": 0}})
}

async fn stall(disk: &Disk, pid: u32, streams: usize) -> f64 {
    let mut peak = 0;
    if disk.freeze() {
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            peak = peak.max(usage(&[pid]).resident);
        }
        disk.thaw();
    }
    peak as f64 / 1e6 / streams as f64
}
