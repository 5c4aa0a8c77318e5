//! Signed documents: a DSSE envelope over the exact bytes sent.
//!
//! `Signed<T>` says who claims; only [`Signed::verify`] makes a `Verified<T>`, and only a `Verified<T>` may be acted on.
//! Belongs here: envelope, signature, the strict reading of a payload. Does not: who may sign what, generations, replay
//! (the reader's `accept` decides those).
//!
//! Source of the encoding: DSSE v1 (PAE), payload type `application/vnd.farwatch.<name>.v<n>+json`.

use std::collections::HashSet;
use std::marker::PhantomData;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::{self, DeserializeOwned, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::keys::{KeyId, SignKey, VerifyKey};

/// Payloads above this size are refused before they are read.
pub const MAX_PAYLOAD: usize = 8 << 20;

/// A type of document, its name and version.
pub trait Document: Serialize + DeserializeOwned {
    /// E.g. `application/vnd.farwatch.order.v1+json`.
    const TYPE: &'static str;
    /// Fields this version knows and that a document may list in `crit`.
    const KNOWN_CRITICAL: &'static [&'static str] = &[];
}

/// Why a document is not to be believed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SealError {
    #[error("the document is of type {found:?}, expected {expected:?}")]
    WrongType { found: String, expected: &'static str },
    #[error("no signature of the expected key {expected}")]
    NotSigned { expected: KeyId },
    #[error("the payload is {found} bytes, at most {MAX_PAYLOAD} are read")]
    TooLarge { found: usize },
    #[error("the payload is not base64")]
    NotBase64,
    #[error("the payload breaks the rules of a document: {reason}")]
    Malformed { reason: String },
    #[error("the payload demands the unknown critical field {field:?}")]
    UnknownCritical { field: String },
}

/// One signature of an envelope.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnvelopeSignature {
    pub keyid: KeyId,
    /// 64 bytes, base64.
    pub sig: String,
}

/// A document as it travels: not yet believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", bound = "")]
pub struct Signed<T> {
    payload_type: String,
    /// The exact bytes that were signed, base64.
    payload: String,
    signatures: Vec<EnvelopeSignature>,
    #[serde(skip)]
    of: PhantomData<fn() -> T>,
}

/// A document whose signature was checked. There is no other way to make one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified<T> {
    document: T,
    signer: KeyId,
    bytes: Vec<u8>,
}

impl<T> Verified<T> {
    #[must_use]
    pub fn signer(&self) -> KeyId {
        self.signer
    }

    /// The exact signed bytes: what a digest of the document is taken over.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    #[must_use]
    pub fn into_inner(self) -> T {
        self.document
    }
}

impl<T> std::ops::Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.document
    }
}

/// DSSE's pre-authentication encoding of a payload.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let mut out = format!("DSSEv1 {} {} {} ", payload_type.len(), payload_type, payload.len()).into_bytes();
    out.extend_from_slice(payload);
    out
}

impl<T: Document> Signed<T> {
    /// Signs a document.
    ///
    /// # Errors
    /// When the document holds something JSON cannot (never for our types).
    pub fn sign(document: &T, key: &SignKey) -> Result<Self, serde_json::Error> {
        let bytes = serde_json::to_vec(document)?;
        Ok(Self {
            payload_type: T::TYPE.to_owned(),
            signatures: vec![EnvelopeSignature {
                keyid: key.public().id(),
                sig: STANDARD.encode(key.sign(&pae(T::TYPE, &bytes))),
            }],
            payload: STANDARD.encode(bytes),
            of: PhantomData,
        })
    }

    /// What it says, believed of nobody: for reading one's own log, and for naming what a forgery claims.
    #[must_use]
    pub fn unverified(&self) -> Option<T> {
        read_strict(&STANDARD.decode(&self.payload).ok()?).ok()
    }

    /// Digest of the exact bytes that were signed, by which the next document of a chain names this one.
    #[must_use]
    pub fn payload_digest(&self) -> Option<Digest> {
        STANDARD.decode(&self.payload).ok().map(|bytes| Digest::of(&bytes))
    }

    /// Believes the document if the given key signed these exact bytes.
    ///
    /// # Errors
    /// Says which rule was broken; the payload is parsed only after the signature holds.
    pub fn verify(&self, key: &VerifyKey) -> Result<Verified<T>, SealError> {
        if self.payload_type != T::TYPE {
            let found = self.payload_type.chars().take(100).collect();
            return Err(SealError::WrongType { found, expected: T::TYPE });
        }
        if self.payload.len() > MAX_PAYLOAD / 3 * 4 {
            return Err(SealError::TooLarge { found: self.payload.len() / 4 * 3 });
        }
        let bytes = STANDARD.decode(&self.payload).map_err(|_| SealError::NotBase64)?;
        let message = pae(T::TYPE, &bytes);
        let signed = self
            .signatures
            .iter()
            .take(16)
            .filter(|s| s.keyid == key.id())
            .any(|s| STANDARD.decode(&s.sig).is_ok_and(|sig| key.verifies(&message, &sig)));
        if !signed {
            return Err(SealError::NotSigned { expected: key.id() });
        }
        let document = read_strict::<T>(&bytes)?;
        Ok(Verified { document, signer: key.id(), bytes })
    }
}

