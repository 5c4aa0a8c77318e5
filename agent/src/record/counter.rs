//! The run counter: only rises, over all recorders of this box.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Numbers are reserved on disk in blocks, so that most runs begin without a sync.
const BLOCK: u32 = 64;

#[derive(Debug)]
pub struct RunCounter {
    path: PathBuf,
    next: u32,
    reserved: u32,
}

impl RunCounter {
    /// `highest` is the highest number the vault shows, so that a lost file does no harm.
    #[must_use]
    pub fn open(path: PathBuf, highest: u32) -> Self {
        let stored = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(0);
        let next = highest.saturating_add(1).max(stored);
        Self { path, next, reserved: next }
    }

    /// A number no run had before. When the reservation cannot be stored, the vault's directories still protect it.
    pub fn take(&mut self) -> u32 {
        if self.next >= self.reserved {
            self.reserved = self.next.saturating_add(BLOCK);
            if let Err(error) = store(&self.path, self.reserved) {
                tracing::warn!(%error, "the run counter cannot be stored");
            }
        }
        let number = self.next;
        self.next = self.next.saturating_add(1);
        number
    }
}

fn store(path: &Path, number: u32) -> io::Result<()> {
    let beside = path.with_extension("new");
    let mut file = fs::File::create(&beside)?;
    writeln!(file, "{number}")?;
    file.sync_data()?;
    fs::rename(&beside, path)?;
    if let Some(dir) = path.parent() {
        fs::File::open(dir)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_never_given_twice_even_when_the_file_is_lost() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("counter");
        let mut counter = RunCounter::open(path.clone(), 0);
        assert_eq!((counter.take(), counter.take()), (1, 2));
        assert!(RunCounter::open(path.clone(), 0).take() > 2, "a crash forgets what was not used");
        fs::remove_file(&path).unwrap();
        assert_eq!(RunCounter::open(path, 40).take(), 41);
    }
}
