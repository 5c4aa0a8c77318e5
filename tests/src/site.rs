//! A whole house: hub, administrator, agent, test camera, recording.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use crate::agent::Agent;
use crate::camera::{CameraSetup, TestCamera};
use crate::hub::Hub;
use crate::person::Person;
use crate::raw::now;
use crate::wait::until;

/// Everything running, one camera recording.
pub struct Site {
    pub hub: Hub,
    pub person: Person,
    pub agent: Agent,
    pub eye: TestCamera,
    /// The first camera.
    pub camera: String,
}

/// The credential the test camera asks for.
pub const USER: &str = "viewer";
pub const CAMERA_PASSWORD: &str = "lens cap off";

impl Site {
    /// Starts a house with one camera on a mount, and waits until it records.
    pub async fn start(mount: &str) -> Self {
        Self::start_with(mount, "").await
    }

    /// As [`Self::start`], with lines of agent.toml.
    pub async fn start_with(mount: &str, settings: &str) -> Self {
        let hub = Hub::start().await;
        let person = Person::set_up(&hub).await;
        let credentials = Some((USER.to_owned(), CAMERA_PASSWORD.to_owned()));
        let eye =
            TestCamera::start(CameraSetup { mounts: 4, credentials, ..CameraSetup::default() }).expect("a test camera");
        let mut agent = Agent::start(&hub, "Mei Hua Mall").await;
        if !settings.is_empty() {
            // Told to stop before it listens for that, it would end without an order.
            until("the agent running", Duration::from_secs(20), || async {
                agent.status().await.filter(|status| status["running"] == true)
            })
            .await;
            agent.stop().await;
            agent.configure(settings);
            agent.run();
        }
        let camera = add_camera(&hub, &agent.id, "Gate 4", &eye.url(mount), None).await;
        let site = Self { hub, person, agent, eye, camera };
        site.recording(&site.camera).await;
        site
    }

    /// Adds another mount of the test camera.
    pub async fn add(&self, name: &str, mount: &str, sub: Option<&str>) -> String {
        let sub = sub.map(|mount| self.eye.url(mount));
        add_camera(&self.hub, &self.agent.id, name, &self.eye.url(mount), sub.as_deref()).await
    }

    /// Waits until the hub says that a camera records.
    pub async fn recording(&self, camera: &str) -> Value {
        let path = format!("/cameras/{camera}");
        until("the camera recording", Duration::from_secs(40), || async {
            let (_, answer) = self.person.call(Method::GET, &path, None).await;
            let now = &answer["summary"];
            (now["state"] == "recording" && now["last_committed_ms"].as_i64().is_some()).then(|| now.clone())
        })
        .await
    }

    /// Waits until this camera has committed footage past an instant.
    pub async fn recorded_past(&self, camera: &str, wall_ms: i64) {
        let path = format!("/cameras/{camera}");
        until("footage of the wanted time", Duration::from_secs(120), || async {
            let (_, answer) = self.person.call(Method::GET, &path, None).await;
            answer["summary"]["last_committed_ms"].as_i64().filter(|at| *at >= wall_ms)
        })
        .await;
    }

    /// Asks for footage and waits until it is sealed or failed.
    pub async fn pull(&self, camera: &str, start_ms: i64, end_ms: i64, rendition: &str) -> Value {
        let ask = json!({"start_ms": start_ms, "end_ms": end_ms, "reason": "till dispute", "stream": "main", "rendition": rendition});
        let pull = self.person.post(&format!("/cameras/{camera}/pulls"), &ask).await;
        self.ended(pull["id"].as_str().expect("a pull has an id")).await
    }

    /// Waits until a pull has come to its end.
    pub async fn ended(&self, pull: &str) -> Value {
        let path = format!("/pulls/{pull}");
        until("the pull's end", Duration::from_secs(120), || async {
            let (_, answer) = self.person.call(Method::GET, &path, None).await;
            let state = answer["state"].as_str()?;
            ["sealed", "refused", "failed", "expired"].contains(&state).then_some(answer.clone())
        })
        .await
    }

    /// Opens a pull for viewing and gives `(segment file name, bytes)` of every segment, and the clip's description.
    pub async fn fetch(&self, pull: &str) -> (Value, Vec<(String, Vec<u8>)>) {
        let view = self.person.post(&format!("/pulls/{pull}/views"), &json!({"reason": "till dispute"})).await;
        let view = view["view"].as_str().expect("a view id").to_owned();
        let clip = self.person.get(&format!("/views/{view}/clip")).await;
        let mut files = Vec::new();
        for segment in clip["segments"].as_array().expect("segments") {
            let bytes = self.person.bytes(&format!("/views/{view}/segments/{}", segment["n"])).await;
            files.push((format!("{}.mp4", segment["short"].as_str().unwrap_or("segment")), bytes));
        }
        (clip, files)
    }
}

/// Adds a camera through the command line, the password by file.
pub async fn add_camera(hub: &Hub, agent: &str, name: &str, url: &str, sub: Option<&str>) -> String {
    let file = hub.dir.join("camera-password");
    std::fs::write(&file, CAMERA_PASSWORD).expect("a password file can be written");
    let file = file.to_str().expect("a plain path").to_owned();
    let mut args =
        vec!["camera", "add", "--agent", agent, "--name", name, "--url", url, "--user", USER, "--password-file", &file];
    if let Some(sub) = sub {
        args.extend(["--sub-url", sub]);
    }
    let made = hub.command(&args, None).await;
    made["camera"].as_str().expect("camera add gives an id").to_owned()
}

/// A range that ends `ago_ms` before now.
#[must_use]
pub fn range_before_now(ago_ms: i64, len_ms: i64) -> (i64, i64) {
    let end = now().0 - ago_ms;
    (end - len_ms, end)
}
