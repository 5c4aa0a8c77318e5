//! Space and inodes of the file system that holds the vault.

use std::path::Path;

use farwatch_shared::size::ByteSize;
use farwatch_shared::wire::latest::{DiskHealth, DiskWear};

use super::wear::written;

/// Zeros when the file system cannot be asked: an operator sees that at once.
#[must_use]
pub fn of_vault(root: &Path, footage: ByteSize, wear: Option<DiskWear>) -> DiskHealth {
    // The disk's own words are of the last hour; what was written is counted by the kernel all the time.
    let wear = wear.map(|wear| DiskWear { written: written(&wear.disk).or(wear.written), ..wear });
    // The vault may not be there yet; its parent is on the same file system.
    let stat = rustix::fs::statvfs(root).or_else(|_| rustix::fs::statvfs(root.parent().unwrap_or(root)));
    let Ok(stat) = stat else {
        return DiskHealth { total: ByteSize(0), free: ByteSize(0), inodes_total: 0, inodes_free: 0, footage, wear };
    };
    DiskHealth {
        total: ByteSize(stat.f_blocks.saturating_mul(stat.f_frsize)),
        free: ByteSize(stat.f_bavail.saturating_mul(stat.f_frsize)),
        inodes_total: stat.f_files,
        inodes_free: stat.f_favail,
        footage,
        wear,
    }
}
