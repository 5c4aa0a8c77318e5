//! Writing the copy through our own fMP4 writer, every picture at its original's time.

use std::io;

use farwatch_shared::digest::Digest;
use farwatch_shared::media::fragment::{Fragment, Sample, TrackPart, VIDEO_TRACK};
use farwatch_shared::media::ident::{FragmentIdent, SegmentIdent};
use farwatch_shared::media::init::put_init;
use farwatch_shared::media::nal::{Codec, picture};
use farwatch_shared::media::sets::ParameterSets;
use farwatch_shared::media::{VIDEO_TIMESCALE, ticks90k_to_ns};
use farwatch_shared::time::{BootNs, WallMs};
use farwatch_shared::wire::latest::{ManifestSegment, Piece};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

use super::sound::Sound;

/// Length of the copy's fragments.
const FRAGMENT_TICKS: i64 = VIDEO_TIMESCALE as i64;
const TICKS_PER_MS: i64 = VIDEO_TIMESCALE as i64 / 1_000;

/// Writes the copy, a fragment per second.
pub(super) struct Writer<'a> {
    file: File,
    sound: &'a Sound,
    /// The original's plan; becomes the copy's.
    pub(super) planned: ManifestSegment,
    ident: SegmentIdent,
    pieces: Vec<Piece>,
    offset: u64,
    /// Presentation time, in the original's file, of the copy's decode time 0: the whole millisecond at or before the
    /// first picture, so that wall time stays exact.
    zero: Option<i64>,
    /// The copy's codec and size.
    codec: Option<(String, u16, u16)>,
    waiting: Vec<(i64, Vec<u8>)>,
    first_shown: i64,
}

impl<'a> Writer<'a> {
    pub(super) fn new(file: File, planned: ManifestSegment, ident: SegmentIdent, sound: &'a Sound) -> Self {
        Self {
            file,
            sound,
            planned,
            ident,
            pieces: Vec::new(),
            offset: 0,
            zero: None,
            codec: None,
            waiting: Vec::new(),
            first_shown: 0,
        }
    }

    pub(super) async fn push(&mut self, shown: i64, unit: Vec<u8>) -> io::Result<()> {
        if self.zero.is_none() && !self.begin(shown, &unit).await? {
            return Ok(());
        }
        if self.waiting.first().is_some_and(|(first, _)| shown - first >= FRAGMENT_TICKS) {
            self.flush(shown).await?;
        }
        self.waiting.push((shown, unit));
        Ok(())
    }

    /// Writes the head; false while the parameter sets have not come.
    async fn begin(&mut self, shown: i64, unit: &[u8]) -> io::Result<bool> {
        let mut sets = ParameterSets::new(Codec::H264);
        sets.learn_unit(unit);
        let Some(config) = sets.config() else { return Ok(false) };
        let zero_ms = shown.div_euclid(TICKS_PER_MS);
        let zero = zero_ms * TICKS_PER_MS;
        self.ident.boot_ns = BootNs(self.planned.start_boot_ns.0.saturating_add(ticks90k_to_ns(zero)));
        self.ident.wall_ms = self.planned.start_ms.plus_ms(zero_ms);
        self.ident.camera_ntp = None;
        self.ident.codec.clone_from(&config.codec);
        (self.ident.width, self.ident.height) = (u32::from(config.width), u32::from(config.height));
        self.ident.derived = true;
        self.ident.needs_previous = false;
        let mut head = Vec::new();
        put_init(&mut head, &config, self.sound.config.as_ref());
        self.ident.put(&mut head);
        self.zero = Some(zero);
        self.first_shown = shown;
        self.codec = Some((config.codec, config.width, config.height));
        self.write(&head).await?;
        Ok(true)
    }

    /// Writes what waits as one fragment whose last picture ends at `end`.
    async fn flush(&mut self, end: i64) -> io::Result<()> {
        let waiting = std::mem::take(&mut self.waiting);
        let (Some((first, _)), Some(zero)) = (waiting.first(), self.zero) else { return Ok(()) };
        let since = first - zero;
        let ends = waiting.iter().skip(1).map(|(shown, _)| *shown).chain([end]);
        let samples: Vec<Sample> = waiting
            .iter()
            .zip(ends)
            .map(|((shown, unit), end)| Sample {
                size: u32::try_from(unit.len()).unwrap_or(u32::MAX),
                duration: u32::try_from(end - shown).unwrap_or(0),
                offset: 0,
                sync: picture(Codec::H264, unit).is_clean(),
            })
            .collect();
        let keyframe = samples.first().is_some_and(|s| s.sync);
        let mut tracks = vec![TrackPart { track: VIDEO_TRACK, decode_time: since.max(0).unsigned_abs(), samples }];
        let (part, sound) = self.sound.take(zero, end).unzip();
        tracks.extend(part);
        let sound = sound.unwrap_or_default();
        let fragment = Fragment {
            ident: FragmentIdent {
                boot_ns: BootNs(self.ident.boot_ns.0.saturating_add(ticks90k_to_ns(since))),
                wall_ms: self.wall(*first),
                keyframe,
            },
            sequence: u32::try_from(self.pieces.len()).unwrap_or(u32::MAX),
            ntp: None,
            tracks,
        };
        let mut bytes = fragment.head();
        waiting.iter().for_each(|(_, unit)| bytes.extend_from_slice(unit));
        bytes.extend_from_slice(&sound);
        self.write(&bytes).await
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes).await?;
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.pieces.push(Piece { offset: self.offset, length, digest: Digest::of(bytes) });
        self.offset += u64::from(length);
        Ok(())
    }

    /// Wall time of a presentation time of the original.
    fn wall(&self, shown: i64) -> WallMs {
        self.planned.start_ms.plus_ms(shown.div_euclid(TICKS_PER_MS))
    }

    /// Ends the file; gives what a manifest says of it, or `None` when no picture came.
    pub(super) async fn finish(mut self, end: i64) -> io::Result<Option<ManifestSegment>> {
        self.flush(end).await?;
        self.file.flush().await?;
        let Some((codec, width, height)) = self.codec.take() else { return Ok(None) };
        let digest = Digest::of_pieces(self.pieces.iter().map(|p| &p.digest));
        let (sent_start_ms, sent_end_ms) = (self.wall(self.first_shown), self.wall(end + TICKS_PER_MS - 1));
        Ok(Some(ManifestSegment {
            digest: Some(digest),
            first_piece: 1,
            last_piece: u32::try_from(self.pieces.len()).unwrap_or(u32::MAX).saturating_sub(1),
            pieces: self.pieces,
            codec,
            width: u32::from(width),
            height: u32::from(height),
            start_ms: self.ident.wall_ms,
            end_ms: sent_end_ms,
            sent_start_ms,
            sent_end_ms,
            start_boot_ns: self.ident.boot_ns,
            derived: true,
            ..self.planned
        }))
    }
}
