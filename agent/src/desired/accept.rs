//! Whether a desired state is accepted. Pure: values in, a decision out.

use std::collections::BTreeMap;

use farwatch_shared::digest::Digest;
use farwatch_shared::id::AgentId;
use farwatch_shared::keys::VerifyKey;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::{SealError, Signed, Verified};
use farwatch_shared::wire::latest::{
    CamerasPart, Desired, HoldsPart, HubsPart, PartName, PartRef, RetentionPart, RetentionRule,
};
use serde::de::DeserializeOwned;

/// What was accepted last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Standing {
    /// 0 before the first.
    pub generation: u64,
    /// Digest of the signed bytes of that generation.
    pub digest: Option<Digest>,
}

/// A document that may be applied once its parts are here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Accepted {
    /// Newer than what stands.
    Newer(Box<Verified<Desired>>),
    /// What stands already; the hub only wants to hear so.
    Same,
}

/// Decides about a document. The envelope is what came over the wire.
///
/// # Errors
/// The refusal, and the generation it claims where the signature holds.
pub fn accept(
    signed: &Signed<Desired>,
    key: &VerifyKey,
    me: AgentId,
    standing: Standing,
) -> Result<Accepted, (Refusal, Option<u64>)> {
    let verified = signed.verify(key).map_err(|error| (refusal(&error), None))?;
    let generation = verified.generation;
    let refuse = |refusal| Err((refusal, Some(generation)));
    if verified.agent != me {
        return refuse(Refusal::WrongAddressee);
    }
    if generation < standing.generation {
        return refuse(Refusal::OlderGeneration);
    }
    if generation == standing.generation {
        return match standing.digest {
            Some(digest) if digest == Digest::of(verified.bytes()) => Ok(Accepted::Same),
            // Generation 0 is never issued: it means "nothing yet".
            _ => refuse(Refusal::SameGenerationOtherContent),
        };
    }
    Ok(Accepted::Newer(Box::new(verified)))
}

/// The word for a document that is not believed.
#[must_use]
pub fn refusal(error: &SealError) -> Refusal {
    match error {
        SealError::NotSigned { .. } => Refusal::BadSignature,
        SealError::TooLarge { .. } => Refusal::TooLarge,
        SealError::UnknownCritical { .. } => Refusal::UnknownCritical,
        SealError::WrongType { .. } | SealError::NotBase64 | SealError::Malformed { .. } => Refusal::Malformed,
    }
}

/// Whether these bytes are the part that is named.
#[must_use]
pub fn check_part(part: &PartRef, bytes: &[u8]) -> bool {
    u64::try_from(bytes.len()) == Ok(part.size.bytes()) && Digest::of(bytes) == part.digest
}

/// The parts of a desired state, read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parts {
    pub cameras: CamerasPart,
    pub retention: Option<RetentionPart>,
    pub holds: HoldsPart,
    pub hubs: HubsPart,
}

/// Reads the parts' bytes, all of which were checked.
///
/// # Errors
/// When one cannot be read: the whole state is then refused.
pub fn read_parts(bytes: &BTreeMap<PartName, Vec<u8>>) -> Result<Parts, Refusal> {
    fn part<T: DeserializeOwned>(bytes: &BTreeMap<PartName, Vec<u8>>, name: PartName) -> Result<Option<T>, Refusal> {
        bytes.get(&name).map(|b| serde_json::from_slice(b).map_err(|_| Refusal::Malformed)).transpose()
    }
    let parts = Parts {
        cameras: part(bytes, PartName::Cameras)?.unwrap_or_default(),
        retention: part(bytes, PartName::Retention)?,
        holds: part(bytes, PartName::Holds)?.unwrap_or_default(),
        hubs: part(bytes, PartName::Hubs)?.unwrap_or_default(),
    };
    let impossible = |r: &RetentionPart| {
        let promised = |rule: &RetentionRule| rule.floor_days.max(rule.event_days.unwrap_or(0));
        r.cameras.values().any(|rule| rule.ceiling_days.is_some_and(|ceiling| ceiling < promised(rule)))
    };
    if parts.retention.as_ref().is_some_and(impossible) {
        return Err(Refusal::CeilingBelowFloor);
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::keys::SignKey;
    use farwatch_shared::time::WallMs;

    fn document(agent: AgentId, generation: u64, issued: i64) -> Desired {
        Desired { agent, generation, issued_at_ms: WallMs(issued), parts: BTreeMap::new(), crit: Vec::new() }
    }

    // OPS-03
    #[test]
    fn only_a_newer_generation_signed_by_the_pinned_key_for_this_agent_is_accepted() {
        let (key, me) = (SignKey::generate().unwrap(), AgentId::generate());
        let sign = |d: &Desired| Signed::sign(d, &key).unwrap();
        let seven = sign(&document(me, 7, 1));
        let Ok(Accepted::Newer(verified)) = accept(&seven, &key.public(), me, Standing::default()) else {
            panic!("generation 7 is newer than nothing")
        };
        let standing = Standing { generation: 7, digest: Some(Digest::of(verified.bytes())) };
        assert_eq!(accept(&seven, &key.public(), me, standing), Ok(Accepted::Same));
        assert_eq!(
            accept(&sign(&document(me, 7, 2)), &key.public(), me, standing),
            Err((Refusal::SameGenerationOtherContent, Some(7)))
        );
        assert_eq!(
            accept(&sign(&document(me, 6, 1)), &key.public(), me, standing),
            Err((Refusal::OlderGeneration, Some(6)))
        );
        let other = sign(&document(AgentId::generate(), 8, 1));
        assert_eq!(accept(&other, &key.public(), me, standing), Err((Refusal::WrongAddressee, Some(8))));
        let stranger = Signed::sign(&document(me, 8, 1), &SignKey::generate().unwrap()).unwrap();
        assert_eq!(accept(&stranger, &key.public(), me, standing), Err((Refusal::BadSignature, None)));
        let demanding = Desired { crit: vec!["schedule".into()], ..document(me, 8, 1) };
        assert_eq!(accept(&sign(&demanding), &key.public(), me, standing), Err((Refusal::UnknownCritical, None)));
    }

    #[test]
    fn a_policy_that_cannot_be_kept_is_refused() {
        let retention =
            r#"{"cameras":{"01890a5d-ac96-774b-bcce-b302099a8057":{"floor_days":30,"ceiling_days":7}},"min_free":0}"#;
        let bytes = BTreeMap::from([(PartName::Retention, retention.as_bytes().to_vec())]);
        assert_eq!(read_parts(&bytes), Err(Refusal::CeilingBelowFloor));
        let bytes = BTreeMap::from([(PartName::Cameras, b"[]".to_vec())]);
        assert_eq!(read_parts(&bytes), Err(Refusal::Malformed));
    }
}
