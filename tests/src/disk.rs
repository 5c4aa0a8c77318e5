//! A disk of a test's own: an ext4 file system in a file, mounted through a loop device.
//!
//! Belongs here: making, mounting, filling and stopping it, and what is on the device at an instant. Does not: what lies on
//! it. Needs root; nothing but its own mounts is touched, and they go with it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted file system in a file. Unmounted and deleted when dropped.
pub struct Disk {
    image: PathBuf,
    pub mounted: PathBuf,
}

/// Runs a program of the system.
///
/// # Panics
/// When it fails, with what it said.
pub fn run(program: &str, args: &[&OsStr]) {
    let done = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(done.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Disk {
    /// A new file system of so many MiB, with room for so many files; it goes read-only when it meets an error, as a box's
    /// does.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn make(image: &Path, mounted: &Path, mib: u64, files: u32) -> Self {
        let file = std::fs::File::create(image).expect("an image file");
        file.set_len(mib << 20).expect("a sparse file");
        let files = files.to_string();
        let options = ["-q", "-m", "0", "-N", &files, "-e", "remount-ro"].map(OsStr::new);
        let args: Vec<&OsStr> = options.into_iter().chain([image.as_os_str()]).collect();
        run("mkfs.ext4", &args);
        Self::mount(image, mounted)
    }

    /// A file system that lies there already. Mounting replays its journal, and nothing else is done for it.
    ///
    /// # Panics
    /// When it cannot be mounted.
    #[must_use]
    pub fn mount(image: &Path, mounted: &Path) -> Self {
        std::fs::create_dir_all(mounted).expect("a folder");
        run("mount", &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), mounted.as_os_str()]);
        Self { image: image.to_owned(), mounted: mounted.to_owned() }
    }

    #[must_use]
    pub fn image(&self) -> &Path {
        &self.image
    }

    /// The loop device's name, e.g. `loop7`.
    ///
    /// # Panics
    /// When it is not mounted.
    #[must_use]
    pub fn device(&self) -> String {
        let mounts = std::fs::read_to_string("/proc/mounts").expect("the mounts");
        let mounted = self.mounted.to_str().expect("a plain path");
        let line = mounts.lines().find(|line| line.split(' ').nth(1) == Some(mounted)).expect("a mounted disk");
        line.split(' ').next().and_then(|device| device.rsplit('/').next()).expect("a device").to_owned()
    }

    /// Every write waits from now on.
    pub fn freeze(&self) {
        run("fsfreeze", &["-f".as_ref(), self.mounted.as_os_str()]);
    }

    /// Writes go on.
    pub fn thaw(&self) {
        run("fsfreeze", &["-u".as_ref(), self.mounted.as_os_str()]);
    }

    /// The file system meets an error and goes read-only until it is mounted anew.
    pub fn stop(&self) {
        let trigger = format!("/sys/fs/ext4/{}/trigger_fs_error", self.device());
        let done = std::fs::write(&trigger, "a test asks for it");
        assert!(done.is_ok(), "{trigger}: {done:?}");
    }

    /// Takes what is free, so that nobody else gets any. Again and again, if others make room.
    pub fn fill(&self) {
        let ballast = self.mounted.join("ballast");
        std::fs::create_dir_all(&ballast).expect("room for a folder");
        for size in ["256M", "64M", "16M", "4M", "1M", "256K", "64K", "16K", "4K"] {
            let more = |n: u32| {
                let file = ballast.join(format!("{size}-{n}"));
                !file.exists()
                    && Command::new("fallocate")
                        .args(["-l", size])
                        .arg(&file)
                        .output()
                        .is_ok_and(|d| d.status.success())
            };
            let mut n = std::fs::read_dir(&ballast).map_or(0, |entries| u32::try_from(entries.count()).unwrap_or(0));
            while more(n) {
                n += 1;
            }
            // What did not fit whole takes its part of nothing.
            let _ = std::fs::remove_file(ballast.join(format!("{size}-{n}")));
        }
    }

    /// Takes every free inode.
    pub fn fill_inodes(&self) {
        let ballast = self.mounted.join("ballast");
        std::fs::create_dir_all(&ballast).expect("an inode for a folder");
        let mut n = std::fs::read_dir(&ballast).map_or(0, Iterator::count);
        while std::fs::File::create_new(ballast.join(format!("i{n}"))).is_ok() {
            n += 1;
        }
    }

    /// Gives back what was taken.
    pub fn empty(&self) {
        std::fs::remove_dir_all(self.mounted.join("ballast")).expect("the ballast can go");
    }

    /// Unmounts.
    ///
    /// # Panics
    /// When somebody uses it.
    pub fn unmount(&self) {
        run("umount", &[self.mounted.as_os_str()]);
    }

    /// Mounts it where it was.
    pub fn remount(&self) {
        run("mount", &["-o".as_ref(), "loop".as_ref(), self.image.as_os_str(), self.mounted.as_os_str()]);
    }

    /// Flush requests its device has completed.
    ///
    /// # Panics
    /// When the kernel does not tell.
    #[must_use]
    pub fn flushes(&self) -> u64 {
        flushes(&self.device())
    }
}

/// Flush requests a block device has completed: the sixteenth figure of its statistics.
///
/// # Panics
/// When the kernel does not tell.
#[must_use]
pub fn flushes(device: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/sys/block/{device}/stat")).expect("a block device's statistics");
    text.split_whitespace().nth(15).and_then(|n| n.parse().ok()).expect("a kernel that counts flushes")
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).output();
        let _ = std::fs::remove_file(&self.image);
    }
}
