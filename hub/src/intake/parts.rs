//! Parts of a desired state that are too large to ride in it.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderName, header};
use axum::response::IntoResponse;
use farwatch_shared::digest::Digest;
use farwatch_shared::refusal::Refusal;

use super::Desk;
use super::answer::Refused;
use crate::keys::Peer;
use crate::store;

/// The exact bytes of a part of the asking agent's own present desired state.
pub async fn part(
    State(desk): State<Desk>,
    Extension(peer): Extension<Peer>,
    Path(digest): Path<String>,
) -> Result<impl IntoResponse, Refused> {
    let digest = Digest::from_hex(&digest).map_err(|_| Refused::plain(Refusal::Malformed))?;
    let bytes = store::desired::part(&mut *desk.db.read().await?, peer.agent, &digest).await?;
    let bytes = bytes.ok_or_else(|| Refused::because(Refusal::MissingPart, digest))?;
    const TYPE: [(HeaderName, &str); 1] = [(header::CONTENT_TYPE, "application/json")];
    Ok((TYPE, Body::from(bytes)))
}
