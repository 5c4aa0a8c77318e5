//! CPU time and memory of a process and its children, from /proc.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

/// What a set of processes has used.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// User and system time of all of them, ended children included.
    pub cpu: Duration,
    /// Resident memory together (shared pages counted in each).
    pub resident: u64,
    /// Resident memory nobody else shares.
    pub private: u64,
    pub processes: u32,
}

/// The kernel's clock ticks per second; fixed at 100 for user space on Linux.
const TICKS: u64 = 100;

fn stat(pid: u32) -> Option<(u32, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold spaces and brackets; everything after its last bracket is plain.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let number = |i: usize| fields.get(i)?.parse::<u64>().ok();
    Some((fields.get(1)?.parse().ok()?, number(11)? + number(12)? + number(13)? + number(14)?))
}

fn memory(pid: u32) -> Option<(u64, u64)> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kib = |name: &str| -> u64 {
        text.lines()
            .filter_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok())
            .sum()
    };
    Some((kib("Rss:") * 1024, (kib("Private_Clean:") + kib("Private_Dirty:")) * 1024))
}

/// Usage of some processes and all their descendants.
#[must_use]
pub fn usage(roots: &[u32]) -> Usage {
    let mut children: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut ticks = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if let Some((parent, used)) = stat(pid) {
            children.entry(parent).or_default().push(pid);
            ticks.insert(pid, used);
        }
    }
    let mut total = Usage::default();
    let mut waiting: Vec<u32> = roots.to_vec();
    while let Some(pid) = waiting.pop() {
        let Some(used) = ticks.get(&pid) else { continue };
        total.cpu += Duration::from_millis(used * 1000 / TICKS);
        let (resident, private) = memory(pid).unwrap_or_default();
        total.resident += resident;
        total.private += private;
        total.processes += 1;
        waiting.extend(children.get(&pid).into_iter().flatten());
    }
    total
}
