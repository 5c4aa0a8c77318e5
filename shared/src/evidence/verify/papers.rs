//! The signed papers in an agent's log: checkpoints, statements, certificates, each chain in its order.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::Verifier;
use super::finding::{What, span};
use super::runs::{NamedHead, run_of};
use crate::digest::Digest;
use crate::evidence::coverage::{DayCount, SiteDays};
use crate::evidence::entry::GoneSegment;
use crate::evidence::ledgered::StreamKey;
use crate::evidence::word::{AgentLine, AgentWord};
use crate::evidence::{Checkpoint, CoverageStatement, DeletedWhy, DeletionCertificate};
use crate::id::{AgentId, RecorderId};
use crate::seal::{Document, Signed, Verified};
use crate::time::{Span, WallMs};

/// How far entries of a recorder's log count for a statement.
pub type Covered = Rc<BTreeMap<RecorderId, u64>>;

/// A chain value a checkpoint names.
#[derive(Debug, Clone)]
pub struct NamedLog {
    pub entries: u64,
    pub chain: Digest,
    pub checkpoint: u64,
    /// Since the checkpoint before it.
    pub span: Span,
}

/// A statement waiting to be counted again.
#[derive(Debug)]
pub struct Recount {
    pub statement: CoverageStatement,
    pub count: DayCount,
    pub covered: Covered,
    pub before: Option<(WallMs, WallMs)>,
    pub floor_kept: bool,
}

/// Where one chain of documents stands.
#[derive(Debug, Default)]
pub struct Chain {
    pub number: u64,
    /// `None` after a document that is not believed: what follows it cannot be held against it.
    digest: Option<Digest>,
    pub issued_ms: WallMs,
    pub good: u64,
}

impl Chain {
    /// Whether a document follows from the one before.
    fn follows(&mut self, number: u64, previous: Digest, digest: Digest, issued_ms: WallMs) -> Result<(), String> {
        let before = if self.number == 0 { Some(Digest::ZERO) } else { self.digest };
        let result = if number != self.number + 1 {
            Err(format!("it is number {number} and follows number {}", self.number))
        } else if before.is_some_and(|before| before != previous) {
            Err("it does not name the one before it".into())
        } else {
            Ok(())
        };
        self.digest = Some(digest);
        (self.number, self.issued_ms) = (number, issued_ms);
        if result.is_ok() {
            self.good += 1;
        }
        result
    }

    fn not_believed(&mut self, number: Option<u64>) {
        self.number = number.unwrap_or(self.number + 1);
        self.digest = None;
    }
}

impl Verifier {
    /// Takes one line of the agent's log, in order. Call before any recorder's log is read.
    pub(super) fn agent_line(&mut self, line: AgentLine) {
        self.newest_ms = self.newest_ms.max(line.at_ms);
        match line.word {
            AgentWord::Hold { fact } => self.grounds.hold(&fact),
            AgentWord::Fault { fact } => self.grounds.fault(&fact),
            AgentWord::Deleting { why, segments } => self.deleting(why, &segments, line.at_ms),
            AgentWord::Checkpoint { signed } => self.checkpoint(&signed),
            AgentWord::Coverage { signed } => self.statement(&signed),
            AgentWord::Certificate { signed } => self.certificate(&signed),
            AgentWord::LogGone { head } => {
                if let Some(id) = head.log.strip_prefix("recorder/").and_then(|id| id.parse().ok()) {
                    self.gone_logs.insert(id);
                }
            }
            AgentWord::Other => {}
        }
    }

    fn deleting(&mut self, why: DeletedWhy, segments: &[GoneSegment], at_ms: WallMs) {
        self.grounds.deleting(why, segments);
        self.uncertified.gone(why, segments);
        for gone in segments {
            self.uncertified_since.entry((gone.segment.camera, gone.segment.stream)).or_insert(at_ms);
            let digest = (gone.digest != Digest::ZERO).then_some(gone.digest);
            self.runs.entry(run_of(&gone.segment)).or_default().goes(&gone.segment, digest);
        }
    }

