//! A camera recorded around events: what a trigger at the box leaves behind, by the numbers burnt into the pictures.

use std::path::{Path, PathBuf};
use std::time::Duration;

use farwatch_tests::bins::bin;
use farwatch_tests::child::output;
use farwatch_tests::frames;
use farwatch_tests::raw::now;
use farwatch_tests::site::Site;
use farwatch_tests::truth::FrameIndex;
use farwatch_tests::wait::until;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

const PRE_MS: i64 = 5_000;
const POST_MS: i64 = 6_000;
const PULSE_MS: i64 = 3_000;
/// The test camera's GOP.
const GOP_MS: i64 = 2_000;

async fn set(site: &Site, recording: Value) {
    let path = format!("/cameras/{}", site.camera);
    let (status, answer) = site.person.call(Method::PATCH, &path, Some(&json!({ "recording": recording }))).await;
    assert!(status.is_success(), "{status} {answer}");
}

/// Waits until the camera has been in a state for so long, by the hub's word.
async fn has_been(site: &Site, state: &str, ms: i64) {
    let path = format!("/cameras/{}", site.camera);
    until(&format!("{state} for {ms} ms"), Duration::from_secs(60), || async {
        let (_, camera) = site.person.call(Method::GET, &path, None).await;
        let summary = &camera["summary"];
        let since = summary["since_ms"].as_i64()?;
        (summary["state"] == state && now().0 - since >= ms).then_some(())
    })
    .await;
}

/// The generation the box has applied, by its own word.
async fn generation(site: &Site) -> u64 {
    site.agent.status().await.and_then(|status| status["generation"].as_u64()).unwrap_or(0)
}

/// Every segment of the camera in the vault, oldest first.
fn segments(site: &Site) -> Vec<PathBuf> {
    let stream = site.agent.dir.join("vault").join(&site.camera).join("main");
    let list = |dir: &Path| -> Vec<PathBuf> {
        let mut found: Vec<_> = std::fs::read_dir(dir).into_iter().flatten().flatten().map(|e| e.path()).collect();
        found.sort();
        found
    };
    list(&stream).iter().flat_map(|run| list(run)).collect()
}

async fn trigger(site: &Site, detail: &str) {
    let mut command = Command::new(bin("farwatch-agent"));
    command.arg("--dir").arg(&site.agent.dir);
    command.args(["trigger", "--camera", &site.camera, "--kind", "input", "--pulse", "3s", "--detail", detail]);
    assert!(output(&mut command, None).await.contains("Taken"));
}

// CAP-02, CAP-04
#[tokio::test]
async fn a_trigger_at_the_box_leaves_a_clip_with_what_came_before_and_after() {
    let site = Site::start("cam0").await;
    let event = json!({"mode": "event", "pre_s": PRE_MS / 1_000, "post_s": POST_MS / 1_000, "triggers": ["input"]});
    set(&site, event).await;
    has_been(&site, "watching", PRE_MS + 2 * GOP_MS + 2_000).await;
    let before = segments(&site);

    let began = now().0;
    trigger(&site, "back door").await;
    let took = now().0 - began;
    has_been(&site, "recording", 0).await;
    has_been(&site, "watching", 0).await;
    let clip: Vec<PathBuf> = segments(&site).into_iter().filter(|path| !before.contains(path)).collect();
    assert!(!clip.is_empty(), "{}", site.agent.log());
    let decoded = frames::decode_all(&clip).expect("the clip decodes");
    assert!(decoded.complaints.is_empty(), "{:?}", decoded.complaints);
    let counted = frames::count(&decoded);
    assert!(counted.is_unbroken(), "{counted:?}");
    let at = |counter: Option<u16>| -> i64 {
        let near = u64::try_from(began).expect("after 1970");
        FrameIndex::nearest(counter.expect("a counter"), near).wall_ms().try_into().expect("a time")
    };
    let (first, last) = (at(counted.first) - began, at(counted.last) - began);
    // The recorder had the trigger at some instant of the call.
    let from = -PRE_MS - GOP_MS - 500..=took - PRE_MS;
    assert!(from.contains(&first), "the clip begins {first} ms from the trigger, not within {from:?}");
    let due = PULSE_MS + POST_MS;
    let to = due - 200..=took + due + GOP_MS + 500;
    assert!(to.contains(&last), "the clip ends {last} ms from the trigger, not within {to:?}");

    let path = format!("/cameras/{}/timeline?from_ms={}&to_ms={}&stream=main", site.camera, began - 60_000, now().0);
    let timeline = until("the event and the idle time at the hub", Duration::from_secs(30), || async {
        let (_, timeline) = site.person.call(Method::GET, &path, None).await;
        let events = timeline["events"].as_array()?;
        let input = events.iter().any(|e| e["trigger"] == "input" && e["detail"] == "back door");
        let idle = timeline["gaps"].as_array()?.iter().any(|gap| gap["cause"] == "schedule");
        (input && idle).then_some(timeline)
    })
    .await;
    let wrong = timeline["gaps"].as_array().expect("gaps").iter().find(|gap| gap["cause"] != "schedule");
    assert!(wrong.is_none(), "nothing was missed: {timeline}");

    // Only looked at: the camera plays, and nothing more is kept, triggered or not.
    let before = generation(&site).await;
    set(&site, json!({"mode": "live_only", "reason": "staff room"})).await;
    until("live only in force", Duration::from_secs(20), || async { (generation(&site).await > before).then_some(()) })
        .await;
    let kept = segments(&site);
    trigger(&site, "again").await;
    has_been(&site, "watching", PULSE_MS).await;
    assert_eq!(segments(&site), kept);
}
