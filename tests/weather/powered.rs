//! A box on a power switch: agent, recorder and three cameras, its disk an image on another disk that can be held still.
//!
//! Belongs here: starting it in a boot of its own (boot id, boot clock), cutting the power so that only what reached the
//! device survives, tearing what was in flight, starting again from what is left. Does not: judging (`cuts`).
//!
//! The cut: the programs are stopped, the disk under the image is frozen, the image is copied. What was not on the device
//! by then is gone. Nothing is done to the copy but mounting it.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use farwatch_shared::digest::Digest;
use farwatch_shared::time::Clock;
use farwatch_tests::agent::{Agent, recorder_pids};
use farwatch_tests::camera::{CameraSetup, TestCamera};
use farwatch_tests::child::signal;
use farwatch_tests::disk::{Disk, run};
use farwatch_tests::hub::Hub;
use farwatch_tests::raw::now;
use farwatch_tests::shim::{Promises, Shim, StopAt};
use farwatch_tests::site::{CAMERA_PASSWORD, USER};
use farwatch_tests::wait::until;
use rustix::process::Signal;
use tokio::process::Command;

use crate::house::{MOUNTS, add_camera, last_write_ms};

/// When the power goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So many milliseconds after recording began.
    Any(u64),
    /// At the instant of a call.
    At(StopAt),
}

/// How far the box may rely on its disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syncs {
    Real,
    /// None reaches the kernel: a build that forgot them.
    Forgotten,
}

/// What was so when the power went.
pub struct Cut {
    pub at_ms: i64,
    /// When this boot's programs were started.
    pub since_ms: i64,
    /// First half of the boot id, as runs are named by it.
    pub boot: u32,
    pub promises: Promises,
    /// The promised bytes of each file, as they were.
    promised: BTreeMap<PathBuf, (u64, Digest)>,
}

pub struct Powered {
    pub agent: Agent,
    pub eye: TestCamera,
    pub shim: Shim,
    _hub: Hub,
    pub cameras: Vec<String>,
    disk: Option<Disk>,
    under: [Disk; 2],
    /// Which of the two the image lies on.
    on: usize,
    started_ms: i64,
    /// First half of the running boot's id.
    pub boot: u32,
    keep: tempfile::TempDir,
}

const IMAGE_MIB: u64 = 384;

impl Powered {
    /// Builds it, enrols it, and gives it its cameras; it is off.
    pub async fn build(settings: &str) -> Self {
        let keep = tempfile::tempdir().expect("a temporary directory");
        let at = |name: &str| keep.path().join(name);
        let under = ["a", "b"].map(|name| Disk::make(&at(&format!("{name}.img")), &at(name), 2 * IMAGE_MIB, 64));
        let disk = Disk::make(&under[0].mounted.join("box.img"), &at("box"), IMAGE_MIB, 4_000);
        let hub = Hub::start().await;
        let _ = farwatch_tests::person::Person::set_up(&hub).await;
        let credentials = Some((USER.to_owned(), CAMERA_PASSWORD.to_owned()));
        let eye = TestCamera::start(CameraSetup { mounts: 3, credentials, ..CameraSetup::default() });
        let eye = eye.expect("a test camera");
        let dir = disk.mounted.join("agent");
        let agent = Agent::enrol(&hub, "Depot", &dir).await;
        agent.configure(settings);
        std::os::unix::fs::symlink(at("agent.log"), dir.join("test.log")).expect("a link");
        // Whoever sets a box up does not pull the plug at once.
        run("sync", &["-f".as_ref(), dir.as_os_str()]);
        let mut cameras = Vec::new();
        for mount in MOUNTS {
            cameras.push(add_camera(&hub, &agent.id, mount, &eye.url(mount)).await);
        }
        let shim = Shim::make(&at("shim"));
        let (disk, on, started_ms, boot) = (Some(disk), 0, 0, 0);
        Self { agent, eye, shim, _hub: hub, cameras, disk, under, on, started_ms, boot, keep }
    }

    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("the disk is mounted")
    }

    pub fn vault(&self) -> PathBuf {
        self.agent.dir.join("vault")
    }

    /// Boots: another boot id, a boot clock that begins anew.
    pub fn start(&mut self, syncs: Syncs) {
        let id = uuid::Uuid::new_v4();
        self.boot = id.as_fields().0;
        let boot_id = self.keep.path().join("boot-id");
        std::fs::write(&boot_id, format!("{id}\n")).expect("written");
        self.started_ms = now().0;
        let shim = &self.shim;
        self.agent.run_with(|command| {
            let mut booted = booted(&command, &boot_id);
            match syncs {
                Syncs::Real => shim.preload(&mut booted),
                Syncs::Forgotten => shim.preload_without_syncs(&mut booted),
            }
            booted
        });
    }

    /// Waits until every camera's footage grows, first written to after that time.
    pub async fn recorded_past(&self, wall_ms: i64) {
        for camera in &self.cameras {
            until("every camera recording", Duration::from_secs(60), || {
                let newest = last_write_ms(&self.vault().join(camera));
                std::future::ready(newest.filter(|at| *at > wall_ms))
            })
            .await;
        }
    }

    /// Waits for the moment and cuts the power.
    pub async fn cut(&mut self, moment: Moment) -> Cut {
        let at_ms = match moment {
            Moment::Any(after) => {
                tokio::time::sleep(Duration::from_millis(after)).await;
                now().0
            }
            Moment::At(stop) => {
                let deadline = now().0 + 90_000;
                loop {
                    if let Some((_, at_ms)) = self.shim.stopped() {
                        break at_ms;
                    }
                    assert!(now().0 < deadline, "{stop:?} never came; the box says:\n{}", self.says());
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        };
        for pid in recorder_pids(&self.agent.dir) {
            signal(pid, Signal::STOP);
        }
        let (from, to) = (&self.under[self.on], &self.under[1 - self.on]);
        from.freeze();
        let copied = to.mounted.join("box.img");
        run("cp", &["--sparse=always".as_ref(), from.mounted.join("box.img").as_os_str(), copied.as_os_str()]);
        from.thaw();
        self.shim.stop_nowhere();
        let promises = self.shim.promises();
        let promised = promises
            .safe
            .iter()
            .filter(|(path, _)| kept_as_written(path))
            .filter_map(|(path, len)| Some((path.clone(), (*len, digest(path, *len)?))))
            .collect();
        self.kill().await;
        drop(self.disk.take());
        self.on = 1 - self.on;
        self.disk = Some(Disk::mount(&copied, &self.keep.path().join("box")));
        Cut { at_ms, since_ms: self.started_ms, boot: self.boot, promises, promised }
    }

    /// The end of its log, and how its programs are.
    fn says(&self) -> String {
        let log = self.agent.log();
        let lines: Vec<&str> = log.lines().collect();
        let states = recorder_pids(&self.agent.dir).into_iter().map(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            format!("{pid}: {}", stat.rsplit_once(')').map_or("gone", |(_, rest)| rest.get(..3).unwrap_or_default()))
        });
        format!("{}\n{:?}", lines[lines.len().saturating_sub(40)..].join("\n"), states.collect::<Vec<_>>())
    }

    /// Ends every program of the box.
    pub async fn kill(&mut self) {
        self.agent.kill().await;
        until("the box's programs gone", Duration::from_secs(10), || {
            let pids = recorder_pids(&self.agent.dir);
            pids.iter().for_each(|pid| signal(*pid, Signal::KILL));
            std::future::ready(pids.is_empty().then_some(()))
        })
        .await;
    }
}

