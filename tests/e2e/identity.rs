//! How a box joins, and how its certificate is followed by the next.

use farwatch_tests::agent::Agent;
use farwatch_tests::bins::bin;
use farwatch_tests::hub::Hub;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// Runs `enrol -` and gives its exit state and stderr.
async fn enrol(dir: &std::path::Path, url: &str) -> (bool, String) {
    let mut child = Command::new(bin("farwatch-agent"))
        .arg("--dir")
        .arg(dir)
        .args(["enrol", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the agent starts");
    child.stdin.take().expect("a pipe").write_all(url.as_bytes()).await.expect("written");
    let done = child.wait_with_output().await.expect("it ends");
    (done.status.success(), String::from_utf8_lossy(&done.stderr).into_owned())
}

// OPS-03
#[tokio::test]
async fn a_token_enrols_one_box_once() {
    let hub = Hub::start().await;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let url = hub.token("Depot").await;
    let (ok, said) = enrol(&dir.path().join("a"), &url).await;
    assert!(ok, "{said}");
    let (ok, said) = enrol(&dir.path().join("b"), &url).await;
    assert!(!ok && said.contains("token"), "the second box is refused, with its reason: {said}");
    let secret = url.split_once("#t=").expect("a token").1.split('&').next().expect("a token");
    assert!(!hub.log().contains(secret) && !said.contains(secret), "the token is in no log");
}

#[tokio::test]
async fn a_hub_with_another_key_is_not_believed() {
    let (hub, impostor) = (Hub::start().await, Hub::start().await);
    let dir = tempfile::tempdir().expect("a temporary directory");
    // The right pins, but the name leads to another hub.
    let port = |hub: &Hub| format!(":{}", hub.doors.agents.rsplit_once(':').expect("host:port").1);
    let url = hub.token("Depot").await.replace(&port(&hub), &port(&impostor));
    let (ok, said) = enrol(&dir.path().join("a"), &url).await;
    assert!(!ok, "{said}");
    let url = hub.token("Depot").await;
    let (front, owner) = url.rsplit_once("owner=").expect("an owner pin");
    let mut other: Vec<char> = owner.chars().collect();
    other[3] = if other[3] == 'A' { 'B' } else { 'A' };
    let (ok, said) = enrol(&dir.path().join("b"), &format!("{front}owner={}", other.iter().collect::<String>())).await;
    assert!(!ok, "the owner's key does not match the code: {said}");
}

#[tokio::test]
async fn private_keys_are_readable_by_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let hub = Hub::start().await;
    let dir = tempfile::tempdir().expect("a temporary directory");
    let agent = Agent::enrol(&hub, "Depot", &dir.path().join("agent")).await;
    for folder in [agent.dir.join("identity"), hub.dir.join("keys")] {
        for entry in std::fs::read_dir(&folder).expect("a directory") {
            let entry = entry.expect("an entry");
            let mode = entry.metadata().expect("metadata").permissions().mode() & 0o077;
            let public =
                entry.path().extension().is_some_and(|e| e == "pem" || e == "crt" || e == "json" || e == "pub");
            assert!(public || mode == 0, "{} has mode {mode:o}", entry.path().display());
        }
        let mode = folder.metadata().expect("metadata").permissions().mode() & 0o777;
        assert_eq!(mode, 0o700, "{}", folder.display());
    }
}
