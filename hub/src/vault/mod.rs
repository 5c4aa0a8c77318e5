//! Received bytes, durable before they are acknowledged.
//!
//! Belongs here: the directory `<hub dir>/vault/pulls/<order>/<short>.part|.mp4`, writing a chunk at its offset, reading what
//! has arrived, sealing. Nobody else builds a path below it. Does not: rows (`store::pulls`), who may read (`api`).
//!
//! Order of things: bytes, fsync of the file, fsync of the directory for a new name, then the row. What lies beyond the
//! row's offset was never acknowledged and is overwritten by the next chunk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use farwatch_shared::digest::Digest;
use farwatch_shared::id::OrderId;
use farwatch_shared::wire::latest::ManifestSegment;
use tokio::task::spawn_blocking;

use crate::keys::files;
use crate::store::pulls::PullSegmentRow;

/// Why a chunk is not taken.
#[derive(Debug, thiserror::Error)]
pub enum ChunkError {
    #[error(
        "the bytes of the piece at offset {offset} of {short} have the digest {found}, the manifest says {expected}"
    )]
    Digest { short: String, offset: u64, found: Digest, expected: Digest, from_earlier: bool },
    #[error("the hub's disk is full")]
    DiskFull,
    #[error("the hub's disk refused")]
    Io(#[source] io::Error),
}

impl From<io::Error> for ChunkError {
    fn from(e: io::Error) -> Self {
        if e.kind() == io::ErrorKind::StorageFull { Self::DiskFull } else { Self::Io(e) }
    }
}

/// Why a segment cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("the piece at offset {offset} of {short} no longer has the digest it arrived with")]
    Digest { short: String, offset: u64 },
    #[error("cannot read or rename {short}")]
    Io {
        short: String,
        #[source]
        source: io::Error,
    },
}

/// The handle; cheap to clone. Every call does its disk work on a thread of the blocking pool.
#[derive(Clone)]
pub struct Vault {
    root: Arc<PathBuf>,
}

/// Where each sent piece lies in the upload stream, with its digest.
fn pieces(segment: &ManifestSegment) -> impl Iterator<Item = (u64, u64, Digest)> {
    segment.sent_pieces().scan(0u64, |at, piece| {
        let start = *at;
        *at += u64::from(piece.length);
        Some((start, *at, piece.digest))
    })
}

/// How much of a segment may be shown: up to the end of the last piece that has arrived whole and was checked.
#[must_use]
pub fn ready(segment: &PullSegmentRow) -> u64 {
    pieces(&segment.body).map(|(_, end, _)| end).take_while(|end| *end <= segment.bytes_received).last().unwrap_or(0)
}

impl Vault {
    /// Opens (or makes) `<hub dir>/vault`.
    ///
    /// # Errors
    /// When the directory cannot be made.
    pub fn open(hub_dir: &Path) -> io::Result<Self> {
        let root = hub_dir.join("vault").join("pulls");
        files::make_private_dir(&hub_dir.join("vault"))?;
        files::make_private_dir(&root)?;
        Ok(Self { root: Arc::new(root) })
    }

    fn dir(&self, order: OrderId) -> PathBuf {
        self.root.join(order.to_string())
    }

    /// `short` comes from a manifest that was checked: a run and a number, never a path.
    fn part(&self, order: OrderId, short: &str) -> PathBuf {
        self.dir(order).join(format!("{short}.part"))
    }

    fn whole(&self, order: OrderId, short: &str) -> PathBuf {
        self.dir(order).join(format!("{short}.mp4"))
    }

    /// Writes a chunk at the offset the row names, after checking every piece it completes, and syncs it. The caller
    /// writes the row afterwards.
    ///
    /// # Errors
    /// [`ChunkError::Digest`] before anything is written. `from_earlier` says that bytes acknowledged before belong to the
    /// piece: then the caller goes back to the piece's start, or the upload could never go on.
    pub async fn write(&self, row: &PullSegmentRow, chunk: Bytes) -> Result<(), ChunkError> {
        let (path, row) = (self.part(row.order, &row.short), row.clone());
        spawn_blocking(move || write(&path, &row, &chunk)).await.map_err(|e| ChunkError::Io(io::Error::other(e)))?
    }

