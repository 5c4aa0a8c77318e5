//! What can be said of a stream from what was written of it: rates, codec, how far it is committed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
    pub window: Window,
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
            self.window = Window::default();
        }
    }

    pub(super) fn written(&mut self, pieces: &[FragmentWritten], frames: usize, end: BootNs) {
        let Some(last) = pieces.last() else { return };
        self.last_committed = Some((end, last.end_ms));
        let since = *self.window.since.get_or_insert(last.start_boot_ns);
        self.window.frames += frames as u64;
        self.window.bytes += pieces.iter().map(|p| u64::from(p.length)).sum::<u64>();
        let ns = u64::try_from(end.since(since)).unwrap_or(0);
        if end.since(since) >= RATE_NS {
            let per_s = |n: u64, scale: u64| u128::from(n) * u128::from(scale) * 1_000_000_000 / u128::from(ns);
            self.fps_milli = u32::try_from(per_s(self.window.frames, 1_000)).unwrap_or(u32::MAX);
            self.bits_per_s = u64::try_from(per_s(self.window.bytes, 8)).unwrap_or(u64::MAX);
            self.window = Window { since: Some(end), ..Window::default() };
        }
    }

    pub(super) fn broke(&mut self) {
        self.unbroken_since = None;
        self.fps_milli = 0;
        self.bits_per_s = 0;
        self.window = Window::default();
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
