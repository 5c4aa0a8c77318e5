//! The `farwatch-agent` command: a menu. Parse, load, run, exit code.
//!
//! Belongs here: what the command line looks like. Does not: doing any of it.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use farwatch_agent::config::Home;

#[path = "main/enrol.rs"]
mod enrol;
#[path = "main/record.rs"]
mod record;
#[path = "main/run.rs"]
mod run;
#[path = "main/status.rs"]
mod status;
#[path = "main/trigger.rs"]
mod trigger;

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
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Join a hub: makes this box's keys and gets its certificate.
    Enrol(enrol::Arguments),
    /// Record by the plan kept in the directory; started by the agent or a service manager.
    Record,
    /// Watch over the site until told to stop: keeps the recorder running and answers to the hub.
    Run,
    /// Say what this box does now.
    Status(status::Arguments),
    /// Say that something happens at a camera.
    Trigger(trigger::Arguments),
    /// Rebuild the catalog of footage while no agent runs.
    Reindex(run::Reindex),
    /// A media worker; started by the recorder and the agent, never by a person.
    #[command(hide = true)]
    Media,
}

fn main() -> ExitCode {
    let menu = Menu::parse();
    if !matches!(menu.verb, Verb::Media) {
        prepare();
    }
    let home = Home::new(menu.dir);
    let done = match menu.verb {
        Verb::Enrol(arguments) => enrol::command(&home, &arguments),
        Verb::Record => record::command(&home),
        Verb::Run => run::command(home),
        Verb::Status(arguments) => status::command(&home, &arguments),
        Verb::Trigger(arguments) => trigger::command(&home, arguments),
        Verb::Reindex(arguments) => run::reindex(&home, &arguments),
        // Before any thread is started: the worker shuts itself in first.
        Verb::Media => return farwatch_agent::media::child::serve(),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("farwatch-agent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// What every command but the sandboxed worker needs: a log on standard error, and one TLS provider by name.
fn prepare() {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    // The cameras' listener is the logger of crates that do not speak to `tracing`, and passes on what they say.
    farwatch_agent::camera::heard::listen();
    let subscriber = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).finish();
    // Fails only where another is set already.
    let _ = tracing::subscriber::set_global_default(subscriber);
    // Another one may have been installed by a test in this process; then there is nothing to do.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
