//! The recorders' logs, entry by entry, and the files they tell of.

use super::Verifier;
use super::finding::{What, span};
use super::footage::{Footage, Look, compare};
use super::papers::NamedLog;
use super::runs::run_of;
use crate::digest::Digest;
use crate::evidence::entry::{Closed, RecorderEntry, RunLink};
use crate::evidence::ledgered::StreamKey;
use crate::evidence::log::Position;
use crate::id::{RecorderId, RunId};
use crate::time::{DAY_MS, Span, WallMs};

/// A statement's day may begin so long before a stretch in it does: a day of a change of the hour has 25 hours.
const DAY_REACH_MS: i64 = 2 * DAY_MS;

impl Verifier {
    /// One entry of a recorder's log, the logs oldest first; `after` is the place behind it.
    pub fn recorder_entry(
        &mut self,
        log: RecorderId,
        (payload, sound): (&[u8], bool),
        after: &Position,
        footage: &mut impl Footage,
    ) {
        self.checked.entries += 1;
        self.log_ends.insert(log, after.index);
        let entry = serde_json::from_slice::<RecorderEntry>(payload);
        if !sound {
            let when = entry.as_ref().ok().and_then(when_of).unwrap_or_else(|| span(self.newest_ms, self.newest_ms));
            let detail = format!("entry {} of the log recorder/{log} was altered", after.index - 1);
            match entry.as_ref().ok().and_then(stream_of) {
                Some(stream) => self.findings.stream(What::LogAltered, stream, when, detail),
                None => self.findings.whole(What::LogAltered, when, detail),
            }
        }
        // What a later version wrote is passed over, as the agent does.
        if let Ok(entry) = entry {
            if let Some(when) = when_of(&entry) {
                self.newest_ms = self.newest_ms.max(when.end_ms);
            }
            self.count(log, after.index - 1, &entry);
            self.take(&entry, footage);
        }
        self.chain_is(log, after);
    }

    /// The end of a recorder's log was reached.
    pub fn recorder_end(&mut self, log: RecorderId) {
        self.checked.logs += 1;
        self.log_ends.entry(log).or_insert(0);
    }

    /// What checkpoints sign of this log at this place.
    fn chain_is(&mut self, log: RecorderId, after: &Position) {
        let Some(named) = self.logs.get_mut(&log) else { return };
        let mut wrong: Option<NamedLog> = None;
        while let Some(next) = named.front().filter(|next| next.entries <= after.index) {
            if next.entries == after.index && next.chain != after.chain {
                wrong = Some(next.clone());
            }
            named.pop_front();
        }
        if named.is_empty() {
            self.logs.remove(&log);
        }
        if let Some(named) = wrong {
            // Once is enough: every later value differs as well.
            self.logs.remove(&log);
            let detail = format!(
                "the log recorder/{log} up to entry {} is not what checkpoint {} signed",
                named.entries, named.checkpoint
            );
            self.findings.whole(What::LogAltered, named.span, detail);
        }
    }

    fn count(&mut self, log: RecorderId, index: u64, entry: &RecorderEntry) {
        let Some((stream, stretches)) = self.walk.take(entry) else { return };
        let Some(recounts) = self.recounts.get_mut(&stream) else { return };
        for stretch in stretches.iter() {
            let from = stretch.start_ms.plus_ms(-DAY_REACH_MS);
            let to = stretch.start_ms.plus_ms(stretch.len_ms);
            for (_, recount) in recounts.range_mut((from, 0)..(to, u64::MAX)) {
                if recount.covered.get(&log).is_some_and(|entries| index < *entries) {
                    recount.count.count(&stretch);
                }
            }
        }
    }

    fn take(&mut self, entry: &RecorderEntry, footage: &mut impl Footage) {
        match entry {
            RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => self.closed(closed, footage),
            RecorderEntry::RunOpened { camera, stream, run, at, after } => {
                self.opened((*camera, *stream), *run, at.wall_ms, after.as_ref());
            }
            RecorderEntry::Deleted { segment, .. } => {
                self.runs.entry(run_of(segment)).or_default().goes(segment, None);
            }
            _ => {}
        }
    }

    fn opened(&mut self, stream: StreamKey, run: RunId, at: WallMs, after: Option<&RunLink>) {
        let before = self.latest.insert(stream, run);
        let Some(link) = after else {
            if let Some(before) = before {
                let detail = format!("the run {run} names none before it, and {before} was");
                self.findings.stream(What::RunLinkBroken, stream, span(at, at), detail);
            }
            return;
        };
        let Some(known) = self.runs.get(&(stream, link.run)).and_then(|run| run.last) else {
            // The logs of earlier runs may have been let go with their footage.
            if before == Some(link.run) {
                let detail =
                    format!("the run {run} follows {}/{:06}, which no log closes", link.run, link.last_sequence);
                self.findings.stream(What::LogCut, stream, span(at, at), detail);
            }
            return;
        };
        let (sequence, digest, ended) = known;
        if sequence == link.last_sequence && digest != link.digest {
            let detail = format!("the run {run} names another digest of {}/{sequence:06}", link.run);
            self.findings.stream(What::RunLinkBroken, stream, span(ended.start_ms, at), detail);
        } else if sequence < link.last_sequence {
            let detail =
                format!("closings of {} from {:06} to {:06} are missing", link.run, sequence + 1, link.last_sequence);
            self.findings.stream(What::LogCut, stream, span(ended.end_ms, at), detail);
        }
    }

