//! A box records, retention works on it, it is killed and goes on; then somebody alters a copy of it.

mod forge;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use farwatch_agent::config::Home;
use farwatch_agent::enrol::Identity;
use farwatch_agent::ledger::agent::{AgentBody, AgentLedger};
use farwatch_agent::ledger::witness::{Terms, Witness, WitnessConfig};
use farwatch_agent::vault::Vault;
use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::entry::{Closed, GoneSegment, RecorderEntry};
use farwatch_shared::evidence::{Checkpoint, CoverageStatement, DeletedWhy, DeletionCertificate};
use farwatch_shared::id::StreamName;
use farwatch_shared::keys::SignKey;
use farwatch_shared::seal::Signed;
use farwatch_shared::time::{DAY_MS, SimClock, WallMs};
use farwatch_tests::agent::recorder_pids;
use farwatch_tests::bins::bin;
use farwatch_tests::child::signal;
use farwatch_tests::raw::now;
use farwatch_tests::site::Site;
use farwatch_tests::wait::until;
use rustix::process::Signal;
use serde_json::Value;

use forge::{Copy, closings, cut, forge, payloads, rewrite};

/// Runs farwatch-verify: its exit code and report.
fn verify(dir: &Path, key: &Path, more: &[&str]) -> (i32, Value) {
    let done = std::process::Command::new(bin("farwatch-verify"))
        .args(["--json", "--key"])
        .arg(key)
        .args(more)
        .arg(dir)
        .output()
        .expect("farwatch-verify runs");
    let report = serde_json::from_slice(&done.stdout)
        .unwrap_or_else(|_| panic!("no report: {}", String::from_utf8_lossy(&done.stderr)));
    (done.status.code().unwrap_or(-1), report)
}

fn passes(what: &str, (code, report): (i32, Value)) -> Value {
    assert_eq!((code, report["ok"].as_bool()), (0, Some(true)), "{what}: {report:#}");
    report
}

/// Waits until both cameras were recorded for so long from now.
async fn record(site: &Site, cameras: &[&str], ms: i64) {
    let until = now().0 + ms;
    for camera in cameras {
        site.recorded_past(camera, until).await;
    }
}

async fn end_recorder(dir: &Path, how: Signal) {
    for pid in recorder_pids(dir) {
        signal(pid, how);
    }
    until("the recorder's end", Duration::from_secs(20), || {
        std::future::ready(recorder_pids(dir).is_empty().then_some(()))
    })
    .await;
}

/// Three days later: what the agent would state and certify by then, and retention has removed some footage.
async fn three_days_later(dir: &Path, gone: &[Closed]) {
    let home = Home::new(dir);
    let identity = Identity::load(&home).expect("an identity");
    let sim = SimClock::at(now().plus_ms(3 * DAY_MS));
    let ledger = AgentLedger::open(home.agent_ledger(), sim.clock(), WallMs(0)).expect("the agent's log");
    let vault = Vault::new(home.vault());
    let segments: Vec<GoneSegment> = gone
        .iter()
        .map(|closed| GoneSegment {
            segment: closed.segment,
            digest: closed.digest,
            span: closed.span().expect("footage"),
            bytes: closed.bytes,
        })
        .collect();
    let line = AgentBody::Deleting { why: DeletedWhy::Ceiling, segments, by: None };
    ledger.append(line).await.expect("a line");
    for closed in gone {
        std::fs::remove_file(vault.path(&closed.segment)).expect("a segment can be removed");
    }
    let terms = || Terms { wanted: Some(BTreeSet::new()), default_floor: 30, ..Terms::default() };
    let mut witness = Witness::new(WitnessConfig {
        ledger,
        recorder_ledgers: home.recorder_ledgers(),
        agent: identity.hub.agent,
        key: SignKey::from_pem(&identity.sign.to_pem().expect("a key")).expect("a key"),
        clock: sim.clock(),
        boot_id: "test".into(),
        terms: Box::new(terms),
    });
    witness.pass(true).await.expect("witnessed");
}

/// The findings of a kind about a camera.
fn findings<'a>(report: &'a Value, what: &str, camera: &str) -> Vec<&'a Value> {
    let all = report["findings"].as_array().expect("findings");
    all.iter().filter(|f| f["what"] == what && f["camera"] == camera && f["stream"] == "main").collect()
}

