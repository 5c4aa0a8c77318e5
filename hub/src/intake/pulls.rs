//! Uploads: the manifest, how far a segment has come, and the next chunk.
//!
//! Order of things for a chunk: the whole body in memory (at most 4 MiB), its pieces checked, the file synced, the row
//! committed, the answer. A wrong digest changes nothing and is journaled.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use farwatch_shared::id::{AgentId, OrderId};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::seal::Signed;
use farwatch_shared::wire::MAX_UPLOAD;
use farwatch_shared::wire::latest::Manifest;
use http_body_util::BodyExt as _;
use tokio::sync::Mutex;
use tokio::sync::broadcast::error::RecvError;
use tracing::{info, warn};

use super::answer::{Refused, UPLOAD_OFFSET};
use super::{Desk, manifest};
use crate::audit::{self, Actor, Entry};
use crate::fleet::FleetChange;
use crate::footage::{self, Event};
use crate::keys::Peer;
use crate::store::pulls::{PullRow, PullSegmentRow, PullState};
use crate::store::{self, StoreError};
use crate::vault::ChunkError;

/// Largest manifest, as signed.
const MANIFEST: usize = 12 << 20;
/// A body that brings nothing for this long is given up.
const SILENCE: Duration = Duration::from_secs(30);
/// A body takes at most this long.
const LONGEST: Duration = Duration::from_secs(600);

/// One chunk at a time per segment; striped by the order's id.
#[derive(Clone)]
pub struct Turns(Arc<[Mutex<()>; 64]>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(std::array::from_fn(|_| Mutex::new(()))))
    }
}

impl Turns {
    fn of(&self, order: OrderId) -> &Mutex<()> {
        let sum = order.to_string().bytes().fold(0usize, |sum, b| sum.wrapping_mul(31).wrapping_add(usize::from(b)));
        &self.0[sum % 64]
    }
}

/// Reads a body of at most `most` bytes; gives up when it is silent, or when its sender is cut off.
async fn body_of(desk: &Desk, agent: AgentId, mut body: Body, most: usize) -> Result<Bytes, Refused> {
    let mut cuts = desk.gate.cuts();
    let mut bytes = Vec::new();
    let read = async {
        loop {
            let frame = tokio::select! {
                biased;
                cut = cuts.recv() => match cut {
                    Ok(who) if who != agent => continue,
                    Err(RecvError::Lagged(_)) if still_welcome(desk, agent).await => continue,
                    _ => return Err(Refused::plain(Refusal::Revoked)),
                },
                frame = tokio::time::timeout(SILENCE, body.frame()) => frame,
            };
            let Ok(frame) = frame else { return Err(Refused::because(Refusal::Malformed, "the body fell silent")) };
            let Some(frame) = frame else { return Ok(()) };
            let frame = frame.map_err(|e| Refused::because(Refusal::Malformed, e))?;
            let Some(data) = frame.data_ref() else { continue };
            if bytes.len() + data.len() > most {
                return Err(Refused::because(Refusal::TooLarge, format!("more than {most} bytes")));
            }
            bytes.extend_from_slice(data);
        }
    };
    tokio::time::timeout(LONGEST, read)
        .await
        .map_err(|_| Refused::because(Refusal::Malformed, "the body took too long"))??;
    Ok(Bytes::from(bytes))
}

async fn still_welcome(desk: &Desk, agent: AgentId) -> bool {
    desk.fleet.agent(agent).is_some_and(|a| a.revoked_ms.is_none())
}

/// The pull of this order, if it is the asking agent's.
async fn own_pull(desk: &Desk, agent: AgentId, order: &str) -> Result<PullRow, Refused> {
    let order: OrderId = order.parse().map_err(|_| Refused::plain(Refusal::Malformed))?;
    let pull = store::pulls::find(&mut *desk.db.read().await?, order).await?;
    let pull = pull.ok_or_else(|| Refused::because(Refusal::NotOpen, format!("no order {order}")))?;
    if pull.agent != agent {
        return Err(Refused::because(Refusal::NotYours, format!("order {order} is another agent's")));
    }
    Ok(pull)
}

