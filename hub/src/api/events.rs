//! Routes of `events`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_events, events)
}

/// What changes, as it changes (server-sent events).
#[utoipa::path(get, path = "/api/v1/events", tag = "events",
    responses((status = 200, description = "See the summary.", content_type = "text/event-stream"), (status = "4XX", body = Failure)))]
pub async fn events(_: Person, _: State<Office>) -> Result<Response, Fail> {
    Err(Fail::unbuilt())
}