/// A finding of a kind that names exactly this camera, stream and time.
fn names(verified: &(i32, Value), what: &str, closed: &Closed) {
    let camera = closed.segment.camera.to_string();
    let (start, end) = (closed.start.wall_ms.0, closed.end.wall_ms.0);
    let found = findings(&verified.1, what, &camera);
    assert!(
        verified.0 == 1 && found.iter().any(|f| f["start_ms"] == start && f["end_ms"] == end),
        "{what} of {camera} from {start} to {end}: {:#}",
        verified.1["findings"]
    );
}

/// A finding of a kind about this camera that reaches over an instant.
fn names_around(verified: &(i32, Value), what: &str, camera: &str, at: WallMs) {
    let around = |f: &&Value| f["start_ms"].as_i64() <= Some(at.0) && Some(at.0) <= f["end_ms"].as_i64();
    let found = findings(&verified.1, what, camera);
    assert!(
        verified.0 == 1 && found.iter().any(around),
        "{what} of {camera} around {at}: {:#}",
        verified.1["findings"]
    );
}

// EVD-01, RET-05
#[tokio::test]
async fn every_way_of_tampering_is_named_with_camera_stream_and_time() {
    let mut site = Site::start_with("cam0", "segment_seconds = 2\n").await;
    let other = site.add("Gate 5", "cam1", None).await;
    site.recording(&other).await;
    let (first, dir) = (site.camera.clone(), site.agent.dir.clone());
    let pem = tokio::process::Command::new(bin("farwatch-agent"))
        .arg("--dir")
        .arg(&dir)
        .args(["status", "--key"])
        .output()
        .await
        .expect("the agent answers");
    let keep = tempfile::tempdir().expect("a temporary directory");
    let key = keep.path().join("box.pem");
    std::fs::write(&key, &pem.stdout).expect("the key can be written");

    record(&site, &[&first, &other], 14_000).await;
    let report = passes("while it records", verify(&dir, &key, &[]));
    assert!(report["checked"]["open"].as_u64() >= Some(2), "{report:#}");
    signal(site.agent.recorder_pid().await, Signal::KILL);
    record(&site, &[&first, &other], 12_000).await;
    passes("after a kill of the recorder", verify(&dir, &key, &[]));
    site.agent.stop().await;
    end_recorder(&dir, Signal::KILL).await;
    passes("with a file nobody has repaired yet", verify(&dir, &key, &[]));
    site.agent.run();
    record(&site, &[&first, &other], 12_000).await;
    site.agent.stop().await;
    end_recorder(&dir, Signal::TERM).await;
    let of = |camera: &str, all: &[Closed]| -> Vec<Closed> {
        all.iter().filter(|c| c.segment.camera.to_string() == camera).cloned().collect()
    };
    let all = closings(&dir);
    let (mine, theirs) = (of(&first, &all), of(&other, &all));
    assert!(mine.len() >= 8 && theirs.len() >= 8, "{} and {} segments", mine.len(), theirs.len());
    three_days_later(&dir, &theirs[..3]).await;
    let report = passes("three days later", verify(&dir, &key, &[]));
    let checked = &report["checked"];
    assert!(checked["statements"].as_u64() >= Some(2) && checked["recounted"] == checked["statements"], "{checked}");
    assert_eq!((&checked["deleted"], &checked["open"]), (&3.into(), &0.into()), "{checked}");
    assert!(checked["certificates"].as_u64() >= Some(1) && checked["checkpoints"].as_u64() >= Some(3), "{checked}");
    println!("good: {checked}");

    segments(&dir, &key, &mine, &theirs);
    papers(&dir, &key, &mine, &theirs);
    logs(&dir, &key, &mine, keep.path());
    exports(&dir, &key, &mine, keep.path());
}

