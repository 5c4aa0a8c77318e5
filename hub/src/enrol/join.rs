//! A box joins: token, request, certificate.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use farwatch_shared::id::AgentId;
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::{Clock, WallMs};
use farwatch_shared::wire::latest::{EnrolAnswer, EnrolRequest, HubAddress};
use subtle::ConstantTimeEq as _;

use super::{EnrolError, tokens};
use crate::audit::{self, Actor, Entry};
use crate::fleet::{self, Fleet};
use crate::keys::{Issued, Keys, der_of};
use crate::store::agents::AgentRow;
use crate::store::certificates::CertificateRow;
use crate::store::changes::{self, Kind};
use crate::store::{self, Conn, Db};

/// What joining needs.
#[derive(Clone)]
pub struct Joining {
    pub db: Db,
    pub keys: Arc<Keys>,
    pub clock: Clock,
    pub fleet: Fleet,
    pub hub_name: String,
    pub hubs: Vec<HubAddress>,
}

impl Joining {
    /// Checks everything, then spends the token and writes agent, certificate and journal in one transaction.
    ///
    /// # Errors
    /// [`Refusal::BadToken`] for a token that is unknown, used or expired (without saying which);
    /// [`Refusal::BadSignature`] when the box does not hold both keys.
    pub async fn join(&self, request: EnrolRequest) -> Result<EnrolAnswer, EnrolError> {
        let now = self.clock.wall();
        let hash = tokens::hash_of(&request.token);
        let found = store::tokens::by_hash(&mut *self.db.read().await?, &hash).await?;
        // The index found it by its hash; the comparison that decides takes the same time whatever differs.
        let token = found
            .filter(|t| bool::from(t.hash.0.ct_eq(&hash.0)))
            .filter(|t| t.used_ms.is_none() && t.expires_ms > now)
            .ok_or_else(|| EnrolError::refused(Refusal::BadToken, "no such token that is unused and in time"))?;
        let csr = der_of(&request.csr)?;
        let proof = STANDARD
            .decode(&request.proof)
            .map_err(|_| EnrolError::refused(Refusal::Malformed, "the proof is not base64"))?;
        if !request.signing_key.verifies(&csr, &proof) {
            return Err(EnrolError::refused(Refusal::BadSignature, "the signing key did not sign the request"));
        }
        let agent = AgentId::generate();
        let issued = self.keys.issue_agent(agent, &csr, now)?;
        let site = store::sites::get(&mut *self.db.read().await?, token.site).await?;
        let row = new_agent(agent, token.site, &request, now);
        let cert = certificate_row(agent, &issued, now);
        self.db
            .write(move |c| {
                Box::pin(async move {
                    store::agents::insert(c, &row).await?;
                    store::certificates::insert(c, &cert).await?;
                    if !store::tokens::spend(c, token.token, agent, now).await? {
                        return Err(EnrolError::refused(Refusal::BadToken, "somebody else was faster with it"));
                    }
                    note_joined(c, &row, &cert.serial, now).await?;
                    Ok(())
                })
            })
            .await?;
        // At once: its first words may come before the rows are followed.
        fleet::refresh_agent(&self.fleet, &mut *self.db.read().await?, agent, now).await?;
        Ok(EnrolAnswer {
            agent,
            certificate: issued.pem,
            ca: self.keys.ca_pem().to_owned(),
            document_key: self.keys.document.public(),
            owner_key: self.keys.owner.owner.clone(),
            hubs: self.hubs.clone(),
            hub_name: self.hub_name.clone(),
            site_name: site.name,
            time_zone: site.time_zone,
            now_ms: now,
        })
    }
}

async fn note_joined(c: &mut Conn, row: &AgentRow, serial: &str, now: WallMs) -> Result<(), EnrolError> {
    changes::note(c, Kind::Agent, &row.agent.to_string(), now).await?;
    changes::note(c, Kind::Site, &row.site.to_string(), now).await?;
    let entry = Entry::done(now, Actor::Agent(row.agent), "agent.enrol", row.agent)
        .with("site", row.site.to_string())
        .with("serial", serial)
        .with("hostname", row.hostname.as_str());
    audit::append(c, &entry).await?;
    Ok(())
}

fn new_agent(agent: AgentId, site: farwatch_shared::id::SiteId, r: &EnrolRequest, now: WallMs) -> AgentRow {
    let clip = |text: &str, most: usize| text.chars().filter(|c| !c.is_control()).take(most).collect::<String>();
    AgentRow {
        agent,
        site,
        hostname: clip(&r.hostname, 255),
        version: clip(&r.version, 64),
        target: clip(&r.target, 64),
        signing_key: r.signing_key.clone(),
        sealing_key: r.sealing_key.clone(),
        enrolled_ms: now,
        session: 0,
        boot_id: String::new(),
        nonce: String::new(),
        presence: None,
        presence_ms: WallMs(0),
        last_seen_ms: WallMs(0),
        revoked_ms: None,
        revoked_reason: String::new(),
        policy_version: 1,
        when_short: farwatch_shared::wire::latest::WhenShort::default(),
    }
}

pub(super) fn certificate_row(agent: AgentId, issued: &Issued, now: WallMs) -> CertificateRow {
    CertificateRow {
        serial: issued.serial.clone(),
        agent,
        not_before_ms: issued.not_before_ms,
        not_after_ms: issued.not_after_ms,
        issued_ms: now,
        revoked_ms: None,
    }
}
