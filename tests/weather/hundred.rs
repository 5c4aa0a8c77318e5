//! A hundred faults at a site of three cameras: the ledger's total is what is missing, within a second, and each missing
//! second bears the right cause.

use std::collections::BTreeMap;
use std::time::Duration;

use farwatch_agent::ledger::entry::ClosedWhy;
use farwatch_shared::wire::latest::GapCause;
use farwatch_tests::account::Account;
use farwatch_tests::bins::rounds;
use farwatch_tests::truth::FRAME_MS;

use crate::fault::{EACH, Fault, MORE};
use crate::house::{House, boot_ns};

const SECOND: i64 = 1_000_000_000;
/// How far the ledger may be from the truth.
const TOLERANCE_MS: i64 = 1_000;

/// What one fault did to one camera.
struct Outcome {
    missing_ms: i64,
    ledger_ms: i64,
    causes: BTreeMap<String, i64>,
}

fn word(cause: GapCause) -> String {
    format!("{cause:?}").to_lowercase()
}

/// Frames that should have been recorded between two boot times and do not decode from the vault, against the ledger.
fn outcome(account: &Account, from: i64, to: i64) -> Outcome {
    let held = account.held();
    let nearest = |boot: i64| {
        let any = held.first().copied().expect("something is recorded");
        let away = (boot - account.boot_ns(any)).div_euclid(i64::try_from(FRAME_MS).unwrap_or(50) * 1_000_000);
        any.0.saturating_add_signed(away)
    };
    let expected = nearest(from)..nearest(to);
    let there =
        held.range(farwatch_tests::truth::FrameIndex(expected.start)..).take_while(|f| f.0 < expected.end).count();
    let missing = (expected.end - expected.start).saturating_sub(there as u64);
    let mut causes = BTreeMap::new();
    for gap in &account.gaps {
        let overlap = gap.end.boot_ns.0.min(to) - gap.start.boot_ns.0.max(from);
        if overlap > 0 {
            *causes.entry(word(gap.cause)).or_default() += overlap / 1_000_000;
        }
    }
    Outcome {
        missing_ms: i64::try_from(missing * FRAME_MS).unwrap_or(i64::MAX),
        ledger_ms: causes.values().sum(),
        causes,
    }
}

/// What is wrong with how a fault was accounted for.
fn judge(fault: Fault, camera: usize, outcome: &Outcome) -> Option<String> {
    let Outcome { missing_ms, ledger_ms, causes } = outcome;
    if (missing_ms - ledger_ms).abs() > TOLERANCE_MS {
        return Some(format!("{missing_ms} ms are missing and {ledger_ms} ms ledgered"));
    }
    let wanted = fault.cause().filter(|_| fault.touches(camera)).map(word);
    let wrong: Vec<&String> = causes.keys().filter(|cause| Some(*cause) != wanted.as_ref()).collect();
    if !wrong.is_empty() {
        return Some(format!("put down to {causes:?}, not to {wanted:?}"));
    }
    // Every fault that costs footage must have cost some, or it did not happen.
    (wanted.is_some() && *ledger_ms == 0 && !matches!(fault, Fault::CameraHangsUp(_)))
        .then(|| "nothing is missing".to_owned())
}

// CAP-03, CAP-05
#[tokio::test]
async fn every_missing_second_is_ledgered_with_the_right_cause_through_a_hundred_faults() {
    let mut house = House::build().await;
    let count = rounds(8, 100);
    let faults: Vec<Fault> = EACH.into_iter().chain(MORE).cycle().take(count as usize).collect();
    let mut wrong = Vec::new();
    let (mut missing, mut ledgered) = (0, 0);
    println!("  n  fault                          missing/ledgered ms of each camera, causes");
    for (n, fault) in (1..).zip(faults) {
        // What was written down by now is safe on the disk before the fault comes.
        house.books.read();
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let steps = clock_steps(&house);
        let chance = farwatch_shared::keys::random32().expect("randomness")[0];
        let from = boot_ns() - SECOND;
        fault.happen(&mut house, chance).await;
        house.recorded_past(boot_ns() + 4 * SECOND).await;
        let to = boot_ns() - 2 * SECOND;
        house.books.read_with_open();
        let mut line = String::new();
        for (at, camera) in house.cameras.iter().enumerate() {
            let outcome = outcome(house.books.account(camera), from, to);
            missing += outcome.missing_ms;
            ledgered += outcome.ledger_ms;
            line += &format!(" {}/{} {:?}", outcome.missing_ms, outcome.ledger_ms, outcome.causes.keys());
            if let Some(why) = judge(fault, at, &outcome) {
                wrong.push(format!("{n} {fault:?}, camera {at}: {why}"));
                line += " WRONG";
            }
        }
        if let Fault::ClockStep(by) = fault
            && clock_steps(&house) < steps + house.cameras.len()
        {
            wrong.push(format!("{n}: no file was cut at the step of {by} s"));
        }
        println!("{n:3}  {:<30}{line}", format!("{fault:?}"));
    }
    println!("{count} faults: {missing} ms missing, {ledgered} ms ledgered, {} wrong", wrong.len());
    for account in house.books.accounts() {
        wrong.extend(account.unreadable.iter().map(|why| format!("{}: {why}", account.mount)));
        wrong.extend(account.seams().iter().map(|why| format!("{}: {why}", account.mount)));
    }
    wrong.extend(told_by_the_hub(&house).await);
    assert!(wrong.is_empty(), "{} of {count} faults: {wrong:#?}", wrong.len());
}

/// Files closed because the wall clock was stepped.
fn clock_steps(house: &House) -> usize {
    let of = |account: &Account| account.closed.iter().filter(|c| c.why == ClosedWhy::ClockStep).count();
    house.books.accounts().map(of).sum()
}

/// The hub tells the same of every camera, cause by cause.
async fn told_by_the_hub(house: &House) -> Vec<String> {
    let mut wrong = Vec::new();
    for camera in &house.cameras {
        let account = house.books.account(camera);
        let mut said: BTreeMap<String, i64> = BTreeMap::new();
        for gap in &account.gaps {
            *said.entry(word(gap.cause)).or_default() += gap.end.wall_ms.since(gap.start.wall_ms);
        }
        let mut told = BTreeMap::new();
        let same = |told: &BTreeMap<String, i64>| {
            told.len() == said.len() && said.iter().all(|(c, ms)| told.get(c).is_some_and(|t| (t - ms).abs() <= 1_000))
        };
        for _ in 0..60 {
            told = BTreeMap::new();
            for gap in house.person.recent_gaps(camera).await {
                *told.entry(gap.cause).or_default() += gap.end_ms - gap.start_ms;
            }
            if same(&told) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        println!("{}: {said:?}", account.mount);
        if !same(&told) {
            wrong.push(format!("{}: the ledger says {said:?}, the hub {told:?}", account.mount));
        }
    }
    wrong
}
