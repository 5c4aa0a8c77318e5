//! Built files read back; torn and hostile ones never do harm.

use proptest::prelude::*;

use super::audio::AudioConfig;
use super::boxes::{self, HeadLen};
use super::fragment::{AUDIO_TRACK, Fragment, Sample, TrackPart, VIDEO_TRACK};
use super::ident::{FragmentIdent, SegmentIdent};
use super::init::{self, Init};
use super::nal::Codec;
use super::sets::{ParameterSets, VideoConfig};
use crate::digest::Digest;
use crate::id::{CameraId, RunId, StreamName};
use crate::time::{BootNs, ClockState, WallMs};

const SPS_BASE: &str = "6742c028da01e0089f97011000000300100000030280f1832a";
const SPS_MAIN: &str = "674d401fe980a00b760220000003002000000501e30627";
const SPS_SMALL: &str = "6742c016da0280bfe5c044000003000400000300a03c58ba80";
const PPS: &str = "68ce3c80";
const HEVC: [&str; 3] = [
    "40010c01ffff01600000030090000003000003005dba0240",
    "42010101600000030090000003000003005da00280802d165ba4a4c2f0168080000003008000000a04",
    "4401c073c189",
];

fn h264(sps: &str) -> VideoConfig {
    let mut sets = ParameterSets::new(Codec::H264);
    assert!(sets.learn(&hex::decode(sps).unwrap()));
    assert_eq!(sets.config(), None, "a set is still missing");
    assert!(sets.learn(&hex::decode(PPS).unwrap()));
    assert!(!sets.learn(&hex::decode(PPS).unwrap()), "the same set again is no change");
    sets.config().unwrap()
}

fn ident() -> SegmentIdent {
    SegmentIdent {
        version: SegmentIdent::VERSION,
        agent: None,
        camera: CameraId::generate(),
        stream: StreamName::Main,
        run: RunId { boot: 1, counter: 2 },
        sequence: 3,
        boot_id: "b".into(),
        boot_ns: BootNs(5),
        wall_ms: WallMs(6),
        clock: ClockState::Ntp,
        clock_error_us: None,
        camera_ntp: None,
        previous: Digest::ZERO,
        codec: "avc1.42c028".into(),
        width: 1920,
        height: 1080,
        audio_codec: None,
        audio_derived: false,
        derived: false,
        needs_previous: false,
        source: Some("rtsp".into()),
    }
}

fn segment(fragments: &[(Fragment, Vec<u8>)]) -> (SegmentIdent, Vec<u8>) {
    let mut bytes = Vec::new();
    init::put_init(&mut bytes, &h264(SPS_BASE), None);
    let ident = ident();
    ident.put(&mut bytes);
    for (fragment, data) in fragments {
        bytes.extend_from_slice(&fragment.head());
        bytes.extend_from_slice(data);
    }
    (ident, bytes)
}

fn fragment(sizes: &[u32], audio: &[u32], sequence: u32, ntp: Option<u64>) -> (Fragment, Vec<u8>) {
    let part = |track, sizes: &[u32]| TrackPart {
        track,
        decode_time: u64::from(sequence) * 9_000,
        samples: (0..)
            .zip(sizes)
            .map(|(i, size)| Sample { size: *size, duration: 4_500, offset: i % 3 - 1, sync: i == 0 })
            .collect(),
    };
    let mut tracks = vec![part(VIDEO_TRACK, sizes)];
    if !audio.is_empty() {
        tracks.push(part(AUDIO_TRACK, audio));
    }
    let total: u32 = sizes.iter().chain(audio).sum();
    let ident = FragmentIdent { boot_ns: BootNs(i64::from(sequence)), wall_ms: WallMs(9), keyframe: true };
    (Fragment { ident, sequence, ntp, tracks }, vec![7; usize::try_from(total).unwrap()])
}

#[test]
fn sizes_and_codec_strings_come_from_the_sets() {
    for (sps, width, height, codec) in [
        (SPS_BASE, 1920, 1080, "avc1.42c028"),
        (SPS_MAIN, 1280, 720, "avc1.4d401f"),
        (SPS_SMALL, 640, 360, "avc1.42c016"),
    ] {
        let config = h264(sps);
        assert_eq!((config.width, config.height, config.codec.as_str()), (width, height, codec));
    }
    assert_eq!(h264(SPS_BASE).reorder, Some(0));
    assert_eq!(h264(SPS_MAIN).reorder, Some(1));
    let mut sets = ParameterSets::new(Codec::H265);
    for set in HEVC {
        assert!(sets.learn(&hex::decode(set).unwrap()));
    }
    let config = sets.config().unwrap();
    assert_eq!((config.width, config.height), (1280, 720));
    assert_eq!(config.codec, "hvc1.1.6.L93.90");
    assert_eq!(config.record_kind(), b"hvcC");
}

