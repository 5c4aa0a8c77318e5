//! The `farwatch-agent` command: a menu. Parse, load, run, exit code.
//!
//! Belongs here: what the command line looks like. Does not: doing any of it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use farwatch_agent::config::Home;

#[derive(Parser)]
#[command(name = "farwatch-agent", version, about = "The watchman at the site: records cameras and answers to the hub.")]
struct Menu {
    /// The agent's directory.
    #[arg(long, global = true, env = "FARWATCH_AGENT_DIR", default_value = "/var/lib/farwatch-agent")]
    dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// A media worker; started by the recorder and the agent, never by a person.
    #[command(hide = true)]
    Media,
}

fn main() -> ExitCode {
    let menu = Menu::parse();
    let _home = Home::new(menu.dir);
    match menu.command {
        // Before any thread is started: the worker shuts itself in first.
        Command::Media => farwatch_agent::media::child::serve(),
    }
}
