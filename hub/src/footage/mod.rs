//! The life of a pull: requested, approved, pulling, received, sealed; or refused, failed, expired.
//!
//! Belongs here: which state may follow which ([`plan`], pure), asking for footage ([`request`]), what an agent's results do,
//! the task that seals and gives up ([`Footage`]). Does not: bytes (`vault`), HTTP (`intake`), sending orders (`dispatch`).
//!
//! Approval by another person is a later issue; until then an administrator's request is approved by itself, and the
//! journal says so.

mod keep;
mod plan;

use farwatch_shared::id::{AgentId, CameraId, OrderId, PersonId, StreamName};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::time::{DAY_MS, WallMs};
use farwatch_shared::wire::MAX_PULL_MS;
use farwatch_shared::wire::latest::{OrderResult, OrderState, Rendition};

pub use keep::Footage;
pub use plan::{Event, STALLED_MS, next};

use crate::audit::{self, Actor, Entry};
use crate::policy::{self, PolicyError};
use crate::store::changes::{self, Kind};
use crate::store::pulls::{Move, PullRow, PullState};
use crate::store::{self, Conn, StoreError};

/// A pull that is not finished by then expires.
pub const PULL_LIFE_MS: i64 = DAY_MS;

/// What a person asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub camera: CameraId,
    pub stream: StreamName,
    pub rendition: Rendition,
    pub start_ms: WallMs,
    pub end_ms: WallMs,
    pub reason: String,
    pub person: PersonId,
}

/// Why a request is not taken.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("this camera has no {0} stream; ask for the main one")]
    NoSuchStream(StreamName),
    #[error("the agent of this camera is revoked; its footage can only be fetched from the box itself")]
    AgentRevoked,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Takes a request: writes the pull and its journal entries (request, and approval by itself). Call it in
/// [`crate::store::Db::write`]; the dispatcher finds the row.
///
/// # Errors
/// When the ask makes no sense, or the camera is unknown.
pub async fn request(c: &mut Conn, ask: &Ask, now: WallMs) -> Result<PullRow, AskError> {
    let reason = policy::reason(&ask.reason)?;
    policy::range(ask.start_ms, ask.end_ms, MAX_PULL_MS)?;
    let camera = store::cameras::get(c, ask.camera).await?;
    if ask.stream == StreamName::Sub && camera.sub_url.is_none() {
        return Err(AskError::NoSuchStream(ask.stream));
    }
    if store::agents::get(c, camera.agent).await?.revoked_ms.is_some() {
        return Err(AskError::AgentRevoked);
    }
    let pull = PullRow {
        order: OrderId::generate(),
        agent: camera.agent,
        camera: ask.camera,
        stream: ask.stream,
        rendition: ask.rendition,
        start_ms: ask.start_ms,
        end_ms: ask.end_ms,
        reason,
        person: ask.person,
        state: PullState::Approved,
        refusal: None,
        detail: String::new(),
        created_ms: now,
        changed_ms: now,
        expires_ms: now.plus_ms(PULL_LIFE_MS),
        progress_ms: now,
        ordered_session: 0,
        has_manifest: false,
        bytes_total: 0,
        bytes_received: 0,
        sealed_ms: None,
    };
    store::pulls::insert(c, &pull).await?;
    changes::note(c, Kind::Pull, &pull.order.to_string(), now).await?;
    let asked = Entry::done(now, Actor::Person(ask.person), "pull.request", pull.order)
        .with("camera", ask.camera.to_string())
        .with("stream", ask.stream.as_str())
        .with("start_ms", ask.start_ms)
        .with("end_ms", ask.end_ms)
        .with("reason", pull.reason.as_str());
    audit::append(c, &asked).await?;
    let approved = Entry::done(now, Actor::Person(ask.person), "pull.approve", pull.order)
        .with("by", "the same person: approval by another is not set up");
    audit::append(c, &approved).await?;
    Ok(pull)
}

/// Moves a pull as an event says, with its journal entry when it ends. False when the event changes nothing.
///
/// # Errors
/// When the database fails.
pub async fn apply(c: &mut Conn, pull: &PullRow, event: &Event, actor: Actor, now: WallMs) -> Result<bool, StoreError> {
    let Some(step) = next(pull, event) else { return Ok(false) };
    if !store::pulls::advance(c, pull.order, pull.state, &step, now).await? {
        return Ok(false);
    }
    changes::note(c, Kind::Pull, &pull.order.to_string(), now).await?;
    if let Some(entry) = ending(pull, &step, actor, now) {
        audit::append(c, &entry).await?;
    }
    Ok(true)
}

fn ending(pull: &PullRow, step: &Move, actor: Actor, now: WallMs) -> Option<Entry> {
    let entry = match step.to {
        PullState::Sealed => Entry::done(now, actor, "pull.seal", pull.order).with("bytes", pull.bytes_total),
        PullState::Refused => Entry::refused(now, actor, "pull.refuse", pull.order),
        PullState::Failed => {
            Entry { outcome: audit::Outcome::Failed, ..Entry::done(now, actor, "pull.fail", pull.order) }
        }
        PullState::Expired => {
            Entry { outcome: audit::Outcome::Failed, ..Entry::done(now, actor, "pull.expire", pull.order) }
        }
        PullState::Requested | PullState::Approved | PullState::Pulling | PullState::Received => return None,
    };
    let refusal = step.refusal.map(Refusal::code).unwrap_or_default();
    Some(if refusal.is_empty() { entry } else { entry.with("refusal", refusal).with("detail", step.detail.as_str()) })
}

/// What an agent says of an order. Only its own orders count; others are refused by the caller's count.
///
/// # Errors
/// When the database fails. `Ok(None)`: there is no such order of this agent.
pub async fn on_result(
    c: &mut Conn,
    agent: AgentId,
    result: &OrderResult,
    now: WallMs,
) -> Result<Option<bool>, StoreError> {
    let Some(pull) = store::pulls::find(c, result.order).await?.filter(|p| p.agent == agent) else { return Ok(None) };
    let event = match &result.state {
        OrderState::Accepted => Event::Accepted,
        OrderState::Running { .. } => Event::Progress,
        // The hub counts bytes itself; that the agent is done adds nothing to what has arrived.
        OrderState::Done { .. } => Event::Progress,
        OrderState::Refused { refusal, detail } => Event::Refused { refusal: *refusal, detail: detail.clone() },
        OrderState::Failed { refusal, detail } => Event::Failed { refusal: *refusal, detail: detail.clone() },
    };
    if !pull.state.is_final() {
        store::pulls::progressed(c, pull.order, now).await?;
    }
    apply(c, &pull, &event, Actor::Agent(agent), now).await.map(Some)
}
