//! A power cut of the hub's disk: what it had acknowledged is there afterwards.
//!
//! The cut is made as `findings` describe it for this kernel: the hub is frozen, its block image is copied, and the copy is
//! mounted, so everything that was not yet on the device is gone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use farwatch_shared::id::{CameraId, OutboxEpoch, StreamName};
use farwatch_shared::time::{DAY_MS, WallMs};
use farwatch_shared::topic::{Down, Topic, Up};
use farwatch_shared::wire::latest::{Fact, FactBatch, FactBody, FactClass, GapCause, GapFact, Received};
use farwatch_tests::bins::rounds;
use farwatch_tests::child::signal;
use farwatch_tests::hub::Hub;
use farwatch_tests::person::Person;
use farwatch_tests::raw::{RawBox, now};
use rustix::process::Signal;
use serde_json::json;

/// An ext4 file system in a file, mounted.
struct Disk {
    image: PathBuf,
    mounted: PathBuf,
}

fn run(program: &str, args: &[&std::ffi::OsStr]) {
    let done = Command::new(program).args(args).output().unwrap_or_else(|e| panic!("{program}: {e}"));
    assert!(done.status.success(), "{program} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

impl Disk {
    fn make(image: PathBuf, mounted: PathBuf) -> Self {
        let file = std::fs::File::create(&image).expect("an image file");
        file.set_len(512 << 20).expect("a sparse file");
        run("mkfs.ext4", &["-q".as_ref(), image.as_os_str()]);
        Self::mount(image, mounted)
    }

    fn mount(image: PathBuf, mounted: PathBuf) -> Self {
        std::fs::create_dir_all(&mounted).expect("a folder");
        run("mount", &["-o".as_ref(), "loop".as_ref(), image.as_os_str(), mounted.as_os_str()]);
        Self { image, mounted }
    }

    /// What is on the device at this instant, as a file system of its own.
    fn after_power_cut(&self, to: &Path, name: &str) -> Self {
        let image = to.join(format!("{name}.img"));
        run("cp", &["--sparse=always".as_ref(), self.image.as_os_str(), image.as_os_str()]);
        Self::mount(image, to.join(name))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.mounted).output();
        let _ = std::fs::remove_file(&self.image);
    }
}

fn gap(number: u64, camera: CameraId) -> Fact {
    // Within the stretch the people's door shows at once.
    let start = WallMs(now().0 / DAY_MS * DAY_MS - DAY_MS + i64::try_from(number).unwrap_or(0) * 10_000);
    Fact {
        number,
        at_ms: now(),
        origin: format!("power/test/{number}"),
        body: FactBody::Gap(GapFact {
            camera,
            stream: StreamName::Main,
            start_ms: start,
            end_ms: start.plus_ms(5_000),
            cause: GapCause::Camera,
            detail: None,
        }),
    }
}

#[tokio::test]
async fn a_power_cut_of_the_hub_loses_nothing_it_acknowledged() {
    for round in 0..rounds(1, 10) {
        let keep = tempfile::tempdir().expect("a temporary directory");
        let disk = Disk::make(keep.path().join("hub.img"), keep.path().join("disk"));
        let mut hub = Hub::make(&disk.mounted.join("hub"), "127.0.0.1", &["127.0.0.1"]).await;
        hub.run().await;
        let person = Person::set_up(&hub).await;
        let raw = RawBox::enrol(&hub, "Depot").await;
        let camera = person
            .post(
                &format!("/agents/{}/cameras", raw.id),
                &json!({"name": "Gate", "url": "rtsp://192.0.2.1/x", "source": "auto", "recording": {"mode": "continuous"}, "floor_days": 30}),
            )
            .await;
        let camera: CameraId = camera["summary"]["id"].as_str().expect("an id").parse().expect("a camera id");
        let mut session = raw.connect().await;
        session.greet(&raw, &raw.presence(1)).await.expect("let in");

        let epoch = OutboxEpoch::generate();
        let (mut sent, mut acknowledged) = (0, 0);
        let stop_after = 20 + u64::from(farwatch_shared::keys::random32().expect("randomness")[0]) / 2;
        let received = Topic::Down(raw.id, Down::Received).to_string();
        while acknowledged < stop_after {
            sent += 1;
            let batch = FactBatch { epoch, class: FactClass::Gap, facts: vec![gap(sent, camera)] };
            session.publish(&raw.up(Up::Fact), serde_json::to_vec(&batch).expect("JSON")).await.expect("accepted");
            while acknowledged < sent {
                let body = session.message(&received, Duration::from_secs(10)).await.expect("dn/received follows");
                let said: Received = serde_json::from_slice(&body).expect("a received message");
                if said.epoch == epoch {
                    acknowledged = acknowledged.max(said.through.get(&FactClass::Gap).copied().unwrap_or(0));
                }
            }
        }
        let site = person.post("/sites", &json!({"name": "Acknowledged", "time_zone": "Asia/Shanghai"})).await;

        signal(hub.pid(), Signal::STOP);
        let survived = disk.after_power_cut(keep.path(), "after");
        hub.kill().await;
        let mut again = Hub::at(&survived.mounted.join("hub"));
        again.run().await;
        let person = Person::sign_in(&again).await;
        let (from, to) = (now().0 - 3 * DAY_MS, now().0 + DAY_MS);
        let path = format!("/cameras/{camera}/timeline?from_ms={from}&to_ms={to}&stream=main");
        let timeline = person.get(&path).await;
        let there = timeline["gaps"].as_array().expect("gaps").len() as u64;
        println!("round {round}: {acknowledged} facts acknowledged before the cut, {there} there after it");
        assert!(there >= acknowledged, "{there} of {acknowledged}");
        person.get(&format!("/sites/{}", site["id"].as_str().expect("an id"))).await;
        let journal = person.get("/journal?limit=100").await;
        assert!(
            journal["entries"].to_string().contains("Acknowledged") || journal["size"].as_u64() > Some(0),
            "{journal}"
        );
        again.stop().await;
    }
}
