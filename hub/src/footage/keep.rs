//! The task that seals what has arrived and gives up what will not.
//!
//! Belongs here: [`Footage`]. Wakes on: a nudge, and every second; rows decide, so it heals after any crash.

use std::sync::Arc;
use std::time::Duration;

use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::Clock;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Event, apply, next};
use crate::audit::Actor;
use crate::fleet::{Fleet, PresenceNow};
use crate::store::pulls::{PullRow, PullState};
use crate::store::{self, Db, StoreError};
use crate::vault::{SealError, Vault};

const EVERY: Duration = Duration::from_secs(1);

/// What the task needs.
pub struct Footage {
    pub db: Db,
    pub vault: Vault,
    pub fleet: Fleet,
    pub clock: Clock,
    /// Somebody changed a pull.
    pub nudge: Arc<Notify>,
}

impl Footage {
    pub async fn run(self, stop: CancellationToken) {
        let mut tick = tokio::time::interval(EVERY);
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
                () = self.nudge.notified() => {}
            }
            if let Err(e) = self.run_once().await {
                error!(error = %e, "pulls could not be looked after");
            }
        }
    }

    /// Looks at every open pull once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn run_once(&self) -> store::Result<()> {
        let open = store::pulls::open(&mut *self.db.read().await?).await?;
        for pull in open {
            let now = self.clock.wall();
            let there = self.fleet.agent(pull.agent).is_some_and(|a| a.presence == PresenceNow::Online);
            let all = pull.has_manifest && pull.bytes_received == pull.bytes_total;
            let event = match pull.state {
                PullState::Received => self.seal(&pull).await?,
                _ if all => Event::AllReceived,
                _ => Event::Time { now, agent_is_there: there },
            };
            if next(&pull, &event).is_none() {
                continue;
            }
            let (row, step) = (pull.clone(), event.clone());
            self.db.write(move |c| Box::pin(async move { apply(c, &row, &step, Actor::Hub, now).await })).await?;
            info!(pull = %pull.order, from = ?pull.state, event = ?event, "a pull moved on");
        }
        Ok(())
    }

    async fn seal(&self, pull: &PullRow) -> Result<Event, StoreError> {
        let segments = store::pulls::segments(&mut *self.db.read().await?, pull.order).await?;
        for segment in segments.iter().filter(|s| s.sealed_digest.is_none()) {
            match self.vault.seal(segment).await {
                Ok(digest) => {
                    let (order, short) = (segment.order, segment.short.clone());
                    self.db
                        .write(move |c| {
                            Box::pin(async move { store::pulls::segment_sealed(c, order, &short, &digest).await })
                        })
                        .await?;
                }
                Err(e @ SealError::Digest { .. }) => {
                    warn!(pull = %pull.order, error = %e, "bytes in the vault are not what arrived");
                    return Ok(Event::Failed { refusal: Refusal::DigestMismatch, detail: e.to_string() });
                }
                Err(e) => {
                    warn!(pull = %pull.order, error = %e, "cannot seal yet");
                    return Ok(Event::Progress);
                }
            }
        }
        Ok(Event::Sealed)
    }
}