/// Segment edited, deleted, reordered, swapped between cameras, truncated, put in.
fn segments(dir: &Path, key: &Path, mine: &[Closed], theirs: &[Closed]) {
    let (a, b, c) = (&mine[1], &mine[3], &theirs[5]);
    let copy = Copy::of(dir);
    let path = copy.segment(&a.segment);
    let mut bytes = std::fs::read(&path).expect("a segment");
    let last = bytes.len() - 9;
    bytes[last] ^= 1;
    std::fs::write(&path, &bytes).expect("written");
    let edited = verify(&copy.dir, key, &[]);
    names(&edited, "segment_edited", a);
    assert_eq!(edited.1["findings"].as_array().map(Vec::len), Some(1), "and nothing else: {:#}", edited.1);

    let copy = Copy::of(dir);
    std::fs::remove_file(copy.segment(&b.segment)).expect("removed");
    names(&verify(&copy.dir, key, &[]), "segment_deleted", b);

    let copy = Copy::of(dir);
    copy.swap(&a.segment, &b.segment);
    let reordered = verify(&copy.dir, key, &[]);
    names(&reordered, "segment_reordered", a);
    names(&reordered, "segment_reordered", b);

    let copy = Copy::of(dir);
    copy.swap(&a.segment, &c.segment);
    let swapped = verify(&copy.dir, key, &[]);
    names(&swapped, "segment_swapped", a);
    names(&swapped, "segment_swapped", c);

    let copy = Copy::of(dir);
    let path = copy.segment(&c.segment);
    let size = std::fs::metadata(&path).expect("a segment").len();
    std::fs::File::options().write(true).open(&path).and_then(|f| f.set_len(size * 6 / 10)).expect("cut");
    let truncated = verify(&copy.dir, key, &[]);
    let found = findings(&truncated.1, "segment_truncated", &c.segment.camera.to_string());
    let start = found[0]["start_ms"].as_i64().unwrap_or(0);
    assert_eq!((truncated.0, found.len(), &found[0]["end_ms"]), (1, 1, &c.end.wall_ms.0.into()), "{:#}", truncated.1);
    assert!(c.start.wall_ms.0 < start && start < c.end.wall_ms.0, "what is left is not accused: {found:#?}");

    let copy = Copy::of(dir);
    let mut foreign = a.segment;
    foreign.sequence = 4_000;
    std::fs::copy(copy.segment(&a.segment), copy.segment(&foreign)).expect("put in");
    names_around(&verify(&copy.dir, key, &[]), "segment_unknown", &a.segment.camera.to_string(), a.start.wall_ms);
}

/// Statement altered, checkpoint forged, certificate forged, each with the log's chain made good again.
fn papers(dir: &Path, key: &Path, mine: &[Closed], theirs: &[Closed]) {
    let thief = SignKey::generate().expect("a key");
    let (camera, at) = (mine[0].segment.camera, mine[0].start.wall_ms);
    for signer in [None, Some(&thief)] {
        let copy = Copy::of(dir);
        forge::<CoverageStatement>(&copy.own_log(), "coverage", signer, |said| {
            said.recorded_ms += 1_000;
            said.expected_ms += 1_000;
            said.camera == camera
        });
        names_around(&verify(&copy.dir, key, &[]), "statement_altered", &camera.to_string(), at);

        let copy = Copy::of(dir);
        forge::<Checkpoint>(&copy.own_log(), "checkpoint", signer, |said| {
            let head = said.heads.iter_mut().find(|head| head.camera == camera);
            head.map(|head| head.head = Digest::of(b"another")).is_some()
        });
        names_around(&verify(&copy.dir, key, &[]), "checkpoint_forged", &camera.to_string(), at);

        let copy = Copy::of(dir);
        forge::<DeletionCertificate>(&copy.own_log(), "certificate", signer, |said| {
            said.ranges[0].last_sequence += 1;
            true
        });
        let gone = &theirs[1];
        let theirs = gone.segment.camera.to_string();
        names_around(&verify(&copy.dir, key, &[]), "certificate_forged", &theirs, gone.start.wall_ms);
    }
}

