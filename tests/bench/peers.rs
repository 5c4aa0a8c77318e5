//! The peers, run on the same streams as ours in the same run.
//!
//! `ffmpeg` comes from a package. moonfire-nvr is measured where `FARWATCH_MOONFIRE` names its binary. The floor is a bare
//! read loop over the RTSP library: what any recorder built on it must spend before it keeps a byte.

use std::io::Write as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, ensure};
use farwatch_tests::camera::TestCamera;
use uuid::Uuid;

use crate::measure::{Children, Measured, grown, settled, window};

/// `ffmpeg -c copy -f segment`, one process a camera.
pub async fn ffmpeg(eye: &TestCamera, mounts: &[String], seconds: u64) -> anyhow::Result<Measured> {
    let dir = tempfile::tempdir()?;
    let mut children = Children(Vec::new());
    for mount in mounts {
        let out = dir.path().join(mount);
        std::fs::create_dir(&out)?;
        let child = Command::new("ffmpeg")
            .args(["-nostdin", "-loglevel", "error", "-rtsp_transport", "tcp", "-i", &eye.url(mount)])
            .args(["-c", "copy", "-f", "segment", "-segment_time", "60"])
            .arg(out.join("%06d.mp4"))
            .stdin(Stdio::null())
            .spawn()
            .context("the package ffmpeg is installed")?;
        children.0.push(child);
    }
    // ffmpeg probes each stream for some seconds and then catches up: both must be over.
    settled(|| grown(dir.path()), mounts.len()).await?;
    let pids: Vec<u32> = children.0.iter().map(Child::id).collect();
    Ok(window(&pids, mounts.len(), seconds).await)
}

/// moonfire-nvr with its defaults: one process, a file a minute, its database flushed every two minutes.
pub async fn moonfire(program: &Path, eye: &TestCamera, mounts: &[String], seconds: u64) -> anyhow::Result<Measured> {
    let dir = tempfile::tempdir()?;
    let (db, samples) = (dir.path().join("db"), dir.path().join("samples"));
    std::fs::create_dir_all(&db)?;
    std::fs::create_dir_all(&samples)?;
    let made = Command::new(program).arg("init").arg("--db-dir").arg(&db).output()?;
    ensure!(made.status.success(), "moonfire-nvr init: {}", String::from_utf8_lossy(&made.stderr));
    let hex = |id: Uuid| format!("x'{}'", id.simple());
    let mut sql = format!(
        "insert into sample_file_dir (id, config, uuid) values (1, '{{\"path\":\"{}\"}}', {});\n",
        samples.display(),
        hex(Uuid::now_v7())
    );
    for (i, mount) in mounts.iter().enumerate() {
        let camera = i + 1;
        sql += &format!(
            "insert into camera (id, uuid, short_name, config) values ({camera}, {}, '{mount}', '{{}}');\n\
             insert into stream (camera_id, sample_file_dir_id, type, cum_recordings, cum_media_duration_90k, cum_runs, \
             config) values ({camera}, 1, 'main', 0, 0, 0, \
             '{{\"mode\":\"record\",\"url\":\"{}\",\"rtspTransport\":\"tcp\",\"retainBytes\":{},\"flushIfSec\":120}}');\n",
            hex(Uuid::now_v7()),
            eye.url(mount),
            8u64 << 30
        );
    }
    let mut sqlite =
        Command::new("sqlite3").arg(db.join("db")).stdin(Stdio::piped()).spawn().context("sqlite3 is installed")?;
    sqlite.stdin.take().context("a pipe")?.write_all(sql.as_bytes())?;
    ensure!(sqlite.wait()?.success(), "moonfire-nvr's tables were not as expected");
    let config = dir.path().join("moonfire.toml");
    std::fs::write(
        &config,
        format!(
            "dbDir = \"{}\"\n[[binds]]\nipv4 = \"127.0.0.1:0\"\nallowUnauthenticatedPermissions = {{}}\n",
            db.display()
        ),
    )?;
    let child = Command::new(program)
        .args(["run", "--config"])
        .arg(&config)
        .env("MOONFIRE_LOG", "warn")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()?;
    let pid = child.id();
    let _children = Children(vec![child]);
    settled(|| large_files(&samples), mounts.len()).await?;
    Ok(window(&[pid], mounts.len(), seconds).await)
}

fn large_files(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries.filter(|entry| entry.metadata().is_ok_and(|m| m.len() > 100_000)).count()
}

/// This very program as `farwatch-bench floor`: sessions are read and thrown away, in one process on one thread.
pub async fn floor(eye: &TestCamera, mounts: &[String], seconds: u64) -> anyhow::Result<Measured> {
    let dir = tempfile::tempdir()?;
    let started = dir.path().join("started");
    let child = Command::new(std::env::current_exe()?)
        .arg("floor")
        .arg("--started")
        .arg(&started)
        .args(mounts.iter().map(|mount| eye.url(mount)))
        .stdin(Stdio::null())
        .spawn()?;
    let pid = child.id();
    let _children = Children(vec![child]);
    let count = || std::fs::metadata(&started).map_or(0, |m| usize::try_from(m.len()).unwrap_or(0));
    settled(count, mounts.len()).await?;
    Ok(window(&[pid], mounts.len(), seconds).await)
}
