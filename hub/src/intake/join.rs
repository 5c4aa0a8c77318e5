//! Enrolling and renewing: the two things a box may do without a certificate.

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::response::Html;
use axum::{Json, http};
use farwatch_shared::refusal::Refusal;
use farwatch_shared::wire::latest::{EnrolAnswer, RenewAnswer, RenewNonce};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

use super::Desk;
use super::answer::Refused;
use crate::door::Remote;

/// What a person sees who opens an enrolment link in a browser. The secret stays behind the `#` and is not sent.
pub async fn page() -> Html<&'static str> {
    Html(
        "<!doctype html><meta charset=utf-8><title>Farwatch</title><p>This link is for a box, not for a browser. On the \
         box, run <code>farwatch-agent enrol</code> and give it the whole link, or scan the code there.",
    )
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    // The error's text might repeat the token.
    serde_json::from_slice(body).map_err(|_| Refused::plain(Refusal::Malformed))
}

async fn tried<T>(
    desk: &Desk,
    remote: &Remote,
    what: &'static str,
    act: impl Future<Output = Result<T, Refused>>,
) -> Result<T, Refused> {
    let address = remote.address.ip();
    let Some(_place) = desk.tries.begin(address, &desk.clock) else {
        return Err(Refused::plain(Refusal::TooMany));
    };
    let done = act.await;
    if let Err(refused) = &done {
        desk.tries.failed(address, &desk.clock);
        warn!(%address, what, refusal = refused.refusal.code(), detail = %refused.detail, "refused at the agents' door");
    }
    done
}

pub async fn enrol(
    State(desk): State<Desk>,
    Extension(remote): Extension<Remote>,
    body: Bytes,
) -> Result<Json<EnrolAnswer>, Refused> {
    let answer = tried(&desk, &remote, "enrol", async { Ok(desk.joining.join(read(&body)?).await?) }).await?;
    info!(agent = %answer.agent, address = %remote.address, site = %answer.site_name, "a box joined");
    Ok(Json(answer))
}

pub async fn nonce(
    State(desk): State<Desk>,
    Extension(remote): Extension<Remote>,
) -> Result<(http::StatusCode, Json<RenewNonce>), Refused> {
    let nonce = tried(&desk, &remote, "nonce", async { Ok(desk.renewals.nonce()?) }).await?;
    Ok((http::StatusCode::OK, Json(nonce)))
}

pub async fn renew(
    State(desk): State<Desk>,
    Extension(remote): Extension<Remote>,
    body: Bytes,
) -> Result<Json<RenewAnswer>, Refused> {
    let (agent, answer) =
        tried(&desk, &remote, "renew", async { Ok(desk.renewals.renew(read(&body)?).await?) }).await?;
    info!(%agent, "a certificate was renewed");
    Ok(Json(answer))
}
