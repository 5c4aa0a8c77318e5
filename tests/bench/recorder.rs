//! The recorder beside `ffmpeg -c copy -f segment`, one process a camera, on the same streams in the same run.
//!
//! Each run waits until every stream has written footage, then measures a window. Hashing is included on our side.
//! The stall peak is the most memory the recorder took while its file system was frozen for some seconds.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail};
use farwatch_shared::id::{AgentId, CameraId};
use farwatch_tests::bins::bin;
use farwatch_tests::camera::{CameraSetup, TestCamera};
use serde_json::{Value, json};

use crate::process::{Usage, usage};
use crate::results::{Figure, record};

const COMMAND: &str = "tests/run --long bench";
const SETTLE: Duration = Duration::from_secs(8);

/// Measures every number of cameras, both sources and the peer, and records the figures.
pub async fn bench(counts: &[u16], seconds: u64) -> anyhow::Result<()> {
    let mut figures = Vec::new();
    let most = counts.iter().copied().max().unwrap_or(1);
    let eye = TestCamera::start(CameraSetup { mounts: most, ..CameraSetup::default() })?;
    for &cameras in counts {
        let peer = ffmpeg(&eye, cameras, seconds).await?;
        let rtsp = ours(&eye, cameras, seconds, "rtsp").await?;
        let gst = ours(&eye, cameras, seconds, "gst").await?;
        for (name, measured) in [("rtsp", &rtsp), ("gst", &gst)] {
            figures.push(
                Figure::new(
                    format!("recorder CPU, {cameras} cameras, {name}"),
                    measured.cpu_ms,
                    "ms per stream-second",
                    COMMAND,
                )
                .beside("ffmpeg", peer.cpu_ms),
            );
            figures.push(
                Figure::new(
                    format!("recorder memory, {cameras} cameras, {name}"),
                    measured.resident_mb,
                    "MB resident per stream",
                    COMMAND,
                )
                .beside("ffmpeg", peer.resident_mb),
            );
        }
        figures.push(
            Figure::new(
                format!("recorder memory private, {cameras} cameras, rtsp"),
                rtsp.private_mb,
                "MB private per stream",
                COMMAND,
            )
            .beside("ffmpeg", peer.private_mb),
        );
        if let Some(peak) = rtsp.stall_peak_mb {
            figures.push(Figure::new(
                format!("recorder memory, {cameras} cameras, rtsp, disk frozen 5 s"),
                peak,
                "MB resident per stream",
                COMMAND,
            ));
        }
    }
    record(&figures)
}

struct Measured {
    cpu_ms: f64,
    resident_mb: f64,
    private_mb: f64,
    stall_peak_mb: Option<f64>,
}

impl Measured {
    fn between(before: Usage, after: Usage, cameras: u16, seconds: f64) -> Self {
        let streams = f64::from(cameras);
        let mb = |bytes: u64| bytes as f64 / 1e6 / streams;
        Self {
            cpu_ms: (after.cpu.saturating_sub(before.cpu)).as_secs_f64() * 1000.0 / streams / seconds,
            resident_mb: mb(after.resident),
            private_mb: mb(after.private),
            stall_peak_mb: None,
        }
    }
}

