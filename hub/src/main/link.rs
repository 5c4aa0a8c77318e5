//! `link`: a new set-up link. Whoever may read the hub's directory may become its administrator; the journal says so.

use std::path::Path;

use farwatch_hub::audit::{self, Actor, Entry};
use farwatch_hub::enrol::tokens::{SETUP_TTL_MS, hash_of, new_secret};
use farwatch_hub::store;
use serde_json::json;

use crate::open::{answer, open};

pub async fn act(dir: &Path, json: bool) -> anyhow::Result<()> {
    let hub = open(dir).await?;
    let now = hub.clock.wall();
    let expires = now.plus_ms(SETUP_TTL_MS);
    let secret = new_secret()?;
    let hash = hash_of(&secret);
    let entry = Entry::done(now, Actor::CommandLine, "hub.link", &hub.config.name).with("expires_ms", expires);
    hub.db
        .write(move |c| {
            Box::pin(async move {
                store::tokens::insert_setup(c, &hash, now, expires).await?;
                audit::append(c, &entry).await
            })
        })
        .await?;
    let authority = hub.config.people_authority(&hub.doors);
    let setup_url = format!("https://{authority}/setup#t={}", secret.expose());
    let text = format!("Open this link within a day to become an administrator (it works once):\n\n  {setup_url}");
    answer(json, &json!({ "setup_url": setup_url, "expires_ms": expires }), &text);
    Ok(())
}