/// A command in a boot of its own.
pub fn booted(command: &Command, boot_id: &Path) -> Command {
    let command = command.as_std();
    // A minute after the boot.
    let offset = 60 - Clock::real().boot().0 / 1_000_000_000;
    let mut wrapped = Command::new("unshare");
    wrapped
        .args(["--mount", "--time", "--boottime", &offset.to_string(), "sh", "-c"])
        .arg("mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"")
        .arg(boot_id)
        .arg(command.get_program())
        .args(command.get_args());
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            wrapped.env(key, value);
        }
    }
    wrapped
}

/// Files whose bytes never change once written.
fn kept_as_written(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.ends_with(".mp4") || (text.contains("/ledger/") && text.ends_with(".log"))
}

/// Of the first bytes of a file; `None` when it has fewer.
fn digest(path: &Path, len: u64) -> Option<Digest> {
    let mut bytes = vec![0; usize::try_from(len).ok()?];
    File::open(path).ok()?.read_exact_at(&mut bytes, 0).ok()?;
    Some(Digest::of(&bytes))
}

impl Cut {
    /// Promised bytes that are not on the disk, file by file.
    pub fn broken_promises(&self) -> Vec<String> {
        self.promised
            .iter()
            .filter(|(path, (len, was))| digest(path, *len).as_ref() != Some(was))
            .map(|(path, (len, _))| {
                let there = std::fs::metadata(path).map_or(0, |m| m.len());
                format!("{}: {len} bytes were safe, {there} are there", path.display())
            })
            .collect()
    }

    pub fn promised_bytes(&self) -> u64 {
        self.promised.values().map(|(len, _)| len).sum()
    }

    /// Tears what was in flight: garbage from the first sector that holds no promised byte to the end of the last block, of
    /// every segment with bytes that were not safe yet and of the logs that were open.
    pub fn tear(&self) -> usize {
        let mut torn = 0;
        let safe_of = |path: &PathBuf| self.promises.safe.get(path).copied().unwrap_or(0);
        let open_log = self.promises.written.keys().filter(|path| path.to_string_lossy().contains("/recorder/")).max();
        for (path, written) in self.promises.written.iter().filter(|(path, _)| kept_as_written(path)) {
            let (safe, is_log) = (safe_of(path), path.extension().is_some_and(|e| e == "log"));
            let is_open = Some(path) == open_log || path.ends_with("agent.log");
            if (is_log && !is_open) || (!is_log && safe == *written) {
                continue;
            }
            let Ok(metadata) = std::fs::metadata(path) else { continue };
            // A log has room beyond its end; a segment ends where it ends.
            let end = if is_log { safe } else { metadata.len().max(safe) };
            let from = safe.next_multiple_of(512).max(end.saturating_sub(4_096).next_multiple_of(512));
            let to = (end + 1).next_multiple_of(4_096).max(from + 512);
            let garbage: Vec<u8> = (from..to).map(|n| u8::try_from(n * 167 % 251).unwrap_or(0) ^ 0x5a).collect();
            let file = File::options().write(true).open(path).expect("a file that was being written");
            file.write_all_at(&garbage, from).expect("garbage can be written");
            torn += 1;
        }
        torn
    }
}
