//! The closed list of reasons that cross the wire.
//!
//! Belongs here: why an agent or a hub would not do a thing, in one word a machine can count and one sentence a person
//! can act on. Does not: internal errors, which stay where they happen.

use serde::{Deserialize, Serialize};

/// Why something was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    #[error(
        "the document's signature does not verify against the pinned key; if the hub was re-made, enrol this agent again"
    )]
    BadSignature,
    #[error("the document is for another agent")]
    WrongAddressee,
    #[error("the document has expired; ask again")]
    Expired,
    #[error("the document is from the future: check the clocks of hub and agent")]
    FromTheFuture,
    #[error("the generation is older than the one already accepted")]
    OlderGeneration,
    #[error("the same generation arrived with different content; treat the hub as suspect")]
    SameGenerationOtherContent,
    #[error("the order belongs to another session; it was replayed or came too late")]
    WrongSession,
    #[error("the order was carried out before")]
    AlreadySpent,
    #[error("the document has a critical field this version does not know; update the agent")]
    UnknownCritical,
    #[error("the message cannot be read")]
    Malformed,
    #[error("the message is larger than allowed")]
    TooLarge,
    #[error("a part of the desired state is missing or has the wrong digest")]
    MissingPart,
    #[error("no such camera on this agent")]
    UnknownCamera,
    #[error("no footage in that range")]
    NoFootage,
    #[error("the range ends before it begins, or is longer than a pull may be")]
    BadRange,
    #[error("the credential cannot be opened: it was sealed for another agent, camera or host; enter it again")]
    CredentialUnreadable,
    #[error("a URL holding a password was given; enter the password in its own field")]
    SecretInUrl,
    #[error("the policy cannot be kept: its ceiling is below its floor")]
    CeilingBelowFloor,
    #[error(
        "the policy cannot be kept on this disk: shorten the floor, lower the bit rate or give the box a larger disk"
    )]
    PolicyTooLarge,
    #[error("sound is recorded only for a stated purpose; give one")]
    NoAudioPurpose,
    #[error("the schedule cannot be read: an unknown time zone, or a window that is none")]
    BadSchedule,
    #[error(
        "the document does not continue the chain before it, or a part of the chain is missing; treat the box as suspect"
    )]
    BrokenChain,
    #[error("the certificate does not give the right to this")]
    NotYours,
    #[error("the certificate is revoked; enrol this box again")]
    Revoked,
    #[error("the enrolment token is unknown, used or expired; make a new one")]
    BadToken,
    #[error("too many requests; wait and try again")]
    TooMany,
    #[error("the digest does not match the bytes")]
    DigestMismatch,
    #[error("the upload is outside what the order allows, or not at the expected offset")]
    BadOffset,
    #[error("a different manifest was already given for this order")]
    OtherManifest,
    #[error("the order is not open (finished, failed or unknown)")]
    NotOpen,
    #[error("the disk is full")]
    DiskFull,
    #[error("the ledger cannot be written, so nothing may leave; see to the box's disk")]
    LedgerUnwritable,
    #[error("this agent cannot do that (missing software or camera support)")]
    Unsupported,
    #[error("something failed inside; see the log")]
    Internal,
}

impl Refusal {
    /// The word used on the wire.
    #[must_use]
    pub fn code(self) -> String {
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_has_a_word_and_a_sentence() {
        assert_eq!(Refusal::OlderGeneration.code(), "older_generation");
        assert!(Refusal::BadToken.to_string().contains("make a new one"));
    }
}
