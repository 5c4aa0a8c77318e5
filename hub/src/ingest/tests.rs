//! Facts from agents against a real database.

mod documents;
mod facts;
mod happenings;

use farwatch_shared::id::{AgentId, CameraId, SiteId};
use farwatch_shared::keys::{OpenKey, SignKey};
use farwatch_shared::time::WallMs;
use farwatch_shared::wire::latest::{SourceChoice, WhenShort};
use serde_json::{Value, json};

use super::facts::{Stored, read_batch, store as keep_batch};
use crate::store::recording::{Mode, Targets};
use crate::store::{self, Db, testing};

/// A hub's rows with one agent and one camera.
struct House {
    db: Db,
    agent: AgentId,
    camera: CameraId,
    /// What the agent enrolled with.
    key: SignKey,
    _dir: tempfile::TempDir,
}

impl House {
    async fn new() -> Self {
        let (db, dir) = testing::db().await;
        let (agent, camera, site) = (AgentId::generate(), CameraId::generate(), SiteId::generate());
        let key = SignKey::generate().unwrap();
        let signing_key = key.public();
        db.write(move |c| {
            Box::pin(async move {
                let row =
                    store::sites::SiteRow { site, name: "s".into(), time_zone: "UTC".into(), created_ms: WallMs(0) };
                store::sites::insert(c, &row).await?;
                let agent_row = store::agents::AgentRow {
                    agent,
                    site,
                    hostname: String::new(),
                    version: String::new(),
                    target: String::new(),
                    signing_key,
                    sealing_key: OpenKey::generate().public(),
                    enrolled_ms: WallMs(0),
                    session: 0,
                    boot_id: String::new(),
                    nonce: String::new(),
                    presence: None,
                    presence_ms: WallMs(0),
                    last_seen_ms: WallMs(0),
                    revoked_ms: None,
                    revoked_reason: String::new(),
                    policy_version: 1,
                    when_short: WhenShort::default(),
                };
                store::agents::insert(c, &agent_row).await?;
                let camera_row = store::cameras::CameraRow {
                    camera,
                    agent,
                    name: "c".into(),
                    source: SourceChoice::Auto,
                    recording: Mode::default(),
                    audio_purpose: None,
                    url: "rtsp://x/".into(),
                    sub_url: None,
                    credential: None,
                    recovery: None,
                    ca_pem: None,
                    floor_days: 30,
                    ceiling_days: None,
                    event_days: None,
                    quota: None,
                    targets: Targets::default(),
                    created_ms: WallMs(0),
                    removed_ms: None,
                };
                store::cameras::put(c, &camera_row).await
            })
        })
        .await
        .unwrap();
        Self { db, agent, camera, key, _dir: dir }
    }

    /// Takes a batch in, as it comes over the wire.
    async fn take(&self, body: Vec<u8>) -> Stored {
        let (agent, batch) = (self.agent, read_batch(&body).unwrap());
        self.db.write(move |c| Box::pin(async move { keep_batch(c, agent, batch, WallMs(9)).await })).await.unwrap()
    }

    async fn quarantined(&self) -> u64 {
        store::quarantine::count(&mut self.db.read().await.unwrap(), self.agent).await.unwrap()
    }

    /// Actions in the journal, oldest first.
    async fn journal(&self) -> Vec<Value> {
        let rows = store::journal::pending(&mut self.db.read().await.unwrap(), 1000).await.unwrap();
        rows.iter().map(|row| serde_json::from_slice(&row.leaf).unwrap()).collect()
    }
}

/// A batch of bodies, numbered from one on.
fn batch_of(class: &str, first: u64, bodies: &[Value]) -> Vec<u8> {
    let facts: Vec<Value> = (first..)
        .zip(bodies)
        .map(|(n, body)| json!({"number": n, "at_ms": n, "origin": format!("{class}/{n}"), "body": body}))
        .collect();
    let epoch = "01890a5d-ac96-774b-bcce-b302099a8057";
    serde_json::to_vec(&json!({"epoch": epoch, "class": class, "facts": facts})).unwrap()
}
