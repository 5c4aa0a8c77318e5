//! Signed documents: believed, and not.

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::{
    CauseTotal, ChainHead, Checkpoint, CoverageStatement, DeletedRange, DeletedWhy, DeletionCertificate,
};
use farwatch_shared::id::{RunId, StreamName};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::{Document, Signed};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{BootNs, ClockState, DAY_MS, Span};
use farwatch_shared::wire::latest::GapCause;

use super::*;

/// The first millisecond of 2026-11-23, UTC.
const DAY: i64 = 1_795_392_000_000;
const RUN: RunId = RunId { boot: 0xab, counter: 1 };

fn statement(house: &House, number: u64, previous: Digest) -> CoverageStatement {
    CoverageStatement {
        agent: house.agent,
        number,
        issued_at_ms: WallMs(DAY + DAY_MS + 7_200_000),
        previous,
        camera: house.camera,
        stream: StreamName::Main,
        day: "2026-11-23".into(),
        time_zone: "UTC".into(),
        start_ms: WallMs(DAY),
        end_ms: WallMs(DAY + DAY_MS),
        expected_ms: 86_400_000,
        recorded_ms: 86_370_000,
        held_ms: 0,
        damaged_ms: 10_000,
        gaps: vec![CauseTotal { cause: GapCause::Camera, count: 2, ms: 20_000 }],
        segments: 1440,
        bytes: ByteSize::gib(10),
        segments_digest: Digest::of(b"segments"),
        oldest_ms: None,
        unbroken_since_ms: None,
        floor_days: 30,
        floor_kept: true,
        next_breach_ms: None,
        crit: Vec::new(),
    }
}

fn checkpoint(house: &House, number: u64, previous: Digest, heads: Vec<ChainHead>) -> Checkpoint {
    Checkpoint {
        agent: house.agent,
        number,
        issued_at_ms: WallMs(DAY + i64::try_from(number).unwrap() * 600_000),
        boot_id: "b".into(),
        boot_ns: BootNs(1),
        clock: ClockState::Ntp,
        clock_error_us: None,
        previous,
        heads,
        logs: Vec::new(),
        crit: Vec::new(),
    }
}

fn certificate(house: &House, number: u64, previous: Digest, first: u32, last: u32) -> DeletionCertificate {
    let at = |sequence: u32| WallMs(DAY + i64::from(sequence) * 60_000);
    DeletionCertificate {
        agent: house.agent,
        number,
        issued_at_ms: WallMs(DAY + 40 * DAY_MS),
        previous,
        why: DeletedWhy::Ceiling,
        camera: house.camera,
        stream: StreamName::Main,
        ranges: vec![DeletedRange {
            run: RUN,
            first_sequence: first,
            last_sequence: last,
            start_ms: at(first),
            end_ms: at(last + 1),
            digest: Digest::of(b"range"),
        }],
        segments: u64::from(last - first) + 1,
        bytes: ByteSize(1),
        crit: Vec::new(),
    }
}

fn digest_of<T: Document>(document: &T) -> Digest {
    Digest::of(&serde_json::to_vec(document).unwrap())
}

fn body<T: Document>(kind: &str, member: &str, document: &T, key: &SignKey) -> Value {
    json!({"kind": kind, member: serde_json::to_value(Signed::sign(document, key).unwrap()).unwrap()})
}

impl House {
    fn coverage(&self, statement: &CoverageStatement) -> Value {
        body("coverage", "statement", statement, &self.key)
    }

    async fn stated(&self) -> Vec<store::coverage::StatementRow> {
        let mut c = self.db.read().await.unwrap();
        store::coverage::between(&mut c, self.camera, StreamName::Main, "2026-01-01", "2027-01-01").await.unwrap()
    }
}

fn refusals(stored: &Stored) -> Vec<(&'static str, Refusal)> {
    stored.disbelieved.iter().map(|d| (d.what, d.refusal)).collect()
}

// RET-05
#[tokio::test]
async fn a_signed_statement_is_stated_word_for_word_and_anchored_in_the_journal() {
    let house = House::new().await;
    let first = statement(&house, 1, Digest::ZERO);
    let told = house.coverage(&first);
    let stored = house.take(batch_of("coverage", 1, std::slice::from_ref(&told))).await;
    assert_eq!((stored.new, stored.quarantined, refusals(&stored)), (1, 0, vec![]));
    assert!(stored.cameras.contains(&house.camera));
    let rows = house.stated().await;
    assert_eq!((rows[0].recorded_ms, rows[0].damaged_ms, rows[0].gaps[0].ms), (86_370_000, 10_000, 20_000));
    let mut c = house.db.read().await.unwrap();
    let kept = store::coverage::envelope(&mut c, house.camera, StreamName::Main, "2026-11-23").await.unwrap().unwrap();
    assert_eq!(kept, told["statement"].to_string(), "not one byte of the envelope is changed");
    let again: Signed<CoverageStatement> = serde_json::from_str(&kept).unwrap();
    assert_eq!(again.verify(&house.key.public()).unwrap().into_inner(), first);
    let journal = house.journal().await;
    assert_eq!(
        (journal[0]["action"].as_str(), journal[0]["detail"]["number"].as_u64()),
        (Some("agent.coverage"), Some(1))
    );
    assert_eq!(journal[0]["detail"]["digest"], digest_of(&first).to_string());
    // A later number for the same day replaces what is shown; from a new outbox nothing is taken twice.
    let second =
        CoverageStatement { recorded_ms: 86_380_000, damaged_ms: 0, ..statement(&house, 2, digest_of(&first)) };
    let stored = house.take(batch_of("coverage", 2, &[told, house.coverage(&second)])).await;
    assert_eq!((stored.new, stored.duplicates), (1, 1));
    let rows = house.stated().await;
    assert_eq!((rows.len(), rows[1].number, rows[1].recorded_ms), (2, 2, 86_380_000));
}

