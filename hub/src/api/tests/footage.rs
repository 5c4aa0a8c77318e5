//! Looking at footage.

use bytes::Bytes;
use farwatch_shared::digest::Digest;
use farwatch_shared::id::{RunId, SegmentId, StreamName, ViewId};
use farwatch_shared::time::{BootNs, ClockState};
use farwatch_shared::wire::latest::{ManifestSegment, Piece};

use super::*;

/// A manifest of one segment: a head of 1,000 bytes and three fragments of 100,000.
fn manifest(camera: CameraId) -> (ManifestSegment, Vec<u8>) {
    let bodies = [vec![1u8; 1_000], vec![2; 100_000], vec![3; 100_000], vec![4; 100_000]];
    let mut offset = 0;
    let pieces: Vec<Piece> = bodies
        .iter()
        .map(|body| {
            let piece = Piece { offset, length: u32::try_from(body.len()).unwrap(), digest: Digest::of(body) };
            offset += body.len() as u64;
            piece
        })
        .collect();
    let segment = ManifestSegment {
        segment: SegmentId { camera, stream: StreamName::Main, run: RunId { boot: 1, counter: 1 }, sequence: 0 },
        digest: None,
        pieces,
        first_piece: 1,
        last_piece: 3,
        codec: "avc1.640028".into(),
        width: 1920,
        height: 1080,
        audio_codec: Some("mp4a.40.2".into()),
        start_ms: WallMs(START.0 - 60_000),
        end_ms: START,
        sent_start_ms: WallMs(START.0 - 60_000),
        sent_end_ms: START,
        start_boot_ns: BootNs(0),
        clock: ClockState::Ntp,
        derived: false,
    };
    (segment, bodies.concat())
}

impl House {
    async fn take_manifest(&self, order: OrderId, segment: &ManifestSegment) {
        let segment = segment.clone();
        let write = self.office.db.write(move |c| {
            Box::pin(async move { store::pulls::put_manifest(c, order, "{}", &[segment], START).await })
        });
        write.await.unwrap();
    }

    async fn receive(&self, order: OrderId, bytes: &[u8]) {
        let row = store::pulls::segments(&mut self.office.db.read().await.unwrap(), order).await.unwrap().remove(0);
        self.office.vault.write(&row, Bytes::copy_from_slice(bytes)).await.unwrap();
        let to = row.bytes_received + bytes.len() as u64;
        let write = self.office.db.write(move |c| {
            Box::pin(async move { store::pulls::received(c, order, &row.short, row.bytes_received, to, START).await })
        });
        assert!(write.await.unwrap());
    }
}

// ACC-02 ACC-03
#[tokio::test]
async fn no_reason_no_byte_and_the_journal_knows_before_the_first() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let camera = house.camera(&admin, agent).await;
    let bare = json!({"start_ms": 1, "end_ms": 2});
    assert_eq!(code_of(admin.post(&format!("/api/v1/cameras/{camera}/pulls"), &bare).await).await, "reason_required");
    let order = house.pull(&admin, camera).await;
    let path = format!("/api/v1/pulls/{order}/views");
    for none in [json!({}), json!({"reason": ""}), json!({"reason": " \t\n"})] {
        let refused = admin.post(&path, &none).await;
        assert_eq!(refused.status(), 400);
        assert_eq!(code_of(refused).await, "reason_required");
    }
    assert!(!house.actions().await.contains(&"pull.view".to_owned()));
    let lost = house.pull(&admin, camera).await;
    let step = store::pulls::Move {
        to: store::pulls::PullState::Refused,
        refusal: Some(farwatch_shared::refusal::Refusal::NoFootage),
        detail: String::new(),
    };
    let write = house.office.db.write(move |c| {
        Box::pin(async move { store::pulls::advance(c, lost, store::pulls::PullState::Approved, &step, START).await })
    });
    assert!(write.await.unwrap());
    let nothing = admin.post(&format!("/api/v1/pulls/{lost}/views"), &json!({"reason": "x"})).await;
    assert_eq!(code_of(nothing).await, "nothing_to_see");
    let view = json_of(admin.post(&path, &json!({"reason": "who opened the gate"})).await).await;
    let entry = house.journal().await.pop().unwrap();
    assert_eq!((entry["action"].as_str(), entry["object"].as_str()), (Some("pull.view"), Some(&*order.to_string())));
    assert_eq!(entry["detail"]["reason"], "who opened the gate");
    assert_eq!(entry["detail"]["view"], view["view"]);
}

