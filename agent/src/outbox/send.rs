//! Sends what the hub has not received, most important first, and again when nothing comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use farwatch_shared::id::OutboxEpoch;
use farwatch_shared::time::{BootNs, Clock};
use farwatch_shared::topic::Up;
use farwatch_shared::wire::latest::FactClass;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::queue::OutboxState;
use super::thread::Outbox;
use crate::uplink::{Line, Priority, Uplink, UplinkError};

/// Facts of one class sent and not yet received. More would only be sent again after a cut.
const WINDOW: u64 = 400;
/// Nothing received for this long: sent again.
const DEADLINE_NS: i64 = 20_000_000_000;

/// What was sent in the present session.
#[derive(Default)]
struct Sent {
    session: u64,
    epoch: Option<OutboxEpoch>,
    through: BTreeMap<FactClass, u64>,
    /// As last seen.
    received: BTreeMap<FactClass, u64>,
    /// Since when something has been waiting for a receipt, or the last receipt.
    moved: BootNs,
}

/// Runs until stopped.
pub async fn send(outbox: Outbox, uplink: Uplink, clock: Clock, stop: CancellationToken) {
    let mut line = uplink.line();
    let mut state = outbox.state();
    let mut sent = Sent::default();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            changed = line.changed() => if changed.is_err() { return },
            changed = state.changed() => if changed.is_err() { return },
            _ = tick.tick() => {}
        }
        let session = line.borrow_and_update().session().map(|s| s.number);
        let now = clock.boot();
        let Some(session) = session else { continue };
        let Some(queue) = state.borrow_and_update().clone() else { continue };
        if session != sent.session || sent.epoch != Some(queue.epoch) {
            let received = queue.received.clone();
            sent = Sent { session, epoch: Some(queue.epoch), through: received.clone(), received, moved: now };
        }
        catch_up(&mut sent, &queue, now);
        for class in FactClass::ALL {
            if let Err(error) = send_class(&outbox, &uplink, &mut sent, &queue, class).await {
                debug!(%error, "facts wait");
                break;
            }
        }
    }
}

/// Takes receipts into account, and gives up on what was sent too long ago.
fn catch_up(sent: &mut Sent, queue: &OutboxState, now: BootNs) {
    let mut unreceived = false;
    for class in FactClass::ALL {
        let received = queue.received.get(&class).copied().unwrap_or(0);
        let high = queue.high.get(&class).copied().unwrap_or(0);
        let through = sent.through.entry(class).or_default();
        if *through < received || *through > high {
            *through = received;
        }
        unreceived |= *through > received;
    }
    if !unreceived || sent.received != queue.received {
        sent.received = queue.received.clone();
        sent.moved = now;
    } else if now.since(sent.moved) > DEADLINE_NS {
        warn!("the hub received nothing for 20 s; facts are sent again");
        sent.through = queue.received.clone();
        sent.moved = now;
    }
}

async fn send_class(
    outbox: &Outbox,
    uplink: &Uplink,
    sent: &mut Sent,
    queue: &OutboxState,
    class: FactClass,
) -> Result<(), UplinkError> {
    let received = queue.received.get(&class).copied().unwrap_or(0);
    let high = queue.high.get(&class).copied().unwrap_or(0);
    loop {
        let through = sent.through.get(&class).copied().unwrap_or(0).max(received);
        if through >= high || through - received >= WINDOW {
            return Ok(());
        }
        let Some(batch) = outbox.next(class, through).await else { return Ok(()) };
        let last = batch.facts.last().map_or(through, |f| f.number);
        uplink.say(Up::Fact, &batch, Priority::Certain)?;
        sent.through.insert(class, last);
    }
}

/// Whether the outbox has room for what may not be dropped; footage leaves only then.
#[must_use]
pub fn has_room(state: &watch::Receiver<Option<OutboxState>>) -> bool {
    state.borrow().as_ref().is_some_and(|s| !s.full)
}

/// Whether the line is up: used to decide where health goes.
#[must_use]
pub fn is_up(line: &watch::Receiver<Line>) -> bool {
    line.borrow().session().is_some()
}
