//! A site for bad weather: a box with a disk of its own, three cameras behind a link of their own, a hub behind another.

use std::path::{Path, PathBuf};
use std::time::Duration;

use farwatch_shared::time::Clock;
use farwatch_tests::agent::{Agent, recorder_pids};
use farwatch_tests::books::Books;
use farwatch_tests::camera::{CameraSetup, TestCamera};
use farwatch_tests::child::signal;
use farwatch_tests::disk::Disk;
use farwatch_tests::hub::Hub;
use farwatch_tests::netns::{CameraLink, Namespace};
use farwatch_tests::person::Person;
use farwatch_tests::shim::Shim;
use farwatch_tests::site::{CAMERA_PASSWORD, USER};
use farwatch_tests::wait::until;
use rustix::process::Signal;

/// The mounts that are recorded.
pub const MOUNTS: [&str; 3] = ["small0", "small1", "small2"];
/// Files are short, so that one ends within a fault; little waits for a slow disk, so that it overflows within one.
const SETTINGS: &str = "segment_seconds = 10\nbuffer_mib = 2\n";

pub struct House {
    pub agent: Agent,
    pub books: Books,
    pub eye: TestCamera,
    pub person: Person,
    pub shim: Shim,
    pub link: CameraLink,
    /// Camera ids, in the order of [`MOUNTS`].
    pub cameras: Vec<String>,
    pub disk: Disk,
    space: Namespace,
    _hub: Hub,
    _keep: tempfile::TempDir,
}

/// Boot time now.
pub fn boot_ns() -> i64 {
    Clock::real().boot().0
}

impl House {
    /// Builds it and waits until every camera records.
    pub async fn build() -> Self {
        let keep = tempfile::tempdir().expect("a temporary directory");
        let space = Namespace::new(2);
        let link = space.camera_link(2);
        let mut hub = Hub::make(&keep.path().join("hub"), &space.host_ip, &[&space.host_ip]).await;
        hub.run().await;
        let person = Person::set_up(&hub).await;
        let eye = TestCamera::start(CameraSetup {
            mounts: 3,
            credentials: Some((USER.to_owned(), CAMERA_PASSWORD.to_owned())),
            listen: format!("{}:0", link.host_ip).parse().expect("an address"),
            ..CameraSetup::default()
        })
        .expect("a test camera");
        let disk = Disk::make(&keep.path().join("disk.img"), &keep.path().join("disk"), 6 << 10, 3_000);
        let dir = disk.mounted.join("agent");
        let agent = Agent::enrol_with(&hub, "Harbour", &dir, |command| space.inside(&command)).await;
        agent.configure(SETTINGS);
        // What a program says does not wait for the disk it is about.
        std::os::unix::fs::symlink(keep.path().join("agent.log"), dir.join("test.log")).expect("a link");
        let shim = Shim::make(&keep.path().join("shim"));
        let books = Books::open(&dir, eye.journal_file());
        let mut house =
            Self { agent, books, eye, person, shim, link, cameras: Vec::new(), disk, space, _hub: hub, _keep: keep };
        house.start_agent();
        for mount in MOUNTS {
            let camera = add_camera(&house._hub, &house.agent.id, mount, &house.eye.url(mount)).await;
            house.books.follow(&camera, mount);
            house.cameras.push(camera);
        }
        house.recorded_past(boot_ns() + 2_000_000_000).await;
        house
    }

    pub fn start_agent(&mut self) {
        let (space, shim) = (&self.space, &self.shim);
        self.agent.run_with(|mut command| {
            shim.preload(&mut command);
            space.inside(&command)
        });
    }

    /// `kill -9` of agent, recorder and workers.
    pub async fn kill_box(&mut self) {
        self.agent.kill().await;
        until("the box's programs gone", Duration::from_secs(10), || {
            let pids = recorder_pids(&self.agent.dir);
            pids.iter().for_each(|pid| signal(*pid, Signal::KILL));
            std::future::ready(pids.is_empty().then_some(()))
        })
        .await;
    }

    /// Waits until every camera's newest file was written to after that boot time: recording goes on.
    pub async fn recorded_past(&self, boot: i64) {
        let past_ms = farwatch_tests::raw::now().0 + (boot - boot_ns()) / 1_000_000;
        for camera in &self.cameras {
            until("every camera recording", Duration::from_secs(120), || {
                let newest = last_write_ms(&self.agent.dir.join("vault").join(camera));
                std::future::ready(newest.filter(|at| *at > past_ms))
            })
            .await;
        }
    }
}

/// When anything under a directory was last written to, by the machine's own wall clock.
pub fn last_write_ms(dir: &Path) -> Option<i64> {
    let mut newest = None;
    let mut folders: Vec<PathBuf> = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.is_dir() {
                folders.push(entry.path());
            } else {
                newest = newest.max(metadata.modified().ok());
            }
        }
    }
    i64::try_from(newest?.duration_since(std::time::UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// Adds a camera whose footage may go as soon as the room is needed: a small disk keeps no thirty days.
pub async fn add_camera(hub: &Hub, agent: &str, name: &str, url: &str) -> String {
    let file = hub.dir.join("camera-password");
    std::fs::write(&file, CAMERA_PASSWORD).expect("a password file can be written");
    let file = file.to_str().expect("a plain path");
    let args = [
        "camera",
        "add",
        "--agent",
        agent,
        "--name",
        name,
        "--url",
        url,
        "--user",
        USER,
        "--password-file",
        file,
        "--floor-days",
        "0",
    ];
    let made = hub.command(&args, None).await;
    made["camera"].as_str().expect("camera add gives an id").to_owned()
}
