//! Holding footage: not deleted, whatever the retention says.

use super::prelude::*;
use super::show;
use crate::audit::Entry;
use crate::store::cameras::HoldRow;
use crate::store::changes::Kind;
use crate::store::{cameras, changes};

/// Longest stretch one hold protects.
const MOST_DAYS: i64 = 366;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_add_hold, add_hold)
}

/// Holds footage: it is not deleted, whatever the retention says.
#[utoipa::path(post, path = "/api/v1/cameras/{id}/holds", tag = "timeline", params(("id" = String, Path)),
    request_body = AddHold, responses((status = 201, body = Hold), (status = "4XX", body = Failure)))]
async fn add_hold(
    Admin(person): Admin,
    State(office): State<Office>,
    Named(id): Named<CameraId>,
    Body(ask): Body<AddHold>,
) -> Result<(StatusCode, Json<Hold>), Fail> {
    let now = office.clock.wall();
    let reason = take::reason(&ask.reason)?;
    let span = take::stretch(Some(ask.start_ms), Some(ask.end_ms), now, MOST_DAYS)?;
    let row = HoldRow {
        hold: HoldId::generate(),
        camera: id,
        start_ms: span.start_ms,
        end_ms: span.end_ms,
        reason,
        person: Some(person.id),
        placed_ms: now,
        released_ms: None,
    };
    let entry = Entry::done(now, person.actor(), "hold.add", row.hold)
        .with("camera", id.to_string())
        .with("start_ms", row.start_ms)
        .with("end_ms", row.end_ms)
        .with("reason", row.reason.clone());
    let placed = row.clone();
    office
        .deed(entry, move |c| {
            Box::pin(async move {
                let camera = cameras::get(c, id).await?;
                cameras::insert_hold(c, camera.agent, &row).await?;
                // The timeline shows it, and the agent's desired state holds it from now on.
                changes::note(c, Kind::Camera, &id.to_string(), now).await?;
                Ok(changes::note(c, Kind::Agent, &camera.agent.to_string(), now).await?)
            })
        })
        .await?;
    Ok((StatusCode::CREATED, Json(show::hold(placed))))
}
