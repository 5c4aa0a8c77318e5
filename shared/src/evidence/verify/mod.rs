//! Whether a box's logs, papers and footage are what they were. Pure: bytes and answers in, findings out.
//!
//! Belongs here: every rule a verification holds a box to. Does not: reading files or printing (`farwatch-verify` does).
//!
//! Use: the agent's log entry by entry, then every recorder's log, oldest first, then the files that lie there, then
//! [`Verifier::finish`]. Memory grows with runs, checkpoints and statements, not with segments.
//!
//! What carries what: the box's key signs checkpoints; a checkpoint names the chain value of every log, and a log names every
//! segment's digest. So a file is held against its closing, the closing against the log's chain, the chain against a
//! signature.

mod finding;
mod footage;
mod papers;
mod recorder;
mod runs;
mod scan;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::rc::Rc;

use serde::Serialize;

pub use finding::{Finding, Findings, What, span};
pub use footage::{Footage, FoundFile, Look, Wrong, compare, may_be_open};
pub use scan::{Scan, Step};

use self::papers::{Chain, Covered, NamedLog, Recount};
use self::runs::{Runs, run_of};
use super::gone::Uncertified;
use super::grounds::Grounds;
use super::ledgered::{StreamKey, Walk};
use super::log::Position;
use super::word::{AgentLine, AgentWord};
use crate::digest::Digest;
use crate::id::{AgentId, RecorderId, RunId, SegmentId};
use crate::keys::VerifyKey;
use crate::size::ByteSize;
use crate::time::{Span, WallMs};

/// Places of the agent's log that are remembered, for the checkpoints that name one of them.
const OWN_PLACES: usize = 4_096;
/// Deletions are certified within this time.
const CERTIFIED_WITHIN_MS: i64 = 3_600_000;

/// What was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// Segments whose file was held against its closing, and found to be what was recorded or not.
    pub segments: u64,
    pub bytes: ByteSize,
    /// Files still being written.
    pub open: u64,
    /// Segments that went, as the logs say.
    pub deleted: u64,
    pub runs: u64,
    pub logs: u64,
    pub entries: u64,
    pub checkpoints: u64,
    pub statements: u64,
    /// Of the statements, those counted again from the logs.
    pub recounted: u64,
    pub certificates: u64,
    /// Everything recorded up to here is signed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_until_ms: Option<WallMs>,
}

/// The result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Nothing was found wrong.
    pub ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agent: Option<AgentId>,
    pub checked: Checked,
    pub findings: Vec<Finding>,
    /// What could not be looked at, and what is no fault but should be known.
    pub notes: Vec<String>,
}

/// One verification.
#[derive(Debug)]
pub struct Verifier {
    key: VerifyKey,
    agent: Option<AgentId>,
    findings: Findings,
    notes: Vec<String>,
    checked: Checked,
    newest_ms: WallMs,
    // The agent's log.
    own_chain: VecDeque<(u64, Digest)>,
    checkpoints: Chain,
    statements: Chain,
    certificates: Chain,
    /// Digests of checkpoints somebody else was given, by number.
    given: BTreeMap<u64, Digest>,
    covered: Covered,
    logs: BTreeMap<RecorderId, VecDeque<NamedLog>>,
    head_ends: BTreeMap<StreamKey, WallMs>,
    grounds: Grounds,
    uncertified: Uncertified,
    uncertified_since: BTreeMap<StreamKey, WallMs>,
    recounts: BTreeMap<StreamKey, BTreeMap<(WallMs, u64), Recount>>,
    // The recorders' logs.
    walk: Walk,
    runs: Runs,
    latest: BTreeMap<StreamKey, RunId>,
    /// Files that are shorter than their closing says; a power cut may be told of later.
    doubts: BTreeMap<SegmentId, (Wrong, Digest)>,
    /// Entries of each log that was read.
    log_ends: BTreeMap<RecorderId, u64>,
    /// Logs the box let go with their footage.
    gone_logs: BTreeSet<RecorderId>,
}

impl Verifier {
    #[must_use]
    pub fn new(key: VerifyKey) -> Self {
        Self {
            key,
            agent: None,
            findings: Findings::default(),
            notes: Vec::new(),
            checked: Checked::default(),
            newest_ms: WallMs(0),
            own_chain: VecDeque::from([(0, Position::start("agent").chain)]),
            checkpoints: Chain::default(),
            statements: Chain::default(),
            certificates: Chain::default(),
            given: BTreeMap::new(),
            covered: Rc::default(),
            logs: BTreeMap::new(),
            head_ends: BTreeMap::new(),
            grounds: Grounds::default(),
            uncertified: Uncertified::default(),
            uncertified_since: BTreeMap::new(),
            recounts: BTreeMap::new(),
            walk: Walk::default(),
            runs: Runs::new(),
            latest: BTreeMap::new(),
            doubts: BTreeMap::new(),
            log_ends: BTreeMap::new(),
            gone_logs: BTreeSet::new(),
        }
    }

