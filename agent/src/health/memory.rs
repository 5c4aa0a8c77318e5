//! Memory of the box, of the agent and of the recorder.

use farwatch_shared::size::ByteSize;
use sysinfo::System;

/// Total and used.
pub fn of_box(system: &mut System) -> (ByteSize, ByteSize) {
    system.refresh_memory();
    (ByteSize(system.total_memory()), ByteSize(system.used_memory()))
}

/// Resident memory of a process, as the kernel says it.
#[must_use]
pub fn of_process(pid: u32) -> Option<ByteSize> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    resident(&status)
}

fn resident(status: &str) -> Option<ByteSize> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(ByteSize::kib(kib))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_read_from_the_kernels_words() {
        assert_eq!(resident("Name:\tx\nVmRSS:\t   12345 kB\nVmHWM:\t 2 kB\n"), Some(ByteSize::kib(12_345)));
        assert_eq!(resident("Name:\tx\n"), None);
        assert!(of_process(std::process::id()).is_some());
    }
}
