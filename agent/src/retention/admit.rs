//! Whether a retention policy is taken: one that this disk cannot keep is refused with the bytes missing, and the one before
//! stays in force (RET-02). Nothing is ever deleted because of a refused policy.
//!
//! Belongs here: the verdict (pure), and the file that remembers what is in force over a restart. Does not: the sum
//! (`shared::policy::budget`), applying a policy (`reconcile`).

use std::path::Path;

use farwatch_shared::digest::Digest;
use farwatch_shared::policy::budget::{Budget, Demand, budget, declared_per_day};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::size::ByteSize;
use farwatch_shared::wire::latest::{CamerasPart, Problem, RetentionPart};
use serde::{Deserialize, Serialize};

use super::forecast::{Measured, event_permille};
use super::rules::DEFAULT_RULE;
use crate::store::replace_json;

/// What is in force, and what was refused last.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct InForce {
    /// `None` before the first policy.
    pub policy: Option<RetentionPart>,
    #[serde(default)]
    pub refused: Option<Refused>,
}

/// A policy that is not in force although the hub wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Of the policy as JSON.
    pub digest: Digest,
    pub missing: ByteSize,
    pub detail: String,
}

impl Refused {
    /// For the report.
    #[must_use]
    pub fn problem(&self) -> Problem {
        Problem {
            camera: None,
            refusal: Refusal::PolicyTooLarge,
            detail: self.detail.clone(),
            missing: Some(self.missing),
        }
    }
}

impl InForce {
    /// What the file says; nothing when there is none or it is damaged. The hub's next policy is then the first.
    #[must_use]
    pub fn load(path: &Path) -> Self {
        std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    /// # Errors
    /// As the file system has it.
    pub fn save(&self, path: &Path) -> std::io::Result<()> {
        replace_json(path, self)
    }

    /// Judges what the hub wants; gives what is in force from now on.
    ///
    /// While nothing is measured yet, a policy is taken as it is, unless it is the one that was refused before. One that
    /// asks for less than what is in force is always taken: it makes things better.
    #[must_use]
    pub fn judge(self, wanted: &RetentionPart, cameras: &CamerasPart, measured: Option<&Measured>) -> Self {
        if self.policy.as_ref() == Some(wanted) {
            return Self { policy: self.policy, refused: None };
        }
        let digest = digest(wanted);
        let Some(measured) = measured else {
            return match self.refused {
                Some(refused) if refused.digest == digest => Self { refused: Some(refused), ..self },
                _ => Self { policy: Some(wanted.clone()), refused: None },
            };
        };
        let asked = needs(wanted, cameras, measured);
        let before = self.policy.as_ref().map(|policy| needs(policy, cameras, measured));
        let is_more = before.is_none_or(|before| asked.missing > before.missing);
        if asked.fits() || !is_more {
            return Self { policy: Some(wanted.clone()), refused: None };
        }
        let refused = Refused { digest, missing: asked.missing, detail: words(&asked) };
        Self { policy: self.policy, refused: Some(refused) }
    }
}

/// The sum for a policy: measured rates where there are some, declared ones otherwise.
fn needs(policy: &RetentionPart, cameras: &CamerasPart, measured: &Measured) -> Budget {
    let demands: Vec<Demand> = cameras
        .cameras
        .iter()
        .map(|camera| {
            let rate = measured.rates.get(&camera.camera);
            Demand {
                camera: camera.camera,
                bytes_per_day: rate.map(|r| ByteSize(r.bytes_per_day)).or_else(|| declared_per_day(camera)),
                event_permille: event_permille(rate),
                rule: policy.cameras.get(&camera.camera).copied().unwrap_or(DEFAULT_RULE),
            }
        })
        .collect();
    budget(&demands, measured.room(policy.min_free))
}

fn words(asked: &Budget) -> String {
    let hours = asked.hours_possible.map_or_else(String::new, |hours| {
        format!(" (room for {} days and {} hours of all cameras)", hours / 24, hours % 24)
    });
    format!(
        "needs {}, this disk has {} for footage{hours}: {} are missing; the policy before stays in force",
        asked.needed, asked.usable, asked.missing
    )
}

fn digest(policy: &RetentionPart) -> Digest {
    Digest::of(&serde_json::to_vec(policy).unwrap_or_default())
}

#[cfg(test)]
#[path = "admit_tests.rs"]
mod tests;
