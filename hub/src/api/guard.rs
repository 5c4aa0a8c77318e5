//! What holds for every request and every answer, whichever route.
//!
//! Belongs here: headers that tell browsers what our pages may do, the header that tells our page from others', no caching
//! of answers. Does not: who asks ([`crate::auth`]).

use axum::extract::Request;
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::Fail;
use crate::auth::cookie;

/// Everything from ourselves. Media is played from memory (`blob:`). The component library sets styles as it goes; scripts
/// it may not.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; font-src 'self'; \
    img-src 'self' data: blob:; media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; worker-src 'self' blob:; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Refuses what another site's page could have made the browser send, before anybody looks at it.
pub(super) async fn from_our_page(request: Request, next: Next) -> Response {
    let changes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if changes && !cookie::from_our_page(request.headers()) {
        return Fail::forbidden(
            "header_required",
            "a request that changes something must carry the header X-Farwatch: 1",
            "send the header; a page of another site cannot",
        )
        .into_response();
    }
    next.run(request).await
}

/// Adds the headers.
pub(super) async fn headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // What a file of the page may be kept for, it has said itself.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}
