//! A person at the people's door: signs in and speaks JSON.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::hub::Hub;

/// A signed-in administrator.
#[derive(Clone)]
pub struct Person {
    http: reqwest::Client,
    base: String,
    cookie: String,
}

/// A hole as the hub tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GapSeen {
    pub start_ms: i64,
    pub end_ms: i64,
    pub cause: String,
}

/// The password tests use.
pub const PASSWORD: &str = "correct horse battery staple";

/// Makes a reqwest client that trusts this hub alone.
///
/// # Panics
/// When the CA cannot be read.
#[must_use]
pub fn http(ca_pem: &str) -> reqwest::Client {
    install_provider();
    reqwest::Client::builder()
        .tls_certs_only([reqwest::Certificate::from_pem(ca_pem.as_bytes()).expect("the hub's CA is PEM")])
        .timeout(Duration::from_secs(60))
        .build()
        .expect("an HTTP client can be made")
}

/// Both TLS back ends may be linked into a test: one is chosen by name.
pub fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

impl Person {
    /// Follows the set-up link and becomes the first administrator.
    pub async fn set_up(hub: &Hub) -> Self {
        let body = json!({"token": hub.setup_token, "name": "admin", "password": PASSWORD});
        Self::enter(hub, "setup", &body).await
    }

    /// Signs in with the name and password of [`Self::set_up`].
    pub async fn sign_in(hub: &Hub) -> Self {
        Self::enter(hub, "session", &json!({"name": "admin", "password": PASSWORD})).await
    }

    async fn enter(hub: &Hub, path: &str, body: &Value) -> Self {
        let http = http(&hub.ca_pem());
        let base = format!("https://{}/api/v1", hub.doors.people);
        let answer = http
            .post(format!("{base}/{path}"))
            .header("X-Farwatch", "1")
            .json(body)
            .send()
            .await
            .expect("the door answers");
        assert!(answer.status().is_success(), "{path}: {} {}", answer.status(), hub.log());
        let cookie = answer
            .headers()
            .get_all("set-cookie")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .find_map(|v| v.split(';').next())
            .expect("a session cookie")
            .to_owned();
        Self { http, base, cookie }
    }

    /// One call; gives status and JSON body (`null` when there is none).
    pub async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> (StatusCode, Value) {
        let mut request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("Cookie", &self.cookie)
            .header("X-Farwatch", "1");
        if let Some(body) = body {
            request = request.json(body);
        }
        match request.send().await {
            Ok(answer) => (answer.status(), answer.json().await.unwrap_or(Value::Null)),
            Err(_) => (StatusCode::BAD_GATEWAY, Value::Null),
        }
    }

    /// # Panics
    /// When the answer is not a success.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert!(status.is_success(), "GET {path}: {status} {body}");
        body
    }

    /// # Panics
    /// When the answer is not a success.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "POST {path}: {status} {answer}");
        answer
    }

    /// The holes of a camera's main stream in a range, by start. A long hole is told piece by piece: pieces of one cause that
    /// meet are one.
    pub async fn gaps(&self, camera: &str, from_ms: i64, to_ms: i64) -> Vec<GapSeen> {
        let path = format!("/cameras/{camera}/timeline?from_ms={from_ms}&to_ms={to_ms}&stream=main");
        let (_, timeline) = self.call(Method::GET, &path, None).await;
        let mut gaps: Vec<GapSeen> = Vec::new();
        for gap in timeline["gaps"].as_array().into_iter().flatten() {
            let (Some(start_ms), Some(end_ms)) = (gap["start_ms"].as_i64(), gap["end_ms"].as_i64()) else { continue };
            let cause = gap["cause"].as_str().unwrap_or_default().to_owned();
            match gaps.last_mut() {
                Some(last) if last.end_ms == start_ms && last.cause == cause => last.end_ms = end_ms,
                _ => gaps.push(GapSeen { start_ms, end_ms, cause }),
            }
        }
        gaps
    }

    /// As [`Self::gaps`], of the last day.
    pub async fn recent_gaps(&self, camera: &str) -> Vec<GapSeen> {
        let now = crate::raw::now().0;
        self.gaps(camera, now - 86_400_000, now + 60_000).await
    }

    /// The bytes behind a path.
    ///
    /// # Panics
    /// When the answer is not a success.
    pub async fn bytes(&self, path: &str) -> Vec<u8> {
        let answer = self
            .http
            .get(format!("{}{path}", self.base))
            .header("Cookie", &self.cookie)
            .send()
            .await
            .expect("the door answers");
        assert!(answer.status().is_success(), "GET {path}: {}", answer.status());
        answer.bytes().await.expect("the body arrives").to_vec()
    }
}
