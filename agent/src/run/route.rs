//! What the hub says goes to whoever it is for; what the recorder says wakes whoever waits for it.

use farwatch_shared::refusal::Refusal;
use farwatch_shared::topic::Down;
use farwatch_shared::wire::latest::Received;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::catalog::Catalog;
use crate::ledger::agent::AgentLedger;
use crate::ledger::security::Security;
use crate::outbox::Outbox;
use crate::reconcile::Intake;
use crate::uplink::DownMessage;

/// Where messages go.
pub struct Routes {
    /// Only the newest counts.
    pub desired: watch::Sender<Option<DownMessage>>,
    pub orders: mpsc::Sender<DownMessage>,
    pub outbox: Outbox,
    pub security: Security,
}

/// Sorts messages until stopped. Nothing here waits, so one kind never holds up another; nothing unreadable ends it.
pub async fn route(mut down: mpsc::Receiver<DownMessage>, routes: Routes, stop: CancellationToken) {
    loop {
        let message = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            message = down.recv() => message,
        };
        let Some(message) = message else { return };
        match message.topic {
            Down::Desired => {
                routes.desired.send_replace(Some(message));
            }
            Down::Order => {
                if routes.orders.try_send(message).is_err() {
                    warn!("too many orders at once; one is dropped, the hub asks again");
                    routes.security.saw(Refusal::TooMany, "order", "more orders than this agent can look at").await;
                }
            }
            Down::Received => match serde_json::from_slice::<Received>(&message.body) {
                Ok(received) => routes.outbox.received(received),
                Err(error) => routes.security.saw(Refusal::Malformed, "received", &error.to_string()).await,
            },
        }
    }
}

/// Hands the newest desired state to the intake, one at a time, until stopped.
pub async fn apply_desired(
    intake: Intake,
    mut desired: watch::Receiver<Option<DownMessage>>,
    security: Security,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = desired.changed() => if changed.is_err() { return },
        }
        let Some(message) = desired.borrow_and_update().clone() else { continue };
        let Err(refusal) = intake.take(&message.body).await else { continue };
        match refusal {
            // Lost parts and full disks are misfortunes, and an older state is an echo; the rest no honest hub sends.
            Refusal::MissingPart | Refusal::DiskFull | Refusal::LedgerUnwritable => {}
            other => security.saw(other, "desired", &other.to_string()).await,
        }
    }
}

/// Wakes those who follow the recorders' logs and our own, until stopped.
pub async fn nudge(
    mut recorder_log_grew: mpsc::Receiver<()>,
    grew: watch::Sender<u64>,
    ledger: AgentLedger,
    catalog: Catalog,
    outbox: Outbox,
    stop: CancellationToken,
) {
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = ledger.grew() => outbox.look(),
            woken = recorder_log_grew.recv() => {
                if woken.is_none() {
                    // The keeper is gone, and the rest follows.
                    stop.cancelled().await;
                    return;
                }
                grew.send_modify(|n| *n += 1);
                catalog.look();
                outbox.look();
            }
        }
    }
}
