//! The people's HTTPS door (sessions).
//!
//! Belongs here: one file of routes per resource, the shapes they speak, the page itself. A handler is five lines of
//! meaning: who, may they, do it under audit, answer with a view type. Does not: what a deed causes (rows do; `dispatch`,
//! `footage` and the others follow them), the agents' door (`intake`), accepting connections (`door`).

mod agents;
mod cameras;
mod coverage;
mod events;
mod evidence;
mod fail;
mod fleet;
mod guard;
mod health;
mod holds;
mod journal;
pub mod metrics;
mod office;
mod openapi;
mod page;
mod prelude;
mod pulls;
mod routes;
mod session;
mod setup;
pub mod shape;
pub(crate) mod show;
mod sites;
mod stretches;
mod take;
#[cfg(test)]
mod tests;
mod timeline;
mod tokens;
mod views;
mod who;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{DefaultPredicate, NotForContentType, Predicate as _};

pub use fail::Fail;
pub use office::{Office, Parts};

use routes::Routes;

/// Largest body of any request.
const MOST_BODY: usize = 256 << 10;

fn routes() -> Routes {
    [
        setup::routes(),
        session::routes(),
        fleet::routes(),
        sites::routes(),
        agents::routes(),
        cameras::routes(),
        timeline::routes(),
        coverage::routes(),
        evidence::routes(),
        holds::routes(),
        pulls::routes(),
        views::routes(),
        tokens::routes(),
        journal::routes(),
        events::routes(),
        openapi::routes(),
        health::routes(),
    ]
    .into_iter()
    .fold(Routes::default(), Routes::with)
}

/// Everything the people's door serves: the routes, and the page for every other address.
pub fn router(office: Office) -> Router {
    // Footage does not get smaller, and an event must not wait for the next one.
    let worth_it = DefaultPredicate::new().and(NotForContentType::const_new("video/"));
    routes()
        .into_router()
        .fallback(page::page)
        .layer(DefaultBodyLimit::max(MOST_BODY))
        .layer(axum::middleware::from_fn(guard::from_our_page))
        .layer(CompressionLayer::new().gzip(true).compress_when(worth_it))
        .layer(axum::middleware::from_fn(guard::headers))
        .with_state(office)
}

/// The OpenAPI document of the people's door.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    routes().into_openapi()
}
