//! Workers as their parent sees them: the real program, its pipes, its death.

use std::path::{Path, PathBuf};
use std::time::Duration;

use farwatch_agent::media::protocol::{AudioTask, CameraTask, FailureKind, Frame, Kind, Law, Task, Track, VideoCodec};
use farwatch_agent::media::worker::{Launch, Worker, WorkerError};
use farwatch_shared::secret::Secret;

const PATIENCE: Duration = Duration::from_secs(30);

fn launch() -> Launch {
    Launch::of(Path::new(env!("CARGO_BIN_EXE_farwatch-agent")))
}

fn camera(url: &str) -> Task {
    Task::Camera(CameraTask {
        url: url.to_owned(),
        user: Some("viewer".to_owned()),
        password: Some(Secret::new("correct horse")),
        ca_pem: None,
        audio: false,
    })
}

async fn next(worker: &mut Worker) -> Result<Option<Frame>, WorkerError> {
    tokio::time::timeout(PATIENCE, worker.output.next()).await.expect("the worker answers in time")
}

async fn unit(worker: &mut Worker) -> Frame {
    loop {
        let frame = next(worker).await.expect("a working worker").expect("more frames");
        if frame.kind == Kind::Unit {
            return frame;
        }
    }
}

fn kinds(unit: &[u8]) -> Vec<u8> {
    let mut kinds = Vec::new();
    let mut rest = unit;
    while let Some((len, tail)) = rest.split_first_chunk::<4>() {
        let len = u32::from_be_bytes(*len) as usize;
        kinds.push(tail[0] & 0x1f);
        rest = &tail[len..];
    }
    assert!(rest.is_empty(), "a torn NAL unit");
    kinds
}

fn proc(pid: u32, file: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{pid}/{file}"))
}

#[tokio::test]
async fn a_test_picture_comes_as_h264_with_times_one_frame_apart() {
    let mut worker = Worker::start(&launch(), &camera("test://?width=320&height=180&fps=20"), "test").await.unwrap();
    let first = next(&mut worker).await.unwrap().unwrap();
    let track: Track = serde_json::from_slice(&first.payload).unwrap();
    assert_eq!(track, Track::Video { codec: VideoCodec::H264, parameter_sets: vec![], encoded_here: true });
    let key = unit(&mut worker).await;
    assert_eq!(kinds(&key.payload), [7, 8, 5]);
    let mut last = key.ticks;
    for _ in 0..10 {
        let frame = unit(&mut worker).await;
        assert_eq!(frame.ticks - last, 4_500);
        assert!(frame.boot_ns > 0);
        last = frame.ticks;
    }
}

#[tokio::test]
async fn a_worker_starts_with_nothing_of_its_parents_and_shut_in() {
    let mut worker = Worker::start(&launch(), &camera("test://?fps=5"), "test").await.unwrap();
    unit(&mut worker).await;
    let pid = worker.output.pid().unwrap();
    let environment = std::fs::read_to_string(proc(pid, "environ")).unwrap();
    assert!(!environment.contains("CARGO"), "{environment}");
    let arguments = std::fs::read_to_string(proc(pid, "cmdline")).unwrap();
    assert!(!arguments.contains("correct horse") && !arguments.contains("viewer"), "{arguments}");
    let status = std::fs::read_to_string(proc(pid, "status")).unwrap();
    for shut in ["NoNewPrivs:\t1", "Seccomp:\t2"] {
        assert!(status.contains(shut), "{status}");
    }
    assert_eq!(std::fs::read_link(proc(pid, "cwd")).unwrap(), Path::new("/"));
    let limits = std::fs::read_to_string(proc(pid, "limits")).unwrap();
    assert!(limits.lines().any(|l| l.starts_with("Max data size") && !l.contains("unlimited")), "{limits}");
}

