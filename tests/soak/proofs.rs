//! What a box certified of its own deletions, at the hub and against the box itself.

use std::path::Path;
use std::time::Duration;

use farwatch_agent::vault::Vault;
use farwatch_shared::evidence::DeletionCertificate;
use farwatch_shared::seal::Signed;
use farwatch_tests::agent::Agent;
use farwatch_tests::bins::bin;
use farwatch_tests::books::Books;
use farwatch_tests::hub::Hub;
use farwatch_tests::person::Person;
use farwatch_tests::wait::until;
use serde_json::Value;

/// Most certificates the hub lists in one answer.
const PAGE: usize = 500;

/// Closed segments that are not in the vault any more.
pub fn deleted(books: &Books, vault: &Vault) -> u64 {
    let closed = books.accounts().flat_map(|account| &account.closed);
    closed.filter(|closed| !vault.path(&closed.segment).exists()).count() as u64
}

/// Waits until the hub has certificates over everything that was deleted before this was called.
pub async fn at_the_hub(person: &Person, cameras: &[String], gone: u64) {
    until("a certificate over every deletion", Duration::from_secs(60), || async {
        let mut certified = 0;
        for camera in cameras {
            let listed = person.get(&format!("/certificates?camera={camera}&limit={PAGE}")).await;
            let listed = listed["certificates"].as_array().expect("certificates").clone();
            assert!(listed.len() < PAGE, "more certificates than one answer tells of");
            certified += listed.iter().filter_map(|certificate| certificate["segments"].as_u64()).sum::<u64>();
        }
        (certified >= gone).then_some(())
    })
    .await;
}

/// Takes everything the box signed from the hub and holds it against the box, which is stopped.
pub async fn hold(hub: &Hub, agent: &Agent, gone: u64) {
    let out = hub.dir.join("signed");
    hub.command(&["evidence", "export", "--agent", &agent.id, "--out", out.to_str().expect("a plain path")], None)
        .await;
    let certified: u64 = std::fs::read_dir(out.join("deletions"))
        .expect("certificates")
        .flatten()
        .map(|file| {
            let text = std::fs::read_to_string(file.path()).expect("a certificate");
            let signed: Signed<DeletionCertificate> = serde_json::from_str(&text).expect("an envelope");
            signed.unverified().expect("a certificate").segments
        })
        .sum();
    let report = verify(&agent.dir, &out);
    let checked = &report["checked"];
    println!("farwatch-verify: {checked}");
    assert_eq!(report["findings"].as_array().map(Vec::len), Some(0), "{report:#}");
    assert_eq!(
        checked["deleted"].as_u64(),
        Some(gone),
        "every file that is not there was deleted by retention: {checked}"
    );
    assert!(certified <= gone, "{certified} segments are certified as deleted, {gone} are");
}

/// Checks the box's directory with the key and the newest checkpoint the hub kept.
fn verify(agent: &Path, signed: &Path) -> Value {
    let mut verifier = std::process::Command::new(bin("farwatch-verify"));
    verifier.args(["--json", "--key"]).arg(signed.join("box.pem"));
    // A checkpoint is made every ten minutes: a short run ends before the hub has one.
    let checkpoint = signed.join("checkpoint.json");
    if checkpoint.exists() {
        verifier.arg("--checkpoint").arg(checkpoint);
    }
    let done = verifier.arg(agent).output().expect("farwatch-verify runs");
    assert!(
        done.status.success(),
        "{}{}",
        String::from_utf8_lossy(&done.stdout),
        String::from_utf8_lossy(&done.stderr)
    );
    serde_json::from_slice(&done.stdout).expect("a report")
}
