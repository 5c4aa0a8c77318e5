//! The keys directory: CA, document key, log key, session key, the server's certificate; and the public halves of the
//! customer's owner key and recovery recipient.
//!
//! Belongs here: making, keeping and using them ([`Keys`]), writing files safely ([`files`]), reading a peer's certificate
//! ([`Peer`]). Does not: rows about certificates (`enrol`). Never in SQL, never in the ordinary backup.
//!
//! ```text
//! keys/            0700, every file 0600
//!   ca.key ca.pem          P-256; signs agents' and the server's certificates
//!   document.key           Ed25519; signs desired states and orders, pinned by agents
//!   log.key                Ed25519; signs the journal's checkpoints
//!   session.key            32 bytes; keyed hashes of names and cookies
//!   server.key server.pem  for the hub's hosts, renewed by itself
//!   owner.json             public halves: owner key (pinned by agents), recovery recipient
//! ```

pub mod files;
mod issue;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use farwatch_shared::keys::{KeyError, OpenKey, Pin, SealKey, SignKey, VerifyKey, random32};
use farwatch_shared::time::WallMs;
use rcgen::{Issuer, KeyPair, PublicKeyData as _};
use serde::{Deserialize, Serialize};

pub use issue::{AGENT_DAYS, Issued, Peer, PeerError, der_of};

