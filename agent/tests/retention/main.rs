//! Months of retention on a small real disk in simulated time: nothing under the floor goes, the ceiling is kept and certified,
//! holds outlive the ring, a breach is written down before it happens, an unmounted disk loses nothing.

mod site;

use farwatch_agent::health::About;
use farwatch_agent::ledger::agent::AgentBody;
use farwatch_agent::retention::{Hold, InForce, Policy};
use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::DeletedWhy;
use farwatch_shared::id::StreamName;
use farwatch_shared::policy::budget::{Demand, budget};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{DAY_MS, Span};
use farwatch_shared::wire::latest::{
    CamerasPart, DesiredCamera, DesiredStream, FaultKind, GiveWay, Recording, RetentionPart, RetentionRule,
    SourceChoice, WhenShort,
};

use site::{DAY, STEP_MS, Site, listed};

fn rule(floor_days: u32) -> RetentionRule {
    RetentionRule { floor_days, ceiling_days: None, event_days: None, quota: None }
}

// RET-01 RET-04 CAP-05
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn thirty_one_days_keep_the_floor_and_the_ceiling_through_clock_steps_of_plus_forty_and_minus_one_day() {
    let mut site = Site::new(ByteSize::mib(48));
    let lines = site.room_for(DAY * 35);
    let policy = Policy { lines, ..Policy::default() };
    site.want(RetentionRule { ceiling_days: Some(31), ..rule(30) }, policy, Vec::new());
    site.days(10).await;
    site.sim.step_wall_ms(40 * DAY_MS);
    site.days(1).await;
    site.sim.step_wall_ms(-41 * DAY_MS);
    site.days(1).await;
    site.sim.step_wall_ms(DAY_MS);
    site.days(19).await;
    assert!(site.gone.is_empty(), "31 days: a clock 40 days ahead and one a day behind made nothing older");
    // The month is full; from here on something must go with every step.
    for _ in 0..12 * DAY_MS / STEP_MS {
        site.step().await;
        assert!(site.oldest_ms() <= 31 * DAY_MS + STEP_MS, "past its ceiling by less than an hour, of 24 allowed");
    }
    assert!(site.gone.len() > 11 * 48 * 2);
    let lines = site.ledger();
    let listed = listed(&lines);
    for (segment, truth, at_ms) in &site.gone {
        assert!(at_ms - truth.end_boot_ms > 31 * DAY_MS, "{segment} went early");
        assert_eq!(listed.get(segment), Some(&(truth.digest, DeletedWhy::Ceiling)), "{segment} is listed by digest");
    }
    assert_eq!(listed.len(), site.gone.len(), "nothing is listed that is still there");
    println!(
        "43 simulated days on a {} disk of 48 MiB: {} segments removed at their ceiling, each listed by digest first",
        if site.is_mounted() { "loop-mounted" } else { "counted" },
        site.gone.len()
    );
}

// RET-01 RET-03
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_under_the_floor_goes_for_room_and_a_hold_survives_three_overwrites() {
    let mut site = Site::new(ByteSize::mib(16));
    // Room for six days, five of them promised.
    let policy = Policy { lines: site.room_for(DAY * 6), ..Policy::default() };
    let capacity = site.free();
    site.want(rule(5), policy.clone(), Vec::new());
    site.days(1).await;
    let now = site.sim.clock().wall();
    let held = Span { start_ms: now.plus_ms(-12 * 3_600_000), end_ms: now.plus_ms(-6 * 3_600_000) };
    site.want(rule(5), policy, vec![Hold { camera: site.camera, span: held }]);
    while site.gone.iter().map(|(_, truth, _)| truth.bytes).sum::<u64>() < 3 * capacity {
        site.step().await;
    }
    for (segment, truth, at_ms) in &site.gone {
        assert!(at_ms - truth.end_boot_ms > 5 * DAY_MS, "{segment} was under its floor");
    }
    let old: Vec<_> = site.there.iter().filter(|(id, _)| id.sequence < 48).collect();
    assert_eq!(old.len(), 2 * 12, "six hours of both streams");
    for (segment, truth) in old {
        assert_eq!(Digest::of(&std::fs::read(site.vault.path(segment)).unwrap()), truth.digest);
    }
    assert!(listed(&site.ledger()).values().all(|(_, why)| *why == DeletedWhy::Space));
    println!(
        "{} removed on a disk of {capacity} bytes: overwritten three times around a hold of 6 hours",
        site.gone.len()
    );
}

