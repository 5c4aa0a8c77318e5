//! What can be said of a stream from what was written of it: rates, codec, how far it is committed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use farwatch_shared::media::sets::VideoConfig;
use farwatch_shared::time::{BootNs, WallMs};
use farwatch_shared::wire::latest::GapCause;

use super::cut::FileStart;
use super::intake::StreamKey;
use crate::recorder::protocol::FragmentWritten;

/// Rates are measured over this long.
const RATE_NS: i64 = 5_000_000_000;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    pub codec: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub audio: bool,
    pub fps_milli: u32,
    pub bits_per_s: u64,
    pub last_committed: Option<(BootNs, WallMs)>,
    pub unbroken_since: Option<WallMs>,
    pub defects: BTreeMap<String, u64>,
    /// Why what comes cannot be recorded, when that is so.
    pub unusable: Option<&'static str>,
    /// Why nothing is recorded now, when that is so.
    pub missing: Option<GapCause>,
    /// Something is to be recorded now.
    pub due: bool,
    /// When the last frame came, recorded or not.
    pub last_arrived: Option<BootNs>,
    pub window: Window,
}

/// What came since it was noted last.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Arrived {
    frames: u64,
    bytes: u64,
    at: Option<BootNs>,
}

impl Arrived {
    pub(super) fn add(&mut self, frames: u64, bytes: usize, at: BootNs) {
        self.frames += frames;
        self.bytes += bytes as u64;
        self.at = self.at.max(Some(at));
    }
}

/// What the rates are being measured over.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    since: Option<BootNs>,
    frames: u64,
    bytes: u64,
}

impl Figures {
    pub(super) fn opened(&mut self, start: &FileStart) {
        self.codec = Some(start.config.codec.clone());
        self.width = Some(start.config.width.into());
        self.height = Some(start.config.height.into());
        self.audio = start.audio.is_some();
        self.unusable = None;
        if !start.continues {
            self.unbroken_since = Some(start.start.wall_ms);
        }
    }

    pub(super) fn written(&mut self, pieces: &[FragmentWritten], end: BootNs) {
        let Some(last) = pieces.last() else { return };
        self.last_committed = Some((end, last.end_ms));
    }

    /// Frames came, whether they are recorded or not.
    pub(super) fn arrived(&mut self, due: bool, arrived: &Arrived, format: Option<&VideoConfig>) {
        self.due = due;
        let Some(at) = arrived.at else { return };
        if let Some(format) = format.filter(|_| !due) {
            self.unusable = None;
            (self.width, self.height) = (Some(format.width.into()), Some(format.height.into()));
            if self.codec.as_ref() != Some(&format.codec) {
                self.codec = Some(format.codec.clone());
            }
        }
        // Frames are counted after the first: a rate is over the time between them.
        if self.last_arrived.replace(at).is_none_or(|last| at.since(last) > RATE_NS) || self.window.since.is_none() {
            self.window = Window { since: Some(at), ..Window::default() };
            return;
        }
        self.window.frames += arrived.frames;
        self.window.bytes += arrived.bytes;
        let since = self.window.since.unwrap_or(at);
        let ns = u64::try_from(at.since(since)).unwrap_or(0);
        if at.since(since) >= RATE_NS {
            let per_s = |n: u64, scale: u64| u128::from(n) * u128::from(scale) * 1_000_000_000 / u128::from(ns);
            self.fps_milli = u32::try_from(per_s(self.window.frames, 1_000)).unwrap_or(u32::MAX);
            self.bits_per_s = u64::try_from(per_s(self.window.bytes, 8)).unwrap_or(u64::MAX);
            self.window = Window { since: Some(at), ..Window::default() };
        }
    }

    pub(super) fn broke(&mut self) {
        self.unbroken_since = None;
    }
}

/// Figures of all streams. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Board(Arc<Mutex<BTreeMap<StreamKey, Figures>>>);

impl Board {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamKey, Figures>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn of(&self, key: StreamKey) -> Figures {
        self.lock().get(&key).cloned().unwrap_or_default()
    }

    pub(super) fn note(&self, key: StreamKey, change: impl FnOnce(&mut Figures)) {
        change(self.lock().entry(key).or_default());
    }

    pub(super) fn forget(&self, key: StreamKey) {
        self.lock().remove(&key);
    }
}
