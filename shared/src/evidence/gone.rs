//! From segments that went to certificates about them, and back.
//!
//! Belongs here: which `deleting` lines no certificate names yet, the ranges of a certificate, checking one against the
//! lines it was made from. Does not: choosing what goes, signing.

use std::collections::{BTreeMap, VecDeque};

use super::documents::{DeletedRange, DeletedWhy, DeletionCertificate, MAX_RANGES};
use super::entry::GoneSegment;
use super::ledgered::StreamKey;
use crate::digest::Digest;
use crate::size::ByteSize;

/// What a certificate is about: one stream, one reason.
pub type GoneKey = (StreamKey, DeletedWhy);

/// Segments that went and that no certificate names yet, in the order of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Uncertified(BTreeMap<GoneKey, VecDeque<GoneSegment>>);

/// The ranges of the next certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranges {
    pub key: GoneKey,
    pub ranges: Vec<DeletedRange>,
    pub segments: u64,
    pub bytes: ByteSize,
}

impl Uncertified {
    /// Takes a `deleting` line in. Lines of the first version name no digest and cannot be certified.
    pub fn gone(&mut self, why: DeletedWhy, segments: &[GoneSegment]) {
        for gone in segments.iter().filter(|gone| gone.digest != Digest::ZERO) {
            let stream = (gone.segment.camera, gone.segment.stream);
            self.0.entry((stream, why)).or_default().push_back(gone.clone());
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What is waiting, and what for.
    pub fn waiting(&self) -> impl Iterator<Item = (&GoneKey, &VecDeque<GoneSegment>)> {
        self.0.iter()
    }

    /// What the next certificate is to say.
    #[must_use]
    pub fn next(&self) -> Option<Ranges> {
        let (key, segments) = self.0.first_key_value()?;
        let mut next = Ranges { key: *key, ranges: Vec::new(), segments: 0, bytes: ByteSize(0) };
        let mut rest = segments.iter().peekable();
        while next.ranges.len() < MAX_RANGES {
            let Some(first) = rest.next() else { break };
            let mut range = vec![first];
            while let Some(more) = rest.next_if(|more| follows(range[range.len() - 1], more)) {
                range.push(more);
            }
            next.segments += range.len() as u64;
            next.bytes = ByteSize(range.iter().fold(next.bytes.0, |sum, gone| sum.saturating_add(gone.bytes.0)));
            next.ranges.push(range_of(first, &range));
        }
        Some(next)
    }

    /// Takes off what a certificate names.
    ///
    /// # Errors
    /// What in it is not what the lines before it say; they count as certified all the same, so that one bad certificate is
    /// one finding.
    pub fn certified(&mut self, certificate: &DeletionCertificate) -> Result<(), String> {
        let key = ((certificate.camera, certificate.stream), certificate.why);
        let waiting = self.0.entry(key).or_default();
        let (mut wrong, mut count, mut bytes) = (None, 0u64, 0u64);
        for said in &certificate.ranges {
            let length = said.last_sequence.checked_sub(said.first_sequence).map_or(0, |more| u64::from(more) + 1);
            let taken: Vec<GoneSegment> =
                waiting.drain(..usize::try_from(length).unwrap_or(usize::MAX).min(waiting.len())).collect();
            let is_series = taken.windows(2).all(|two| follows(&two[0], &two[1]));
            let is_it = taken.first().is_some_and(|first| range_of(first, &taken.iter().collect::<Vec<_>>()) == *said);
            if wrong.is_none() && !(is_series && is_it) {
                wrong = Some(format!(
                    "its range {}/{}-{} is not what went",
                    said.run, said.first_sequence, said.last_sequence
                ));
            }
            count += taken.len() as u64;
            bytes = taken.iter().fold(bytes, |sum, gone| sum.saturating_add(gone.bytes.0));
        }
        if waiting.is_empty() {
            self.0.remove(&key);
        }
        if wrong.is_none() && (count, bytes) != (certificate.segments, certificate.bytes.0) {
            wrong = Some("its sums are not those of its ranges".into());
        }
        wrong.map_or(Ok(()), Err)
    }
}

fn follows(before: &GoneSegment, after: &GoneSegment) -> bool {
    before.segment.run == after.segment.run && before.segment.sequence.checked_add(1) == Some(after.segment.sequence)
}

fn range_of(first: &GoneSegment, segments: &[&GoneSegment]) -> DeletedRange {
    DeletedRange {
        run: first.segment.run,
        first_sequence: first.segment.sequence,
        last_sequence: segments.last().map_or(first.segment.sequence, |last| last.segment.sequence),
        start_ms: segments.iter().map(|gone| gone.span.start_ms).min().unwrap_or(first.span.start_ms),
        end_ms: segments.iter().map(|gone| gone.span.end_ms).max().unwrap_or(first.span.end_ms),
        digest: Digest::of_pieces(segments.iter().map(|gone| &gone.digest)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AgentId, CameraId, RunId, SegmentId, StreamName};
    use crate::time::{Span, WallMs};

    fn gone(camera: CameraId, run: u32, sequence: u32) -> GoneSegment {
        let start = WallMs(i64::from(run) * 1_000_000 + i64::from(sequence) * 1_000);
        GoneSegment {
            segment: SegmentId { camera, stream: StreamName::Main, run: RunId { boot: 1, counter: run }, sequence },
            digest: Digest::of(&[run.to_le_bytes(), sequence.to_le_bytes()].concat()),
            span: Span { start_ms: start, end_ms: start.plus_ms(1_000) },
            bytes: ByteSize(7),
        }
    }

    fn certificate(ranges: Ranges) -> DeletionCertificate {
        DeletionCertificate {
            agent: AgentId::generate(),
            number: 1,
            issued_at_ms: WallMs(0),
            previous: Digest::ZERO,
            why: ranges.key.1,
            camera: ranges.key.0.0,
            stream: ranges.key.0.1,
            ranges: ranges.ranges,
            segments: ranges.segments,
            bytes: ranges.bytes,
            crit: Vec::new(),
        }
    }

    // RET-04
    #[test]
    fn certificates_name_everything_that_went_once_also_when_more_goes_meanwhile() {
        let camera = CameraId::generate();
        let mut written = Uncertified::default();
        let all: Vec<GoneSegment> = (0..300).map(|n| gone(camera, n / 2, n % 2)).collect();
        written.gone(DeletedWhy::Ceiling, &all);
        let first = written.next().unwrap();
        assert_eq!((first.ranges.len(), first.segments, first.bytes.0), (MAX_RANGES, 256, 1792));
        // One more of the last run goes before the certificate stands in the log.
        written.gone(DeletedWhy::Ceiling, &[gone(camera, 149, 2)]);
        assert_eq!(written.certified(&certificate(first)), Ok(()));
        let second = written.next().unwrap();
        assert_eq!((second.ranges.len(), second.segments), (22, 45));
        assert_eq!(written.certified(&certificate(second)), Ok(()));
        assert!(written.is_empty());
    }

    // RET-04, EVD-01
    #[test]
    fn a_certificate_that_names_other_footage_is_noticed() {
        let camera = CameraId::generate();
        let mut log = Uncertified::default();
        log.gone(DeletedWhy::Space, &[gone(camera, 1, 0), gone(camera, 1, 1)]);
        let honest = certificate(log.next().unwrap());
        let mut other = honest.clone();
        other.ranges[0].digest = Digest::of(b"other");
        let mut longer = honest.clone();
        longer.ranges[0].last_sequence = 2;
        let mut heavier = honest.clone();
        heavier.bytes = ByteSize(1);
        let mut earlier = honest.clone();
        earlier.ranges[0].start_ms = WallMs(0);
        for forged in [other, longer, heavier, earlier] {
            assert!(log.clone().certified(&forged).is_err(), "{forged:?}");
        }
        assert_eq!(log.certified(&honest), Ok(()));
        assert!(log.certified(&honest).is_err(), "nothing is certified twice");
    }
}
