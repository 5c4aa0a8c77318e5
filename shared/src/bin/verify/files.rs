//! Files as the verifier wants them: logs entry by entry, segments piece by piece. One fragment is in memory at a time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::log::{MAGIC, Position};
use farwatch_shared::evidence::verify::{Footage, FoundFile, Look, Scan, Step};
use farwatch_shared::id::SegmentId;
use farwatch_shared::media::boxes::{self, HeadLen, TopBox};
use farwatch_shared::media::ident::SegmentIdent;
use farwatch_shared::time::WallMs;

/// Bound on a head; a larger one is damage.
const HEAD_LIMIT: u64 = 1 << 20;
const READ_AHEAD: usize = 256 << 10;

/// A segment's path below a vault.
pub fn segment_path(vault: &Path, segment: &SegmentId) -> PathBuf {
    vault
        .join(segment.camera.to_string())
        .join(segment.stream.as_str())
        .join(segment.run.to_string())
        .join(format!("{:06}.mp4", segment.sequence))
}

/// A vault on the disk.
pub struct Vault(pub PathBuf);

impl Footage for Vault {
    fn look(&mut self, segment: &SegmentId) -> Look {
        let path = segment_path(&self.0, segment);
        match File::open(&path) {
            Ok(file) => read_segment(&file, |_, _| ()).map_or_else(
                |error| Look::Unreadable(format!("{} cannot be read: {error}", path.display())),
                |found| Look::Found(Box::new(found)),
            ),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Look::Absent,
            Err(error) => Look::Unreadable(format!("{} cannot be opened: {error}", path.display())),
        }
    }
}

/// Reads and hashes a segment; `piece` sees the place and digest of each.
pub fn read_segment(file: &File, mut piece: impl FnMut(u64, Digest)) -> io::Result<FoundFile> {
    let size = file.metadata()?.len();
    let mut found = FoundFile { ident: None, digest: Digest::ZERO, whole: 0, rest: size, fragments: 0, end_ms: None };
    let Some(head) = read_head(file, size)? else { return Ok(found) };
    found.ident = SegmentIdent::find(&head);
    let mut pieces = vec![Digest::of(&head)];
    piece(0, pieces[0]);
    let mut at = head.len() as u64;
    while let Some(bytes) = fragment_at(file, at, size)? {
        let Some((ident, video)) = boxes::check_fragment(&bytes) else { break };
        let digest = Digest::of(&bytes);
        piece(at, digest);
        pieces.push(digest);
        let ms = i64::try_from(video.duration / 90).unwrap_or(0);
        found.end_ms = Some(WallMs(ident.wall_ms.0.saturating_add(ms)));
        found.fragments += 1;
        at += bytes.len() as u64;
    }
    found.digest = Digest::of_pieces(&pieces);
    (found.whole, found.rest) = (at, size - at);
    Ok(found)
}

fn read_head(file: &File, size: u64) -> io::Result<Option<Vec<u8>>> {
    let mut want = 4 << 10;
    loop {
        let mut bytes = vec![0; usize::try_from(size.min(want)).unwrap_or(0)];
        file.read_exact_at(&mut bytes, 0)?;
        match boxes::head_len(&bytes) {
            HeadLen::Whole(len) => {
                bytes.truncate(len);
                return Ok(Some(bytes));
            }
            HeadLen::Needs(more) if more <= size && more <= HEAD_LIMIT => want = more.max(want + 1),
            HeadLen::Needs(_) | HeadLen::Broken => return Ok(None),
        }
    }
}

/// The bytes of the fragment at a place, if it is all there.
fn fragment_at(file: &File, from: u64, size: u64) -> io::Result<Option<Vec<u8>>> {
    let mut at = from;
    // `uuid`, `prft`, `moof`, `mdat`: a fragment ends with its `mdat`.
    for _ in 0..8 {
        let mut head = [0; 16];
        if at + 16 > size {
            return Ok(None);
        }
        file.read_exact_at(&mut head, at)?;
        let Some(TopBox { kind, size: len }) = boxes::top_box(&head) else { return Ok(None) };
        at = match at.checked_add(len) {
            Some(end) if end <= size && end - from <= boxes::FRAGMENT_LIMIT => end,
            _ => return Ok(None),
        };
        if kind == *b"mdat" {
            let mut bytes = vec![0; usize::try_from(at - from).unwrap_or(0)];
            file.read_exact_at(&mut bytes, from)?;
            return Ok(Some(bytes));
        }
    }
    Ok(None)
}

/// A log being walked.
pub struct Log {
    file: File,
    scan: Scan,
    buffer: Vec<u8>,
    /// File offset of `buffer[0]`.
    begin: u64,
}

impl Log {
    /// Opens a log; its chain begins with its name.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut magic = [0; MAGIC.len()];
        file.read_exact_at(&mut magic, 0)?;
        if &magic != MAGIC {
            return Err(io::Error::other("it does not begin as a log does"));
        }
        let name = path.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let scan = Scan::new(&name);
        let begin = scan.position().offset;
        Ok(Self { file, scan, buffer: Vec::new(), begin })
    }

    /// The next entry, whether it is as it was written, and the place behind it.
    pub fn next(&mut self) -> io::Result<Option<(Vec<u8>, bool, Position)>> {
        let mut want = 0;
        loop {
            let at = self.scan.position().offset;
            let start = usize::try_from(at - self.begin).unwrap_or(usize::MAX);
            let mut is_all = false;
            if start >= self.buffer.len() || self.buffer.len() - start < want {
                is_all = self.fill(at, want.max(READ_AHEAD))?;
            }
            let start = usize::try_from(at - self.begin).unwrap_or(usize::MAX);
            let bytes = self.buffer.get(start..).unwrap_or_default();
            match self.scan.step(bytes, is_all) {
                Step::Entry { payload, sound } => return Ok(Some((payload, sound, self.scan.position()))),
                Step::Needs(bytes) => want = bytes,
                Step::End => return Ok(None),
            }
        }
    }

    /// Reads from a place on; says whether that was all there is.
    fn fill(&mut self, at: u64, len: usize) -> io::Result<bool> {
        self.buffer.resize(len, 0);
        let mut filled = 0;
        while filled < len {
            match self.file.read_at(&mut self.buffer[filled..], at + filled as u64) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.truncate(filled);
        self.begin = at;
        Ok(filled < len)
    }
}
