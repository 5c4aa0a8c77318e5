//! The queue over real databases: what is handed out, lost, dropped and forgotten.

use std::path::Path;

use farwatch_shared::refusal::Refusal;
use farwatch_shared::wire::latest::SecurityFact;

use super::*;

fn draft(class: FactClass, n: u64) -> Draft {
    let fact = SecurityFact {
        refusal: Refusal::Malformed,
        what: "order".into(),
        first_ms: WallMs(0),
        last_ms: WallMs(0),
        count: n,
        detail: "x".repeat(200),
    };
    Draft { class, at_ms: WallMs(1), origin: format!("agent/{n}"), body: FactBody::Security(fact) }
}

fn open(dir: &Path, bound: u64) -> Queue {
    let (db, _) = Db::open(&dir.join("outbox"), 1 << 20, &Clock::real()).unwrap();
    Queue::resume(db, dir.join("outbox.mark"), Clock::real(), bound).unwrap()
}

fn push(queue: &mut Queue, class: FactClass, numbers: std::ops::Range<u64>) {
    let reading = queue.reading().clone();
    queue.push(numbers.map(|n| draft(class, n)).collect(), reading).unwrap();
}

const BOUND: u64 = 64 << 20;

// OPS-02
#[test]
fn facts_wait_until_they_are_received_also_across_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = open(dir.path(), BOUND);
    push(&mut queue, FactClass::Gap, 0..250);
    let epoch = queue.state().epoch;
    drop(queue);
    let mut queue = open(dir.path(), BOUND);
    assert_eq!(queue.state().epoch, epoch);
    let batch = queue.batch(FactClass::Gap, 0).unwrap().unwrap();
    assert_eq!((batch.facts.len(), batch.facts[99].number), (100, 100));
    queue.received(&Received { epoch, through: BTreeMap::from([(FactClass::Gap, 200)]) }).unwrap();
    assert_eq!(queue.batch(FactClass::Gap, 0).unwrap().unwrap().facts[0].number, 201);
    let other = OutboxEpoch::generate();
    queue.received(&Received { epoch: other, through: BTreeMap::from([(FactClass::Gap, 250)]) }).unwrap();
    assert_eq!(queue.state().waiting, 51, "50 gaps and the epoch's own");
    queue.close().unwrap();
    assert_eq!(open(dir.path(), BOUND).state().waiting, 51);
}

// OPS-02
#[test]
fn a_deleted_or_rolled_back_outbox_begins_a_new_epoch_and_says_how_far_the_old_one_was() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = open(dir.path(), BOUND);
    push(&mut queue, FactClass::Gap, 0..3);
    let first = queue.state().epoch;
    drop(queue);
    let copy = dir.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for entry in std::fs::read_dir(dir.path().join("outbox")).unwrap().flatten() {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
        }
    }
    let mut queue = open(dir.path(), BOUND);
    push(&mut queue, FactClass::Gap, 3..5);
    drop(queue);
    std::fs::remove_dir_all(dir.path().join("outbox")).unwrap();
    std::fs::rename(&copy, dir.path().join("outbox")).unwrap();
    let queue = open(dir.path(), BOUND);
    let second = queue.state().epoch;
    assert_ne!(second, first);
    let told = queue.batch(FactClass::Outbox, 0).unwrap().unwrap();
    let FactBody::EpochStarted(started) = &told.facts[0].body else { panic!("{told:?}") };
    assert_eq!((started.previous, started.previous_high[&FactClass::Gap]), (Some(first), 5));
    assert_eq!(started.why, "the outbox is behind its high-water mark");
    drop(queue);
    std::fs::remove_dir_all(dir.path().join("outbox")).unwrap();
    assert_ne!(open(dir.path(), BOUND).state().epoch, second);
}

#[test]
fn a_full_outbox_drops_the_least_important_first_and_tells() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = open(dir.path(), 50_000);
    push(&mut queue, FactClass::Access, 0..50);
    push(&mut queue, FactClass::Gap, 0..50);
    push(&mut queue, FactClass::Health, 0..60);
    let state = queue.state();
    assert!(state.bytes.0 <= 50_000 && state.dropped > 0 && !state.full, "{state:?}");
    assert_eq!(queue.batch(FactClass::Access, 0).unwrap().unwrap().facts[0].number, 1);
    assert_eq!(queue.batch(FactClass::Gap, 0).unwrap().unwrap().facts[0].number, 1);
    let FactBody::Dropped(dropped) = &queue.batch(FactClass::Outbox, 1).unwrap().unwrap().facts[0].body.clone() else {
        panic!("the drop is told")
    };
    assert_eq!((dropped.class, dropped.first, dropped.count), (FactClass::Health, 1, dropped.last));
    push(&mut queue, FactClass::Access, 50..250);
    let state = queue.state();
    assert!(state.full, "accesses are never dropped: {state:?}");
    assert_eq!(queue.batch(FactClass::Access, 0).unwrap().unwrap().facts[0].number, 1);
    drop(queue);
    assert_eq!(open(dir.path(), 50_000).state().epoch, state.epoch, "dropping is no loss");
}

#[test]
fn a_batch_fits_into_a_packet() {
    let dir = tempfile::tempdir().unwrap();
    let mut queue = open(dir.path(), BOUND);
    let large: Vec<_> = (0..10)
        .map(|n| {
            let mut large = draft(FactClass::Security, n);
            if let FactBody::Security(fact) = &mut large.body {
                fact.detail = "x".repeat(40_000);
            }
            large
        })
        .collect();
    let reading = queue.reading().clone();
    queue.push(large, reading).unwrap();
    let batch = queue.batch(FactClass::Security, 0).unwrap().unwrap();
    assert_eq!(batch.facts.len(), 3);
    assert!(serde_json::to_vec(&batch).unwrap().len() <= MAX_BODY);
}
