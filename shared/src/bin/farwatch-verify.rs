//! `farwatch-verify`: whether a box's footage is what was recorded, checked offline with nothing but its public key.
//!
//! Belongs here: the command line, walking a directory, printing. Does not: any rule (`shared::evidence::verify`). Small on
//! purpose: no network, no database, no media framework, nothing is written.

use std::path::PathBuf;
use std::process::ExitCode;

#[path = "verify/export.rs"]
mod export;
#[path = "verify/files.rs"]
mod files;
#[path = "verify/home.rs"]
mod home;

use farwatch_shared::evidence::verify::Report;
use farwatch_shared::keys::VerifyKey;

const HELP: &str = "\
Checks recorded footage against what the box signed. Offline; nothing is changed.

Usage: farwatch-verify --key FILE [--json] [--checkpoint FILE]... DIRECTORY

DIRECTORY is an agent's directory or a copy of it (with vault/ and ledger/), or a directory
of exported segments (*.mp4) with the signed documents (*.json) that came with them.

Options:
  --key FILE          the box's public signing key: `farwatch-agent status --key > box.pem`
  --checkpoint FILE   a signed checkpoint that was kept elsewhere (by the hub); may be given more
                      than once. The box's own log must still have it: so a log whose end was
                      cut off is noticed even if everything on the box was cut alike.
  --json              print one JSON object: {ok, agent, checked, findings, notes}
  --version, --help

Exit codes: 0 everything is as it was recorded, 1 something is not (each finding names camera,
stream and time), 2 wrong usage or unreadable input, 3 consistent, but nothing signed vouches for it.

Examples:
  farwatch-verify --key box.pem /var/lib/farwatch-agent
  farwatch-verify --key box.pem --json /mnt/copy | jq '.findings[]'
  farwatch-verify --key box.pem --checkpoint hub-kept.json /mnt/copy
  farwatch-verify --key box.pem exported/
";

struct Arguments {
    key: PathBuf,
    checkpoints: Vec<PathBuf>,
    json: bool,
    directory: PathBuf,
}

fn main() -> ExitCode {
    let arguments = match arguments(std::env::args_os().skip(1)) {
        Ok(Some(arguments)) => arguments,
        Ok(None) => return ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("farwatch-verify: {why}\n\nTry --help.");
            return ExitCode::from(2);
        }
    };
    match verify(&arguments) {
        Ok(report) => {
            say(&report, arguments.json);
            match (report.ok, report.checked.signed_until_ms) {
                (false, _) => ExitCode::from(1),
                (true, None) => ExitCode::from(3),
                (true, Some(_)) => ExitCode::SUCCESS,
            }
        }
        Err(why) => {
            eprintln!("farwatch-verify: {why}");
            ExitCode::from(2)
        }
    }
}

fn arguments(mut given: impl Iterator<Item = std::ffi::OsString>) -> Result<Option<Arguments>, String> {
    let (mut key, mut checkpoints, mut json, mut directory) = (None, Vec::new(), false, None);
    while let Some(word) = given.next() {
        let mut value = |what: &str| given.next().map(PathBuf::from).ok_or_else(|| format!("{what} needs a file"));
        match word.to_str() {
            Some("--help" | "-h") => {
                print!("{HELP}");
                return Ok(None);
            }
            Some("--version" | "-V") => {
                println!("farwatch-verify {}", env!("CARGO_PKG_VERSION"));
                return Ok(None);
            }
            Some("--json") => json = true,
            Some("--key") => key = Some(value("--key")?),
            Some("--checkpoint") => checkpoints.push(value("--checkpoint")?),
            Some(flag) if flag.starts_with('-') => return Err(format!("{flag} is not known")),
            _ if directory.is_none() => directory = Some(PathBuf::from(word)),
            _ => return Err("only one directory can be checked at a time".into()),
        }
    }
    let key = key.ok_or("the box's public key is missing; on the box: farwatch-agent status --key")?;
    let directory = directory.ok_or("the directory to check is missing")?;
    Ok(Some(Arguments { key, checkpoints, json, directory }))
}

fn verify(arguments: &Arguments) -> Result<Report, String> {
    let text =
        |path: &PathBuf| std::fs::read_to_string(path).map_err(|e| format!("{} cannot be read: {e}", path.display()));
    let key = VerifyKey::from_text(&text(&arguments.key)?).map_err(|e| format!("{}: {e}", arguments.key.display()))?;
    let mut given = Vec::new();
    for path in &arguments.checkpoints {
        let signed = serde_json::from_str(&text(path)?)
            .map_err(|e| format!("{} is no signed checkpoint: {e}", path.display()))?;
        given.push((path.clone(), signed));
    }
    if !arguments.directory.is_dir() {
        return Err(format!("{} is not a directory", arguments.directory.display()));
    }
    if home::is_home(&arguments.directory) {
        home::verify(&arguments.directory, key, &given)
    } else {
        export::verify(&arguments.directory, key)
    }
}

fn say(report: &Report, json: bool) {
    if json {
        println!("{}", serde_json::to_string(report).unwrap_or_default());
        return;
    }
    for finding in &report.findings {
        println!("{finding}");
    }
    for note in &report.notes {
        println!("note: {note}");
    }
    let c = &report.checked;
    println!(
        "checked {} segments ({}) in {} runs, {} being written, {} deleted; {} entries of {} logs; {} checkpoints, \
         {} statements ({} counted again), {} deletion certificates",
        c.segments,
        c.bytes,
        c.runs,
        c.open,
        c.deleted,
        c.entries,
        c.logs,
        c.checkpoints,
        c.statements,
        c.recounted,
        c.certificates
    );
    if let Some(until) = c.signed_until_ms {
        println!("signed up to {until}");
    }
    match report.findings.len() {
        0 => println!("nothing is wrong"),
        1 => println!("1 FINDING"),
        n => println!("{n} FINDINGS"),
    }
}
