//! Asking for footage, and how it goes.

use farwatch_shared::wire::latest::Rendition;

use super::prelude::*;
use super::show;
use crate::footage::{self, AskError};
use crate::store::pulls::{self as rows, PullRow};

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_add_pull, add_pull).at(__path_pulls, pulls).at(__path_pull, pull)
}

/// Asks for footage. The reason goes into this hub's journal and the agent's ledger.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/pulls", tag = "pulls", params(("id" = String, Path)),
    request_body = AddPull, responses((status = 201, body = Pull), (status = "4XX", body = Failure)))]
async fn add_pull(
    Admin(person): Admin,
    State(office): State<Office>,
    Named(id): Named<CameraId>,
    Body(ask): Body<AddPull>,
) -> Result<(StatusCode, Json<Pull>), Fail> {
    let now = office.clock.wall();
    let ask = footage::Ask {
        camera: id,
        stream: ask.stream.into(),
        rendition: match ask.rendition {
            RenditionChoice::Original => Rendition::Original,
            RenditionChoice::Preview => Rendition::Preview,
        },
        start_ms: WallMs(ask.start_ms),
        end_ms: WallMs(ask.end_ms),
        reason: take::reason(&ask.reason)?,
        person: person.id,
    };
    // Writes its journal entries itself, in the same transaction.
    let row = office
        .db
        .write(move |c| Box::pin(async move { footage::request(c, &ask, now).await.map_err(Fail::from) }))
        .await?;
    Ok((StatusCode::CREATED, Json(shown(&office, row).await?)))
}

/// Footage asked for, newest first.
#[utoipa::path(get, path = "/api/v1/pulls", tag = "pulls", params(PullQuery),
    responses((status = 200, body = Pulls), (status = "4XX", body = Failure)))]
async fn pulls(_: Person, State(office): State<Office>, Asked(ask): Asked<PullQuery>) -> Result<Json<Pulls>, Fail> {
    let mut c = office.db.read().await?;
    let rows = rows::recent(&mut c, ask.camera, take::limit(ask.limit)).await?;
    let mut pulls = Vec::with_capacity(rows.len());
    for row in rows {
        pulls.push(show::pull(&mut c, &office.fleet, row).await?);
    }
    Ok(Json(Pulls { pulls }))
}

/// One pull.
#[utoipa::path(get, path = "/api/v1/pulls/{id}", tag = "pulls", params(("id" = String, Path)),
    responses((status = 200, body = Pull), (status = "4XX", body = Failure)))]
async fn pull(_: Person, State(office): State<Office>, Named(id): Named<OrderId>) -> Result<Json<Pull>, Fail> {
    let row = rows::get(&mut *office.db.read().await?, id).await?;
    Ok(Json(shown(&office, row).await?))
}

async fn shown(office: &Office, row: PullRow) -> crate::store::Result<Pull> {
    show::pull(&mut *office.db.read().await?, &office.fleet, row).await
}

impl From<AskError> for Fail {
    fn from(e: AskError) -> Self {
        let said = e.to_string();
        match e {
            AskError::Policy(e) => e.into(),
            AskError::NoSuchStream(_) => Self::bad("no_such_stream", said, "ask for the main stream"),
            AskError::AgentRevoked => Self::conflict("revoked", said, "enrol the box again"),
            AskError::Store(e) => e.into(),
        }
    }
}
