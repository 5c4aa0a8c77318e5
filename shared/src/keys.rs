//! Keys: Ed25519 for signing documents, X25519 for sealing secrets to one reader, and SPKI fingerprints for pinning.
//!
//! Belongs here: key newtypes, how they are written (PKCS#8 PEM, SPKI DER), HPKE seal and open, pins.
//! Does not: where a key is stored, TLS keys (rcgen and rustls own those), or what is signed ([`crate::seal`]).

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem as _, OpModeR, OpModeS, Serializable as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::digest::Digest;

type Kem = X25519HkdfSha256;

/// What can be wrong with a key or something sealed to it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum KeyError {
    #[error("this is not an Ed25519 key in PKCS#8 or SPKI form")]
    NotEd25519,
    #[error("this is not an X25519 key of 32 bytes")]
    NotX25519,
    #[error(
        "the sealed secret cannot be opened: it was sealed for another reader or another purpose, or changed on the way"
    )]
    CannotOpen,
    #[error("no randomness from the operating system")]
    NoRandomness,
}

/// 32 fresh random bytes from the operating system.
///
/// # Errors
/// When the system has none to give.
pub fn random32() -> Result<[u8; 32], KeyError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|_| KeyError::NoRandomness)?;
    Ok(bytes)
}

/// SHA-256 over a public key's SPKI DER: how the CA and the owner key are pinned in an enrolment URL.
///
/// Written as 43 characters of unpadded base64url.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pin(pub [u8; 32]);

impl Pin {
    #[must_use]
    pub fn of_spki_der(der: &[u8]) -> Self {
        Self(Digest::of(der).0)
    }
}

impl fmt::Display for Pin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(self.0))
    }
}

/// Why a text is not a pin.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a pin is 43 characters of unpadded base64url (SHA-256 over the key's SPKI)")]
pub struct PinError;

impl FromStr for Pin {
    type Err = PinError;
    fn from_str(text: &str) -> Result<Self, PinError> {
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| PinError)?;
        bytes.try_into().map(Self).map_err(|_| PinError)
    }
}

impl TryFrom<String> for Pin {
    type Error = PinError;
    fn try_from(text: String) -> Result<Self, PinError> {
        text.parse()
    }
}

impl From<Pin> for String {
    fn from(pin: Pin) -> String {
        pin.to_string()
    }
}

/// Names a signing key: its pin. The `keyid` of a DSSE signature.
pub type KeyId = Pin;

/// A private key that signs documents.
pub struct SignKey(SigningKey);

impl SignKey {
    /// A new key.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub fn generate() -> Result<Self, KeyError> {
        Ok(Self(SigningKey::from_bytes(&random32()?)))
    }

    /// # Errors
    /// When the text is not a PKCS#8 PEM Ed25519 key.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        SigningKey::from_pkcs8_pem(pem).map(Self).map_err(|_| KeyError::NotEd25519)
    }

    /// PKCS#8 PEM, for a 0600 file.
    ///
    /// # Errors
    /// Never for a valid key; the encoder's type says otherwise.
    pub fn to_pem(&self) -> Result<Zeroizing<String>, KeyError> {
        let pem = self.0.to_pkcs8_pem(LineEnding::LF).map_err(|_| KeyError::NotEd25519)?;
        Ok(Zeroizing::new(pem.to_string()))
    }

    #[must_use]
    pub fn public(&self) -> VerifyKey {
        VerifyKey(self.0.verifying_key())
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl fmt::Debug for SignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SignKey({})", self.public().id())
    }
}

/// A public key that checks documents. JSON: SPKI DER in base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VerifyKey(VerifyingKey);

impl VerifyKey {
    /// The pin over the SPKI DER.
    #[must_use]
    pub fn id(&self) -> KeyId {
        Pin::of_spki_der(&self.spki_der())
    }

    #[must_use]
    pub fn spki_der(&self) -> Vec<u8> {
        self.0.to_public_key_der().map(|d| d.as_bytes().to_vec()).unwrap_or_default()
    }

    /// # Errors
    /// When the bytes are not the SPKI DER of an Ed25519 key.
    pub fn from_spki_der(der: &[u8]) -> Result<Self, KeyError> {
        VerifyingKey::from_public_key_der(der).map(Self).map_err(|_| KeyError::NotEd25519)
    }

    /// SPKI PEM, as `openssl pkey -pubin` reads it.
    #[must_use]
    pub fn to_pem(&self) -> String {
        format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", STANDARD.encode(self.spki_der()))
    }

    /// Reads SPKI PEM, or the base64 between its lines alone.
    ///
    /// # Errors
    /// When the text is not the public key of an Ed25519 pair.
    pub fn from_text(text: &str) -> Result<Self, KeyError> {
        let body: String = text.lines().filter(|line| !line.starts_with("-----")).map(str::trim).collect();
        Self::try_from(body.trim_matches('"').to_owned())
    }

    /// Strict verification: small-order keys and non-canonical signatures are refused.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature).is_ok_and(|s| self.0.verify_strict(message, &s).is_ok())
    }
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyKey({})", self.id())
    }
}

