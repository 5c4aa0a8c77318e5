//! A captured broker: it holds the hub's name, port and server certificate, and publishes what it likes to an honest agent.
//!
//! What it cannot do is sign. The document key is read here only to make honest documents that are then abused: replayed,
//! altered, sent twice with other content.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use farwatch_hub::broker::{Bus, Ears, Embedded, Heard, Listen, Outgoing, Uplink};
use farwatch_shared::digest::Digest;
use farwatch_shared::id::{AgentId, CameraId, OrderId, PersonId, StreamName};
use farwatch_shared::keys::SignKey;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::{Document, Signed};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::Clock;
use farwatch_shared::topic::{Down, Up};
use farwatch_shared::wire::latest::{
    Desired, FactBatch, FactBody, Order, OrderBody, OrderResult, OrderState, PartName, PartRef, Presence, PullOrder,
    Rendition, Reported,
};
use farwatch_tests::agent::Agent;
use farwatch_tests::hub::Hub;
use farwatch_tests::raw::now;
use futures::future::BoxFuture;
use tokio::sync::mpsc;

/// Lets everybody in and writes down what they say.
struct Tape(mpsc::Sender<Uplink>);

impl Ears for Tape {
    fn admit<'a>(&'a self, _: AgentId, _: &'a str) -> BoxFuture<'a, bool> {
        Box::pin(std::future::ready(true))
    }
    fn hear(&self, message: Uplink) -> BoxFuture<'_, Heard> {
        Box::pin(async move {
            let taken = self.0.send(message).await;
            if taken.is_ok() { Heard::Taken } else { Heard::Close }
        })
    }
    fn will(&self, _: Uplink) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }
    fn refused(&self, _: AgentId, _: &'static str, _: &str) {}
    fn alive(&self, _: AgentId) {}
}

struct Captured {
    bus: Arc<Embedded>,
    said: mpsc::Receiver<Uplink>,
    key: SignKey,
    agent: AgentId,
    nonce: String,
}

impl Captured {
    /// Waits for the first message of a kind that `wanted` accepts.
    async fn until<T>(&mut self, what: &str, mut wanted: impl FnMut(&Uplink) -> Option<T>) -> T {
        tokio::time::timeout(Duration::from_secs(30), async {
            loop {
                let uplink = self.said.recv().await.expect("the broker runs");
                if let Some(found) = wanted(&uplink) {
                    return found;
                }
            }
        })
        .await
        .unwrap_or_else(|_| panic!("waited 30 s in vain for: {what}"))
    }

    async fn publish(&self, topic: Down, body: Vec<u8>) {
        let message = Outgoing { agent: self.agent, topic, body: Bytes::from(body), expires_s: 60 };
        self.bus.publish(message).await.expect("the broker takes it");
    }

    fn sign<T: Document>(&self, document: &T) -> Vec<u8> {
        serde_json::to_vec(&Signed::sign(document, &self.key).expect("JSON")).expect("JSON")
    }

    fn order(&self) -> Order {
        Order {
            order: OrderId::generate(),
            agent: self.agent,
            nonce: self.nonce.clone(),
            issued_at_ms: now(),
            expires_at_ms: now().plus_ms(60_000),
            body: OrderBody::Pull(PullOrder {
                camera: CameraId::generate(),
                stream: StreamName::Main,
                start_ms: now().plus_ms(-20_000),
                end_ms: now(),
                rendition: Rendition::Original,
                person: PersonId::generate(),
                reason: "till dispute".into(),
            }),
            crit: Vec::new(),
        }
    }

    /// What became of an order: its first result.
    async fn result(&mut self, order: OrderId) -> OrderState {
        self.until("the order's result", |uplink| {
            let result: OrderResult = serde_json::from_slice(&uplink.body).ok()?;
            (uplink.up == Up::Result && result.order == order).then_some(result.state)
        })
        .await
    }

    /// The next security fact that tells of this refusal. Facts are said again until they are received, so it comes.
    async fn security(&mut self, refusal: Refusal) {
        self.until("a security fact", |uplink| {
            let batch: FactBatch = serde_json::from_slice(&uplink.body).ok()?;
            batch
                .facts
                .iter()
                .any(|fact| matches!(&fact.body, FactBody::Security(s) if s.refusal == refusal))
                .then_some(())
        })
        .await;
    }
}

