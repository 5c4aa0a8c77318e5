//! The head's `ftyp` and `moov`: one video track, perhaps one AAC track; built, and read back.

use super::audio::AudioConfig;
use super::boxes::{self, Take, put, put_u32s};
use super::fragment::{AUDIO_TRACK, VIDEO_TRACK};
use super::sets::VideoConfig;
use super::{VIDEO_TIMESCALE, audio};

const MATRIX: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];

/// Appends `ftyp moov`.
pub fn put_init(out: &mut Vec<u8>, video: &VideoConfig, audio: Option<&AudioConfig>) {
    put(out, b"ftyp", |out| out.extend_from_slice(b"iso6\0\0\0\0iso6isomcmfcmp41dash"));
    put(out, b"moov", |out| {
        put(out, b"mvhd", |out| {
            put_u32s(out, &[0, 0, 0, VIDEO_TIMESCALE, 0, 0x1_0000, 0x0100_0000, 0, 0]);
            put_u32s(out, &MATRIX);
            put_u32s(out, &[0; 6]);
            put_u32s(out, &[AUDIO_TRACK + 1]);
        });
        put(out, b"trak", |out| put_video_track(out, video));
        if let Some(audio) = audio {
            put(out, b"trak", |out| put_audio_track(out, audio));
        }
        put(out, b"mvex", |out| {
            put(out, b"trex", |out| put_u32s(out, &[0, VIDEO_TRACK, 1, 0, 0, 0]));
            if audio.is_some() {
                put(out, b"trex", |out| put_u32s(out, &[0, AUDIO_TRACK, 1, 0, 0, 0]));
            }
        });
    });
}

fn put_video_track(out: &mut Vec<u8>, video: &VideoConfig) {
    put(out, b"tkhd", |out| {
        put_u32s(out, &[3, 0, 0, VIDEO_TRACK, 0, 0, 0, 0, 0, 0]);
        put_u32s(out, &MATRIX);
        put_u32s(out, &[u32::from(video.width) << 16, u32::from(video.height) << 16]);
    });
    put_media(out, VIDEO_TIMESCALE, *b"vide", |out| {
        put(out, b"vmhd", |out| put_u32s(out, &[1, 0, 0]));
        put_tables(out, |out| {
            put(out, &video.entry, |out| {
                out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
                put_u32s(out, &[0; 4]);
                out.extend_from_slice(&video.width.to_be_bytes());
                out.extend_from_slice(&video.height.to_be_bytes());
                put_u32s(out, &[0x48_0000, 0x48_0000, 0]);
                out.extend_from_slice(&[0, 1]);
                out.extend_from_slice(&[0; 32]);
                out.extend_from_slice(&[0, 0x18, 0xff, 0xff]);
                put(out, video.record_kind(), |out| out.extend_from_slice(&video.record));
            });
        });
    });
}

fn put_audio_track(out: &mut Vec<u8>, audio: &AudioConfig) {
    put(out, b"tkhd", |out| {
        put_u32s(out, &[3, 0, 0, AUDIO_TRACK, 0, 0, 0, 0, 0, 0x0100_0000]);
        put_u32s(out, &MATRIX);
        put_u32s(out, &[0, 0]);
    });
    put_media(out, audio.rate, *b"soun", |out| {
        put(out, b"smhd", |out| put_u32s(out, &[0, 0]));
        put_tables(out, |out| {
            put(out, b"mp4a", |out| {
                out.extend_from_slice(&[0, 0, 0, 0, 0, 0, 0, 1]);
                put_u32s(out, &[0, 0]);
                out.extend_from_slice(&audio.channels.to_be_bytes());
                out.extend_from_slice(&[0, 16, 0, 0, 0, 0]);
                // 16.16; a rate over 65535 Hz does not fit and is told by the config alone.
                put_u32s(out, &[u32::from(u16::try_from(audio.rate).unwrap_or(0)) << 16]);
                put(out, b"esds", |out| audio::put_esds(out, &audio.config));
            });
        });
    });
}

fn put_media(out: &mut Vec<u8>, timescale: u32, handler: [u8; 4], fill: impl FnOnce(&mut Vec<u8>)) {
    put(out, b"mdia", |out| {
        put(out, b"mdhd", |out| put_u32s(out, &[0, 0, 0, timescale, 0, 0x55c4_0000]));
        put(out, b"hdlr", |out| {
            put_u32s(out, &[0, 0]);
            out.extend_from_slice(&handler);
            put_u32s(out, &[0; 3]);
            out.push(0);
        });
        put(out, b"minf", fill);
    });
}

fn put_tables(out: &mut Vec<u8>, entry: impl FnOnce(&mut Vec<u8>)) {
    put(out, b"dinf", |out| {
        put(out, b"dref", |out| {
            put_u32s(out, &[0, 1]);
            put(out, b"url ", |out| put_u32s(out, &[1]));
        });
    });
    put(out, b"stbl", |out| {
        put(out, b"stsd", |out| {
            put_u32s(out, &[0, 1]);
            entry(out);
        });
        for table in [b"stts", b"stsc", b"stco"] {
            put(out, table, |out| put_u32s(out, &[0, 0]));
        }
        put(out, b"stsz", |out| put_u32s(out, &[0, 0, 0]));
    });
}

/// What a head says of its tracks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Init {
    /// `avc1` or `hvc1`.
    pub entry: [u8; 4],
    pub width: u16,
    pub height: u16,
    /// The body of `avcC` or `hvcC`.
    pub record: Vec<u8>,
    /// `derived` is not in a head's tracks; it is in the `uuid` box.
    pub audio: Option<AudioConfig>,
}

impl Init {
    /// Reads `ftyp moov …`; `None` for anything but tracks as we write them.
    #[must_use]
    pub fn parse(head: &[u8]) -> Option<Self> {
        boxes::find(head, b"ftyp")?;
        let moov = boxes::find(head, b"moov")?;
        let mut video = None;
        let mut sound = None;
        for track in boxes::walk(moov).filter(|inner| inner.kind == *b"trak") {
            let media = boxes::find(track.body, b"mdia")?;
            let mut clock = Take(boxes::find(media, b"mdhd")?);
            clock.skip(12)?;
            let timescale = clock.u32()?;
            let tables = boxes::find(boxes::find(media, b"minf")?, b"stbl")?;
            let entry = boxes::walk(boxes::find(tables, b"stsd")?.get(8..)?).next()?;
            match &entry.kind {
                b"avc1" | b"hvc1" if timescale == VIDEO_TIMESCALE => video = Some(take_video(entry)?),
                b"mp4a" => {
                    let config = audio::take_esds(boxes::find(entry.body.get(28..)?, b"esds")?)?;
                    sound = (config.rate == timescale).then_some(config);
                }
                _ => return None,
            }
        }
        Some(Self { audio: sound, ..video? })
    }
}

fn take_video(entry: boxes::Inner<'_>) -> Option<Init> {
    let mut size = Take(entry.body.get(24..)?);
    let (width, height) = (size.u16()?, size.u16()?);
    let kind = if entry.kind == *b"avc1" { b"avcC" } else { b"hvcC" };
    let record = boxes::find(entry.body.get(78..)?, kind)?.to_vec();
    Some(Init { entry: entry.kind, width, height, record, audio: None })
}
