//! Bad cameras (PEERS 9): every quirk recorded over real RTSP, every frame decoded and found by its burnt-in number.
//!
//! What can be repaired is counted by name, and by no other, and ends no run; what cannot is a clear state and a gap.

use std::collections::BTreeSet;
use std::time::Duration;

use farwatch_agent::ledger::entry::ClosedWhy;
use farwatch_agent::recorder::protocol::{Plan, PlanCamera, PlanMode, PlanStream};
use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::wire::latest::{CameraState, GapCause, SourceChoice};
use farwatch_tests::account::Account;
use farwatch_tests::books::Books;
use farwatch_tests::camera::{CameraSetup, TestCamera};
use farwatch_tests::recorder::Recorder;
use farwatch_tests::wait::until;

/// The longest a camera may take to be recorded: connecting, and a keyframe every 10 s.
const SOON: Duration = Duration::from_secs(25);
/// Long enough for several GOPs, two sender reports, and a session that would time out.
const WHILE: Duration = Duration::from_secs(14);

/// A test camera, a recorder, and the books over both.
struct House {
    eye: TestCamera,
    recorder: Recorder,
    cameras: Vec<(String, CameraId)>,
    keep: tempfile::TempDir,
}

impl House {
    /// Records these mounts, with sound where there is some.
    async fn of(light: u16, quirks: &[(&str, &str)], mounts: &[&str]) -> Self {
        let eye = TestCamera::start(CameraSetup { light, ..CameraSetup::default() }).expect("a test camera");
        for (names, mount) in quirks {
            for name in names.split('+').filter(|name| !name.is_empty()) {
                eye.control(&format!("quirk {name} {mount}")).expect("a known quirk");
            }
        }
        let keep = tempfile::tempdir().expect("a temporary directory");
        let cameras: Vec<_> = mounts.iter().map(|mount| ((*mount).to_owned(), CameraId::generate())).collect();
        let mut recorder = Recorder::start(&keep.path().join("agent")).await;
        let plan = cameras.iter().map(|(mount, camera)| planned(*camera, eye.url(mount))).collect();
        recorder.plan(Plan { number: 1, cameras: plan, ..Plan::default() }).await;
        Self { eye, recorder, cameras, keep }
    }

    fn camera(&self, mount: &str) -> CameraId {
        self.cameras.iter().find(|(known, _)| known == mount).expect("a mount of this house").1
    }

    async fn all_record(&self) {
        for (_, camera) in &self.cameras {
            self.recorder.until(*camera, CameraState::Recording, SOON).await;
        }
    }

    /// Names of the defects of a mount's stream, waiting for the status that comes every 5 s.
    async fn defects(&self, mount: &str) -> BTreeSet<String> {
        let status = self.recorder.status(self.camera(mount)).expect("a status");
        status.defects.into_keys().collect()
    }

    /// Stops the recorder and settles every account.
    async fn close(self) -> Vec<(String, Account)> {
        let mut books = Books::open(&self.keep.path().join("agent"), self.eye.journal_file());
        for (mount, camera) in &self.cameras {
            books.follow(&camera.to_string(), mount);
        }
        self.recorder.stop().await;
        books.read();
        let accounts = self.cameras.iter().map(|(mount, camera)| {
            let account = books.account(&camera.to_string()).clone();
            account.settle();
            (mount.clone(), account)
        });
        accounts.collect()
    }
}

fn planned(camera: CameraId, url: String) -> PlanCamera {
    PlanCamera {
        camera,
        streams: vec![PlanStream { stream: StreamName::Main, url, mode: PlanMode::Continuous }],
        credential: None,
        source: SourceChoice::Rtsp,
        audio: true,
        ca_pem: None,
        floor_days: 0,
    }
}

fn of<'a>(accounts: &'a [(String, Account)], mount: &str) -> &'a Account {
    &accounts.iter().find(|(known, _)| known == mount).expect("an account").1
}

/// Every frame from the first to the last is there, in one run without a gap.
fn assert_one_run(mount: &str, account: &Account) {
    assert!(account.gaps.is_empty(), "{mount}: {:#?}", account.gaps);
    let runs: BTreeSet<_> = account.closed.iter().map(|closed| closed.segment.run).collect();
    assert_eq!(runs.len(), 1, "{mount}: a repairable defect ended a run");
    let whole = account.recorded.last().zip(account.recorded.first()).map(|(last, first)| last.0 - first.0 + 1);
    assert_eq!(whole, Some(account.recorded.len() as u64), "{mount}: an unbroken row of frames");
    assert!(account.recorded.len() > 200, "{mount}: {} frames", account.recorded.len());
}

