//! A disk of its own for what is measured: so that it alone can be frozen, and what was written to it counted.

use std::path::{Path, PathBuf};
use std::process::Command;

/// An ext4 file system on a loop device, unmounted when dropped. Needs root.
pub struct Disk {
    pub mounted: PathBuf,
    device: String,
}

impl Disk {
    /// `None` without root or without the tools.
    #[must_use]
    pub fn make(keep: &Path, gib: u64) -> Option<Self> {
        let (image, mounted) = (keep.join("disk.img"), keep.join("disk"));
        std::fs::create_dir_all(&mounted).ok()?;
        std::fs::File::create(&image).ok()?.set_len(gib << 30).ok()?;
        let image = image.to_str()?;
        // Tables that are written lazily would be counted as somebody's footage.
        run("mkfs.ext4", &["-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image])?;
        let device = run("losetup", &["--find", "--show", image])?.trim().to_owned();
        let disk = Self { mounted, device };
        run("mount", &[&disk.device, disk.mounted.to_str()?])?;
        Some(disk)
    }

    /// Bytes the device was told to write since it was attached: field 7 of `/sys/block/<device>/stat`, in sectors of 512
    /// bytes (Documentation/block/stat.rst).
    #[must_use]
    pub fn written(&self) -> u64 {
        let name = self.device.rsplit('/').next().unwrap_or_default();
        let stat = std::fs::read_to_string(format!("/sys/block/{name}/stat")).unwrap_or_default();
        stat.split_whitespace().nth(6).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 512
    }

    /// Everything that is in memory reaches the device.
    pub fn sync(&self) {
        let _ = run("sync", &["-f", self.mounted.to_str().unwrap_or("/")]);
    }

    /// Writers wait from here on.
    pub fn freeze(&self) -> bool {
        run("fsfreeze", &["-f", self.mounted.to_str().unwrap_or_default()]).is_some()
    }

    pub fn thaw(&self) {
        let _ = run("fsfreeze", &["-u", self.mounted.to_str().unwrap_or_default()]);
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = run("umount", &["-l", self.mounted.to_str().unwrap_or_default()]);
        let _ = run("losetup", &["-d", &self.device]);
    }
}

fn run(program: &str, args: &[&str]) -> Option<String> {
    let done = Command::new(program).args(args).output().ok()?;
    done.status.success().then(|| String::from_utf8_lossy(&done.stdout).into_owned())
}
