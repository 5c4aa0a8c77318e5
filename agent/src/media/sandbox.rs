//! How a worker shuts itself in before it reads a byte from outside.
//!
//! Belongs here: Landlock (files and TCP ports), the system calls a worker never needs, limits on memory, files and
//! priority. Does not: the clean environment a worker starts with (`worker`), or what the recorder itself may do.
//!
//! A worker reads system libraries and, for a local camera, its character file; it writes no file, starts no program,
//! and opens TCP connections only to its camera's port. What a kernel can not enforce is said on standard error and the
//! rest still holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, BitFlags, NetPort, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetStatus, Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, setrlimit};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};

/// The newest Landlock this was written against; older kernels enforce what they know.
const LANDLOCK: ABI = ABI::V6;

/// Libraries and what they read to start.
const LIBRARIES: &[&str] = &["/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/sys/devices/system/cpu"];
/// Single files libraries ask about the machine; never all of `/proc`, where other processes' secrets are.
const MACHINE: &[&str] = &["/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/etc/localtime"];
/// What resolving a host name reads.
const NAMES: &[&str] = &[
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/gai.conf",
    "/run/systemd/resolve",
];
const SYSTEM_AUTHORITIES: &[&str] = &["/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/usr/share/ca-certificates"];
const WRITABLE: &[&str] = &["/dev/null", "/dev/urandom", "/dev/random"];
const DNS_PORT: u16 = 53;

/// What one worker may touch beyond libraries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confines {
    pub network: Network,
    /// Character files of local cameras, readable and writable.
    pub cameras: Vec<PathBuf>,
    /// Most private memory, in bytes.
    pub memory: u64,
    /// Added to the nice value: work that may wait must not delay recording.
    pub nice: i32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// No socket at all.
    None,
    /// TCP to this port (and to a name server); UDP.
    Camera { port: Option<u16>, authorities: Authorities },
}

/// Whose signature makes a camera's certificate good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Authorities {
    /// The ones the system trusts.
    System,
    /// None of those: with their files out of reach every certificate comes to our own check.
    Given,
}

/// What could not be put in force.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("{0} threads are already running in the media worker: it must shut itself in before any starts")]
    Threads(usize),
    #[error("the limits of the media worker were refused")]
    Limits(#[from] rustix::io::Errno),
}

/// Puts all of it in force, for good.
///
/// Returns what the kernel did not take, for the log.
///
/// # Errors
/// When threads already run that would stay outside, or the limits are refused.
pub fn enter(confines: &Confines) -> Result<Vec<String>, SandboxError> {
    if let Ok(threads) = std::fs::read_dir("/proc/self/task").map(Iterator::count)
        && threads > 1
    {
        return Err(SandboxError::Threads(threads));
    }
    let mut unenforced = Vec::new();
    limits(confines)?;
    // When memory runs out the kernel shall take this process, not the recorder.
    if let Err(e) = std::fs::write("/proc/self/oom_score_adj", "500") {
        unenforced.push(format!("oom score: {e}"));
    }
    match landlock(confines) {
        Ok(RulesetStatus::FullyEnforced) => {}
        Ok(status) => unenforced.push(format!("landlock: {status:?}")),
        Err(e) => unenforced.push(format!("landlock: {e}")),
    }
    if let Err(e) = seccomp(confines.network == Network::None) {
        unenforced.push(format!("seccomp: {e}"));
    }
    Ok(unenforced)
}

fn limits(confines: &Confines) -> Result<(), SandboxError> {
    let cap = |resource, most: u64| setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) });
    cap(Resource::Core, 0)?;
    cap(Resource::Nofile, 256)?;
    cap(Resource::Data, confines.memory)?;
    if confines.nice != 0 {
        rustix::process::nice(confines.nice)?;
    }
    Ok(())
}

fn landlock(confines: &Confines) -> Result<RulesetStatus, landlock::RulesetError> {
    let read: BitFlags<AccessFs> = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = read | AccessFs::WriteFile | AccessFs::IoctlDev;
    let mut rules = Ruleset::default()
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(Scope::from_all(LANDLOCK))?
        .create()?
        .add_rules(path_beneath_rules(LIBRARIES.iter().chain(MACHINE), read))?
        .add_rules(path_beneath_rules(WRITABLE, write))?
        .add_rules(path_beneath_rules(&confines.cameras, write))?;
    if let Network::Camera { port, authorities } = confines.network {
        rules = rules.add_rules(path_beneath_rules(NAMES, read))?;
        if authorities == Authorities::System {
            rules = rules.add_rules(path_beneath_rules(SYSTEM_AUTHORITIES, read))?;
        }
        for port in port.into_iter().chain([DNS_PORT]) {
            rules = rules.add_rule(NetPort::new(port, AccessNet::ConnectTcp))?;
        }
    }
    if confines.cameras.iter().any(|c| c.starts_with("/dev/media0") || c == Path::new("/dev")) {
        // libcamera finds its sensors by walking these.
        rules = rules.add_rules(path_beneath_rules(["/sys", "/run/udev"], read))?;
    }
    Ok(rules.restrict_self()?.ruleset)
}

/// Calls no decoder and no network source makes; each fails with EPERM.
fn seccomp(offline: bool) -> Result<(), seccompiler::Error> {
    let mut refused = vec![
        libc::SYS_execve,
        libc::SYS_execveat,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kcmp,
        libc::SYS_pidfd_getfd,
        libc::SYS_mount,
        libc::SYS_umount2,
        libc::SYS_pivot_root,
        libc::SYS_chroot,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_bpf,
        libc::SYS_perf_event_open,
        libc::SYS_userfaultfd,
        libc::SYS_keyctl,
        libc::SYS_add_key,
        libc::SYS_request_key,
        libc::SYS_init_module,
        libc::SYS_finit_module,
        libc::SYS_delete_module,
        libc::SYS_kexec_load,
        libc::SYS_reboot,
        libc::SYS_swapon,
        libc::SYS_settimeofday,
        libc::SYS_clock_settime,
    ];
    if offline {
        // Not socketpair: GStreamer wakes its own threads through one.
        refused.extend([libc::SYS_socket, libc::SYS_connect, libc::SYS_bind]);
    }
    let rules: BTreeMap<i64, Vec<_>> = refused.into_iter().map(|call| (call, vec![])).collect();
    let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = std::env::consts::ARCH.try_into().map_err(seccompiler::Error::Backend)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, eperm, arch).map_err(seccompiler::Error::Backend)?;
    let program: BpfProgram = filter.try_into().map_err(seccompiler::Error::Backend)?;
    seccompiler::apply_filter(&program)
}