/// Quirks (joined by `+`), where, and the defects they are counted as.
type Case = (&'static str, &'static str, &'static [&'static str]);

/// Records all cases at once for a while; each is whole, and counted as told.
async fn record(light: u16, cases: &[Case]) {
    let quirks: Vec<_> = cases.iter().map(|(quirk, mount, _)| (*quirk, *mount)).collect();
    let mounts: Vec<_> = cases.iter().map(|(_, mount, _)| *mount).collect();
    let house = House::of(light, &quirks, &mounts).await;
    house.all_record().await;
    tokio::time::sleep(WHILE).await;
    let mut wrong = Vec::new();
    for (quirk, mount, expected) in cases {
        let expected: BTreeSet<String> = expected.iter().map(|name| (*name).to_owned()).collect();
        let counted = house.defects(mount).await;
        if counted != expected {
            wrong.push(format!("{quirk} at {mount} is counted as {counted:?}, not {expected:?}"));
        }
    }
    for (mount, account) in house.close().await {
        assert_one_run(&mount, &account);
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

// CAP-01, PEERS 9
#[tokio::test]
async fn a_camera_whose_signalling_is_odd_is_recorded_whole() {
    let cases: [Case; 15] = [
        ("", "light0", &[]),
        ("base-without-scheme", "light1", &["content_base_without_scheme"]),
        ("no-content-type", "light2", &["content_type_missing"]),
        ("ssrc-blank", "light3", &["ssrc_with_blanks"]),
        ("ssrc-short", "light4", &["ssrc_unreadable"]),
        ("session-id-changes", "aac", &["session_id_changed"]),
        ("wrong-sequence", "light5", &["rtp_info_sequence_wrong"]),
        ("wrong-rtptime", "light6", &["rtptime_unreadable"]),
        ("odd-sdp", "light7", &["fmtp_unreadable", "media_unreadable", "rtpmap_with_blanks", "sdp_without_origin"]),
        ("no-sets", "light8", &["parameter_sets_not_described"]),
        ("bad-sets", "light9", &["parameter_sets_unreadable"]),
        ("annex-b-sets", "light10", &["parameter_sets_with_start_codes"]),
        ("early-data", "light11", &["data_before_play"]),
        ("stray-channel", "light12", &["data_on_unknown_channel"]),
        // Kept alive, there is nothing to count.
        ("short-timeout", "light13", &[]),
    ];
    record(14, &cases).await;
}

// CAP-01, PEERS 9
#[tokio::test]
async fn a_camera_whose_packets_are_odd_is_recorded_whole() {
    let cases: [Case; 15] = [
        ("marker-on-sei", "light0", &["marker_within_unit"]),
        ("no-marker", "light1", &["marker_missing"]),
        ("sets-earlier", "light2", &["timestamp_within_unit"]),
        ("empty-fragments", "light3", &["empty_fragment"]),
        ("fragment-of-one", "light4", &["fragment_of_one"]),
        ("fragment-kind", "light5", &["fragment_kind_changes"]),
        ("annex-b-inside", "light6", &["annex_b_inside"]),
        ("trailing-sps", "light7", &["sps_with_trailing_data"]),
        ("report-ssrc", "light8", &["report_of_another_ssrc"]),
        ("report-zero", "light9", &["report_without_clock"]),
        ("other-type", "light10", &["foreign_payload_type"]),
        // What a good camera may do, and many recorders stumble over.
        ("", "longgop", &[]),
        ("", "bframes", &[]),
        ("", "opengop", &[]),
        ("marker-on-sei+empty-fragments", "h265", &["empty_fragment", "marker_within_unit"]),
    ];
    record(11, &cases).await;
}

// CAP-01, PEERS 9
#[tokio::test]
async fn a_stream_that_changes_goes_on_in_the_same_run() {
    let house = House::of(2, &[], &["cam0", "light0", "light1"]).await;
    house.all_record().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    for line in ["alt cam0", "jump -5000 light0", "jump 3600000 light1"] {
        house.eye.control(line).expect("obeys");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    for line in ["main cam0", "jump -86400000 light0", "jump -3600000 light1"] {
        house.eye.control(line).expect("obeys");
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    for (mount, count) in [("light0", 2), ("light1", 2)] {
        let camera = house.camera(mount);
        until("every jump counted", Duration::from_secs(10), || {
            let status = house.recorder.status(camera);
            let jumps = status.and_then(|s| s.defects.get("timestamp_jump").copied());
            std::future::ready(jumps.filter(|jumps| *jumps == count))
        })
        .await;
    }
    let accounts = house.close().await;
    for (mount, account) in &accounts {
        assert_one_run(mount, account);
    }
    let whys = |mount: &str| of(&accounts, mount).closed.iter().map(|c| c.why).collect::<Vec<_>>();
    assert_eq!(whys("cam0"), [ClosedWhy::Parameters, ClosedWhy::Parameters, ClosedWhy::Stop]);
    assert_eq!(whys("light0"), [ClosedWhy::TimestampJump, ClosedWhy::TimestampJump, ClosedWhy::Stop]);
    assert_eq!(whys("light1"), [ClosedWhy::TimestampJump, ClosedWhy::TimestampJump, ClosedWhy::Stop]);
    let heights: Vec<_> = of(&accounts, "cam0").closed.iter().map(|c| c.height).collect();
    assert_eq!(heights, [1_080, 720, 1_080]);
}

// CAP-03, PEERS 9
#[tokio::test]
async fn a_camera_that_cannot_be_decoded_says_so_and_its_hole_is_ledgered() {
    let house = House::of(2, &[("bad-sps", "light0")], &["light0", "light1"]).await;
    let (never, later) = (house.camera("light0"), house.camera("light1"));
    let status = house.recorder.until(never, CameraState::Unsupported, SOON).await;
    assert!(status.detail.as_deref().is_some_and(|d| d.contains("parameter sets")), "{status:?}");
    assert!(status.defects.contains_key("parameter_sets_not_understood"), "{status:?}");
    house.recorder.until(later, CameraState::Recording, SOON).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    house.eye.control("quirk bad-sps light1").expect("obeys");
    house.recorder.until(later, CameraState::Unsupported, SOON).await;
    tokio::time::sleep(Duration::from_secs(9)).await;
    for mount in ["light0", "light1"] {
        house.eye.control(&format!("straight all {mount}")).expect("obeys");
    }
    house.all_record().await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    for (mount, account) in house.close().await {
        assert!(!account.gaps.is_empty(), "{mount}");
        for gap in &account.gaps {
            assert_eq!(gap.cause, GapCause::Camera, "{mount}: {gap:?}");
            assert!(gap.detail.as_deref().is_some_and(|d| d.contains("parameter sets")), "{mount}: {gap:?}");
        }
    }
}

// CAP-03, PEERS 9
#[tokio::test]
async fn a_session_the_camera_does_not_let_go_of_costs_its_own_time_only() {
    let quirks = [("stale-session", "light0"), ("stale-session", "light1")];
    // The third goes on, so that nobody takes two silent cameras for a dead network.
    let house = House::of(3, &quirks, &["light0", "light1", "light2"]).await;
    house.eye.control("limit 1 light1").expect("obeys");
    house.all_record().await;
    tokio::time::sleep(Duration::from_secs(4)).await;
    for mount in ["light0", "light1"] {
        house.eye.control(&format!("kill {mount}")).expect("obeys");
    }
    // None is taken while the one before has its place.
    let alone = house.camera("light1");
    until("the camera refusing a second session", SOON, || {
        let refused = house.recorder.status(alone).filter(|s| s.detail.as_deref().is_some_and(|d| d.contains("453")));
        std::future::ready(refused.filter(|s| s.state == CameraState::Unreachable))
    })
    .await;
    // One more session is taken: the packets of the one before come between its own.
    let mixed = house.camera("light0");
    until("packets of the session before", SOON, || {
        let status = house.recorder.status(mixed).filter(|s| s.state == CameraState::Recording);
        std::future::ready(status.filter(|s| s.defects.contains_key("packet_of_another_session")))
    })
    .await;
    house.all_record().await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    let accounts = house.close().await;
    let missing = |mount: &str| {
        let account = of(&accounts, mount);
        assert!(account.gaps.iter().all(|gap| gap.cause == GapCause::Camera), "{:?}", account.gaps);
        account.verdict().missing_ms
    };
    assert!(missing("light0") < 3_000, "{} ms: a GOP and the time to connect", missing("light0"));
    assert!((6_000..16_000).contains(&missing("light1")), "{} ms: until the place was free", missing("light1"));
}
