//! Private memory of the agent without its recorder, with years of footage catalogued, connected to a hub.
//!
//! The catalog is filled through the agent's own code: 32 camera streams, a segment a minute.

use std::time::Duration;

use anyhow::ensure;
use farwatch_agent::catalog::{Entry, Index};
use farwatch_agent::config::Home;
use farwatch_agent::store::Db;
use farwatch_shared::digest::Digest;
use farwatch_shared::id::{CameraId, RunId, SegmentId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Clock, ClockState, Span, WallMs};
use farwatch_tests::agent::Agent;
use farwatch_tests::hub::Hub;
use farwatch_tests::raw::now;

use crate::process::usage;
use crate::results::{Figure, record};

const STREAMS: u64 = 32;
const MINUTE_MS: i64 = 60_000;

/// Fills the catalog, starts the agent, lets it settle and reads its memory.
pub async fn bench(segments: u64) -> anyhow::Result<()> {
    let hub = Hub::start().await;
    let keep = tempfile::tempdir()?;
    let mut agent = Agent::enrol(&hub, "Bench", &keep.path().join("agent")).await;
    agent.configure("recorder = \"external\"\n");
    fill(&Home::new(&agent.dir), segments)?;
    agent.run();
    let pid = agent.pid();
    // The first minute holds the catalog's opening, the connection and the first health samples.
    let mut peak = 0;
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        peak = peak.max(usage(&[pid]).private);
    }
    let status = agent.status().await;
    ensure!(
        status.as_ref().is_some_and(|s| s["connected"] == true),
        "the agent is connected: {status:?}\n{}",
        agent.log()
    );
    let settled = usage(&[pid]);
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let command = "tests/run --long bench";
    record(&[
        Figure::new(
            format!("agent memory without recorder, {segments} segments"),
            mb(settled.private),
            "MB private",
            command,
        ),
        Figure::new(
            format!("agent memory without recorder, {segments} segments, first minute"),
            mb(peak),
            "MB private",
            command,
        ),
        Figure::new(
            format!("agent memory without recorder, {segments} segments, resident"),
            mb(settled.resident),
            "MB",
            command,
        ),
    ])
}

fn fill(home: &Home, segments: u64) -> anyhow::Result<()> {
    std::fs::create_dir_all(home.catalog().parent().unwrap_or(home.root()))?;
    let (db, _) = Db::open(&home.catalog(), 8 << 20, &Clock::real())?;
    let (mut index, _) = Index::load(db)?;
    let per_stream = segments.div_ceil(STREAMS);
    let begin = now().0 - i64::try_from(per_stream)? * MINUTE_MS;
    for stream in 0..STREAMS {
        let camera = CameraId::generate();
        for i in 0..per_stream {
            let start = WallMs(begin + i64::try_from(i)? * MINUTE_MS);
            let segment = SegmentId {
                camera,
                stream: StreamName::Main,
                run: RunId { boot: 7, counter: u32::try_from(stream)? },
                sequence: u32::try_from(i)?,
            };
            index.add(Entry {
                segment,
                span: Span { start_ms: start, end_ms: start.plus_ms(MINUTE_MS) },
                bytes: ByteSize::mib(22),
                digest: Digest::of(segment.to_string().as_bytes()),
                skew_s: 0,
                damaged: false,
                has_event: false,
                anchored: 0,
                clock: ClockState::Ntp,
                recovered: false,
            })?;
        }
        println!("catalogued {} of {segments} segments", (stream + 1) * per_stream);
    }
    index.close()?;
    Ok(())
}
