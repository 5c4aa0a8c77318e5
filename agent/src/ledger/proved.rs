//! What the agent has signed so far, as a replay of its log gives it.
//!
//! Belongs here: numbers and digests the next document follows, how far the recorders' logs are covered, what is not yet
//! certified (pure). Does not: making documents ([`super::witness`]).

use std::collections::BTreeMap;

use farwatch_shared::digest::Digest;
use farwatch_shared::evidence::entry::GoneSegment;
use farwatch_shared::evidence::gone::Uncertified;
use farwatch_shared::evidence::grounds::Grounds;
use farwatch_shared::evidence::{Checkpoint, CoverageStatement, DeletedWhy, DeletionCertificate};
use farwatch_shared::id::RecorderId;
use farwatch_shared::seal::Signed;

use super::follow::Cursors;

/// Number and payload digest of the last document of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Last {
    pub number: u64,
    pub digest: Digest,
}

impl Default for Last {
    fn default() -> Self {
        Self { number: 0, digest: Digest::ZERO }
    }
}

/// As of the end of the log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Proved {
    pub grounds: Grounds,
    pub uncertified: Uncertified,
    pub statement: Last,
    pub certificate: Last,
    /// Entries of each recorder's log that a checkpoint covers.
    pub covered: BTreeMap<RecorderId, u64>,
    /// Where reading the recorders' logs begins after a restart, so that every day not yet stated is read whole.
    pub resume: Cursors,
    checkpoints: u64,
    /// Its digest is taken when it is asked for: a year has fifty thousand.
    checkpoint: Option<Box<Signed<Checkpoint>>>,
}

impl Proved {
    #[must_use]
    pub fn checkpoint(&self) -> Last {
        let digest = self.checkpoint.as_ref().and_then(|signed| signed.payload_digest()).unwrap_or(Digest::ZERO);
        Last { number: self.checkpoints, digest }
    }

    pub(super) fn gone(&mut self, why: DeletedWhy, segments: &[GoneSegment]) {
        self.grounds.deleting(why, segments);
        self.uncertified.gone(why, segments);
    }

    pub(super) fn checkpointed(
        &mut self,
        number: u64,
        covered: &BTreeMap<RecorderId, u64>,
        resume: &Cursors,
        signed: &Signed<Checkpoint>,
    ) {
        self.checkpoints = number;
        self.checkpoint = Some(Box::new(signed.clone()));
        self.covered.extend(covered);
        self.resume.extend(resume);
    }

    pub(super) fn stated(&mut self, signed: &Signed<CoverageStatement>) {
        let (Some(statement), Some(digest)) = (signed.unverified(), signed.payload_digest()) else { return };
        self.statement = Last { number: statement.number, digest };
        self.grounds.stated(&statement);
    }

    pub(super) fn certified(&mut self, signed: &Signed<DeletionCertificate>) {
        let (Some(certificate), Some(digest)) = (signed.unverified(), signed.payload_digest()) else { return };
        self.certificate = Last { number: certificate.number, digest };
        // What does not fit is for a verifier to name; here it only must not be certified again.
        let _ = self.uncertified.certified(&certificate);
    }
}
