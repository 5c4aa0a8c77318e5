//! Whether each stream is what its camera was set to: a camera that lost its settings after a power cut, or that somebody
//! turned down, is told within two minutes.
//!
//! Belongs here: the bands ([`off_target`], pure), how long something must be out of them, the task that says so. Does not:
//! measuring (the recorder), setting a camera right.

use std::collections::BTreeMap;
use std::time::Duration;

use farwatch_shared::time::BootNs;
use farwatch_shared::wire::latest::{CameraState, FaultKind, StreamTarget};
use tokio_util::sync::CancellationToken;

use super::cameras::Sources;
use super::faults::{About, Faults, Told};
use crate::catalog::StreamKey;
use crate::recorder::protocol::StreamStatus;

const LOOK: Duration = Duration::from_secs(5);
/// Out of band for so long is drift; in band for so long mends it. With the 5 s over which rates are measured an alarm
/// comes well within two minutes, and a moment's stutter raises none.
const SETTLED_NS: i64 = 60_000_000_000;

/// What is wrong with a stream against its target; `None` while it is as it should be, or not known.
#[must_use]
pub fn off_target(target: &StreamTarget, is: &StreamStatus) -> Option<String> {
    let mut wrong = Vec::new();
    if let (Some(want), Some(got)) = (target.width.zip(target.height), is.width.zip(is.height))
        && want != got
    {
        wrong.push(format!("{} x {} instead of {} x {}", got.0, got.1, want.0, want.1));
    }
    if let Some(want) = target.fps_milli.filter(|_| is.fps_milli > 0)
        && !within(u64::from(is.fps_milli), u64::from(want), 80, 125)
    {
        let frames = |milli: u32| format!("{}.{}", milli / 1_000, milli % 1_000 / 100);
        wrong.push(format!("{} frames/s instead of {}", frames(is.fps_milli), frames(want)));
    }
    // A still scene may need little: the lower bound is for a picture that is as good as none.
    if let Some(want) = target.bits_per_s.filter(|_| is.bits_per_s > 0)
        && !within(is.bits_per_s, want, 10, 150)
    {
        wrong.push(format!("{} kbit/s instead of {}", is.bits_per_s / 1_000, want / 1_000));
    }
    (!wrong.is_empty()).then(|| wrong.join(", "))
}

/// Whether `is` lies between these percentages of `want`.
fn within(is: u64, want: u64, least: u64, most: u64) -> bool {
    let is = u128::from(is) * 100;
    (u128::from(want) * u128::from(least)..=u128::from(want) * u128::from(most)).contains(&is)
}

/// What was seen of the streams, and since when.
#[derive(Debug, Default)]
pub struct Drift {
    seen: BTreeMap<StreamKey, Seen>,
}

#[derive(Debug)]
struct Seen {
    off: bool,
    since: BootNs,
    /// The agent's log has it.
    told: bool,
}

/// Something to say of a stream: what is wrong, or that it is right again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub key: StreamKey,
    pub off: Option<String>,
}

impl Drift {
    /// Looks at every stream that plays; gives what has been so for long enough and is not told yet.
    pub fn look(
        &mut self,
        targets: &BTreeMap<StreamKey, StreamTarget>,
        streams: &BTreeMap<StreamKey, StreamStatus>,
        now: BootNs,
    ) -> Vec<Verdict> {
        self.seen.retain(|key, _| targets.contains_key(key));
        let mut verdicts = Vec::new();
        for (key, target) in targets {
            let plays = |s: &&StreamStatus| matches!(s.state, CameraState::Recording | CameraState::Watching);
            // What does not play is another story, told elsewhere; a rate needs its time to be measured.
            let Some(is) = streams.get(key).filter(plays).filter(|s| s.fps_milli > 0) else {
                self.seen.retain(|seen, s| seen != key || s.told);
                continue;
            };
            let off = off_target(target, is);
            let seen = self.seen.entry(*key).or_insert(Seen { off: off.is_some(), since: now, told: false });
            if seen.off != off.is_some() {
                *seen = Seen { off: off.is_some(), since: now, told: false };
            }
            if !seen.told && now.since(seen.since) >= SETTLED_NS {
                verdicts.push(Verdict { key: *key, off });
            }
        }
        verdicts
    }

