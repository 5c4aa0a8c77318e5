//! The disk under a directory, and what sysfs knows of it without any right.

use std::fs;
use std::path::{Path, PathBuf};

use farwatch_shared::size::ByteSize;
use farwatch_shared::wire::latest::DiskWear;

/// Sectors in `stat` are of this size whatever the disk's own are.
const SECTOR: u64 = 512;

/// The name of the whole disk that holds a directory, e.g. `nvme0n1`.
#[must_use]
pub fn disk_of(dir: &Path) -> Option<String> {
    let stat = rustix::fs::stat(dir).or_else(|_| rustix::fs::stat(dir.parent().unwrap_or(dir))).ok()?;
    let (major, minor) = (rustix::fs::major(stat.st_dev), rustix::fs::minor(stat.st_dev));
    whole(&fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?)
}

/// From a partition to its disk, from a mapped volume to the first disk under it.
fn whole(entry: &Path) -> Option<String> {
    let mut entry: PathBuf = entry.to_owned();
    // Mappings lie on mappings (encryption on volumes on a mirror), never without end.
    for _ in 0..8 {
        if entry.join("partition").exists() {
            entry = entry.parent()?.to_owned();
        }
        let mut slaves: Vec<PathBuf> =
            fs::read_dir(entry.join("slaves")).into_iter().flatten().flatten().map(|slave| slave.path()).collect();
        slaves.sort_unstable();
        match slaves.into_iter().next() {
            Some(slave) => entry = fs::canonicalize(slave).ok()?,
            None => break,
        }
    }
    let name = entry.file_name()?.to_str()?;
    // It becomes part of an argument and of paths.
    name.bytes().all(|b| b.is_ascii_alphanumeric()).then(|| name.to_owned())
}

/// Bytes the disk was told to write since it was attached.
#[must_use]
pub fn written(disk: &str) -> Option<ByteSize> {
    of_stat(&fs::read_to_string(format!("/sys/block/{disk}/stat")).ok()?)
}

fn of_stat(text: &str) -> Option<ByteSize> {
    let sectors: u64 = text.split_ascii_whitespace().nth(6)?.parse().ok()?;
    Some(ByteSize(sectors.checked_mul(SECTOR)?))
}

/// What sysfs has: counters of every disk, the life registers of eMMC (and of SD cards that have them).
#[must_use]
pub fn registers(disk: &str) -> DiskWear {
    let read = |name: &str| fs::read_to_string(format!("/sys/block/{disk}/device/{name}")).ok();
    let life = read("life_time");
    let reserve = read("pre_eol_info");
    DiskWear {
        disk: disk.to_owned(),
        used_percent: life.as_deref().and_then(life_used),
        media_errors: None,
        power_on_hours: None,
        failing: reserve.as_deref().and_then(reserve_failing),
        written: written(disk),
    }
}

/// Two estimates in steps of 10 %: `0x02 0x01` is up to 20 % of the one kind of cells and up to 10 % of the other; `0x0b`
/// is past the end, 0 is not known.
fn life_used(text: &str) -> Option<u32> {
    let worst = text.split_ascii_whitespace().filter_map(hex).max()?;
    (1..=11).contains(&worst).then(|| worst * 10)
}

/// 1 is normal, 2 means that 80 % of the reserve is used, 3 that 90 % is.
fn reserve_failing(text: &str) -> Option<bool> {
    match hex(text.trim())? {
        1 | 2 => Some(false),
        3 => Some(true),
        _ => None,
    }
}

fn hex(text: &str) -> Option<u32> {
    u32::from_str_radix(text.trim().trim_start_matches("0x"), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RET-07
    #[test]
    fn the_registers_of_emmc_and_the_kernels_counters_are_read() {
        assert_eq!(life_used("0x02 0x01\n"), Some(20));
        assert_eq!(life_used("0x0b 0x01\n"), Some(110));
        assert_eq!(life_used("0x00 0x00\n"), None);
        assert_eq!(
            [reserve_failing("0x01\n"), reserve_failing("0x03\n"), reserve_failing("0x00")],
            [Some(false), Some(true), None]
        );
        let stat = "  101 0 8 5 2048 7 4096 9 0 3 4 0 0 0 0 0 0\n";
        assert_eq!(of_stat(stat), Some(ByteSize(4096 * 512)));
    }

    #[test]
    fn a_partition_leads_to_its_disk_and_a_mapping_to_the_disk_under_it() {
        let dir = tempfile::tempdir().unwrap();
        let disk = dir.path().join("sda");
        let part = disk.join("sda2");
        let mapped = dir.path().join("dm-0");
        fs::create_dir_all(&part).unwrap();
        fs::write(part.join("partition"), "2\n").unwrap();
        fs::create_dir_all(mapped.join("slaves")).unwrap();
        std::os::unix::fs::symlink(&part, mapped.join("slaves/sda2")).unwrap();
        assert_eq!(whole(&part).as_deref(), Some("sda"));
        assert_eq!(whole(&mapped).as_deref(), Some("sda"));
    }

    #[test]
    fn this_machines_disk_counts_what_it_writes() {
        // A build machine may keep everything in memory; then there is no disk to ask.
        if let Some(disk) = disk_of(Path::new("/")) {
            assert!(written(&disk).is_some(), "{disk}");
        }
    }
}
