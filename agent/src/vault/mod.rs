//! The footage directory; nobody else builds a path in it.
//!
//! Belongs here: where a segment lies, walking the directory, reading a file's pieces, opening for reading, whether it is the
//! right disk (`volume`).
//! Does not: writing segments (`record`), remembering what exists (`catalog`), what goes (`retention`).
//!
//! `<camera>/<stream>/<run>/<sequence, 6 digits>.mp4`. No wall time is in a path and nothing is ever renamed.

mod volume;

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use farwatch_shared::digest::Digest;
use farwatch_shared::id::{CameraId, RunId, SegmentId, StreamName};
use farwatch_shared::media::boxes::{self, TopBox};
use farwatch_shared::media::ident::{FragmentIdent, SegmentIdent};
use farwatch_shared::size::ByteSize;

pub use volume::{Standing, Volume};

/// Bound on a head (`ftyp`, `moov`, our box): parameter sets and a little more.
pub const HEAD_LIMIT: u64 = 1 << 20;

/// What can go wrong with a segment file.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("{path} cannot be {doing}")]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
    #[error("{path} has no whole head: it is no segment, or was cut before its first fragment")]
    NoHead { path: PathBuf },
    #[error("{path} says it is segment {says}")]
    Elsewhere { path: PathBuf, says: SegmentId },
}

/// The directory with all footage. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Vault {
    root: PathBuf,
}

/// A file found by walking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Found {
    pub segment: SegmentId,
    pub size: ByteSize,
}

/// A segment as its file tells it: all that catalog, pulls and recovery need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contents {
    pub ident: SegmentIdent,
    /// Head first, then every whole fragment, without holes.
    pub pieces: Vec<PieceRead>,
    /// Bytes after the last whole fragment: 0 unless the file is being written or was torn.
    pub rest: ByteSize,
}

/// One piece, its bytes hashed as they are on the disk now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PieceRead {
    pub offset: u64,
    pub length: u32,
    pub digest: Digest,
    /// Absent for the head.
    pub fragment: Option<FragmentRead>,
}

/// What a fragment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FragmentRead {
    pub ident: FragmentIdent,
    pub video: boxes::TrackRun,
}

impl Contents {
    /// The segment's digest as of now.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of_pieces(self.pieces.iter().map(|p| &p.digest))
    }

    /// Bytes of all whole pieces.
    #[must_use]
    pub fn size(&self) -> ByteSize {
        ByteSize(self.pieces.last().map_or(0, |p| p.offset + u64::from(p.length)))
    }
}

impl Vault {
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The directory of a run.
    #[must_use]
    pub fn run_dir(&self, camera: CameraId, stream: StreamName, run: RunId) -> PathBuf {
        self.root.join(camera.to_string()).join(stream.as_str()).join(run.to_string())
    }

    /// The file of a segment.
    #[must_use]
    pub fn path(&self, segment: &SegmentId) -> PathBuf {
        self.run_dir(segment.camera, segment.stream, segment.run).join(format!("{:06}.mp4", segment.sequence))
    }

    /// Opens a segment for reading; `read_at` (pread) needs no position. Works while it is being written.
    ///
    /// # Errors
    /// When it is not there or not readable.
    pub fn open(&self, segment: &SegmentId) -> Result<File, VaultError> {
        let path = self.path(segment);
        File::open(&path).map_err(|source| VaultError::Io { path, doing: "opened", source })
    }

    /// Every segment file, cameras, streams, runs and sequences in order. Files that are not ours are passed over.
    ///
    /// # Errors
    /// When a directory cannot be read. A file that vanishes meanwhile is no error.
    pub fn scan(&self) -> Result<Vec<Found>, VaultError> {
        let mut found = Vec::new();
        for camera in names::<CameraId>(&self.root)? {
            for stream in names::<StreamName>(&self.root.join(camera.to_string()))? {
                let stream_dir = self.root.join(camera.to_string()).join(stream.as_str());
                for run in names::<RunId>(&stream_dir)? {
                    self.scan_run(camera, stream, run, &mut found)?;
                }
            }
        }
        Ok(found)
    }

