//! Facts arrive exactly once, also when the outbox is deleted or cut short between rounds.

use std::collections::BTreeSet;
use std::time::Duration;

use farwatch_tests::bins::rounds;
use farwatch_tests::person::GapSeen;
use farwatch_tests::site::Site;
use farwatch_tests::wait::until;

async fn gaps(site: &Site) -> Vec<GapSeen> {
    site.person.recent_gaps(&site.camera).await
}

#[tokio::test]
async fn facts_arrive_exactly_once_whatever_happens_to_the_outbox() {
    let mut site = Site::start("cam0").await;
    let mut expected = 0;
    for round in 0..rounds(3, 30) {
        // A gap, told while the hub is gone.
        site.hub.kill().await;
        site.eye.control("hang cam0").expect("obeys");
        tokio::time::sleep(Duration::from_secs(8)).await;
        site.eye.control("resume cam0").expect("obeys");
        tokio::time::sleep(Duration::from_secs(4)).await;
        expected += 1;
        site.agent.kill().await;
        let outbox = site.agent.dir.join("store/outbox");
        match round % 3 {
            0 => {}
            1 => std::fs::remove_dir_all(&outbox).expect("the outbox can be deleted"),
            _ => {
                for entry in std::fs::read_dir(&outbox).expect("the outbox is a folder").flatten() {
                    if entry.path().is_file() {
                        let half = entry.metadata().expect("metadata").len() / 2;
                        let file = std::fs::File::options().write(true).open(entry.path()).expect("opens");
                        file.set_len(half).expect("can be cut");
                    }
                }
            }
        }
        site.agent.run();
        site.hub.run().await;
        site.recording(&site.camera).await;
        until("every gap at the hub", Duration::from_secs(60), || async {
            (gaps(&site).await.len() >= expected).then_some(())
        })
        .await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    let gaps = gaps(&site).await;
    let starts: BTreeSet<i64> = gaps.iter().map(|gap| gap.start_ms).collect();
    assert_eq!(starts.len(), gaps.len(), "no gap twice: {gaps:?}");
    assert_eq!(gaps.len(), expected, "each outage one gap: {gaps:?}");
}
