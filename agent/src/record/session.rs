//! Keeps one stream's session with its camera: opens, hands on, watches, opens again.
//!
//! Belongs here: when to try again ([`wait_before`]), the watchdog, what state a stream is in. Does not: what is done with
//! the frames (`intake` and beyond), how a session is spoken (`camera`).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use farwatch_shared::time::{BootNs, Clock};
use farwatch_shared::wire::latest::{CameraState, GapCause, SourceChoice};
use tokio_util::sync::CancellationToken;

use super::intake::{Handed, Intake, StreamKey};
use super::link::Link;
use crate::camera::{Item, Session, Source as _, SourceError, Target};
use crate::media::worker::Launch;

/// Without a frame for so long a session is given up: cameras hang with their connection open.
const WATCHDOG_S: u32 = 6;
/// A session that lasted this long was a good one: the next try comes at once.
const GOOD_NS: i64 = 10_000_000_000;
const SLOWEST: Duration = Duration::from_secs(15);
/// A wrong password is not tried often: cameras lock out who does.
const AFTER_REFUSAL: Duration = Duration::from_secs(30);

/// How a session stands, for the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// `None` while a session plays.
    pub failed: Option<(CameraState, String)>,
    /// When the session began to play, or failed first.
    pub began: BootNs,
    pub source: Option<&'static str>,
}

/// The standing of all streams. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Standings(Arc<Mutex<BTreeMap<StreamKey, Standing>>>);

impl Standings {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<StreamKey, Standing>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[must_use]
    pub fn all(&self) -> BTreeMap<StreamKey, Standing> {
        self.lock().clone()
    }

    pub fn forget(&self, key: StreamKey) {
        self.lock().remove(&key);
    }

    fn set(&self, key: StreamKey, failed: Option<(CameraState, String)>, source: Option<&'static str>, now: BootNs) {
        let mut all = self.lock();
        let before = all.get(&key);
        let state = |failed: &Option<(CameraState, String)>| failed.as_ref().map(|(state, _)| *state);
        let began = before.filter(|b| state(&b.failed) == state(&failed)).map_or(now, |b| b.began);
        all.insert(key, Standing { failed, began, source });
    }
}

/// What every session needs.
#[derive(Clone)]
pub struct Surroundings {
    pub intake: Intake,
    pub standings: Standings,
    pub clock: Clock,
    pub launch: Launch,
}

/// Keeps the session until told to stop.
pub async fn keep(around: Surroundings, choice: SourceChoice, target: Target, stop: CancellationToken) {
    let key = (target.camera, target.stream);
    around.standings.set(key, Some((CameraState::Starting, String::new())), None, around.clock.boot());
    let mut failures = 0;
    let mut link = Link::towards(&target.url);
    loop {
        let began = around.clock.boot();
        // The route of an interface that was switched off is gone: the link stays the one it was.
        if link.has_carrier() {
            link = Link::towards(&target.url);
        }
        around.intake.push(key, Handed::Link { interface: link.interface().map(str::to_owned) });
        let played = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            played = play(&around, choice, &target, key, &link) => played,
        };
        let Err(error) = played;
        tracing::info!(camera = %target.camera, stream = %target.stream, %error, "session ended");
        // Whether every camera is silent is seen later, where all are known.
        let cause = if link.has_carrier() { GapCause::Camera } else { GapCause::Network };
        around.intake.push(key, Handed::End { cause, detail: error.to_string() });
        around.standings.set(key, Some((error.state(), error.to_string())), None, around.clock.boot());
        let lasted = around.clock.boot().since(began);
        failures = if lasted >= GOOD_NS { 0 } else { failures + 1 };
        let wait = wait_before(failures, &error, chance());
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
    }
}

/// One session, from connecting to its end, which is always an error.
async fn play(
    around: &Surroundings,
    choice: SourceChoice,
    target: &Target,
    key: StreamKey,
    link: &Link,
) -> Result<std::convert::Infallible, SourceError> {
    let (opening, mut session) = Session::open(choice, target, &around.launch, &around.clock).await?;
    let codec = opening.codec;
    let source = opening.source;
    tracing::info!(camera = %target.camera, stream = %target.stream, source, ?codec, "session plays");
    around.standings.set(key, None, Some(source), around.clock.boot());
    around.intake.push(key, Handed::Begin(Box::new(opening)));
    let mut last = around.clock.boot();
    let mut watch = tokio::time::interval(Duration::from_secs(1));
    watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            item = session.next() => {
                let item = item?;
                if let Item::Video { at, .. } = &item {
                    last = last.max(*at);
                }
                around.intake.item(key, codec, item);
            }
            _ = watch.tick() => {
                if !link.has_carrier() {
                    around.intake.push(key, Handed::NoCarrier);
                }
                watchdog(last, around.clock.boot())?;
            }
        }
    }
}

/// Gives a session up that has been silent for too long.
///
/// # Errors
/// When the last frame is that long ago.
pub fn watchdog(last: BootNs, now: BootNs) -> Result<(), SourceError> {
    if now.since(last) >= i64::from(WATCHDOG_S) * 1_000_000_000 {
        return Err(SourceError::Silent { seconds: WATCHDOG_S });
    }
    Ok(())
}

/// How long to wait: nothing to speak of after a good session, then longer and longer. `chance` is 0 to 255 and spreads
/// many cameras over time.
fn wait_before(failures: u32, error: &SourceError, chance: u8) -> Duration {
    let base = match (error, failures) {
        (SourceError::AuthFailed, _) => AFTER_REFUSAL,
        (_, 0 | 1) => return Duration::from_millis(u64::from(chance) / 2),
        (_, 2 | 3) => Duration::from_millis(400),
        (_, n) => Duration::from_millis(500 << (n - 4).min(6)).min(SLOWEST),
    };
    base * 3 / 4 + base / 2 * u32::from(chance) / 255
}

fn chance() -> u8 {
    let mut byte = [128];
    // Without randomness every camera waits equally long, which is no harm.
    let _ = getrandom::fill(&mut byte);
    byte[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(failures: u32, chance: u8) -> u128 {
        wait_before(failures, &SourceError::Silent { seconds: 6 }, chance).as_millis()
    }

    #[test]
    fn the_first_try_comes_at_once_and_later_ones_ever_slower_up_to_15_s() {
        assert!(wait(0, 255) < 200 && wait(1, 255) < 200);
        let waits: Vec<u128> = (2..14).map(|n| wait(n, 128)).collect();
        assert!(waits.windows(2).all(|w| w[0] <= w[1]), "{waits:?}");
        assert!(wait(40, 0) >= 11_000 && wait(40, 255) <= 19_000);
        assert!(wait_before(0, &SourceError::AuthFailed, 0) >= Duration::from_secs(20), "no lock-out");
    }
}
