//! What a box kept and can prove, as people ask for it.

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::{CauseTotal, CoverageStatement};
use farwatch_shared::id::{RunId, StreamName};
use farwatch_shared::seal::Signed;
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::DAY_MS;
use farwatch_shared::wire::latest::{
    CameraState, ChainHeadFact, ClockChange, ClockFact, EventFact, FaultFact, FaultKind, GapCause, GapFact,
    HealthSample, Trigger,
};

use super::*;

/// START is 2026-11-24 10:00 in Warsaw.
const MIDNIGHT: i64 = START.0 - 10 * 3_600_000;

fn footage(camera: CameraId, start: i64, end: i64) -> ChainHeadFact {
    ChainHeadFact {
        camera,
        stream: StreamName::Main,
        run: RunId { boot: 1, counter: 1 },
        first_sequence: 0,
        last_sequence: 9,
        start_ms: WallMs(start),
        end_ms: WallMs(end),
        bytes: ByteSize(600),
        head: Digest::ZERO,
        activity: vec![10; 60],
    }
}

fn statement(agent: AgentId, camera: CameraId) -> CoverageStatement {
    CoverageStatement {
        agent,
        number: 7,
        issued_at_ms: WallMs(START.0 - 3_600_000),
        previous: Digest::ZERO,
        camera,
        stream: StreamName::Main,
        day: "2026-11-23".into(),
        time_zone: "Europe/Warsaw".into(),
        start_ms: WallMs(MIDNIGHT - DAY_MS),
        end_ms: WallMs(MIDNIGHT),
        expected_ms: 86_400_000,
        recorded_ms: 86_390_000,
        held_ms: 0,
        damaged_ms: 0,
        gaps: vec![CauseTotal { cause: GapCause::Camera, count: 1, ms: 10_000 }],
        segments: 1440,
        bytes: ByteSize::gib(9),
        segments_digest: Digest::ZERO,
        oldest_ms: None,
        unbroken_since_ms: None,
        floor_days: 30,
        floor_kept: true,
        next_breach_ms: None,
        crit: Vec::new(),
    }
}

impl House {
    /// A day stated, a day running: an hour of footage, a gap, an hour of footage of which ten minutes are damaged.
    async fn kept(&self, agent: AgentId, camera: CameraId) -> String {
        let said = statement(agent, camera);
        let envelope = serde_json::to_string(&Signed::sign(&said, &SignKey::generate().unwrap()).unwrap()).unwrap();
        let copy = envelope.clone();
        let hour = 3_600_000;
        let gap = GapFact {
            camera,
            stream: StreamName::Main,
            start_ms: WallMs(MIDNIGHT + hour),
            end_ms: WallMs(MIDNIGHT + hour + 60_000),
            cause: GapCause::Power,
            detail: None,
        };
        let damage = FaultFact {
            fault: FaultKind::Damage,
            camera: Some(camera),
            stream: Some(StreamName::Main),
            span: farwatch_shared::time::Span::new(WallMs(MIDNIGHT + 2 * hour - 600_000), WallMs(MIDNIGHT + 2 * hour)),
            open: true,
            detail: "segment 7 does not match its digest".into(),
        };
        let event = EventFact {
            camera,
            trigger: Trigger::Activity,
            start_ms: WallMs(MIDNIGHT + 60_000),
            end_ms: WallMs(MIDNIGHT + 90_000),
            detail: None,
        };
        let clock = ClockFact {
            at_ms: WallMs(MIDNIGHT + 30 * 60_000),
            boot_id: "b".into(),
            boot_ns: farwatch_shared::time::BootNs(1),
            change: ClockChange::State {
                before: farwatch_shared::time::ClockState::Unsynced,
                now: farwatch_shared::time::ClockState::Ntp,
            },
        };
        let write = self.office.db.write(move |c| {
            Box::pin(async move {
                store::coverage::insert(c, &said, Digest::ZERO, &copy, START).await?;
                let one = footage(camera, MIDNIGHT, MIDNIGHT + hour);
                store::timeline::insert_span(c, agent, "a", &one, START).await?;
                let two = ChainHeadFact {
                    run: RunId { boot: 2, counter: 2 },
                    ..footage(camera, MIDNIGHT + hour + 60_000, MIDNIGHT + 2 * hour)
                };
                store::timeline::insert_span(c, agent, "b", &two, START).await?;
                store::timeline::insert_gap(c, agent, "c", &gap, START).await?;
                store::faults::open(c, agent, &damage, START, START).await?;
                store::happenings::insert_event(c, agent, "d", &event, START).await?;
                store::happenings::insert_clock(c, agent, "e", &clock, START).await.map(drop)
            })
        });
        write.await.unwrap();
        envelope
    }