    /// The camera streams there is a directory for.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn streams(&self) -> Result<Vec<(CameraId, StreamName)>, VaultError> {
        let mut streams = Vec::new();
        for camera in names::<CameraId>(&self.root)? {
            let of_camera = names::<StreamName>(&self.root.join(camera.to_string()))?;
            streams.extend(of_camera.into_iter().map(|stream| (camera, stream)));
        }
        Ok(streams)
    }

    /// The runs of a stream, in the order they were opened.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn runs(&self, camera: CameraId, stream: StreamName) -> Result<Vec<RunId>, VaultError> {
        let mut runs = names::<RunId>(&self.root.join(camera.to_string()).join(stream.as_str()))?;
        runs.sort_by_key(|run| run.counter);
        Ok(runs)
    }

    /// The segments of one run, in order.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn segments(&self, camera: CameraId, stream: StreamName, run: RunId) -> Result<Vec<Found>, VaultError> {
        let mut found = Vec::new();
        self.scan_run(camera, stream, run, &mut found)?;
        Ok(found)
    }

    /// The highest run counter any file was ever put under.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn highest_counter(&self) -> Result<u32, VaultError> {
        let mut highest = 0;
        for camera in names::<CameraId>(&self.root)? {
            for stream in names::<StreamName>(&self.root.join(camera.to_string()))? {
                let runs = names::<RunId>(&self.root.join(camera.to_string()).join(stream.as_str()))?;
                highest = runs.iter().map(|run| run.counter).fold(highest, u32::max);
            }
        }
        Ok(highest)
    }

    fn scan_run(
        &self,
        camera: CameraId,
        stream: StreamName,
        run: RunId,
        found: &mut Vec<Found>,
    ) -> Result<(), VaultError> {
        let dir = self.run_dir(camera, stream, run);
        let mut sequences = Vec::new();
        for name in file_names(&dir)? {
            if let Some(digits) = name.strip_suffix(".mp4")
                && digits.len() == 6
                && let Ok(sequence) = digits.parse()
            {
                sequences.push(sequence);
            }
        }
        sequences.sort_unstable();
        for sequence in sequences {
            let segment = SegmentId { camera, stream, run, sequence };
            if let Ok(meta) = fs::metadata(self.path(&segment)) {
                found.push(Found { segment, size: ByteSize(meta.len()) });
            }
        }
        Ok(())
    }

    /// Only the head of a segment: cheap, for walking through many.
    ///
    /// # Errors
    /// When the file cannot be read, has no whole head, or lies under another segment's path.
    pub fn ident(&self, segment: &SegmentId) -> Result<SegmentIdent, VaultError> {
        let path = self.path(segment);
        let file = self.open(segment)?;
        Ok(self.head(segment, &path, &file)?.0)
    }

    /// Reads a segment whole, piece by piece, and hashes it. One fragment at a time is in memory.
    ///
    /// # Errors
    /// When the file cannot be read, has no whole head, or lies under another segment's path. A torn tail is no error:
    /// it is the `rest`.
    pub fn read(&self, segment: &SegmentId) -> Result<Contents, VaultError> {
        let path = self.path(segment);
        let io = |source| VaultError::Io { path: path.clone(), doing: "read", source };
        let file = self.open(segment)?;
        let size = file.metadata().map_err(io)?.len();
        let (ident, head) = self.head(segment, &path, &file)?;
        let mut offset = head.len() as u64;
        let mut pieces =
            vec![PieceRead { offset: 0, length: length(head.len()), digest: Digest::of(&head), fragment: None }];
        while let Some(bytes) = self.fragment_at(&path, &file, offset, size)? {
            let Some((fragment, video)) = boxes::check_fragment(&bytes) else { break };
            pieces.push(PieceRead {
                offset,
                length: length(bytes.len()),
                digest: Digest::of(&bytes),
                fragment: Some(FragmentRead { ident: fragment, video }),
            });
            offset += bytes.len() as u64;
        }
        Ok(Contents { ident, pieces, rest: ByteSize(size.saturating_sub(offset)) })
    }

    fn head(&self, segment: &SegmentId, path: &Path, file: &File) -> Result<(SegmentIdent, Vec<u8>), VaultError> {
        let io = |source| VaultError::Io { path: path.into(), doing: "read", source };
        let mut bytes = Vec::new();
        read_up_to(file, 0, 4 << 10, &mut bytes).map_err(io)?;
        let mut len = boxes::head_len(&bytes);
        if let boxes::HeadLen::Needs(more) = len
            && more <= HEAD_LIMIT
        {
            read_up_to(file, 0, usize::try_from(more).unwrap_or(0) + (64 << 10), &mut bytes).map_err(io)?;
            len = boxes::head_len(&bytes);
        }
        let boxes::HeadLen::Whole(len) = len else { return Err(VaultError::NoHead { path: path.into() }) };
        bytes.truncate(len);
        let Some(ident) = SegmentIdent::find(&bytes) else { return Err(VaultError::NoHead { path: path.into() }) };
        if ident.segment() != *segment {
            return Err(VaultError::Elsewhere { path: path.into(), says: ident.segment() });
        }
        Ok((ident, bytes))
    }

    /// The bytes of the fragment at `offset`, if it is all there.
    fn fragment_at(&self, path: &Path, file: &File, offset: u64, size: u64) -> Result<Option<Vec<u8>>, VaultError> {
        let io = |source| VaultError::Io { path: path.into(), doing: "read", source };
        let mut at = offset;
        // `uuid`, `prft`, `moof`, `mdat`: a fragment ends with its `mdat`.
        for _ in 0..8 {
            let mut head = [0; 16];
            if at + 16 > size || file.read_exact_at(&mut head, at).is_err() {
                return Ok(None);
            }
            let Some(TopBox { kind, size: len }) = boxes::top_box(&head) else { return Ok(None) };
            at = match at.checked_add(len) {
                Some(end) if end <= size && end - offset <= boxes::FRAGMENT_LIMIT => end,
                _ => return Ok(None),
            };
            if kind == *b"mdat" {
                let mut bytes = vec![0; usize::try_from(at - offset).unwrap_or(0)];
                file.read_exact_at(&mut bytes, offset).map_err(io)?;
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

fn length(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn read_up_to(file: &File, offset: u64, len: usize, bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.resize(len, 0);
    let mut filled = 0;
    while filled < len {
        match file.read_at(&mut bytes[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    bytes.truncate(filled);
    Ok(())
}

/// Names in a directory; one that does not exist is empty.
fn file_names(dir: &Path) -> Result<Vec<String>, VaultError> {
    let io = |source| VaultError::Io { path: dir.into(), doing: "listed", source };
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(io(e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        if let Ok(name) = entry.map_err(io)?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

/// The names in a directory that are of a kind, in order.
fn names<T: std::str::FromStr + Ord>(dir: &Path) -> Result<Vec<T>, VaultError> {
    let mut found: Vec<T> = file_names(dir)?.iter().filter_map(|name| name.parse().ok()).collect();
    found.sort_unstable();
    Ok(found)
}
