//! `journal`: the newest entries, oldest of them first.

use std::path::Path;

use farwatch_hub::store;
use serde_json::{Value, json};

use crate::open::open;

#[derive(clap::Args)]
pub struct Journal {
    /// How many entries.
    #[arg(long, default_value_t = 50)]
    limit: u32,
}

pub async fn act(dir: &Path, json: bool, ask: Journal) -> anyhow::Result<()> {
    let hub = open(dir).await?;
    let mut c = hub.db.read().await?;
    let rows = store::journal::before(&mut c, None, ask.limit.min(10_000)).await?;
    let checkpoint = store::journal::newest_checkpoint(&mut c).await?;
    let entries: Vec<Value> = rows
        .iter()
        .rev()
        .map(|row| json!({ "index": row.position, "entry": serde_json::from_slice::<Value>(&row.leaf).ok() }))
        .collect();
    if json {
        println!("{}", json!({ "entries": entries, "checkpoint": checkpoint.and_then(|p| p.note) }));
        return Ok(());
    }
    for entry in entries {
        println!("{:>8}  {}", entry["index"], entry["entry"]);
    }
    if let Some(note) = checkpoint.and_then(|p| p.note) {
        println!("\n{note}");
    }
    Ok(())
}
