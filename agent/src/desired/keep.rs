//! The accepted desired state on the disk: the signed document and its parts, each synced before it is applied.
//!
//! `desired/accepted.json` is the envelope as it came; `desired/parts/<sha256>` are the parts. Parts no accepted document names
//! are removed after the next one stands.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;

use farwatch_shared::digest::Digest;
use farwatch_shared::keys::VerifyKey;
use farwatch_shared::seal::{Signed, Verified};
use farwatch_shared::wire::latest::{Desired, PartName, PartRef};

use super::accept::check_part;
use crate::config::{Home, make_private};
use crate::store::replace_file;

/// Why the desired state cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("the desired state cannot be written to {path}; see to the box's disk")]
pub struct KeepError {
    path: PathBuf,
    source: io::Error,
}

/// A desired state with every part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub document: Verified<Desired>,
    pub parts: BTreeMap<PartName, Vec<u8>>,
}

impl Kept {
    /// Digest of the signed bytes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.document.bytes())
    }
}

/// A part that is already on the disk, if it is the one named.
#[must_use]
pub fn stored_part(home: &Home, part: &PartRef) -> Option<Vec<u8>> {
    let bytes = std::fs::read(part_path(home, &part.digest)).ok()?;
    check_part(part, &bytes).then_some(bytes)
}

fn part_path(home: &Home, digest: &Digest) -> PathBuf {
    home.desired().join("parts").join(digest.hex())
}

/// Writes parts, then the document that names them: whoever finds the document finds its parts.
///
/// # Errors
/// As the file system has it; what stood before still stands.
pub fn save(home: &Home, signed: &Signed<Desired>, parts: &BTreeMap<PartName, Vec<u8>>) -> Result<(), KeepError> {
    let at = |path: PathBuf| move |source| KeepError { path, source };
    let dir = home.desired().join("parts");
    make_private(&dir).map_err(at(dir.clone()))?;
    for bytes in parts.values() {
        let path = part_path(home, &Digest::of(bytes));
        replace_file(&path, bytes).map_err(at(path.clone()))?;
    }
    let path = home.desired().join("accepted.json");
    let bytes = serde_json::to_vec(signed).map_err(|e| KeepError { path: path.clone(), source: e.into() })?;
    replace_file(&path, &bytes).map_err(at(path.clone()))?;
    let named: Vec<String> = parts.values().map(|b| Digest::of(b).hex()).collect();
    for entry in std::fs::read_dir(&dir).into_iter().flatten().flatten() {
        if !named.iter().any(|n| entry.file_name() == n.as_str()) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
    Ok(())
}

/// What stands on the disk, verified again; `None` when there is none or it is damaged. The hub then sends it anew.
#[must_use]
pub fn load(home: &Home, key: &VerifyKey) -> Option<Kept> {
    let bytes = std::fs::read(home.desired().join("accepted.json")).ok()?;
    let signed: Signed<Desired> = serde_json::from_slice(&bytes).ok()?;
    let document = signed.verify(key).ok()?;
    let parts: Option<BTreeMap<_, _>> =
        document.parts.iter().map(|(name, part)| Some((*name, stored_part(home, part)?))).collect();
    Some(Kept { parts: parts?, document })
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::id::AgentId;
    use farwatch_shared::keys::SignKey;
    use farwatch_shared::size::ByteSize;
    use farwatch_shared::time::WallMs;

    #[test]
    fn a_kept_state_reads_back_and_a_damaged_part_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let key = SignKey::generate().unwrap();
        let holds = br#"{"holds":[]}"#.to_vec();
        let part = PartRef { digest: Digest::of(&holds), size: ByteSize(12), inline: None };
        let document = Desired {
            agent: AgentId::generate(),
            generation: 3,
            issued_at_ms: WallMs(1),
            parts: BTreeMap::from([(PartName::Holds, part.clone())]),
            crit: Vec::new(),
        };
        let signed = Signed::sign(&document, &key).unwrap();
        assert_eq!(load(&home, &key.public()), None);
        save(&home, &signed, &BTreeMap::from([(PartName::Holds, holds.clone())])).unwrap();
        let kept = load(&home, &key.public()).unwrap();
        assert_eq!((kept.document.generation, &kept.parts[&PartName::Holds]), (3, &holds));
        std::fs::write(home.desired().join("parts").join(part.digest.hex()), b"{\"holds\":[ ]").unwrap();
        assert_eq!(load(&home, &key.public()), None);
    }
}
