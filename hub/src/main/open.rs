//! What every command opens, and how it answers.

use std::path::Path;

use anyhow::{Context as _, ensure};
use farwatch_hub::config::{Config, Doors};
use farwatch_hub::keys::Keys;
use farwatch_hub::store::Db;
use farwatch_shared::time::Clock;

/// A hub's directory, opened.
pub struct Opened {
    pub config: Config,
    pub doors: Doors,
    pub keys: Keys,
    pub db: Db,
    pub clock: Clock,
}

pub async fn open(dir: &Path) -> anyhow::Result<Opened> {
    let config = Config::load(dir)?;
    let database = dir.join("hub.db");
    // Opening would make an empty one; a hub whose database is gone must not look like a new hub.
    ensure!(database.exists(), "{} is missing; restore it from the backup", database.display());
    let clock = Clock::real();
    let db = Db::open(&database, clock.clone()).await.context("the hub's database cannot be opened")?;
    let keys = Keys::load(&dir.join("keys")).context("the hub's keys cannot be read")?;
    let doors = Doors::load(dir, &config);
    Ok(Opened { config, doors, keys, db, clock })
}

/// One line of JSON for scripts, or a text for people.
pub fn answer(json: bool, value: &serde_json::Value, text: &str) {
    if json {
        println!("{value}");
    } else {
        println!("{text}");
    }
}
