//! SHA-256 digests, written `sha256:<64 hex digits>`.
//!
//! Belongs here: the digest type, the rule that makes a segment's digest from its pieces.
//! Does not: reading files, or deciding what is hashed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// A SHA-256 digest.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest(pub [u8; 32]);

/// Why a text is not a digest.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a digest is written sha256: and 64 lower-case hex digits")]
pub struct DigestError;

impl Digest {
    /// Stands for "no previous segment" in the first file of a run.
    pub const ZERO: Self = Self([0; 32]);

    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The digest of the concatenation of several byte strings.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hasher = Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// A segment's digest: SHA-256 over its ordered piece digests (32 bytes each: head, then every fragment).
    ///
    /// Source: DESIGN 4, so that part of a segment can be checked with the list of all pieces and nothing else.
    #[must_use]
    pub fn of_pieces<'a>(pieces: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut hasher = Sha256::new();
        for piece in pieces {
            hasher.update(piece.0);
        }
        Self(hasher.finalize().into())
    }

    /// The 64 hex digits without the prefix, as used in URLs and object names.
    #[must_use]
    pub fn hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads the 64 hex digits without prefix.
    ///
    /// # Errors
    /// When the text is anything but 64 lower-case hex digits.
    pub fn from_hex(text: &str) -> Result<Self, DigestError> {
        let mut bytes = [0; 32];
        if text.bytes().any(|b| b.is_ascii_uppercase()) {
            return Err(DigestError);
        }
        hex::decode_to_slice(text, &mut bytes).map_err(|_| DigestError)?;
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = DigestError;
    fn from_str(text: &str) -> Result<Self, DigestError> {
        Self::from_hex(text.strip_prefix("sha256:").ok_or(DigestError)?)
    }
}

impl TryFrom<String> for Digest {
    type Error = DigestError;
    fn try_from(text: String) -> Result<Self, DigestError> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> String {
        digest.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_digest_changes_with_the_order_of_its_pieces() {
        let (a, b) = (Digest::of(b"head"), Digest::of(b"fragment"));
        assert_ne!(Digest::of_pieces([&a, &b]), Digest::of_pieces([&b, &a]));
        assert_eq!(a.to_string().parse(), Ok(a));
        assert!("sha256:00".parse::<Digest>().is_err());
    }
}