// RET-05 EVD-01
#[tokio::test]
async fn what_is_not_to_be_believed_is_kept_aside_and_never_stated() {
    let house = House::new().await;
    let good = || statement(&house, 1, Digest::ZERO);
    let mut forged = house.coverage(&good());
    let payload = forged["statement"]["payload"].as_str().unwrap().replacen("NDAwMDAw", "NDAwMDAx", 1);
    let payload = if payload == forged["statement"]["payload"] { format!("{payload}AAAA") } else { payload };
    forged["statement"]["payload"] = payload.into();
    let stranger = SignKey::generate().unwrap();
    let bad = [
        (forged, Refusal::BadSignature),
        (body("coverage", "statement", &good(), &stranger), Refusal::BadSignature),
        (house.coverage(&CoverageStatement { agent: AgentId::generate(), ..good() }), Refusal::WrongAddressee),
        (house.coverage(&CoverageStatement { camera: CameraId::generate(), ..good() }), Refusal::UnknownCamera),
        (house.coverage(&CoverageStatement { recorded_ms: 86_400_000, ..good() }), Refusal::Malformed),
        (house.coverage(&CoverageStatement { held_ms: 86_400_000, ..good() }), Refusal::Malformed),
        (house.coverage(&CoverageStatement { end_ms: WallMs(DAY + 2 * DAY_MS), ..good() }), Refusal::Malformed),
        (house.coverage(&CoverageStatement { time_zone: "Asia/Shanghai".into(), ..good() }), Refusal::Malformed),
        (house.coverage(&CoverageStatement { time_zone: "Mars/Olympus".into(), ..good() }), Refusal::Malformed),
        (house.coverage(&CoverageStatement { previous: Digest::of(b"?"), ..good() }), Refusal::BrokenChain),
    ];
    for (n, (told, refusal)) in (1..).zip(&bad) {
        let stored = house.take(batch_of("coverage", n, std::slice::from_ref(told))).await;
        assert_eq!((stored.new, stored.quarantined, stored.through), (0, 1, n), "{refusal}");
        assert_eq!(refusals(&stored), [("coverage", *refusal)]);
    }
    assert_eq!(house.stated().await, []);
    assert_eq!(house.quarantined().await, bad.len() as u64);
}

// EVD-01
#[tokio::test]
async fn a_second_story_under_the_same_number_is_a_fork_and_a_missing_one_is_said() {
    let house = House::new().await;
    let first = statement(&house, 1, Digest::ZERO);
    house.take(batch_of("coverage", 1, &[house.coverage(&first)])).await;
    let other = CoverageStatement { segments: 7, ..first.clone() };
    let stored = house.take(batch_of("coverage", 2, &[house.coverage(&other)])).await;
    assert_eq!(refusals(&stored), [("coverage", Refusal::BrokenChain)]);
    let elsewhere = statement(&house, 2, digest_of(&other));
    let stored = house.take(batch_of("coverage", 3, &[house.coverage(&elsewhere)])).await;
    assert_eq!((stored.new, refusals(&stored)), (0, vec![("coverage", Refusal::BrokenChain)]));
    let late = statement(&house, 4, Digest::of(b"number three"));
    let stored = house.take(batch_of("coverage", 4, &[house.coverage(&late)])).await;
    assert_eq!(stored.new, 1, "it is signed, and says so itself");
    assert!(stored.disbelieved[0].detail.contains("2 before number 4"), "{:?}", stored.disbelieved);
}

