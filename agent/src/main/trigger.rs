//! `farwatch-agent trigger`.

use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use farwatch_agent::config::Home;
use farwatch_agent::status::{Ask, Asked, ask_trigger, tell_recorder};
use farwatch_shared::id::CameraId;
use farwatch_shared::wire::latest::Trigger;

/// Tells the box that something happens at a camera: it goes into the ledger, and a camera recorded around events is recorded.
/// Works while the hub is away.
#[derive(Args)]
#[command(after_help = "Exit codes: 0 taken, 1 refused (the message says why).\n\n\
                        Examples:\n  farwatch-agent trigger --camera 019b…\n  \
                        farwatch-agent trigger --camera 019b… --kind input --pulse 30s --detail \"back door\"")]
pub struct Arguments {
    /// The camera's id, as `farwatch-agent status` prints it.
    #[arg(long)]
    camera: CameraId,
    /// A person's doing, or an alarm input's.
    #[arg(long, value_enum, default_value_t = Kind::Manual)]
    kind: Kind,
    /// How long it lasts: `10s`, `2m`, `500ms`. Telling it again extends it.
    #[arg(long, default_value = "10s", value_parser = pulse)]
    pulse: u64,
    /// What happened, in a few words.
    #[arg(long)]
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    Manual,
    Input,
}

/// A length of time in milliseconds; at most an hour.
fn pulse(text: &str) -> Result<u64, String> {
    let number = |digits: &str, scale: u64| digits.parse::<u64>().ok().and_then(|n| n.checked_mul(scale));
    let ms = match text {
        t if t.ends_with("ms") => number(&t[..t.len() - 2], 1),
        t if t.ends_with('s') => number(&t[..t.len() - 1], 1_000),
        t if t.ends_with('m') => number(&t[..t.len() - 1], 60_000),
        _ => None,
    };
    ms.filter(|ms| (1..=3_600_000).contains(ms)).ok_or_else(|| "say e.g. 10s, 2m or 500ms, at most 60m".into())
}

pub fn command(home: &Home, arguments: Arguments) -> anyhow::Result<ExitCode> {
    let trigger = match arguments.kind {
        Kind::Manual => Trigger::Manual,
        Kind::Input => Trigger::Input,
    };
    let ask = Ask::Trigger { camera: arguments.camera, trigger, detail: arguments.detail, pulse_ms: arguments.pulse };
    match ask_trigger(&home.status_socket(), &ask) {
        Some(Asked::Taken) => println!("Taken."),
        Some(Asked::Refused { why }) => bail!("the trigger is refused: {why}"),
        None => {
            let told = tell_recorder(&home.recorder(), ask);
            told.context("neither agent nor recorder run; start them with `farwatch-agent run` or its service")?;
            println!("The agent does not run; told to its recorder.");
        }
    }
    Ok(ExitCode::SUCCESS)
}
