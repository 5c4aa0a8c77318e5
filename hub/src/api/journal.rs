//! Routes of `journal`.

use super::prelude::*;

pub(super) fn routes() -> Routes {
    Routes::default().at(__path_journal, journal)
}

/// The journal, newest first.
#[utoipa::path(get, path = "/api/v1/journal", tag = "journal",
    params(JournalQuery),
    responses((status = 200, body = Journal), (status = "4XX", body = Failure)))]
pub async fn journal(_: Person, _: State<Office>, _: Asked<JournalQuery>) -> Result<Json<Journal>, Fail> {
    Err(Fail::unbuilt())
}
