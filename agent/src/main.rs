//! The `farwatch-agent` command: a menu. Parse, load, run, exit code.
//!
//! Belongs here: what the command line looks like. Does not: doing any of it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use farwatch_agent::config::Home;

#[path = "main/enrol.rs"]
mod enrol;

#[derive(Parser)]
#[command(
    name = "farwatch-agent",
    version,
    about = "The watchman at the site: records cameras and answers to the hub.",
    after_help = "Exit codes: 0 done, 1 failed (the message says what to do next), 2 wrong usage.\n\n\
                  Examples:\n  farwatch-agent enrol                  asks for the enrolment URL\n  \
                  farwatch-agent enrol --file url.txt\n  farwatch-agent run"
)]
struct Menu {
    /// The agent's directory.
    #[arg(long, global = true, env = "FARWATCH_AGENT_DIR", default_value = "/var/lib/farwatch-agent")]
    dir: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Join a hub: makes this box's keys and gets its certificate.
    Enrol(enrol::Arguments),
    /// A media worker; started by the recorder and the agent, never by a person.
    #[command(hide = true)]
    Media,
}

fn main() -> ExitCode {
    let menu = Menu::parse();
    let home = Home::new(menu.dir);
    let done = match menu.command {
        Command::Enrol(arguments) => enrol::command(&home, &arguments),
        // Before any thread is started: the worker shuts itself in first.
        Command::Media => return farwatch_agent::media::child::serve(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("farwatch-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}
