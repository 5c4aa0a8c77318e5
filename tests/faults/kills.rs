//! `kill -9` of recorder, agent and hub at random instants while recording.

use std::collections::BTreeSet;
use std::time::Duration;

use farwatch_agent::catalog::Index;
use farwatch_agent::config::Home;
use farwatch_agent::store::{Db, Opened};
use farwatch_agent::vault::Vault;
use farwatch_shared::id::SegmentId;
use farwatch_shared::time::{Clock, Span, WallMs};
use farwatch_tests::account::Account;
use farwatch_tests::bins::rounds;
use farwatch_tests::books::Books;
use farwatch_tests::child::signal;
use farwatch_tests::raw::now;
use farwatch_tests::site::Site;
use farwatch_tests::sockets::unread;
use farwatch_tests::truth::{FRAME_MS, Line};
use farwatch_tests::wait::until;
use rustix::process::Signal;

/// GOP of the test camera's cam mounts.
const GOP_MS: i64 = 2_000;
/// A fragment is closed by the first frame at or past 200 ms.
const FRAGMENT_MS: i64 = 200;
/// Of the test camera's cam mounts.
const BITS_PER_MS: i64 = 3_000;

/// A random instant: between 1.5 and 6 s, so that kills fall anywhere in GOP, fragment and sync.
async fn some_time() {
    let byte = farwatch_shared::keys::random32().expect("randomness")[0];
    tokio::time::sleep(Duration::from_millis(1_500 + u64::from(byte) * 18)).await;
}

/// Waits until frames committed after now have reached the disk, and their facts the hub.
async fn quiet(site: &Site) {
    let at = now().0;
    site.recorded_past(&site.camera, at + 3_000).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
}

#[tokio::test]
async fn a_killed_recorder_loses_at_most_one_fragment_of_what_it_received() {
    let mut site = Site::start("cam0").await;
    let mut books = Books::of(&site, "cam0");
    let count = rounds(3, 30);
    let mut worst = (0, 0, 0);
    for round in 1..=count {
        some_time().await;
        let pid = site.agent.recorder_pid().await;
        // Stopped for an instant, so that what it had received can be told from what it had only been sent.
        signal(pid, Signal::STOP);
        let unread_ms = i64::try_from(unread(site.eye.doors().rtsp)).unwrap_or(0) * 8 / BITS_PER_MS;
        let killed_at = now().0;
        signal(pid, Signal::KILL);
        let back_at = until("a new RTSP session", Duration::from_secs(20), || {
            let lines = site.eye.journal().expect("the camera's journal");
            let play = lines.iter().find_map(|line| match line {
                Line::Play(moment) if moment.wall_ms > killed_at => Some(moment.wall_ms),
                _ => None,
            });
            std::future::ready(play)
        })
        .await;
        quiet(&site).await;
        books.read_with_open();
        let held = books.account(&site.camera).held();
        let at = |f: &farwatch_tests::truth::FrameIndex| i64::try_from(f.wall_ms()).unwrap_or(0);
        let last_before = held.iter().map(at).filter(|t| *t <= killed_at).max().unwrap_or(0);
        let first_after = held.iter().map(at).find(|t| *t > killed_at).unwrap_or(i64::MAX);
        let frame = i64::try_from(FRAME_MS).unwrap_or(50);
        let sent = site.eye.journal().expect("the camera's journal").into_iter().filter(|line| {
            matches!(line, Line::Frame(f) if f.mount == "cam0" && f.sent_wall_ms <= killed_at && at(&f.frame) > last_before)
        });
        let received_ms = i64::try_from(sent.count()).unwrap_or(0) * frame - unread_ms;
        let (lost, back, hole) = (received_ms.max(0), back_at - killed_at, first_after - last_before - frame);
        println!("round {round}: lost {lost} ms of received video, session back after {back} ms, hole {hole} ms");
        worst = (worst.0.max(lost), worst.1.max(back), worst.2.max(hole));
    }
    println!("worst of {count}: lost {} ms, session back {} ms, hole {} ms", worst.0, worst.1, worst.2);
    settle(&site, &mut books).await;
    // One frame more than a fragment: the kill may fall just before the frame that would have closed it is written.
    assert!(worst.0 <= FRAGMENT_MS + 100, "lost {} ms of received video", worst.0);
    assert!(worst.1 <= 1_000, "session back after {} ms", worst.1);
    assert!(worst.2 <= 1_000 + GOP_MS, "hole of {} ms", worst.2);
    catalog_equals_vault(&mut site).await;
}

