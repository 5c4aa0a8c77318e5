//! Addresses of local sockets. The kernel takes 107 bytes of path; a directory may lie deeper than that.
//!
//! A longer path is reached through the directory itself, opened: `/proc/self/fd/7/name`. The socket is the same file.

use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// Longest path that fits with its closing zero.
const FITS: usize = 107;

/// A path to bind or connect to; keep it until that is done.
#[derive(Debug)]
pub struct Address {
    path: PathBuf,
    _dir: Option<OwnedFd>,
}

impl Address {
    /// # Errors
    /// When the path is too long and its directory cannot be opened.
    pub fn of(path: &Path) -> io::Result<Self> {
        let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        if path.as_os_str().len() <= FITS {
            return Ok(Self { path: path.to_owned(), _dir: None });
        }
        let dir = rustix::fs::open(dir, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
        Ok(Self { path, _dir: Some(dir) })
    }
}

impl AsRef<Path> for Address {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixListener, UnixStream};

    #[test]
    fn a_socket_in_a_directory_three_hundred_bytes_deep_is_bound_and_reached() {
        let dir = tempfile::tempdir().unwrap();
        let deep = dir.path().join("a".repeat(150)).join("b".repeat(150));
        std::fs::create_dir_all(&deep).unwrap();
        let path = deep.join("01890a5d-ac96-774b-bcce-b302099a8057.sock");
        UnixListener::bind(&path).unwrap_err();
        let listener = UnixListener::bind(Address::of(&path).unwrap()).unwrap();
        assert!(path.exists(), "it lies where it was asked for");
        let _reached = UnixStream::connect(Address::of(&path).unwrap()).unwrap();
        listener.accept().unwrap();
    }
}
