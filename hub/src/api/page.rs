//! The web page: files built into the binary, and `index.html` for every address that is a place in the page.

use axum::body::Body as Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};

use super::Fail;

#[derive(rust_embed::RustEmbed)]
#[folder = "web/dist"]
struct Dist;

/// Names with a hash of the content in them never change.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Answers what no route of ours does.
pub(super) async fn page(method: Method, uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path == "api" || path.starts_with("api/") {
        return Fail::not_found("route").into_response();
    }
    if method != Method::GET && method != Method::HEAD {
        return StatusCode::METHOD_NOT_ALLOWED.into_response();
    }
    let found = Dist::get(path).filter(|_| !path.is_empty());
    match found {
        Some(file) => answer(path, &file, &headers),
        // A missing file is missing; anything else is a place in the page, which finds its way by itself.
        None if path.rsplit('/').next().is_some_and(|name| name.contains('.')) => StatusCode::NOT_FOUND.into_response(),
        None => match Dist::get("index.html") {
            Some(index) => answer("index.html", &index, &headers),
            None => StatusCode::NOT_FOUND.into_response(),
        },
    }
}

fn answer(path: &str, file: &rust_embed::EmbeddedFile, asked: &HeaderMap) -> Response {
    let tag = format!("\"{}\"", hex::encode(&file.metadata.sha256_hash()[..16]));
    let known = asked.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|tags| tags.contains(&tag));
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Response::new(Bytes::from(file.data.clone().into_owned()))
    };
    let mime = mime_guess::from_path(path).first_or_octet_stream();
    let mime = if mime.type_() == mime_guess::mime::TEXT || mime.subtype() == mime_guess::mime::JAVASCRIPT {
        format!("{}; charset=utf-8", mime.essence_str())
    } else {
        mime.essence_str().to_owned()
    };
    let headers = response.headers_mut();
    let hashed = path.starts_with("assets/");
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(if hashed { FOR_EVER } else { "no-cache" }));
    for (name, text) in [(header::CONTENT_TYPE, mime), (header::ETAG, tag)] {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(name, value);
        }
    }
    response
}
