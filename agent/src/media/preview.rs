//! A smaller H.264 copy of recorded footage, for a browser that can not play the original.
//!
//! Belongs here: reading the planned pieces, having them decoded and encoded by a worker, writing the copy through our own
//! fMP4 writer. Does not: decoding (the worker), which pieces are wanted, who may see them (`footage`).
//!
//! Every picture keeps its time: the copy's presentation times are the original's, to the tick. The copy says in its
//! `uuid` box that it is derived; it is no evidence and is deleted when its [`Preview`] is dropped. Sound
//! is copied as it is.

use std::collections::VecDeque;
use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::SegmentId;
use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::fragment::{AUDIO_TRACK, Fragment, Sample, TrackPart, VIDEO_TRACK};
use farwatch_shared::media::ident::{FragmentIdent, SegmentIdent};
use farwatch_shared::media::init::{Init, put_init};
use farwatch_shared::media::nal::Codec;
use farwatch_shared::media::sets::ParameterSets;
use farwatch_shared::media::{VIDEO_TIMESCALE, ticks90k_to_ns};
use farwatch_shared::time::{BootNs, WallMs};
use farwatch_shared::wire::latest::{ManifestSegment, Piece};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};

use super::protocol::{Frame, Kind, PreviewTask, Task, VideoCodec};
use super::worker::{Input, Launch, Output, Worker, WorkerError};

/// Widest copy, in pixels.
const MAX_WIDTH: u32 = 1_280;
const BITS_PER_SECOND: u32 = 1_500_000;
/// Length of the copy's fragments.
const FRAGMENT_TICKS: i64 = VIDEO_TIMESCALE as i64;
/// A worker that gives nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(30);
const TICKS_PER_MS: i64 = VIDEO_TIMESCALE as i64 / 1_000;

/// Recorded footage as it was planned to be sent.
#[derive(Debug, Clone)]
pub struct Original {
    pub path: PathBuf,
    /// Its `first_piece` must begin with a keyframe.
    pub planned: ManifestSegment,
}

/// The copy of one [`Original`]. Its file is removed with it.
#[derive(Debug)]
pub struct Preview {
    path: PathBuf,
    /// What a manifest says of the copy: all its pieces are to be sent, `derived` is set.
    pub planned: ManifestSegment,
}

impl Preview {
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Preview {
    fn drop(&mut self) {
        if let Err(e) = std::fs::remove_file(&self.path)
            && e.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), error = %e, "a preview is left over; it can be removed by hand");
        }
    }
}

