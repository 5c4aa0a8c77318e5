//! Events, clock changes, faults.

use farwatch_shared::id::StreamName;
use farwatch_shared::time::Span;
use farwatch_shared::wire::latest::{ClockChange, FaultKind, Trigger};

use super::*;

fn range() -> Span {
    Span::new(WallMs(0), WallMs(1_000_000)).unwrap()
}

#[tokio::test]
async fn events_are_found_by_time_and_a_strangers_are_kept_aside() {
    let house = House::new().await;
    let event = |camera: CameraId, start: i64, by: &str| json!({"kind": "event", "camera": camera, "trigger": by, "start_ms": start, "end_ms": start + 500});
    let strange = event(CameraId::generate(), 1, "activity");
    let reversed = json!({"kind": "event", "camera": house.camera, "trigger": "input", "start_ms": 9, "end_ms": 1});
    let told = [event(house.camera, 5_000, "activity"), event(house.camera, 1_000, "manual"), strange, reversed];
    let stored = house.take(batch_of("event", 1, &told)).await;
    assert_eq!((stored.new, stored.quarantined), (2, 2));
    let mut c = house.db.read().await.unwrap();
    let events = store::happenings::events(&mut c, house.camera, range()).await.unwrap();
    let seen: Vec<_> = events.iter().map(|e| (e.trigger, e.start_ms.0)).collect();
    assert_eq!(seen, [(Trigger::Manual, 1_000), (Trigger::Activity, 5_000)]);
    let later = Span::new(WallMs(2_000), WallMs(9_000)).unwrap();
    assert_eq!(store::happenings::events(&mut c, house.camera, later).await.unwrap().len(), 1);
}

// CAP-05
#[tokio::test]
async fn clock_changes_are_kept_in_order_and_journaled() {
    let house = House::new().await;
    let told =
        |at: i64, change: Value| json!({"kind": "clock", "at_ms": at, "boot_id": "b", "boot_ns": 1, "change": change});
    let facts = [
        told(5_000, json!({"is": "stepped", "by_ms": -86_400_000})),
        told(4_000, json!({"is": "state", "before": "unsynced", "now": "ntp"})),
        told(6_000, json!({"is": "reanchored", "until_boot_ns": 7, "by_ms": 100})),
    ];
    assert_eq!(house.take(batch_of("clock", 1, &facts)).await.new, 3);
    let mut c = house.db.read().await.unwrap();
    let changes = store::happenings::clock_before(&mut c, house.agent, WallMs(5_500), 10).await.unwrap();
    let seen: Vec<_> = changes.iter().map(|row| row.at_ms.0).collect();
    assert_eq!(seen, [4_000, 5_000]);
    assert_eq!(changes[1].change, ClockChange::Stepped { by_ms: -86_400_000 });
    let late = Span::new(WallMs(5_500), WallMs(9_000)).unwrap();
    assert_eq!(store::happenings::clock_around(&mut c, house.agent, late).await.unwrap().len(), 3);
    assert!(house.journal().await.iter().all(|e| e["action"] == "agent.clock"));
}