// PEERS 2
#[test]
fn a_fragment_with_its_size_right_and_its_content_torn_is_none() {
    let (fragment, data) = fragment(&[900, 30, 40], &[], 1, Some(77));
    let mut bytes = fragment.head_of(&[&data[..500], &data[500..]]);
    bytes.extend_from_slice(&data);
    assert_eq!(Fragment::parse(&bytes), Some(fragment.clone()));
    for at in [30, 50, bytes.len() - 1] {
        let mut torn = bytes.clone();
        torn[at] ^= 0x40;
        assert_eq!(Fragment::parse(&torn), None, "byte {at}");
    }
    let mut unchecked = fragment.head();
    unchecked.extend_from_slice(&data);
    assert_eq!(Fragment::parse(&unchecked), Some(fragment), "written before there were checksums");
}

#[test]
fn a_head_reads_back() {
    let video = h264(SPS_BASE);
    let audio = AudioConfig::parse(&[0x14, 0x08]).unwrap();
    assert_eq!((audio.rate, audio.channels, audio.codec.as_str()), (16_000, 1, "mp4a.40.2"));
    let mut head = Vec::new();
    init::put_init(&mut head, &video, Some(&audio));
    let ident = ident();
    ident.put(&mut head);
    assert_eq!(boxes::head_len(&head), HeadLen::Whole(head.len()));
    assert_eq!(SegmentIdent::find(&head), Some(ident));
    let read = Init::parse(&head).unwrap();
    assert_eq!((read.entry, read.width, read.height), (*b"avc1", 1920, 1080));
    assert_eq!(read.record, video.record);
    assert_eq!(read.audio, Some(audio));
    for cut in 0..head.len() {
        assert!(matches!(boxes::head_len(&head[..cut]), HeadLen::Needs(n) if n > cut as u64), "cut at {cut}");
    }
}

proptest! {
    #[test]
    fn a_fragment_reads_back(
        sizes in prop::collection::vec(0u32..3_000, 1..20),
        audio in prop::collection::vec(1u32..500, 0..8),
        ntp in prop::option::of(any::<u64>()),
    ) {
        let (fragment, data) = fragment(&sizes, &audio, 4, ntp);
        let bytes = [fragment.head(), data].concat();
        let read = Fragment::parse(&bytes);
        prop_assert_eq!(read.as_ref(), Some(&fragment));
        let (_, run) = boxes::check_fragment(&bytes).unwrap();
        prop_assert_eq!((run.sequence, run.decode_time), (4, 36_000));
        prop_assert_eq!(run.duration, 4_500 * sizes.len() as u64);
    }

    #[test]
    fn a_segment_torn_anywhere_keeps_its_whole_fragments(
        shapes in prop::collection::vec(prop::collection::vec(1u32..400, 1..5), 1..5),
        cut in any::<prop::sample::Index>(),
    ) {
        let fragments: Vec<_> = (1..).zip(&shapes).map(|(n, sizes)| fragment(sizes, &[], n, None)).collect();
        let (_, bytes) = segment(&fragments);
        let whole = boxes::pieces(&bytes);
        prop_assert_eq!(whole.len(), fragments.len() + 1);
        let cut = cut.index(bytes.len() + 1);
        let torn = boxes::pieces(&bytes[..cut]);
        let expected: Vec<_> = whole.iter().copied().filter(|p| p.offset + p.length <= cut).collect();
        prop_assert_eq!(torn, expected);
    }

    #[test]
    fn hostile_bytes_are_refused_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = boxes::pieces(&bytes);
        let _ = boxes::head_len(&bytes);
        let _ = boxes::check_fragment(&bytes);
        let _ = Init::parse(&bytes);
        let _ = SegmentIdent::find(&bytes);
        let _ = AudioConfig::parse(&bytes);
        for codec in [Codec::H264, Codec::H265] {
            let _ = super::nal::picture(codec, &bytes);
            for kind in [7u8, 8, 32 << 1, 33 << 1, 34 << 1] {
                let mut sets = ParameterSets::new(codec);
                let _ = sets.learn(&[&[kind][..], &bytes].concat());
                let _ = sets.config();
            }
        }
    }

    #[test]
    fn a_flipped_byte_in_a_fragment_head_never_panics(at in any::<prop::sample::Index>(), to in any::<u8>()) {
        let (fragment, data) = fragment(&[10, 20, 30], &[5], 1, Some(1));
        let mut bytes = [fragment.head(), data].concat();
        let at = at.index(bytes.len());
        bytes[at] = to;
        let _ = boxes::check_fragment(&bytes);
    }
}