// EVD-01
#[tokio::test]
async fn checkpoints_keep_the_newest_and_each_days_first_whole() {
    let house = House::new().await;
    let mut previous = Digest::ZERO;
    for number in 1..=150 {
        let next = checkpoint(&house, number, previous, Vec::new());
        previous = digest_of(&next);
        let told = body("checkpoint", "checkpoint", &next, &house.key);
        let stored = house.take(batch_of("chain_head", number, &[told])).await;
        assert_eq!((stored.new, refusals(&stored)), (1, vec![]));
    }
    let mut c = house.db.read().await.unwrap();
    let numbers = |rows: &[store::checkpoints::CheckpointRow]| rows.iter().map(|r| r.number).collect::<Vec<_>>();
    let days = store::checkpoints::days(&mut c, house.agent, 10).await.unwrap();
    assert_eq!(numbers(&days), [144, 1]);
    let newest = store::checkpoints::newest(&mut c, house.agent).await.unwrap().unwrap();
    assert_eq!((newest.number, newest.digest), (150, previous));
    let journal = house.journal().await;
    assert_eq!(journal.iter().filter(|e| e["action"] == "agent.checkpoint").count(), 2);
    // An old number again with other content: the chain was cut back and goes on differently.
    let regress = checkpoint(&house, 149, Digest::of(b"?"), Vec::new());
    let told = body("checkpoint", "checkpoint", &regress, &house.key);
    let stored = house.take(batch_of("chain_head", 151, &[told])).await;
    assert_eq!((stored.new, refusals(&stored)), (0, vec![("checkpoint", Refusal::BrokenChain)]));
    let cut = WallMs(DAY + 200 * DAY_MS);
    house.db.write(move |c| Box::pin(async move { store::checkpoints::prune(c, cut).await })).await.unwrap();
    assert_eq!(numbers(&store::checkpoints::days(&mut c, house.agent, 10).await.unwrap()), [144, 1]);
}

fn stretch(house: &House, first: u32, last: u32, head: Digest) -> Value {
    let at = |sequence: u32| DAY + i64::from(sequence) * 60_000;
    json!({"kind": "chain_head", "camera": house.camera, "stream": "main", "run": RUN.to_string(),
        "first_sequence": first, "last_sequence": last, "start_ms": at(first), "end_ms": at(last + 1), "bytes": 600,
        "head": head.to_string(), "activity": []})
}

// EVD-01
#[tokio::test]
async fn a_checkpoint_that_names_another_head_than_was_reported_is_not_believed() {
    let house = House::new().await;
    house.take(batch_of("chain_head", 1, &[stretch(&house, 0, 9, Digest::of(b"nine"))])).await;
    let head = |digest| ChainHead {
        camera: house.camera,
        stream: StreamName::Main,
        run: RUN,
        last_sequence: 9,
        end_ms: WallMs(DAY + 600_000),
        head: digest,
    };
    let other = checkpoint(&house, 1, Digest::ZERO, vec![head(Digest::of(b"another"))]);
    let told = body("checkpoint", "checkpoint", &other, &house.key);
    let stored = house.take(batch_of("chain_head", 2, &[told])).await;
    assert_eq!(refusals(&stored), [("checkpoint", Refusal::BrokenChain)]);
    let same = checkpoint(&house, 1, Digest::ZERO, vec![head(Digest::of(b"nine"))]);
    let told = body("checkpoint", "checkpoint", &same, &house.key);
    assert_eq!(house.take(batch_of("chain_head", 3, &[told])).await.new, 1);
}

// RET-04
#[tokio::test]
async fn deleted_footage_leaves_the_timeline_and_does_not_come_back() {
    let house = House::new().await;
    let heads: Vec<Value> = (0..3u32).map(|n| stretch(&house, n * 10, n * 10 + 9, Digest::of(b"head"))).collect();
    house.take(batch_of("chain_head", 1, &heads)).await;
    let first = certificate(&house, 1, Digest::ZERO, 0, 4);
    let second = certificate(&house, 2, digest_of(&first), 5, 14);
    let told = |it: &DeletionCertificate| body("deletion", "certificate", it, &house.key);
    let stored = house.take(batch_of("deletion", 1, &[told(&first), told(&second)])).await;
    assert_eq!((stored.new, refusals(&stored)), (2, vec![]));
    let range = Span::new(WallMs(DAY), WallMs(DAY + DAY_MS)).unwrap();
    let mut c = house.db.read().await.unwrap();
    let spans = store::timeline::spans(&mut c, house.camera, StreamName::Main, range, None).await.unwrap().rows;
    assert_eq!(spans.len(), 2, "the stretch that is gone as a whole has no row any more");
    let gone = store::deletions::gone(&mut c, house.camera, StreamName::Main, range).await.unwrap();
    assert_eq!(gone.len(), 1, "ranges that touch are one row");
    assert_eq!((gone[0].span.start_ms.0, gone[0].span.end_ms.0), (DAY, DAY + 15 * 60_000));
    let list = store::deletions::list(&mut c, Some(house.agent), None, None, 10).await.unwrap();
    assert_eq!(list.iter().map(|d| (d.number, d.segments)).collect::<Vec<_>>(), [(2, 10), (1, 5)]);
    assert_eq!(house.journal().await.iter().filter(|e| e["action"] == "agent.deletion").count(), 1, "one a day");
    // A sum that is not that of its ranges.
    let wrong = DeletionCertificate { segments: 99, ..certificate(&house, 3, digest_of(&second), 15, 19) };
    let stored = house.take(batch_of("deletion", 3, &[told(&wrong)])).await;
    assert_eq!(refusals(&stored), [("deletion", Refusal::Malformed)]);
}
