//! The plan the recorder keeps, so that it starts and records without the agent.
//!
//! Belongs here: `plan.sealed`, encrypted under `plan.key`, and `current`, which names the running recorder; both replaced
//! whole or not at all. Does not: where plans come from, or acting on one.
//!
//! The plan holds camera passwords. `plan.key` never leaves the box, and the box's machine id is bound in: a stolen copy of
//! the recorder's directory alone opens nothing on another machine.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use farwatch_shared::keys::{KeyError, OpenKey, Sealed};

use super::protocol::{Current, Plan};

const PLAN: &str = "plan.sealed";
const KEY: &str = "plan.key";
const CURRENT: &str = "current";

/// Why the plan cannot be kept or read.
#[derive(Debug, thiserror::Error)]
pub enum KeptError {
    #[error("{path} cannot be {doing}")]
    Io { path: PathBuf, doing: &'static str, source: io::Error },
    #[error("the recorder's plan does not open with this box's key; the agent will send it anew")]
    Sealed(#[from] KeyError),
    #[error("the recorder's plan cannot be read; the agent will send it anew")]
    Malformed(#[from] serde_json::Error),
}

fn at(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> KeptError {
    let path = path.to_path_buf();
    move |source| KeptError::Io { path, doing, source }
}

/// The recorder's own directory.
#[derive(Debug, Clone)]
pub struct Kept {
    dir: PathBuf,
}

impl Kept {
    /// The directory `recorder/`, which must exist.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// The plan as last saved; `None` when there never was one.
    ///
    /// # Errors
    /// When there is one that cannot be read: recording then waits for the agent.
    pub fn load(&self) -> Result<Option<Plan>, KeptError> {
        let path = self.dir.join(PLAN);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(at(&path, "read")(e)),
        };
        let sealed: Sealed = serde_json::from_slice(&text)?;
        let opened = self.key()?.open(&sealed, &binding())?;
        Ok(Some(serde_json::from_slice(&opened)?))
    }

    /// Replaces the plan, durably.
    ///
    /// # Errors
    /// When it cannot be written; the one before then still stands.
    pub fn save(&self, plan: &Plan) -> Result<(), KeptError> {
        let plain = zeroize::Zeroizing::new(serde_json::to_vec(plan)?);
        let sealed = self.key()?.public().seal(&plain, &binding())?;
        self.replace(PLAN, &serde_json::to_vec(&sealed)?)
    }

    /// Says which recorder runs.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn announce(&self, current: &Current) -> Result<(), KeptError> {
        self.replace(CURRENT, &serde_json::to_vec(current)?)
    }

    /// The recorder that last announced itself; whether it still runs is for the reader to find out.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn current(&self) -> Result<Option<Current>, KeptError> {
        let path = self.dir.join(CURRENT);
        match fs::read(&path) {
            Ok(text) => Ok(Some(serde_json::from_slice(&text)?)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(at(&path, "read")(e)),
        }
    }

    /// The key, made at first use.
    fn key(&self) -> Result<OpenKey, KeptError> {
        let path = self.dir.join(KEY);
        match fs::read(&path) {
            Ok(bytes) => return Ok(OpenKey::from_bytes(&bytes)?),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(e) => return Err(at(&path, "read")(e)),
        }
        let key = OpenKey::generate();
        self.replace(KEY, &key.to_bytes())?;
        Ok(key)
    }

    /// Writes beside, syncs, renames over, syncs the directory: after a power cut the old or the new file is there, whole.
    fn replace(&self, name: &str, bytes: &[u8]) -> Result<(), KeptError> {
        let path = self.dir.join(name);
        let beside = self.dir.join(format!("{name}.new"));
        let written = (|| {
            let mut file = File::options().create(true).write(true).truncate(true).mode(0o600).open(&beside)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&beside, &path)?;
            File::open(&self.dir)?.sync_all()
        })();
        written.map_err(at(&path, "written"))
    }
}

/// What the plan is bound to. A box without a machine id binds to nothing but its key.
fn binding() -> Vec<u8> {
    let machine = fs::read_to_string("/etc/machine-id").unwrap_or_default();
    format!("farwatch recorder plan v1|{}", machine.trim()).into_bytes()
}

#[cfg(test)]
mod tests {
    use farwatch_shared::id::CameraId;
    use farwatch_shared::secret::Secret;

    use super::super::protocol::PlanCamera;
    use super::*;

    fn plan() -> Plan {
        let camera = PlanCamera {
            camera: CameraId::generate(),
            streams: Vec::new(),
            credential: Some(Secret::new("admin:hunter2")),
            source: farwatch_shared::wire::latest::SourceChoice::Auto,
            audio: false,
            ca_pem: None,
            floor_days: 30,
        };
        Plan { number: 7, cameras: vec![camera], ..Plan::default() }
    }

    #[test]
    fn a_plan_is_kept_without_its_passwords_in_the_clear() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::new(dir.path());
        assert!(kept.load().unwrap().is_none());
        kept.save(&plan()).unwrap();
        assert_eq!(kept.load().unwrap().map(|p| p.number), Some(7));
        let on_disk = fs::read_to_string(dir.path().join(PLAN)).unwrap();
        assert!(!on_disk.contains("hunter2") && !on_disk.contains("admin"));
        use std::os::unix::fs::PermissionsExt as _;
        for name in [PLAN, KEY] {
            let mode = fs::metadata(dir.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn a_plan_without_its_key_is_an_error_and_not_a_panic() {
        let dir = tempfile::tempdir().unwrap();
        let kept = Kept::new(dir.path());
        kept.save(&plan()).unwrap();
        fs::remove_file(dir.path().join(KEY)).unwrap();
        assert!(matches!(kept.load(), Err(KeptError::Sealed(_))));
        kept.save(&plan()).unwrap();
        fs::write(dir.path().join(PLAN), b"{").unwrap();
        assert!(matches!(kept.load(), Err(KeptError::Malformed(_))));
    }
}
