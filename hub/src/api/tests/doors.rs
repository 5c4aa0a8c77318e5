//! Headers, the page, compression, events, the fleet and its settings.

use futures::StreamExt as _;

use super::*;
use crate::fleet::FleetChange;

#[tokio::test]
async fn answers_are_not_kept_and_pages_are_held_to_ourselves() {
    let house = House::new().await;
    let admin = house.admin().await;
    let fleet = admin.get("/api/v1/fleet").await;
    let header = |answer: &Response, name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(header(&fleet, "cache-control"), "no-store");
    for answer in [fleet, admin.get("/").await, admin.get("/sites/x/cameras").await] {
        assert_eq!(answer.status(), 200);
        assert!(header(&answer, "strict-transport-security").starts_with("max-age="));
        assert!(header(&answer, "content-security-policy").contains("script-src 'self';"));
        assert_eq!(header(&answer, "x-content-type-options"), "nosniff");
    }
    let index = admin.get("/").await;
    assert_eq!(header(&index, "cache-control"), "no-cache");
    let tag = header(&index, "etag");
    let again = admin.request(Method::GET, "/").header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(admin.get("/assets/none.js").await.status(), 404);
    assert_eq!(admin.get("/../../etc/passwd").await.status(), 200, "a place in the page, not a file");
    assert_eq!(code_of(admin.get("/api/v2/fleet").await).await, "not_found");
    let zipped =
        admin.request(Method::GET, "/api/v1/openapi.json").header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(header(&zipped, "content-encoding"), "gzip");
    assert!(zipped.bytes().await.unwrap().len() < 20_000);
}

#[tokio::test]
async fn a_camera_is_added_changed_and_drifts_until_the_agent_reports() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let path = format!("/api/v1/agents/{agent}/cameras");
    let secret = admin.post(&path, &json!({"name": "Gate", "url": "rtsp://admin:hunter2@10.0.0.9/main"})).await;
    assert_eq!(secret.status(), 400);
    let body = json_of(secret).await;
    assert_eq!(body["error"]["code"], "secret_in_url");
    assert!(!body.to_string().contains("hunter2"));
    let id = CameraId::generate();
    let sealed = json!({"enc": "A".repeat(43) + "=", "ct": "A".repeat(43) + "="});
    let ask = json!({"name": "Gate", "url": "rtsp://10.0.0.9/main", "sealed_credential": sealed});
    assert_eq!(code_of(admin.post(&path, &ask).await).await, "id_required");
    let ask = json!({"id": id.to_string(), "name": "Gate", "url": "rtsp://10.0.0.9/main", "sealed_credential": sealed});
    let made = json_of(admin.post(&path, &ask).await).await;
    assert_eq!(made["summary"]["id"], id.to_string());
    assert_eq!(made["has_credential"], true);
    assert_eq!(made["summary"]["state"], "unknown");
    assert_eq!(made["time_zone"], "Europe/Warsaw");
    assert_eq!(code_of(admin.post(&path, &ask).await).await, "taken");
    let twin = json!({"name": "GATE", "url": "rtsp://10.0.0.7/main"});
    assert_eq!(code_of(admin.post(&path, &twin).await).await, "taken", "one name, one camera of a site");
    let camera = format!("/api/v1/cameras/{id}");
    let moved = admin.patch(&camera, &json!({"url": "rtsp://10.0.0.8/main"})).await;
    assert_eq!(code_of(moved).await, "credential_required");
    let low = admin.patch(&camera, &json!({"ceiling_days": 7})).await;
    assert_eq!(code_of(low).await, "ceiling_below_floor");
    let changed =
        admin.patch(&camera, &json!({"recording": {"mode": "off"}, "floor_days": 7, "ceiling_days": 14})).await;
    assert_eq!(json_of(changed).await["summary"]["ceiling_days"], 14);
    let row = store::agents::get(&mut house.office.db.read().await.unwrap(), agent).await.unwrap();
    assert_eq!(row.policy_version, 3, "each change makes the desired state be rendered anew");
    let detail = json_of(admin.get(&format!("/api/v1/agents/{agent}")).await).await;
    assert_eq!(detail["summary"]["presence"], "unknown");
    assert_eq!(detail["sealing_key"].as_str().unwrap().len(), 44);
    assert_eq!(detail["recovery_key"].as_str().unwrap().len(), 44);
    let hold = json!({"start_ms": START.0 - 5_000, "end_ms": START.0, "reason": "police"});
    assert_eq!(admin.post(&format!("{camera}/holds"), &hold).await.status(), 201);
    let strip = json_of(admin.get(&format!("{camera}/timeline")).await).await;
    assert_eq!(strip["holds"][0]["reason"], "police");
    assert_eq!(house.actions().await, ["person.set_up", "site.add", "camera.add", "camera.change", "hold.add"]);
}

