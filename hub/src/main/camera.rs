//! `camera add`, `camera set`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use farwatch_hub::audit::{self, Actor, Entry};
use farwatch_hub::policy::{self, PolicyError};
use farwatch_hub::store::cameras::CameraRow;
use farwatch_hub::store::changes::{self, Kind};
use farwatch_hub::store::{self, StoreError};
use farwatch_shared::id::{AgentId, CameraId};
use farwatch_shared::keys::{SealKey, Sealed};
use farwatch_shared::secret::Secret;
use farwatch_shared::wire::latest::{Recording, SourceChoice, credential_binding};
use serde_json::json;

use crate::open::{Opened, answer, open};

#[derive(clap::Subcommand)]
pub enum Camera {
    /// Gives an agent a camera to record.
    Add(Box<Add>),
    /// Changes what is asked of a camera.
    Set(Set),
}

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
    /// Record sound too.
    #[arg(long)]
    audio: bool,
    /// Which way in: auto, rtsp or gst.
    #[arg(long, default_value = "auto", value_parser = source)]
    source: SourceChoice,
    /// PEM of the authority of the camera's own certificate, for rtsps.
    #[arg(long)]
    ca_file: Option<PathBuf>,
}

#[derive(clap::Args)]
pub struct Set {
    camera: CameraId,
    /// on or off
    #[arg(long, value_parser = recording)]
    recording: Option<Recording>,
    #[arg(long)]
    floor_days: Option<u32>,
    /// Days, or `none`.
    #[arg(long, value_parser = ceiling)]
    ceiling_days: Option<Ceiling>,
    #[arg(long)]
    name: Option<String>,
}

#[derive(Clone, Copy)]
struct Ceiling(Option<u32>);

fn ceiling(text: &str) -> Result<Ceiling, String> {
    if text == "none" {
        return Ok(Ceiling(None));
    }
    text.parse().map(|days| Ceiling(Some(days))).map_err(|_| format!("{text:?} is neither a number of days nor none"))
}

fn recording(text: &str) -> Result<Recording, String> {
    match text {
        "on" | "continuous" => Ok(Recording::Continuous),
        "off" => Ok(Recording::Off),
        _ => Err(format!("{text:?} is neither on nor off")),
    }
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
        Camera::Set(ask) => set(dir, json, ask).await,
    }
}

async fn add(dir: &Path, json: bool, ask: Add) -> anyhow::Result<()> {
    let url = policy::camera_url("main", &ask.url)?;
    let sub = ask.sub_url.as_deref().map(|text| policy::camera_url("sub", text)).transpose()?;
    policy::retention(ask.floor_days, ask.ceiling_days)?;
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
    let row = CameraRow {
        camera,
        agent: ask.agent,
        name,
        source: ask.source,
        recording: Recording::Continuous,
        audio: ask.audio,
        url: url.to_string(),
        sub_url: sub.map(|sub| sub.to_string()),
        credential: seal(&agent.sealing_key)?,
        recovery: seal(&hub.keys.owner.recovery)?,
        ca_pem,
        floor_days: ask.floor_days,
        ceiling_days: ask.ceiling_days,
        created_ms: now,
        removed_ms: None,
    };
    let text = format!(
        "Camera {:?} is added to agent {} as {camera}. It records as soon as the agent hears of it.",
        row.name, row.agent
    );
    write(&hub, row, "camera.add").await?;
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
    if let Some(recording) = ask.recording {
        row.recording = recording;
    }
    if let Some(days) = ask.floor_days {
        row.floor_days = days;
    }
    if let Some(Ceiling(days)) = ask.ceiling_days {
        row.ceiling_days = days;
    }
    if let Some(name) = &ask.name {
        row.name = policy::name(name)?;
    }
    policy::retention(row.floor_days, row.ceiling_days).map_err(|e: PolicyError| anyhow::anyhow!(e))?;
    let text = format!("Camera {:?} is changed; the agent hears of it within seconds.", row.name);
    write(&hub, row, "camera.change").await?;
    answer(json, &json!({ "camera": ask.camera }), &text);
    Ok(())
}

async fn write(hub: &Opened, row: CameraRow, action: &'static str) -> anyhow::Result<()> {
    let now = hub.clock.wall();
    let recording = if row.recording == Recording::Off { "off" } else { "continuous" };
    let mut entry = Entry::done(now, Actor::CommandLine, action, row.camera)
        .with("agent", row.agent.to_string())
        .with("name", row.name.as_str())
        .with("recording", recording)
        .with("floor_days", i64::from(row.floor_days));
    if let Some(days) = row.ceiling_days {
        entry = entry.with("ceiling_days", i64::from(days));
    }
    hub.db
        .write(move |c| {
            Box::pin(async move {
                store::cameras::put(c, &row).await?;
                changes::note(c, Kind::Camera, &row.camera.to_string(), now).await?;
                changes::note(c, Kind::Agent, &row.agent.to_string(), now).await?;
                audit::append(c, &entry).await?;
                Ok::<_, StoreError>(())
            })
        })
        .await?;
    Ok(())
}
