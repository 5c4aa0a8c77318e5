//! `init`: makes a new hub.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use farwatch_hub::audit::{self, Actor, Entry};
use farwatch_hub::config::{Config, Doors};
use farwatch_hub::enrol::tokens::{SETUP_TTL_MS, hash_of, new_secret};
use farwatch_hub::keys::{Keys, files};
use farwatch_hub::store::{self, Db};
use farwatch_shared::time::Clock;
use serde_json::json;

use crate::open::answer;

#[derive(clap::Args)]
pub struct Init {
    /// The hub's name, for people.
    #[arg(long)]
    name: String,
    /// A DNS name or IP address the hub is reached by; may be given several times. Default: this machine's name.
    #[arg(long = "host")]
    hosts: Vec<String>,
    /// Where the owner's private keys go: a file to be taken away. The hub keeps no copy.
    #[arg(long, default_value = "./owner-key.pem")]
    owner_key_out: PathBuf,
}

pub async fn act(dir: &Path, json: bool, ask: Init) -> anyhow::Result<()> {
    let clock = Clock::real();
    let now = clock.wall();
    let name = farwatch_hub::policy::name(&ask.name)?;
    let hosts = if ask.hosts.is_empty() { vec![own_name()?] } else { ask.hosts };
    for host in &hosts {
        let plain = !host.is_empty() && !host.contains(['/', '@', '#', '?', ' ', '"', '[']) && !host.contains("://");
        ensure!(plain, "{host:?} is not a host; give a DNS name or an IP address, without scheme or port");
    }
    if dir.join("hub.toml").exists() || dir.join("keys").exists() || dir.join("hub.db").exists() {
        bail!("there is a hub in {} already; choose another directory with --dir", dir.display());
    }
    ensure!(
        !ask.owner_key_out.exists(),
        "{} exists already and is not overwritten; choose another file with --owner-key-out",
        ask.owner_key_out.display()
    );
    files::make_private_dir(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    // It may have been there before, for everybody to look into.
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
        .with_context(|| format!("cannot close {} to others", dir.display()))?;
    let take_away = Keys::make(&dir.join("keys"), &name, now)?;
    files::write_new_secret(&ask.owner_key_out, take_away.text.as_bytes())
        .with_context(|| format!("cannot write {}", ask.owner_key_out.display()))?;
    let keys = Keys::load(&dir.join("keys"))?;
    keys.ensure_server(&hosts, now)?;

    let db = Db::open(&dir.join("hub.db"), clock.clone()).await?;
    let secret = new_secret()?;
    let hash = hash_of(&secret);
    let entry = Entry::done(now, Actor::CommandLine, "hub.init", &name).with("owner_key", keys.owner_pin().to_string());
    db.write(move |c| {
        Box::pin(async move {
            store::tokens::insert_setup(c, &hash, now, now.plus_ms(SETUP_TTL_MS)).await?;
            audit::append(c, &entry).await
        })
    })
    .await?;
    files::sync_parent(&dir.join("hub.db"))?;
    // Last: a directory without settings is a hub that was not finished.
    let config = Config::new(&name, hosts);
    config.save(dir)?;

    let authority = config.people_authority(&Doors::load(dir, &config));
    let setup_url = format!("https://{authority}/setup#t={}", secret.expose());
    let value = json!({
        "setup_url": setup_url,
        "owner_key": ask.owner_key_out,
        "owner_pin": keys.owner_pin().to_string(),
        "ca_pin": keys.ca_pin().to_string(),
        "dir": dir,
    });
    let text = format!(
        "The hub {name:?} is made in {}.\n\n\
         TAKE THIS FILE AWAY: {}\n\
         It holds the owner's keys. The hub has no copy: without it no approver can ever be named, and camera passwords\n\
         cannot be moved to a replacement box. Put it where the hub's machine cannot reach it, then delete it here.\n\n\
         Start the hub:   farwatch-hub --dir {} run\n\
         Then open this link within a day to become its first administrator (it works once):\n\n  {setup_url}\n",
        dir.display(),
        ask.owner_key_out.display(),
        dir.display(),
    );
    answer(json, &value, &text);
    Ok(())
}

fn own_name() -> anyhow::Result<String> {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .context("this machine's name cannot be read; give --host")?;
    let name = name.trim().to_owned();
    ensure!(!name.is_empty(), "this machine has no name; give --host");
    Ok(name)
}