fn open(pull: &PullRow, desk: &Desk) -> Result<(), Refused> {
    let open = matches!(pull.state, PullState::Approved | PullState::Pulling);
    if !open || desk.clock.wall() >= pull.expires_ms {
        return Err(Refused::because(Refusal::NotOpen, format!("order {} is {:?}", pull.order, pull.state)));
    }
    Ok(())
}

/// `PUT /agent/v1/pulls/<order>/manifest`
pub async fn manifest(
    State(desk): State<Desk>,
    Extension(peer): Extension<Peer>,
    Path(order): Path<String>,
    request: Request,
) -> Result<StatusCode, Refused> {
    let pull = own_pull(&desk, peer.agent, &order).await?;
    let body = body_of(&desk, peer.agent, request.into_body(), MANIFEST).await?;
    let agent = store::agents::get(&mut *desk.db.read().await?, peer.agent).await?;
    let signed: Signed<Manifest> =
        serde_json::from_slice(&body).map_err(|e| Refused::because(Refusal::Malformed, e))?;
    let manifest =
        signed.verify(&agent.signing_key).map_err(|e| Refused::because(Refusal::BadSignature, e))?.into_inner();
    manifest::check(&manifest, &pull).map_err(|(refusal, why)| Refused::because(refusal, why))?;
    let text = String::from_utf8(body.to_vec()).map_err(|e| Refused::because(Refusal::Malformed, e))?;
    let _turn = desk.turns.of(pull.order).lock().await;
    if let Some(earlier) = store::pulls::manifest(&mut *desk.db.read().await?, pull.order).await? {
        return if same(&earlier, &manifest, &agent.signing_key) {
            Ok(StatusCode::NO_CONTENT)
        } else {
            Err(Refused::because(Refusal::OtherManifest, format!("order {}", pull.order)))
        };
    }
    open(&pull, &desk)?;
    let now = desk.clock.wall();
    let (order, segments) = (pull.order, manifest.segments.len());
    desk.db
        .write(move |c| {
            Box::pin(async move {
                store::pulls::put_manifest(c, order, &text, &manifest.segments, now).await?;
                footage::apply(c, &pull, &Event::Progress, Actor::Agent(peer.agent), now).await
            })
        })
        .await?;
    info!(pull = %order, agent = %peer.agent, segments, "manifest received");
    desk.fleet.tell(FleetChange::Pull(order));
    Ok(StatusCode::NO_CONTENT)
}

/// Whether the manifest given now says what the one kept says. When it was made, and so its signature, may differ.
fn same(kept: &str, given: &Manifest, key: &farwatch_shared::keys::VerifyKey) -> bool {
    let kept = serde_json::from_str::<Signed<Manifest>>(kept).ok().and_then(|s| s.verify(key).ok());
    kept.is_some_and(|kept| Manifest { issued_at_ms: given.issued_at_ms, ..kept.into_inner() } == *given)
}

/// `HEAD /agent/v1/pulls/<order>/<segment>`
pub async fn offset(
    State(desk): State<Desk>,
    Extension(peer): Extension<Peer>,
    Path((order, short)): Path<(String, String)>,
) -> Result<impl IntoResponse, Refused> {
    let pull = own_pull(&desk, peer.agent, &order).await?;
    let segment = listed(&desk, &pull, &short).await?;
    Ok([(UPLOAD_OFFSET, segment.bytes_received.to_string())])
}

async fn listed(desk: &Desk, pull: &PullRow, short: &str) -> Result<PullSegmentRow, Refused> {
    let found = store::pulls::segment(&mut *desk.db.read().await?, pull.order, short).await?;
    found.ok_or_else(|| Refused::because(Refusal::BadOffset, "the manifest lists no such segment"))
}

/// `bytes a-b/total`
fn content_range(headers: &HeaderMap) -> Option<(u64, u64, u64)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, total.parse().ok()?))
}