// CAP-05, PEERS 5
#[tokio::test]
async fn footage_of_a_boot_without_a_clock_is_moved_to_its_true_time_once() {
    let house = House::new().await;
    let stretch = |run: &str, start: i64| {
        json!({"kind": "chain_head", "camera": house.camera, "stream": "main", "run": run, "first_sequence": 0,
            "last_sequence": 9, "start_ms": start, "end_ms": start + 600_000, "bytes": 5,
            "head": format!("sha256:{}", "0".repeat(64))})
    };
    // Recorded in 1970 from a minute after the start on; another boot's; and what came after the clock was set.
    let by_ms = 1_800_000_000_000i64;
    let stretches = [
        stretch("0000000a-00000003", 60_000),
        stretch("0000000b-00000001", 70_000),
        stretch("0000000a-00000004", by_ms + 900_000),
    ];
    house.take(batch_of("chain_head", 1, &stretches)).await;
    let gap = json!({"kind": "gap", "camera": house.camera, "stream": "main", "start_ms": 660_000, "end_ms": 670_000,
        "cause": "camera"});
    house.take(batch_of("gap", 1, &[gap])).await;
    let set = json!({"kind": "clock", "at_ms": by_ms + 800_000, "boot_id": "0000000a-1111-2222-3333-444444444444",
        "boot_ns": 800_000_000_000i64, "change": {"is": "reanchored", "until_boot_ns": 800_000_000_000i64, "by_ms": by_ms}});
    assert_eq!(house.take(batch_of("clock", 1, std::slice::from_ref(&set))).await.new, 1);
    assert_eq!(house.take(batch_of("clock", 1, &[set])).await.duplicates, 1);
    let mut c = house.db.read().await.unwrap();
    let all = Span::new(WallMs(0), WallMs(2 * by_ms)).unwrap();
    let page = store::timeline::spans(&mut c, house.camera, StreamName::Main, all, None).await.unwrap();
    let seen: Vec<i64> = page.rows.iter().map(|row| row.span.start_ms.0).collect();
    assert_eq!(seen, [70_000, by_ms + 60_000, by_ms + 900_000]);
    let gaps = store::timeline::gaps(&mut c, house.camera, StreamName::Main, all, None).await.unwrap();
    assert_eq!(gaps.rows[0].span.start_ms.0, by_ms + 660_000);
    drop(c);
    // What was open as the clock was set is told of after the clock.
    house
        .take(batch_of(
            "chain_head",
            4,
            &[stretch("0000000a-00000003", 700_000), stretch("0000000c-00000001", 710_000)],
        ))
        .await;
    let mut c = house.db.read().await.unwrap();
    let page = store::timeline::spans(&mut c, house.camera, StreamName::Main, all, None).await.unwrap();
    let seen: Vec<i64> = page.rows.iter().map(|row| row.span.start_ms.0).collect();
    assert_eq!(seen, [70_000, 710_000, by_ms + 60_000, by_ms + 700_000, by_ms + 900_000]);
}

// RET-07
#[tokio::test]
async fn a_fault_is_open_until_it_was_seen_mended() {
    let house = House::new().await;
    let damage = |start: i64, open: bool| {
        json!({"kind": "fault", "fault": "damage", "camera": house.camera, "stream": "main",
            "span": {"start_ms": start, "end_ms": start + 60_000}, "open": open, "detail": "segment 7 does not match"})
    };
    let clock =
        |open: bool| json!({"kind": "fault", "fault": "clock_unsure", "open": open, "detail": "no time server"});
    let stored =
        house.take(batch_of("fault", 1, &[damage(0, true), damage(120_000, true), damage(0, true), clock(true)])).await;
    assert_eq!(stored.faults.unwrap(), [(FaultKind::Damage, 2), (FaultKind::ClockUnsure, 1)].into());
    assert!(stored.cameras.contains(&house.camera), "its timeline shows it");
    let mut c = house.db.read().await.unwrap();
    let damaged = |spans: &[Span]| spans.iter().map(|s| s.start_ms.0).collect::<Vec<_>>();
    let spans = store::faults::damage(&mut c, house.camera, StreamName::Main, range()).await.unwrap();
    assert_eq!(damaged(&spans), [0, 120_000]);
    let stored = house.take(batch_of("fault", 5, &[damage(0, false), clock(false)])).await;
    assert_eq!(stored.faults.unwrap(), [(FaultKind::Damage, 1)].into());
    let spans = store::faults::damage(&mut c, house.camera, StreamName::Main, range()).await.unwrap();
    assert_eq!(damaged(&spans), [120_000]);
    let rows = store::faults::of_agent(&mut c, house.agent, WallMs(0), 10).await.unwrap();
    let seen: Vec<_> = rows.iter().map(|f| (f.fault, f.mended_ms.map(|t| t.0))).collect();
    assert_eq!(seen.len(), 3);
    assert_eq!(seen[0], (FaultKind::Damage, None), "what is open comes first");
    assert!(seen.contains(&(FaultKind::ClockUnsure, Some(6))));
    // The same facts from a new outbox open nothing again.
    let again = house.take(batch_of("fault", 1, &[damage(0, true)])).await;
    assert_eq!((again.new, again.duplicates, again.faults), (0, 1, None));
    assert_eq!(store::faults::all_open(&mut c).await.unwrap()[&house.agent].len(), 1);
}
