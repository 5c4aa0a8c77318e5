//! At the doors: stalled sockets, no certificate, a revoked one, an expired one, one of a stranger's authority.

use std::time::Duration;

use farwatch_tests::hub::Hub;
use farwatch_tests::person::{Person, http};
use farwatch_tests::raw::{RawBox, Session};
use serde_json::json;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

#[tokio::test]
async fn five_hundred_stalled_sockets_on_every_door_delay_nobody() {
    let hub = Hub::start().await;
    let honest = RawBox::enrol(&hub, "Honest").await;
    let person = Person::set_up(&hub).await;
    let mut stalled = Vec::new();
    for door in [&hub.doors.mqtt, &hub.doors.agents, &hub.doors.people] {
        for i in 0..500 {
            let mut socket = TcpStream::connect(door).await.expect("the door accepts");
            if i % 2 == 0 {
                // Half of a TLS record header, then nothing.
                socket.write_all(&[0x16, 0x03]).await.expect("a byte is accepted");
            }
            stalled.push(socket);
        }
    }
    let begun = Instant::now();
    let mut session = honest.connect().await;
    session.greet(&honest, &honest.presence(1)).await.expect("the honest box is let in");
    let answer =
        honest.https().get(format!("https://{}/agent/v1/parts/{}", hub.doors.agents, "0".repeat(64))).send().await;
    assert!(answer.is_ok_and(|a| a.status().is_client_error()), "the agents' door answers");
    person.get("/fleet").await;
    let took = begun.elapsed();
    println!("with 1,500 stalled sockets: MQTT, agents' and people's door answered in {took:?}");
    assert!(took < Duration::from_secs(10), "{took:?}");
    drop(stalled);
}

#[tokio::test]
async fn a_revoked_box_is_cut_off_within_five_seconds_and_stays_out() {
    let hub = Hub::start().await;
    let raw = RawBox::enrol(&hub, "Stolen").await;
    let honest = RawBox::enrol(&hub, "Honest").await;
    let mut session = raw.connect().await;
    session.greet(&raw, &raw.presence(1)).await.expect("let in before");
    let mut other = honest.connect().await;
    other.greet(&honest, &honest.presence(1)).await.expect("let in");

    let begun = Instant::now();
    hub.command(&["agent", "revoke", &raw.id.to_string(), "--reason", "stolen from the wall"], None).await;
    let ended = loop {
        match session.next(Duration::from_secs(10)).await {
            Ok(_) => {}
            Err(e) => break e,
        }
    };
    let took = begun.elapsed();
    println!("revoked session ended after {took:?}: {ended}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(Session::open(raw.options(&raw.id.to_string())).await.is_err(), "MQTT refuses");
    let answer =
        raw.https().get(format!("https://{}/agent/v1/parts/{}", hub.doors.agents, "0".repeat(64))).send().await;
    assert!(answer.is_err() || answer.is_ok_and(|a| a.status().as_u16() == 403), "the agents' door refuses");
    let health = other.publish(&honest.up(farwatch_shared::topic::Up::Health), b"{}".to_vec()).await;
    assert!(health.is_ok(), "the honest box is unaffected");
}

#[tokio::test]
async fn without_a_certificate_of_this_hub_nothing_opens() {
    let hub = Hub::start().await;
    let stranger = Hub::start().await;
    let foreign = RawBox::enrol(&stranger, "Elsewhere").await;
    let mine = RawBox::enrol(&hub, "Mine").await;

    // A certificate of another authority, with the name of a box of this hub.
    let mut options = mine.options(&mine.id.to_string());
    let tls = RawBox::tls(&mine.answer.ca, &foreign.answer.certificate, &foreign.key_pem);
    options.set_transport(rumqttc::Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(tls.into())));
    assert!(Session::open(options).await.is_err(), "a stranger's certificate");

    let bare = http(&hub.ca_pem());
    for path in ["parts/".to_owned() + &"0".repeat(64), format!("pulls/{}/x", mine.id)] {
        let answer = bare.get(format!("https://{}/agent/v1/{path}", hub.doors.agents)).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 403, "{path}");
    }
    let spent = json!({"nonce": "x", "csr": "", "certificate": "", "signature": ""});
    let answer =
        bare.post(format!("https://{}/agent/v1/renew", hub.doors.agents)).json(&spent).send().await.expect("an answer");
    assert!(answer.status().is_client_error(), "{}", answer.status());
}

// An expired certificate is made with the hub's own CA key, as time alone would make it.
#[tokio::test]
async fn an_expired_certificate_opens_nothing_but_renewal() {
    let hub = Hub::start().await;
    let raw = RawBox::enrol(&hub, "Late").await;
    let ca_key = std::fs::read_to_string(hub.dir.join("keys/ca.key")).expect("the test reads the hub's key");
    let ca_key = rcgen::KeyPair::from_pem(&ca_key).expect("a key");
    let issuer = rcgen::Issuer::from_ca_cert_pem(&hub.ca_pem(), ca_key).expect("the CA");
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, raw.id.to_string());
    params.not_before = rcgen::date_time_ymd(2026, 1, 1);
    params.not_after = rcgen::date_time_ymd(2026, 10, 1);
    params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
    let key = rcgen::KeyPair::from_pem(&raw.key_pem).expect("a key");
    let expired = params.signed_by(&key, &issuer).expect("a certificate").pem();

    let mut options = raw.options(&raw.id.to_string());
    let tls = RawBox::tls(&raw.answer.ca, &expired, &raw.key_pem);
    options.set_transport(rumqttc::Transport::tls_with_config(rumqttc::TlsConfiguration::Rustls(tls.clone().into())));
    assert!(Session::open(options).await.is_err(), "MQTT refuses an expired certificate");
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).build().expect("a client");
    let answer = client.get(format!("https://{}/agent/v1/parts/{}", hub.doors.agents, "0".repeat(64))).send().await;
    assert!(answer.is_err() || answer.is_ok_and(|a| a.status().as_u16() == 403), "the agents' door refuses");
}
