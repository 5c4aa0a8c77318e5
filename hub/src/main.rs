//! The `farwatch-hub` command: a menu. Each verb has a file in `main/`.

#[path = "main/agent.rs"]
mod agent;
#[path = "main/camera.rs"]
mod camera;
#[path = "main/evidence.rs"]
mod evidence;
#[path = "main/hold.rs"]
mod hold;
#[path = "main/init.rs"]
mod init;
#[path = "main/journal.rs"]
mod journal;
#[path = "main/link.rs"]
mod link;
#[path = "main/open.rs"]
mod open;
#[path = "main/terms.rs"]
mod terms;
#[path = "main/token.rs"]
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// The hub of a Farwatch fleet: keeps the fleet's records, pushes policies, brokers footage.
#[derive(Parser)]
#[command(name = "farwatch-hub", version, after_help = EXAMPLES)]
struct Menu {
    /// The hub's directory.
    #[arg(long, global = true, env = "FARWATCH_HUB_DIR", default_value = "/var/lib/farwatch-hub")]
    dir: PathBuf,
    /// Answers as one line of JSON, for scripts.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Verb,
}

const EXAMPLES: &str = "Examples:
  farwatch-hub init --name 'Head office' --host hub.example.com
  farwatch-hub run
  farwatch-hub token new --site 'Mei Hua Mall' --time-zone Asia/Shanghai
  farwatch-hub camera add --agent 0190… --name 'Gate 4' --url rtsp://10.0.0.9/main --user viewer
  farwatch-hub agent revoke 0190… --reason 'stolen from the wall'

Every command but init works whether or not the hub runs; a running hub notices within a second.";

#[derive(Subcommand)]
enum Verb {
    /// Makes a new hub: its keys, its database, the link for the first administrator.
    Init(init::Init),
    /// Makes a new set-up link, where the first has expired or nobody can sign in any more.
    Link,
    /// Runs the hub until it is told to stop.
    Run,
    /// Enrolment tokens.
    #[command(subcommand)]
    Token(token::Token),
    /// Agents.
    #[command(subcommand)]
    Agent(agent::Agent),
    /// Cameras.
    #[command(subcommand)]
    Camera(camera::Camera),
    /// Footage that may not be deleted.
    #[command(subcommand)]
    Hold(hold::Hold),
    /// What boxes signed of their own footage.
    #[command(subcommand)]
    Evidence(evidence::Evidence),
    /// Prints the OpenAPI document of the people's door.
    Openapi,
    /// Prints the journal's newest entries.
    Journal(journal::Journal),
}

fn main() -> ExitCode {
    let menu = Menu::parse();
    // Nothing the hub writes is for other users of the machine.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            eprintln!("farwatch-hub: the program cannot start its threads: {e}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(Box::pin(act(menu))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            // Outside first, cause last, each once.
            eprintln!("farwatch-hub: {e:#}");
            ExitCode::FAILURE
        }
    }
}

async fn act(menu: Menu) -> anyhow::Result<()> {
    let (dir, json) = (menu.dir.as_path(), menu.json);
    match menu.verb {
        Verb::Init(ask) => init::act(dir, json, ask).await,
        Verb::Link => link::act(dir, json).await,
        Verb::Run => farwatch_hub::run::run(dir).await,
        Verb::Token(ask) => token::act(dir, json, ask).await,
        Verb::Agent(ask) => agent::act(dir, json, ask).await,
        Verb::Camera(ask) => camera::act(dir, json, ask).await,
        Verb::Hold(ask) => hold::act(dir, json, ask).await,
        Verb::Evidence(ask) => evidence::act(dir, json, ask).await,
        Verb::Openapi => {
            println!("{}", farwatch_hub::api::openapi().to_pretty_json()?);
            Ok(())
        }
        Verb::Journal(ask) => journal::act(dir, json, ask).await,
    }
}
