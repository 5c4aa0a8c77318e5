//! `farwatch-agent run` and `reindex`.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use farwatch_agent::config::Home;
use farwatch_agent::run;

/// Stack of a thread; the agent's futures are small.
const STACK: usize = 1 << 20;

pub fn command(home: Home) -> anyhow::Result<ExitCode> {
    let settings = run::settings(&home)?;
    // Two threads are enough for the hub's side of a box, and memory counts.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(8)
        .thread_stack_size(STACK)
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    runtime.block_on(Box::pin(run::run(home, settings)))?;
    Ok(ExitCode::SUCCESS)
}

/// Rebuilds the catalog from the recorders' logs and the vault; needed only when a person doubts it.
#[derive(Args)]
pub struct Reindex {
    /// Print one JSON object: {"files","added","removed"}.
    #[arg(long)]
    json: bool,
}

pub fn reindex(home: &Home, arguments: &Reindex) -> anyhow::Result<ExitCode> {
    let repair = run::reindex(home)?;
    if arguments.json {
        let value = serde_json::json!({"files": repair.files, "added": repair.added, "removed": repair.removed});
        println!("{value}");
    } else {
        println!(
            "Catalog rebuilt: {} files; {} known from their files alone, {} logged but gone.",
            repair.files, repair.added, repair.removed
        );
    }
    Ok(ExitCode::SUCCESS)
}