/// Logs cut, altered in place, rewritten.
fn logs(dir: &Path, key: &Path, mine: &[Closed], keep: &Path) {
    let camera = mine[0].segment.camera.to_string();
    let last = mine.last().expect("footage");
    let copy = Copy::of(dir);
    let newest = copy.logs().pop().expect("a log");
    let entries = payloads(&newest);
    let from = entries.iter().position(
        |payload| matches!(serde_json::from_slice(payload), Ok(RecorderEntry::Closed(c)) if c.segment.sequence >= 1),
    );
    cut(&newest, entries.len() - from.expect("closings"));
    names_around(&verify(&copy.dir, key, &[]), "log_cut", &camera, last.end.wall_ms.plus_ms(-1));

    let copy = Copy::of(dir);
    let oldest = copy.logs().remove(0);
    let mut bytes = std::fs::read(&oldest).expect("a log");
    let a = &mine[1];
    let wanted = a.digest.to_string();
    let place = bytes.windows(wanted.len()).position(|w| w == wanted.as_bytes()).expect("its closing");
    bytes[place + 10] = if bytes[place + 10] == b'0' { b'1' } else { b'0' };
    std::fs::write(&oldest, bytes).expect("written");
    names(&verify(&copy.dir, key, &[]), "log_altered", a);

    // The closing is made to fit an edited file, and the whole log's chain to fit the closing.
    let copy = Copy::of(dir);
    rewrite(&copy.logs()[0], |entries| {
        for payload in entries {
            if let Ok(RecorderEntry::Closed(mut closed)) = serde_json::from_slice(payload)
                && closed.segment == a.segment
            {
                closed.digest = Digest::of(b"edited");
                *payload = serde_json::to_vec(&RecorderEntry::Closed(closed)).expect("JSON");
            }
        }
    });
    let rewritten = verify(&copy.dir, key, &[]);
    let all = rewritten.1["findings"].to_string();
    assert!(rewritten.0 == 1 && all.contains("chain_broken") && all.contains("log_altered"), "{all}");

    // The end of the agent's own log takes its newest checkpoints with it; somebody else kept one.
    let copy = Copy::of(dir);
    let own = payloads(&copy.own_log());
    let kept: Value = own
        .iter()
        .rev()
        .filter_map(|payload| serde_json::from_slice::<Value>(payload).ok())
        .find(|line| line["is"] == "checkpoint")
        .map(|line| line["signed"].clone())
        .expect("a checkpoint");
    let file = keep.join("kept.json");
    std::fs::write(&file, kept.to_string()).expect("written");
    let kept = ["--checkpoint", file.to_str().expect("a plain path")];
    passes("with what the hub kept", verify(&copy.dir, key, &kept));
    cut(&copy.own_log(), 1);
    let short = verify(&copy.dir, key, &kept);
    assert!(short.0 == 1 && short.1["findings"].to_string().contains("log_cut"), "{:#}", short.1);
}

/// Segments taken out of a box with a checkpoint that reaches them.
fn exports(dir: &Path, key: &Path, mine: &[Closed], keep: &Path) {
    let vault = Vault::new(dir.join("vault"));
    let out = keep.join("exported");
    std::fs::create_dir(&out).expect("a directory");
    let (signed, head) = payloads(&dir.join("ledger/agent.log"))
        .iter()
        .filter_map(|payload| serde_json::from_slice::<Value>(payload).ok())
        .filter(|line| line["is"] == "checkpoint")
        .find_map(|line| {
            let signed: Signed<Checkpoint> = serde_json::from_value(line["signed"].clone()).ok()?;
            let heads = signed.unverified()?.heads;
            let head = heads
                .into_iter()
                .find(|h| h.camera == mine[0].segment.camera && h.stream == StreamName::Main && h.last_sequence >= 2)?;
            Some((line["signed"].clone(), head))
        })
        .expect("a checkpoint over three segments");
    let mut id = mine[0].segment;
    id.run = head.run;
    for sequence in head.last_sequence - 2..=head.last_sequence {
        id.sequence = sequence;
        std::fs::copy(vault.path(&id), out.join(format!("{}.mp4", id.short()))).expect("exported");
    }
    let bare = verify(&out, key, &[]);
    assert_eq!((bare.0, bare.1["ok"].as_bool()), (3, Some(true)), "nothing signed: {:#}", bare.1);
    std::fs::write(out.join("checkpoint.json"), signed.to_string()).expect("written");
    passes("exported segments with a checkpoint", verify(&out, key, &[]));
    id.sequence = head.last_sequence - 1;
    let path = out.join(format!("{}.mp4", id.short()));
    let mut bytes = std::fs::read(&path).expect("a segment");
    let place = bytes.len() - 9;
    bytes[place] ^= 1;
    std::fs::write(&path, bytes).expect("written");
    let edited = verify(&out, key, &[]);
    assert!(edited.0 == 1 && edited.1["findings"].to_string().contains(&id.camera.to_string()), "{:#}", edited.1);
}