    fn hear(&self, agent: AgentId, camera: CameraId, bits: u64, gib: u64) {
        let mut sample: HealthSample =
            serde_json::from_str(include_str!("../../../../shared/src/wire/golden/v1/health.json")).unwrap();
        sample.disk.footage = ByteSize(0);
        sample.disk.free = ByteSize::gib(gib);
        (sample.cameras[0].camera, sample.cameras[0].bits_per_s) = (camera, bits);
        sample.cameras[0].state = CameraState::Recording;
        self.office.fleet.health(agent, Arc::new(sample), START);
    }
}

// RET-05
#[tokio::test]
async fn the_calendar_tells_stated_days_from_running_ones_and_both_from_unknown() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (site, agent) = house.agent(&admin).await;
    let camera = house.camera(&admin, agent).await;
    let envelope = house.kept(agent, camera).await;
    let path = format!("/api/v1/cameras/{camera}/coverage");
    let calendar = json_of(admin.get(&format!("{path}?from_day=2026-11-22&to_day=2026-11-25")).await).await;
    assert_eq!(calendar["time_zone"], "Europe/Warsaw");
    let days = calendar["days"].as_array().unwrap();
    let states: Vec<_> = days.iter().map(|d| (d["day"].as_str().unwrap(), d["state"].as_str().unwrap())).collect();
    let want =
        [("2026-11-22", "unknown"), ("2026-11-23", "stated"), ("2026-11-24", "running"), ("2026-11-25", "unknown")];
    assert_eq!(states, want);
    assert_eq!((days[1]["statement_number"].as_u64(), days[1]["floor_kept"].as_bool()), (Some(7), Some(true)));
    assert_eq!((days[1]["recorded_ms"].as_u64(), days[1]["gaps"][0]["ms"].as_u64()), (Some(86_390_000), Some(10_000)));
    let running = &days[2];
    assert_eq!(running["recorded_ms"], 2 * 3_600_000 - 60_000 - 600_000);
    assert_eq!((running["damaged_ms"].as_u64(), running["gaps"][0]["cause"].as_str()), (Some(600_000), Some("power")));
    assert_eq!(running["expected_ms"], 2 * 3_600_000);
    assert_eq!(running["statement_number"], Value::Null);
    let word_for_word = admin.get(&format!("{path}/2026-11-23")).await;
    assert_eq!(word_for_word.headers()["content-type"], "application/json");
    assert_eq!(word_for_word.text().await.unwrap(), envelope);
    assert_eq!(admin.get(&format!("{path}/2026-11-24")).await.status(), 404);
    for bad in ["from_day=2026-11-31", "from_day=2026-11-25&to_day=2026-11-24", "from_day=2000-01-01"] {
        assert_eq!(code_of(admin.get(&format!("{path}?{bad}")).await).await, "bad_range", "{bad}");
    }
    let all = json_of(admin.get(&format!("/api/v1/sites/{site}/coverage?from_day=2026-11-23")).await).await;
    assert_eq!(all["cameras"][0]["days"], json!([days[1], days[2]]));
}

// CAP-05 RET-07
#[tokio::test]
async fn the_strip_shows_events_damage_clock_marks_and_how_far_the_clock_was_trusted() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (site, agent) = house.agent(&admin).await;
    let camera = house.camera(&admin, agent).await;
    house.kept(agent, camera).await;
    let strip = json_of(admin.get(&format!("/api/v1/cameras/{camera}/timeline?from_ms={MIDNIGHT}")).await).await;
    let spans = strip["spans"].as_array().unwrap();
    let clocks: Vec<_> = spans.iter().map(|s| s["clock"].as_str().unwrap()).collect();
    assert_eq!(clocks, ["unsynced", "ntp", "ntp"], "{spans:?}");
    assert_eq!(spans.iter().map(|s| s["bytes"].as_u64().unwrap()).sum::<u64>(), 1200);
    assert_eq!(strip["events"][0]["trigger"], "activity");
    assert_eq!(
        (strip["clock_marks"][0]["kind"].as_str(), strip["clock_marks"][0]["state"].as_str()),
        (Some("state"), Some("ntp"))
    );
    assert_eq!(strip["damage"][0]["end_ms"], MIDNIGHT + 2 * 3_600_000);
    let all = json_of(admin.get(&format!("/api/v1/sites/{site}/strip?from_ms={MIDNIGHT}")).await).await;
    assert_eq!(all["cameras"][0]["camera"], camera.to_string());
    assert_eq!(all["cameras"][0]["gaps"], strip["gaps"]);
    let detail = json_of(admin.get(&format!("/api/v1/agents/{agent}/faults?state=all")).await).await;
    assert_eq!(detail["faults"][0]["fault"], "damage");
}

