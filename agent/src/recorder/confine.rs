//! Shuts the recorder in: it parses what cameras send, so it may write its own directories only and read no key of the box.
//!
//! Kernels that cannot (no Landlock, no seccomp) record all the same, and say so once.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus,
};

use crate::config::Home;

/// Readable for everybody: libraries, name resolution, the media workers' plugins, the state of interfaces.
const READABLE: &[&str] = &[
    "/usr",
    "/lib",
    "/lib64",
    "/lib32",
    "/bin",
    "/etc",
    "/opt",
    "/proc",
    "/sys",
    "/run",
    "/nix",
    "/var/lib/chrony",
    "/var/lib/ntp",
];
/// Cameras on this box, and what every library expects.
const DEVICES: &[&str] = &["/dev"];

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confined {
    Fully,
    Partly,
    Not,
}

/// Confines the calling thread and all it starts: call before any other thread exists.
///
/// # Errors
/// When the kernel refuses what it says it can.
pub fn confine(home: &Home) -> Result<Confined, String> {
    let files = confine_files(home).map_err(|e| format!("landlock: {e}"))?;
    confine_calls().map_err(|e| format!("seccomp: {e}"))?;
    Ok(files)
}

fn confine_files(home: &Home) -> Result<Confined, landlock::RulesetError> {
    let abi = ABI::V3;
    let program = std::env::current_exe().ok();
    let own = [home.vault(), home.recorder_ledgers(), home.recorder()];
    let readable =
        READABLE.iter().map(PathBuf::from).chain(program.as_deref().and_then(Path::parent).map(Path::to_path_buf));
    let mut rules = Ruleset::default().handle_access(AccessFs::from_all(abi))?.create()?;
    for (paths, access) in [
        (readable.collect::<Vec<_>>(), AccessFs::from_read(abi)),
        (DEVICES.iter().map(PathBuf::from).collect(), AccessFs::from_read(abi) | AccessFs::WriteFile),
        (own.to_vec(), AccessFs::from_all(abi)),
    ] {
        for path in paths {
            // What does not exist needs no rule.
            if let Ok(fd) = PathFd::new(&path) {
                rules = rules.add_rule(PathBeneath::new(fd, access))?;
            }
        }
    }
    Ok(match rules.restrict_self()?.ruleset {
        RulesetStatus::FullyEnforced => Confined::Fully,
        RulesetStatus::PartiallyEnforced => Confined::Partly,
        RulesetStatus::NotEnforced => Confined::Not,
    })
}

/// System calls a recorder never needs and an intruder would like.
fn confine_calls() -> Result<(), seccompiler::Error> {
    use std::collections::BTreeMap;

    use seccompiler::{SeccompAction, SeccompFilter, TargetArch};
    let denied = [
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_bpf,
        libc::SYS_kexec_load,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_swapoff,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
        libc::SYS_add_key,
        libc::SYS_keyctl,
        libc::SYS_request_key,
        libc::SYS_userfaultfd,
        libc::SYS_perf_event_open,
        libc::SYS_open_by_handle_at,
        libc::SYS_setns,
    ];
    let arch = match std::env::consts::ARCH {
        "x86_64" => TargetArch::x86_64,
        "aarch64" => TargetArch::aarch64,
        _ => return Ok(()),
    };
    let rules: BTreeMap<i64, Vec<seccompiler::SeccompRule>> =
        denied.into_iter().map(|call| (call, Vec::new())).collect();
    let refuse = SeccompAction::Errno(u32::try_from(libc::EPERM).unwrap_or(1));
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refuse, arch).map_err(seccompiler::Error::Backend)?;
    let program: seccompiler::BpfProgram = filter.try_into().map_err(seccompiler::Error::Backend)?;
    seccompiler::apply_filter(&program)
}
