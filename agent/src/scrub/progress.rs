//! How far the rounds have come. Lost, it costs a round begun anew and nothing else.

use std::path::Path;

use farwatch_shared::id::{CameraId, StreamName};
use farwatch_shared::size::ByteSize;
use farwatch_shared::time::WallMs;
use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::catalog::StreamKey;
use crate::store::replace_json;

/// One round over all footage, in figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Round {
    /// In trusted time, as the next.
    pub began_ms: WallMs,
    #[serde(default)]
    pub ended_ms: Option<WallMs>,
    pub segments: u64,
    pub bytes: ByteSize,
    /// Segments that were not what was recorded.
    pub damaged: u64,
}

/// What is kept over a restart.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Progress {
    pub round: Round,
    /// Streams before this one are done in this round; of this one everything before the time.
    #[serde(default)]
    pub at: Option<(CameraId, StreamName, WallMs)>,
    /// The last whole round.
    #[serde(default)]
    pub last: Option<Round>,
}

impl Progress {
    #[must_use]
    pub fn load(path: &Path) -> Self {
        std::fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
    }

    pub fn save(&self, path: &Path) {
        if let Err(error) = replace_json(path, self) {
            debug!(%error, "the progress of a scrub cannot be kept; a restart begins the round anew");
        }
    }

    /// Begins the next round.
    pub fn begin(&mut self, now_ms: WallMs) {
        if self.round.ended_ms.is_some() {
            self.last = Some(self.round);
        }
        self.round = Round { began_ms: now_ms, ..Round::default() };
        self.at = None;
    }

    /// Where to go on in a stream; `None` when this round is done with it.
    #[must_use]
    pub fn from(&self, stream: StreamKey) -> Option<WallMs> {
        match self.at {
            None => Some(WallMs(i64::MIN)),
            Some((camera, name, from)) => {
                let at = StreamKey { camera, stream: name };
                match stream.cmp(&at) {
                    std::cmp::Ordering::Less => None,
                    std::cmp::Ordering::Equal => Some(from),
                    std::cmp::Ordering::Greater => Some(WallMs(i64::MIN)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_round_goes_on_where_it_was_and_lost_progress_begins_anew() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("scrub.json");
        let mut cameras = [CameraId::generate(), CameraId::generate(), CameraId::generate()];
        cameras.sort_unstable();
        let stream = |n: usize| StreamKey { camera: cameras[n], stream: StreamName::Main };
        let mut progress = Progress::load(&path);
        progress.begin(WallMs(5));
        progress.at = Some((cameras[1], StreamName::Main, WallMs(700)));
        progress.save(&path);
        let again = Progress::load(&path);
        assert_eq!(again, progress);
        let from = [0, 1, 2].map(|n| again.from(stream(n)));
        assert_eq!(from, [None, Some(WallMs(700)), Some(WallMs(i64::MIN))]);
        std::fs::write(&path, b"{").unwrap();
        assert_eq!(Progress::load(&path), Progress::default());
    }
}