#[tokio::test]
async fn a_clip_plays_while_the_rest_still_arrives() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let camera = house.camera(&admin, agent).await;
    let order = house.pull(&admin, camera).await;
    let view = json_of(admin.post(&format!("/api/v1/pulls/{order}/views"), &json!({"reason": "x"})).await).await;
    let clip = format!("/api/v1/views/{}/clip", view["view"].as_str().unwrap());
    let bytes = format!("/api/v1/views/{}/segments/0", view["view"].as_str().unwrap());
    let before = json_of(admin.get(&clip).await).await;
    assert_eq!((before["segments"].as_array().unwrap().len(), before["complete"].as_bool()), (0, Some(false)));
    assert_eq!(admin.get(&bytes).await.status(), 404);

    let (segment, all) = manifest(camera);
    house.take_manifest(order, &segment).await;
    house.receive(order, &all[..150_000]).await;
    let during = json_of(admin.get(&clip).await).await;
    assert_eq!(during["codec"], "avc1.640028,mp4a.40.2");
    // Half a fragment has not been checked and is not shown.
    assert_eq!(during["segments"][0]["bytes_ready"], 101_000);
    assert_eq!(during["segments"][0]["bytes_total"], 301_000);
    let range = |text: &'static str| admin.request(Method::GET, &bytes).header("range", text).send();
    let part = range("bytes=900-1099").await.unwrap();
    assert_eq!(part.status(), 206);
    assert_eq!(part.headers()["content-range"], "bytes 900-1099/301000");
    assert_eq!(part.bytes().await.unwrap(), &all[900..1100]);
    let early = range("bytes=101000-").await.unwrap();
    assert_eq!(early.status(), 416);
    assert_eq!(code_of(early).await, "not_there_yet");
    let rest = range("bytes=1000-").await.unwrap();
    assert_eq!(rest.headers()["content-range"], "bytes 1000-100999/301000");

    house.receive(order, &all[150_000..]).await;
    assert_eq!(json_of(admin.get(&clip).await).await["complete"], true);
    let whole = admin.get(&bytes).await;
    assert_eq!((whole.status().as_u16(), whole.headers()["content-type"].to_str().unwrap()), (200, "video/mp4"));
    assert!(whole.headers().get("content-encoding").is_none());
    assert_eq!(whole.bytes().await.unwrap(), &all[..]);
}

#[tokio::test]
async fn a_view_is_its_persons_alone_and_ends_after_four_hours() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let camera = house.camera(&admin, agent).await;
    let order = house.pull(&admin, camera).await;
    let row = store::pulls::ViewRow {
        view: ViewId::generate(),
        order,
        person: farwatch_shared::id::PersonId::generate(),
        reason: "somebody else's".into(),
        created_ms: START,
    };
    let others = row.view;
    let write = house.office.db.write(move |c| Box::pin(async move { store::pulls::insert_view(c, &row).await }));
    write.await.unwrap();
    assert_eq!(admin.get(&format!("/api/v1/views/{others}/clip")).await.status(), 404);
    let view = json_of(admin.post(&format!("/api/v1/pulls/{order}/views"), &json!({"reason": "x"})).await).await;
    let clip = format!("/api/v1/views/{}/clip", view["view"].as_str().unwrap());
    assert_eq!(admin.get(&clip).await.status(), 200);
    house.time.advance_ms(4 * 3_600_000);
    let over = admin.get(&clip).await;
    assert_eq!((over.status().as_u16(), code_of(over).await.as_str()), (410, "view_over"));
}
