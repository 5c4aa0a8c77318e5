//! `up/reported`: what an agent has applied.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{CameraState, PartName};
use crate::digest::Digest;
use crate::id::{CameraId, StreamName};
use crate::refusal::Refusal;
use crate::size::ByteSize;
use crate::time::WallMs;

/// The agent's answer to a desired state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reported {
    pub at_ms: WallMs,
    /// Session whose presence this belongs to.
    pub session: u64,
    /// Generation applied; 0 before the first.
    pub generation: u64,
    /// Digest of the signed bytes of the applied document.
    #[serde(default)]
    pub digest: Option<Digest>,
    /// Parts held, by name.
    #[serde(default)]
    pub parts: BTreeMap<PartName, Digest>,
    /// A newer generation that was refused, and why.
    #[serde(default)]
    pub refused: Option<RefusedDesired>,
    /// What could not be applied within the accepted generation.
    #[serde(default)]
    pub problems: Vec<Problem>,
    /// What is: recording state per camera stream, so that drift is seen and not assumed.
    #[serde(default)]
    pub actual: Vec<ActualStream>,
    pub agent_version: String,
    #[serde(default)]
    pub recorder_version: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedDesired {
    pub generation: u64,
    pub refusal: Refusal,
    pub at_ms: WallMs,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    #[serde(default)]
    pub camera: Option<CameraId>,
    pub refusal: Refusal,
    pub detail: String,
    /// Bytes the disk is short of, for `policy_too_large`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing: Option<ByteSize>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActualStream {
    pub camera: CameraId,
    pub stream: StreamName,
    pub state: CameraState,
}