/// Reads a document's bytes: no duplicate keys, no floats, no integer at or above 2^53, no unknown critical field.
///
/// # Errors
/// Names the rule that was broken.
pub fn read_strict<T: Document>(bytes: &[u8]) -> Result<T, SealError> {
    let malformed = |e: serde_json::Error| SealError::Malformed { reason: e.to_string() };
    let mut crit = Vec::new();
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Strict { depth: 0, crit: Some(&mut crit) }.deserialize(&mut reader).map_err(malformed)?;
    reader.end().map_err(malformed)?;
    if let Some(field) = crit.into_iter().find(|f| !T::KNOWN_CRITICAL.contains(&f.as_str())) {
        return Err(SealError::UnknownCritical { field });
    }
    serde_json::from_slice(bytes).map_err(malformed)
}

/// Walks JSON and refuses what two readers could understand differently.
struct Strict<'a> {
    depth: u8,
    crit: Option<&'a mut Vec<String>>,
}

const MAX_DEPTH: u8 = 32;
const MAX_INTEGER: u64 = 1 << 53;

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = ();
    fn deserialize<D: de::Deserializer<'de>>(self, d: D) -> Result<(), D::Error> {
        if self.depth > MAX_DEPTH {
            return Err(de::Error::custom("nested too deep"));
        }
        d.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = ();

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a document value")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: de::Error>(self, v: u64) -> Result<(), E> {
        if v < MAX_INTEGER { Ok(()) } else { Err(E::custom("an integer of 2^53 or more")) }
    }
    fn visit_i64<E: de::Error>(self, v: i64) -> Result<(), E> {
        if v.unsigned_abs() < MAX_INTEGER { Ok(()) } else { Err(E::custom("an integer of -2^53 or less")) }
    }
    fn visit_f64<E: de::Error>(self, _: f64) -> Result<(), E> {
        Err(E::custom("a number that is not an integer"))
    }
    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Strict { depth: self.depth + 1, crit: None })?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        let mut crit = self.crit;
        while let Some(key) = map.next_key::<String>()? {
            if key == "crit"
                && let Some(list) = crit.as_deref_mut()
            {
                *list = map.next_value()?;
            } else {
                map.next_value_seed(Strict { depth: self.depth + 1, crit: None })?;
            }
            if !seen.insert(key) {
                return Err(de::Error::custom("a key that appears twice"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct Note {
        number: u64,
        #[serde(default)]
        text: String,
    }
    impl Document for Note {
        const TYPE: &'static str = "application/vnd.farwatch.note.v1+json";
    }

    fn raw(json: &str, key: &SignKey) -> Signed<Note> {
        let sig = STANDARD.encode(key.sign(&pae(Note::TYPE, json.as_bytes())));
        Signed {
            payload_type: Note::TYPE.into(),
            payload: STANDARD.encode(json),
            signatures: vec![EnvelopeSignature { keyid: key.public().id(), sig }],
            of: PhantomData,
        }
    }

    #[test]
    fn a_document_with_one_byte_changed_is_refused() {
        let key = SignKey::generate().unwrap();
        let signed = Signed::sign(&Note { number: 7, text: "x".into() }, &key).unwrap();
        assert_eq!(signed.verify(&key.public()).unwrap().number, 7);
        let bytes = STANDARD.decode(&signed.payload).unwrap();
        for i in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[i] ^= 1;
            let forged = Signed::<Note> { payload: STANDARD.encode(changed), ..signed.clone() };
            assert!(forged.verify(&key.public()).is_err(), "byte {i}");
        }
        let other = SignKey::generate().unwrap();
        assert!(matches!(signed.verify(&other.public()), Err(SealError::NotSigned { .. })));
    }

    #[test]
    fn what_two_readers_could_read_differently_is_refused() {
        let key = SignKey::generate().unwrap();
        for bad in [
            r#"{"number":1,"number":2}"#,
            r#"{"number":1.0}"#,
            r#"{"number":9007199254740992}"#,
            r#"{"number":1}{"number":2}"#,
            r#"{"number":1,"extra":{"a":1,"a":2}}"#,
        ] {
            assert!(matches!(raw(bad, &key).verify(&key.public()), Err(SealError::Malformed { .. })), "{bad}");
        }
    }

    #[test]
    fn unknown_fields_are_ignored_unless_critical() {
        let key = SignKey::generate().unwrap();
        assert!(raw(r#"{"number":1,"later":true}"#, &key).verify(&key.public()).is_ok());
        let critical = raw(r#"{"number":1,"later":true,"crit":["later"]}"#, &key).verify(&key.public());
        assert_eq!(critical, Err(SealError::UnknownCritical { field: "later".into() }));
    }
}
