//! `camera add`, `camera set`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use farwatch_hub::audit::{self, Actor, Entry};
use farwatch_hub::policy;
use farwatch_hub::store::cameras::CameraRow;
use farwatch_hub::store::changes::{self, Kind};
use farwatch_hub::store::recording::{Mode, Targets};
use farwatch_hub::store::{self, StoreError};
use farwatch_shared::id::{AgentId, CameraId};
use farwatch_shared::keys::{SealKey, Sealed};
use farwatch_shared::secret::Secret;
use farwatch_shared::wire::latest::{SourceChoice, WhenShort, credential_binding};
use serde_json::json;

use crate::open::{Opened, answer, open};
use crate::terms::{Maybe, Terms, days};

#[derive(clap::Subcommand)]
pub enum Camera {
    /// Gives an agent a camera to record.
    #[command(after_help = ADD_EXAMPLES)]
    Add(Box<Add>),
    /// Changes what is asked of a camera.
    #[command(visible_alias = "change", after_help = SET_EXAMPLES)]
    Set(Box<Set>),
}

const ADD_EXAMPLES: &str = "Examples:
  farwatch-hub camera add --agent 0190… --name 'Gate 4' --url rtsp://10.0.0.9/main --sub-url rtsp://10.0.0.9/sub --user viewer
  farwatch-hub camera add --agent 0190… --name Yard --url rtsp://10.0.0.9/main --recording schedule \\
      --window 'mon-fri 18:00-06:00' --window 'sat,sun 00:00-24:00'
  farwatch-hub camera add --agent 0190… --name Door --url rtsp://10.0.0.9/main --recording event --pre-s 10 --post-s 30 \\
      --trigger activity --trigger input --event-days 90
  farwatch-hub camera add --agent 0190… --name Gate --url rtsp://10.0.0.9/main --target 'main 1920x1080 25fps 4Mbit' \\
      --audio-purpose 'intercom at the gate'";

const SET_EXAMPLES: &str = "Examples:
  farwatch-hub camera set 0190… --floor-days 30 --ceiling-days 60
  farwatch-hub camera set 0190… --recording live-only --reason 'staff room'
  farwatch-hub camera set 0190… --recording off
  farwatch-hub camera set 0190… --quota 200GiB --when-short keep-floor
  farwatch-hub camera set 0190… --audio-purpose none

A policy the box's disk cannot keep at the measured rates is refused, with the bytes that are missing.";

#[derive(clap::Args)]
pub struct Add {
    #[arg(long)]
    agent: AgentId,
    /// As people call it.
    #[arg(long)]
    name: String,
    /// The main stream, without user name and password.
    #[arg(long)]
    url: String,
    /// The small stream, for browsers that cannot play the main one.
    #[arg(long)]
    sub_url: Option<String>,
    /// The camera's user name. Its password is asked for, or read from --password-file.
    #[arg(long)]
    user: Option<String>,
    /// A file that holds the password and nothing else.
    #[arg(long, requires = "user")]
    password_file: Option<PathBuf>,
    /// Never delete footage younger than this.
    #[arg(long, default_value_t = 30)]
    floor_days: u32,
    /// Delete footage older than this.
    #[arg(long)]
    ceiling_days: Option<u32>,
    /// Which way in: auto, rtsp or gst.
    #[arg(long, default_value = "auto", value_parser = source)]
    source: SourceChoice,
    /// PEM of the authority of the camera's own certificate, for rtsps.
    #[arg(long)]
    ca_file: Option<PathBuf>,
    #[command(flatten)]
    terms: Terms,
}

#[derive(clap::Args)]
pub struct Set {
    camera: CameraId,
    /// Never delete footage younger than this.
    #[arg(long)]
    floor_days: Option<u32>,
    /// Delete footage older than this; `none` to keep it while there is room.
    #[arg(long, value_parser = days)]
    ceiling_days: Option<Maybe<u32>>,
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    terms: Terms,
}

fn source(text: &str) -> Result<SourceChoice, String> {
    match text {
        "auto" => Ok(SourceChoice::Auto),
        "rtsp" => Ok(SourceChoice::Rtsp),
        "gst" => Ok(SourceChoice::Gst),
        _ => Err(format!("{text:?} is not auto, rtsp or gst")),
    }
}

pub async fn act(dir: &Path, json: bool, ask: Camera) -> anyhow::Result<()> {
    match ask {
        Camera::Add(ask) => add(dir, json, *ask).await,
        Camera::Set(ask) => set(dir, json, *ask).await,
    }
}

