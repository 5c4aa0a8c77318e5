//! One real hour of RTSP: 16 cameras of 1 Mbit/s through hub, agent and recorder onto a 4 GB volume that retention must
//! keep free, with some bad weather.
//!
//! The test camera's journal of frame numbers is the truth. Every file is decoded once, as soon as it is closed and before
//! retention takes it. At the end the box's certificates at the hub name what went, and the offline verifier finds nothing
//! amiss. Memory of recorder and agent is sampled and must stay flat after warm-up.
//!
//! By default a minute and a half on a volume that is small enough to be overwritten by then; `FARWATCH_LONG` the hour;
//! `FARWATCH_SOAK_S` any other length. Needs root, for the volume.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use farwatch_agent::vault::Vault;
use farwatch_tests::agent::{Agent, recorder_pids};
use farwatch_tests::books::Books;
use farwatch_tests::camera::{CameraSetup, TestCamera};
use farwatch_tests::child::signal;
use farwatch_tests::hub::Hub;
use farwatch_tests::person::Person;
use farwatch_tests::site::{CAMERA_PASSWORD, USER};
use farwatch_tests::wait::until;
use tokio::time::Instant;

use crate::proofs;

const CAMERAS: u16 = 16;
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Growth that is not flat, in thousandths.
const MOST_GROWTH: i64 = 20;
/// Shorter runs end before memory has settled: figures are printed and held to no more than this.
const MOST_GROWTH_WARMING: i64 = 250;
/// From here on a run is long enough to be held to [`MOST_GROWTH`].
const SETTLED_S: u64 = 1_200;

/// A file system in a file. Unmounted when dropped.
struct Volume(PathBuf);

impl Volume {
    fn make(dir: &Path, mib: u64) -> Self {
        let (image, mounted) = (dir.join("volume.img"), dir.join("volume"));
        std::fs::create_dir_all(&mounted).expect("a folder");
        std::fs::File::create(&image).and_then(|file| file.set_len(mib << 20)).expect("a sparse file");
        let run = |program: &str, args: &[&std::ffi::OsStr]| {
            let done = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
            assert!(done.status.success(), "{program}: {}", String::from_utf8_lossy(&done.stderr));
        };
        run("mkfs.ext4", &["-q".as_ref(), "-m".as_ref(), "0".as_ref(), image.as_os_str()]);
        run("mount", &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), mounted.as_os_str()]);
        Self(mounted)
    }

    fn free_mib(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.0).expect("a mounted volume");
        (stat.f_bavail * stat.f_frsize) >> 20
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// Resident memory over time, in KiB.
#[derive(Default)]
struct Memory(Vec<u64>);

impl Memory {
    fn look(&mut self, pid: u32) {
        let text = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        if let Some(kib) = line.and_then(|l| l.trim().strip_suffix(" kB")).and_then(|n| n.trim().parse().ok()) {
            self.0.push(kib);
        }
    }

    /// Of the samples after warm-up: the middle one of the first quarter, of the last, and the growth between them in
    /// thousandths.
    fn growth(&self, warm_up: f64) -> (u64, u64, i64) {
        let skip = (self.0.len() as f64 * warm_up) as usize;
        let settled = self.0.get(skip..).unwrap_or_default();
        let quarter = (settled.len() / 4).max(1);
        let middle = |samples: &[u64]| {
            let mut samples = samples.to_vec();
            samples.sort_unstable();
            samples.get(samples.len() / 2).copied().unwrap_or(0)
        };
        let (first, last) = (middle(&settled[..quarter]), middle(&settled[settled.len() - quarter..]));
        let growth = (last as i64 - first as i64) * 1_000 / (first as i64).max(1);
        (first, last, growth)
    }
}

fn seconds() -> u64 {
    let asked = std::env::var("FARWATCH_SOAK_S").ok().and_then(|seconds| seconds.parse().ok());
    asked.unwrap_or(if std::env::var_os("FARWATCH_LONG").is_some() { 3_600 } else { 90 })
}

/// What happens to the cameras, once in every round of so many seconds.
const WEATHER: [(u64, &str); 8] = [
    (20, "kill light3"),
    (25, "hang light5"),
    (33, "resume light5"),
    (35, "drop 30 light7"),
    (40, "drop 0 light7"),
    (45, "jump -90000 light9"),
    (50, "quirk marker-on-sei light11"),
    (60, "straight all light11"),
];

