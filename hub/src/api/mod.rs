//! The people's HTTPS door (sessions).
//!
//! Belongs here: one file of routes per resource, the shapes they speak, the page itself. A handler is five lines of
//! meaning: who, may they, do it under audit, answer with a view type. Does not: what a deed causes (rows do; `dispatch`,
//! `footage` and the others follow them), the agents' door (`intake`).

mod agents;
mod cameras;
mod events;
mod fail;
mod fleet;
mod holds;
mod journal;
mod openapi;
mod prelude;
mod pulls;
mod routes;
mod session;
mod setup;
pub mod shape;
mod sites;
mod take;
mod timeline;
mod tokens;
mod views;

pub use fail::Fail;

use routes::Routes;

/// What every handler may reach. Cheap to clone.
#[derive(Clone)]
pub struct Office;

fn routes() -> Routes {
    [
        setup::routes(),
        session::routes(),
        fleet::routes(),
        sites::routes(),
        agents::routes(),
        cameras::routes(),
        timeline::routes(),
        holds::routes(),
        pulls::routes(),
        views::routes(),
        tokens::routes(),
        journal::routes(),
        events::routes(),
        openapi::routes(),
    ]
    .into_iter()
    .fold(Routes::default(), Routes::with)
}

/// The OpenAPI document of the people's door.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}
