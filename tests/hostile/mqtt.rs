//! Over MQTT: other agents' topics, wills, names, wildcards, oversize and unreadable payloads.

use std::time::Duration;

use farwatch_shared::topic::{Topic, Up, down_filter};
use farwatch_tests::hub::Hub;
use farwatch_tests::raw::{RawBox, Session, will};
use rumqttc::v5::ConnectionError;
use rumqttc::v5::mqttbytes::v5::{ConnectReturnCode, PubAckReason, SubscribeReasonCode};

#[tokio::test]
async fn a_box_cannot_speak_as_another() {
    let hub = Hub::start().await;
    let (mallory, victim) = (RawBox::enrol(&hub, "Mallory's").await, RawBox::enrol(&hub, "Victim's").await);
    let mut honest = victim.connect().await;
    honest.greet(&victim, &victim.presence(1)).await.expect("the victim is let in");

    let mut session = mallory.connect().await;
    for up in Up::ALL {
        let foreign = Topic::Up(victim.id, up).to_string();
        let verdict = session.publish(&foreign, b"{}".to_vec()).await;
        assert!(matches!(verdict, Ok(PubAckReason::NotAuthorized)), "{foreign}: {verdict:?}");
    }
    for own in [format!("fw/1/{}/dn/order", mallory.id), format!("fw/1/{}/up/else", mallory.id)] {
        let verdict = session.publish(&own, b"{}".to_vec()).await;
        assert!(matches!(verdict, Ok(PubAckReason::NotAuthorized)), "{own}: {verdict:?}");
    }
    for filter in [
        "#".to_owned(),
        "+/+/+/+/+".to_owned(),
        "$SYS/#".to_owned(),
        down_filter(victim.id),
        format!("fw/1/{}/#", mallory.id),
        format!("$share/g/fw/1/{}/dn/#", mallory.id),
    ] {
        let verdict = session.subscribe(&filter).await;
        assert!(!matches!(verdict, Ok(SubscribeReasonCode::Success(_))), "{filter}: {verdict:?}");
    }

    // Its certificate under the victim's name: refused, and the victim's session stays.
    let refused = Session::open(mallory.options(&victim.id.to_string())).await.err();
    assert!(refused.is_some_and(|e| matches!(e, ConnectionError::ConnectionRefused(ConnectReturnCode::NotAuthorized))));
    let mut with_will = mallory.options(&mallory.id.to_string());
    with_will.set_last_will(will(&Topic::Up(victim.id, Up::Presence).to_string(), b"{}"));
    assert!(Session::open(with_will).await.is_err(), "a will in another's name");

    let verdict = honest.publish(&victim.up(Up::Health), b"{}".to_vec()).await;
    assert!(matches!(verdict, Ok(PubAckReason::Success)), "the victim still speaks: {verdict:?}");
}

#[tokio::test]
async fn an_unreadable_or_oversize_message_stops_nothing() {
    let hub = Hub::start().await;
    let mallory = RawBox::enrol(&hub, "Mallory's").await;
    let mut session = mallory.connect().await;
    session.greet(&mallory, &mallory.presence(1)).await.expect("let in");
    for body in [&b"{"[..], b"", b"[]", b"\xff\xfe", br#"{"facts":17}"#, &[b'['; 60_000]] {
        for up in Up::ALL {
            let verdict = session.publish(&mallory.up(up), body.to_vec()).await;
            assert!(verdict.is_ok(), "the session lives on after {} bytes on {up:?}: {verdict:?}", body.len());
        }
    }
    // 10 MiB is over the packet limit: this session is closed for it, and only this one.
    let closed = session.publish(&mallory.up(Up::Health), vec![b' '; 10 << 20]).await;
    assert!(closed.is_err(), "{closed:?}");

    let mut again = mallory.connect().await;
    again.greet(&mallory, &mallory.presence(2)).await.expect("the next session is let in");
    let nothing = again.next(Duration::from_millis(500)).await;
    drop(nothing);
}
