//! Private memory of the agent without its recorder, with years of footage catalogued, connected to a hub.
//!
//! The catalog is filled through the agent's own code: 32 camera streams, a segment a minute.

use std::time::Duration;

use anyhow::ensure;
use farwatch_agent::config::Home;
use farwatch_tests::agent::Agent;
use farwatch_tests::hub::Hub;

use crate::process::usage;
use crate::results::{Figure, record};
use crate::vault::fill;

/// Fills the catalog, starts the agent, lets it settle and reads its memory.
pub async fn bench(segments: u64) -> anyhow::Result<()> {
    let hub = Hub::start().await;
    let keep = tempfile::tempdir()?;
    let mut agent = Agent::enrol(&hub, "Bench", &keep.path().join("agent")).await;
    agent.configure("recorder = \"external\"\n");
    fill(&Home::new(&agent.dir), segments, false)?;
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