// CAP-02
#[tokio::test]
async fn modes_terms_and_targets_are_asked_for_shown_and_journaled() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let camera = format!("/api/v1/cameras/{}", house.camera(&admin, agent).await);
    let night = json!({"mode": "schedule", "windows": [{"days": [5, 1], "start_minute": 1320, "end_minute": 360}]});
    let ask = json!({"recording": night, "audio_purpose": "intercom", "event_days": 60, "ceiling_days": 90,
        "quota_bytes": 1_u64 << 40, "when_short": "keep_floor", "targets": {"main": {"fps_milli": 25_000}}});
    let changed = json_of(admin.patch(&camera, &ask).await).await;
    assert_eq!(changed["recording"]["windows"][0]["days"], json!([1, 5]));
    assert_eq!(
        (changed["summary"]["recording"].as_str(), changed["when_short"].as_str()),
        (Some("schedule"), Some("keep_floor"))
    );
    assert_eq!((changed["audio_purpose"].as_str(), changed["event_days"].as_u64()), (Some("intercom"), Some(60)));
    assert_eq!(changed["targets"]["main"]["fps_milli"], 25_000);
    let journal = house.journal().await.pop().unwrap();
    assert_eq!(
        (journal["detail"]["recording"].as_str(), journal["detail"]["when_short"].as_str()),
        (Some("schedule"), Some("keep_floor"))
    );
    let away =
        json_of(admin.patch(&camera, &json!({"quota_bytes": 0, "event_days": 0, "audio_purpose": ""})).await).await;
    assert_eq!(
        (&away["quota_bytes"], &away["event_days"], &away["audio_purpose"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    for (bad, code) in [
        (json!({"recording": {"mode": "live_only", "reason": " "}}), "reason_required"),
        (json!({"recording": {"mode": "schedule", "windows": []}}), "bad_schedule"),
        (json!({"recording": {"mode": "event", "pre_s": 61, "post_s": 1, "triggers": []}}), "bad_roll"),
        (json!({"recording": {"mode": "always"}}), "malformed"),
        (json!({"audio": true}), "no_audio_purpose"),
        (json!({"event_days": 7}), "bad_event_days"),
        (json!({"targets": {"main": {"fps_milli": 1}}}), "bad_target"),
        (json!({"quota_bytes": 5}), "quota_too_small"),
    ] {
        let refused = admin.patch(&camera, &bad).await;
        assert_eq!(refused.status(), 400, "{bad}");
        assert_eq!(code_of(refused).await, code, "{bad}");
    }
}

// RET-02
#[tokio::test]
async fn a_policy_the_disk_cannot_keep_is_refused_before_it_is_saved_with_the_missing_bytes() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let camera = house.camera(&admin, agent).await;
    // 1 Mbit/s is 10.8 GB a day: 400 GiB hold thirty days, not sixty.
    house.hear(agent, camera, 1_000_000, 400);
    let path = format!("/api/v1/cameras/{camera}");
    let ask = |floor: u64| json!({"agent": agent, "cameras": [{"camera": camera, "floor_days": floor}]});
    let check = |floor| {
        let admin = &admin;
        async move { json_of(admin.post("/api/v1/cameras/retention-check", &ask(floor)).await).await }
    };
    let (thirty, sixty) = (check(30).await, check(60).await);
    assert_eq!((thirty["fits"].as_bool(), thirty["missing_bytes"].as_u64()), (Some(true), Some(0)));
    assert_eq!(sixty["fits"], false);
    let missing = sixty["missing_bytes"].as_u64().unwrap();
    assert_eq!(missing, sixty["needed_bytes"].as_u64().unwrap() - sixty["capacity_bytes"].as_u64().unwrap());
    let before = house.journal().await.len();
    let refused = admin.patch(&path, &json!({"floor_days": 60})).await;
    assert_eq!(refused.status(), 422);
    let refused = json_of(refused).await;
    assert_eq!(refused["error"]["code"], "policy_too_large");
    assert_eq!(refused["error"]["missing_bytes"].as_u64(), Some(missing));
    assert_eq!(json_of(admin.get(&path).await).await["summary"]["floor_days"], 30, "nothing was saved");
    assert_eq!(house.journal().await.len(), before);
    assert_eq!(admin.patch(&path, &json!({"floor_days": 20})).await.status(), 200);
    // A second camera that says of itself what it will send.
    let second = json!({"name": "Yard", "url": "rtsp://10.0.0.8/x", "targets": {"main": {"bits_per_s": 4_000_000}}});
    let refused = admin.post(&format!("/api/v1/agents/{agent}/cameras"), &second).await;
    assert_eq!(refused.status(), 422);
    let new = json!({"agent": agent, "cameras": [{"floor_days": 30, "bits_per_s": 4_000_000}]});
    assert_eq!(json_of(admin.post("/api/v1/cameras/retention-check", &new).await).await["fits"], false);
    let strange = json!({"agent": agent, "cameras": [{"camera": CameraId::generate(), "floor_days": 3}]});
    assert_eq!(admin.post("/api/v1/cameras/retention-check", &strange).await.status(), 404);
}

#[tokio::test]
async fn an_agent_shows_its_forecast_its_clock_and_what_was_not_believed() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (_, agent) = house.agent(&admin).await;
    let camera = house.camera(&admin, agent).await;
    house.kept(agent, camera).await;
    let mut sample: HealthSample =
        serde_json::from_str(include_str!("../../../../shared/src/wire/golden/v1/health.json")).unwrap();
    sample.retention = Some(
        serde_json::from_value(json!({"bytes_per_day": 100, "capacity": 1000, "bound": 500, "hours_possible": 240,
            "floor_hours": 720, "breach_at_ms": START.0 + DAY_MS, "missing": 2000,
            "next_to_go": {"camera": camera, "stream": "main", "start_ms": 5}}))
        .unwrap(),
    );
    sample.disk.wear = Some(serde_json::from_value(json!({"disk": "nvme0n1", "used_percent": 12})).unwrap());
    house.office.fleet.health(agent, Arc::new(sample), START);
    let row = store::quarantine::RefusalRow {
        agent,
        what: "checkpoint".into(),
        refusal: "broken_chain".into(),
        hour_ms: START,
        first_ms: START,
        last_ms: START,
        count: 2,
        detail: "number 4 came before with other content".into(),
    };
    let write =
        house.office.db.write(move |c| Box::pin(async move { store::quarantine::count_refusal(c, &row).await }));
    write.await.unwrap();
    let detail = json_of(admin.get(&format!("/api/v1/agents/{agent}")).await).await;
    assert_eq!(
        (detail["retention"]["missing"].as_u64(), detail["retention"]["hours_possible"].as_u64()),
        (Some(2000), Some(240))
    );
    assert_eq!((detail["wear"]["used_percent"].as_u64(), detail["clock"]["state"].as_str()), (Some(12), Some("ntp")));
    assert_eq!(detail["faults"][0]["detail"], "segment 7 does not match its digest");
    assert_eq!(
        (detail["summary"]["floor_hours"].as_u64(), detail["summary"]["breach_at_ms"].as_i64()),
        (Some(720), Some(START.0 + DAY_MS))
    );
    let chains = json_of(admin.get(&format!("/api/v1/agents/{agent}/checkpoints")).await).await;
    assert_eq!((&chains["newest"], chains["refused"][0]["code"].as_str()), (&Value::Null, Some("broken_chain")));
    let certificates = json_of(admin.get(&format!("/api/v1/certificates?agent={agent}")).await).await;
    assert_eq!(certificates["certificates"], json!([]));
}

