//! Where the agent keeps its things, and the few settings a technician may change.
//!
//! Belongs here: the names of the files under the agent's directory (the vault names its own), `agent.toml`.
//! Does not: what is in those files.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

/// The agent's directory, `/var/lib/farwatch-agent` unless told otherwise.
#[derive(Debug, Clone)]
pub struct Home(PathBuf);

impl Home {
    #[must_use]
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self(root.into())
    }

    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Keys, certificate and pins.
    #[must_use]
    pub fn identity(&self) -> PathBuf {
        self.0.join("identity")
    }

    #[must_use]
    pub fn vault(&self) -> PathBuf {
        self.0.join("vault")
    }

    /// The recorders' logs, one per recorder.
    #[must_use]
    pub fn recorder_ledgers(&self) -> PathBuf {
        self.0.join("ledger/recorder")
    }

    /// The agent's own log.
    #[must_use]
    pub fn agent_ledger(&self) -> PathBuf {
        self.0.join("ledger/agent.log")
    }

    /// The recorder's plan, socket and counter.
    #[must_use]
    pub fn recorder(&self) -> PathBuf {
        self.0.join("recorder")
    }

    /// What the recorder and the agent remember of the vault's disk.
    #[must_use]
    pub fn volume_memory(&self) -> PathBuf {
        self.0.join("recorder/volume.json")
    }

    /// The retention policy in force, which may be an older one than the desired state's.
    #[must_use]
    pub fn retention_in_force(&self) -> PathBuf {
        self.0.join("desired/retention.json")
    }

    #[must_use]
    pub fn catalog(&self) -> PathBuf {
        self.0.join("store/catalog")
    }

    #[must_use]
    pub fn outbox(&self) -> PathBuf {
        self.0.join("store/outbox")
    }

    /// The outbox's high-water mark, beside it so that a lost outbox is noticed.
    #[must_use]
    pub fn outbox_mark(&self) -> PathBuf {
        self.0.join("store/outbox.mark")
    }

    /// How far footage was read again; may be lost.
    #[must_use]
    pub fn scrub(&self) -> PathBuf {
        self.0.join("store/scrub.json")
    }

    /// Which cameras' pictures were judged today; may be lost.
    #[must_use]
    pub fn judged(&self) -> PathBuf {
        self.0.join("store/judged.json")
    }

    /// Since when recorders' logs have not grown; may be lost.
    #[must_use]
    pub fn rested_logs(&self) -> PathBuf {
        self.0.join("store/rested-logs.json")
    }

    /// The accepted desired state and its parts.
    #[must_use]
    pub fn desired(&self) -> PathBuf {
        self.0.join("desired")
    }

    /// Orders that are being carried out, so that a restart continues them.
    #[must_use]
    pub fn pulls(&self) -> PathBuf {
        self.0.join("pulls")
    }

    /// The lower bound of true time this box has proof of.
    #[must_use]
    pub fn trusted_time(&self) -> PathBuf {
        self.0.join("trusted-time")
    }

    /// Where a running agent answers `status`.
    #[must_use]
    pub fn status_socket(&self) -> PathBuf {
        self.0.join("agent.sock")
    }

    /// Makes the directory, for its owner only.
    ///
    /// # Errors
    /// When it can be neither made nor protected.
    pub fn prepare(&self) -> io::Result<()> {
        make_private(&self.0)
    }
}

/// Makes a directory (and its parents) that only its owner may enter.
///
/// # Errors
/// As the file system has it.
pub fn make_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o700))
}

/// Who starts the recorder.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecorderMode {
    /// The agent, as a detached child.
    #[default]
    Child,
    /// A service manager; the agent only finds it.
    External,
}

/// `agent.toml`. Every key is optional.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Length at which a segment is closed, at the next keyframe.
    pub segment_seconds: u32,
    /// Length at which a fragment is closed, at the next frame.
    pub fragment_ms: u32,
    pub recorder: RecorderMode,
    /// How often health is said.
    pub health_seconds: u32,
    /// Bound on what waits in memory while the disk is slow; absent means 15 % of memory, at most 256 MB.
    pub buffer_mib: Option<u32>,
    /// Upper bound of all uploads together; absent means none.
    pub upload_bytes_per_s: Option<u64>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            segment_seconds: 60,
            fragment_ms: 200,
            recorder: RecorderMode::Child,
            health_seconds: 30,
            buffer_mib: None,
            upload_bytes_per_s: None,
        }
    }
}

/// Why the settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    #[error("the settings file {path} cannot be read")]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("the settings file {path} is not understood; correct it or remove it to use the defaults")]
    Malformed { path: PathBuf, source: Box<toml::de::Error> },
    #[error("{key} is {found}, it must be {from} to {to}")]
    OutOfRange { key: &'static str, found: u32, from: u32, to: u32 },
}

impl Settings {
    /// Reads `agent.toml` of a directory; the defaults when there is none.
    ///
    /// # Errors
    /// Names the file or the key that is wrong.
    pub fn load(home: &Home) -> Result<Self, SettingsError> {
        let path = home.root().join("agent.toml");
        match std::fs::read_to_string(&path) {
            Ok(text) => Self::parse(&text, &path),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(source) => Err(SettingsError::Unreadable { path, source }),
        }
    }

    fn parse(text: &str, path: &Path) -> Result<Self, SettingsError> {
        let settings: Self = toml::from_str(text)
            .map_err(|source| SettingsError::Malformed { path: path.into(), source: Box::new(source) })?;
        for (key, found, from, to) in [
            ("segment_seconds", settings.segment_seconds, 1, 300),
            ("fragment_ms", settings.fragment_ms, 20, 2_000),
            ("health_seconds", settings.health_seconds, 1, 3_600),
            ("buffer_mib", settings.buffer_mib.unwrap_or(1), 1, 4_096),
        ] {
            if !(from..=to).contains(&found) {
                return Err(SettingsError::OutOfRange { key, found, from, to });
            }
        }
        Ok(settings)
    }

    #[must_use]
    pub fn health_every(&self) -> Duration {
        Duration::from_secs(u64::from(self.health_seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_optional_and_their_bounds_are_told() {
        let path = Path::new("agent.toml");
        assert_eq!(Settings::parse("", path).unwrap(), Settings::default());
        let external = Settings::parse("recorder = \"external\"\nsegment_seconds = 10", path).unwrap();
        assert_eq!((external.recorder, external.segment_seconds), (RecorderMode::External, 10));
        let error = Settings::parse("segment_seconds = 0", path).unwrap_err().to_string();
        assert_eq!(error, "segment_seconds is 0, it must be 1 to 300");
        assert!(Settings::parse("segment_second = 10", path).is_err(), "a misspelt key is not ignored");
    }
}
