//! What a box kept and can prove, as the hub tells of it.

use std::time::Duration;

use farwatch_shared::evidence::Checkpoint;
use farwatch_shared::keys::VerifyKey;
use farwatch_shared::seal::Signed;
use farwatch_tests::raw::now;
use farwatch_tests::site::Site;
use farwatch_tests::wait::until;
use reqwest::Method;
use serde_json::{Value, json};

// EVD-01, RET-05
#[tokio::test]
async fn a_stop_leaves_a_checkpoint_an_auditor_can_check_and_a_running_day() {
    let mut site = Site::start("cam0").await;
    site.recorded_past(&site.camera, now().0 + 3_000).await;
    // Switched off, its open file is closed: a chain head the next checkpoint names.
    let path = format!("/cameras/{}", site.camera);
    let (status, answer) = site.person.call(Method::PATCH, &path, Some(&json!({"recording": {"mode": "off"}}))).await;
    assert_eq!(status, 200, "{answer}");
    until("recording off", Duration::from_secs(60), || async {
        (site.person.get(&path).await["summary"]["state"] == "disabled").then_some(())
    })
    .await;
    site.agent.stop().await;
    site.agent.run();
    let agent = site.agent.id.clone();
    let chains = until("a checkpoint at the hub", Duration::from_secs(60), || async {
        let chains = site.person.get(&format!("/agents/{agent}/checkpoints")).await;
        (!chains["newest"].is_null()).then_some(chains)
    })
    .await;
    assert_eq!(chains["refused"], json!([]), "nothing of an honest box is refused");
    let key = site.person.get(&format!("/agents/{agent}")).await["signing_key"].as_str().expect("a key").to_owned();
    let key_text = key.clone();
    let envelope: Signed<Checkpoint> =
        serde_json::from_value(chains["newest"]["envelope"].clone()).expect("an envelope");
    let checkpoint = envelope.verify(&VerifyKey::try_from(key).expect("a public key")).expect("the box signed it");
    assert!(checkpoint.heads.iter().any(|head| head.camera.to_string() == site.camera), "{checkpoint:?}");
    let out = site.hub.dir.join("exported");
    let said =
        site.hub.command(&["evidence", "export", "--agent", &agent, "--out", out.to_str().expect("plain")], None).await;
    assert!(said["documents"].as_u64() >= Some(2), "the newest checkpoint and the day's first: {said}");
    let exported = std::fs::read_to_string(out.join("checkpoint.json")).expect("the newest checkpoint");
    assert_eq!(serde_json::from_str::<Value>(&exported).expect("JSON"), chains["newest"]["envelope"]);
    assert!(std::fs::read_to_string(out.join("box.pem")).expect("a key").contains(&key_text), "the box's key");
    let today = until("footage in the calendar", Duration::from_secs(60), || async {
        let calendar = site.person.get(&format!("/cameras/{}/coverage", site.camera)).await;
        let today = calendar["days"].as_array().and_then(|days| days.last().cloned()).expect("today");
        (today["recorded_ms"].as_u64() > Some(0)).then_some(today)
    })
    .await;
    assert_eq!(today["state"], "running", "{today}");
    let missing: u64 = today["gaps"].as_array().into_iter().flatten().filter_map(|gap| gap["ms"].as_u64()).sum();
    let sum = today["recorded_ms"].as_u64().unwrap_or(0) + today["damaged_ms"].as_u64().unwrap_or(0) + missing;
    assert_eq!(today["expected_ms"].as_u64(), Some(sum), "{today}");
}

// RET-02
#[tokio::test]
async fn a_floor_the_disk_cannot_keep_is_refused_with_the_bytes_missing_wherever_it_is_asked() {
    let site = Site::start("cam0").await;
    let path = format!("/cameras/{}", site.camera);
    let ask = json!({"agent": site.agent.id, "cameras": [{"camera": site.camera, "floor_days": 3650}]});
    let verdict = until("a measured rate", Duration::from_secs(90), || async {
        let verdict = site.person.post("/cameras/retention-check", &ask).await;
        (verdict["needed_bytes"].as_u64() > Some(0)).then_some(verdict)
    })
    .await;
    assert_eq!(verdict["fits"], false, "ten years on a disk of this machine: {verdict}");
    let before = site.person.get(&path).await["summary"]["floor_days"].clone();
    let (status, refused) = site.person.call(Method::PATCH, &path, Some(&json!({"floor_days": 3650}))).await;
    assert_eq!(status, 422, "{refused}");
    assert_eq!(refused["error"]["code"], "policy_too_large");
    assert!(refused["error"]["missing_bytes"].as_u64() > Some(0), "{refused}");
    assert_eq!(site.person.get(&path).await["summary"]["floor_days"], before, "nothing was saved");
    // The switch is no promise: off and on again is no new policy.
    for mode in ["off", "continuous"] {
        let (status, answer) =
            site.person.call(Method::PATCH, &path, Some(&json!({"recording": {"mode": mode}}))).await;
        assert_eq!(status, 200, "{answer}");
    }
}

// CAP-02
#[tokio::test]
async fn a_mode_and_its_terms_reach_the_box_and_the_hub_sees_them_applied() {
    let site = Site::start("cam0").await;
    let path = format!("/cameras/{}", site.camera);
    let applied = |what: &'static str, ask: Value, state: &'static str| {
        let (site, path) = (&site, path.clone());
        async move {
            let (status, answer) = site.person.call(Method::PATCH, &path, Some(&ask)).await;
            assert_eq!(status, 200, "{what}: {answer}");
            until(what, Duration::from_secs(60), || async {
                let now = site.person.get(&path).await;
                (now["summary"]["state"] == state && now["drift"] != "pending").then_some(())
            })
            .await;
        }
    };
    applied("recording off", json!({"recording": {"mode": "off"}}), "disabled").await;
    applied("recording on", json!({"recording": {"mode": "continuous"}}), "recording").await;
    let (status, refused) =
        site.person.call(Method::PATCH, &path, Some(&json!({"recording": {"mode": "live_only", "reason": ""}}))).await;
    assert_eq!((status.as_u16(), refused["error"]["code"].as_str()), (400, Some("reason_required")), "{refused}");
    let (status, refused) = site.person.call(Method::PATCH, &path, Some(&json!({"audio": true}))).await;
    assert_eq!((status.as_u16(), refused["error"]["code"].as_str()), (400, Some("no_audio_purpose")), "{refused}");
}
