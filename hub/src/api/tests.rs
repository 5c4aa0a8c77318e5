//! The people's door over real TLS: a hub's rows, a real listener, a real client.

mod access;
mod doors;
mod footage;
mod kept;
mod sessions;

use std::net::SocketAddr;
use std::sync::Arc;

use farwatch_shared::id::{AgentId, CameraId, OrderId, SiteId};
use farwatch_shared::keys::{OpenKey, SignKey};
use farwatch_shared::time::{Clock, SimClock, WallMs};
use farwatch_shared::wire::latest::WhenShort;
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Office, Parts};
use crate::config::{Config, Doors};
use crate::door::{Certificate, Door, Peers};
use crate::fleet::{self, Fleet};
use crate::keys::Keys;
use crate::live::Live;
use crate::store::Db;
use crate::vault::Vault;
use crate::{enrol, live, store};

const START: WallMs = WallMs(1_795_510_800_000);
const PASSWORD: &str = "correct horse battery";

/// A hub's people's door on a free port, and everything behind it.
struct House {
    address: SocketAddr,
    office: Office,
    ca: reqwest::Certificate,
    time: SimClock,
    stop: CancellationToken,
    _tasks: JoinSet<()>,
    _dir: tempfile::TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// One browser: a cookie, if it has one.
struct Browser<'h> {
    house: &'h House,
    client: Client,
    cookie: Option<String>,
}

impl House {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let time = SimClock::at(START);
        let clock = time.clock();
        // The server's certificate is checked by a real client, so it must be good for the real day.
        let real = Clock::real().wall();
        Keys::make(&dir.path().join("keys"), "HQ", real).unwrap();
        let keys = Arc::new(Keys::load(&dir.path().join("keys")).unwrap());
        keys.ensure_server(&["127.0.0.1".to_owned()], real).unwrap();
        let (chain, key) = keys.server_paths();
        let certificate = Certificate::load(chain, key).unwrap();
        let any: SocketAddr = ([127, 0, 0, 1], 0).into();
        let door = Door::open(any, certificate, Peers::None).await.unwrap();
        let address = door.address;
        let db = Db::open(&dir.path().join("hub.db"), clock.clone()).await.unwrap();
        let fleet = Fleet::default();
        let stop = CancellationToken::new();
        let live = Live::new(7);
        let ca = reqwest::Certificate::from_pem(keys.ca_pem().as_bytes()).unwrap();
        let office = Office::new(Parts {
            clock: clock.clone(),
            db: db.clone(),
            keys,
            config: Arc::new(Config::new("HQ", vec!["127.0.0.1".into()])),
            doors: Doors { mqtt: any, agents: any, people: address },
            fleet: fleet.clone(),
            vault: Vault::open(dir.path()).unwrap(),
            live: live.clone(),
            counters: Arc::default(),
            stop: stop.clone(),
        });
        let mut tasks = JoinSet::new();
        tasks.spawn(door.serve(super::router(office.clone()), stop.clone()));
        tasks.spawn(live::feed(live, fleet.clone(), db.clone(), stop.clone()));
        tasks.spawn(fleet::follow(fleet, db, clock, Arc::default(), stop.clone()));
        Self { address, office, ca, time, stop, _tasks: tasks, _dir: dir }
    }

    fn browser(&self) -> Browser<'_> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = Client::builder().tls_certs_only([self.ca.clone()]).build().unwrap();
        Browser { house: self, client, cookie: None }
    }

    /// A link as `farwatch-hub init` makes it.
    async fn link(&self) -> String {
        let secret = enrol::tokens::new_secret().unwrap();
        let hash = enrol::tokens::hash_of(&secret);
        let now = self.office.clock.wall();
        let expires = now.plus_ms(enrol::tokens::SETUP_TTL_MS);
        self.office
            .db
            .write(move |c| Box::pin(async move { store::tokens::insert_setup(c, &hash, now, expires).await }))
            .await
            .unwrap();
        secret.expose().to_owned()
    }

    /// Somebody who set the hub up and is signed in.
    async fn admin(&self) -> Browser<'_> {
        let mut browser = self.browser();
        let answer = browser
            .post("/api/v1/setup", &json!({"token": self.link().await, "name": "Ada", "password": PASSWORD}))
            .await;
        assert_eq!(answer.status(), 204);
        browser.keep_cookie(&answer);
        browser
    }

    /// An enrolled agent at a site of its own, as `enrol` writes it.
    async fn agent(&self, admin: &Browser<'_>) -> (SiteId, AgentId) {
        let site = admin.post("/api/v1/sites", &json!({"name": "Depot", "time_zone": "Europe/Warsaw"})).await;
        let site: SiteId = json_of(site).await["id"].as_str().unwrap().parse().unwrap();
        let row = store::agents::AgentRow {
            agent: AgentId::generate(),
            site,
            hostname: "box-1".into(),
            version: "0.1.0".into(),
            target: "x86_64-unknown-linux-gnu".into(),
            signing_key: SignKey::generate().unwrap().public(),
            sealing_key: OpenKey::generate().public(),
            enrolled_ms: START,
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
        let agent = row.agent;
        self.office.db.write(move |c| Box::pin(async move { store::agents::insert(c, &row).await })).await.unwrap();
        fleet::load(&self.office.fleet, &self.office.db, START).await.unwrap();
        (site, agent)
    }

    async fn camera(&self, admin: &Browser<'_>, agent: AgentId) -> CameraId {
        let path = format!("/api/v1/agents/{agent}/cameras");
        let made = admin.post(&path, &json!({"name": "Gate", "url": "rtsp://10.0.0.9/main"})).await;
        assert_eq!(made.status(), 201);
        json_of(made).await["summary"]["id"].as_str().unwrap().parse().unwrap()
    }

    async fn pull(&self, admin: &Browser<'_>, camera: CameraId) -> OrderId {
        let path = format!("/api/v1/cameras/{camera}/pulls");
        let ask = json!({"start_ms": START.0 - 60_000, "end_ms": START.0, "reason": "theft at the gate"});
        let made = admin.post(&path, &ask).await;
        assert_eq!(made.status(), 201);
        json_of(made).await["id"].as_str().unwrap().parse().unwrap()
    }

    /// Every entry that is durable, in its place or not, oldest first.
    async fn journal(&self) -> Vec<Value> {
        let mut c = self.office.db.read().await.unwrap();
        let pending = store::journal::pending(&mut c, 10_000).await.unwrap();
        pending.iter().map(|row| serde_json::from_slice(&row.leaf).unwrap()).collect()
    }

    async fn actions(&self) -> Vec<String> {
        self.journal().await.iter().map(|e| e["action"].as_str().unwrap().to_owned()).collect()
    }
}