// OPS-08
#[tokio::test]
async fn a_sites_strips_and_calendars_are_one_answer_each() {
    let house = House::new().await;
    let admin = house.admin().await;
    let (site, agent) = house.agent(&admin).await;
    let write = house.office.db.write(move |c| {
        Box::pin(async move {
            for n in 0..64 {
                let row = camera_of(agent, &format!("camera {n:02}"));
                store::cameras::put(c, &row).await?;
                for slot in 0..60i64 {
                    let start = MIDNIGHT + slot * 600_000;
                    let head = ChainHeadFact {
                        first_sequence: u32::try_from(slot).unwrap_or(0) * 10,
                        last_sequence: u32::try_from(slot).unwrap_or(0) * 10 + 9,
                        ..footage(row.camera, start, start + 590_000)
                    };
                    store::timeline::insert_span(c, agent, &format!("{n}/{slot}"), &head, START).await?;
                }
            }
            Ok::<_, store::StoreError>(())
        })
    });
    write.await.unwrap();
    let strip = format!("/api/v1/sites/{site}/strip?from_ms={MIDNIGHT}");
    let answer = admin.request(Method::GET, &strip).header("accept-encoding", "gzip").send().await.unwrap();
    let packed = answer.bytes().await.unwrap();
    assert!(packed.len() < 150_000, "{} bytes", packed.len());
    let strips = json_of(admin.get(&strip).await).await;
    let cameras = strips["cameras"].as_array().unwrap();
    assert_eq!((cameras.len(), cameras[0]["spans"].as_array().unwrap().len()), (64, 60));
    let calendar = json_of(admin.get(&format!("/api/v1/sites/{site}/coverage?from_day=2026-11-20")).await).await;
    let rows = calendar["cameras"].as_array().unwrap();
    assert_eq!((rows.len(), rows[63]["name"].as_str()), (64, Some("camera 63")));
    assert_eq!(rows[63]["days"][4]["recorded_ms"], 60 * 590_000);
}