// RET-01 RET-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forced_breach_is_alarmed_days_ahead_written_down_first_and_goes_in_the_declared_order() {
    let mut site = Site::new(ByteSize::mib(24));
    let policy = Policy {
        lines: site.room_for(DAY * 8),
        when_short: WhenShort::KeepRecording,
        give_way: vec![GiveWay::OverFloor, GiveWay::SubStreams, GiveWay::Oldest],
        ..Policy::default()
    };
    let lines = policy.lines;
    site.want(rule(30), policy.clone(), Vec::new());
    let mut alarmed = None;
    let mut first_breach = None;
    for step in 0..20 * DAY_MS / STEP_MS {
        site.step().await;
        if alarmed.is_none() && site.faults.is_open(FaultKind::RetentionAtRisk, About::this_box()) {
            alarmed = Some((step, site.forecast.borrow().clone().unwrap()));
        }
        if first_breach.is_none() && !site.gone.is_empty() {
            first_breach = Some((step, site.sim.clock().wall()));
        }
        assert!(site.free() > lines.stop().0, "recording never has to stop");
    }
    let ((alarmed, forecast), (breached, at)) = (alarmed.unwrap(), first_breach.unwrap());
    let days_ahead = (breached - alarmed) * STEP_MS / DAY_MS;
    assert!(days_ahead >= 7, "alarmed {days_ahead} days ahead");
    let off = forecast.breach_at_ms.unwrap().since(at).abs();
    assert!(off < DAY_MS * 3 / 2, "the forecast was {off} ms off");
    assert!(forecast.missing.0 > 0);
    let ledger = site.ledger();
    let listed = listed(&ledger);
    assert!(site.gone.iter().all(|(id, truth, _)| listed.get(id) == Some(&(truth.digest, DeletedWhy::Breach))));
    // All sub streams went before the first main stream did.
    let first_main = site.gone.iter().position(|(id, ..)| id.stream == StreamName::Main).unwrap();
    assert!(site.gone[..first_main].iter().filter(|(id, ..)| id.stream == StreamName::Sub).count() > 8 * 48);
    let mut broken = ByteSize(0);
    for pair in ledger.windows(2) {
        if let AgentBody::Deleting { why: DeletedWhy::Breach, segments, .. } = &pair[1] {
            let AgentBody::Breach { fact } = &pair[0] else { panic!("a breach is said before it is done: {pair:?}") };
            assert_eq!(fact.bytes.0, segments.iter().map(|gone| gone.bytes.0).sum::<u64>());
            broken.0 += fact.bytes.0;
        }
    }
    assert_eq!(broken.0, site.gone.iter().map(|(_, truth, _)| truth.bytes).sum::<u64>());
    println!("breach of {broken} alarmed {days_ahead} days ahead, forecast {} h off", off / 3_600_000);

    // The same disk, the floor first: nothing more goes.
    let gone = site.gone.len();
    site.want(rule(30), Policy { when_short: WhenShort::KeepFloor, ..policy }, Vec::new());
    site.days(1).await;
    assert_eq!(site.gone.len(), gone);
}

// RET-02
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_days_on_a_volume_for_thirty_are_refused_with_the_bytes_missing() {
    let mut site = Site::new(ByteSize::mib(48));
    let lines = site.room_for(DAY * 31);
    site.want(rule(30), Policy { lines, ..Policy::default() }, Vec::new());
    site.days(3).await;
    let measured = site.measured.borrow().clone().unwrap();
    let part = |floor_days| RetentionPart {
        cameras: [(site.camera, rule(floor_days))].into(),
        min_free: lines.min_free,
        when_short: WhenShort::KeepRecording,
        give_way: Vec::new(),
    };
    let cameras = one_camera(&site);
    let thirty = InForce::default().judge(&part(30), &cameras, Some(&measured));
    assert_eq!(thirty.refused, None, "thirty fit");
    let sixty = thirty.judge(&part(60), &cameras, Some(&measured));
    assert_eq!(sixty.policy, Some(part(30)), "the rule before stays in force");
    let problem = sixty.refused.unwrap().problem();
    assert_eq!(problem.refusal, Refusal::PolicyTooLarge);
    // The hub's side of the same sum, from the figures the box reports.
    let rate = measured.rates[&site.camera];
    let demand = Demand {
        camera: site.camera,
        bytes_per_day: Some(ByteSize(rate.bytes_per_day)),
        event_permille: 0,
        rule: rule(60),
    };
    let hub = budget(&[demand], measured.room(lines.min_free));
    assert_eq!(problem.missing, Some(hub.missing));
    let days = hub.missing.0 / DAY;
    assert!((28..=31).contains(&days), "{} are {days} days", hub.missing);
    assert!(site.gone.is_empty(), "nothing is deleted because of a refused policy");
    println!("60 days on a disk for 31: refused, {} missing", hub.missing);
}

// RET-01
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unmounted_disk_stops_deletion_and_opens_a_fault_until_it_is_back() {
    let mut site = Site::new(ByteSize::mib(16));
    let policy = Policy { lines: site.room_for(DAY * 3), ..Policy::default() };
    site.want(rule(1), policy, Vec::new());
    site.days(2).await;
    let Some(image) = site.unmount() else {
        println!("no disk can be mounted here: only the verdicts of `vault::volume` are shown, by its own tests");
        return;
    };
    site.sim.advance_ms(10 * DAY_MS);
    assert_eq!(site.sweep.pass().await.segments, 0);
    assert!(site.faults.is_open(FaultKind::WrongMount, About::this_box()));
    assert!(listed(&site.ledger()).is_empty(), "nothing is even written down to go");
    assert_eq!(std::fs::read_dir(site.home.vault()).unwrap().count(), 0, "and the disk below got no mark");
    site.mount_again(image);
    site.days(1).await;
    assert!(!site.faults.is_open(FaultKind::WrongMount, About::this_box()));
}

fn one_camera(site: &Site) -> CamerasPart {
    let stream = |stream| DesiredStream { stream, url: "rtsp://cam/x".into(), record: true, target: None };
    let camera = DesiredCamera {
        camera: site.camera,
        name: "Gate".into(),
        recording: Recording::Continuous,
        audio: false,
        audio_purpose: None,
        source: SourceChoice::Auto,
        streams: vec![stream(StreamName::Main), stream(StreamName::Sub)],
        credential: None,
        ca_pem: None,
    };
    CamerasPart { cameras: vec![camera], time_zone: None }
}
