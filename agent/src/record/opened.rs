//! The file a stream is being written into, as far as the rules know it: where it began, what waits for a fragment, when it
//! is to be cut. Pure.

use farwatch_shared::media::VIDEO_TIMESCALE;
use farwatch_shared::media::nal::Picture;
use farwatch_shared::media::sets::VideoConfig;
use farwatch_shared::time::BootNs;

use super::cut::Rules;
use super::window::Timed;
use crate::ledger::entry::{ClosedWhy, Moment};

/// A file without a clean cut in this many times its length is cut where it can be.
const LAST_RESORT: i64 = 5;

/// A file being filled.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) start: Moment,
    pub(super) base: i64,
    pub(super) config: VideoConfig,
    /// Cut at the next keyframe, for this reason.
    pub(super) cut: Option<ClosedWhy>,
    pub(super) pending: Vec<Timed>,
    /// When the first pending unit was taken up.
    pub(super) pending_since: BootNs,
    /// Decode time of the last unit, pending or written.
    pub(super) last: i64,
}

impl OpenFile {
    pub(super) fn push(&mut self, timed: Timed, now: Moment) {
        if self.pending.is_empty() {
            self.pending_since = now.boot_ns;
        }
        self.last = timed.decoded;
        self.pending.push(timed);
    }

    /// Whether the file ends before this unit, and why.
    pub(super) fn cut_here(
        &self,
        timed: &Timed,
        follows_rasl: bool,
        config: &VideoConfig,
        rules: Rules,
    ) -> Option<ClosedWhy> {
        let picture = timed.unit.picture;
        if !picture.is_entry() {
            return None;
        }
        if *config != self.config {
            return Some(ClosedWhy::Parameters);
        }
        if let Some(why) = self.cut {
            return Some(why);
        }
        let length = i64::from(rules.segment_s) * i64::from(VIDEO_TIMESCALE);
        // Half a usual frame of slack: a camera's 60 s are sometimes 59.99.
        let elapsed = timed.decoded - self.base + 1_500;
        let clean = picture.is_clean() || (picture == Picture::Cra && !follows_rasl);
        ((clean && elapsed >= length) || elapsed >= LAST_RESORT * length).then_some(ClosedWhy::Length)
    }
}

/// NTP (32.32) of media ticks, by the latest sender report.
pub(super) fn ntp_at(report: Option<(i64, u64)>, ticks: i64) -> Option<u64> {
    let (at, ntp) = report?;
    let off = (i128::from(ticks - at) << 32) / i128::from(VIDEO_TIMESCALE);
    u64::try_from(i128::from(ntp) + off).ok()
}
