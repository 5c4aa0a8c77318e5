//! Both ways a camera comes in, side by side on the test camera: the same bytes, the same times, and what a killed media
//! worker costs.
//!
//! Belongs here: `camera::rtsp` against `camera::gst`. Does not: what the recorder makes of it (`e2e`, `faults`).

mod quirks;

use std::time::Duration;

use farwatch_agent::camera::gst::GstSource;
use farwatch_agent::camera::rtsp::RtspSource;
use farwatch_agent::camera::{Item, Opening, Source, SourceError, Target, Track};
use farwatch_agent::media::worker::Launch;
use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::secret::Secret;
use farwatch_shared::time::Clock;
use farwatch_tests::bins::bin;
use farwatch_tests::camera::{CameraSetup, TestCamera};

const PATIENCE: Duration = Duration::from_secs(30);
/// Pictures compared: more than one GOP, and a loop's B-frames several times over.
const PICTURES: usize = 90;
/// From one picture to the next of every mount, in ticks.
const STEP: i64 = 90_000 / 20;

fn launch() -> Launch {
    Launch::of(&bin("farwatch-agent"))
}

fn target(url: String, audio: bool) -> Target {
    Target {
        camera: CameraId::generate(),
        stream: StreamName::Main,
        url,
        credential: Some(Secret::new("viewer:correct horse: battery")),
        audio,
        ca_pem: None,
    }
}

fn camera(tls: bool) -> TestCamera {
    let credentials = Some(("viewer".to_owned(), "correct horse: battery".to_owned()));
    TestCamera::start(CameraSetup { mounts: 2, credentials, tls, ..CameraSetup::default() }).expect("a test camera")
}

async fn gst(target: &Target) -> (Opening, GstSource) {
    GstSource::open(&launch(), target).await.expect("a session through a worker")
}

async fn rtsp(target: &Target) -> (Opening, RtspSource) {
    RtspSource::open(target, &launch(), Clock::real()).await.expect("a session through retina")
}

/// What came of one session.
#[derive(Default)]
struct Heard {
    pictures: Vec<(i64, Vec<u8>)>,
    sound: Vec<(i64, Vec<u8>)>,
    /// Tracks whose clock was told.
    reports: Vec<(Track, i64, u64)>,
}

async fn listen(source: &mut impl Source) -> Heard {
    let mut heard = Heard::default();
    while heard.pictures.len() < PICTURES {
        match tokio::time::timeout(PATIENCE, source.next()).await.expect("in time").expect("a working session") {
            Item::Video { unit, .. } => {
                assert_eq!(unit.lost, 0);
                heard.pictures.push((unit.ticks, unit.data));
            }
            Item::Audio { frame, .. } => heard.sound.push((frame.ticks, frame.data)),
            Item::Report { track, ticks, ntp } => heard.reports.push((track, ticks, ntp)),
            Item::Defect(what) => panic!("{what}"),
        }
    }
    heard
}

/// Lines up two sequences by their first common content and compares all that both have; gives how many that were.
fn compare(what: &str, one: &[(i64, Vec<u8>)], other: &[(i64, Vec<u8>)]) -> usize {
    let begins = |a: &[(i64, Vec<u8>)], b: &[(i64, Vec<u8>)]| a.iter().position(|(_, data)| *data == b[0].1);
    let (one, other) = match (begins(one, other), begins(other, one)) {
        (Some(at), _) => (&one[at..], other),
        (None, Some(at)) => (one, &other[at..]),
        (None, None) => panic!("{what}: nothing in common"),
    };
    let common = one.len().min(other.len());
    for n in 0..common {
        assert!(one[n].1 == other[n].1, "{what} {n} differs: {} and {} bytes", one[n].1.len(), other[n].1.len());
        let since = |s: &[(i64, Vec<u8>)]| s[n].0 - s[0].0;
        assert_eq!(since(one), since(other), "time of {what} {n}");
    }
    common
}

