//! What is wrong with one file: its bytes against what its closing said, and against what its neighbours know of it.

use std::fmt;
use std::io;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::SegmentId;
use farwatch_shared::size::ByteSize;
use rustix::fs::Advice;

use crate::catalog::Entry;
use crate::vault::{Contents, Vault, VaultError};

/// What a look at a file gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Every byte is what was recorded. `previous` is what its head says of the segment before it.
    Whole { read: ByteSize, previous: Digest },
    /// There is no such file. It is damage unless it was deleted meanwhile.
    Missing,
    /// It is not what was recorded.
    Damaged(Damage),
    /// Nothing can be said now, e.g. too many files are open.
    Later(String),
}

/// How a file differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// Bytes after the last whole fragment are missing or make no sense.
    Broken { found: ByteSize, recorded: ByteSize, whole_up_to: ByteSize },
    /// Every box is in its place, and the bytes in them are others.
    Altered { now: Digest, recorded: Digest },
    /// Not even its head is one of ours.
    NoHead,
    /// It says that it is another segment.
    Elsewhere { says: SegmentId },
    /// The disk does not give its bytes back.
    Unreadable { error: String },
    /// Whole in itself, and the segment after it was written behind another one.
    Replaced { now: Digest, next_says: Digest },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken { found, recorded, whole_up_to } if found < recorded => {
                write!(f, "{} of {} bytes are left of it, whole up to byte {}", found.0, recorded.0, whole_up_to.0)
            }
            Self::Broken { whole_up_to, .. } => write!(f, "its boxes break off at byte {}", whole_up_to.0),
            Self::Altered { now, recorded } => write!(f, "its bytes give {now}, recorded was {recorded}"),
            Self::NoHead => f.write_str("its head is gone"),
            Self::Elsewhere { says } => write!(f, "it holds segment {says}"),
            Self::Unreadable { error } => write!(f, "the disk does not give it back: {error}"),
            Self::Replaced { now, next_says } => {
                write!(f, "its bytes give {now}, and the segment after it followed {next_says}")
            }
        }
    }
}

/// Reads a segment from the disk, not from memory, and leaves memory as it was.
#[must_use]
pub fn check(vault: &Vault, entry: &Entry) -> Finding {
    let first = look(vault, entry);
    // A cable or a memory cell may err once; what stands on the disk errs twice.
    if matches!(first, Finding::Damaged(_)) { look(vault, entry) } else { first }
}

fn look(vault: &Vault, entry: &Entry) -> Finding {
    forget_pages(vault, &entry.segment);
    let finding = match vault.read(&entry.segment) {
        Ok(contents) => judge(&contents, entry),
        Err(error) => of_error(error),
    };
    forget_pages(vault, &entry.segment);
    finding
}

fn judge(contents: &Contents, entry: &Entry) -> Finding {
    let found = ByteSize(contents.size().0 + contents.rest.0);
    if contents.rest.0 > 0 || found != entry.bytes {
        let whole_up_to = contents.size();
        return Finding::Damaged(Damage::Broken { found, recorded: entry.bytes, whole_up_to });
    }
    let now = contents.digest();
    if now != entry.digest {
        return Finding::Damaged(Damage::Altered { now, recorded: entry.digest });
    }
    Finding::Whole { read: found, previous: contents.ident.previous }
}

fn of_error(error: VaultError) -> Finding {
    /// EIO, ENODATA (a bad sector), EBADMSG and EUCLEAN (checksums of the file system).
    const OF_THE_DISK: [i32; 4] = [5, 61, 74, 117];
    match error {
        VaultError::NoHead { .. } => Finding::Damaged(Damage::NoHead),
        VaultError::Elsewhere { says, .. } => Finding::Damaged(Damage::Elsewhere { says }),
        VaultError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound => Finding::Missing,
        VaultError::Io { source, .. } if source.raw_os_error().is_some_and(|n| OF_THE_DISK.contains(&n)) => {
            Finding::Damaged(Damage::Unreadable { error: source.to_string() })
        }
        // The file became shorter while it was read.
        VaultError::Io { source, .. } if source.kind() == io::ErrorKind::UnexpectedEof => {
            Finding::Later(source.to_string())
        }
        VaultError::Io { source, doing, .. } => Finding::Later(format!("it cannot be {doing} now: {source}")),
    }
}

/// What the segment after this one says of it, when it is there: its head was written with this one's digest in it.
#[must_use]
pub fn next_says(vault: &Vault, segment: &SegmentId) -> Option<Digest> {
    let next = SegmentId { sequence: segment.sequence.checked_add(1)?, ..*segment };
    vault.ident(&next).ok().map(|ident| ident.previous)
}

/// Asks the kernel to drop its copy of the file. Pages that are still to be written stay.
fn forget_pages(vault: &Vault, segment: &SegmentId) {
    if let Ok(file) = vault.open(segment) {
        // A file system that takes no advice reads from memory at worst.
        let _ = rustix::fs::fadvise(&file, 0, None, Advice::DontNeed);
    }
}
