//! Holds the test camera to what it promises, over real sockets: a test camera that errs would excuse a recorder.
//!
//! Belongs here: the camera seen from outside, by ffmpeg and by a bare receiver (`check/receiver.rs`).
//! Does not: its parts (tested beside them), or any of our own recorders.

#[path = "check/receiver.rs"]
mod receiver;

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use farwatch_tests::camera::{CameraSetup, TestCamera};
use farwatch_tests::frames;
use farwatch_tests::truth::{FrameIndex, Line, SentFrame};
use receiver::Receiver;

fn start(setup: CameraSetup) -> TestCamera {
    TestCamera::start(setup).expect("a running test camera")
}

fn with_password() -> CameraSetup {
    CameraSetup { credentials: Some(("viewer".into(), "not a default".into())), ..CameraSetup::default() }
}

fn ffprobe(transport: &str, url: &str) -> Output {
    Command::new("ffprobe")
        .args(["-v", "error", "-rtsp_transport", transport, "-analyzeduration", "1500000"])
        .args(["-show_entries", "stream=codec_name,width,height,sample_rate", "-of", "csv=p=0", url])
        .output()
        .expect("ffprobe runs; it is in the package ffmpeg")
}

fn record(url: &str, seconds: &str, file: &Path) {
    let status = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-rtsp_transport",
            "tcp",
            "-i",
            url,
            "-t",
            seconds,
            "-map",
            "0:v",
            "-c",
            "copy",
        ])
        .arg(file)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "ffmpeg recorded {url}");
}

fn sent(lines: &[Line]) -> Vec<&SentFrame> {
    lines.iter().filter_map(|line| if let Line::Frame(frame) = line { Some(frame) } else { None }).collect()
}

#[test]
fn every_mount_plays_what_it_promises_to_who_knows_the_password() {
    let camera = start(with_password());
    let promised = [
        ("cam0", "h264,1920,1080"),
        ("small", "h264,640,360"),
        ("bframes", "h264,1280,720"),
        ("h265", "hevc,1280,720"),
        ("h265aac", "hevc,1280,720 aac,16000"),
        ("aac", "h264,1920,1080 aac,16000"),
        ("alaw", "h264,1920,1080 pcm_alaw,8000"),
    ];
    std::thread::scope(|scope| {
        for (mount, expected) in promised {
            let url = camera.url_with_credentials(mount);
            scope.spawn(move || {
                let probed = ffprobe("tcp", &url);
                let seen = String::from_utf8_lossy(&probed.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
                assert_eq!(seen, expected, "{mount}: {}", String::from_utf8_lossy(&probed.stderr));
            });
        }
    });
}

#[test]
fn a_wrong_password_and_udp_are_refused() {
    let camera = start(with_password());
    let wrong = ffprobe("tcp", &camera.url_with_credentials("cam0").replace("not%20a%20default", "guess"));
    assert!(!wrong.status.success());
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("401"), "{}", String::from_utf8_lossy(&wrong.stderr));
    let udp = ffprobe("udp", &camera.url_with_credentials("cam0"));
    assert!(!udp.status.success());
    assert!(String::from_utf8_lossy(&udp.stderr).contains("461"), "{}", String::from_utf8_lossy(&udp.stderr));
}

