//! Who may reach which route.

use super::*;

/// Routes anybody may reach, and why. Everything else in the document answers 401 without a session.
const PUBLIC: [(&str, &str); 4] = [
    ("post", "/api/v1/setup"),       // the one-time link is the key
    ("post", "/api/v1/session"),     // signing in
    ("get", "/api/v1/openapi.json"), // says nothing of anybody
    ("get", "/healthz"),             // for balancers
];

fn operations() -> Vec<(String, String)> {
    let document = serde_json::to_value(crate::api::openapi()).unwrap();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys() {
            all.push((method.clone(), path.clone()));
        }
    }
    all
}

fn filled(path: &str) -> String {
    let id = AgentId::generate().to_string();
    path.replace("{id}", &id).replace("{view}", &id).replace("{n}", "0")
}

#[tokio::test]
async fn no_route_answers_without_a_session_unless_it_is_on_the_list() {
    let house = House::new().await;
    let browser = house.browser();
    let mut forged = house.browser();
    forged.cookie = Some(format!("__Host-fw={}", "A".repeat(43)));
    let operations = operations();
    assert!(operations.len() >= 24, "{operations:?}");
    for (method, path) in &operations {
        let public = PUBLIC.contains(&(method.as_str(), path.as_str()));
        for nobody in [&browser, &forged] {
            let request = nobody.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &filled(path));
            let status = request.send().await.unwrap().status();
            assert_eq!(status == 401, !public, "{method} {path} answers {status}");
        }
    }
}

#[tokio::test]
async fn every_route_in_the_document_is_served_and_fails_in_one_shape() {
    let house = House::new().await;
    let admin = house.admin().await;
    for (method, path) in operations().into_iter().filter(|(_, path)| path.contains('{')) {
        let request = admin.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), &filled(&path));
        let answer =
            request.json(&json!({"reason": "x", "start_ms": 1, "end_ms": 2, "name": "x", "url": "rtsp://h/x"})).send();
        let answer = answer.await.unwrap();
        // The id names nothing, so 404; but a route that is not there would say so in other words.
        assert_eq!(answer.status(), 404, "{method} {path}");
        let body = json_of(answer).await;
        assert_eq!(body["error"]["code"], "not_found", "{method} {path}: {body}");
        assert_ne!(body["error"]["message"], "there is no such route", "{method} {path}");
        assert!(!body["error"]["next"].as_str().unwrap().is_empty());
    }
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let house = House::new().await;
    let admin = house.admin().await;
    let before = house.actions().await.len();
    for (method, path) in operations().into_iter().filter(|(method, _)| method != "get") {
        let url = format!("https://{}{}", house.address, filled(&path));
        let request = admin.client.request(Method::from_bytes(method.to_uppercase().as_bytes()).unwrap(), url);
        let answer = request.header("cookie", admin.cookie.clone().unwrap()).body("{}").send().await.unwrap();
        assert_eq!(answer.status(), 403, "{method} {path}");
        assert_eq!(code_of(answer).await, "header_required");
    }
    assert_eq!(house.actions().await.len(), before);
}
