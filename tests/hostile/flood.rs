//! A hundred thousand refusals in a minute: journaled as first and count, and the honest agents unaffected.

use std::time::Duration;

use farwatch_shared::topic::{Topic, Up};
use farwatch_tests::bins::rounds;
use farwatch_tests::hub::Hub;
use farwatch_tests::person::Person;
use farwatch_tests::raw::RawBox;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::{Packet, PubAckReason};
use tokio::time::Instant;

#[tokio::test]
async fn a_flood_of_refusals_is_counted_and_slows_nobody() {
    let hub = Hub::start().await;
    let person = Person::set_up(&hub).await;
    let (mallory, honest) = (RawBox::enrol(&hub, "Mallory's").await, RawBox::enrol(&hub, "Honest").await);
    let mut good = honest.connect().await;
    good.greet(&honest, &honest.presence(1)).await.expect("let in");
    let before = journal_size(&person).await;

    let wanted = rounds(5_000, 100_000);
    let begun = Instant::now();
    let foreign = Topic::Up(honest.id, Up::Health).to_string();
    let mut floods = tokio::task::JoinSet::new();
    floods.spawn(async move {
        let mut refused = 0;
        // The hub may close a session that misbehaves; a hostile box simply comes back.
        while refused < wanted && begun.elapsed() < Duration::from_secs(60) {
            let Ok(mut session) = farwatch_tests::raw::Session::open(mallory.options(&mallory.id.to_string())).await
            else {
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            while refused < wanted {
                let burst = 64.min(wanted - refused);
                for _ in 0..burst {
                    if session.client.publish(&foreign, QoS::AtLeastOnce, false, "{}").await.is_err() {
                        break;
                    }
                }
                let mut answers = 0;
                while answers < burst {
                    match session.next(Duration::from_secs(5)).await {
                        Ok(Packet::PubAck(ack)) => {
                            assert_eq!(ack.reason, PubAckReason::NotAuthorized);
                            answers += 1;
                        }
                        Ok(_) => {}
                        Err(_) => break,
                    }
                }
                refused += answers;
                if answers < burst {
                    break;
                }
            }
        }
        refused
    });

    let mut worst = Duration::ZERO;
    let mut spoke = 0;
    let refused = loop {
        if let Some(ended) = floods.try_join_next() {
            break ended.expect("the flood ends");
        }
        let asked = Instant::now();
        let verdict = good.publish(&honest.up(Up::Health), b"{}".to_vec()).await;
        assert!(matches!(verdict, Ok(PubAckReason::Success)), "the honest box speaks: {verdict:?}");
        worst = worst.max(asked.elapsed());
        spoke += 1;
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    let took = begun.elapsed();
    let written = journal_size(&person).await - before;
    println!("{refused} refusals in {took:?}; journal grew by {written}; honest worst PUBACK {worst:?} over {spoke}");
    assert!(written < 200, "first and count, not one entry each: {written}");
    assert!(worst < Duration::from_secs(2), "{worst:?}");
}

async fn journal_size(person: &Person) -> u64 {
    person.get("/journal?limit=1").await["size"].as_u64().expect("the journal has a size")
}
