//! Turns plans into running streams: starts what is new, stops what is gone, restarts what changed, leaves the rest alone.

use std::collections::BTreeMap;

use farwatch_shared::id::StreamName;
use farwatch_shared::wire::latest::{GapCause, SourceChoice};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::protocol::{Plan, PlanMode};
use crate::camera::Target;
use crate::ledger::entry::{ClosedWhy, Moment};
use crate::record::intake::{Handed, StreamKey};
use crate::record::session::{self, Surroundings};

/// All a stream's session is made from; a stream whose wish differs is restarted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    pub choice: SourceChoice,
    pub target: Target,
    /// Changes without the session noticing.
    pub mode: PlanMode,
}

impl Wish {
    fn key(&self) -> StreamKey {
        (self.target.camera, self.target.stream)
    }

    fn same_session(&self, other: &Self) -> bool {
        (self.choice, &self.target) == (other.choice, &other.target)
    }
}

/// What must happen for a plan to be in force.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Steps {
    pub stop: Vec<StreamKey>,
    pub restart: Vec<Wish>,
    pub start: Vec<Wish>,
    /// Recorded at other times from now on.
    pub change: Vec<(StreamKey, PlanMode)>,
}

/// The streams a plan wants read.
#[must_use]
pub fn wishes(plan: &Plan) -> BTreeMap<StreamKey, Wish> {
    let mut wishes = BTreeMap::new();
    for camera in &plan.cameras {
        for stream in camera.streams.iter().filter(|s| s.mode.reads()) {
            let target = Target {
                camera: camera.camera,
                stream: stream.stream,
                url: stream.url.clone(),
                credential: camera.credential.clone(),
                // Sound belongs to the main stream; a second copy proves nothing.
                audio: camera.audio && stream.stream == StreamName::Main,
                ca_pem: camera.ca_pem.clone(),
            };
            let wish = Wish { choice: camera.source, target, mode: stream.mode.clone() };
            wishes.insert(wish.key(), wish);
        }
    }
    wishes
}

/// The way from what runs to what is wanted.
#[must_use]
pub fn steps(running: &BTreeMap<StreamKey, Wish>, wanted: &BTreeMap<StreamKey, Wish>) -> Steps {
    let mut steps =
        Steps { stop: running.keys().filter(|k| !wanted.contains_key(k)).copied().collect(), ..Steps::default() };
    for (key, wish) in wanted {
        match running.get(key) {
            None => steps.start.push(wish.clone()),
            Some(now) => {
                if !now.same_session(wish) {
                    steps.restart.push(wish.clone());
                }
                if now.mode != wish.mode {
                    steps.change.push((*key, wish.mode.clone()));
                }
            }
        }
    }
    steps
}

/// The running streams.
pub struct Supervisor {
    around: Surroundings,
    running: BTreeMap<StreamKey, Wish>,
    stops: BTreeMap<StreamKey, CancellationToken>,
    tasks: JoinSet<()>,
}

impl Supervisor {
    #[must_use]
    pub fn new(around: Surroundings) -> Self {
        Self { around, running: BTreeMap::new(), stops: BTreeMap::new(), tasks: JoinSet::new() }
    }

    /// Brings a plan into force.
    pub fn apply(&mut self, plan: &Plan, now: Moment) {
        let wanted = wishes(plan);
        let steps = steps(&self.running, &wanted);
        for key in &steps.stop {
            self.stop(*key, ClosedWhy::Plan);
        }
        for (key, mode) in steps.change {
            self.around.intake.push(key, Handed::Mode(mode));
        }
        for wish in steps.restart {
            let key = wish.key();
            if let Some(stop) = self.stops.remove(&key) {
                stop.cancel();
            }
            let detail = "the camera's settings were changed".into();
            self.around.intake.push(key, Handed::End { cause: GapCause::Operator, detail });
            self.keep(wish);
        }
        for wish in steps.start {
            let key = wish.key();
            self.around.intake.push(key, Handed::Mode(wish.mode.clone()));
            self.around.intake.push(key, Handed::Start(now));
            self.keep(wish);
        }
        self.running = wanted;
        // Sessions that were stopped are gone by now or soon.
        while self.tasks.try_join_next().is_some() {}
    }

    /// Stops everything; the files are closed by the writer.
    pub fn stop_all(&mut self, why: ClosedWhy) {
        let keys: Vec<StreamKey> = self.running.keys().copied().collect();
        for key in keys {
            self.stop(key, why);
        }
        self.running.clear();
    }

    fn keep(&mut self, wish: Wish) {
        let key = wish.key();
        let stop = CancellationToken::new();
        self.stops.insert(key, stop.clone());
        self.tasks.spawn(session::keep(self.around.clone(), wish.choice, wish.target, stop));
    }

    fn stop(&mut self, key: StreamKey, why: ClosedWhy) {
        if let Some(stop) = self.stops.remove(&key) {
            stop.cancel();
        }
        self.around.standings.forget(key);
        self.around.intake.push(key, Handed::Stop(why));
    }
}

#[cfg(test)]
mod tests {
    use farwatch_shared::id::CameraId;

    use super::super::protocol::{PlanCamera, PlanStream};
    use super::*;

    fn plan(cameras: &[(CameraId, &str, bool)]) -> Plan {
        let mode = |record| if record { PlanMode::Continuous } else { PlanMode::Off };
        let camera = |(camera, url, record): &(CameraId, &str, bool)| PlanCamera {
            camera: *camera,
            streams: vec![PlanStream { stream: StreamName::Main, url: (*url).into(), mode: mode(*record) }],
            credential: None,
            source: SourceChoice::Auto,
            audio: false,
            ca_pem: None,
            floor_days: 30,
        };
        Plan { cameras: cameras.iter().map(camera).collect(), ..Plan::default() }
    }

    #[test]
    fn a_new_plan_disturbs_only_what_it_changes() {
        let (a, b, c, d) = (CameraId::generate(), CameraId::generate(), CameraId::generate(), CameraId::generate());
        let before = wishes(&plan(&[(a, "rtsp://a", true), (b, "rtsp://b", true), (c, "rtsp://c", true)]));
        let after = wishes(&plan(&[
            (a, "rtsp://a", true),
            (b, "rtsp://x", true),
            (c, "rtsp://c", false),
            (d, "rtsp://d", true),
        ]));
        let steps = steps(&before, &after);
        assert_eq!(steps.stop, [(c, StreamName::Main)]);
        assert_eq!(steps.restart.iter().map(|w| w.target.camera).collect::<Vec<_>>(), [b]);
        assert_eq!(steps.start.iter().map(|w| w.target.camera).collect::<Vec<_>>(), [d]);
    }

    // CAP-02
    #[test]
    fn another_mode_leaves_the_session_alone() {
        let camera = CameraId::generate();
        let before = plan(&[(camera, "rtsp://a", true)]);
        let mut after = before.clone();
        after.cameras[0].streams[0].mode = PlanMode::LiveOnly;
        let steps = steps(&wishes(&before), &wishes(&after));
        assert_eq!(steps, Steps { change: vec![((camera, StreamName::Main), PlanMode::LiveOnly)], ..Steps::default() });
    }
}
