//! How footage ends where nothing follows it: what of the last pictures is whole, and streams nothing can be decoded of.

use super::{Action, ClosedWhy, Cutter, GapCause, Hole, Moment, Timed};

/// Said of a stream whose parameter sets are missing or broken.
const NO_SETS: &str = "its parameter sets are missing or not understood; restart the camera or set another encoding";

/// A keyframe came that nothing can be decoded with.
pub(super) fn say_unusable(hole: &mut Hole, out: &mut Vec<Action>) {
    out.push(Action::Defect("parameter_sets_not_understood"));
    out.push(Action::Unusable(NO_SETS));
    hole.explain(NO_SETS);
}

impl Cutter {
    /// The parameter sets were replaced by some that nothing can be decoded with: the file ends before them.
    pub(super) fn end_unusable(&mut self, out: &mut Vec<Action>) {
        self.end_file(None, ClosedWhy::Parameters, GapCause::Camera, NO_SETS, out);
        self.window.clear();
        say_unusable(&mut self.hole, out);
    }

    /// Whatever is whole in the window goes into the file, then the file ends and a hole begins.
    pub(super) fn finish(&mut self, now: Moment, why: ClosedWhy, cause: GapCause, detail: &str, out: &mut Vec<Action>) {
        // Pictures shown after one that never came are left out: they would hide it in the middle of the footage.
        let nominal = self.pace.nominal();
        let whole = self.window.whole_until(nominal);
        let torn = |timed: &Timed| whole.is_some_and(|until| timed.unit.shown > until);
        if let Some(file) = &mut self.file
            && let Some(at) = file.pending.iter().position(torn)
        {
            // Footage ends where the first of them would have been decoded.
            file.last = file.pending[at].decoded - nominal;
            file.pending.truncate(at);
        } else {
            while let Some(timed) = self.window.release().filter(|timed| !torn(timed)) {
                self.take(timed, now, out);
            }
        }
        self.window.clear();
        self.end_file(None, why, cause, detail, out);
    }
}
