//! The agents' HTTPS door (mutual TLS).
//!
//! Belongs here: routes and bodies of `POST enrol`, `renew`, `GET parts`, `PUT|HEAD pulls`; who may call what. Does not: TLS and
//! accepting (`door`), what enrolling means (`enrol`), how bytes are kept (`vault`).
//!
//! Without a certificate only enrolling and renewing work, rate-limited by address. Everything else asks the gate at every
//! request, and again while a body arrives: a revocation cuts it.

mod answer;
mod join;
mod manifest;
mod parts;
mod pulls;
mod tries;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post, put};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::Clock;
use tokio::sync::Notify;
use tracing::warn;

use crate::door::Remote;
use crate::enrol::{Gate, Joining, Renewals};
use crate::fleet::Fleet;
use crate::ingest::Refusals;
use crate::store::Db;
use crate::vault::Vault;

use answer::Refused;
use tries::Tries;

/// Largest body of an enrolment or renewal.
const SMALL: usize = 64 << 10;

/// What the door needs.
#[derive(Clone)]
pub struct Intake {
    pub db: Db,
    pub vault: Vault,
    pub gate: Gate,
    pub fleet: Fleet,
    pub clock: Clock,
    pub joining: Joining,
    pub renewals: Renewals,
    pub refusals: Refusals,
    /// Wakes who looks after pulls.
    pub pulls: Arc<Notify>,
}

#[derive(Clone)]
struct Desk {
    intake: Intake,
    tries: Tries,
    turns: pulls::Turns,
}

impl std::ops::Deref for Desk {
    type Target = Intake;
    fn deref(&self) -> &Intake {
        &self.intake
    }
}

/// The routes of the agents' door. Requests carry [`Remote`].
pub fn router(intake: Intake) -> Router {
    let desk = Desk { intake, tries: Tries::default(), turns: pulls::Turns::default() };
    let open = Router::new()
        .route("/e", get(join::page))
        .route("/agent/v1/enrol", post(join::enrol))
        .route("/agent/v1/renew/nonce", post(join::nonce))
        .route("/agent/v1/renew", post(join::renew))
        .layer(DefaultBodyLimit::max(SMALL));
    let known = Router::new()
        .route("/agent/v1/parts/{digest}", get(parts::part))
        .route("/agent/v1/pulls/{order}/manifest", put(pulls::manifest))
        .route("/agent/v1/pulls/{order}/{short}", put(pulls::chunk).head(pulls::offset))
        // Bodies are bounded where they are read.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state(desk.clone(), known_agents_only));
    open.merge(known).fallback(|| async { StatusCode::NOT_FOUND }).with_state(desk)
}

async fn known_agents_only(State(desk): State<Desk>, mut request: Request, next: Next) -> Result<Response, Refused> {
    let remote = request.extensions().get::<Remote>().cloned();
    let Some(peer) = remote.and_then(|r| r.peer) else { return Err(Refused::plain(Refusal::NotYours)) };
    match desk.gate.check(peer.agent, &peer.serial).await {
        Ok(Ok(())) => {}
        Ok(Err(refusal)) => {
            desk.refusals.count(peer.agent, "intake", refusal, &peer.serial, &desk.clock);
            return Err(Refused::plain(refusal));
        }
        Err(e) => {
            warn!(agent = %peer.agent, error = %e, "nobody is let in while the database cannot be asked");
            return Err(Refused::plain(Refusal::Internal));
        }
    }
    let agent = peer.agent;
    desk.fleet.seen(agent, desk.clock.wall());
    request.extensions_mut().insert(peer);
    let response = next.run(request).await;
    if let Some(refused) = response.extensions().get::<Refused>() {
        desk.fleet.reject(agent);
        desk.refusals.count(agent, "intake", refused.refusal, &refused.detail, &desk.clock);
    }
    Ok(response)
}
