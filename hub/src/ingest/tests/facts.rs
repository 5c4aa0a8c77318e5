//! Numbers, holes, epochs, quarantine.

use farwatch_shared::id::{OutboxEpoch, StreamName};
use farwatch_shared::time::Span;

use super::*;

fn gap(number: u64, origin: u64, camera: CameraId) -> String {
    format!(
        "{{\"number\":{number},\"at_ms\":1,\"origin\":\"r/{origin}\",\"body\":{{\"kind\":\"gap\",\"camera\":\"{camera}\",\
         \"stream\":\"main\",\"start_ms\":{},\"end_ms\":{},\"cause\":\"camera\"}}}}",
        origin * 10,
        origin * 10 + 5
    )
}

fn batch(epoch: OutboxEpoch, facts: &[String]) -> Vec<u8> {
    format!("{{\"epoch\":\"{epoch}\",\"class\":\"gap\",\"facts\":[{}]}}", facts.join(",")).into_bytes()
}

// OPS-02; PEERS 11
#[tokio::test]
async fn a_fact_sent_twice_or_from_a_new_outbox_is_kept_once() {
    let house = House::new().await;
    let camera = house.camera;
    let (first, second) = (OutboxEpoch::generate(), OutboxEpoch::generate());
    let facts = [gap(1, 1, camera), gap(2, 2, camera)];
    assert_eq!(house.take(batch(first, &facts)).await.new, 2);
    let again = house.take(batch(first, &facts)).await;
    assert_eq!((again.new, again.duplicates, again.through), (0, 2, 2));
    let anew = house.take(batch(second, &[gap(1, 2, camera), gap(2, 3, camera)])).await;
    assert_eq!((anew.new, anew.duplicates, anew.through), (1, 1, 2));
    let range = Span::new(WallMs(0), WallMs(1000)).unwrap();
    let gaps = store::timeline::gaps(&mut house.db.read().await.unwrap(), camera, StreamName::Main, range, None)
        .await
        .unwrap()
        .rows;
    assert_eq!(gaps.len(), 3);
}

#[tokio::test]
async fn a_hole_in_numbers_is_said_and_closes_when_they_come_late() {
    let house = House::new().await;
    let camera = house.camera;
    let epoch = OutboxEpoch::generate();
    house.take(batch(epoch, &[gap(1, 1, camera)])).await;
    let jumped = house.take(batch(epoch, &[gap(5, 5, camera)])).await;
    assert_eq!((jumped.lost, jumped.through), (3, 5));
    let late = house.take(batch(epoch, &[gap(3, 3, camera)])).await;
    assert_eq!((late.new, late.duplicates, late.through), (1, 0, 5));
    let holes = store::facts::holes(&mut house.db.read().await.unwrap(), house.agent).await.unwrap();
    let mut ranges: Vec<_> = holes.iter().map(|h| (h.first, h.last)).collect();
    ranges.sort_unstable();
    assert_eq!(ranges, [(2, 2), (4, 4)]);
}

// PEERS 12
#[tokio::test]
async fn an_unreadable_fact_is_kept_word_for_word_and_received() {
    let house = House::new().await;
    let camera = house.camera;
    let epoch = OutboxEpoch::generate();
    let strange = "{\"number\":2,\"at_ms\":1,\"origin\":\"r/2\",\"body\":{\"kind\":\"of a later version\",\"x\":1}}";
    let other = gap(3, 3, CameraId::generate());
    let reversed = gap(4, 4, camera).replace("\"end_ms\":45", "\"end_ms\":1");
    let facts = [gap(1, 1, camera), strange.to_owned(), other, reversed, gap(5, 5, camera)];
    let stored = house.take(batch(epoch, &facts)).await;
    assert_eq!((stored.new, stored.quarantined, stored.through, stored.lost), (2, 3, 5, 0));
    assert_eq!(house.quarantined().await, 3);
}

#[test]
fn what_is_no_batch_is_rejected_whole() {
    let epoch = OutboxEpoch::generate();
    for bad in [
        b"{".to_vec(),
        b"[]".to_vec(),
        batch(epoch, &[]),
        batch(epoch, &["{\"at_ms\":1}".to_owned()]),
        batch(epoch, &["{\"number\":0}".to_owned()]),
        batch(epoch, &["{\"number\":2}".to_owned(), "{\"number\":2}".to_owned()]),
        batch(epoch, &vec!["{\"number\":2}".to_owned(); 101]),
    ] {
        assert!(read_batch(&bad).is_err(), "{}", String::from_utf8_lossy(&bad));
    }
}