/// `PUT /agent/v1/pulls/<order>/<segment>`
pub async fn chunk(
    State(desk): State<Desk>,
    Extension(peer): Extension<Peer>,
    Path((order, short)): Path<(String, String)>,
    request: Request,
) -> Result<impl IntoResponse, Refused> {
    let range = content_range(request.headers());
    let (first, last, total) =
        range.ok_or_else(|| Refused::because(Refusal::Malformed, "no Content-Range: bytes a-b/total"))?;
    let pull = own_pull(&desk, peer.agent, &order).await?;
    open(&pull, &desk)?;
    let segment = listed(&desk, &pull, &short).await?;
    let length = last.checked_sub(first).map(|n| n + 1).filter(|n| *n <= MAX_UPLOAD);
    let length = length.ok_or_else(|| Refused::plain(Refusal::TooLarge))?;
    let beyond = total != segment.bytes_total || last >= segment.bytes_total;
    if beyond || first != segment.bytes_received {
        let why = format!(
            "bytes {first}-{last}/{total}, expected from {} of {}",
            segment.bytes_received, segment.bytes_total
        );
        return Err(Refused::because(Refusal::BadOffset, why).at(segment.bytes_received));
    }
    let most = usize::try_from(length).unwrap_or(usize::MAX);
    let body = body_of(&desk, peer.agent, request.into_body(), most).await?;
    if body.len() != most {
        return Err(Refused::because(Refusal::Malformed, "the body is shorter than its Content-Range").at(first));
    }
    let _turn = desk.turns.of(pull.order).lock().await;
    // What held before the body arrived may not hold any more.
    if desk.gate.check(peer.agent, &peer.serial).await?.is_err() {
        return Err(Refused::plain(Refusal::Revoked));
    }
    let segment = listed(&desk, &pull, &short).await?;
    if segment.bytes_received != first {
        return Err(Refused::because(Refusal::BadOffset, "another request was faster").at(segment.bytes_received));
    }
    if let Err(e) = desk.vault.write(&segment, body).await {
        return Err(not_written(&desk, &peer, &segment, e).await);
    }
    let to = first + length;
    let now = desk.clock.wall();
    let (order, name) = (pull.order, short.clone());
    let counted =
        desk.db.write(move |c| Box::pin(async move { store::pulls::received(c, order, &name, first, to, now).await }));
    if !counted.await? {
        return Err(Refused::because(Refusal::BadOffset, "another request was faster"));
    }
    desk.fleet.tell(FleetChange::Pull(order));
    if to == segment.bytes_total {
        desk.pulls.notify_one();
    }
    Ok((StatusCode::NO_CONTENT, [(UPLOAD_OFFSET, to.to_string())]))
}

async fn not_written(desk: &Desk, peer: &Peer, segment: &PullSegmentRow, e: ChunkError) -> Refused {
    let offset = segment.bytes_received;
    match e {
        ChunkError::Digest { offset: piece, from_earlier, ref found, ref expected, .. } => {
            warn!(pull = %segment.order, agent = %peer.agent, error = %e, "bytes refused");
            let back_to = if from_earlier { piece } else { offset };
            let now = desk.clock.wall();
            let entry = Entry::refused(now, Actor::Agent(peer.agent), "pull.digest", segment.order)
                .with("segment", segment.short.as_str())
                .with("offset", piece)
                .with("found", found.to_string())
                .with("expected", expected.to_string());
            let (order, short) = (segment.order, segment.short.clone());
            let written: Result<(), StoreError> = desk
                .db
                .write(move |c| {
                    Box::pin(async move {
                        if back_to < offset {
                            store::pulls::gone_back(c, order, &short, offset, back_to).await?;
                        }
                        audit::append(c, &entry).await
                    })
                })
                .await;
            if let Err(e) = written {
                return Refused::from(e);
            }
            Refused::because(Refusal::DigestMismatch, e).at(back_to)
        }
        ChunkError::DiskFull => Refused::because(Refusal::DiskFull, e).at(offset),
        ChunkError::Io(ref source) => {
            warn!(pull = %segment.order, error = %source, "the vault could not be written");
            Refused::because(Refusal::Internal, e).at(offset)
        }
    }
}
