//! Evidence for the sync points, from outside: what the recorder asked of the kernel (`strace`), and what the kernel asked of
//! the device (its flush counter).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use farwatch_tests::agent::recorder_pids;
use farwatch_tests::bins::bin;
use farwatch_tests::child::signal;
use farwatch_tests::disk::flushes;
use farwatch_tests::raw::now;
use farwatch_tests::wait::until;
use rustix::process::Signal;
use tokio::process::Command;

use crate::powered::Powered;

/// From a byte's write to its being safe, as promised.
const BOUND_S: f64 = 2.0;
const CALLS: &str = "trace=openat,mkdir,writev,pwrite64,fdatasync,fsync";

/// One call of the recorder; times in seconds since 1970.
#[derive(Debug, Clone, PartialEq)]
struct Called {
    name: String,
    /// What it was made on; for a call that makes something, what came of it.
    path: String,
    line: String,
    began: f64,
    ended: f64,
}

impl Called {
    fn syncs(&self, path: &str) -> bool {
        (self.name == "fdatasync" || self.name == "fsync") && self.path == path
    }
}

/// Reads what `strace -f -ttt -T -y` wrote; calls that failed are left out.
fn calls(text: &str) -> Vec<Called> {
    let mut begun: BTreeMap<&str, (f64, String)> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in text.lines() {
        let Some((thread, rest)) = line.trim_start().split_once(' ') else { continue };
        let Some((time, what)) = rest.trim_start().split_once(' ') else { continue };
        let Ok(time) = time.parse::<f64>() else { continue };
        if let Some(cut) = what.strip_suffix(" <unfinished ...>") {
            begun.insert(thread, (time, cut.to_owned()));
            continue;
        }
        let (began, whole) = match (what.split_once(" resumed>"), begun.remove(thread)) {
            (Some((_, end)), Some((began, head))) if what.starts_with("<...") => (began, head + end),
            _ => (time, what.to_owned()),
        };
        calls.extend(call(began, whole));
    }
    calls
}

fn call(began: f64, line: String) -> Option<Called> {
    let (name, _) = line.split_once('(')?;
    let (asked, answered) = line.rsplit_once(") = ")?;
    let took = answered.rsplit_once('<')?.1.strip_suffix('>')?.parse::<f64>().ok()?;
    if answered.starts_with('-') {
        return None;
    }
    let angled = |text: &str| Some(text.split_once('<')?.1.split_once('>')?.0.to_owned());
    let quoted = |text: &str| Some(text.split_once('"')?.1.split_once('"')?.0.to_owned());
    let path = match name {
        "openat" => angled(answered.rsplit_once(" <")?.0)?,
        "mkdir" => quoted(asked)?,
        _ => angled(asked)?,
    };
    Some(Called { name: name.to_owned(), path, began, ended: began + took, line })
}

/// How long each write stood before a sync of the same file that began after it returned; `Err` names one that never was.
fn waits(calls: &[Called], wrote: impl Fn(&Called) -> Option<String>, until: f64) -> Result<Vec<f64>, String> {
    let mut waits = Vec::new();
    for written in calls.iter().filter(|c| c.ended < until) {
        let Some(must_sync) = wrote(written) else { continue };
        let synced = calls.iter().filter(|c| c.began >= written.ended && c.syncs(&must_sync)).map(|c| c.ended);
        match synced.min_by(f64::total_cmp) {
            Some(at) => waits.push(at - written.began),
            None => return Err(format!("{must_sync} was never synced after: {}", written.line)),
        }
    }
    Ok(waits)
}

fn parent(path: &str) -> String {
    Path::new(path).parent().map(|p| p.to_string_lossy().into_owned()).unwrap_or_default()
}

/// A sync point that flushed nothing: the counter stood still around it. Only syncs of files that had new bytes count.
fn without_flush(calls: &[Called], samples: &[(f64, u64)]) -> (usize, Vec<String>) {
    let mut dirty: BTreeMap<&str, bool> = BTreeMap::new();
    let (mut points, mut wrong) = (0, Vec::new());
    for call in calls {
        match call.name.as_str() {
            "writev" | "pwrite64" => drop(dirty.insert(&call.path, true)),
            "fdatasync" if dirty.insert(&call.path, false) == Some(true) => {
                let before = samples.iter().rev().find(|(at, _)| *at <= call.began);
                let after = samples.iter().find(|(at, _)| *at >= call.ended);
                let Some((before, after)) = before.zip(after) else { continue };
                points += 1;
                if after.1 <= before.1 {
                    wrong.push(call.line.clone());
                }
            }
            _ => {}
        }
    }
    (points, wrong)
}

