//! Whether the file system under the vault stopped by itself, as its own superblock remembers it.
//!
//! Belongs here: finding the file system and asking when it last met an error. Does not: health of the disk (`health`).
//!
//! A file system that meets an error goes read-only, and whatever ran then could write nothing down. ext4 keeps the time
//! in its superblock, over remounts and restarts, so the recorder that comes after knows why footage is missing.

use std::path::{Path, PathBuf};

use farwatch_shared::time::WallMs;

/// When the file system of this directory last met an error; `None` when it never did, or does not tell.
#[must_use]
pub fn last_error(dir: &Path) -> Option<WallMs> {
    let device = rustix::fs::stat(dir).ok()?.st_dev;
    let (major, minor) = (rustix::fs::major(device), rustix::fs::minor(device));
    let block = std::fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    read(&PathBuf::from("/sys/fs/ext4").join(block.file_name()?))
}

fn read(told: &Path) -> Option<WallMs> {
    let seconds: i64 = std::fs::read_to_string(told.join("last_error_time")).ok()?.trim().parse().ok()?;
    (seconds > 0).then(|| WallMs(seconds.saturating_mul(1_000)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_without_an_error_or_without_a_word_on_it_met_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), None);
        std::fs::write(dir.path().join("last_error_time"), "0\n").unwrap();
        assert_eq!(read(dir.path()), None);
        std::fs::write(dir.path().join("last_error_time"), "1795522410\n").unwrap();
        assert_eq!(read(dir.path()), Some(WallMs(1_795_522_410_000)));
    }
}
