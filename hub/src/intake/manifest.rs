//! Whether a manifest answers its order. Pure.

use std::collections::BTreeSet;

use farwatch_shared::refusal::Refusal;
use farwatch_shared::wire::latest::Manifest;

use crate::store::pulls::PullRow;

/// Footage begins at a keyframe, which may lie this far before what was asked for (a file is cut after five minutes without
/// one).
const BEFORE_MS: i64 = 310_000;
/// The last fragment may reach this far beyond the end.
const AFTER_MS: i64 = 10_000;
/// Most segments of one pull: a day of minutes, and some.
const SEGMENTS: usize = 4000;
/// Most bytes of one pull.
const BYTES: u64 = 256 << 30;

/// Refuses what goes beyond the order or contradicts itself.
///
/// # Errors
/// The refusal and what exactly is wrong.
pub fn check(m: &Manifest, pull: &PullRow) -> Result<(), (Refusal, String)> {
    if m.order != pull.order || m.agent != pull.agent {
        return Err((Refusal::NotYours, "the manifest is for another order or of another agent".into()));
    }
    let same = m.camera == pull.camera && m.stream == pull.stream && m.rendition == pull.rendition;
    if !same || m.start_ms != pull.start_ms || m.end_ms != pull.end_ms {
        return Err((Refusal::BadRange, "the manifest is not of what was ordered".into()));
    }
    if m.segments.is_empty() || m.segments.len() > SEGMENTS {
        return Err((Refusal::Malformed, format!("{} segments", m.segments.len())));
    }
    let mut names = BTreeSet::new();
    let mut total = 0u64;
    let mut last = None;
    for s in &m.segments {
        let short = s.segment.short();
        if s.segment.camera != pull.camera || s.segment.stream != pull.stream {
            return Err((Refusal::BadRange, format!("{short} is of another camera or stream")));
        }
        if !s.is_consistent() {
            return Err((
                Refusal::DigestMismatch,
                format!("{short}: its pieces do not give its digest, or have holes"),
            ));
        }
        let (from, to) = (s.sent_start_ms, s.sent_end_ms);
        let outside = from.since(pull.start_ms) < -BEFORE_MS || to.since(pull.end_ms) > AFTER_MS;
        if outside || from >= pull.end_ms || to <= pull.start_ms {
            return Err((Refusal::BadRange, format!("{short} sends {from} to {to}, beyond the order")));
        }
        if last.is_some_and(|last| from < last) {
            return Err((Refusal::Malformed, format!("{short} is not in the order of time")));
        }
        if !names.insert(short.clone()) {
            return Err((Refusal::Malformed, format!("{short} is listed twice")));
        }
        last = Some(from);
        total = total.saturating_add(s.sent_size().bytes());
    }
    if total == 0 || total > BYTES {
        return Err((Refusal::TooLarge, format!("{total} bytes")));
    }
    Ok(())
}