#[test]
fn a_recording_decodes_to_exactly_the_frames_the_journal_names() {
    let camera = start(CameraSetup::default());
    let dir = tempfile::tempdir().expect("a temporary directory");
    std::thread::scope(|scope| {
        for mount in ["cam0", "h265", "bframes"] {
            let (url, file) = (camera.url(mount), dir.path().join(format!("{mount}.mkv")));
            scope.spawn(move || record(&url, "4", &file));
        }
    });
    let lines = camera.finish().expect("a whole journal");
    for mount in ["cam0", "h265", "bframes"] {
        let mut decoded = frames::decode(&dir.path().join(format!("{mount}.mkv"))).expect("a readable recording");
        // ffmpeg stops in decode order: of the last reordered frames some may be missing through no fault of the camera.
        decoded.frames.truncate(decoded.frames.len().saturating_sub(3));
        let counted = frames::count(&decoded);
        assert!(counted.is_unbroken(), "{mount}: {counted:?}");
        assert_eq!(decoded.complaints, Vec::<String>::new(), "{mount}");
        assert!(counted.frames >= 30, "{mount}: {counted:?}");
        let journal: Vec<_> = sent(&lines).into_iter().filter(|frame| frame.mount == mount).collect();
        for counter in decoded.frames.iter().filter_map(|frame| frame.counter) {
            let frame = journal
                .iter()
                .find(|frame| frame.counter == counter)
                .unwrap_or_else(|| panic!("{mount}: frame {counter} is in the recording and not in the journal"));
            let sent_at = u64::try_from(frame.sent_wall_ms).expect("after 1970");
            assert_eq!(FrameIndex::nearest(counter, sent_at), frame.frame);
            assert!((0..400).contains(&sent_at.saturating_sub(frame.frame.wall_ms())), "{frame:?}");
        }
    }
}

#[test]
fn dropped_packets_show_in_the_journal_and_in_the_sequence() {
    let camera = start(CameraSetup::default());
    camera.control("drop 200 cam0").expect("done");
    let mut receiver = Receiver::play(camera.doors().rtsp, "cam0");
    let packets = receiver.packets_for(Duration::from_millis(1_000));
    let missing = receiver::missing_sequences(&packets);
    let dropped: u32 = sent(&camera.finish().expect("a whole journal")).iter().map(|frame| frame.dropped).sum();
    assert!(missing > 10, "{missing} of {} packets are missing", packets.len());
    assert!(dropped >= missing, "the journal names {dropped} dropped packets, {missing} are missing");
}

#[test]
fn a_hang_is_silence_and_ends_with_a_keyframe() {
    let camera = start(CameraSetup::default());
    let mut receiver = Receiver::play(camera.doors().rtsp, "small");
    assert!(!receiver.packets_for(Duration::from_millis(300)).is_empty());
    camera.control("hang small").expect("done");
    receiver.packets_for(Duration::from_millis(200));
    assert!(receiver.packets_for(Duration::from_millis(400)).is_empty());
    assert_eq!(receiver.request("GET_PARAMETER", "small", ""), None, "a hung camera answers nothing");
    camera.control("resume small").expect("done");
    let packets = receiver.packets_for(Duration::from_millis(2_300));
    let first = packets.iter().find(|packet| packet.is_video()).expect("it plays again");
    assert_eq!(first.payload[0] & 0x1f, 7, "the first unit after a hang is an SPS");
    let frame = sent(&camera.finish().expect("a whole journal")).into_iter().rev().find(|frame| frame.key).cloned();
    assert!(frame.is_some());
}

#[test]
fn a_kill_cuts_the_connection_and_a_camera_that_is_down_finds_nothing() {
    let camera = start(CameraSetup::default());
    let mut receiver = Receiver::play(camera.doors().rtsp, "small");
    assert_eq!(camera.sessions("small").expect("listed"), 1);
    camera.control("kill small").expect("done");
    receiver.packets_for(Duration::from_secs(2));
    assert!(receiver.is_closed());
    camera.control("down *").expect("done");
    let mut receiver = Receiver::connect(camera.doors().rtsp);
    assert_eq!(receiver.status("DESCRIBE", "small", ""), "404");
    camera.control("up *").expect("done");
    assert_eq!(receiver.status("DESCRIBE", "small", ""), "200");
}

#[test]
fn timestamps_jump_when_asked() {
    let camera = start(CameraSetup::default());
    let mut receiver = Receiver::play(camera.doors().rtsp, "small");
    let before = receiver.packets_for(Duration::from_millis(300));
    camera.control("jump -60000 small").expect("done");
    receiver.packets_for(Duration::from_millis(200));
    let after = receiver.packets_for(Duration::from_millis(300));
    let last =
        |packets: &[receiver::Packet]| packets.iter().rfind(|packet| packet.is_video()).map(|packet| packet.ticks);
    let (before, after) = (last(&before).expect("played"), last(&after).expect("plays"));
    let stepped = before.wrapping_sub(after);
    assert!((59 * 90_000..60 * 90_000).contains(&stepped), "{stepped} ticks back");
}

