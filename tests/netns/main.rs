//! The hub is gone because the network is: recording goes on, and everything that happened arrives afterwards.
//!
//! Covers OPS-02; PEERS 1, 11, 15. Needs root, for a network namespace of its own.

use std::time::Duration;

use farwatch_tests::agent::Agent;
use farwatch_tests::bins::rounds;
use farwatch_tests::hub::Hub;
use farwatch_tests::netns::{InsideCamera, Namespace};
use farwatch_tests::person::Person;
use farwatch_tests::raw::now;
use farwatch_tests::site::add_camera;
use farwatch_tests::wait::until;
use reqwest::Method;
use serde_json::Value;
use tokio::time::Instant;

async fn agent_of(person: &Person, id: &str) -> Value {
    person.call(Method::GET, &format!("/agents/{id}"), None).await.1
}

#[tokio::test]
async fn while_the_hub_is_gone_recording_goes_on_and_everything_arrives_afterwards() {
    // 10 minutes under --long; here long enough for presence to be decided by its deadline.
    let away = Duration::from_secs(u64::from(rounds(100, 600)));
    let keep = tempfile::tempdir().expect("a temporary directory");
    let site = Namespace::new(1);
    let mut hub = Hub::make(&keep.path().join("hub"), &site.host_ip, &[&site.host_ip]).await;
    hub.run().await;
    let person = Person::set_up(&hub).await;

    let eye = InsideCamera::start(&site, keep.path());
    let dir = keep.path().join("agent");
    let mut agent = Agent::enrol_with(&hub, "Harbour", &dir, |command| site.inside(&command)).await;
    agent.run_with(|command| site.inside(&command));
    let camera = add_camera(&hub, &agent.id, "Quay", &eye.url("cam0"), None).await;
    until("the camera recording", Duration::from_secs(40), || async {
        let answer = person.call(Method::GET, &format!("/cameras/{camera}"), None).await.1;
        (answer["summary"]["state"] == "recording").then_some(())
    })
    .await;

    let cut_at = now();
    let cut = Instant::now();
    site.cut();
    let lost_after = until("presence lost", Duration::from_secs(95), || async {
        let presence = agent_of(&person, &agent.id).await["summary"]["presence"].clone();
        (presence != "online" && presence != "late").then(|| cut.elapsed())
    })
    .await;
    println!("hub noticed after {lost_after:?}");
    assert!(lost_after <= Duration::from_secs(90), "{lost_after:?}");

    // Things happen meanwhile: the camera drops out twice, each a gap that must be told in order.
    let mut outages = 0;
    while cut.elapsed() + Duration::from_secs(12) < away || outages < 2 {
        if outages < 2 {
            eye.control("hang cam0");
            tokio::time::sleep(Duration::from_secs(8)).await;
            eye.control("resume cam0");
            outages += 1;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    let local = agent.status().await.expect("the box answers its technician");
    assert_eq!(local["connected"], false, "{local}");
    assert_eq!(local["recorder"]["running"], true, "{local}");
    let mended_at = now();
    let mended = Instant::now();
    site.mend();

    let back_after = until("presence online", Duration::from_secs(90), || async {
        (agent_of(&person, &agent.id).await["summary"]["presence"] == "online").then(|| mended.elapsed())
    })
    .await;
    println!("hub saw it back after {back_after:?}");
    let gaps = until("both gaps at the hub", Duration::from_secs(60), || async {
        let gaps = person.gaps(&camera, cut_at.0, mended_at.0).await;
        (gaps.len() >= 2).then_some(gaps)
    })
    .await;
    assert_eq!(gaps.len(), 2, "two outages, two gaps, and none because the hub was gone: {gaps:?}");
    assert!(gaps.iter().all(|gap| gap.cause == "camera"), "{gaps:?}");

    let path = format!("/agents/{}/health?from_ms={}&to_ms={}", agent.id, cut_at.0, mended_at.0);
    let samples = until("health of the time away", Duration::from_secs(90), || async {
        let answer = person.call(Method::GET, &path, None).await.1;
        let samples = answer["samples"].as_array()?.clone();
        (samples.len() as u64 >= away.as_secs() / 60).then_some(samples)
    })
    .await;
    let times: Vec<i64> = samples.iter().filter_map(|s| s["at_ms"].as_i64()).collect();
    assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "in order: {times:?}");
    println!("{} health samples of {away:?} away, {} gaps", samples.len(), gaps.len());
    agent.stop().await;
}
