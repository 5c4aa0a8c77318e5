//! Boots without a clock, and clocks that jump: footage is found at its true time, and nothing is thought older than it is.

use farwatch_agent::catalog::{Catalog, Entry, StreamKey};
use farwatch_agent::enrol::TrustedTime;
use farwatch_agent::footage::gather;
use farwatch_agent::ledger::entry::{Moment, RecorderEntry};
use farwatch_agent::record::clocks::{Boot, ClockWatch, now};
use farwatch_shared::id::{PersonId, StreamName};
use farwatch_shared::time::{ClockState, DAY_MS, SimClock, Span, WallMs};
use farwatch_shared::wire::latest::{ClockChange, ClockFact, PullOrder, Rendition};

use crate::site::{BOOT, MINUTE_MS, Site};

/// When it truly was as the box booted.
const TRUE: i64 = 1_800_000_000_000;

/// A recorder's minute: footage, and a look at the clock each second.
fn minute(site: &mut Site, sim: &SimClock, watch: &ClockWatch, state: ClockState) -> Vec<ClockFact> {
    let mut facts = watch.judged(now(&sim.clock()), state);
    let start = now(&sim.clock());
    for _ in 0..60 {
        sim.advance_ms(1_000);
        facts.extend(watch.judged(now(&sim.clock()), state));
    }
    for fact in &facts {
        site.log.append(&RecorderEntry::Clock { fact: fact.clone() }).unwrap();
    }
    // Its own clock was not stepped within it: a step ends a file at the next keyframe.
    site.record_at(start, state);
    facts
}

async fn all(catalog: &Catalog, site: &Site) -> Vec<Entry> {
    let stream = StreamKey { camera: site.camera, stream: StreamName::Main };
    catalog.totals().wait_for(Option::is_some).await.unwrap();
    let mut entries = catalog.oldest(stream, WallMs(i64::MIN), 10_000).await.unwrap();
    entries.sort_by_key(|e| e.segment.sequence);
    entries
}

// CAP-05, PEERS 5
#[tokio::test]
async fn a_boot_in_1970_is_found_at_its_true_time_once_the_clock_is_set() {
    let mut site = Site::with(0);
    let sim = SimClock::at(WallMs(30_000));
    sim.advance_ms(5_000);
    let watch = ClockWatch::new(&Boot::of(BOOT));
    for _ in 0..10 {
        assert!(minute(&mut site, &sim, &watch, ClockState::Unsynced).is_empty());
    }
    let by_ms = TRUE;
    // The file that is open as the clock is set closes after the line about it, and began before.
    let open = now(&sim.clock());
    sim.advance_ms(20_000);
    sim.step_wall_ms(by_ms);
    let facts = watch.judged(now(&sim.clock()), ClockState::Ntp);
    assert!(matches!(facts[0].change, ClockChange::Stepped { by_ms: seen } if seen == by_ms), "{facts:?}");
    assert!(matches!(facts[2].change, ClockChange::Reanchored { by_ms: seen, .. } if seen == by_ms), "{facts:?}");
    for fact in facts {
        site.log.append(&RecorderEntry::Clock { fact }).unwrap();
    }
    site.record_at(open, ClockState::Unsynced);
    sim.advance_ms(40_000);
    for _ in 0..5 {
        assert!(minute(&mut site, &sim, &watch, ClockState::Ntp).is_empty());
    }
    let files: Vec<Vec<u8>> = (0..16).map(|n| std::fs::read(site.path(n)).unwrap()).collect();

    let check = async |catalog: &Catalog| {
        let entries = all(catalog, &site).await;
        assert_eq!(entries.len(), 16);
        for (entry, closed) in entries.iter().zip(&site.closed) {
            let moved = if closed.clock == ClockState::Unsynced { by_ms } else { 0 };
            assert_eq!(entry.span.start_ms, closed.start.wall_ms.plus_ms(moved), "{}", entry.segment);
            assert_eq!((entry.digest, entry.clock), (closed.digest, closed.clock));
            assert!(entry.aged_from() >= entry.span.end_ms, "no footage is thought older than its true time");
        }
        let pull = PullOrder {
            camera: site.camera,
            stream: StreamName::Main,
            start_ms: WallMs(by_ms + 2 * MINUTE_MS),
            end_ms: WallMs(by_ms + 3 * MINUTE_MS),
            rendition: Rendition::Original,
            person: PersonId::generate(),
            reason: "till".into(),
        };
        let sent = gather(catalog, &site.vault(), &pull).await.unwrap();
        let times: Vec<i64> = sent.iter().map(|s| s.segment.sent_start_ms.0 - by_ms).collect();
        assert_eq!(times.len(), 2, "{times:?}");
        assert!(times.iter().all(|t| (MINUTE_MS..3 * MINUTE_MS).contains(t)), "{times:?}");
        let in_1970 = PullOrder { start_ms: WallMs(0), end_ms: WallMs(DAY_MS), ..pull };
        assert!(gather(catalog, &site.vault(), &in_1970).await.is_err(), "nothing is left where it never was");
    };
    let trusted = TrustedTime::unpersisted(sim.clock());
    let catalog = site.catalog(sim.clock(), trusted.clone());
    check(&catalog).await;
    catalog.stop().await;
    let catalog = site.catalog(sim.clock(), trusted.clone());
    check(&catalog).await;
    catalog.stop().await;
    // Built anew from the logs, days later.
    std::fs::remove_dir_all(site.dir.path().join("catalog")).unwrap();
    sim.advance_ms(3 * DAY_MS);
    let catalog = site.catalog(sim.clock(), TrustedTime::unpersisted(sim.clock()));
    check(&catalog).await;
    catalog.stop().await;
    let after: Vec<Vec<u8>> = (0..16).map(|n| std::fs::read(site.path(n)).unwrap()).collect();
    assert_eq!(files, after, "the files never change");
}

