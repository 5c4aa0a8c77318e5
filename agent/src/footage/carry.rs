//! Carries one order out, from finding the footage to the last byte, through restarts of the hub and cuts of the line.

use std::sync::Arc;
use std::time::Duration;

use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::Signed;
use farwatch_shared::wire::latest::{Manifest, Order, OrderBody, PullOrder, Rendition};
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::desk::DeskConfig;
use super::manifest::{GatherError, Sending, gather};
use super::open::{load_manifest, previews, save_manifest};
use super::upload::{Shaper, Upload};
use crate::config::make_private;
use crate::media::preview::{Original, Preview, make};
use crate::media::worker::Launch;

/// An upload may end this long after its order expired: what was begun in time is finished.
const GRACE_MS: i64 = 24 * 3_600_000;
/// Waits between attempts, doubled up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(30);
/// How long the catalog may take to open after a start.
const CATALOG_TRIES: u32 = 240;

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carried {
    Done,
    Refused {
        refusal: Refusal,
        detail: String,
    },
    Failed {
        refusal: Refusal,
        detail: String,
    },
    /// The agent stops; the next start goes on.
    Stopped,
}

pub struct Carrier {
    pub config: Arc<DeskConfig>,
    pub shaper: Shaper,
    pub order: Order,
    pub sent: watch::Sender<u64>,
    pub total: watch::Sender<u64>,
}

impl Carrier {
    pub async fn carry(self, turns: &Semaphore, stop: &CancellationToken) -> Carried {
        tokio::select! {
            biased;
            () = stop.cancelled() => Carried::Stopped,
            carried = self.work(turns) => carried,
        }
    }

    async fn work(&self, turns: &Semaphore) -> Carried {
        let Ok(_turn) = turns.acquire().await else { return Carried::Stopped };
        let OrderBody::Pull(pull) = &self.order.body;
        let Ready { bytes, sending, copies: _copies } = match self.prepare(pull).await {
            Ok(ready) => ready,
            Err((refusal, detail)) => return Carried::Refused { refusal, detail },
        };
        self.total.send_replace(sending.iter().map(|s| s.segment.sent_size().0).sum());
        let mut wait = FIRST_WAIT;
        loop {
            let door = self.config.door.borrow().clone();
            let before = *self.sent.borrow();
            let upload = Upload { order: self.order.order, door: &door, shaper: &self.shaper, sent: &self.sent };
            match upload.run(&bytes, &sending).await {
                Ok(()) => return Carried::Done,
                Err(error) if error.may_pass() => {
                    debug!(order = %self.order.order, %error, "an upload waits");
                    if self.config.trusted.now().since(self.order.expires_at_ms) > GRACE_MS {
                        let detail = "the hub could not be reached until a day after the order expired".into();
                        return Carried::Failed { refusal: Refusal::Expired, detail };
                    }
                    if *self.sent.borrow() > before {
                        wait = FIRST_WAIT;
                    }
                }
                Err(error) => {
                    let detail = chain(&error);
                    warn!(order = %self.order.order, %detail, "an upload failed");
                    return Carried::Failed { refusal: error.refusal(), detail };
                }
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// The manifest's bytes and what is sent: made once, kept, and the same after a restart.
    async fn prepare(&self, pull: &PullOrder) -> Result<Ready, (Refusal, String)> {
        let identity = self.config.identity.borrow().clone();
        if let Some((signed, bytes)) = load_manifest(&self.config.home, self.order.order)
            && let Ok(manifest) = signed.verify(&identity.sign.public())
        {
            if pull.rendition == Rendition::Preview {
                return Err((Refusal::Internal, "the agent restarted while it sent a preview; ask again".into()));
            }
            let sending = manifest
                .segments
                .iter()
                .map(|s| Sending { segment: s.clone(), path: self.config.vault.path(&s.segment) })
                .collect();
            return Ok(Ready { bytes, sending, copies: Vec::new() });
        }
        let (sending, copies) = self.gather(pull).await?;
        let manifest = Manifest {
            order: self.order.order,
            agent: identity.hub.agent,
            camera: pull.camera,
            stream: pull.stream,
            rendition: pull.rendition,
            issued_at_ms: self.config.clock.wall(),
            start_ms: pull.start_ms,
            end_ms: pull.end_ms,
            segments: sending.iter().map(|s| s.segment.clone()).collect(),
            crit: Vec::new(),
        };
        let signed = Signed::sign(&manifest, &identity.sign)
            .map_err(|_| (Refusal::TooLarge, "the list of pieces is too long; ask for a shorter time".to_owned()))?;
        let bytes = serde_json::to_vec(&signed).map_err(|e| (Refusal::Internal, e.to_string()))?;
        save_manifest(&self.config.home, self.order.order, &bytes)
            .map_err(|error| (Refusal::DiskFull, error.to_string()))?;
        Ok(Ready { bytes, sending, copies })
    }

    async fn gather(&self, pull: &PullOrder) -> Result<(Vec<Sending>, Vec<Preview>), (Refusal, String)> {
        let mut tries = 0;
        loop {
            match gather(&self.config.catalog, &self.config.vault, pull).await {
                Ok(sending) => return self.render(pull, sending).await,
                Err(GatherError::NotReady) if tries < CATALOG_TRIES => {
                    tries += 1;
                    tokio::time::sleep(FIRST_WAIT).await;
                }
                Err(error) => return Err((error.refusal(), error.to_string())),
            }
        }
    }

    /// The bytes as recorded, or copies made of them.
    async fn render(
        &self,
        pull: &PullOrder,
        sending: Vec<Sending>,
    ) -> Result<(Vec<Sending>, Vec<Preview>), (Refusal, String)> {
        if pull.rendition == Rendition::Original {
            return Ok((sending, Vec::new()));
        }
        let dir = previews(&self.config.home, self.order.order);
        make_private(&dir).map_err(|error| (Refusal::DiskFull, error.to_string()))?;
        let originals: Vec<Original> =
            sending.into_iter().map(|s| Original { path: s.path, planned: s.segment }).collect();
        let copies = make(&Launch::this_program(), &dir, &originals)
            .await
            .map_err(|error| (Refusal::Unsupported, chain(&error)))?;
        let sending =
            copies.iter().map(|c| Sending { segment: c.planned.clone(), path: c.path().to_path_buf() }).collect();
        Ok((sending, copies))
    }
}

/// What an upload needs. Copies live until it is over.
struct Ready {
    bytes: Vec<u8>,
    sending: Vec<Sending>,
    copies: Vec<Preview>,
}

/// An error with its sources, once.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
