//! A person asks for footage and gets the bytes that were recorded, or a refusal with its reason.

use farwatch_shared::digest::Digest;
use farwatch_tests::frames;
use farwatch_tests::site::{Site, range_before_now};
use reqwest::{Method, StatusCode};
use serde_json::json;

// ACC-02, ACC-03, EVD-01
#[tokio::test]
async fn a_pull_brings_every_frame_of_the_range_as_recorded() {
    let site = Site::start("cam0").await;
    let begun = farwatch_tests::raw::now().0;
    site.recorded_past(&site.camera, begun + 23_000).await;
    let (start, end) = (begun + 2_000, begun + 22_000);
    let pull = site.pull(&site.camera, start, end, "original").await;
    assert_eq!(pull["state"], "sealed", "{pull}\n{}", site.agent.log());

    let (clip, files) = site.fetch(pull["id"].as_str().expect("an id")).await;
    assert_eq!(clip["segments"][0]["derived"], false);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut counters = Vec::new();
    for (name, bytes) in &files {
        let file = dir.path().join(name);
        std::fs::write(&file, bytes).expect("written");
        let decoded = frames::decode(&file).expect("it decodes");
        assert!(decoded.complaints.is_empty(), "{name}: {:?}", decoded.complaints);
        counters.extend(decoded.frames.iter().map(|f| f.counter.expect("a readable counter")));
    }
    assert!(counters.len() >= 400, "20 s at 20 fps: {}", counters.len());
    for pair in counters.windows(2) {
        assert_eq!((pair[0] + 1) % 1200, pair[1], "no frame lost or doubled");
    }

    // The bytes are the vault's bytes: head and fragments as they lie on the box's disk.
    for (segment, (_, bytes)) in clip["segments"].as_array().expect("segments").iter().zip(&files) {
        let short = segment["short"].as_str().expect("a name");
        let (run, sequence) = short.rsplit_once('-').expect("run-sequence");
        let path =
            site.agent.dir.join("vault").join(&site.camera).join("main").join(run).join(format!("{sequence}.mp4"));
        let whole = std::fs::read(&path).expect("the segment lies in the vault");
        let tail = &bytes[bytes.len().saturating_sub(1000)..];
        assert!(whole.windows(tail.len()).any(|w| w == tail), "{short}: {}", Digest::of(bytes));
    }
}

// ACC-02
#[tokio::test]
async fn without_a_reason_nothing_moves() {
    let site = Site::start("small").await;
    let (start_ms, end_ms) = range_before_now(1_000, 2_000);
    let path = format!("/cameras/{}/pulls", site.camera);
    for reason in [json!(""), json!("   "), json!(null)] {
        let ask = json!({"start_ms": start_ms, "end_ms": end_ms, "reason": reason, "stream": "main", "rendition": "original"});
        let (status, answer) = site.person.call(Method::POST, &path, Some(&ask)).await;
        assert!(status.is_client_error(), "{status} {answer}");
    }
    let ask = json!({"start_ms": end_ms, "end_ms": start_ms, "reason": "x", "stream": "main", "rendition": "original"});
    let (status, _) = site.person.call(Method::POST, &path, Some(&ask)).await;
    assert!(status.is_client_error(), "a reversed range: {status}");
    let pulls = site.person.get("/pulls").await;
    let list = pulls.as_array().or_else(|| pulls["pulls"].as_array()).expect("a list");
    assert!(list.is_empty(), "{pulls}");
}

#[tokio::test]
async fn footage_that_was_never_recorded_is_refused_with_its_reason() {
    let site = Site::start("small").await;
    let (start, end) = range_before_now(3_600_000, 10_000);
    let pull = site.pull(&site.camera, start, end, "original").await;
    assert_eq!(
        (pull["state"].as_str(), pull["refusal"]["code"].as_str()),
        (Some("refused"), Some("no_footage")),
        "{pull}"
    );
}

// The agent's ledger names the access although the hub was killed while it was under way (ACC-03).
#[tokio::test]
async fn an_upload_goes_on_where_it_stopped_when_the_hub_was_killed() {
    let mut site = Site::start("cam0").await;
    let begun = farwatch_tests::raw::now().0;
    site.recorded_past(&site.camera, begun + 12_000).await;
    let ask = json!({"start_ms": begun + 1_000, "end_ms": begun + 11_000, "reason": "till dispute", "stream": "main", "rendition": "original"});
    let pull = site.person.post(&format!("/cameras/{}/pulls", site.camera), &ask).await;
    site.hub.kill().await;
    site.hub.run().await;
    let ended = site.ended(pull["id"].as_str().expect("an id")).await;
    assert_eq!(ended["state"], "sealed", "{ended}\n{}", site.agent.log());
}

#[tokio::test]
async fn every_look_is_in_the_journal_before_its_first_byte() {
    let site = Site::start("small").await;
    let begun = farwatch_tests::raw::now().0;
    site.recorded_past(&site.camera, begun + 6_000).await;
    let pull = site.pull(&site.camera, begun + 1_000, begun + 5_000, "original").await;
    let id = pull["id"].as_str().expect("an id").to_owned();
    let (status, _) = site.person.call(Method::POST, &format!("/pulls/{id}/views"), Some(&json!({"reason": ""}))).await;
    assert!(status.is_client_error(), "no reason, no view: {status}");
    site.fetch(&id).await;
    let journal = site.person.get("/journal?limit=200").await;
    let text = journal["entries"].to_string();
    assert!(text.contains("till dispute"), "the reason is journaled: {text}");
    let (status, _) = site.person.call(Method::GET, &format!("/views/{id}/clip"), None).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "a pull is not a view");
}