// CAP-01, DESIGN.md 4: both sources give byte-identical samples.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn both_sources_give_the_same_bytes_at_the_same_times() {
    let camera = camera(false);
    for mount in ["cam0", "bframes", "h265", "h265aac", "aac"] {
        let target = target(camera.url(mount), true);
        let ((told_rtsp, mut one), (told_gst, mut other)) = tokio::join!(rtsp(&target), gst(&target));
        assert_eq!(told_rtsp.codec, told_gst.codec, "{mount}");
        assert_eq!(told_rtsp.sets, told_gst.sets, "{mount}");
        assert_eq!(told_rtsp.audio, told_gst.audio, "{mount}");
        let (one, other) = tokio::join!(listen(&mut one), listen(&mut other));
        let pictures = compare(&format!("{mount} picture"), &one.pictures, &other.pictures);
        assert!(pictures >= PICTURES - 10, "{mount}: only {pictures} pictures in common");
        assert_eq!(one.sound.is_empty(), !mount.contains("aac"), "{mount}");
        if !one.sound.is_empty() {
            let frames = compare(&format!("{mount} sound"), &one.sound, &other.sound);
            assert!(frames > 40, "{mount}: only {frames} frames in common");
        }
        // Both clocks lead from the same picture to the same moment, to the tick.
        let moment = |heard: &Heard| {
            let found = heard.reports.iter().find(|(track, ..)| *track == Track::Video);
            let (_, ticks, ntp) = found.unwrap_or_else(|| panic!("{mount}: no report"));
            let said = (i128::from(*ntp) * 90_000) >> 32;
            (said + i128::from(heard.pictures[0].0 - ticks), heard.pictures[0].1.clone())
        };
        let ((a, first_a), (b, first_b)) = (moment(&one), moment(&other));
        let at =
            |heard: &Heard, data: &[u8]| heard.pictures.iter().find(|p| p.1 == data).map(|p| p.0 - heard.pictures[0].0);
        let apart = at(&one, &first_b).map(i128::from).or_else(|| at(&other, &first_a).map(|d| -i128::from(d)));
        let error = a + apart.expect("a picture in common") - b;
        assert!(error.abs() <= 1, "{mount}: the clocks are {error} ticks apart");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g711_comes_as_aac_in_step_with_the_pictures() {
    let camera = camera(false);
    let target = target(camera.url("alaw"), true);
    let (told, mut source) = gst(&target).await;
    let config = told.audio.expect("sound");
    assert!(config.derived && config.rate == 8_000 && config.codec == "mp4a.40.2");
    let heard = listen(&mut source).await;
    assert!(heard.sound.len() > 20, "{} frames", heard.sound.len());
    assert!(heard.sound.windows(2).all(|w| w[1].0 - w[0].0 == 1_024));
    for track in [Track::Video, Track::Audio] {
        assert!(heard.reports.iter().any(|(t, ..)| *t == track), "no report for {track:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rtsps_is_trusted_under_the_cameras_own_authority_only() {
    let camera = camera(true);
    let authority = |path: &std::path::Path| std::fs::read_to_string(path).expect("the authority");
    let mine = authority(camera.doors().ca.as_deref().expect("rtsps"));
    let other = self::camera(true);
    let foreign = authority(other.doors().ca.as_deref().expect("rtsps"));
    let mut target = target(camera.secure_url("cam0").expect("rtsps"), false);

    target.ca_pem = Some(mine);
    let (_, mut source) = gst(&target).await;
    assert_eq!(listen(&mut source).await.pictures.len(), PICTURES);

    for refused in [Some(foreign), None] {
        target.ca_pem = refused;
        let error = GstSource::open(&launch(), &target).await.expect_err("refused");
        assert!(matches!(&error, SourceError::Unreachable { detail } if detail.contains("certificate")), "{error:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_a_wrong_path_and_a_dead_camera_are_told_apart() {
    let camera = camera(false);
    let mut target = target(camera.url("cam0"), false);
    target.credential = Some(Secret::new("viewer:wrong"));
    let error = GstSource::open(&launch(), &target).await.err();
    assert_eq!(error, Some(SourceError::AuthFailed));

    let wrong = self::target(camera.url("no-such-mount"), false);
    let error = GstSource::open(&launch(), &wrong).await.err();
    assert!(matches!(error, Some(SourceError::Unreachable { .. })), "{error:?}");

    let good = self::target(camera.url("cam0"), false);
    let (_, mut source) = gst(&good).await;
    camera.control("kill cam0").expect("control");
    let ended = async {
        loop {
            if let Err(e) = source.next().await {
                return e;
            }
        }
    };
    let error = tokio::time::timeout(PATIENCE, ended).await.expect("in time");
    assert!(matches!(error, SourceError::Ended { .. }), "{error:?}");
}

// A media worker killed costs its camera only.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_worker_costs_its_camera_only() {
    let camera = camera(false);
    let (first, second) = (target(camera.url("cam0"), false), target(camera.url("cam1"), false));
    let ((_, mut killed), (_, mut other)) = tokio::join!(gst(&first), gst(&second));
    let pid = i32::try_from(killed.worker().expect("a worker")).ok().and_then(rustix::process::Pid::from_raw);
    let kill = async {
        for _ in 0..20 {
            killed.next().await.expect("a working session");
        }
        rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::KILL).expect("kill");
        let over = async {
            loop {
                if let Err(e) = killed.next().await {
                    return e;
                }
            }
        };
        let error = tokio::time::timeout(Duration::from_secs(1), over).await.expect("seen within a second");
        assert!(matches!(&error, SourceError::Ended { detail } if detail.contains("worker")), "{error:?}");
        // And it comes back.
        let (_, mut again) = gst(&first).await;
        again.next().await.expect("a working session");
    };
    let ((), heard) = tokio::join!(kill, listen(&mut other));
    let steps: Vec<i64> = heard.pictures.windows(2).map(|w| w[1].0 - w[0].0).collect();
    assert!(steps.iter().all(|step| *step == STEP), "the other camera lost something: {steps:?}");
}
