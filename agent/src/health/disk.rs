//! Space and inodes of the file system that holds the vault.

use std::path::Path;

use farwatch_shared::size::ByteSize;
use farwatch_shared::wire::latest::DiskHealth;

/// Zeros when the file system cannot be asked: an operator sees that at once.
#[must_use]
pub fn of_vault(root: &Path, footage: ByteSize) -> DiskHealth {
    // The vault may not be there yet; its parent is on the same file system.
    let stat = rustix::fs::statvfs(root).or_else(|_| rustix::fs::statvfs(root.parent().unwrap_or(root)));
    let Ok(stat) = stat else {
        return DiskHealth {
            total: ByteSize(0),
            free: ByteSize(0),
            inodes_total: 0,
            inodes_free: 0,
            footage,
            wear: None,
        };
    };
    DiskHealth {
        total: ByteSize(stat.f_blocks.saturating_mul(stat.f_frsize)),
        free: ByteSize(stat.f_bavail.saturating_mul(stat.f_frsize)),
        inodes_total: stat.f_files,
        inodes_free: stat.f_favail,
        footage,
        wear: None,
    }
}
