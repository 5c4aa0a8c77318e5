//! What an agent's own log says that proves something, or that a proof rests on.
//!
//! Belongs here: those lines as a verifier reads them; lines of any other kind are passed over. Does not: the lines as the
//! agent writes them (`agent::ledger::agent`, whose tests hold the two together).

use serde::{Deserialize, Deserializer};

use super::documents::{Checkpoint, CoverageStatement, DeletedWhy, DeletionCertificate, LogHead};
use super::entry::GoneSegment;
use crate::digest::Digest;
use crate::id::SegmentId;
use crate::seal::Signed;
use crate::size::ByteSize;
use crate::time::{Span, WallMs};
use crate::wire::v1::{FaultFact, HoldFact};

/// One line of `agent.log`.
#[derive(Debug, Clone, Deserialize)]
pub struct AgentLine {
    pub at_ms: WallMs,
    #[serde(flatten)]
    pub word: AgentWord,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum AgentWord {
    Hold {
        fact: HoldFact,
    },
    Fault {
        fact: FaultFact,
    },
    Deleting {
        why: DeletedWhy,
        #[serde(deserialize_with = "gone_segments")]
        segments: Vec<GoneSegment>,
    },
    Checkpoint {
        signed: Box<Signed<Checkpoint>>,
    },
    Coverage {
        signed: Box<Signed<CoverageStatement>>,
    },
    Certificate {
        signed: Box<Signed<DeletionCertificate>>,
    },
    /// A recorder's log of which no footage is left was let go; it ended there.
    LogGone {
        head: LogHead,
    },
    #[serde(other)]
    Other,
}

/// The first version named segments by their ids alone.
fn gone_segments<'de, D: Deserializer<'de>>(lines: D) -> Result<Vec<GoneSegment>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Line {
        Whole(GoneSegment),
        Id(SegmentId),
    }
    let nothing = Span { start_ms: WallMs(0), end_ms: WallMs(0) };
    let whole = |line| match line {
        Line::Whole(gone) => gone,
        Line::Id(segment) => GoneSegment { segment, digest: Digest::ZERO, span: nothing, bytes: ByteSize(0) },
    };
    Ok(Vec::<Line>::deserialize(lines)?.into_iter().map(whole).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_other_kinds_are_passed_over() {
        let line: AgentLine = serde_json::from_str(r#"{"at_ms":5,"is":"session","number":4}"#).unwrap();
        assert!(matches!(line.word, AgentWord::Other) && line.at_ms == WallMs(5));
        let old = r#"{"at_ms":5,"is":"deleting","segments":[{"camera":"01890a5d-ac96-774b-bcce-b302099a8057","stream":"main",
            "run":"00000001-00000001","sequence":7}],"bytes":9,"why":"ceiling"}"#;
        let line: AgentLine = serde_json::from_str(old).unwrap();
        assert!(matches!(line.word, AgentWord::Deleting { segments, .. } if segments[0].digest == Digest::ZERO));
    }
}