    /// Reads bytes that have arrived. Shorter than asked when fewer are there.
    ///
    /// # Errors
    /// When the disk refuses.
    pub async fn read(&self, order: OrderId, short: &str, offset: u64, length: usize) -> io::Result<Bytes> {
        let (part, whole) = (self.part(order, short), self.whole(order, short));
        spawn_blocking(move || {
            // Sealing renames one to the other at any moment.
            let file = match File::open(&whole) {
                Err(e) if e.kind() == io::ErrorKind::NotFound => File::open(&part).or_else(|_| File::open(&whole))?,
                other => other?,
            };
            let mut buffer = vec![0; length];
            let mut filled = 0;
            while filled < length {
                match file.read_at(&mut buffer[filled..], offset + filled as u64)? {
                    0 => break,
                    n => filled += n,
                }
            }
            buffer.truncate(filled);
            Ok(Bytes::from(buffer))
        })
        .await
        .map_err(io::Error::other)?
    }

    /// Reads the whole segment again, checks every piece, and gives it its final name. Gives the digest of the file.
    ///
    /// # Errors
    /// When a piece has changed on the disk, or the disk refuses.
    pub async fn seal(&self, row: &PullSegmentRow) -> Result<Digest, SealError> {
        let (part, whole, row) = (self.part(row.order, &row.short), self.whole(row.order, &row.short), row.clone());
        let short = row.short.clone();
        spawn_blocking(move || seal(&part, &whole, &row))
            .await
            .map_err(|e| SealError::Io { short, source: io::Error::other(e) })?
    }
}

fn write(path: &Path, row: &PullSegmentRow, chunk: &[u8]) -> Result<(), ChunkError> {
    let (from, to) = (row.bytes_received, row.bytes_received + chunk.len() as u64);
    let dir = path.parent().unwrap_or(Path::new("."));
    let new = !path.exists();
    if new && !dir.exists() {
        files::make_private_dir(dir)?;
    }
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    for (start, end, expected) in pieces(&row.body).filter(|(_, end, _)| from < *end && *end <= to) {
        let mut earlier = vec![0; usize::try_from(from.saturating_sub(start)).unwrap_or(0)];
        file.read_exact_at(&mut earlier, start)?;
        let at = |offset: u64| usize::try_from(offset.saturating_sub(from)).unwrap_or(usize::MAX).min(chunk.len());
        let found = Digest::of_parts(&[&earlier, &chunk[at(start.max(from))..at(end)]]);
        if found != expected {
            return Err(ChunkError::Digest {
                short: row.short.clone(),
                offset: start,
                found,
                expected,
                from_earlier: start < from,
            });
        }
    }
    file.write_all_at(chunk, from)?;
    file.sync_data()?;
    if new {
        File::open(dir)?.sync_all()?;
    }
    Ok(())
}

