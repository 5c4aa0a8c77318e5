//! One segment file being written: head, fragments, their digests as they go out.

use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use farwatch_shared::digest::Digest;
use farwatch_shared::media::audio::AudioConfig;
use farwatch_shared::media::fragment::{AUDIO_TRACK, Fragment, TrackPart, VIDEO_TRACK};
use farwatch_shared::media::ident::{FragmentIdent, SegmentIdent};
use farwatch_shared::media::{init, sets::VideoConfig};
use farwatch_shared::size::ByteSize;

use super::cut::Out;
use crate::ledger::entry::{ACTIVITY_SLOT_MS, Closed, ClosedWhy, Moment};
use crate::recorder::protocol::FragmentWritten;

/// Slots of activity kept per file; a longer file's last slot takes the rest.
const ACTIVITY_SLOTS: usize = 64;

/// A file and what is known of it so far.
#[derive(Debug)]
pub struct SegmentFile {
    path: PathBuf,
    file: Arc<File>,
    ident: SegmentIdent,
    start: Moment,
    /// Written together with the first fragment.
    head: Option<Vec<u8>>,
    size: u64,
    pieces: Vec<Digest>,
    frames: u32,
    media_ticks: u64,
    activity: Vec<u32>,
    end: Moment,
}

impl SegmentFile {
    /// Makes the file and its directories. Nothing is written before the first fragment.
    ///
    /// # Errors
    /// When the file exists already or cannot be made.
    pub fn create(
        path: PathBuf,
        ident: SegmentIdent,
        start: Moment,
        video: &VideoConfig,
        audio: Option<&AudioConfig>,
    ) -> io::Result<Self> {
        if let Some(dir) = path.parent() {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        let mut head = Vec::with_capacity(2_048);
        init::put_init(&mut head, video, audio);
        ident.put(&mut head);
        Ok(Self {
            path,
            file: Arc::new(file),
            ident,
            start,
            head: Some(head),
            size: 0,
            pieces: Vec::with_capacity(320),
            frames: 0,
            media_ticks: 0,
            activity: Vec::new(),
            end: start,
        })
    }

    #[must_use]
    pub fn handle(&self) -> &Arc<File> {
        &self.file
    }

    #[must_use]
    pub fn path(&self) -> &PathBuf {
        &self.path
    }

    #[must_use]
    pub fn ident(&self) -> &SegmentIdent {
        &self.ident
    }

    /// End of what is written.
    #[must_use]
    pub fn committed(&self) -> Moment {
        self.end
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.size == 0
    }

    /// Writes one fragment (the first together with the head) in one write; gives the pieces to announce.
    ///
    /// # Errors
    /// When the disk refuses. The file is then cut back to its last whole fragment; close it.
    pub fn write(&mut self, out: Out) -> io::Result<Vec<FragmentWritten>> {
        let ident = FragmentIdent { boot_ns: out.start.boot_ns, wall_ms: out.start.wall_ms, keyframe: out.keyframe };
        let (frames, ticks) = (out.samples.len(), out.samples.iter().map(|s| u64::from(s.duration)).sum::<u64>());
        self.feel(&out);
        let mut tracks = vec![TrackPart { track: VIDEO_TRACK, decode_time: out.decode_time, samples: out.samples }];
        let mut sound = Vec::new();
        if let Some(part) = out.sound {
            tracks.push(TrackPart { track: AUDIO_TRACK, decode_time: part.decode_time, samples: part.samples });
            sound = part.data;
        }
        let sequence = u32::try_from(self.pieces.len()).unwrap_or(u32::MAX).max(1);
        let data: Vec<&[u8]> = out.data.iter().chain(&sound).map(Vec::as_slice).collect();
        let moof = Fragment { ident, sequence, ntp: out.ntp, tracks }.head_of(&data);
        let parts: Vec<&[u8]> = std::iter::once(&moof[..]).chain(data).collect();
        let head = self.head.as_deref().unwrap_or_default();
        write_all(&self.file, std::iter::once(head).chain(parts.iter().copied())).inspect_err(|_| {
            // Best effort: a tail that stays is cut at the next start.
            let _ = self.file.set_len(self.size);
        })?;
        let mut written = Vec::with_capacity(2);
        if let Some(head) = self.head.take() {
            written.push(self.piece(head.len(), Digest::of(&head), (true, self.start, self.start)));
        }
        let length = parts.iter().map(|p| p.len()).sum();
        written.push(self.piece(length, Digest::of_parts(&parts), (out.keyframe, out.start, out.end)));
        self.frames += u32::try_from(frames).unwrap_or(0);
        self.media_ticks += ticks;
        self.end = out.end;
        Ok(written)
    }

    fn piece(
        &mut self,
        length: usize,
        digest: Digest,
        (keyframe, start, end): (bool, Moment, Moment),
    ) -> FragmentWritten {
        let piece = FragmentWritten {
            segment: self.ident.segment(),
            piece: u32::try_from(self.pieces.len()).unwrap_or(u32::MAX),
            offset: self.size,
            length: u32::try_from(length).unwrap_or(u32::MAX),
            digest,
            keyframe,
            start_ms: start.wall_ms,
            end_ms: end.wall_ms,
            start_boot_ns: start.boot_ns,
        };
        self.size += length as u64;
        self.pieces.push(digest);
        piece
    }

    /// How much moves: bytes of pictures that are no keyframes.
    fn feel(&mut self, out: &Out) {
        let slot_ticks = u64::from(ACTIVITY_SLOT_MS) * 90;
        let mut at = out.decode_time;
        for sample in &out.samples {
            let slot = usize::try_from(at / slot_ticks).unwrap_or(ACTIVITY_SLOTS).min(ACTIVITY_SLOTS - 1);
            if self.activity.len() <= slot {
                self.activity.resize(slot + 1, 0);
            }
            if !sample.sync {
                self.activity[slot] = self.activity[slot].saturating_add(sample.size);
            }
            at += u64::from(sample.duration);
        }
    }

    /// What the log says of the file. `None` when it holds nothing and was removed.
    pub fn close(self, end: Moment, why: ClosedWhy) -> Option<Closed> {
        if self.is_empty() {
            if let Err(error) = fs::remove_file(&self.path) {
                tracing::warn!(path = %self.path.display(), %error, "an empty segment could not be removed");
            }
            return None;
        }
        let ident = self.ident;
        Some(Closed {
            segment: ident.segment(),
            start: self.start,
            end,
            bytes: ByteSize(self.size),
            fragments: u32::try_from(self.pieces.len()).unwrap_or(u32::MAX).saturating_sub(1),
            frames: self.frames,
            digest: Digest::of_pieces(&self.pieces),
            previous: ident.previous,
            clock: ident.clock,
            codec: ident.codec,
            width: ident.width,
            height: ident.height,
            audio_codec: ident.audio_codec,
            audio_derived: ident.audio_derived,
            needs_previous: ident.needs_previous,
            media_ticks90k: self.media_ticks,
            why,
            activity: self.activity,
        })
    }
}

/// Gathers everything into as few writes as the kernel takes, normally one.
fn write_all<'a>(mut file: &File, parts: impl Iterator<Item = &'a [u8]>) -> io::Result<()> {
    let mut slices: Vec<IoSlice<'_>> = parts.filter(|p| !p.is_empty()).map(IoSlice::new).collect();
    let mut rest = &mut slices[..];
    while !rest.is_empty() {
        match file.write_vectored(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => IoSlice::advance_slices(&mut rest, n),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}
