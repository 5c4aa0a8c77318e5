//! Steers what stands between a program and the C library (`shim.c`): its wall clock, a stop at the instant of a call, a
//! disk that is never asked to sync.
//!
//! Belongs here: compiling it, preloading it, its steering file and its tale. Does not: why a test wants it.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

const SOURCE: &str = include_str!("shim.c");
/// Size and places of `struct steer`.
const SIZE: usize = 120;
const WALL_OFFSET: u64 = 0;
const CALL: u64 = 8;
const PATH: u64 = 32;
const STOPPED: u64 = 96;
const STOPPED_MS: u64 = 104;

/// A call to stop at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A file is made.
    Create = 1,
    /// An entry is removed.
    Unlink = 2,
    /// Bytes go to a place in a file: logs and the store.
    Pwrite = 3,
    /// `fdatasync` or `fsync`.
    Sync = 4,
    /// Bytes are appended to a segment.
    Append = 5,
}

/// Where to stop a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StopAt {
    pub call: Call,
    /// Once the call has been made, and not just before.
    pub after: bool,
    /// The path contains this.
    pub path: &'static str,
    /// So many such calls are let through first.
    pub skip: i64,
}

/// What one program is steered by. Cheap to make anew for each start.
pub struct Shim {
    library: PathBuf,
    steer: PathBuf,
    told: PathBuf,
    file: File,
}

impl Shim {
    /// Compiles it into `dir` and makes its files there.
    ///
    /// # Panics
    /// When there is no C compiler.
    #[must_use]
    pub fn make(dir: &Path) -> Self {
        std::fs::create_dir_all(dir).expect("a folder");
        let (source, library) = (dir.join("shim.c"), dir.join("shim.so"));
        std::fs::write(&source, SOURCE).expect("written");
        let done = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"])
            .args([&library, &source])
            .arg("-ldl")
            .output()
            .expect("the package build-essential is installed");
        assert!(done.status.success(), "cc: {}", String::from_utf8_lossy(&done.stderr));
        let (steer, told) = (dir.join("steer"), dir.join("told"));
        std::fs::write(&steer, [0; SIZE]).expect("written");
        std::fs::write(&told, "").expect("written");
        let file = File::options().read(true).write(true).open(&steer).expect("opened");
        Self { library, steer, told, file }
    }

    /// Has a program run behind it.
    pub fn preload(&self, command: &mut tokio::process::Command) {
        command.env("LD_PRELOAD", &self.library).env("WEATHER_STEER", &self.steer).env("WEATHER_TOLD", &self.told);
    }

    /// As [`Self::preload`], and no sync reaches the kernel: a build that forgot to.
    pub fn preload_without_syncs(&self, command: &mut tokio::process::Command) {
        self.preload(command);
        command.env("WEATHER_NO_SYNC", "1");
    }

    fn put(&self, value: i64, at: u64) {
        self.file.write_all_at(&value.to_ne_bytes(), at).expect("the steering file");
    }

    fn get(&self, at: u64) -> i64 {
        let mut bytes = [0; 8];
        self.file.read_exact_at(&mut bytes, at).expect("the steering file");
        i64::from_ne_bytes(bytes)
    }

    /// Steps the program's wall clock: so far from true time from now on.
    pub fn step_wall_to(&self, offset_ms: i64) {
        self.put(offset_ms * 1_000_000, WALL_OFFSET);
    }

    /// The first program that comes there is stopped.
    pub fn stop_at(&self, at: StopAt) {
        self.put(0, STOPPED);
        let mut path = [0; 64];
        path[..at.path.len()].copy_from_slice(at.path.as_bytes());
        self.file.write_all_at(&path, PATH).expect("the steering file");
        self.put(i64::from(at.after), CALL + 8);
        self.put(at.skip, CALL + 16);
        self.put(at.call as i64, CALL);
    }

    /// No program is stopped any more.
    pub fn stop_nowhere(&self) {
        self.put(0, CALL);
    }

    /// The program that stopped, and when by the wall clock.
    #[must_use]
    pub fn stopped(&self) -> Option<(u32, i64)> {
        let pid = u32::try_from(self.get(STOPPED)).ok().filter(|pid| *pid > 0)?;
        Some((pid, self.get(STOPPED_MS)))
    }

    /// What was promised to be safe so far, file by file; forgets it.
    ///
    /// # Panics
    /// When the tale cannot be read.
    #[must_use]
    pub fn promises(&self) -> Promises {
        let promises = Promises::read(&std::fs::read_to_string(&self.told).expect("the tale"));
        File::options().write(true).open(&self.told).and_then(|f| f.set_len(0)).expect("the tale can be begun anew");
        promises
    }
}

/// What a program may rely on after its syncs returned.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Promises {
    /// Bytes from the start of each file that were written before a sync of it began that returned.
    pub safe: BTreeMap<PathBuf, u64>,
    /// Bytes written to each file, safe or not.
    pub written: BTreeMap<PathBuf, u64>,
    /// Syncs that returned.
    pub syncs: u64,
}

impl Promises {
    fn read(tale: &str) -> Self {
        let mut promises = Self::default();
        let mut begun: BTreeMap<PathBuf, u64> = BTreeMap::new();
        for line in tale.lines() {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["w", size, path] => {
                    *promises.written.entry(path.into()).or_default() += size.parse::<u64>().unwrap_or(0)
                }
                ["p", offset, size, path] => {
                    let end = offset.parse::<u64>().unwrap_or(0) + size.parse::<u64>().unwrap_or(0);
                    let written = promises.written.entry(path.into()).or_default();
                    *written = end.max(*written);
                }
                ["b", path] => {
                    let written = promises.written.get(Path::new(path)).copied().unwrap_or(0);
                    begun.insert(path.into(), written);
                }
                ["e", path] => {
                    promises.syncs += 1;
                    if let Some(written) = begun.remove(Path::new(path)) {
                        let safe = promises.safe.entry(path.into()).or_default();
                        *safe = written.max(*safe);
                    }
                }
                ["d", path] => {
                    promises.safe.remove(Path::new(path));
                    promises.written.remove(Path::new(path));
                }
                _ => {}
            }
        }
        promises
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_written_before_a_sync_began_is_promised_when_it_returns() {
        let tale = "w 100 /v/a.mp4\nb /v/a.mp4\nw 50 /v/a.mp4\ne /v/a.mp4\nw 7 /v/b.mp4\nb /v/b.mp4\n\
                    p 16 40 /l/x.log\nb /l/x.log\ne /l/x.log\nw 9 /v/c.mp4\nb /v/c.mp4\ne /v/c.mp4\nd /v/c.mp4\n";
        let promises = Promises::read(tale);
        let safe: Vec<(&str, u64)> = promises.safe.iter().map(|(p, n)| (p.to_str().expect("plain"), *n)).collect();
        assert_eq!(safe, [("/l/x.log", 56), ("/v/a.mp4", 100)]);
        assert_eq!((promises.written[Path::new("/v/a.mp4")], promises.syncs), (150, 3));
    }
}