#[tokio::test]
async fn an_agent_is_revoked_once_and_with_a_reason() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let path = format!("/api/v1/agents/{agent}/revoke");
    assert_eq!(code_of(admin.post(&path, &json!({"reason": " "})).await).await, "reason_required");
    assert_eq!(admin.post(&path, &json!({"reason": "stolen"})).await.status(), 204);
    assert_eq!(code_of(admin.post(&path, &json!({"reason": "stolen"})).await).await, "revoked");
    let camera =
        admin.post(&format!("/api/v1/agents/{agent}/cameras"), &json!({"name": "x", "url": "rtsp://h/x"})).await;
    assert_eq!(code_of(camera).await, "revoked");
}

#[tokio::test]
async fn a_token_is_shown_once_with_its_code() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (site, _) = house.agent(&admin).await;
    let nowhere = admin.post("/api/v1/tokens", &json!({"site_id": SiteId::generate().to_string()})).await;
    assert_eq!(nowhere.status(), 404);
    let made = json_of(admin.post("/api/v1/tokens", &json!({"site_id": site.to_string(), "ttl_s": 600})).await).await;
    let url: farwatch_shared::wire::latest::EnrolUrl = made["url"].as_str().unwrap().parse().unwrap();
    assert_eq!(url.ca, house.office.keys.ca_pin());
    assert!(made["qr_svg"].as_str().unwrap().contains("<svg"));
    let list = json_of(admin.get("/api/v1/tokens").await).await;
    assert_eq!(list["tokens"].as_array().unwrap().len(), 1);
    assert_eq!(list["tokens"][0]["state"], "open");
    let seen = format!("{list} {:?}", house.journal().await);
    assert!(!seen.contains(url.token.expose()), "the secret is in the answer and nowhere else");
}

#[tokio::test]
async fn events_begin_with_the_fleet_and_go_on_where_they_broke_off() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let mut events = Events::new(admin.get("/api/v1/events").await);
    let (_, name, data) = events.next().await;
    assert_eq!(name, "fleet");
    assert_eq!(data["sites"][0]["agents"][0]["id"], agent.to_string());
    let camera = house.camera(&admin, agent).await;
    let (id, data) = events.until("camera").await;
    assert_eq!(data["id"], camera.to_string());
    drop(events);
    house.office.fleet.tell(FleetChange::Agent(agent));
    let pull = house.pull(&admin, camera).await;
    let again = admin.request(Method::GET, "/api/v1/events").header("last-event-id", id).send().await.unwrap();
    let mut events = Events::new(again);
    let (_, first, _) = events.next().await;
    assert_ne!(first, "fleet", "nothing was lost, so no snapshot");
    let (_, data) = events.until("pull").await;
    assert_eq!((data["id"].as_str(), data["state"].as_str()), (Some(&*pull.to_string()), Some("approved")));
    let strange =
        admin.request(Method::GET, "/api/v1/events").header("last-event-id", "00000008-1").send().await.unwrap();
    assert_eq!(Events::new(strange).next().await.1, "fleet");
    house.stop.cancel();
    assert!(events.ended().await, "streams end when the hub stops");
}