    /// A checkpoint of this box that somebody else kept (the hub): the box's own log must have it.
    ///
    /// # Errors
    /// When it is not signed by the box.
    pub fn given(&mut self, signed: &crate::seal::Signed<super::Checkpoint>) -> Result<(), crate::seal::SealError> {
        let verified = signed.verify(&self.key)?;
        self.given.insert(verified.number, Digest::of(verified.bytes()));
        Ok(())
    }

    /// One entry of the agent's log; `after` is the place behind it.
    pub fn agent_entry(&mut self, payload: &[u8], sound: bool, after: &Position) {
        self.checked.entries += 1;
        let line = serde_json::from_slice::<AgentLine>(payload);
        if !sound {
            let at = line.as_ref().map_or(self.newest_ms, |line| line.at_ms);
            let detail = format!("entry {} of the agent's log was altered", after.index - 1);
            self.findings.whole(What::LogAltered, span(at, at), detail);
        }
        if let Ok(line) = line {
            self.agent_line(line);
        }
        self.own_chain.push_back((after.index, after.chain));
        if self.own_chain.len() > OWN_PLACES {
            self.own_chain.pop_front();
        }
    }

    /// Entries of the agent's log taken so far.
    #[must_use]
    pub fn own_entries(&self) -> u64 {
        self.own_chain.back().map_or(0, |(entries, _)| *entries)
    }

    /// An entry the agent wrote while everything else was being read: only deletions matter of it.
    pub fn deleted_meanwhile(&mut self, payload: &[u8]) {
        if let Ok(AgentLine { word: AgentWord::Deleting { segments, .. }, .. }) = serde_json::from_slice(payload) {
            for gone in &segments {
                self.runs.entry(run_of(&gone.segment)).or_default().goes(&gone.segment, None);
            }
        }
    }

    /// A log cannot be read at all.
    pub fn unreadable_log(&mut self, log: &str, why: &str) {
        let at = self.newest_ms;
        self.findings.whole(What::LogAltered, span(at, at), format!("the log {log} cannot be read: {why}"));
    }

    /// A file lies where a segment would. Call when all logs are read, for files listed before that.
    pub fn file(&mut self, segment: &SegmentId, footage: &mut impl Footage) {
        let run = self.runs.get(&run_of(segment));
        if run.is_some_and(|run| run.closed.has(segment.sequence)) {
            return;
        }
        let last = run.and_then(|run| run.last).map(|(sequence, digest, _)| (sequence, digest));
        let is_latest = self.latest.get(&(segment.camera, segment.stream)) == Some(&segment.run);
        let found = match footage.look(segment) {
            Look::Found(found) => found,
            Look::Absent => return,
            Look::Unreadable(why) => {
                let at = self.newest_ms;
                return self.findings.segment(What::SegmentUnknown, segment, span(at, at), why);
            }
        };
        if is_latest && may_be_open(&found, segment, last) {
            self.checked.open += 1;
            return;
        }
        let start = found.ident.as_ref().map(|ident| ident.wall_ms);
        let at = start.or_else(|| run.and_then(|run| run.last).map(|(.., span)| span.end_ms)).unwrap_or(self.newest_ms);
        let says = found.ident.as_ref().map_or_else(
            || "no log tells of this file".to_owned(),
            |ident| format!("no log tells of this file, which says it is {}", ident.segment()),
        );
        self.findings.segment(What::SegmentUnknown, segment, span(at, found.end_ms.unwrap_or(at)), says);
    }