    /// The log has what was said of a stream.
    pub fn told(&mut self, key: StreamKey) {
        if let Some(seen) = self.seen.get_mut(&key) {
            seen.told = true;
        }
    }
}

/// Runs until stopped.
pub async fn watch_targets(sources: Sources, faults: Faults, stop: CancellationToken) {
    let mut drift = Drift::default();
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let targets = sources.applied.borrow().targets.clone();
        let streams = sources.recorder.borrow().streams.clone();
        for Verdict { key, off } in drift.look(&targets, &streams, sources.clock.boot()) {
            let about = About::stream(key.camera, key.stream);
            let broken = off.ok_or_else(|| "it is as it was set again".to_owned());
            if faults.say(FaultKind::TargetDrift, about, broken).await != Told::Not {
                drift.told(key);
            }
        }
        // A target that was taken back is missed by nobody.
        for open in faults.all() {
            let (FaultKind::TargetDrift, Some(camera), Some(stream)) =
                (open.fact.fault, open.fact.camera, open.fact.stream)
            else {
                continue;
            };
            if !targets.contains_key(&StreamKey { camera, stream }) {
                faults.mended(FaultKind::TargetDrift, About::stream(camera, stream), "it has no target any more").await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use farwatch_shared::id::{CameraId, StreamName};
    use farwatch_shared::time::WallMs;

    use super::*;

    fn status(key: StreamKey, fps_milli: u32, bits_per_s: u64, width: u32) -> StreamStatus {
        StreamStatus {
            camera: key.camera,
            stream: key.stream,
            state: CameraState::Recording,
            since_ms: WallMs(0),
            detail: None,
            source: None,
            codec: None,
            width: Some(width),
            height: Some(1_080),
            audio: false,
            fps_milli,
            bits_per_s,
            last_committed_ms: None,
            unbroken_since_ms: None,
            defects: BTreeMap::new(),
        }
    }

    // CAP-04
    #[test]
    fn drift_is_told_within_two_minutes_and_a_stutter_is_not() {
        let key = StreamKey { camera: CameraId::generate(), stream: StreamName::Main };
        let target = StreamTarget {
            width: Some(1_920),
            height: Some(1_080),
            fps_milli: Some(20_000),
            bits_per_s: Some(4_000_000),
        };
        let targets = BTreeMap::from([(key, target)]);
        let mut drift = Drift::default();
        let mut told = Vec::new();
        for second in (0..900).step_by(5) {
            let is = match second {
                200..=230 => status(key, 9_000, 4_000_000, 1_920),
                400..=600 => status(key, 12_500, 4_000_000, 1_280),
                _ => status(key, 20_400, 1_100_000, 1_920),
            };
            for verdict in drift.look(&targets, &BTreeMap::from([(key, is)]), BootNs(second * 1_000_000_000)) {
                drift.told(key);
                told.push((second, verdict.off));
            }
        }
        let wrong = "1280 x 1080 instead of 1920 x 1080, 12.5 frames/s instead of 20.0".to_owned();
        // What is right from the start is said once too: a fault from before a restart is mended by it.
        let rights: Vec<i64> = told.iter().filter(|(_, off)| off.is_none()).map(|(at, _)| *at).collect();
        assert_eq!(rights, [60, 295, 665]);
        let wrongs: Vec<_> = told.into_iter().filter(|(_, off)| off.is_some()).collect();
        assert_eq!(wrongs, [(460, Some(wrong))], "60 s after it began");
    }

    #[test]
    fn a_still_scene_is_no_drift_and_a_doubled_bit_rate_is() {
        let key = StreamKey { camera: CameraId::generate(), stream: StreamName::Main };
        let target = StreamTarget { width: None, height: None, fps_milli: None, bits_per_s: Some(4_000_000) };
        assert_eq!(off_target(&target, &status(key, 20_000, 500_000, 1_920)), None);
        assert!(off_target(&target, &status(key, 20_000, 300_000, 1_920)).is_some());
        assert!(off_target(&target, &status(key, 20_000, 8_000_000, 1_920)).is_some());
    }
}
