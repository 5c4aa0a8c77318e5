//! How each camera stream is: what its recorder says, with what the catalog knows.

use std::time::Duration;

use farwatch_shared::size::ByteSize;
use farwatch_shared::time::{Clock, WallMs};
use farwatch_shared::topic::Up;
use farwatch_shared::wire::latest::{CameraState, CameraStatus};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::catalog::{StreamKey, Totals};
use crate::reconcile::{Applied, RecorderView};
use crate::uplink::{Priority, Uplink};

/// Changes within this go out together.
const GATHER: Duration = Duration::from_millis(200);

/// Where the figures come from.
#[derive(Clone)]
pub struct Sources {
    pub applied: watch::Receiver<Applied>,
    pub recorder: watch::Receiver<RecorderView>,
    pub totals: watch::Receiver<Option<std::collections::BTreeMap<StreamKey, Totals>>>,
    pub clock: Clock,
}

/// The state of every known stream.
#[must_use]
pub fn camera_states(sources: &Sources) -> Vec<CameraStatus> {
    let applied = sources.applied.borrow();
    let recorder = sources.recorder.borrow();
    let totals = sources.totals.borrow();
    let now = sources.clock.wall();
    applied
        .known
        .iter()
        .map(|key| {
            let of_stream = totals.as_ref().and_then(|t| t.get(key)).copied().unwrap_or_default();
            let status = status(key, &recorder, &of_stream, now);
            applied.off.get(key).map_or(status.clone(), |since| switched_off(status, *since))
        })
        .collect()
}

fn status(key: &StreamKey, recorder: &RecorderView, totals: &Totals, now: WallMs) -> CameraStatus {
    let said = recorder.streams.get(key);
    let gaps = totals.gaps.on(now);
    let unknown = || match recorder.is_running() {
        true => "the recorder has not said anything of this stream yet",
        false => "the recorder is not running",
    };
    CameraStatus {
        camera: key.camera,
        stream: key.stream,
        state: said.map_or(CameraState::Starting, |s| s.state),
        since_ms: said.map_or(now, |s| s.since_ms),
        detail: said.map_or_else(|| Some(unknown().to_owned()), |s| s.detail.clone()),
        source: said.and_then(|s| s.source.clone()),
        codec: said.and_then(|s| s.codec.clone()),
        width: said.and_then(|s| s.width),
        height: said.and_then(|s| s.height),
        audio: said.is_some_and(|s| s.audio),
        fps_milli: said.map_or(0, |s| s.fps_milli),
        bits_per_s: said.map_or(0, |s| s.bits_per_s),
        last_committed_ms: said.and_then(|s| s.last_committed_ms).or(totals.newest_end_ms),
        // Before the first segment is closed, what is unbroken is also what is oldest.
        oldest_ms: totals.oldest_ms.or(said.and_then(|s| s.unbroken_since_ms)),
        unbroken_since_ms: said.and_then(|s| s.unbroken_since_ms).map(|since| unbroken(since, totals)),
        footage: totals.bytes,
        gaps_today: gaps.today,
        gap_ms_today: gaps.today_ms,
        defects: said.map(|s| s.defects.clone()).unwrap_or_default(),
    }
}

/// A stream that is not to be recorded: what is kept of it stays true, the rest is about a present it does not have.
fn switched_off(status: CameraStatus, since: WallMs) -> CameraStatus {
    CameraStatus {
        state: CameraState::Disabled,
        since_ms: since,
        detail: None,
        fps_milli: 0,
        bits_per_s: 0,
        unbroken_since_ms: None,
        ..status
    }
}

/// A recorder knows of no hole before its own time; the ledger does.
fn unbroken(said: WallMs, totals: &Totals) -> WallMs {
    let by_ledger = totals.oldest_ms.map_or(said, |oldest| oldest.max(totals.gaps.last_end_ms));
    by_ledger.min(said).max(totals.gaps.last_end_ms)
}

/// What makes a state worth telling at once; figures alone travel with health.
fn told(status: &CameraStatus) -> impl PartialEq + use<> {
    let measured = (status.fps_milli > 0, status.last_committed_ms.is_some());
    (
        measured,
        status.state,
        status.detail.clone(),
        status.codec.clone(),
        status.width,
        status.height,
        status.source.clone(),
    )
}

/// Says every stream's state on change, and all of them when a session begins. Runs until stopped.
pub async fn say_changes(uplink: Uplink, sources: Sources, stop: CancellationToken) {
    let mut line = uplink.line();
    let (mut applied, mut recorder) = (sources.applied.clone(), sources.recorder.clone());
    let mut said: Vec<CameraStatus> = Vec::new();
    let mut session = 0;
    loop {
        let now_in = line.borrow_and_update().session().map(|s| s.number);
        applied.borrow_and_update();
        recorder.borrow_and_update();
        if let Some(number) = now_in {
            if number != session {
                session = number;
                said.clear();
            }
            for status in camera_states(&sources) {
                let before = said.iter().position(|s| (s.camera, s.stream) == (status.camera, status.stream));
                if before.is_some_and(|at| told(&said[at]) == told(&status)) {
                    continue;
                }
                if let Err(error) = uplink.say(Up::Camera, &status, Priority::Certain) {
                    debug!(%error, "a camera's state waits");
                    break;
                }
                match before {
                    Some(at) => said[at] = status,
                    None => said.push(status),
                }
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            r = line.changed() => if r.is_err() { return },
            r = applied.changed() => if r.is_err() { return },
            r = recorder.changed() => if r.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
        tokio::time::sleep(GATHER).await;
    }
}

/// Bytes of all footage.
#[must_use]
pub fn footage(sources: &Sources) -> ByteSize {
    let totals = sources.totals.borrow();
    ByteSize(totals.as_ref().map_or(0, |t| t.values().map(|s| s.bytes.0).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::GapFigures;

    #[test]
    fn unbroken_footage_reaches_back_over_recorders_to_the_last_hole() {
        let totals = |oldest, last_end| Totals {
            oldest_ms: Some(WallMs(oldest)),
            gaps: GapFigures { last_end_ms: WallMs(last_end), ..GapFigures::default() },
            ..Totals::default()
        };
        assert_eq!(unbroken(WallMs(900), &totals(100, 0)), WallMs(100), "no hole, an older recorder");
        assert_eq!(unbroken(WallMs(900), &totals(100, 400)), WallMs(400));
        assert_eq!(unbroken(WallMs(900), &totals(100, 950)), WallMs(950), "the ledger knows of a newer hole");
        assert_eq!(unbroken(WallMs(900), &Totals::default()), WallMs(900));
    }
}