/// What can go wrong with the keys directory.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("cannot use {path}")]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{path} is not the key it should be; restore the keys directory from its backup")]
    Damaged { path: PathBuf },
    #[error("no certificate could be made")]
    Certificate(#[from] rcgen::Error),
    #[error("the certificate request cannot be used: {0}")]
    Request(&'static str),
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// The public halves of what the customer took away.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OwnerPublic {
    pub owner: VerifyKey,
    pub recovery: SealKey,
}

/// The hub's keys, loaded.
pub struct Keys {
    dir: PathBuf,
    ca_pem: String,
    ca_pin: Pin,
    issuer: Issuer<'static, KeyPair>,
    pub document: Arc<SignKey>,
    pub log: Arc<SignKey>,
    /// For keyed hashes of names; 32 bytes.
    pub session: [u8; 32],
    pub owner: OwnerPublic,
}

/// What `init` hands to the person: the private halves, for a file that leaves the machine.
pub struct TakeAway {
    /// Owner key and recovery key, PEM, with a note of what it is.
    pub text: zeroize::Zeroizing<String>,
}

impl Keys {
    /// Makes every key of a new hub. The owner's private keys are returned, not kept.
    ///
    /// # Errors
    /// When a file is there already, or cannot be written.
    pub fn make(dir: &Path, hub_name: &str, now: WallMs) -> Result<TakeAway, KeysError> {
        let file = |name: &str| dir.join(name);
        let io = |path: PathBuf| move |source| KeysError::File { path, source };
        files::make_private_dir(dir).map_err(io(dir.to_owned()))?;
        let put = |name: &str, bytes: &[u8]| files::write_new_secret(&file(name), bytes).map_err(io(file(name)));

        let ca_key = KeyPair::generate()?;
        // First, and never over an existing one: a hub that lost its CA has lost its fleet.
        put("ca.key", ca_key.serialize_pem().as_bytes())?;
        put("ca.pem", issue::ca_certificate(hub_name, &ca_key, now)?.as_bytes())?;
        put("document.key", SignKey::generate()?.to_pem()?.as_bytes())?;
        put("log.key", SignKey::generate()?.to_pem()?.as_bytes())?;
        put("session.key", &random32()?)?;
        let owner = SignKey::generate()?;
        let recovery = OpenKey::generate();
        let public = OwnerPublic { owner: owner.public(), recovery: recovery.public() };
        put("owner.json", &serde_json::to_vec_pretty(&public).unwrap_or_default())?;
        Ok(TakeAway { text: take_away(hub_name, &owner, &recovery)? })
    }

    /// Reads the directory.
    ///
    /// # Errors
    /// When a file is missing or not what it should be.
    pub fn load(dir: &Path) -> Result<Self, KeysError> {
        let read = |name: &str| {
            let path = dir.join(name);
            std::fs::read(&path).map_err(|source| KeysError::File { path, source })
        };
        let damaged = |name: &str| KeysError::Damaged { path: dir.join(name) };
        let text =
            |name: &str| -> Result<String, KeysError> { String::from_utf8(read(name)?).map_err(|_| damaged(name)) };

        let ca_key = KeyPair::from_pem(&text("ca.key")?).map_err(|_| damaged("ca.key"))?;
        let ca_pin = Pin::of_spki_der(&ca_key.subject_public_key_info());
        let ca_pem = text("ca.pem")?;
        let issuer = Issuer::from_ca_cert_pem(&ca_pem, ca_key).map_err(|_| damaged("ca.pem"))?;
        Ok(Self {
            dir: dir.to_owned(),
            ca_pem,
            ca_pin,
            issuer,
            document: Arc::new(SignKey::from_pem(&text("document.key")?).map_err(|_| damaged("document.key"))?),
            log: Arc::new(SignKey::from_pem(&text("log.key")?).map_err(|_| damaged("log.key"))?),
            session: read("session.key")?.try_into().map_err(|_| damaged("session.key"))?,
            owner: serde_json::from_slice(&read("owner.json")?).map_err(|_| damaged("owner.json"))?,
        })
    }

    /// The CA's certificate, PEM.
    #[must_use]
    pub fn ca_pem(&self) -> &str {
        &self.ca_pem
    }

    /// SHA-256 over the CA's SPKI: in the enrolment URL.
    #[must_use]
    pub fn ca_pin(&self) -> Pin {
        self.ca_pin
    }

    /// The owner key's pin: in the enrolment URL.
    #[must_use]
    pub fn owner_pin(&self) -> Pin {
        self.owner.owner.id()
    }

    #[must_use]
    pub fn ca_path(&self) -> PathBuf {
        self.dir.join("ca.pem")
    }

    /// Certificate and key of the server, PEM files.
    #[must_use]
    pub fn server_paths(&self) -> (PathBuf, PathBuf) {
        (self.dir.join("server.pem"), self.dir.join("server.key"))
    }
}

fn take_away(hub_name: &str, owner: &SignKey, recovery: &OpenKey) -> Result<zeroize::Zeroizing<String>, KeysError> {
    use base64::Engine as _;
    let recovery_text =
        zeroize::Zeroizing::new(base64::engine::general_purpose::STANDARD.encode(&*recovery.to_bytes()));
    Ok(zeroize::Zeroizing::new(format!(
        "Farwatch owner keys of the hub {hub_name:?}\n\
         \n\
         Keep this file off the hub: print it, or put it on a medium that lies in a safe. The hub has no copy.\n\
         The first key names who may approve the release of pictures; the second opens camera passwords when a\n\
         box is replaced. Whoever holds this file can do both.\n\
         \n\
         Owner key (Ed25519), fingerprint {}\n\
         {}\n\
         Recovery key (X25519, 32 bytes in base64)\n\
         -----BEGIN FARWATCH RECOVERY KEY-----\n\
         {}\n\
         -----END FARWATCH RECOVERY KEY-----\n",
        owner.public().id(),
        owner.to_pem()?.trim_end(),
        *recovery_text,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_owner_key_is_handed_out_and_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let keys_dir = dir.path().join("keys");
        let away = Keys::make(&keys_dir, "HQ", WallMs(1_795_510_800_000)).unwrap();
        let pem_at = away.text.find("-----BEGIN PRIVATE KEY").unwrap();
        let pem_end = away.text.find("-----END PRIVATE KEY-----").unwrap() + "-----END PRIVATE KEY-----".len();
        let owner = SignKey::from_pem(&away.text[pem_at..pem_end]).unwrap();
        let keys = Keys::load(&keys_dir).unwrap();
        assert_eq!(keys.owner.owner, owner.public());
        let secret = away.text[pem_at..pem_end].lines().nth(1).unwrap().to_owned();
        for entry in std::fs::read_dir(&keys_dir).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
            let bytes = std::fs::read(&path).unwrap();
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{}", path.display());
        }
        assert!(Keys::make(&keys_dir, "HQ", WallMs(0)).is_err(), "an existing hub's keys are never overwritten");
    }
}