#[tokio::test]
async fn a_killed_worker_is_seen_at_once() {
    let mut worker = Worker::start(&launch(), &camera("test://?fps=5"), "test").await.unwrap();
    unit(&mut worker).await;
    let pid = rustix::process::Pid::from_raw(i32::try_from(worker.output.pid().unwrap()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    let error = loop {
        match next(&mut worker).await {
            Ok(_) => {}
            Err(e) => break e,
        }
    };
    assert!(matches!(error, WorkerError::Died), "{error}");
}

#[tokio::test]
async fn a_worker_whose_parent_lets_go_ends_itself() {
    let mut worker = Worker::start(&launch(), &camera("test://?fps=20"), "test").await.unwrap();
    unit(&mut worker).await;
    let pid = worker.output.pid().unwrap();
    worker.input.close();
    let ended = async {
        while let Ok(Some(_)) = worker.output.next().await {}
        worker.output.end().await;
    };
    tokio::time::timeout(PATIENCE, ended).await.expect("it ends");
    assert!(!proc(pid, "status").exists());
}

#[tokio::test]
async fn what_can_not_be_read_is_said_in_words() {
    for (url, kind, says) in [
        ("gopher://10.0.0.9/", FailureKind::Unsupported, "known are rtsp"),
        ("v4l2:///dev/video-none", FailureKind::Unreachable, "is the camera plugged in?"),
        ("rtsp://127.0.0.1:9/main", FailureKind::Unreachable, ""),
        ("test://?pattern=no-such-pattern", FailureKind::Unsupported, "no pattern of"),
    ] {
        let mut worker = Worker::start(&launch(), &camera(url), url).await.unwrap();
        let failure = loop {
            match next(&mut worker).await {
                Ok(Some(_)) => {}
                Err(WorkerError::Failed(failure)) => break failure,
                other => panic!("{url}: {other:?}"),
            }
        };
        assert_eq!(failure.kind, kind, "{url}: {failure:?}");
        assert!(failure.detail.contains(says), "{url}: {failure:?}");
    }
}

/// A-law silence and a click in it.
fn a_law(samples: i64, click: i64) -> Vec<u8> {
    (0..samples).map(|i| if (click..click + 8).contains(&i) { 0xaa } else { 0xd5 }).collect()
}

#[tokio::test]
async fn aac_frames_are_1024_samples_apart_and_a_hole_begins_anew() {
    let task = Task::Audio(AudioTask { law: Law::A, rate: 8_000, channels: 1 });
    let mut worker = Worker::start(&launch(), &task, "audio").await.unwrap();
    let base = 1_000_000;
    let packets = a_law(16_000, 8_000);
    for (i, packet) in (0..).zip(packets.chunks(160)) {
        worker.input.send(&Frame::unit(0, base + i * 160, packet.to_vec())).await.unwrap();
    }
    // Half a second is missing.
    let second = base + 20_000;
    let after = Frame { lost: 25, ..Frame::unit(0, second, a_law(8_000, 0)) };
    worker.input.send(&after).await.unwrap();
    worker.input.send(&Frame::end()).await.unwrap();

    let first = next(&mut worker).await.unwrap().unwrap();
    let track: Track = serde_json::from_slice(&first.payload).unwrap();
    let config = "1588".to_owned();
    assert_eq!(track, Track::Aac { rate: 8_000, channels: 1, config, encoded_here: true });
    let mut frames = Vec::new();
    while let Some(frame) = next(&mut worker).await.unwrap() {
        frames.push((frame.ticks, frame.lost));
    }
    let begins = frames.iter().position(|(_, lost)| *lost == 25).expect("the hole is said");
    for run in [&frames[..begins], &frames[begins..]] {
        assert!(run.windows(2).all(|w| w[1].0 - w[0].0 == 1_024), "{run:?}");
    }
    // A run begins with the frame that holds its first sample, and ends no earlier than its last.
    assert!((base - 1_024..=base).contains(&frames[0].0) && frames[begins - 1].0 + 1_024 >= base + 16_000);
    assert!((second - 1_024..=second).contains(&frames[begins].0), "{frames:?}");
}
