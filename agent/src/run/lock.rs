//! One agent per directory.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;

use anyhow::{Context as _, bail};

use crate::config::Home;

/// Held for the life of the process; the kernel gives it up with it.
///
/// # Errors
/// When another agent has it.
pub fn take(home: &Home) -> anyhow::Result<File> {
    let path = home.root().join("agent.lock");
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .with_context(|| format!("{} cannot be opened", path.display()))?;
    match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            bail!("an agent runs in {} already; stop it first", home.root().display())
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be locked", path.display())),
    }
}