#[tokio::test]
async fn the_journal_is_read_page_by_page_with_names_beside_pseudonyms() {
    let house = House::new().await;
    let admin = house.admin().await;
    for n in 0..5 {
        admin.post("/api/v1/sites", &json!({"name": format!("Site {n}"), "time_zone": "UTC"})).await;
    }
    let sequencer = crate::audit::sequencer::Sequencer {
        db: house.office.db.clone(),
        origin: "farwatch/test".into(),
        key: house.office.keys.log.clone(),
        clock: house.office.clock.clone(),
    };
    while sequencer.run_once().await.unwrap() > 0 {}
    let first = json_of(admin.get("/api/v1/journal?limit=4").await).await;
    assert_eq!(first["size"], 6);
    let indices = |page: &Value| {
        page["entries"].as_array().unwrap().iter().map(|e| e["index"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(indices(&first), [5, 4, 3, 2]);
    let rest = json_of(admin.get("/api/v1/journal?limit=4&before=2").await).await;
    assert_eq!(indices(&rest), [1, 0]);
    let oldest = &rest["entries"][1];
    assert_eq!((oldest["action"].as_str(), oldest["actor"].as_str()), (Some("person.set_up"), Some("person")));
    assert_eq!((oldest["actor_name"].as_str(), oldest["outcome"].as_str()), (Some("Ada"), Some("done")));
    assert_eq!(first["entries"][0]["detail"]["name"], "Site 4");
}

#[tokio::test]
async fn health_reaches_from_the_packed_past_to_the_last_minute() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let sample = |at: i64| farwatch_shared::wire::latest::HealthSample { at_ms: WallMs(at), ..health() };
    let past = START.0 - 600_000;
    let chunk = store::health::chunk_of(WallMs(past));
    let old = vec![sample(past), sample(past + 30_000)];
    let write = house.office.db.write(move |c| Box::pin(async move { store::health::add(c, agent, chunk, old).await }));
    write.await.unwrap();
    for at in [past + 30_000, START.0 - 30_000] {
        house.office.fleet.health(agent, Arc::new(sample(at)), START);
    }
    let series = json_of(admin.get(&format!("/api/v1/agents/{agent}/health")).await).await;
    let at: Vec<i64> = series["samples"].as_array().unwrap().iter().map(|s| s["at_ms"].as_i64().unwrap()).collect();
    assert_eq!(at, [past, past + 30_000, START.0 - 30_000], "each once");
    assert_eq!(
        (series["samples"][0]["rx_bps"].as_u64(), series["time_zone"].as_str()),
        (Some(30), Some("Europe/Warsaw"))
    );
    let detail = json_of(admin.get(&format!("/api/v1/agents/{agent}")).await).await;
    assert_eq!(detail["outbox"]["waiting"], 3);
}

#[tokio::test]
async fn metrics_count_and_name_nobody() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let camera = house.camera(&admin, agent).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(crate::api::metrics::serve(listener, house.office.clone(), house.stop.clone()));
    let answer = house.browser().client.get(format!("http://{address}/metrics")).send().await.unwrap();
    assert!(answer.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    let text = answer.text().await.unwrap();
    assert!(text.ends_with("# EOF\n"));
    assert!(text.contains("farwatch_agents{presence=\"unknown\"} 1\n"), "{text}");
    assert!(text.lines().any(|line| line.starts_with("farwatch_database_commits_total ")));
    assert!(text.contains("farwatch_faults_open{fault=\"damage\"} 0\n"), "{text}");
    assert!(text.contains("farwatch_gap_seconds_day{cause=\"power\"} 0\n"), "{text}");
    assert!(text.contains("farwatch_retention_agents{outlook=\"unmeasured\"} 1\n"), "{text}");
    assert!(text.contains("farwatch_coverage_recorded_seconds_day 0\n"), "{text}");
    for name in ["Ada", "Depot", "Gate", &agent.to_string(), &camera.to_string()] {
        assert!(!text.contains(name), "{name}");
    }
}

fn health() -> farwatch_shared::wire::latest::HealthSample {
    let network = |rx: u64| json!({"interface": "eth0", "up": true, "rx_bytes_per_s": rx, "tx_bytes_per_s": 1});
    serde_json::from_value(json!({
        "at_ms": 0, "uptime_s": 1, "clock": {"state": "ntp"}, "cpu_permille": 12, "mem_total": 100, "mem_used": 50,
        "agent_mem": 5, "disk": {"total": 10, "free": 5, "inodes_total": 10, "inodes_free": 9, "footage": 1},
        "network": [network(10), network(20)], "recorder": {"running": true},
        "outbox": {"waiting": 3, "bytes": 100, "dropped": 0}
    }))
    .unwrap()
}

#[tokio::test]
async fn a_customers_own_certificate_is_taken_while_the_door_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
    let write = |name: &str| {
        let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        std::fs::write(&chain, made.cert.pem()).unwrap();
        reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
    };
    let first = write("localhost");
    let certificate = Certificate::load(chain.clone(), key.clone()).unwrap();
    let door = Door::open(([127, 0, 0, 1], 0).into(), certificate.clone(), Peers::None).await.unwrap();
    let (address, stop) = (door.address, CancellationToken::new());
    let mut tasks = JoinSet::new();
    tasks.spawn(door.serve(axum::Router::new(), stop.clone()));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let asks = |ca: reqwest::Certificate| async move {
        let client = Client::builder().tls_certs_only([ca]).resolve("localhost", address).build().unwrap();
        client.get(format!("https://localhost:{}/", address.port())).send().await
    };
    assert_eq!(asks(first.clone()).await.unwrap().status(), 404);
    std::fs::write(&chain, "half a file").unwrap();
    certificate.refresh();
    assert!(asks(first.clone()).await.is_ok(), "a file that cannot be used changes nothing");
    let second = write("localhost");
    certificate.refresh();
    assert!(asks(second).await.is_ok());
    assert!(asks(first).await.is_err(), "new connections see the new one only");
    stop.cancel();
}

/// A stream read event by event.
struct Events {
    bytes: futures::stream::BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    text: String,
}

impl Events {
    fn new(answer: Response) -> Self {
        assert_eq!(answer.headers()["content-type"], "text/event-stream");
        assert!(!answer.headers().contains_key("content-encoding"));
        Self { bytes: answer.bytes_stream().boxed(), text: String::new() }
    }

    async fn next(&mut self) -> (String, String, Value) {
        loop {
            if let Some((event, rest)) = self.text.split_once("\n\n") {
                let field = |name: &str| {
                    event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
                };
                let found = (field("id:"), field("event:"), field("data:"));
                self.text = rest.to_owned();
                if !found.1.is_empty() {
                    return (found.0, found.1, serde_json::from_str(&found.2).unwrap());
                }
                continue;
            }
            let more = tokio::time::timeout(std::time::Duration::from_secs(20), self.bytes.next()).await;
            self.text.push_str(std::str::from_utf8(&more.unwrap().unwrap().unwrap()).unwrap());
        }
    }

    async fn until(&mut self, wanted: &str) -> (String, Value) {
        loop {
            let (id, name, data) = self.next().await;
            if name == wanted {
                return (id, data);
            }
        }
    }

    async fn ended(&mut self) -> bool {
        let end = async { while let Some(Ok(_)) = self.bytes.next().await {} };
        tokio::time::timeout(std::time::Duration::from_secs(10), end).await.is_ok()
    }
}

// OPS-08
#[tokio::test]
async fn a_thousand_boxes_are_one_answer() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (site, first) = house.agent(&admin).await;
    let template = store::agents::get(&mut house.office.db.read().await.unwrap(), first).await.unwrap();
    let write = house.office.db.write(move |c| {
        Box::pin(async move {
            for n in 0..1_000 {
                let row = store::agents::AgentRow {
                    agent: AgentId::generate(),
                    hostname: format!("box-{n}"),
                    ..template.clone()
                };
                store::agents::insert(c, &row).await?;
                for m in 0..8 {
                    store::cameras::put(c, &camera_of(row.agent, &format!("camera {n}-{m}"))).await?;
                }
            }
            Ok::<_, store::StoreError>(())
        })
    });
    write.await.unwrap();
    fleet::load(&house.office.fleet, &house.office.db, START).await.unwrap();
    let answer = admin.request(Method::GET, "/api/v1/fleet").header("accept-encoding", "gzip").send().await.unwrap();
    let packed = answer.bytes().await.unwrap();
    assert!(packed.len() < 250_000, "{} bytes", packed.len());
    let picture = json_of(admin.get(&format!("/api/v1/sites/{site}")).await).await;
    assert_eq!(picture["cameras"].as_array().unwrap().len(), 8_000);
}
