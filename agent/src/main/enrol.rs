//! `farwatch-agent enrol`: reads the URL from where secrets may come from, and says what came of it.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use clap::Args;
use farwatch_agent::config::Home;
use farwatch_agent::enrol::{TrustedTime, join};
use farwatch_shared::secret::Secret;
use farwatch_shared::time::Clock;
use farwatch_shared::wire::latest::EnrolUrl;

/// The URL holds a secret token, so it is never an argument: others on this machine could read it.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  farwatch-agent enrol                     asks for the URL, without showing it\n  \
                        farwatch-agent enrol --file /media/url.txt\n  some-scanner | farwatch-agent enrol - --json"
)]
pub struct Arguments {
    /// `-` reads the URL from standard input; without it and without --file, it is asked for.
    from: Option<String>,
    /// A file that holds the URL.
    #[arg(long, conflicts_with = "from")]
    file: Option<PathBuf>,
    /// Print one JSON object: {"agent","hub","site"}.
    #[arg(long)]
    json: bool,
}

pub fn command(home: &Home, arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let url: EnrolUrl = read(arguments)?.expose().parse()?;
    home.prepare().with_context(|| format!("the directory {} cannot be used", home.root().display()))?;
    let time = TrustedTime::load(Clock::real(), home.trusted_time());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let joined = runtime.block_on(join(home, &url, &time)).context("this box could not be enrolled")?;
    if arguments.json {
        println!("{}", serde_json::json!({"agent": joined.agent, "hub": joined.hub, "site": joined.site}));
    } else {
        println!("Enrolled at {} for site {} as agent {}.", joined.hub, joined.site, joined.agent);
        println!("Start it with `farwatch-agent run`.");
    }
    Ok(ExitCode::SUCCESS)
}

fn read(arguments: &Arguments) -> anyhow::Result<Secret> {
    if let Some(file) = &arguments.file {
        let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
        return Ok(Secret::new(text.trim()));
    }
    match arguments.from.as_deref() {
        Some("-") => {
            let mut text = String::new();
            std::io::stdin().take(64 << 10).read_to_string(&mut text).context("standard input cannot be read")?;
            Ok(Secret::new(text.trim()))
        }
        Some(_) => bail!(
            "the enrolment URL holds a secret and everybody on this machine can read arguments; \
             give it by --file FILE, by `enrol -` on standard input, or type it when asked \
             (and make a new one if this one was real)"
        ),
        None if std::io::stdin().is_terminal() => Ok(Secret::new(
            rpassword::prompt_password("Enrolment URL (not shown): ").context("nothing was typed")?.trim(),
        )),
        None => bail!("there is no terminal to ask on; give the enrolment URL by --file FILE or by `enrol -`"),
    }
}
