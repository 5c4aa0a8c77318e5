//! A route and its description are one thing: what is served is what the OpenAPI document says.
//!
//! Belongs here: collecting both from one `#[utoipa::path]`. Does not: any handler, any middleware.

use axum::Router;
use axum::handler::Handler;
use axum::routing::{MethodFilter, on};
use utoipa::__dev::SchemaReferences;
use utoipa::Path;
use utoipa::openapi::path::{HttpMethod, PathItem};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathsBuilder};

use super::Office;
use crate::auth::cookie::COOKIE;

/// Routes of one resource, or of all of them.
#[derive(Default)]
pub struct Routes {
    router: Router<Office>,
    paths: Vec<(String, PathItem)>,
    schemas: Vec<(String, utoipa::openapi::RefOr<utoipa::openapi::Schema>)>,
}

impl Routes {
    /// Serves `handler` where its own `#[utoipa::path]` says.
    #[must_use]
    pub fn at<P, H, T>(mut self, _described: P, handler: H) -> Self
    where
        P: Path + SchemaReferences,
        H: Handler<T, Office>,
        T: 'static,
    {
        for method in P::methods() {
            self.router = self.router.route(&P::path(), on(filter(&method), handler.clone()));
            self.paths.push((P::path(), PathItem::new(method, P::operation())));
        }
        P::schemas(&mut self.schemas);
        self
    }

    /// Both sets together.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.router = self.router.merge(other.router);
        self.paths.extend(other.paths);
        self.schemas.extend(other.schemas);
        self
    }

    /// What axum serves.
    pub fn into_router(self) -> Router<Office> {
        self.router
    }

    /// What the OpenAPI document says.
    #[must_use]
    pub fn into_openapi(self) -> OpenApi {
        let paths = self.paths.into_iter().fold(PathsBuilder::new(), |paths, (path, item)| paths.path(path, item));
        let session = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
            COOKIE,
            "Set by signing in. Every request that changes something also carries the header `X-Farwatch: 1`.",
        )));
        let components = ComponentsBuilder::new().schemas_from_iter(self.schemas).security_scheme("session", session);
        OpenApiBuilder::new()
            .info(
                InfoBuilder::new()
                    .title("Farwatch hub")
                    .version(env!("CARGO_PKG_VERSION"))
                    .description(Some(
                        "The people's door. Times are integer UTC milliseconds (`_ms`); each site's time zone rides along.",
                    ))
                    .build(),
            )
            .paths(paths.build())
            .components(Some(components.build()))
            .security(Some([SecurityRequirement::new::<&str, [&str; 0], &str>("session", [])]))
            .build()
    }
}

fn filter(method: &HttpMethod) -> MethodFilter {
    match method {
        HttpMethod::Get => MethodFilter::GET,
        HttpMethod::Post => MethodFilter::POST,
        HttpMethod::Put => MethodFilter::PUT,
        HttpMethod::Delete => MethodFilter::DELETE,
        HttpMethod::Options => MethodFilter::OPTIONS,
        HttpMethod::Head => MethodFilter::HEAD,
        HttpMethod::Patch => MethodFilter::PATCH,
        HttpMethod::Trace => MethodFilter::TRACE,
        #[allow(unreachable_patterns)] // utoipa may know more methods than axum routes
        _ => MethodFilter::CONNECT,
    }
}