// CAP-03, PEERS 3
#[tokio::test]
async fn every_sync_point_is_an_fdatasync_and_a_flush_of_the_device_and_a_new_files_directory_is_synced() {
    let mut powered = Powered::build("segment_seconds = 4\nrecorder = \"external\"\n").await;
    powered.agent.run();
    until("a plan for the recorder", Duration::from_secs(40), || async {
        let status = powered.agent.status().await?;
        (status["connected"] == true).then_some(())
    })
    .await;
    let dir = powered.agent.dir.clone();
    let keep = tempfile::tempdir().expect("a temporary directory");
    let trace = keep.path().join("trace");
    let mut tracer = Command::new("strace")
        .args(["-f", "-ttt", "-T", "-y", "-s", "0", "-e", CALLS, "-e", "signal=none", "-o"])
        .arg(&trace)
        .arg(bin("farwatch-agent"))
        .arg("--dir")
        .arg(&dir)
        .arg("record")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the package strace is installed");
    let (device, stop) = (powered.disk().device(), Arc::new(AtomicBool::new(false)));
    let sampling = std::thread::spawn({
        let stop = stop.clone();
        move || {
            let mut samples = Vec::new();
            while !stop.load(Ordering::Relaxed) {
                samples.push((seconds_now(), flushes(&device)));
                std::thread::sleep(Duration::from_millis(2));
            }
            samples
        }
    });
    powered.recorded_past(now().0 + 14_000).await;
    let until_s = seconds_now() - 2.5;
    for pid in recorder_pids(&dir).into_iter().filter(|pid| *pid != powered.agent.pid() && Some(*pid) != tracer.id()) {
        signal(pid, Signal::TERM);
    }
    tracer.wait().await.expect("the recorder stops");
    stop.store(true, Ordering::Relaxed);
    let samples = sampling.join().expect("the sampler ends");

    let calls = calls(&std::fs::read_to_string(&trace).expect("the trace"));
    let is_segment = |path: &str| path.ends_with(".mp4");
    let most = |waits: &[f64]| waits.iter().copied().fold(0.0, f64::max);
    let written = waits(&calls, |c| (c.name == "writev" && is_segment(&c.path)).then(|| c.path.clone()), until_s);
    let logged = waits(&calls, |c| (c.name == "pwrite64").then(|| c.path.clone()), until_s);
    let made = |c: &Called| {
        let is_new = c.name == "openat" && c.line.contains("O_EXCL") && is_segment(&c.path);
        (is_new || (c.name == "mkdir" && c.path.contains("/vault/"))).then(|| parent(&c.path))
    };
    let entered = waits(&calls, made, until_s);
    let (points, silent) = without_flush(&calls, &samples);
    for (what, waits) in [("fragments", &written), ("log entries", &logged), ("new files and directories", &entered)] {
        let waits = waits.as_ref().unwrap_or_else(|why| panic!("{what}: {why}"));
        println!("{} {what}: each synced, at most {:.0} ms after it was written", waits.len(), most(waits) * 1_000.0);
        assert!(waits.len() > 3, "too few {what} to tell: {}", waits.len());
        assert!(most(waits) <= BOUND_S, "{what}: {:.3} s", most(waits));
    }
    println!("{points} sync points of new bytes, each with a flush of the device");
    assert!(points > 20 && silent.is_empty(), "{points} sync points, without a flush: {silent:#?}");
    powered.agent.stop().await;
}

#[allow(clippy::cast_precision_loss, reason = "microseconds since 1970 fit")]
fn seconds_now() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

#[test]
fn an_interrupted_call_is_read_whole_and_a_failed_one_not_at_all() {
    let text = "10 5.000000 fdatasync(7</v/a.mp4> <unfinished ...>\n\
                11 5.100000 openat(AT_FDCWD</>, \"/v/b.mp4\"..., O_WRONLY|O_CREAT|O_EXCL, 0600) = 8</v/b.mp4> <0.000100>\n\
                10 5.200000 <... fdatasync resumed>) = 0 <0.250000>\n\
                10 5.300000 fdatasync(9</v/c>) = -1 EIO (Input/output error) <0.1>\n";
    let calls: Vec<(String, String, f64)> =
        calls(text).into_iter().map(|c| (c.name, c.path, (c.ended * 100.0).round())).collect();
    let expected =
        [("openat".to_owned(), "/v/b.mp4".to_owned(), 510.0), ("fdatasync".into(), "/v/a.mp4".into(), 525.0)];
    assert_eq!(calls, expected);
}
