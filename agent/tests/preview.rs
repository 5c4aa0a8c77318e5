//! Previews made of a recorded segment by the real worker.

use std::path::{Path, PathBuf};
use std::time::Duration;

use farwatch_agent::media::preview::{self, Original, PreviewError};
use farwatch_agent::media::protocol::{CameraTask, Kind, Task};
use farwatch_agent::media::worker::{Launch, Worker};
use farwatch_shared::digest::Digest;
use farwatch_shared::id::{CameraId, RunId, SegmentId, StreamName};
use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::boxes;
use farwatch_shared::media::fragment::{AUDIO_TRACK, Fragment, Sample, TrackPart, VIDEO_TRACK};
use farwatch_shared::media::ident::{FragmentIdent, SegmentIdent};
use farwatch_shared::media::init::{Init, put_init};
use farwatch_shared::media::nal::{self, Codec};
use farwatch_shared::media::sets::ParameterSets;
use farwatch_shared::time::{BootNs, ClockState, WallMs};
use farwatch_shared::wire::latest::{ManifestSegment, Piece};

const START: WallMs = WallMs(1_795_000_000_123);
const FRAMES: usize = 70;
/// From one picture to the next; no whole number of milliseconds.
const STEP: u32 = 3_001;

fn launch() -> Launch {
    Launch::of(Path::new(env!("CARGO_BIN_EXE_farwatch-agent")))
}

/// H.264 pictures of 1600x900, keyframes 40 apart.
async fn pictures() -> Vec<Vec<u8>> {
    let url = "test://?width=1600&height=900&fps=60&bitrate=2000000".to_owned();
    let task = CameraTask { url, user: None, password: None, ca_pem: None, audio: false };
    let mut worker = Worker::start(&launch(), &Task::Camera(task), "pictures").await.unwrap();
    let mut units = Vec::new();
    while units.len() < FRAMES {
        let next = tokio::time::timeout(Duration::from_secs(60), worker.output.next()).await.unwrap();
        let frame = next.unwrap().unwrap();
        if frame.kind == Kind::Unit {
            units.push(frame.payload);
        }
    }
    units
}

/// A segment of them as the recorder writes one, four pictures and some sound to a fragment.
fn segment(dir: &Path, units: &[Vec<u8>]) -> Original {
    let mut sets = ParameterSets::new(Codec::H264);
    sets.learn_unit(&units[0]);
    let config = sets.config().unwrap();
    let sound = AudioConfig::parse(&[0x15, 0x88]).unwrap();
    let ident = SegmentIdent {
        version: SegmentIdent::VERSION,
        agent: None,
        camera: CameraId::generate(),
        stream: StreamName::Main,
        run: RunId { boot: 7, counter: 1 },
        sequence: 3,
        boot_id: "00000000-0000-0000-0000-000000000000".to_owned(),
        boot_ns: BootNs(5_000_000_000),
        wall_ms: START,
        clock: ClockState::Ntp,
        clock_error_us: None,
        camera_ntp: None,
        previous: Digest([0; 32]),
        codec: config.codec.clone(),
        width: u32::from(config.width),
        height: u32::from(config.height),
        audio_codec: Some(sound.codec.clone()),
        audio_derived: true,
        derived: false,
        needs_previous: false,
        source: None,
    };
    let mut file = Vec::new();
    put_init(&mut file, &config, Some(&sound));
    ident.put(&mut file);
    let mut pieces = vec![piece(&file, 0)];
    for (n, group) in (0_u64..).zip(units.chunks(4)) {
        let decode_time = n * 4 * u64::from(STEP);
        let samples = group
            .iter()
            .map(|unit| Sample {
                size: u32::try_from(unit.len()).unwrap(),
                duration: STEP,
                offset: 0,
                sync: nal::picture(Codec::H264, unit).is_clean(),
            })
            .collect();
        let heard = vec![Sample { size: 3, duration: 1_024, offset: 0, sync: true }];
        let fragment = Fragment {
            ident: FragmentIdent { boot_ns: ident.boot_ns, wall_ms: START, keyframe: true },
            sequence: u32::try_from(n).unwrap() + 1,
            ntp: None,
            tracks: vec![
                TrackPart { track: VIDEO_TRACK, decode_time, samples },
                TrackPart { track: AUDIO_TRACK, decode_time: n * 1_024, samples: heard },
            ],
        };
        let at = file.len();
        file.extend(fragment.head());
        group.iter().for_each(|unit| file.extend(unit));
        file.extend([1, 2, u8::try_from(n).unwrap()]);
        pieces.push(piece(&file, at));
    }
    let path = dir.join("original.mp4");
    std::fs::write(&path, &file).unwrap();
    let end = START.plus_ms(i64::try_from(units.len()).unwrap() * i64::from(STEP) / 90);
    let planned = ManifestSegment {
        segment: SegmentId { camera: ident.camera, stream: ident.stream, run: ident.run, sequence: ident.sequence },
        digest: None,
        first_piece: 1,
        last_piece: u32::try_from(pieces.len()).unwrap() - 1,
        pieces,
        codec: config.codec,
        width: 1_600,
        height: 900,
        audio_codec: Some(sound.codec),
        start_ms: START,
        end_ms: end,
        sent_start_ms: START,
        sent_end_ms: end,
        start_boot_ns: ident.boot_ns,
        clock: ClockState::Ntp,
        derived: false,
    };
    Original { path, planned }
}

