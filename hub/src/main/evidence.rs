//! `evidence export`: what a box signed, as files the offline verifier reads.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};
use farwatch_hub::audit::{self, Actor, Entry};
use farwatch_hub::store;
use farwatch_shared::id::AgentId;
use serde_json::json;

use crate::open::{answer, open};

#[derive(clap::Subcommand)]
pub enum Evidence {
    /// Writes a box's public key and every document it signed, word for word: coverage statements, deletion certificates, the
    /// newest checkpoint and the first of each day.
    #[command(after_help = EXAMPLES)]
    Export {
        #[arg(long)]
        agent: AgentId,
        /// A directory that does not exist yet.
        #[arg(long)]
        out: PathBuf,
        /// First day of coverage statements, such as 2026-11-01. Without it: the first there is.
        #[arg(long, value_parser = day)]
        from_day: Option<String>,
        /// Last day of coverage statements.
        #[arg(long, value_parser = day)]
        to_day: Option<String>,
    },
}

const EXAMPLES: &str = "Examples:
  farwatch-hub evidence export --agent 0190… --out november --from-day 2026-11-01 --to-day 2026-11-30
  farwatch-verify --key november/box.pem --checkpoint november/checkpoint.json /mnt/copy-of-the-box";

fn day(text: &str) -> Result<String, String> {
    let read: Result<jiff::civil::Date, _> = text.parse();
    read.map(|day| day.to_string()).map_err(|_| format!("{text:?} is not a day; write it like 2026-11-24"))
}

pub async fn act(dir: &Path, json: bool, ask: Evidence) -> anyhow::Result<()> {
    let Evidence::Export { agent, out, from_day, to_day } = ask;
    ensure!(!out.exists(), "{} exists already; name a directory that does not", out.display());
    let hub = open(dir).await?;
    let mut c = hub.db.read().await?;
    let box_ = store::agents::get(&mut c, agent).await.context("nothing was written")?;
    let mut files = vec![(out.join("box.pem"), pem(&String::from(box_.signing_key)))];
    let newest = store::checkpoints::newest(&mut c, agent).await?;
    files.extend(newest.map(|row| (out.join("checkpoint.json"), row.envelope)));
    for row in store::checkpoints::days(&mut c, agent, u32::MAX).await? {
        files.push((out.join("checkpoints").join(format!("{:08}.json", row.number)), row.envelope));
    }
    let (from, to) = (from_day.unwrap_or_default(), to_day.unwrap_or_else(|| "9999-12-31".into()));
    for row in store::coverage::envelopes(&mut c, agent, &from, &to).await? {
        let name = format!("{}-{}-{}-{:08}.json", row.day, row.camera, row.stream, row.number);
        files.push((out.join("coverage").join(name), row.envelope));
    }
    for (number, envelope) in store::deletions::envelopes(&mut c, agent).await? {
        files.push((out.join("deletions").join(format!("{number:08}.json")), envelope));
    }
    drop(c);
    for folder in ["", "checkpoints", "coverage", "deletions"] {
        let folder = out.join(folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    }
    for (path, text) in &files {
        fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let documents = (files.len() - 1) as u64;
    let entry =
        Entry::done(hub.clock.wall(), Actor::CommandLine, "evidence.export", agent).with("documents", documents);
    hub.db.write(move |c| Box::pin(async move { audit::append(c, &entry).await })).await?;
    let text = format!(
        "{documents} signed documents and the box's key are in {0}. To check them against a copy of the box:\n  \
         farwatch-verify --key {0}/box.pem --checkpoint {0}/checkpoint.json DIRECTORY",
        out.display()
    );
    answer(json, &json!({ "documents": documents, "out": out }), &text);
    Ok(())
}

/// SPKI in base64 as a PEM file.
fn pem(base64: &str) -> String {
    format!("-----BEGIN PUBLIC KEY-----\n{base64}\n-----END PUBLIC KEY-----\n")
}
