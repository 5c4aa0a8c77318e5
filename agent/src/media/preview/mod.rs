//! A smaller H.264 copy of recorded footage, for a browser that can not play the original.
//!
//! Belongs here: reading the planned pieces, having them decoded and encoded by a worker, writing the copy through our own
//! fMP4 writer. Does not: decoding (the worker), which pieces are wanted, who may see them (`footage`).
//!
//! Every picture keeps its time: the copy's presentation times are the original's, to the tick. The copy says in its
//! `uuid` box that it is derived; it is no evidence and is deleted when its [`Preview`] is dropped. Sound
//! is copied as it is.

mod read;
mod sound;
mod write;

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use farwatch_shared::id::SegmentId;
use farwatch_shared::wire::latest::ManifestSegment;
use tokio::fs::File;
use tokio::sync::Semaphore;

use super::protocol::{FailureKind, Frame, Kind, PreviewTask, Task, VideoCodec};
use super::worker::{Input, Launch, Output, Worker, WorkerError};
use read::Reader;
use sound::Sound;
use write::Writer;

/// Widest copy, in pixels.
const MAX_WIDTH: u32 = 1_280;
/// Width at which a picture is only judged.
const JUDGED_WIDTH: u32 = 320;
const BITS_PER_SECOND: u32 = 1_500_000;
/// A worker that gives nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(30);

/// One copy at a time: decoding takes a core and up to a gigabyte, and the box is there to record.
static TURN: Semaphore = Semaphore::const_new(1);

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
    // Never closed, so taking a turn can not fail.
    let _turn = TURN.acquire().await.ok();
    let mut reader = Reader::open(original).await?;
    let (init, ident) = reader.head().await?;
    let codec = if &init.entry == b"hvc1" { VideoCodec::H265 } else { VideoCodec::H264 };
    let task = Task::Preview(PreviewTask {
        codec,
        config: hex::encode(&init.record),
        max_width: MAX_WIDTH,
        bits_per_second: BITS_PER_SECOND,
        strict: false,
    });
    let Worker { mut input, mut output } = Worker::start(launch, &task, "preview").await?;
    // Two people may ask for the same segment at once: each gets a file of their own.
    let path = dir.join(format!("preview-{}-{}.mp4", segment.short(), uuid::Uuid::new_v4().simple()));
    let file = File::create_new(&path).await.map_err(|source| write_error(segment, dir, source))?;
    // From here on the file is removed whatever happens.
    let mut preview = Preview { path, planned: original.planned.clone() };
    let sound = Sound::new(init.audio.clone());
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

/// Whether a picture of the planned pieces can be decoded. Nothing is kept of it.
///
/// # Errors
/// [`PreviewError::Nothing`] when none can; the others say that it could not be tried.
pub async fn decodes(launch: &Launch, original: &Original) -> Result<(), PreviewError> {
    let segment = original.planned.segment;
    let _turn = TURN.acquire().await.ok();
    let mut reader = Reader::open(original).await?;
    let (init, _) = reader.head().await?;
    let codec = if &init.entry == b"hvc1" { VideoCodec::H265 } else { VideoCodec::H264 };
    let task = Task::Preview(PreviewTask {
        codec,
        config: hex::encode(&init.record),
        max_width: JUDGED_WIDTH,
        bits_per_second: BITS_PER_SECOND,
        strict: true,
    });
    let Worker { mut input, mut output } = Worker::start(launch, &task, "picture").await?;
    let sound = Sound::new(None);
    let fed = async {
        let fed = feed(&mut reader, &mut input, &sound).await;
        // A worker that gets no more ends, and is heard out.
        input.close();
        fed
    };
    let (fed, counted) = tokio::join!(fed, count(&mut output));
    let pictures = match (fed, counted) {
        // The decoder's last word on bytes it can make nothing of; it takes no more of them then.
        (_, Err(PreviewError::Worker(WorkerError::Failed(failure)))) if failure.kind == FailureKind::Unsupported => 0,
        (Err(error @ (PreviewError::Read { .. } | PreviewError::Damaged { .. })), _) => return Err(error),
        (_, counted) => counted?,
    };
    output.end().await;
    if pictures == 0 { Err(PreviewError::Nothing(segment)) } else { Ok(()) }
}

/// How many pictures come back.
async fn count(output: &mut Output) -> Result<usize, PreviewError> {
    let mut pictures = 0;
    loop {
        let next = tokio::time::timeout(PATIENCE, output.next()).await.map_err(|_| PreviewError::Hung)?;
        match next? {
            Some(frame) => pictures += usize::from(frame.kind == Kind::Unit),
            None => return Ok(pictures),
        }
    }
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
