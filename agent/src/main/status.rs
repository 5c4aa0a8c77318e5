//! `farwatch-agent status`.

use std::process::ExitCode;

use clap::Args;
use farwatch_agent::config::Home;
use farwatch_agent::enrol::Identity;
use farwatch_agent::status::{ask, from_disk, words};
use farwatch_shared::time::Clock;

/// Says what this box does: is it recording, how far back, where are the holes.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 the agent runs, 3 it does not (what the disk says is printed all the same).\n\n\
                        Examples:\n  farwatch-agent status\n  farwatch-agent status --json\n  \
                        farwatch-agent status --key > box.pem     for farwatch-verify --key box.pem")]
pub struct Arguments {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Print this box's public signing key (PEM) instead: whoever has it can verify what the box recorded.
    #[arg(long, conflicts_with = "json")]
    key: bool,
}

pub fn command(home: &Home, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    if arguments.key {
        print!("{}", Identity::load(home)?.sign.public().to_pem());
        return Ok(ExitCode::SUCCESS);
    }
    let answered = ask(&home.status_socket());
    let status = answered.unwrap_or_else(|| from_disk(home, Clock::real().wall()));
    if arguments.json {
        println!("{}", serde_json::to_string(&status)?);
    } else {
        print!("{}", words(&status));
    }
    Ok(if status.running { ExitCode::SUCCESS } else { ExitCode::from(3) })
}
