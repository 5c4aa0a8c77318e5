//! `farwatch-test-camera`: an RTSP camera farm whose every frame can be told from every other.
//!
//! Belongs here: the menu. Does not: anything else; `run` wires, `farwatch_tests::frames` counts.

mod audio;
mod clips;
mod control;
mod digest;
mod journal;
mod mount;
mod nal;
mod odd;
mod play;
mod quirk;
mod rtp;
mod rtsp;
mod run;
mod sdp;
mod session;
mod ticks;
mod tls;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use farwatch_tests::frames;

use crate::digest::Credentials;
use crate::quirk::Quirk;
use crate::run::{Settings, TlsSettings};

/// A farm of RTSP test cameras. Prints one line of JSON with its addresses once it is ready.
#[derive(Parser)]
#[command(name = "farwatch-test-camera", version, args_conflicts_with_subcommands = true, after_long_help = help())]
struct Menu {
    #[command(subcommand)]
    instead: Option<Instead>,
    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Instead {
    /// Decode recordings of a test camera, in this order, and say which frames are lost or doubled (as JSON). Exits
    /// with 1 when any is, or when a picture carries no readable number.
    Count {
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Make the loops and do nothing else.
    Clips {
        #[arg(default_value_os_t = default_clips(), env = "FARWATCH_CLIPS")]
        dir: PathBuf,
    },
}

#[derive(Args)]
struct Serve {
    /// Where to serve RTSP.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where to take faults; the lines are listed below by --help.
    #[arg(long, default_value = "127.0.0.1:0")]
    control: SocketAddr,
    /// Where to serve RTSPS too.
    #[arg(long, requires = "ca_out")]
    tls_listen: Option<SocketAddr>,
    /// Where to write the CA (PEM) RTSPS is to be trusted under.
    #[arg(long, requires = "tls_listen")]
    ca_out: Option<PathBuf>,
    /// A name or address RTSPS is reached under.
    #[arg(long = "tls-host", default_values = ["localhost", "127.0.0.1"])]
    tls_hosts: Vec<String>,
    /// Where the loops are kept; made on first use, by ffmpeg, in about a minute.
    #[arg(long, default_value_os_t = default_clips(), env = "FARWATCH_CLIPS")]
    clips: PathBuf,
    /// How many of cam0, cam1, … (1080p, 3 Mbit/s) there are, and of hd0, … (4 Mbit/s) and low0, … (360p, 256 kbit/s), beside h265, h265aac, aac, alaw, bframes, small, longgop
    /// (a keyframe every 10 s) and opengop.
    #[arg(long, default_value_t = 4)]
    mounts: u16,
    /// How many of light0, light1, … (640x360, 1 Mbit/s) there are.
    #[arg(long, default_value_t = 0)]
    light: u16,
    /// A quirk a mount has from the start, as NAME@MOUNT; the names are listed below by --help.
    #[arg(long = "quirk", value_parser = quirk_of)]
    quirks: Vec<(Quirk, String)>,
    /// Ask for this name and the password in --password-file.
    #[arg(long, requires = "password_file")]
    user: Option<String>,
    #[arg(long, requires = "user")]
    password_file: Option<PathBuf>,
    /// Offer qop="auth" in the challenge.
    #[arg(long)]
    qop: bool,
    /// Write every frame sent to this file, one line of JSON each.
    #[arg(long)]
    journal: Option<PathBuf>,
    /// End when stdin does, so as not to outlive who started it.
    #[arg(long)]
    until_stdin_closes: bool,
}

fn quirk_of(text: &str) -> Result<(Quirk, String), String> {
    let (name, mount) = text.split_once('@').ok_or("not NAME@MOUNT")?;
    let quirk = Quirk::named(name).ok_or_else(|| format!("there is no quirk {name:?}; --help lists them"))?;
    Ok((quirk, mount.to_owned()))
}

fn help() -> String {
    format!(
        "Faults, one line per connection to the control port, answered by `ok` or `error: …`; MOUNT may be `*`:\n  \
         hang | resume MOUNT         connections stay, nothing is sent or answered\n  \
         kill MOUNT                  cut every session\n  \
         down | up MOUNT             find nothing, cut every session\n  \
         drop PERMILLE MOUNT         leave out RTP packets\n  \
         jump MILLISECONDS MOUNT     move every timestamp, also back\n  \
         alt | main MOUNT            the other resolution, in band, at the next keyframe\n  \
         nosr | sr MOUNT             no sender reports\n  \
         limit SESSIONS MOUNT        sessions at once (0: no limit)\n  \
         list                        mounts, sessions and conditions as JSON\n\n{}",
        quirk::help()
    )
}

/// In the person's cache, since they take a minute to make and never change.
fn default_clips() -> PathBuf {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    cache.or_else(home).unwrap_or_else(std::env::temp_dir).join("farwatch/clips")
}

impl Serve {
    fn settings(self) -> anyhow::Result<Settings> {
        let credentials = match (self.user, self.password_file) {
            (Some(user), Some(file)) => {
                let text = std::fs::read_to_string(&file)
                    .with_context(|| format!("cannot read the password from {}", file.display()))?;
                Some(Credentials { user, password: text.trim_end_matches(['\r', '\n']).to_owned(), qop: self.qop })
            }
            _ => None,
        };
        let tls = match (self.tls_listen, self.ca_out) {
            (Some(listen), Some(ca_file)) => Some(TlsSettings { listen, hosts: self.tls_hosts, ca_file }),
            _ => None,
        };
        Ok(Settings {
            listen: self.listen,
            control: self.control,
            tls,
            clips: self.clips,
            mounts: self.mounts,
            light: self.light,
            quirks: self.quirks,
            credentials,
            journal: self.journal,
            until_stdin_closes: self.until_stdin_closes,
        })
    }
}

fn main() -> anyhow::Result<ExitCode> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
        .init();
    let menu = Menu::parse();
    match menu.instead {
        None => run::run(menu.serve.settings()?)?,
        Some(Instead::Clips { dir }) => drop(clips::Clips::open(&dir)?),
        Some(Instead::Count { files }) => return count(&files),
    }
    Ok(ExitCode::SUCCESS)
}

fn count(files: &[PathBuf]) -> anyhow::Result<ExitCode> {
    let counted = frames::count(&frames::decode_all(files)?);
    println!("{}", serde_json::to_string(&counted)?);
    Ok(if counted.is_unbroken() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