async fn add(dir: &Path, json: bool, ask: Add) -> anyhow::Result<()> {
    let url = policy::camera_url("main", &ask.url)?;
    let sub = ask.sub_url.as_deref().map(|text| policy::camera_url("sub", text)).transpose()?;
    let name = policy::name(&ask.name)?;
    let hub = open(dir).await?;
    let agent = store::agents::get(&mut *hub.db.read().await?, ask.agent).await?;
    if agent.revoked_ms.is_some() {
        bail!("agent {} is revoked; enrol the box again first", ask.agent);
    }
    let host = policy::binding_host(&url);
    if ask.user.is_some() && sub.as_ref().is_some_and(|sub| policy::binding_host(sub) != host) {
        bail!(
            "the two streams are on different hosts, and one password is sealed to one host; add them as two cameras"
        );
    }
    let camera = CameraId::generate();
    let credential = ask.user.as_deref().map(|user| password(user, ask.password_file.as_deref())).transpose()?;
    let seal = |to: &SealKey| -> anyhow::Result<Option<Sealed>> {
        let binding = credential_binding(camera, &host);
        Ok(credential.as_ref().map(|secret| to.seal(secret.expose().as_bytes(), &binding)).transpose()?)
    };
    let ca_pem = ask
        .ca_file
        .map(|path| std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display())))
        .transpose()?;
    let now = hub.clock.wall();
    let when_short = ask.terms.when_short;
    let mut row = CameraRow {
        camera,
        agent: ask.agent,
        name,
        source: ask.source,
        recording: Mode::default(),
        audio_purpose: None,
        url: url.to_string(),
        sub_url: sub.map(|sub| sub.to_string()),
        credential: seal(&agent.sealing_key)?,
        recovery: seal(&hub.keys.owner.recovery)?,
        ca_pem,
        floor_days: ask.floor_days,
        ceiling_days: ask.ceiling_days,
        event_days: None,
        quota: None,
        targets: Targets::default(),
        created_ms: now,
        removed_ms: None,
    };
    ask.terms.over(&mut row)?;
    let row = policy::terms(row)?;
    let text = format!(
        "Camera {:?} is added to agent {} as {camera}. It records as soon as the agent hears of it.",
        row.name, row.agent
    );
    write(&hub, row, when_short, "camera.add").await?;
    answer(json, &json!({ "camera": camera, "agent": ask.agent }), &text);
    Ok(())
}

/// `user:password`, asked for without echo or read from a file. Never an argument: others could read it.
fn password(user: &str, file: Option<&Path>) -> anyhow::Result<Secret> {
    if user.is_empty() || user.contains(':') {
        bail!("a user name is not empty and holds no colon");
    }
    let password = match file {
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            Secret::new(text.trim_end_matches(['\r', '\n']))
        }
        None => Secret::new(
            rpassword::prompt_password(format!("Password of {user}: "))
                .context("no terminal to ask for the password; give it with --password-file")?,
        ),
    };
    Ok(Secret::new(format!("{user}:{}", password.expose())))
}

async fn set(dir: &Path, json: bool, ask: Set) -> anyhow::Result<()> {
    let hub = open(dir).await?;
    let mut row = store::cameras::get(&mut *hub.db.read().await?, ask.camera).await?;
    if let Some(days) = ask.floor_days {
        row.floor_days = days;
    }
    if let Some(Maybe(days)) = ask.ceiling_days {
        row.ceiling_days = days;
    }
    if let Some(name) = &ask.name {
        row.name = policy::name(name)?;
    }
    let when_short = ask.terms.when_short;
    ask.terms.over(&mut row)?;
    let row = policy::terms(row)?;
    let text = format!("Camera {:?} is changed; the agent hears of it within seconds.", row.name);
    write(&hub, row, when_short, "camera.change").await?;
    answer(json, &json!({ "camera": ask.camera }), &text);
    Ok(())
}

/// Writes the row and its journal entry, unless the box's disk cannot keep what is asked.
async fn write(
    hub: &Opened,
    row: CameraRow,
    when_short: Option<WhenShort>,
    action: &'static str,
) -> anyhow::Result<()> {
    let now = hub.clock.wall();
    let mut entry = Entry::done(now, Actor::CommandLine, action, row.camera)
        .with("agent", row.agent.to_string())
        .with("name", row.name.as_str())
        .with("recording", row.recording.word())
        .with("floor_days", i64::from(row.floor_days));
    for (key, days) in [("ceiling_days", row.ceiling_days), ("event_days", row.event_days)] {
        if let Some(days) = days {
            entry = entry.with(key, i64::from(days));
        }
    }
    if !matches!(row.recording, Mode::Continuous | Mode::Off) {
        entry = entry.with("terms", serde_json::to_string(&row.recording)?);
    }
    if let Some(purpose) = &row.audio_purpose {
        entry = entry.with("audio_purpose", purpose.as_str());
    }
    if let Some(quota) = row.quota {
        entry = entry.with("quota_bytes", quota.bytes());
    }
    if let Some(when) = when_short {
        entry = entry.with("when_short", if when == WhenShort::KeepFloor { "keep_floor" } else { "keep_recording" });
    }
    let health = store::health::latest(&mut *hub.db.read().await?, row.agent).await?;
    let refused = hub
        .db
        .write(move |c| {
            Box::pin(async move {
                let before = store::cameras::of_agent(c, row.agent).await?;
                let others = before.iter().filter(|other| other.camera != row.camera).cloned();
                let after: Vec<CameraRow> = others.chain(std::iter::once(row.clone())).collect();
                if let Err(refused) = policy::admit(&before, &after, health.as_ref()) {
                    return Ok(Some(refused));
                }
                if let Some(when) = when_short {
                    store::agents::set_when_short(c, row.agent, when).await?;
                }
                store::cameras::put(c, &row).await?;
                changes::note(c, Kind::Camera, &row.camera.to_string(), now).await?;
                changes::note(c, Kind::Agent, &row.agent.to_string(), now).await?;
                audit::append(c, &entry).await?;
                Ok::<_, StoreError>(None)
            })
        })
        .await?;
    match refused {
        Some(refused) => Err(refused)
            .context("nothing was changed; shorten the floor, lower the bit rate or give the box a larger disk"),
        None => Ok(()),
    }
}