    fn closed(&mut self, closed: &Closed, footage: &mut impl Footage) {
        let id = closed.segment;
        let stream = (id.camera, id.stream);
        let when = span(closed.start.wall_ms, closed.end.wall_ms);
        self.latest.entry(stream).or_insert(id.run);
        let run = self.runs.entry(run_of(&id)).or_default();
        let last = run.last;
        let again = last.filter(|(sequence, ..)| *sequence == id.sequence).map(|(_, digest, _)| digest);
        let wrong = match last {
            Some((sequence, ..)) if sequence > id.sequence => return,
            Some(_) if again.is_some() => None,
            Some((sequence, digest, _)) if sequence + 1 == id.sequence => {
                (digest != closed.previous).then(|| "it names another segment before it than there was".to_owned())
            }
            Some((sequence, ..)) => Some(format!("it follows {sequence:06}; closings are missing between")),
            None if id.sequence == 0 && closed.previous != Digest::ZERO => {
                Some("it is the first of its run and names one before it".into())
            }
            None => None,
        };
        run.last = Some((id.sequence, closed.digest, when));
        run.closed.add(id.sequence);
        let head = take_head(run, id.sequence, closed.digest);
        let is_gone = run.gone.has(id.sequence);
        if is_gone {
            run.went(id.sequence, closed.digest, again);
        }
        if let Some(detail) = wrong {
            self.findings.segment(What::ChainBroken, &id, when, detail);
        }
        match head {
            Head::AsSigned => {}
            Head::Other(checkpoint) => {
                let detail = format!("the log names another digest than checkpoint {checkpoint} signed");
                self.findings.segment(What::LogAltered, &id, when, detail);
            }
            Head::Passed(end_ms, checkpoint) => {
                let detail = format!("the closing that checkpoint {checkpoint} signed is not in the logs");
                self.findings.stream(What::LogCut, stream, span(end_ms.plus_ms(-1), end_ms), detail);
            }
        }
        self.hold(closed, (when, is_gone), footage);
    }

    /// Holds the file against the closing.
    fn hold(&mut self, closed: &Closed, (when, is_gone): (Span, bool), footage: &mut impl Footage) {
        let id = closed.segment;
        if let Some((_, digest)) = self.doubts.get(&id)
            && *digest == closed.digest
        {
            self.doubts.remove(&id);
            return;
        }
        let found = match footage.look(&id) {
            Look::Absent if is_gone => {
                self.checked.deleted += 1;
                return;
            }
            Look::Absent => {
                let run = self.runs.entry(run_of(&id)).or_default();
                if run.missing.last().is_none_or(|(sequence, _)| *sequence != id.sequence) {
                    run.missing.push((id.sequence, when));
                }
                return;
            }
            Look::Unreadable(why) => return self.findings.segment(What::SegmentEdited, &id, when, why),
            Look::Found(found) => found,
        };
        self.checked.segments += 1;
        self.checked.bytes.0 += found.whole + found.rest;
        match compare(&found, closed) {
            None => {}
            Some(wrong) if wrong.what == What::SegmentTruncated => {
                self.doubts.insert(id, (wrong, found.digest));
            }
            Some(wrong) => self.findings.segment(wrong.what, &id, wrong.span, wrong.detail),
        }
    }
}

enum Head {
    AsSigned,
    Other(u64),
    Passed(WallMs, u64),
}

/// What checkpoints say of this segment, and whether they named one that never came.
fn take_head(run: &mut super::runs::Run, sequence: u32, digest: Digest) -> Head {
    let mut result = Head::AsSigned;
    while let Some(named) = run.heads.front().filter(|named| named.sequence <= sequence) {
        if named.sequence < sequence {
            result = Head::Passed(named.end_ms, named.checkpoint);
        } else if named.digest != digest {
            result = Head::Other(named.checkpoint);
        }
        run.heads.pop_front();
    }
    result
}

fn stream_of(entry: &RecorderEntry) -> Option<StreamKey> {
    match entry {
        RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => {
            Some((closed.segment.camera, closed.segment.stream))
        }
        RecorderEntry::Gap(gap) => Some((gap.camera, gap.stream)),
        RecorderEntry::RunOpened { camera, stream, .. } | RecorderEntry::SwitchedOff { camera, stream, .. } => {
            Some((*camera, *stream))
        }
        RecorderEntry::Deleted { segment, .. } => Some((segment.camera, segment.stream)),
        _ => None,
    }
}

fn when_of(entry: &RecorderEntry) -> Option<Span> {
    match entry {
        RecorderEntry::Closed(closed) | RecorderEntry::Recovered { closed, .. } => {
            Some(span(closed.start.wall_ms, closed.end.wall_ms))
        }
        RecorderEntry::Gap(gap) => Some(span(gap.start.wall_ms, gap.end.wall_ms)),
        RecorderEntry::RunOpened { at, .. }
        | RecorderEntry::SwitchedOff { at, .. }
        | RecorderEntry::Started { at, .. }
        | RecorderEntry::CleanStop { at, .. } => Some(span(at.wall_ms, at.wall_ms)),
        _ => None,
    }
}