/// Children that end with the bench.
struct Children(Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

async fn window(roots: &[u32], cameras: u16, seconds: u64) -> Measured {
    let begun = tokio::time::Instant::now();
    let before = usage(roots);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = usage(roots);
    Measured::between(before, after, cameras, begun.elapsed().as_secs_f64())
}

async fn ffmpeg(eye: &TestCamera, cameras: u16, seconds: u64) -> anyhow::Result<Measured> {
    let dir = tempfile::tempdir()?;
    let mut children = Children(Vec::new());
    for camera in 0..cameras {
        let out = dir.path().join(format!("cam{camera}"));
        std::fs::create_dir(&out)?;
        let child = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", &eye.url(&format!("cam{camera}"))])
            .args(["-c", "copy", "-f", "segment", "-segment_time", "60"])
            .arg(out.join("%06d.mp4"))
            .stdin(Stdio::null())
            .spawn()
            .context("the package ffmpeg is installed")?;
        children.0.push(child);
    }
    // ffmpeg probes each stream for some seconds and then catches up: both must be over.
    settled(dir.path(), cameras).await?;
    let pids: Vec<u32> = children.0.iter().map(Child::id).collect();
    Ok(window(&pids, cameras, seconds).await)
}

/// Waits until every camera has a file that grows, and then for the start's rush to be over.
async fn settled(dir: &Path, cameras: u16) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    while grown(dir) < usize::from(cameras) {
        if tokio::time::Instant::now() > deadline {
            bail!("only {} of {cameras} cameras write after 90 s", grown(dir));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

/// Folders directly below `dir` that hold a file with footage in it.
fn grown(dir: &Path) -> usize {
    fn holds(dir: &Path) -> bool {
        std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| {
            let path = entry.path();
            if path.is_dir() { holds(&path) } else { entry.metadata().is_ok_and(|m| m.len() > 100_000) }
        })
    }
    std::fs::read_dir(dir).into_iter().flatten().flatten().filter(|entry| holds(&entry.path())).count()
}

async fn ours(eye: &TestCamera, cameras: u16, seconds: u64, source: &str) -> anyhow::Result<Measured> {
    let keep = tempfile::tempdir()?;
    let disk = Frozen::mount(keep.path());
    let dir = keep.path().join("disk/agent");
    std::fs::create_dir_all(&dir)?;
    let child = Command::new(bin("farwatch-agent"))
        .arg("--dir")
        .arg(&dir)
        .arg("record")
        .env("RUST_LOG", "warn")
        .stdin(Stdio::null())
        .spawn()?;
    let pid = child.id();
    let _children = Children(vec![child]);
    let mut socket = connect(&dir).await?;
    let plan = plan(eye, cameras, source);
    writeln!(socket, "{plan}")?;
    let mut listener = BufReader::new(socket.try_clone()?);
    // Whatever the recorder says is read and forgotten, as by an agent that keeps up.
    std::thread::spawn(move || {
        let mut line = String::new();
        while listener.read_line(&mut line).is_ok_and(|n| n > 0) {
            line.clear();
        }
    });
    settled(&dir.join("vault"), cameras).await?;
    let mut measured = window(&[pid], cameras, seconds).await;
    if let (Some(disk), "rtsp") = (&disk, source) {
        measured.stall_peak_mb = Some(stall(disk, pid, cameras).await);
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

fn plan(eye: &TestCamera, cameras: u16, source: &str) -> Value {
    let cameras: Vec<Value> = (0..cameras)
        .map(|i| {
            json!({
                "camera": CameraId::generate(),
                "streams": [{"stream": "main", "url": eye.url(&format!("cam{i}")), "record": true}],
                "source": source,
            })
        })
        .collect();
    json!({"is": "plan", "number": 1, "agent": AgentId::generate(), "cameras": cameras, "disk": {"min_free": 0, "hard_floor": 0}})
}

/// A file system of its own for the vault, so that it alone can be frozen. Needs root; absent without.
struct Frozen {
    mounted: std::path::PathBuf,
}

impl Frozen {
    fn mount(keep: &Path) -> Option<Self> {
        let (image, mounted) = (keep.join("disk.img"), keep.join("disk"));
        std::fs::create_dir_all(&mounted).ok()?;
        std::fs::File::create(&image).ok()?.set_len(4 << 30).ok()?;
        let done = |program: &str, args: &[&std::ffi::OsStr]| {
            Command::new(program).args(args).output().is_ok_and(|done| done.status.success())
        };
        let made = done("mkfs.ext4", &["-q".as_ref(), image.as_os_str()])
            && done("mount", &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), mounted.as_os_str()]);
        made.then_some(Self { mounted })
    }

    fn freeze(&self, flag: &str) -> bool {
        Command::new("fsfreeze").arg(flag).arg(&self.mounted).output().is_ok_and(|done| done.status.success())
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).output();
    }
}

async fn stall(disk: &Frozen, pid: u32, cameras: u16) -> f64 {
    let mut peak = 0;
    if disk.freeze("-f") {
        for _ in 0..50 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            peak = peak.max(usage(&[pid]).resident);
        }
        disk.freeze("-u");
    }
    peak as f64 / 1e6 / f64::from(cameras)
}
