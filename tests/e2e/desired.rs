//! What should be travels to the box, and the hub shows drift until it is.

use std::time::Duration;

use farwatch_tests::site::Site;
use farwatch_tests::wait::until;
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn switching_recording_off_reaches_the_box_and_is_reported() {
    let site = Site::start("small").await;
    let before = site.person.get(&format!("/agents/{}", site.agent.id)).await;
    let (status, answer) = site
        .person
        .call(Method::PATCH, &format!("/cameras/{}", site.camera), Some(&json!({"recording": {"mode": "off"}})))
        .await;
    assert!(status.is_success(), "{status} {answer}");
    let after = until("the new generation applied", Duration::from_secs(20), || async {
        let (_, agent) = site.person.call(Method::GET, &format!("/agents/{}", site.agent.id), None).await;
        let applied = agent["reported"]["generation"].as_u64()?;
        (applied > before["reported"]["generation"].as_u64()? && agent["summary"]["drift"] == "none").then_some(agent)
    })
    .await;
    assert_eq!(after["desired"]["generation"], after["reported"]["generation"]);
    until("the camera disabled", Duration::from_secs(20), || async {
        let (_, camera) = site.person.call(Method::GET, &format!("/cameras/{}", site.camera), None).await;
        (camera["summary"]["state"] == "disabled").then_some(())
    })
    .await;
    let (status, _) = site
        .person
        .call(Method::PATCH, &format!("/cameras/{}", site.camera), Some(&json!({"recording": {"mode": "continuous"}})))
        .await;
    assert!(status.is_success());
    site.recording(&site.camera).await;
}

// RET-04
#[tokio::test]
async fn a_ceiling_below_the_floor_is_refused() {
    let site = Site::start("small").await;
    let (status, answer) = site
        .person
        .call(Method::PATCH, &format!("/cameras/{}", site.camera), Some(&json!({"floor_days": 30, "ceiling_days": 7})))
        .await;
    assert!(status.is_client_error(), "{status} {answer}");
}

#[tokio::test]
async fn a_url_with_a_password_in_it_is_refused_with_advice() {
    let site = Site::start("small").await;
    let (status, answer) = site
        .person
        .call(
            Method::POST,
            &format!("/agents/{}/cameras", site.agent.id),
            Some(&json!({"name": "Leaky", "url": "rtsp://admin:secret@10.0.0.9/x", "source": "auto", "recording": {"mode": "continuous"}, "floor_days": 30})),
        )
        .await;
    assert!(status.is_client_error(), "{status}");
    assert!(!answer.to_string().contains("secret@"), "the refusal does not repeat the password: {answer}");
}