fn desired(agent: AgentId, generation: u64, cameras: &str) -> Desired {
    let part = |text: &str| PartRef {
        digest: Digest::of(text.as_bytes()),
        size: ByteSize(text.len() as u64),
        inline: Some(text.to_owned()),
    };
    let parts = [
        (PartName::Cameras, part(cameras)),
        (PartName::Retention, part(r#"{"cameras":{},"min_free":0}"#)),
        (PartName::Holds, part(r#"{"holds":[]}"#)),
    ];
    Desired { agent, generation, issued_at_ms: now(), parts: parts.into_iter().collect(), crit: Vec::new() }
}

fn refused(state: &OrderState) -> Option<Refusal> {
    match state {
        OrderState::Refused { refusal, .. } => Some(*refusal),
        _ => None,
    }
}

// OPS-01, ACC-07
#[tokio::test]
async fn an_agent_believes_signatures_and_not_its_broker() {
    farwatch_tests::person::install_provider();
    let mut hub = Hub::start().await;
    let mut agent = Agent::enrol(&hub, "Depot", &hub.dir.join("agent")).await;
    let address = hub.doors.mqtt.parse().expect("an address");
    hub.stop().await;
    let keys = hub.dir.join("keys");
    let listen =
        Listen { address, ca: keys.join("ca.pem"), certificate: keys.join("server.pem"), key: keys.join("server.key") };
    let (tape, said) = mpsc::channel(10_000);
    let bus = Embedded::start(listen, Arc::new(Tape(tape)), Clock::real()).await.expect("the captured broker listens");
    let key = SignKey::from_pem(&std::fs::read_to_string(keys.join("document.key")).expect("readable")).expect("a key");
    let id: AgentId = agent.id.parse().expect("an agent id");
    let mut captured = Captured { bus, said, key, agent: id, nonce: String::new() };
    agent.run();
    captured.nonce = captured
        .until("presence", |uplink| {
            let presence: Presence = serde_json::from_slice(&uplink.body).ok()?;
            (uplink.up == Up::Presence).then_some(presence.nonce)
        })
        .await;

    // A desired state, then an older one, then another of the same number, then an altered one.
    let camera = CameraId::generate();
    let cameras = format!(
        r#"{{"cameras":[{{"camera":"{camera}","name":"Gate","recording":"off","streams":[{{"stream":"main","url":"rtsp://192.0.2.1/x"}}]}}]}}"#
    );
    let cameras = cameras.as_str();
    let fifth = captured.sign(&desired(id, 5, cameras));
    captured.publish(Down::Desired, fifth.clone()).await;
    captured
        .until("generation 5 applied", |uplink| {
            let reported: Reported = serde_json::from_slice(&uplink.body).ok()?;
            (uplink.up == Up::Reported && reported.generation == 5).then_some(())
        })
        .await;
    captured.publish(Down::Desired, captured.sign(&desired(id, 4, cameras))).await;
    captured.publish(Down::Desired, captured.sign(&desired(id, 5, r#"{"cameras":[]}"#))).await;
    captured.security(Refusal::SameGenerationOtherContent).await;
    let altered = {
        let mut envelope: serde_json::Value =
            serde_json::from_slice(&captured.sign(&desired(id, 6, cameras))).expect("JSON");
        let mut payload = STANDARD.decode(envelope["payload"].as_str().expect("a payload")).expect("base64");
        let at = payload.windows(14).position(|w| w == b"\"generation\":6").expect("there") + 13;
        payload[at] = b'7';
        envelope["payload"] = STANDARD.encode(payload).into();
        serde_json::to_vec(&envelope).expect("JSON")
    };
    captured.publish(Down::Desired, altered).await;
    captured.security(Refusal::BadSignature).await;
    for junk in [&b"{"[..], b"", b"\xff", b"[1,2,3]", &[b' '; 100_000]] {
        captured.publish(Down::Desired, junk.to_vec()).await;
        captured.publish(Down::Order, junk.to_vec()).await;
        captured.publish(Down::Received, junk.to_vec()).await;
    }

    let unknown = captured.order();
    captured.publish(Down::Order, captured.sign(&unknown)).await;
    assert_eq!(refused(&captured.result(unknown.order).await), Some(Refusal::UnknownCamera));
    // An honest order is taken, once: there is no footage yet, which is another matter.
    let mut order = captured.order();
    let OrderBody::Pull(pull) = &mut order.body;
    pull.camera = camera;
    let signed = captured.sign(&order);
    captured.publish(Down::Order, signed.clone()).await;
    assert_eq!(captured.result(order.order).await, OrderState::Accepted);
    assert_eq!(refused(&captured.result(order.order).await), Some(Refusal::NoFootage));
    captured.publish(Down::Order, signed).await;
    // A replay is told how the order went, and counted; nothing is done twice.
    captured.security(Refusal::AlreadySpent).await;

    let stale = Order { nonce: "00".repeat(32), ..captured.order() };
    captured.publish(Down::Order, captured.sign(&stale)).await;
    assert_eq!(refused(&captured.result(stale.order).await), Some(Refusal::WrongSession));
    let late = Order { expires_at_ms: now().plus_ms(-1_000), issued_at_ms: now().plus_ms(-60_000), ..captured.order() };
    captured.publish(Down::Order, captured.sign(&late)).await;
    assert_eq!(refused(&captured.result(late.order).await), Some(Refusal::Expired));
    let foreign = Order { agent: AgentId::generate(), ..captured.order() };
    captured.publish(Down::Order, captured.sign(&foreign)).await;
    captured.security(Refusal::WrongAddressee).await;

    let status = agent.status().await.expect("the agent lives");
    assert_eq!(status["generation"], 5, "nothing else was applied: {status}");
    agent.stop().await;
}