fn piece(file: &[u8], at: usize) -> Piece {
    let bytes = &file[at..];
    Piece { offset: at as u64, length: u32::try_from(bytes.len()).unwrap(), digest: Digest::of(bytes) }
}

/// Presentation times in a file, and the last bytes of every audio frame.
fn read_back(bytes: &[u8]) -> (Vec<u64>, Vec<u8>) {
    let mut times = Vec::new();
    let mut heard = Vec::new();
    for found in boxes::pieces(bytes).iter().skip(1) {
        let piece = &bytes[found.offset..found.offset + found.length];
        let fragment = Fragment::parse(piece).unwrap();
        let video = fragment.video().unwrap();
        let mut at = video.decode_time;
        for sample in &video.samples {
            assert_eq!(sample.offset, 0);
            times.push(at);
            at += u64::from(sample.duration);
        }
        let audio = fragment.tracks.iter().filter(|t| t.track == AUDIO_TRACK).flat_map(|t| &t.samples).count();
        heard.extend(piece[piece.len() - 3 * audio..].chunks(3).map(|frame| frame[2]));
    }
    (times, heard)
}

#[tokio::test]
async fn every_picture_of_a_preview_keeps_its_time_and_the_file_says_derived() {
    let dir = tempfile::tempdir().unwrap();
    let units = pictures().await;
    let original = segment(dir.path(), &units);
    let mut later = original.clone();
    // From the second keyframe on: picture 40 is the first of fragment 11.
    later.planned.first_piece = 11;

    let previews = preview::make(&launch(), dir.path(), std::slice::from_ref(&original)).await.unwrap();
    let bytes = std::fs::read(previews[0].path()).unwrap();
    let planned = &previews[0].planned;
    assert!(planned.is_consistent() && planned.derived);
    assert_eq!((planned.width, planned.height, planned.start_ms), (1_280, 720, START));
    let head = &bytes[..planned.pieces[0].length as usize];
    let ident = SegmentIdent::find(head).unwrap();
    assert!(ident.derived && ident.wall_ms == START && ident.width == 1_280);
    assert_eq!(Init::parse(head).unwrap().audio.unwrap().rate, 8_000);
    let (times, heard) = read_back(&bytes);
    let step = u64::from(STEP);
    assert_eq!(times, (0..FRAMES as u64).map(|n| n * step).collect::<Vec<_>>());
    assert_eq!(heard, (0..18).collect::<Vec<u8>>());
    let path: PathBuf = previews[0].path().to_owned();
    drop(previews);
    assert!(!path.exists());

    let previews = preview::make(&launch(), dir.path(), &[later]).await.unwrap();
    let planned = &previews[0].planned;
    let (times, _) = read_back(&std::fs::read(previews[0].path()).unwrap());
    // The copy begins on the whole millisecond before its first picture; wall time stays exact to the tick.
    let first = 40 * step;
    assert_eq!(planned.start_ms, START.plus_ms(i64::try_from(first / 90).unwrap()));
    let zero = first / 90 * 90;
    assert_eq!(times, (40..FRAMES as u64).map(|n| n * step - zero).collect::<Vec<_>>());

    let mut damaged = original;
    let mut bytes = std::fs::read(&damaged.path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    damaged.path = dir.path().join("damaged.mp4");
    std::fs::write(&damaged.path, bytes).unwrap();
    let refused = preview::make(&launch(), dir.path(), &[damaged]).await.unwrap_err();
    assert!(matches!(refused, PreviewError::Damaged { .. }), "{refused}");
    let left = std::fs::read_dir(dir.path())
        .unwrap()
        .filter(|f| f.as_ref().unwrap().file_name().to_string_lossy().starts_with("preview-"));
    assert_eq!(left.count(), 1, "only the one still held");
}

// RET-07
#[tokio::test]
async fn a_picture_decodes_and_bytes_that_are_none_do_not() {
    let dir = tempfile::tempdir().unwrap();
    let mut units = pictures().await;
    let mut original = segment(dir.path(), &units);
    original.planned.last_piece = 1;
    preview::decodes(&launch(), &original).await.unwrap();
    // The sets are as they were, every picture's own bytes are noise.
    for unit in &mut units {
        for (n, byte) in unit.iter_mut().enumerate().skip(120) {
            *byte = (n * 31 % 251) as u8;
        }
    }
    let mut noise = segment(dir.path(), &units);
    noise.planned.last_piece = 1;
    let refused = preview::decodes(&launch(), &noise).await.unwrap_err();
    assert!(matches!(refused, PreviewError::Nothing(_)), "{refused}");
}
