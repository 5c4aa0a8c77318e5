//! The identity over time: session numbers, renewal, and what follows from a new certificate.

use std::sync::Arc;
use std::time::Duration;

use farwatch_shared::keys::random32;
use rustls::ClientConfig;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Home;
use crate::enrol::{Door, DoorError, Identity, IdentityError, Renewal, TrustedTime, due_at};
use crate::ledger::agent::{AgentBody, AgentLedger};
use crate::uplink::Numbers;

/// How often time is looked at.
const LOOK: Duration = Duration::from_secs(60);
/// Wait after a renewal that failed, doubled up to the longest.
const FIRST_RETRY: Duration = Duration::from_secs(30);
const LONGEST_RETRY: Duration = Duration::from_secs(3_600);

/// Numbers set aside by one line of the ledger: a hub that is away for days costs few writes.
const SET_ASIDE: u64 = 100;

/// Session numbers from the ledger. A line says up to where they may be used, and is synced before the first of them is;
/// a restart begins behind it.
pub struct SessionNumbers {
    ledger: AgentLedger,
    next: u64,
    through: u64,
}

impl SessionNumbers {
    #[must_use]
    pub fn new(ledger: AgentLedger) -> Self {
        let through = ledger.state(|s| s.session);
        Self { ledger, next: through + 1, through }
    }
}

impl Numbers for SessionNumbers {
    async fn next(&mut self) -> Option<u64> {
        if self.next > self.through {
            let number = self.next + SET_ASIDE - 1;
            self.ledger.append(AgentBody::Session { number }).await.ok()?;
            self.through = number;
        }
        let number = self.next;
        self.next += 1;
        Some(number)
    }
}

/// A client of the agents' door with our certificate.
pub fn door_of(identity: &Identity, trusted: &TrustedTime) -> anyhow::Result<Door> {
    Ok(Door::new(identity.tls(trusted)?, hosts(identity))?)
}

/// Where the agents' door may be: the hub's addresses, then those of the enrolment URL.
fn hosts(identity: &Identity) -> Vec<String> {
    let named = identity.hub.hubs.iter().map(|h| format!("{}:{}", h.host, h.https_port));
    let mut hosts: Vec<String> = Vec::new();
    for host in named.chain(identity.hub.enrol_hosts.iter().cloned()) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// What renewal changes.
pub struct Renewing {
    pub home: Home,
    pub trusted: TrustedTime,
    pub identity: watch::Sender<Arc<Identity>>,
    pub door: watch::Sender<Arc<Door>>,
    pub tls: watch::Sender<Arc<ClientConfig>>,
}

/// Looks after trusted time and the certificate until stopped.
pub async fn keep_identity(renewing: Renewing, stop: CancellationToken) {
    let jitter = random32().map_or(500, |b| u32::from(u16::from_le_bytes([b[0], b[1]])) % 1001);
    let mut retry = FIRST_RETRY;
    let mut wait = Duration::ZERO;
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = tokio::time::sleep(wait) => {}
        }
        renewing.trusted.tick();
        wait = LOOK;
        let identity = renewing.identity.borrow().clone();
        let Some(validity) = identity.validity() else { continue };
        // Either clock may know better: trusted time is a lower bound, the wall clock may be right.
        let now = renewing.trusted.now();
        if now < due_at(validity, jitter) {
            continue;
        }
        match renew(&renewing, &identity).await {
            Ok(()) => {
                info!("certificate renewed");
                retry = FIRST_RETRY;
            }
            Err(error) => {
                warn!(error = %format!("{error:#}"), "the certificate is not renewed; trying again later");
                wait = retry;
                retry = (retry * 2).min(LONGEST_RETRY);
            }
        }
    }
}

async fn renew(renewing: &Renewing, identity: &Identity) -> anyhow::Result<()> {
    let renewal = Renewal { home: &renewing.home, identity, time: &renewing.trusted, hosts: hosts(identity) };
    let renewed = renewal.run().await?;
    take_into_use(renewing, renewed)?;
    Ok(())
}

/// New requests and the next session use the new certificate.
fn take_into_use(renewing: &Renewing, identity: Arc<Identity>) -> anyhow::Result<()> {
    let tls: Result<ClientConfig, IdentityError> = identity.tls(&renewing.trusted);
    let door: Result<Door, DoorError> = Door::new(identity.tls(&renewing.trusted)?, hosts(&identity));
    renewing.door.send_replace(Arc::new(door?));
    renewing.identity.send_replace(identity);
    renewing.tls.send_replace(Arc::new(tls?));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use farwatch_shared::time::{Clock, WallMs};

    // OPS-02
    #[tokio::test]
    async fn session_numbers_only_rise_and_cost_few_writes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.log");
        let open = || AgentLedger::open(path.clone(), Clock::real(), WallMs(0)).unwrap();
        let mut numbers = SessionNumbers::new(open());
        let mut last = 0;
        for _ in 0..250 {
            let number = numbers.next().await.unwrap();
            assert!(number > last);
            last = number;
        }
        assert_eq!(numbers.ledger.state(|s| s.session), 300);
        drop(numbers);
        assert_eq!(SessionNumbers::new(open()).next().await, Some(301));
    }
}
