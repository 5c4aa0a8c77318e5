//! Says what was applied and what is: on every change, and at the beginning of every session.

use std::time::Duration;

use farwatch_shared::time::Clock;
use farwatch_shared::topic::Up;
use farwatch_shared::wire::latest::{ActualStream, Reported};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::intake::Applied;
use super::keeper::RecorderView;
use crate::uplink::{Priority, Uplink};

/// Changes within this go out together.
const GATHER: Duration = Duration::from_millis(200);

/// Runs until stopped.
pub async fn report(
    uplink: Uplink,
    mut applied: watch::Receiver<Applied>,
    mut recorder: watch::Receiver<RecorderView>,
    clock: Clock,
    stop: CancellationToken,
) {
    let mut line = uplink.line();
    let mut said: Option<Reported> = None;
    loop {
        let session = line.borrow_and_update().session().map(|s| s.number);
        if let Some(session) = session {
            let now = make(&applied.borrow_and_update(), &recorder.borrow_and_update(), session, &clock);
            let is_new = said.as_ref().is_none_or(|s| Reported { at_ms: now.at_ms, ..s.clone() } != now);
            if is_new {
                match uplink.say(Up::Reported, &now, Priority::Certain) {
                    Ok(()) => said = Some(now),
                    Err(error) => debug!(%error, "the report waits"),
                }
            }
        }
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            r = line.changed() => if r.is_err() { return },
            r = applied.changed() => if r.is_err() { return },
            r = recorder.changed() => if r.is_err() { return },
            // A report the line had no room for.
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
        tokio::time::sleep(GATHER).await;
    }
}

fn make(applied: &Applied, recorder: &RecorderView, session: u64, clock: &Clock) -> Reported {
    Reported {
        at_ms: clock.wall(),
        session,
        generation: applied.generation,
        digest: applied.digest,
        parts: applied.parts.clone(),
        refused: applied.refused.clone(),
        problems: applied.problems.clone(),
        actual: recorder
            .streams
            .iter()
            .map(|(key, status)| ActualStream { camera: key.camera, stream: key.stream, state: status.state })
            .collect(),
        agent_version: env!("CARGO_PKG_VERSION").into(),
        recorder_version: recorder.version.clone(),
    }
}