/// Why there is no preview.
#[derive(Debug, thiserror::Error)]
pub enum PreviewError {
    #[error("segment {segment} can not be read for its preview")]
    Read { segment: SegmentId, source: io::Error },
    #[error("the preview of segment {segment} can not be written in {dir}")]
    Write { segment: SegmentId, dir: String, source: io::Error },
    #[error("segment {segment} is damaged at byte {offset}: its digest or its boxes do not fit")]
    Damaged { segment: SegmentId, offset: u64 },
    #[error("no picture of segment {0} could be decoded")]
    Nothing(SegmentId),
    #[error("the preview worker gave nothing for {} s", PATIENCE.as_secs())]
    Hung,
    #[error(transparent)]
    Worker(#[from] WorkerError),
}

/// Makes the copies, one after the other, in `dir`.
///
/// # Errors
/// At the first original that can not be read, decoded or written; copies already made are removed.
pub async fn make(launch: &Launch, dir: &Path, originals: &[Original]) -> Result<Vec<Preview>, PreviewError> {
    let mut previews = Vec::with_capacity(originals.len());
    for original in originals {
        previews.push(one(launch, dir, original).await?);
    }
    Ok(previews)
}

async fn one(launch: &Launch, dir: &Path, original: &Original) -> Result<Preview, PreviewError> {
    let segment = original.planned.segment;
    let mut reader = Reader::open(original).await?;
    let (init, ident) = reader.head().await?;
    let codec = if &init.entry == b"hvc1" { VideoCodec::H265 } else { VideoCodec::H264 };
    let task = Task::Preview(PreviewTask {
        codec,
        config: hex::encode(&init.record),
        max_width: MAX_WIDTH,
        bits_per_second: BITS_PER_SECOND,
    });
    let Worker { mut input, mut output } = Worker::start(launch, &task, "preview").await?;
    // Two people may ask for the same segment at once: each gets a file of their own.
    let path = dir.join(format!("preview-{}-{}.mp4", segment.short(), uuid::Uuid::new_v4().simple()));
    let file = File::create_new(&path).await.map_err(|source| write_error(segment, dir, source))?;
    // From here on the file is removed whatever happens.
    let mut preview = Preview { path, planned: original.planned.clone() };
    let sound = Sound { config: init.audio.clone(), waiting: Mutex::new(VecDeque::new()) };
    let mut writer = Writer::new(file, original.planned.clone(), ident, &sound);
    let (end_ticks, ()) =
        tokio::try_join!(feed(&mut reader, &mut input, &sound), collect(&mut output, &mut writer, dir))?;
    output.end().await;
    preview.planned = writer
        .finish(end_ticks)
        .await
        .map_err(|source| write_error(segment, dir, source))?
        .ok_or(PreviewError::Nothing(segment))?;
    Ok(preview)
}

fn write_error(segment: SegmentId, dir: &Path, source: io::Error) -> PreviewError {
    PreviewError::Write { segment, dir: dir.display().to_string(), source }
}

/// Sends every planned sample to the worker; gives the presentation time the last one ends at.
async fn feed(reader: &mut Reader<'_>, input: &mut Input, sound: &Sound) -> Result<i64, PreviewError> {
    let mut end = 0;
    while let Some((fragment, data)) = reader.fragment().await? {
        sound.put(&fragment, &data);
        let Some(video) = fragment.video() else { continue };
        let mut decode = i64::try_from(video.decode_time).unwrap_or(i64::MAX);
        let mut at = 0;
        for sample in &video.samples {
            let bytes = data.get(at..at + sample.size as usize).unwrap_or_default().to_vec();
            at += sample.size as usize;
            let shown = decode + i64::from(sample.offset);
            end = end.max(shown + i64::from(sample.duration));
            input.send(&Frame::unit(0, shown, bytes)).await?;
            decode += i64::from(sample.duration);
        }
    }
    input.send(&Frame::end()).await?;
    Ok(end)
}

/// Writes what comes back.
async fn collect(output: &mut Output, writer: &mut Writer<'_>, dir: &Path) -> Result<(), PreviewError> {
    loop {
        let next = tokio::time::timeout(PATIENCE, output.next()).await.map_err(|_| PreviewError::Hung)?;
        match next? {
            Some(frame) if frame.kind == Kind::Unit => {
                let segment = writer.planned.segment;
                writer.push(frame.ticks, frame.payload).await.map_err(|source| write_error(segment, dir, source))?;
            }
            Some(_) => {}
            None => return Ok(()),
        }
    }
}

/// The original's sound on its way from its pieces to the copy's; at most that of one segment waits.
struct Sound {
    config: Option<AudioConfig>,
    waiting: Mutex<VecDeque<AudioFrame>>,
}

struct AudioFrame {
    /// In the audio track's timescale, since the original's first picture.
    at: i64,
    duration: u32,
    data: Vec<u8>,
}

impl Sound {
    /// Takes a fragment's audio frames, which follow its video samples.
    fn put(&self, fragment: &Fragment, data: &[u8]) {
        let mut offset = 0;
        for track in &fragment.tracks {
            let mut at = i64::try_from(track.decode_time).unwrap_or(i64::MAX);
            for sample in &track.samples {
                let bytes = data.get(offset..offset + sample.size as usize).unwrap_or_default();
                offset += sample.size as usize;
                if track.track == AUDIO_TRACK {
                    let frame = AudioFrame { at, duration: sample.duration, data: bytes.to_vec() };
                    self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(frame);
                }
                at += i64::from(sample.duration);
            }
        }
    }