impl TryFrom<String> for VerifyKey {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        Self::from_spki_der(&STANDARD.decode(text).map_err(|_| KeyError::NotEd25519)?)
    }
}

impl From<VerifyKey> for String {
    fn from(key: VerifyKey) -> String {
        STANDARD.encode(key.spki_der())
    }
}

/// A private key that opens what was sealed to it.
pub struct OpenKey(<Kem as hpke::Kem>::PrivateKey);

impl OpenKey {
    #[must_use]
    pub fn generate() -> Self {
        Self(Kem::gen_keypair().0)
    }

    /// # Errors
    /// When the bytes are not 32 bytes of X25519 scalar.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeyError> {
        <Kem as hpke::Kem>::PrivateKey::from_bytes(bytes).map(Self).map_err(|_| KeyError::NotX25519)
    }

    #[must_use]
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        Zeroizing::new(self.0.to_bytes().to_vec())
    }

    #[must_use]
    pub fn public(&self) -> SealKey {
        SealKey(Kem::sk_to_pk(&self.0))
    }

    /// Opens a sealed secret. `binding` must be what it was sealed with (camera and host, for a credential).
    ///
    /// # Errors
    /// When it was sealed for another key or binding, or altered.
    pub fn open(&self, sealed: &Sealed, binding: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let enc = STANDARD.decode(&sealed.enc).map_err(|_| KeyError::CannotOpen)?;
        let ct = STANDARD.decode(&sealed.ct).map_err(|_| KeyError::CannotOpen)?;
        let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(&enc).map_err(|_| KeyError::CannotOpen)?;
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeR::Base,
            &self.0,
            &enc,
            SEAL_INFO,
            &ct,
            binding,
        )
        .map(Zeroizing::new)
        .map_err(|_| KeyError::CannotOpen)
    }
}

/// The HPKE `info` of everything Farwatch seals.
pub const SEAL_INFO: &[u8] = b"farwatch seal v1";

/// A public key to seal to. JSON: 32 raw bytes in base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SealKey(<Kem as hpke::Kem>::PublicKey);

impl SealKey {
    /// Seals a secret so that only the key's owner can open it, and only with the same binding (HPKE, RFC 9180:
    /// DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305; base mode; `info` [`SEAL_INFO`]; `aad` the binding).
    ///
    /// # Errors
    /// When the recipient's key is of small order.
    pub fn seal(&self, secret: &[u8], binding: &[u8]) -> Result<Sealed, KeyError> {
        let (enc, ct) = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeS::Base,
            &self.0,
            SEAL_INFO,
            secret,
            binding,
        )
        .map_err(|_| KeyError::NotX25519)?;
        Ok(Sealed { enc: STANDARD.encode(enc.to_bytes()), ct: STANDARD.encode(ct) })
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", STANDARD.encode(self.0.to_bytes()))
    }
}

impl TryFrom<String> for SealKey {
    type Error = KeyError;
    fn try_from(text: String) -> Result<Self, KeyError> {
        let bytes = STANDARD.decode(text).map_err(|_| KeyError::NotX25519)?;
        <Kem as hpke::Kem>::PublicKey::from_bytes(&bytes).map(Self).map_err(|_| KeyError::NotX25519)
    }
}

impl From<SealKey> for String {
    fn from(key: SealKey) -> String {
        STANDARD.encode(key.0.to_bytes())
    }
}

/// A secret sealed to one reader: HPKE's encapsulated key and ciphertext, base64.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    pub enc: String,
    pub ct: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_sealed_for_one_host_does_not_open_for_another() {
        let key = OpenKey::generate();
        let sealed = key.public().seal(b"pw", b"camera|10.0.0.9").unwrap();
        assert_eq!(&**key.open(&sealed, b"camera|10.0.0.9").unwrap(), b"pw");
        assert_eq!(key.open(&sealed, b"camera|10.0.0.8"), Err(KeyError::CannotOpen));
        assert_eq!(OpenKey::generate().open(&sealed, b"camera|10.0.0.9"), Err(KeyError::CannotOpen));
    }

    #[test]
    fn keys_survive_their_written_form() {
        let key = SignKey::generate().unwrap();
        let again = SignKey::from_pem(&key.to_pem().unwrap()).unwrap();
        assert_eq!(again.public(), key.public());
        let json = serde_json::to_string(&key.public()).unwrap();
        assert_eq!(serde_json::from_str::<VerifyKey>(&json).unwrap(), key.public());
        assert_eq!(VerifyKey::from_text(&key.public().to_pem()), Ok(key.public()));
        assert_eq!(VerifyKey::from_text(&json), Ok(key.public()));
        assert_eq!(VerifyKey::from_text(&key.to_pem().unwrap()), Err(KeyError::NotEd25519), "never a private key");
        assert!(key.public().verifies(b"m", &key.sign(b"m")));
        assert!(!key.public().verifies(b"n", &key.sign(b"m")));
        let open = OpenKey::from_bytes(&OpenKey::generate().to_bytes()).unwrap();
        let json = serde_json::to_string(&open.public()).unwrap();
        assert_eq!(serde_json::from_str::<SealKey>(&json).unwrap(), open.public());
    }
}
