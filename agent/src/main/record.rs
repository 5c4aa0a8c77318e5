//! `record`: the recorder's life. Started by the agent or a service manager.

use std::process::ExitCode;

use farwatch_agent::config::Home;
use farwatch_agent::recorder;
use farwatch_shared::time::Clock;

/// Records until told to stop.
pub fn command(home: &Home) -> anyhow::Result<ExitCode> {
    recorder::run::run(home, Clock::real())?;
    Ok(ExitCode::SUCCESS)
}
