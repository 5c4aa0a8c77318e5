//! A window of measuring: when it may begin, and what it gives per stream.

use std::path::Path;
use std::process::Child;
use std::time::Duration;

use anyhow::bail;

use crate::process::{Usage, usage};

/// After every stream has been written to, the start's rush has so long to be over.
const SETTLE: Duration = Duration::from_secs(8);

/// Per stream.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measured {
    /// CPU time per second of stream.
    pub cpu_ms: f64,
    pub resident_mb: f64,
    pub private_mb: f64,
    /// The most resident memory while the disk was frozen.
    pub stall_peak_mb: Option<f64>,
}

impl Measured {
    fn between(before: Usage, after: Usage, streams: usize, seconds: f64) -> Self {
        let streams = streams as f64;
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
pub struct Children(pub Vec<Child>);

impl Drop for Children {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Usage of the processes and their descendants over a window.
pub async fn window(roots: &[u32], streams: usize, seconds: u64) -> Measured {
    let begun = tokio::time::Instant::now();
    let before = usage(roots);
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    let after = usage(roots);
    Measured::between(before, after, streams, begun.elapsed().as_secs_f64())
}

/// Waits until so many streams are kept, and then for the start's rush to be over.
///
/// # Errors
/// When they are not within 90 s.
pub async fn settled(kept: impl Fn() -> usize, streams: usize) -> anyhow::Result<()> {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(90);
    while kept() < streams {
        if tokio::time::Instant::now() > deadline {
            bail!("only {} of {streams} streams after 90 s", kept());
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    tokio::time::sleep(SETTLE).await;
    Ok(())
}

/// Folders directly below `dir` that hold a file with footage in it.
#[must_use]
pub fn grown(dir: &Path) -> usize {
    fn holds(dir: &Path) -> bool {
        std::fs::read_dir(dir).into_iter().flatten().flatten().any(|entry| {
            let path = entry.path();
            if path.is_dir() { holds(&path) } else { entry.metadata().is_ok_and(|m| m.len() > 100_000) }
        })
    }
    std::fs::read_dir(dir).into_iter().flatten().flatten().filter(|entry| holds(&entry.path())).count()
}
