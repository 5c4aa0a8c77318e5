//! What the hub says of a camera is what the box does.

use std::time::Duration;

use farwatch_tests::site::Site;
use farwatch_tests::wait::until;
use reqwest::Method;

// CAP-01, OPS-02
#[tokio::test]
async fn every_kind_of_camera_records() {
    let site = Site::start("cam0").await;
    for (name, mount) in [("H.265", "h265"), ("B-frames", "bframes"), ("AAC", "aac"), ("G.711", "alaw")] {
        let camera = site.add(name, mount, None).await;
        let state = site.recording(&camera).await;
        let fps = until("a measured frame rate", Duration::from_secs(60), || async {
            let (_, answer) = site.person.call(Method::GET, &format!("/cameras/{camera}"), None).await;
            answer["summary"]["fps_milli"].as_u64().filter(|fps| *fps > 0)
        })
        .await;
        assert!((18_000..=22_000).contains(&fps), "{name} at 20 fps: {fps} {state}");
    }
}

// CAP-03
#[tokio::test]
async fn a_camera_that_hangs_leaves_a_gap_with_its_cause() {
    let site = Site::start("cam0").await;
    let other = site.add("Gate 5", "cam1", None).await;
    site.recording(&other).await;
    site.eye.control("hang cam0").expect("the camera hangs");
    until("the hub saying it stalled", Duration::from_secs(60), || async {
        let (_, answer) = site.person.call(Method::GET, &format!("/cameras/{}", site.camera), None).await;
        (answer["summary"]["state"] != "recording").then_some(())
    })
    .await;
    site.eye.control("resume cam0").expect("the camera resumes");
    site.recording(&site.camera).await;
    let gap = until("the gap at the hub", Duration::from_secs(60), || async {
        site.person.recent_gaps(&site.camera).await.into_iter().find(|gap| gap.cause == "camera")
    })
    .await;
    assert!(gap.end_ms > gap.start_ms, "{gap:?}");
    let state = site.recording(&other).await;
    assert_eq!(state["gaps_today"], 0, "the other camera has no gap: {state}");
}

#[tokio::test]
async fn a_camera_that_refuses_the_password_says_so() {
    let site = Site::start("small").await;
    let file = site.hub.dir.join("wrong-password");
    std::fs::write(&file, "wrong").expect("written");
    let file = file.to_str().expect("a plain path");
    let url = site.eye.url("cam1");
    let made = site
        .hub
        .command(
            &[
                "camera",
                "add",
                "--agent",
                &site.agent.id,
                "--name",
                "Locked",
                "--url",
                &url,
                "--user",
                "viewer",
                "--password-file",
                file,
            ],
            None,
        )
        .await;
    let camera = made["camera"].as_str().expect("an id").to_owned();
    until("the hub saying the password is refused", Duration::from_secs(60), || async {
        let (_, answer) = site.person.call(Method::GET, &format!("/cameras/{camera}"), None).await;
        (answer["summary"]["state"] == "auth_failed").then_some(())
    })
    .await;
    for file in [site.agent.log(), site.hub.log()] {
        assert!(!file.contains("lens cap off"), "no password in a log");
    }
}

// OPS-02
#[tokio::test]
async fn health_arrives_with_units_and_the_page_hears_of_it() {
    let site = Site::start("small").await;
    let agent = until("health at the hub", Duration::from_secs(60), || async {
        let (_, answer) = site.person.call(Method::GET, &format!("/agents/{}", site.agent.id), None).await;
        let health = &answer["health"];
        (health["mem_total"].as_u64().is_some() && answer["summary"]["presence"] == "online").then_some(answer)
    })
    .await;
    let health = &agent["health"];
    assert!(health["disk_total"].as_u64() > Some(0), "{health}");
    assert!(health["cpu_permille"].as_u64() <= Some(1000), "{health}");
    assert_eq!(agent["summary"]["presence"], "online", "{agent}");
}