// CAP-01, CAP-03, RET-01, RET-05, EVD-01
#[tokio::test]
async fn an_hour_of_sixteen_cameras_is_accounted_for_and_memory_stays_flat() {
    let seconds = seconds();
    let long = seconds >= SETTLED_S;
    let keep = tempfile::tempdir().expect("a temporary directory");
    // The rest is kept free: 512 MiB by the policy's default.
    let volume = Volume::make(keep.path(), if long { 4_096 } else { 640 });
    let hub = Hub::start().await;
    let person = Person::set_up(&hub).await;
    let credentials = Some((USER.to_owned(), CAMERA_PASSWORD.to_owned()));
    let setup = CameraSetup { mounts: 0, light: CAMERAS, credentials, ..CameraSetup::default() };
    let eye = TestCamera::start(setup).expect("a test camera");
    let mut agent = Agent::enrol(&hub, "Sixteen gates", &volume.0.join("agent")).await;
    if !long {
        agent.configure("segment_seconds = 10\n");
    }
    agent.run();
    let mut books = Books::open(&agent.dir, eye.journal_file());
    let password = hub.dir.join("camera-password");
    std::fs::write(&password, CAMERA_PASSWORD).expect("a password file can be written");
    let password = password.to_str().expect("a plain path");
    let mut cameras = Vec::new();
    for n in 0..CAMERAS {
        let (name, url) = (format!("Gate {n}"), eye.url(&format!("light{n}")));
        let args = ["camera", "add", "--agent", &agent.id, "--name", &name, "--url", &url, "--floor-days", "0"];
        let made = hub.command(&[&args[..], &["--user", USER, "--password-file", password]].concat(), None).await;
        let camera = made["camera"].as_str().expect("camera add gives an id").to_owned();
        books.follow(&camera, &format!("light{n}"));
        cameras.push(camera);
    }
    let recorder = agent.recorder_pid().await;
    let (mut of_recorder, mut of_agent) = (Memory::default(), Memory::default());
    let (mut least_free, mut last_round) = (u64::MAX, (0, 0));
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(seconds) {
        tokio::time::sleep(LOOK_EVERY).await;
        books.read();
        of_recorder.look(recorder);
        of_agent.look(agent.pid());
        least_free = least_free.min(volume.free_mib());
        // Weather comes every five minutes, and once in a short run.
        let elapsed = begun.elapsed().as_secs();
        let (round, within) = (elapsed / 300, elapsed % 300);
        if round > last_round.0 {
            last_round = (round, 0);
        }
        for (_, line) in WEATHER.iter().filter(|(at, _)| (last_round.1..within).contains(at)) {
            eye.control(line).expect("the camera obeys");
        }
        last_round.1 = within;
    }
    until("every camera recording", Duration::from_secs(30), || async {
        let (_, fleet) = person.call(reqwest::Method::GET, &format!("/agents/{}", agent.id), None).await;
        let all = fleet["cameras"].as_array().cloned().unwrap_or_default();
        let recording = all.iter().filter(|c| c["state"] == "recording" || c["summary"]["state"] == "recording");
        (recording.count() == usize::from(CAMERAS)).then_some(())
    })
    .await;
    assert_eq!(agent.recorder_pid().await, recorder, "one recorder all the time");
    books.read();
    let vault = Vault::new(volume.0.join("agent/vault"));
    proofs::at_the_hub(&person, &cameras, proofs::deleted(&books, &vault)).await;
    agent.stop().await;
    signal(recorder, rustix::process::Signal::TERM);
    until("the recorder's end", Duration::from_secs(20), || async {
        recorder_pids(&agent.dir).is_empty().then_some(())
    })
    .await;
    books.read();
    let kept = vault.scan().expect("the vault can be walked");
    let (mut sent, mut recorded, mut segments, mut missing_ms) = (0, 0, 0, 0);
    for account in books.accounts() {
        let verdict = account.settle();
        sent += verdict.sent;
        recorded += verdict.recorded;
        segments += verdict.segments;
        missing_ms += verdict.missing_ms;
        assert!(verdict.recorded as u64 * 10 > seconds * 20 * 8, "{}: {verdict:?}", account.mount);
    }
    println!("{seconds} s of {CAMERAS} cameras: {sent} frames sent, {recorded} recorded, {missing_ms} ms in gaps");
    println!("{segments} segments made, {} kept, at least {least_free} MiB free", kept.len());
    assert!(kept.len() < segments, "retention took something: {} of {segments} are kept", kept.len());
    assert!(least_free > 400, "retention kept room: {least_free} MiB");
    let grown = [("recorder", of_recorder), ("agent", of_agent)].map(|(name, memory)| {
        let (first, last, growth) = memory.growth(if long { 0.2 } else { 0.5 });
        println!("{name}: {first} KiB after warm-up, {last} KiB at the end, {growth} thousandths more");
        (name, first, last, growth)
    });
    for (name, first, last, growth) in grown {
        let most = if long { MOST_GROWTH } else { MOST_GROWTH_WARMING };
        assert!(growth < most, "{name} grew by {growth} thousandths, from {first} to {last} KiB");
    }
    proofs::hold(&hub, &agent, proofs::deleted(&books, &vault)).await;
}
