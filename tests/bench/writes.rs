//! Write amplification: bytes the block device was told to write for each byte of footage, journal, catalog and logs
//! included.
//!
//! The vault is on a disk of its own, whose counters are read before and after a window; both times everything in memory
//! is brought to the device first.

use std::time::Duration;

use anyhow::Context as _;
use farwatch_tests::camera::{CameraSetup, TestCamera};

use crate::disk::Disk;
use crate::ours::Ours;
use crate::results::{Figure, record};

/// Measures `cameras` of the mounts `mount0`, `mount1`, ….
pub async fn bench(cameras: u16, mount: &str, seconds: u64) -> anyhow::Result<()> {
    let eye = TestCamera::start(CameraSetup { mounts: cameras, ..CameraSetup::default() })?;
    let mounts: Vec<String> = (0..cameras).map(|i| format!("{mount}{i}")).collect();
    let keep = tempfile::tempdir()?;
    let disk = Disk::make(keep.path(), 16).context("a loop device: run as root")?;
    let ours = Ours::start(keep.path().join("disk/agent"), &eye, &mounts, "rtsp").await?;
    disk.sync();
    let (footage, written) = (ours.footage(), disk.written());
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    disk.sync();
    let (footage, written) = (ours.footage() - footage, disk.written() - written);
    anyhow::ensure!(footage > 0, "nothing was recorded in {seconds} s");
    println!("{written} bytes written to the device for {footage} bytes of footage in {seconds} s");
    record(&[Figure::new(
        format!("write amplification, {cameras} x {mount}"),
        written as f64 / footage as f64,
        "bytes written per byte of footage",
        "tests/run --long bench",
    )])
}
