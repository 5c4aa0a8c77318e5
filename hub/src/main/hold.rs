//! `hold add`.

use std::path::Path;

use anyhow::Context as _;
use farwatch_hub::audit::{self, Actor, Entry};
use farwatch_hub::policy;
use farwatch_hub::store::cameras::HoldRow;
use farwatch_hub::store::changes::{self, Kind};
use farwatch_hub::store::{self, StoreError};
use farwatch_shared::id::{CameraId, HoldId};
use farwatch_shared::time::WallMs;
use serde_json::json;

use crate::open::{answer, open};

#[derive(clap::Subcommand)]
pub enum Hold {
    /// Keeps footage of a camera from being deleted, whatever its retention says.
    Add {
        #[arg(long)]
        camera: CameraId,
        /// Begin: RFC 3339, such as 2026-11-24T08:00:00Z, or UTC milliseconds.
        #[arg(long, value_parser = instant)]
        from: WallMs,
        /// End.
        #[arg(long, value_parser = instant)]
        to: WallMs,
        /// Goes into the journal and to the agent.
        #[arg(long)]
        reason: String,
    },
}

fn instant(text: &str) -> Result<WallMs, String> {
    if let Ok(ms) = text.parse() {
        return Ok(WallMs(ms));
    }
    let read: Result<jiff::Timestamp, _> = text.parse();
    read.map(|t| WallMs(t.as_millisecond()))
        .map_err(|_| format!("{text:?} is not a time; write it like 2026-11-24T08:00:00Z or 2026-11-24T16:00:00+08:00"))
}

pub async fn act(dir: &Path, json: bool, ask: Hold) -> anyhow::Result<()> {
    let Hold::Add { camera, from, to, reason } = ask;
    policy::range(from, to, policy::MAX_HOLD_MS)?;
    let reason = policy::reason(&reason)?;
    let hub = open(dir).await?;
    let row = store::cameras::get(&mut *hub.db.read().await?, camera).await.context("no hold was placed")?;
    let now = hub.clock.wall();
    let hold = HoldRow {
        hold: HoldId::generate(),
        camera,
        start_ms: from,
        end_ms: to,
        reason,
        person: None,
        placed_ms: now,
        released_ms: None,
    };
    let id = hold.hold;
    let entry = Entry::done(now, Actor::CommandLine, "hold.add", id)
        .with("camera", camera.to_string())
        .with("start_ms", from)
        .with("end_ms", to)
        .with("reason", hold.reason.as_str());
    hub.db
        .write(move |c| {
            Box::pin(async move {
                store::cameras::insert_hold(c, row.agent, &hold).await?;
                changes::note(c, Kind::Camera, &camera.to_string(), now).await?;
                changes::note(c, Kind::Agent, &row.agent.to_string(), now).await?;
                audit::append(c, &entry).await?;
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    answer(json, &json!({ "hold": id }), &format!("Footage of {} from {from} to {to} is held ({id}).", row.name));
    Ok(())
}