    fn believe<T: Document>(
        &mut self,
        signed: &Signed<T>,
        agent: impl Fn(&T) -> AgentId,
    ) -> Result<Verified<T>, String> {
        let verified = signed.verify(&self.key).map_err(|error| error.to_string())?;
        let says = agent(&*verified);
        match self.agent {
            Some(agent) if agent != says => Err(format!("it is of the box {says}, the others are of {agent}")),
            _ => {
                self.agent = Some(says);
                Ok(verified)
            }
        }
    }

    fn checkpoint(&mut self, signed: &Signed<Checkpoint>) {
        let since = self.checkpoints.issued_ms;
        let verified = match self.believe(signed, |c| c.agent) {
            Ok(verified) => verified,
            Err(why) => {
                let claims = signed.unverified();
                self.checkpoints.not_believed(claims.as_ref().map(|c| c.number));
                return self.forged_checkpoint(claims.as_ref(), since, &why);
            }
        };
        let digest = Digest::of(verified.bytes());
        let (number, previous, issued) = (verified.number, verified.previous, verified.issued_at_ms);
        if let Err(why) = self.checkpoints.follows(number, previous, digest, issued) {
            self.forged_checkpoint(Some(&*verified), since, &why);
        }
        if let Some(other) = self.given.remove(&number)
            && other != digest
        {
            self.forged_checkpoint(
                Some(&*verified),
                since,
                "another checkpoint of this number was given to somebody else",
            );
        }
        let since = if since.0 == 0 { issued } else { since };
        for head in &verified.heads {
            let key = (head.camera, head.stream);
            self.head_ends.insert(key, head.end_ms);
            let named =
                NamedHead { sequence: head.last_sequence, digest: head.head, end_ms: head.end_ms, checkpoint: number };
            self.runs.entry((key, head.run)).or_default().heads.push_back(named);
        }
        let mut covered = (*self.covered).clone();
        for log in &verified.logs {
            let named =
                NamedLog { entries: log.entries, chain: log.chain, checkpoint: number, span: span(since, issued) };
            if log.log == "agent" {
                self.own_chain_is(&named);
            } else if let Some(id) = log.log.strip_prefix("recorder/").and_then(|id| id.parse().ok()) {
                covered.insert(id, log.entries);
                self.logs.entry(id).or_default().push_back(named);
            }
        }
        self.covered = Rc::new(covered);
    }

    /// Names every stream a checkpoint speaks of, from where the one before left it.
    fn forged_checkpoint(&mut self, claims: Option<&Checkpoint>, since: WallMs, why: &str) {
        let Some(claims) = claims else {
            let until = since.plus_ms(1);
            return self.findings.whole(What::CheckpointForged, span(since, until), why.to_owned());
        };
        let detail = format!("checkpoint {}: {why}", claims.number);
        let streams: BTreeMap<StreamKey, WallMs> =
            claims.heads.iter().map(|head| ((head.camera, head.stream), head.end_ms)).collect();
        if streams.is_empty() {
            self.findings.whole(What::CheckpointForged, span(since, claims.issued_at_ms), detail);
            return;
        }
        for (stream, end_ms) in streams {
            let from = self.head_ends.get(&stream).copied().unwrap_or(since);
            self.findings.stream(What::CheckpointForged, stream, span(from, end_ms), detail.clone());
        }
    }

    /// The agent's own log at a place behind us.
    fn own_chain_is(&mut self, named: &NamedLog) {
        let stands = self.own_chain.iter().rev().find(|(entries, _)| *entries == named.entries);
        if let Some((_, chain)) = stands
            && *chain != named.chain
        {
            let detail = format!(
                "the agent's log up to entry {} is not what checkpoint {} signed",
                named.entries, named.checkpoint
            );
            self.findings.whole(What::LogAltered, named.span, detail);
        } else if named.entries > self.own_chain.back().map_or(0, |(entries, _)| *entries) {
            let detail = format!(
                "checkpoint {} signed {} entries of the agent's log, more than stand before it",
                named.checkpoint, named.entries
            );
            self.findings.whole(What::LogCut, named.span, detail);
        }
    }