#[test]
fn the_second_resolution_comes_in_band_at_a_keyframe() {
    let camera = start(CameraSetup::default());
    let mut receiver = Receiver::play(camera.doors().rtsp, "cam0");
    let units = |packets: &[receiver::Packet]| -> Vec<Vec<u8>> {
        packets.iter().filter(|packet| packet.payload[0] & 0x1f == 7).map(|packet| packet.payload.clone()).collect()
    };
    camera.control("alt cam0").expect("done");
    let sets = units(&receiver.packets_for(Duration::from_millis(2_300)));
    let described = receiver::sps_of(&Receiver::connect(camera.doors().rtsp).describe("cam0"));
    assert!(sets.contains(&described), "an SPS of the second resolution was sent in band");
    camera.control("main cam0").expect("done");
    assert_ne!(receiver::sps_of(&Receiver::connect(camera.doors().rtsp).describe("cam0")), described);
    assert!(camera.control("alt h265").is_err());
}

#[test]
fn a_limited_mount_refuses_the_second_session_until_the_first_is_gone() {
    let camera = start(CameraSetup::default());
    camera.control("limit 1 small").expect("done");
    let first = Receiver::play(camera.doors().rtsp, "small");
    let mut second = Receiver::connect(camera.doors().rtsp);
    assert_eq!(second.set_up("small", 0), "453");
    drop(first);
    let freed = (0..100).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        second.set_up("small", 0) == "200"
    });
    assert!(freed);
}

#[test]
fn sender_reports_put_every_frame_on_the_journals_grid() {
    let camera = start(CameraSetup::default());
    let mut receiver = Receiver::play(camera.doors().rtsp, "aac");
    let packets = receiver.packets_for(Duration::from_millis(500));
    let reports: Vec<_> = packets.iter().filter_map(receiver::Packet::report).collect();
    let video = reports.iter().find(|report| report.channel == 1).expect("a report of the video");
    let sound = reports.iter().find(|report| report.channel == 3).expect("a report of the sound");
    assert_eq!(video.wall_ms % 50, 0);
    let lines = camera.finish().expect("a whole journal");
    let frame = sent(&lines).into_iter().find(|frame| frame.rtp_ts == video.ticks).expect("the reported frame");
    assert_eq!(frame.frame.wall_ms(), video.wall_ms);
    assert_eq!(sound.wall_ms, video.wall_ms);
    let packet = packets.iter().rfind(|packet| packet.channel == 2).expect("sound");
    assert!(packet.ticks.wrapping_sub(sound.ticks) < 16_000 || sound.ticks.wrapping_sub(packet.ticks) < 16_000);
}

#[test]
fn silenced_reports_stay_out() {
    let camera = start(CameraSetup::default());
    camera.control("nosr *").expect("done");
    let packets = Receiver::play(camera.doors().rtsp, "small").packets_for(Duration::from_millis(300));
    assert!(!packets.is_empty());
    assert!(packets.iter().all(|packet| packet.report().is_none()));
}

#[test]
fn rtsps_is_trusted_under_the_written_ca_and_no_other() {
    let camera = start(CameraSetup { tls: true, ..CameraSetup::default() });
    let address = camera.doors().rtsps.expect("an address for RTSPS");
    let ca = std::fs::read(camera.doors().ca.as_ref().expect("a CA file")).expect("a readable CA file");
    assert_eq!(receiver::options_over_tls(address, &ca).expect("a conversation"), "RTSP/1.0 200 OK");
    let other = start(CameraSetup { tls: true, ..CameraSetup::default() });
    let wrong = std::fs::read(other.doors().ca.as_ref().expect("a CA file")).expect("a readable CA file");
    assert!(receiver::options_over_tls(address, &wrong).is_err());
}
