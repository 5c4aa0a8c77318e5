//! A box starts with years of footage: how soon it records again, and how soon its catalog answers.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use farwatch_agent::catalog::{Index, StreamKey};
use farwatch_agent::config::Home;
use farwatch_agent::store::Db;
use farwatch_shared::time::{Clock, Span};
use farwatch_tests::agent::recorder_pids;
use farwatch_tests::child::signal;
use farwatch_tests::raw::now;
use farwatch_tests::site::Site;
use rustix::process::Signal;
use tokio::time::Instant;

use crate::results::{Figure, record};
use crate::vault::fill;

const COMMAND: &str = "tests/run --long bench";
const QUERIES: u32 = 1_000;

/// Fills a box, starts it after an orderly stop and after `kill -9` of everything, and asks its catalog.
pub async fn bench(segments: u64) -> anyhow::Result<()> {
    let mut site = Site::start("cam0").await;
    stop(&mut site, false).await;
    let streams = fill(&Home::new(&site.agent.dir), segments, true)?;
    let mut figures = Vec::new();
    for (after, kill) in [("an orderly stop", true), ("kill -9", false)] {
        let (recording, catalog) = start(&mut site).await?;
        let figure = |what: &str, value: Duration| {
            let name = format!("{what} after {after}, {segments} segments in the vault");
            Figure::new(name, value.as_secs_f64(), "s from start", COMMAND)
        };
        figures.push(figure("recording", recording));
        figures.push(figure("catalog ready", catalog));
        stop(&mut site, kill).await;
    }
    figures.push(query(&Home::new(&site.agent.dir), &streams, segments)?);
    record(&figures)
}

/// Ends agent and recorder: in order, or both by `kill -9`.
async fn stop(site: &mut Site, kill: bool) {
    if kill {
        site.agent.kill().await;
    } else {
        site.agent.stop().await;
    }
    for pid in recorder_pids(&site.agent.dir) {
        signal(pid, if kill { Signal::KILL } else { Signal::TERM });
    }
    while !recorder_pids(&site.agent.dir).is_empty() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Until the first footage of the new run is in a file, and until the agent's status knows the footage there is.
async fn start(site: &mut Site) -> anyhow::Result<(Duration, Duration)> {
    let runs = site.agent.dir.join("vault").join(&site.camera).join("main");
    let before = names(&runs);
    let began = Instant::now();
    site.agent.run();
    let (mut recording, mut catalog) = (None, None);
    while recording.is_none() || catalog.is_none() {
        ensure!(began.elapsed() < Duration::from_secs(120), "not up after 120 s:\n{}", site.agent.log());
        let fresh = names(&runs).into_iter().filter(|run| !before.contains(run));
        let written = fresh.flat_map(|run| std::fs::read_dir(runs.join(run)).into_iter().flatten().flatten());
        if recording.is_none() && written.filter_map(|f| f.metadata().ok()).any(|m| m.len() > 0) {
            recording = Some(began.elapsed());
        }
        if catalog.is_none()
            && let Some(status) = site.agent.status().await
            && status["running"] == true
            && status["disk"]["footage"].as_u64().is_some_and(|bytes| bytes > 0)
        {
            catalog = Some(began.elapsed());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    recording.zip(catalog).context("both were seen")
}

fn names(dir: &Path) -> Vec<std::ffi::OsString> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.file_name()).collect()
}

/// The mean time of a question for one hour of one camera, spread over all cameras and all times.
fn query(home: &Home, streams: &[StreamKey], segments: u64) -> anyhow::Result<Figure> {
    let (db, _) = Db::open(&home.catalog(), 1 << 20, &Clock::real())?;
    let (index, _) = Index::load(db)?;
    let minutes = i64::try_from(segments / u64::try_from(streams.len())?)?;
    let began = Instant::now();
    let mut found = 0;
    for i in 0..QUERIES {
        let stream = streams[usize::try_from(i)? % streams.len()];
        // A prime stride visits the years out of order, as people do.
        let back = (i64::from(i) * 7_919) % (minutes - 120) + 60;
        let start_ms = now().plus_ms(-(back + 60) * 60_000);
        found += index.overlapping(stream, Span { start_ms, end_ms: start_ms.plus_ms(3_600_000) })?.len();
    }
    let each = began.elapsed() / QUERIES;
    ensure!(found >= usize::try_from(QUERIES)? * 59, "an hour has sixty segments, {found} were found in {QUERIES}");
    let name = format!("catalog, one hour of one camera, {segments} segments");
    Ok(Figure::new(name, each.as_secs_f64() * 1000.0, "ms", COMMAND))
}
