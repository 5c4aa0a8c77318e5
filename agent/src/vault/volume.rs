//! Which file system the vault lies on: an unmounted disk must neither fill the root disk nor let anything be deleted.
//!
//! Belongs here: the vault's mark, what this box remembers of it, the verdict. Does not: what follows from it (`recorder`
//! stops writing, `retention` stops deleting).
//!
//! The mark is a file in the vault with a random id; the box remembers the id, and whether the vault was a mount of its own.
//! Numbers of block devices change between boots and are no identity.

use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use farwatch_shared::keys::random32;
use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use crate::store::replace_json;

const MARK: &str = ".farwatch-volume";

/// What the box remembers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Memory {
    id: String,
    /// The vault was on another file system than the directory above it.
    own_mount: bool,
}

/// Where the vault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// On the disk it belongs on.
    Right,
    /// On a disk that belongs to another box: nothing in it may be deleted, recording goes on.
    Foreign,
    /// Its disk is not mounted: what would be written goes to the disk below.
    Gone,
}

impl Standing {
    /// For people, when it is not right.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Right => "the vault is on its disk",
            Self::Foreign => {
                "the vault's disk is another box's: nothing on it is deleted; mount this box's own disk, or remove the \
                 file .farwatch-volume from it to take it over"
            }
            Self::Gone => {
                "the vault's disk is not mounted: nothing is recorded and nothing deleted until it is; mount it"
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Is(Standing),
    /// Nothing speaks against this file system: it is the vault's from now on.
    Adopt,
}

fn verdict(memory: Option<&Memory>, mark: Option<&str>, own_mount: bool) -> Verdict {
    let Some(memory) = memory else { return Verdict::Adopt };
    let fell_through = memory.own_mount && !own_mount;
    match mark {
        Some(mark) if mark == memory.id => Verdict::Is(Standing::Right),
        _ if fell_through => Verdict::Is(Standing::Gone),
        Some(_) => Verdict::Is(Standing::Foreign),
        // A new, empty disk was put in, or a person emptied the directory.
        None => Verdict::Adopt,
    }
}

/// The vault's file system. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Volume {
    vault: PathBuf,
    memory: PathBuf,
}

impl Volume {
    /// `memory` is a file that is not in the vault.
    #[must_use]
    pub fn new(vault: impl Into<PathBuf>, memory: impl Into<PathBuf>) -> Self {
        Self { vault: vault.into(), memory: memory.into() }
    }

    /// Looks. A vault without a mark gets one, when nothing speaks against it.
    #[must_use]
    pub fn look(&self) -> Standing {
        let memory: Option<Memory> =
            std::fs::read(&self.memory).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let Some(own_mount) = is_own_mount(&self.vault) else { return Standing::Gone };
        let mark = read_mark(&self.vault);
        match verdict(memory.as_ref(), mark.as_deref(), own_mount) {
            Verdict::Is(standing) => standing,
            Verdict::Adopt => {
                if let Err(error) = self.adopt(mark, own_mount) {
                    warn!(%error, "the vault's disk cannot be marked; it is tried again");
                }
                Standing::Right
            }
        }
    }

    /// Whether its disk is not mounted.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.look() == Standing::Gone
    }

    fn adopt(&self, mark: Option<String>, own_mount: bool) -> io::Result<()> {
        let id = match mark {
            Some(id) => id,
            None => make_mark(&self.vault)?,
        };
        info!(%id, own_mount, "this is the vault's disk from now on");
        replace_json(&self.memory, &Memory { id, own_mount })
    }
}

/// `None` when there is no vault to look at.
fn is_own_mount(vault: &Path) -> Option<bool> {
    let of = |path: &Path| std::fs::metadata(path).map(|meta| meta.dev()).ok();
    Some(of(vault)? != of(vault.parent()?)?)
}

fn read_mark(vault: &Path) -> Option<String> {
    let text = std::fs::read_to_string(vault.join(MARK)).ok()?;
    let id = text.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// Agent and recorder may both come first: the one that makes the file decides.
fn make_mark(vault: &Path) -> io::Result<String> {
    let random = random32().map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let id: String = hex::encode(&random[..16]);
    let path = vault.join(MARK);
    match std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) {
        Ok(mut file) => {
            file.write_all(id.as_bytes())?;
            file.sync_all()?;
            std::fs::File::open(vault)?.sync_all()?;
            Ok(id)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
            read_mark(vault).ok_or_else(|| io::Error::other("the mark of the vault's disk is empty"))
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RET-01
    #[test]
    fn an_unmounted_disk_is_told_from_a_new_one_and_from_another_box_s() {
        let memory = |own_mount| Memory { id: "mine".into(), own_mount };
        let cases = [
            (None, None, false, Verdict::Adopt),
            (None, Some("any"), true, Verdict::Adopt),
            (Some(memory(true)), Some("mine"), true, Verdict::Is(Standing::Right)),
            (Some(memory(true)), Some("mine"), false, Verdict::Is(Standing::Right)),
            (Some(memory(true)), None, false, Verdict::Is(Standing::Gone)),
            (Some(memory(true)), Some("older, below the mount"), false, Verdict::Is(Standing::Gone)),
            (Some(memory(true)), None, true, Verdict::Adopt),
            (Some(memory(true)), Some("another box's"), true, Verdict::Is(Standing::Foreign)),
            (Some(memory(false)), None, false, Verdict::Adopt),
            (Some(memory(false)), Some("another box's"), false, Verdict::Is(Standing::Foreign)),
        ];
        for (memory, mark, own_mount, expected) in cases {
            assert_eq!(verdict(memory.as_ref(), mark, own_mount), expected, "{memory:?} {mark:?} {own_mount}");
        }
    }

    #[test]
    fn whoever_comes_first_marks_the_disk_and_all_others_know_it() {
        let dir = tempfile::tempdir().unwrap();
        let vault = dir.path().join("vault");
        std::fs::create_dir(&vault).unwrap();
        let volume = |memory: &str| Volume::new(&vault, dir.path().join(memory));
        assert_eq!(volume("agent").look(), Standing::Right);
        assert_eq!(volume("recorder").look(), Standing::Right);
        let memory = |name: &str| std::fs::read(dir.path().join(name)).unwrap();
        assert_eq!(memory("agent"), memory("recorder"));
        std::fs::write(vault.join(MARK), "another").unwrap();
        assert_eq!(volume("agent").look(), Standing::Foreign);
        std::fs::remove_dir_all(&vault).unwrap();
        assert_eq!(volume("agent").look(), Standing::Gone, "nothing there to write into");
    }
}
