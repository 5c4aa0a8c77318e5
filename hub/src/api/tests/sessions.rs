//! Coming in, staying, leaving.

use super::*;
use crate::auth::{IDLE_MS, LIFE_MS};

#[tokio::test]
async fn the_set_up_link_works_once_and_within_a_day() {
    let house = House::new().await;
    let link = house.link().await;
    let browser = house.browser();
    let ask = |name: &str, password: &str| json!({"token": link, "name": name, "password": password});
    let short = browser.post("/api/v1/setup", &ask("Ada", "elevenchars")).await;
    assert_eq!((short.status().as_u16(), code_of(short).await.as_str()), (400, "bad_password"));
    let done = browser.post("/api/v1/setup", &ask("Ada", PASSWORD)).await;
    assert_eq!(done.status(), 204);
    let cookie = done.headers()["set-cookie"].to_str().unwrap().to_owned();
    for needed in ["__Host-fw=", "; Path=/", "; Secure", "; HttpOnly", "; SameSite=Strict"] {
        assert!(cookie.contains(needed), "{cookie}");
    }
    let again = browser.post("/api/v1/setup", &ask("Eve", PASSWORD)).await;
    assert_eq!((again.status().as_u16(), code_of(again).await.as_str()), (403, "bad_link"));
    let late = house.link().await;
    house.time.advance_ms(enrol::tokens::SETUP_TTL_MS);
    let late = browser.post("/api/v1/setup", &json!({"token": late, "name": "Eve", "password": PASSWORD})).await;
    assert_eq!(code_of(late).await, "bad_link");
    assert_eq!(house.actions().await, ["person.set_up"]);
}

#[tokio::test]
async fn signing_in_takes_name_and_password_and_guessing_takes_time() {
    let house = House::new().await;
    drop(house.admin().await);
    let mut browser = house.browser();
    let ask = |name: &str, password: &str| json!({"name": name, "password": password});
    let nobody = browser.post("/api/v1/session", &ask("nobody", PASSWORD)).await;
    let wrong = browser.post("/api/v1/session", &ask("ada", "wrong password!")).await;
    assert_eq!((nobody.status(), wrong.status()), (wrong.status(), nobody.status()));
    assert_eq!(json_of(nobody).await, json_of(wrong).await, "a wrong name and a wrong password are told alike");
    let good = browser.post("/api/v1/session", &ask(" ada ", PASSWORD)).await;
    assert_eq!(good.status(), 200);
    browser.keep_cookie(&good);
    let person = json_of(good).await;
    assert_eq!(person["name"], "Ada");
    assert_eq!(json_of(browser.get("/api/v1/session").await).await["person"], person["person"]);
    let mut statuses = Vec::new();
    for _ in 0..8 {
        statuses.push(browser.post("/api/v1/session", &ask("ada", "wrong password!")).await.status().as_u16());
    }
    assert_eq!(statuses, [401, 401, 401, 401, 401, 429, 429, 429]);
    let waiting = browser.post("/api/v1/session", &ask("ada", PASSWORD)).await;
    assert!(waiting.headers().contains_key("retry-after"), "the right password waits too");
    house.time.advance_ms(5_000);
    assert_eq!(browser.post("/api/v1/session", &ask("ada", PASSWORD)).await.status(), 200);
    let journal = house.journal().await;
    assert!(journal.iter().any(|e| e["action"] == "session.open" && e["outcome"] == "refused"));
    assert!(!serde_json::to_string(&journal).unwrap().contains("Ada"), "the journal knows pseudonyms only");
}

#[tokio::test]
async fn a_session_ends_when_idle_at_last_and_when_left() {
    let house = House::new().await;
    let admin = house.admin().await;
    house.time.advance_ms(IDLE_MS - 1);
    assert_eq!(admin.get("/api/v1/session").await.status(), 200);
    house.time.advance_ms(IDLE_MS - 1);
    assert_eq!(admin.get("/api/v1/fleet").await.status(), 200, "it was used meanwhile");
    house.time.advance_ms(IDLE_MS);
    assert_eq!(admin.get("/api/v1/fleet").await.status(), 401);

    let ask = json!({"name": "Ada", "password": PASSWORD});
    let mut other = house.browser();
    let entered = other.post("/api/v1/session", &ask).await;
    other.keep_cookie(&entered);
    for _ in 0..LIFE_MS / (IDLE_MS - 1) {
        assert_eq!(other.get("/api/v1/session").await.status(), 200);
        house.time.advance_ms(IDLE_MS - 1);
    }
    house.time.advance_ms(IDLE_MS - 1);
    assert_eq!(other.get("/api/v1/session").await.status(), 401, "seven days in all");

    let entered = other.post("/api/v1/session", &ask).await;
    other.keep_cookie(&entered);
    let left = other.request(Method::DELETE, "/api/v1/session").send().await.unwrap();
    assert!(left.headers()["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
    assert_eq!(other.get("/api/v1/session").await.status(), 401, "the secret is worthless, not only forgotten");
}