fn seal(part: &Path, whole: &Path, row: &PullSegmentRow) -> Result<Digest, SealError> {
    let io_error = |source| SealError::Io { short: row.short.clone(), source };
    // A crash between rename and row leaves the final name: the same check goes over it again.
    let path = if part.exists() { part } else { whole };
    let bytes = fs::read(path).map_err(io_error)?;
    for (start, end, expected) in pieces(&row.body) {
        let range = usize::try_from(start).unwrap_or(usize::MAX)..usize::try_from(end).unwrap_or(usize::MAX);
        if bytes.get(range).map(Digest::of) != Some(expected) {
            return Err(SealError::Digest { short: row.short.clone(), offset: start });
        }
    }
    let total = usize::try_from(row.bytes_total).unwrap_or(usize::MAX);
    let bytes =
        bytes.get(..total).ok_or_else(|| SealError::Digest { short: row.short.clone(), offset: row.bytes_total })?;
    if path == part {
        let file = OpenOptions::new().write(true).open(part).map_err(io_error)?;
        // Bytes beyond the total were never acknowledged.
        file.set_len(row.bytes_total).and_then(|()| file.sync_all()).map_err(io_error)?;
        fs::rename(part, whole).map_err(io_error)?;
        files::sync_parent(whole).map_err(io_error)?;
    }
    Ok(Digest::of(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::id::{CameraId, RunId, SegmentId, StreamName};
    use farwatch_shared::time::{BootNs, ClockState, WallMs};
    use farwatch_shared::wire::latest::Piece;

    fn row(bodies: &[&[u8]]) -> (PullSegmentRow, Vec<u8>) {
        let mut offset = 0;
        let list: Vec<Piece> = bodies
            .iter()
            .map(|b| {
                let piece = Piece { offset, length: u32::try_from(b.len()).unwrap(), digest: Digest::of(b) };
                offset += b.len() as u64;
                piece
            })
            .collect();
        let segment = SegmentId {
            camera: CameraId::generate(),
            stream: StreamName::Main,
            run: RunId { boot: 1, counter: 1 },
            sequence: 0,
        };
        let body = ManifestSegment {
            segment,
            digest: None,
            first_piece: 1,
            last_piece: u32::try_from(list.len()).unwrap() - 1,
            pieces: list,
            codec: "avc1.640028".into(),
            width: 1,
            height: 1,
            audio_codec: None,
            start_ms: WallMs(0),
            end_ms: WallMs(1),
            sent_start_ms: WallMs(0),
            sent_end_ms: WallMs(1),
            start_boot_ns: BootNs(0),
            clock: ClockState::Ntp,
            derived: false,
        };
        let row = PullSegmentRow {
            order: OrderId::generate(),
            ordinal: 0,
            short: segment.short(),
            bytes_total: body.sent_size().bytes(),
            bytes_received: 0,
            sealed_digest: None,
            body,
        };
        (row, bodies.concat())
    }

    // EVD-01
    #[tokio::test]
    async fn bytes_come_in_any_steps_and_only_whole_checked_pieces_are_ready() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open(dir.path()).unwrap();
        let (mut row, all) = row(&[b"head of the file", b"first fragment", b"second one"]);
        for step in [5usize, 14, 1, 20] {
            let from = usize::try_from(row.bytes_received).unwrap();
            let chunk = Bytes::copy_from_slice(&all[from..from + step]);
            vault.write(&row, chunk).await.unwrap();
            row.bytes_received += step as u64;
        }
        assert_eq!(ready(&row), row.bytes_total);
        assert_eq!(ready(&PullSegmentRow { bytes_received: 29, ..row.clone() }), 16);
        assert_eq!(vault.seal(&row).await.unwrap(), Digest::of(&all));
        assert_eq!(vault.seal(&row).await.unwrap(), Digest::of(&all), "and again after a crash");
        assert_eq!(vault.read(row.order, &row.short, 16, 100).await.unwrap(), &all[16..]);
    }

    #[tokio::test]
    async fn a_wrong_digest_is_refused_and_what_was_there_stays() {
        let dir = tempfile::tempdir().unwrap();
        let vault = Vault::open(dir.path()).unwrap();
        let (mut row, all) = row(&[b"head", b"first fragment"]);
        vault.write(&row, Bytes::copy_from_slice(&all[..6])).await.unwrap();
        row.bytes_received = 6;
        let mut bent = all[6..].to_vec();
        bent[3] ^= 1;
        let refused = vault.write(&row, Bytes::from(bent)).await.unwrap_err();
        assert!(matches!(refused, ChunkError::Digest { offset: 4, from_earlier: true, .. }), "{refused}");
        vault.write(&row, Bytes::copy_from_slice(&all[6..])).await.unwrap();
    }
}
