//! Through the agents' HTTPS door: another agent's pull, a wrong digest, a range beyond the order, bytes at a wrong offset.

use std::time::Duration;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{RunId, SegmentId, StreamName};
use farwatch_shared::keys::SignKey;
use farwatch_shared::seal::Signed;
use farwatch_shared::time::{BootNs, ClockState, WallMs};
use farwatch_shared::topic::{Down, Topic};
use farwatch_shared::wire::latest::{Manifest, ManifestSegment, Order, OrderBody, Piece};
use farwatch_tests::hub::Hub;
use farwatch_tests::person::Person;
use farwatch_tests::raw::{RawBox, now};
use reqwest::{Method, StatusCode};
use serde_json::json;

/// A manifest that matches an order: one segment of three pieces.
fn manifest(order: &Order, bodies: &[&[u8]]) -> Manifest {
    let OrderBody::Pull(pull) = &order.body;
    let mut offset = 0;
    let pieces: Vec<Piece> = bodies
        .iter()
        .map(|body| {
            let length = u32::try_from(body.len()).expect("small");
            let piece = Piece { offset, length, digest: Digest::of(body) };
            offset += u64::from(length);
            piece
        })
        .collect();
    let segment =
        SegmentId { camera: pull.camera, stream: pull.stream, run: RunId { boot: 7, counter: 1 }, sequence: 0 };
    Manifest {
        order: order.order,
        agent: order.agent,
        camera: pull.camera,
        stream: pull.stream,
        rendition: pull.rendition,
        issued_at_ms: now(),
        start_ms: pull.start_ms,
        end_ms: pull.end_ms,
        segments: vec![ManifestSegment {
            segment,
            digest: Some(Digest::of_pieces(pieces.iter().map(|p| &p.digest))),
            first_piece: 1,
            last_piece: u32::try_from(pieces.len()).expect("few") - 1,
            pieces,
            codec: "avc1.640028".into(),
            width: 1920,
            height: 1080,
            audio_codec: None,
            start_ms: pull.start_ms,
            end_ms: pull.end_ms,
            sent_start_ms: pull.start_ms,
            sent_end_ms: pull.end_ms,
            start_boot_ns: BootNs(0),
            clock: ClockState::Ntp,
            derived: false,
        }],
        crit: vec![],
    }
}

#[tokio::test]
async fn the_agents_door_takes_only_what_the_order_allows() {
    let hub = Hub::start().await;
    let person = Person::set_up(&hub).await;
    let (raw, mallory) = (RawBox::enrol(&hub, "Honest").await, RawBox::enrol(&hub, "Mallory's").await);
    let mut session = raw.connect().await;
    session.greet(&raw, &raw.presence(1)).await.expect("let in");
    let camera = person
        .post(
            &format!("/agents/{}/cameras", raw.id),
            &json!({"name": "Gate", "url": "rtsp://192.0.2.1/x", "source": "auto", "recording": {"mode": "continuous"}, "floor_days": 30}),
        )
        .await;
    let camera = camera["summary"]["id"].as_str().expect("a camera id").to_owned();
    let end = now();
    let start = WallMs(end.0 - 20_000);
    let ask = json!({"start_ms": start, "end_ms": end, "reason": "till dispute", "stream": StreamName::Main, "rendition": "original"});
    person.post(&format!("/cameras/{camera}/pulls"), &ask).await;
    let topic = Topic::Down(raw.id, Down::Order).to_string();
    let body = session.message(&topic, Duration::from_secs(15)).await.expect("the order arrives");
    let signed: Signed<Order> = serde_json::from_slice(&body).expect("a signed order");
    let order = signed.verify(&raw.answer.document_key).expect("signed by the hub").into_inner();

    let bodies: [&[u8]; 3] = [b"head of the file", b"first fragment", b"second fragment"];
    let good = manifest(&order, &bodies);
    let base = format!("https://{}/agent/v1/pulls/{}", hub.doors.agents, order.order);
    let put = async |who: &RawBox, path: &str, range: Option<&str>, body: Vec<u8>| -> StatusCode {
        let mut request = who.https().request(Method::PUT, format!("{base}/{path}")).body(body);
        if let Some(range) = range {
            request = request.header("Content-Range", range);
        }
        request.send().await.expect("the door answers").status()
    };
    let sealed = |manifest: &Manifest, key: &SignKey| {
        serde_json::to_vec(&Signed::sign(manifest, key).expect("JSON")).expect("JSON")
    };

    // Another agent's pull, with its own valid signature.
    assert_eq!(put(&mallory, "manifest", None, sealed(&good, &mallory.signing)).await, StatusCode::FORBIDDEN);
    // The right agent, the wrong key.
    assert!(put(&raw, "manifest", None, sealed(&good, &mallory.signing)).await.is_client_error());
    // A range beyond the order.
    let mut wide = good.clone();
    wide.segments[0].sent_start_ms = WallMs(start.0 - 3_600_000);
    wide.segments[0].start_ms = wide.segments[0].sent_start_ms;
    assert!(
        put(&raw, "manifest", None, sealed(&wide, &raw.signing)).await.is_client_error(),
        "a range beyond the order"
    );
    // Pieces that do not give the segment's digest.
    let mut bent = good.clone();
    bent.segments[0].digest = Some(Digest::of(b"something else"));
    assert!(put(&raw, "manifest", None, sealed(&bent, &raw.signing)).await.is_client_error(), "a bent digest");

    assert!(put(&raw, "manifest", None, sealed(&good, &raw.signing)).await.is_success(), "the honest manifest");
    assert!(put(&raw, "manifest", None, sealed(&good, &raw.signing)).await.is_success(), "and once more, unchanged");
    let mut other = good.clone();
    other.segments[0].width = 640;
    assert!(
        put(&raw, "manifest", None, sealed(&other, &raw.signing)).await.is_client_error(),
        "another manifest for the order"
    );

    let short = good.segments[0].segment.short();
    let whole: Vec<u8> = bodies.concat();
    let total = whole.len();
    let all = format!("bytes 0-{}/{total}", total - 1);
    assert_eq!(put(&mallory, &short, Some(&all), whole.clone()).await, StatusCode::FORBIDDEN, "another agent's bytes");
    let mut flipped = whole.clone();
    flipped[20] ^= 1;
    assert!(put(&raw, &short, Some(&all), flipped).await.is_client_error(), "a wrong digest");
    let late = format!("bytes 5-{}/{total}", total - 1);
    assert!(put(&raw, &short, Some(&late), whole[5..].to_vec()).await.is_client_error(), "a hole before the bytes");
    let longer = format!("bytes 0-{total}/{}", total + 1);
    assert!(
        put(&raw, &short, Some(&longer), [&whole[..], b"x"].concat()).await.is_client_error(),
        "more than the manifest"
    );
    assert!(put(&raw, "../../manifest", Some(&all), whole.clone()).await.is_client_error(), "a path outside");
    let elsewhere = format!("bytes 0-{}/{total}", total - 1);
    assert!(
        put(&raw, "00000007-00000001-000009", Some(&elsewhere), whole.clone()).await.is_client_error(),
        "an unlisted segment"
    );

    // Resumed at any byte: first five bytes, then the rest from the offset the hub names.
    let head = format!("bytes 0-4/{total}");
    assert!(put(&raw, &short, Some(&head), whole[..5].to_vec()).await.is_success());
    let offset = raw.https().head(format!("{base}/{short}")).send().await.expect("an answer");
    assert_eq!(offset.headers()["upload-offset"], "5");
    assert!(put(&raw, &short, Some(&late), whole[5..].to_vec()).await.is_success(), "the honest rest");
}