    /// The frames that begin in `from..to` (ticks of the original's video), as a track that counts from `zero`.
    fn take(&self, zero: i64, to: i64) -> Option<(TrackPart, Vec<u8>)> {
        let rate = i128::from(self.config.as_ref()?.rate);
        let scaled =
            |ticks: i64| i64::try_from(i128::from(ticks) * rate / i128::from(VIDEO_TIMESCALE)).unwrap_or(i64::MAX);
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut part = TrackPart { track: AUDIO_TRACK, decode_time: 0, samples: Vec::new() };
        let mut data = Vec::new();
        while let Some(frame) = waiting.pop_front_if(|f| f.at < scaled(to)) {
            let at = frame.at - scaled(zero);
            if at < 0 {
                continue;
            }
            if part.samples.is_empty() {
                part.decode_time = at.unsigned_abs();
            }
            let size = u32::try_from(frame.data.len()).unwrap_or(u32::MAX);
            part.samples.push(Sample { size, duration: frame.duration, offset: 0, sync: true });
            data.extend_from_slice(&frame.data);
        }
        (!part.samples.is_empty()).then_some((part, data))
    }
}

/// Reads planned pieces, each checked against its digest.
struct Reader<'a> {
    file: File,
    planned: &'a ManifestSegment,
    next: u32,
}

impl<'a> Reader<'a> {
    async fn open(original: &'a Original) -> Result<Self, PreviewError> {
        let planned = &original.planned;
        let file = File::open(&original.path)
            .await
            .map_err(|source| PreviewError::Read { segment: planned.segment, source })?;
        Ok(Self { file, planned, next: planned.first_piece.max(1) })
    }

    async fn head(&mut self) -> Result<(Init, SegmentIdent), PreviewError> {
        let Some(piece) = self.planned.pieces.first().copied() else { return Err(self.damaged(0)) };
        let head = self.piece(piece).await?;
        match (Init::parse(&head), SegmentIdent::find(&head)) {
            (Some(init), Some(ident)) => Ok((init, ident)),
            _ => Err(self.damaged(0)),
        }
    }

    /// The next planned fragment and its sample bytes, video first.
    async fn fragment(&mut self) -> Result<Option<(Fragment, Vec<u8>)>, PreviewError> {
        if self.next > self.planned.last_piece {
            return Ok(None);
        }
        let at = usize::try_from(self.next).unwrap_or(usize::MAX);
        let Some(piece) = self.planned.pieces.get(at).copied() else { return Ok(None) };
        self.next += 1;
        let mut bytes = self.piece(piece).await?;
        let fragment = Fragment::parse(&bytes).ok_or_else(|| self.damaged(piece.offset))?;
        let samples: usize = fragment.tracks.iter().flat_map(|t| &t.samples).map(|s| s.size as usize).sum();
        let data = bytes.split_off(bytes.len().saturating_sub(samples));
        Ok(Some((fragment, data)))
    }

    async fn piece(&mut self, piece: Piece) -> Result<Vec<u8>, PreviewError> {
        let mut bytes = vec![0; piece.length as usize];
        let read = async {
            self.file.seek(SeekFrom::Start(piece.offset)).await?;
            self.file.read_exact(&mut bytes).await
        };
        read.await.map_err(|source| PreviewError::Read { segment: self.planned.segment, source })?;
        if Digest::of(&bytes) == piece.digest { Ok(bytes) } else { Err(self.damaged(piece.offset)) }
    }

    fn damaged(&self, offset: u64) -> PreviewError {
        PreviewError::Damaged { segment: self.planned.segment, offset }
    }
}

/// Writes the copy, a fragment per second.
struct Writer<'a> {
    file: File,
    sound: &'a Sound,
    /// The original's plan; becomes the copy's.
    planned: ManifestSegment,
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
    fn new(file: File, planned: ManifestSegment, ident: SegmentIdent, sound: &'a Sound) -> Self {
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

    async fn push(&mut self, shown: i64, unit: Vec<u8>) -> io::Result<()> {
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
                sync: farwatch_shared::media::nal::picture(Codec::H264, unit).is_clean(),
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
    async fn finish(mut self, end: i64) -> io::Result<Option<ManifestSegment>> {
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
