//! What a verification has to say: findings that name camera, stream and span, and notes that are no findings.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::evidence::ledgered::StreamKey;
use crate::id::{CameraId, SegmentId, StreamName};
use crate::time::{Span, WallMs};

/// What was found wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// The file holds other bytes than were hashed when it was recorded.
    SegmentEdited,
    /// The file is gone, and no deletion of it is in the logs.
    SegmentDeleted,
    /// The file is another segment of the same stream.
    SegmentReordered,
    /// The file is a segment of another camera or stream.
    SegmentSwapped,
    /// The end of the file is missing.
    SegmentTruncated,
    /// No log knows the file.
    SegmentUnknown,
    /// A segment does not name the one before it.
    ChainBroken,
    /// A run does not name the run before it.
    RunLinkBroken,
    /// Entries of a log are not those that were written.
    LogAltered,
    /// Entries are missing from a log.
    LogCut,
    /// A checkpoint is not of this box, or not of these logs.
    CheckpointForged,
    /// A coverage statement is not of this box, or not of these logs.
    StatementAltered,
    /// A deletion certificate is not of this box, or not of these logs.
    CertificateForged,
    /// Footage was deleted and never certified.
    NotCertified,
}

impl What {
    /// As in the JSON report.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SegmentEdited => "segment_edited",
            Self::SegmentDeleted => "segment_deleted",
            Self::SegmentReordered => "segment_reordered",
            Self::SegmentSwapped => "segment_swapped",
            Self::SegmentTruncated => "segment_truncated",
            Self::SegmentUnknown => "segment_unknown",
            Self::ChainBroken => "chain_broken",
            Self::RunLinkBroken => "run_link_broken",
            Self::LogAltered => "log_altered",
            Self::LogCut => "log_cut",
            Self::CheckpointForged => "checkpoint_forged",
            Self::StatementAltered => "statement_altered",
            Self::CertificateForged => "certificate_forged",
            Self::NotCertified => "not_certified",
        }
    }
}

/// One thing that is wrong. Neighbouring segments with the same fate are one finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub what: What,
    /// Absent when it concerns the whole box.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<CameraId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamName>,
    /// Wall time of the footage it concerns.
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    /// Segments it covers; 0 when it is about a document or a log.
    pub segments: u64,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<SegmentId>,
    pub detail: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what.as_str())?;
        if let (Some(camera), Some(stream)) = (self.camera, self.stream) {
            write!(f, "  camera {camera} {stream}")?;
        }
        write!(f, "  {} to {}", self.start_ms, self.end_ms)?;
        match self.segments {
            0 => {}
            1 => write!(f, "  1 segment")?,
            n => write!(f, "  {n} segments")?,
        }
        write!(f, ": {}", self.detail)
    }
}

/// Gathers findings; memory grows with what is wrong, not with what there is.
#[derive(Debug, Default)]
pub struct Findings {
    all: Vec<Finding>,
    /// Index of the finding a stream's next one may join.
    open: BTreeMap<StreamKey, usize>,
}

impl Findings {
    /// About a segment.
    pub fn segment(&mut self, what: What, segment: &SegmentId, span: Span, detail: impl Into<String>) {
        let key = (segment.camera, segment.stream);
        if let Some(last) = self.open.get(&key).and_then(|at| self.all.get_mut(*at))
            && last.what == what
            && last.segment.is_some_and(|s| s.run == segment.run && s.sequence.checked_add(1) == Some(segment.sequence))
        {
            last.segment = Some(*segment);
            last.end_ms = last.end_ms.max(span.end_ms);
            last.segments += 1;
            return;
        }
        self.open.insert(key, self.all.len());
        self.all.push(Finding {
            what,
            camera: Some(segment.camera),
            stream: Some(segment.stream),
            start_ms: span.start_ms,
            end_ms: span.end_ms,
            segments: 1,
            segment: Some(*segment),
            detail: detail.into(),
        });
    }

    /// About a stream's time.
    pub fn stream(&mut self, what: What, (camera, stream): StreamKey, span: Span, detail: impl Into<String>) {
        self.push(what, Some((camera, stream)), span, detail.into());
    }

    /// About the box.
    pub fn whole(&mut self, what: What, span: Span, detail: impl Into<String>) {
        self.push(what, None, span, detail.into());
    }

    fn push(&mut self, what: What, stream: Option<StreamKey>, span: Span, detail: String) {
        self.all.push(Finding {
            what,
            camera: stream.map(|(camera, _)| camera),
            stream: stream.map(|(_, stream)| stream),
            start_ms: span.start_ms,
            end_ms: span.end_ms,
            segments: 0,
            segment: None,
            detail,
        });
    }

    #[must_use]
    pub fn all(&self) -> &[Finding] {
        &self.all
    }

    #[must_use]
    pub fn into_all(self) -> Vec<Finding> {
        self.all
    }
}

/// A span, whichever way its ends were given; never empty.
#[must_use]
pub fn span(start_ms: WallMs, end_ms: WallMs) -> Span {
    Span { start_ms, end_ms: end_ms.max(start_ms.plus_ms(1)) }
}