    /// Says what was found. All logs and files must have been given.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.end_of_logs();
        self.end_of_runs();
        self.end_of_statements();
        self.end_of_deletions();
        for number in self.given.keys() {
            let from = self.checkpoints.issued_ms;
            let detail =
                format!("checkpoint {number} was given to somebody else and is not in the agent's log any more");
            self.findings.whole(What::LogCut, span(from, from), detail);
        }
        self.checked.runs = self.runs.len() as u64;
        self.checked.checkpoints = self.checkpoints.good;
        self.checked.statements = self.statements.good;
        self.checked.certificates = self.certificates.good;
        self.checked.signed_until_ms = (self.checkpoints.good > 0).then_some(self.checkpoints.issued_ms);
        if self.checkpoints.good == 0 {
            self.notes.push(
                "no checkpoint is signed by this key; the logs are consistent, but nothing vouches for them".into(),
            );
        }
        Report {
            ok: self.findings.all().is_empty(),
            agent: self.agent,
            checked: self.checked,
            findings: self.findings.into_all(),
            notes: self.notes,
        }
    }

    fn end_of_logs(&mut self) {
        // With heads left over the streams themselves are named, more exactly than a log can be.
        let named_by_stream = self.runs.values().any(run_is_cut);
        for (log, named) in std::mem::take(&mut self.logs) {
            let (Some(first), Some(last)) = (named.front(), named.back()) else { continue };
            let entries = self.log_ends.get(&log);
            if self.gone_logs.contains(&log) || (entries.is_some() && named_by_stream) {
                continue;
            }
            let there = entries.map_or_else(|| "the log is not there".to_owned(), |n| format!("{n} are there"));
            let detail = format!(
                "checkpoint {} signed {} entries of the log recorder/{log}; {there}",
                last.checkpoint, last.entries
            );
            self.findings.whole(What::LogCut, span(first.span.start_ms, last.span.end_ms), detail);
        }
    }

    fn end_of_runs(&mut self) {
        for (segment, (wrong, _)) in std::mem::take(&mut self.doubts) {
            self.findings.segment(wrong.what, &segment, wrong.span, wrong.detail);
        }
        for ((stream, id), run) in &mut self.runs {
            let (camera, name) = *stream;
            for (sequence, when) in std::mem::take(&mut run.missing) {
                if run.gone.has(sequence) {
                    self.checked.deleted += 1;
                    continue;
                }
                let segment = SegmentId { camera, stream: name, run: *id, sequence };
                self.findings.segment(
                    What::SegmentDeleted,
                    &segment,
                    when,
                    "the file is gone, and no log says that it was to go",
                );
            }
            if run_is_cut(run)
                && let Some(last) = run.heads.back()
            {
                let known = run.last.map_or(last.end_ms.plus_ms(-1), |(.., span)| span.end_ms);
                let detail = format!(
                    "checkpoint {} signed segments up to {}/{:06}, the logs end before",
                    last.checkpoint, id, last.sequence
                );
                self.findings.stream(What::LogCut, *stream, span(known, last.end_ms), detail);
            }
            if !run.is_gone_consistent() {
                let when = run.last.map_or(span(self.newest_ms, self.newest_ms), |(.., span)| span);
                let detail = format!("what was deleted of the run {id} is not what was recorded in it");
                self.findings.stream(What::CertificateForged, *stream, when, detail);
            }
        }
    }

    fn end_of_statements(&mut self) {
        for recount in std::mem::take(&mut self.recounts).into_values().flat_map(BTreeMap::into_values) {
            let said = &recount.statement;
            let sums = recount.count.sums();
            let day = Span { start_ms: said.start_ms, end_ms: said.end_ms };
            let unbroken = sums.unbroken_since(day, recount.before, said.oldest_ms);
            let differs = sums.differs(said).or_else(|| {
                if unbroken != said.unbroken_since_ms {
                    return Some("since when footage was unbroken is not what the logs give".into());
                }
                (recount.floor_kept != said.floor_kept)
                    .then(|| "whether the floor was kept is not what the log gives".into())
            });
            match differs {
                None => self.checked.recounted += 1,
                Some(_) if !self.gone_logs.is_empty() && sums.expected_ms < said.expected_ms => {
                    self.notes.push(format!(
                        "the statement of {} {} for {} cannot be counted again: its logs are not there",
                        said.camera, said.stream, said.day
                    ));
                }
                Some(why) => {
                    let said = recount.statement.clone();
                    self.altered_statement(Some(&said), &why);
                }
            }
        }
    }

    fn end_of_deletions(&mut self) {
        let waiting: Vec<(StreamKey, Span, usize)> = self
            .uncertified
            .waiting()
            .filter_map(|((stream, _), gone)| {
                let start = gone.iter().map(|gone| gone.span.start_ms).min()?;
                let end = gone.iter().map(|gone| gone.span.end_ms).max()?;
                Some((*stream, span(start, end), gone.len()))
            })
            .collect();
        for (stream, when, count) in waiting {
            let since = self.uncertified_since.get(&stream).copied().unwrap_or(self.newest_ms);
            if self.newest_ms.since(since) > CERTIFIED_WITHIN_MS {
                let detail = format!("{count} segments were deleted and never certified");
                self.findings.stream(What::NotCertified, stream, when, detail);
            } else {
                self.notes.push(format!(
                    "{count} segments of camera {} {} were just deleted and are not certified yet",
                    stream.0, stream.1
                ));
            }
        }
    }
}

/// Whether checkpoints name segments the logs should have and do not.
fn run_is_cut(run: &runs::Run) -> bool {
    run.heads.back().is_some_and(|head| !run.gone.has(head.sequence))
}