    fn statement(&mut self, signed: &Signed<CoverageStatement>) {
        let verified = match self.believe(signed, |s| s.agent) {
            Ok(verified) => verified,
            Err(why) => {
                let claims = signed.unverified();
                self.statements.not_believed(claims.as_ref().map(|s| s.number));
                return self.altered_statement(claims.as_ref(), &why);
            }
        };
        let digest = Digest::of(verified.bytes());
        let said = verified.into_inner();
        if let Err(why) = self.statements.follows(said.number, said.previous, digest, said.issued_at_ms) {
            self.altered_statement(Some(&said), &why);
        }
        let key = (said.camera, said.stream);
        if let Err(why) = is_a_day(&said) {
            self.altered_statement(Some(&said), &why);
        }
        if self.grounds.stated_through(&key).is_some_and(|through| said.start_ms < through) {
            self.altered_statement(Some(&said), "its time was stated before");
        }
        let Some(day) = Span::new(said.start_ms, said.end_ms) else { return };
        let recount = Recount {
            count: self.grounds.day(key, day),
            covered: self.covered.clone(),
            before: self.grounds.unbroken(&key),
            floor_kept: self.grounds.floor_kept(&key),
            statement: said,
        };
        self.grounds.stated(&recount.statement);
        self.recounts.entry(key).or_default().insert((day.start_ms, recount.statement.number), recount);
    }

    pub(super) fn altered_statement(&mut self, claims: Option<&CoverageStatement>, why: &str) {
        match claims {
            Some(said) => {
                let detail = format!("the statement for {}: {why}", said.day);
                self.findings.stream(
                    What::StatementAltered,
                    (said.camera, said.stream),
                    span(said.start_ms, said.end_ms),
                    detail,
                );
            }
            None => {
                let since = self.statements.issued_ms;
                self.findings.whole(What::StatementAltered, span(since, since), format!("a statement: {why}"));
            }
        }
    }

    fn certificate(&mut self, signed: &Signed<DeletionCertificate>) {
        let verified = match self.believe(signed, |c| c.agent) {
            Ok(verified) => verified,
            Err(why) => {
                let claims = signed.unverified();
                self.certificates.not_believed(claims.as_ref().map(|c| c.number));
                if let Some(claims) = &claims {
                    // What it was made from is not what it says; the next one must not be blamed for it.
                    let _ = self.uncertified.certified(claims);
                }
                return self.forged_certificate(claims.as_ref(), &why);
            }
        };
        let digest = Digest::of(verified.bytes());
        let said = verified.into_inner();
        if let Err(why) = self.certificates.follows(said.number, said.previous, digest, said.issued_at_ms) {
            self.forged_certificate(Some(&said), &why);
        }
        if let Err(why) = self.uncertified.certified(&said) {
            self.forged_certificate(Some(&said), &why);
        }
        self.uncertified_since.remove(&(said.camera, said.stream));
    }

    fn forged_certificate(&mut self, claims: Option<&DeletionCertificate>, why: &str) {
        let Some(said) = claims else {
            let since = self.certificates.issued_ms;
            return self.findings.whole(What::CertificateForged, span(since, since), format!("a certificate: {why}"));
        };
        let start = said.ranges.iter().map(|range| range.start_ms).min().unwrap_or(said.issued_at_ms);
        let end = said.ranges.iter().map(|range| range.end_ms).max().unwrap_or(said.issued_at_ms);
        let detail = format!("deletion certificate {}: {why}", said.number);
        self.findings.stream(What::CertificateForged, (said.camera, said.stream), span(start, end), detail);
    }
}

/// The bounds of a statement are those of its day, where the zone is known here.
fn is_a_day(said: &CoverageStatement) -> Result<(), String> {
    let days = SiteDays::of(Some(&said.time_zone));
    if days.zone() != said.time_zone {
        return Ok(());
    }
    let day = days.day_of(said.start_ms);
    if day.day == said.day && day.span.end_ms == said.end_ms {
        Ok(())
    } else {
        Err(format!("its time is not that of {} in {}", said.day, said.time_zone))
    }
}
