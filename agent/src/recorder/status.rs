//! How each stream is, from its session and from what was written of it.

use std::collections::BTreeMap;

use farwatch_shared::time::{BootNs, WallMs};
use farwatch_shared::wire::latest::CameraState;

use super::protocol::StreamStatus;
use crate::ledger::entry::Moment;
use crate::record::figures::Figures;
use crate::record::intake::StreamKey;
use crate::record::session::Standing;

/// Without a committed frame for so long a playing stream is stalled.
const STALLED_NS: i64 = 4_000_000_000;

/// What was said last, so that only changes are said at once.
#[derive(Debug, Default)]
pub struct Said {
    streams: BTreeMap<StreamKey, (CameraState, WallMs)>,
    last: Option<BootNs>,
}

/// Everything is said again this often.
const EVERY_NS: i64 = 5_000_000_000;

impl Said {
    /// The statuses that are due now: changed ones, and every few seconds all.
    pub fn due(
        &mut self,
        standings: &BTreeMap<StreamKey, Standing>,
        figures: impl Fn(StreamKey) -> Figures,
        now: Moment,
    ) -> Vec<StreamStatus> {
        let all = self.last.is_none_or(|last| now.boot_ns.since(last) >= EVERY_NS);
        if all {
            self.last = Some(now.boot_ns);
        }
        self.streams.retain(|key, _| standings.contains_key(key));
        let mut due = Vec::new();
        for (key, standing) in standings {
            let figures = figures(*key);
            let state = state(standing, &figures, now);
            let before = self.streams.get(key).copied();
            let since = match before {
                Some((was, since)) if was == state => since,
                _ => now.wall_ms,
            };
            let changed = before.is_none_or(|(was, _)| was != state);
            self.streams.insert(*key, (state, since));
            if changed || all {
                due.push(status(*key, state, since, standing, figures));
            }
        }
        due
    }
}

/// Recording means: frames are committed, not merely that a session plays. Where nothing is due, that frames come.
fn state(standing: &Standing, figures: &Figures, now: Moment) -> CameraState {
    if let Some((state, _)) = &standing.failed {
        return *state;
    }
    if figures.unusable.is_some() {
        return CameraState::Unsupported;
    }
    if !figures.due {
        return match figures.last_arrived {
            Some(at) if now.boot_ns.since(at) < STALLED_NS => CameraState::Watching,
            _ if now.boot_ns.since(standing.began) < STALLED_NS => CameraState::Starting,
            _ => CameraState::Stalled,
        };
    }
    match figures.last_committed {
        Some((at, _)) if figures.missing.is_none() && now.boot_ns.since(at) < STALLED_NS => CameraState::Recording,
        // The first keyframe may take a moment.
        _ if now.boot_ns.since(standing.began) < STALLED_NS => CameraState::Starting,
        _ => CameraState::Stalled,
    }
}

fn status(
    (camera, stream): StreamKey,
    state: CameraState,
    since_ms: WallMs,
    standing: &Standing,
    figures: Figures,
) -> StreamStatus {
    let plays = matches!(state, CameraState::Recording | CameraState::Watching);
    let failed = standing.failed.as_ref().map(|(_, detail)| detail.clone());
    let unusable = || (state == CameraState::Unsupported).then(|| figures.unusable.unwrap_or_default().to_owned());
    let detail = failed.or_else(unusable).filter(|detail| !detail.is_empty());
    StreamStatus {
        camera,
        stream,
        state,
        since_ms,
        detail,
        source: standing.source.map(Into::into),
        codec: figures.codec,
        width: figures.width,
        height: figures.height,
        audio: figures.audio,
        fps_milli: if plays { figures.fps_milli } else { 0 },
        bits_per_s: if plays { figures.bits_per_s } else { 0 },
        last_committed_ms: figures.last_committed.map(|(_, wall)| wall),
        unbroken_since_ms: figures.unbroken_since,
        defects: figures.defects,
    }
}

#[cfg(test)]
mod tests {
    use farwatch_shared::id::{CameraId, StreamName};

    use super::*;

    // PEERS 9
    #[test]
    fn a_camera_whose_pictures_cannot_be_decoded_is_unsupported_and_says_why() {
        let key = (CameraId::generate(), StreamName::Main);
        let standing = Standing { failed: None, began: BootNs(0), source: Some("rtsp") };
        let figures = Figures { unusable: Some("bad sets"), ..Figures::default() };
        let now = Moment { boot_ns: BootNs(1), wall_ms: WallMs(0) };
        let due = Said::default().due(&BTreeMap::from([(key, standing)]), |_| figures.clone(), now);
        assert_eq!((due[0].state, due[0].detail.as_deref()), (CameraState::Unsupported, Some("bad sets")));
    }

    // PEERS 1
    #[test]
    fn a_playing_session_that_commits_nothing_is_stalled_and_says_so_once() {
        let key = (CameraId::generate(), StreamName::Main);
        let standing = Standing { failed: None, began: BootNs(0), source: Some("rtsp") };
        let standings = BTreeMap::from([(key, standing)]);
        let committed = Figures { due: true, last_committed: Some((BootNs(0), WallMs(0))), ..Figures::default() };
        let at = |ms: i64| Moment { boot_ns: BootNs(ms * 1_000_000), wall_ms: WallMs(ms) };
        let mut said = Said::default();
        let states = |due: Vec<StreamStatus>| due.into_iter().map(|s| s.state).collect::<Vec<_>>();
        assert_eq!(states(said.due(&standings, |_| committed.clone(), at(500))), [CameraState::Recording]);
        assert_eq!(states(said.due(&standings, |_| committed.clone(), at(1_000))), []);
        assert_eq!(states(said.due(&standings, |_| committed.clone(), at(4_400))), [CameraState::Stalled]);
        assert_eq!(states(said.due(&standings, |_| committed.clone(), at(4_900))), []);
        assert_eq!(states(said.due(&standings, |_| committed.clone(), at(5_600))), [CameraState::Stalled]);
    }
}