// CAP-05, RET-01
#[tokio::test]
async fn a_clock_put_forward_forty_days_and_back_a_day_makes_no_footage_older_than_it_is() {
    let mut site = Site::with(0);
    let sim = SimClock::at(WallMs(TRUE));
    let watch = ClockWatch::new(&Boot::of(BOOT));
    let trusted = TrustedTime::unpersisted(sim.clock());
    let catalog = site.catalog(sim.clock(), trusted.clone());
    catalog.totals().wait_for(Option::is_some).await.unwrap();
    let (mut facts, mut true_ends) = (Vec::new(), Vec::new());
    for part in 0..3 {
        for _ in 0..20 {
            facts.extend(minute(&mut site, &sim, &watch, ClockState::Ntp));
            true_ends.push(TRUE + sim.clock().boot().0 / 1_000_000);
            // Taken in as it happens, as a running agent does.
            all(&catalog, &site).await;
        }
        sim.step_wall_ms([40 * DAY_MS, -41 * DAY_MS, 0][part]);
    }
    let steps: Vec<i64> = facts
        .iter()
        .filter_map(|f| if let ClockChange::Stepped { by_ms } = f.change { Some(by_ms) } else { None })
        .collect();
    assert_eq!(steps, [40 * DAY_MS, -41 * DAY_MS], "two steps, two entries");

    for (entry, end) in all(&catalog, &site).await.iter().zip(&true_ends) {
        let off = entry.aged_from().0 - end;
        assert!(off.abs() <= 31_000, "{}: {off} ms off the line of evidence", entry.segment);
    }
    catalog.stop().await;

    // Built anew a month later, when no boot clock tells how old anything is: later than true is kept longer, never
    // shorter.
    std::fs::remove_dir_all(site.dir.path().join("catalog")).unwrap();
    sim.advance_ms(30 * DAY_MS);
    let catalog = site.catalog(sim.clock(), trusted.clone());
    for (entry, end) in all(&catalog, &site).await.iter().zip(&true_ends) {
        assert!(entry.aged_from().0 >= end - 1_000, "{} is thought older than it is", entry.segment);
    }
    catalog.stop().await;
}

// CAP-05
#[test]
fn a_span_is_what_the_clock_showed_in_the_log_whatever_it_shows_now() {
    let mut site = Site::with(0);
    let sim = SimClock::at(WallMs(TRUE));
    let start: Moment = now(&sim.clock());
    site.record_at(start, ClockState::Rtc);
    sim.step_wall_ms(DAY_MS);
    assert_eq!(Span::new(WallMs(TRUE), WallMs(TRUE + MINUTE_MS)), site.closed[0].span());
}
