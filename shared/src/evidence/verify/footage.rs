//! A segment file against what the log says of it.

use super::finding::{What, span};
use crate::digest::Digest;
use crate::evidence::entry::Closed;
use crate::id::SegmentId;
use crate::media::ident::SegmentIdent;
use crate::time::{Span, WallMs};

/// Where segment files are looked at. The verifier asks; whoever has the files reads.
pub trait Footage {
    /// Reads a segment whole and hashes its pieces.
    fn look(&mut self, segment: &SegmentId) -> Look;
}

/// What lies where a segment should.
#[derive(Debug, Clone)]
pub enum Look {
    Absent,
    /// It is there and cannot be read.
    Unreadable(String),
    Found(Box<FoundFile>),
}

/// A file, as its bytes are now.
#[derive(Debug, Clone)]
pub struct FoundFile {
    /// What it says of itself; absent without a whole head.
    pub ident: Option<SegmentIdent>,
    /// Over its pieces.
    pub digest: Digest,
    /// Bytes of whole pieces, and of what follows them.
    pub whole: u64,
    pub rest: u64,
    pub fragments: u32,
    /// End of the last whole fragment.
    pub end_ms: Option<WallMs>,
}

/// What is wrong with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    pub what: What,
    pub span: Span,
    pub detail: String,
}

/// Holds a file against its closing.
#[must_use]
pub fn compare(file: &FoundFile, closed: &Closed) -> Option<Wrong> {
    let whole = span(closed.start.wall_ms, closed.end.wall_ms);
    let wrong = |what, span, detail: String| Some(Wrong { what, span, detail });
    if file.digest == closed.digest && file.rest == 0 {
        return None;
    }
    let size = closed.bytes.bytes();
    let Some(ident) = &file.ident else {
        let short = file.whole + file.rest < size;
        let what = if short { What::SegmentTruncated } else { What::SegmentEdited };
        return wrong(what, whole, "its head is not there".into());
    };
    let is = ident.segment();
    if is != closed.segment {
        let same_stream = (is.camera, is.stream) == (closed.segment.camera, closed.segment.stream);
        let what = if same_stream { What::SegmentReordered } else { What::SegmentSwapped };
        return wrong(what, whole, format!("the file in its place says it is {is}"));
    }
    if file.whole + file.rest < size {
        // A recording that ends early is whole up to its last fragment.
        let from = file.end_ms.unwrap_or(whole.start_ms).clamp(whole.start_ms, whole.end_ms.plus_ms(-1));
        let detail = format!("{} of its {size} bytes are there", file.whole + file.rest);
        return wrong(What::SegmentTruncated, span(from, whole.end_ms), detail);
    }
    if file.digest == closed.digest {
        return wrong(What::SegmentEdited, whole, format!("{} bytes stand behind its end", file.rest));
    }
    let detail = if file.fragments < closed.fragments {
        let at = file.end_ms.map_or_else(String::new, |at| format!(" from {at} on"));
        format!(
            "its bytes are not those that were recorded{at}: {} of {} fragments are whole",
            file.fragments, closed.fragments
        )
    } else {
        "its bytes are not those that were recorded".into()
    };
    wrong(What::SegmentEdited, whole, detail)
}

/// Whether a file no log tells of may be the one that is being written: it follows the last closed segment of its run.
#[must_use]
pub fn may_be_open(file: &FoundFile, segment: &SegmentId, last: Option<(u32, Digest)>) -> bool {
    let follows = match last {
        Some((sequence, _)) => sequence.checked_add(1) == Some(segment.sequence),
        None => segment.sequence == 0,
    };
    let previous = last.map_or(Digest::ZERO, |(_, digest)| digest);
    // Made and not yet written to is open as well.
    let empty = file.whole + file.rest == 0;
    follows && (empty || file.ident.as_ref().is_some_and(|i| i.segment() == *segment && i.previous == previous))
}
