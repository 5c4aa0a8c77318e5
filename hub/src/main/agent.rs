//! `agent list`, `agent revoke`.

use std::path::Path;

use farwatch_hub::audit::{self, Actor, Entry};
use farwatch_hub::fleet::presence;
use farwatch_hub::policy;
use farwatch_hub::store::changes::{self, Kind};
use farwatch_hub::store::{self};
use farwatch_shared::id::AgentId;
use farwatch_shared::time::WallMs;
use serde_json::json;

use crate::open::{answer, open};

#[derive(clap::Subcommand)]
pub enum Agent {
    /// Lists every agent.
    List,
    /// Takes an agent's certificates out of force: its sessions and uploads end within 5 s, and it cannot come back.
    Revoke {
        agent: AgentId,
        /// Goes into the journal.
        #[arg(long)]
        reason: String,
    },
}

pub async fn act(dir: &Path, json: bool, ask: Agent) -> anyhow::Result<()> {
    match ask {
        Agent::List => list(dir, json).await,
        Agent::Revoke { agent, reason } => revoke(dir, json, agent, &reason).await,
    }
}

async fn list(dir: &Path, json: bool) -> anyhow::Result<()> {
    let hub = open(dir).await?;
    let now = hub.clock.wall();
    let mut c = hub.db.read().await?;
    let sites = store::sites::all(&mut c).await?;
    let mut values = Vec::new();
    let mut lines = vec![format!("{:36}  {:20}  {:16}  {:8}  last seen", "agent", "site", "host", "presence")];
    for a in store::agents::all(&mut c).await? {
        let site = sites.iter().find(|s| s.site == a.site).map_or("", |s| s.name.as_str());
        let presence = if a.revoked_ms.is_some() {
            "revoked"
        } else {
            presence::decide(a.presence, a.last_seen_ms, WallMs(0), now).as_str()
        };
        let cert = store::certificates::newest(&mut c, a.agent).await?;
        let seen = if a.last_seen_ms.0 == 0 { "never".to_owned() } else { a.last_seen_ms.to_string() };
        lines.push(format!("{:36}  {site:20.20}  {:16.16}  {presence:8}  {seen}", a.agent.to_string(), a.hostname));
        values.push(json!({
            "agent": a.agent,
            "site": site,
            "hostname": a.hostname,
            "version": a.version,
            "presence": presence,
            "last_seen_ms": a.last_seen_ms,
            "revoked_ms": a.revoked_ms,
            "certificate": cert.map(|c| json!({"serial": c.serial, "expires_ms": c.not_after_ms})),
        }));
    }
    answer(json, &json!({ "agents": values }), &lines.join("\n"));
    Ok(())
}

async fn revoke(dir: &Path, json: bool, agent: AgentId, reason: &str) -> anyhow::Result<()> {
    let hub = open(dir).await?;
    let now = hub.clock.wall();
    let reason = policy::reason(reason)?;
    let fresh = hub
        .db
        .write(move |c| {
            Box::pin(async move {
                let fresh = store::agents::revoke(c, agent, &reason, now).await?;
                changes::note(c, Kind::Agent, &agent.to_string(), now).await?;
                let entry = Entry::done(now, Actor::CommandLine, "agent.revoke", agent).with("reason", reason.as_str());
                audit::append(c, &entry).await?;
                Ok::<_, store::StoreError>(fresh)
            })
        })
        .await?;
    let text = if fresh {
        format!("Agent {agent} is revoked. Its sessions end within 5 s; the box goes on recording on its own.")
    } else {
        format!("Agent {agent} was revoked before.")
    };
    answer(json, &json!({ "agent": agent, "revoked": true }), &text);
    Ok(())
}