impl Browser<'_> {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method.clone(), format!("https://{}{path}", self.house.address));
        let request = match &self.cookie {
            Some(cookie) => request.header("cookie", cookie),
            None => request,
        };
        if matches!(method, Method::GET | Method::HEAD) { request } else { request.header("x-farwatch", "1") }
    }

    async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    async fn post(&self, path: &str, body: &Value) -> Response {
        self.request(Method::POST, path).json(body).send().await.unwrap()
    }

    async fn patch(&self, path: &str, body: &Value) -> Response {
        self.request(Method::PATCH, path).json(body).send().await.unwrap()
    }

    fn keep_cookie(&mut self, answer: &Response) {
        let set = answer.headers()["set-cookie"].to_str().unwrap();
        self.cookie = set.split(';').next().map(str::to_owned);
    }
}

async fn json_of(answer: Response) -> Value {
    answer.json().await.unwrap()
}

async fn code_of(answer: Response) -> String {
    json_of(answer).await["error"]["code"].as_str().unwrap().to_owned()
}

fn camera_of(agent: AgentId, name: &str) -> store::cameras::CameraRow {
    use crate::store::recording::{Mode, Targets};
    use farwatch_shared::wire::latest::SourceChoice;
    store::cameras::CameraRow {
        camera: CameraId::generate(),
        agent,
        name: name.to_owned(),
        source: SourceChoice::Auto,
        recording: Mode::default(),
        audio_purpose: None,
        url: "rtsp://10.0.0.9/main".into(),
        sub_url: None,
        credential: None,
        recovery: None,
        ca_pem: None,
        floor_days: 30,
        ceiling_days: None,
        event_days: None,
        quota: None,
        targets: Targets::default(),
        created_ms: START,
        removed_ms: None,
    }
}