#[tokio::test]
async fn a_killed_agent_loses_nothing() {
    let mut site = Site::start("cam0").await;
    for _ in 0..rounds(3, 30) {
        some_time().await;
        site.agent.kill().await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        site.agent.run();
    }
    site.recording(&site.camera).await;
    quiet(&site).await;
    let account = settle(&site, &mut Books::of(&site, "cam0")).await;
    assert!(account.gaps.is_empty(), "the recorder never noticed: {:?}", account.gaps);
    let held = account.held();
    let span = held.last().zip(held.first()).map(|(l, f)| l.0 - f.0 + 1);
    assert_eq!(span, Some(held.len() as u64), "an unbroken row of frames");
    catalog_equals_vault(&mut site).await;
}

#[tokio::test]
async fn a_killed_hub_loses_nothing() {
    let mut site = Site::start("cam0").await;
    for _ in 0..rounds(3, 30) {
        some_time().await;
        site.hub.kill().await;
        tokio::time::sleep(Duration::from_millis(300)).await;
        site.hub.run().await;
    }
    site.recording(&site.camera).await;
    quiet(&site).await;
    let account = settle(&site, &mut Books::of(&site, "cam0")).await;
    assert!(account.gaps.is_empty(), "recording never noticed: {:?}", account.gaps);
}

#[tokio::test]
async fn a_killed_media_worker_costs_its_camera_only() {
    let site = Site::start("cam0").await;
    let url = site.eye.url("cam1");
    let file = site.hub.dir.join("camera-password");
    let file = file.to_str().expect("a plain path");
    let made = site
        .hub
        .command(
            &[
                "camera",
                "add",
                "--agent",
                &site.agent.id,
                "--name",
                "Odd",
                "--url",
                &url,
                "--source",
                "gst",
                "--user",
                "viewer",
                "--password-file",
                file,
            ],
            None,
        )
        .await;
    let odd = made["camera"].as_str().expect("an id").to_owned();
    site.recording(&odd).await;
    for _ in 0..rounds(2, 30) {
        some_time().await;
        for pid in workers(&site) {
            signal(pid, Signal::KILL);
        }
        site.recording(&odd).await;
    }
    quiet(&site).await;
    let account = settle(&site, &mut Books::of(&site, "cam0")).await;
    assert!(account.gaps.is_empty(), "the other camera never noticed: {:?}", account.gaps);
}

/// Holds lens, vault and ledger against each other, and what the hub tells against the ledger.
async fn settle(site: &Site, books: &mut Books) -> Account {
    books.read_with_open();
    let account = books.account(&site.camera).clone();
    account.settle();
    until("the hub telling every gap as ledgered", Duration::from_secs(60), || async {
        (site.person.recent_gaps(&site.camera).await == account.told()).then_some(())
    })
    .await;
    account
}

/// The media workers of a site: children of its recorder that run `farwatch-agent media`.
fn workers(site: &Site) -> Vec<u32> {
    let recorders = farwatch_tests::agent::recorder_pids(&site.agent.dir);
    let Ok(entries) = std::fs::read_dir("/proc") else { return Vec::new() };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            let is_media = std::fs::read(format!("/proc/{pid}/cmdline"))
                .is_ok_and(|line| line.split(|b| *b == 0).any(|arg| arg == b"media"));
            let parent = std::fs::read_to_string(format!("/proc/{pid}/stat"))
                .ok()
                .and_then(|stat| stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<u32>().ok());
            is_media && parent.is_some_and(|parent| recorders.contains(&parent))
        })
        .collect()
}

/// Once the agent has stopped in order, its catalog names exactly the closed segments that lie in the vault; the recorder,
/// which goes on, may have closed one since and has one open.
async fn catalog_equals_vault(site: &mut Site) {
    site.agent.stop().await;
    let home = Home::new(&site.agent.dir);
    let (db, opened) = Db::open(&home.catalog(), 1 << 20, &Clock::real()).expect("the catalog opens");
    assert_eq!(opened, Opened::Clean, "the catalog was closed in order");
    let (index, damaged) = Index::load(db).expect("the catalog reads");
    assert!(damaged.is_empty(), "{damaged:?}");
    let always = Span { start_ms: WallMs(0), end_ms: WallMs(1 << 45) };
    let catalogued: BTreeSet<SegmentId> = index
        .totals()
        .keys()
        .flat_map(|key| index.overlapping(*key, always).expect("the catalog answers"))
        .map(|entry| entry.segment)
        .collect();
    let found = Vault::new(home.vault()).scan().expect("the vault can be walked");
    let lying: BTreeSet<SegmentId> = found.into_iter().map(|found| found.segment).collect();
    let missing: Vec<_> = lying.difference(&catalogued).collect();
    let surplus: Vec<_> = catalogued.difference(&lying).collect();
    println!("catalog names {} segments, {} lie in the vault", catalogued.len(), lying.len());
    assert!(surplus.is_empty(), "catalogued and not there: {surplus:?}");
    assert!(missing.len() <= 2, "there and not catalogued: {missing:?}");
}
