//! Keys: who may do what. (Flaws 51 and 52 of the guide's samples: no credential on any call, and an environment
//! that nobody binds to one.)

use jackstaff_service::publish::sse::StreamOptions;
use jackstaff_service::service::ServiceOptions;
use reqwest::Method;
use serde_json::json;

use super::door::{Door, FLAGS, NOW};

const EVALUATE: &str = "/api/v1/feature-flags/evaluate";

#[tokio::test]
async fn on_loopback_without_keys_everything_is_open() {
    let door = Door::open().await;
    door.evaluate("new_ui", "u", "development").await.ok();
    door.get("/api/v1/flags").await.ok();
}

#[tokio::test]
async fn guide_flaw_51_with_a_key_made_nobody_comes_in_without_one() {
    let mut door = Door::open().await;
    let (admin, _) = door.make_key(None, None);
    let refused = door.evaluate("new_ui", "u", "development").await;
    refused.error(401, "unauthorized");
    assert_eq!(refused.header("www-authenticate"), "Bearer");
    for path in [
        "/api/v1/flags",
        "/api/v1/rulesets/development",
        "/api/v1/rulesets/development/stream",
        "/api/v1/audit",
        "/metrics",
        "/api/v1/export",
    ] {
        door.get(path).await.error(401, "unauthorized");
    }
    for path in ["/healthz", "/readyz", "/openapi.json"] {
        door.get(path).await.ok();
    }
    let slipped = format!("{}{}", &admin[..admin.len() - 1], if admin.ends_with('x') { 'y' } else { 'x' });
    let (stranger, _) = jackstaff_service::keys::generate(None, "", NOW, None).unwrap();
    for wrong in ["", "secret", "ffa_12345678_abc_000000", &slipped, &stranger] {
        door.key = Some(wrong.to_owned());
        door.get("/api/v1/flags").await.error(401, "unauthorized");
    }
    door.key = None;
    door.get_with("/api/v1/flags", &[("x-api-key", &admin)]).await.ok();
    door.get_with("/api/v1/flags", &[("authorization", &format!("bearer {admin}"))]).await.ok();
    door.key = Some(admin);
    door.switch("new_ui", false).await;
    let entry = &door.get("/api/v1/audit?limit=1").await.ok()["items"][0];
    assert!(entry["actor"].as_str().unwrap().starts_with("key/"), "{entry}");
}

#[tokio::test]
async fn guide_flaw_52_a_server_key_opens_one_environment() {
    let mut door = Door::open().await;
    let (server, _) = door.make_key(Some("production"), None);
    door.key = Some(server);
    door.evaluate("new_ui", "u", "production").await.ok();
    door.get("/api/v1/rulesets/production").await.ok();
    door.follow("production", &[]).await.expect("full").await;
    let message = door.evaluate("new_ui", "u", "development").await.error(403, "forbidden");
    assert!(message.contains("\"production\"") && message.contains("\"development\""), "{message}");
    let batch = "/api/v1/feature-flags/evaluate/batch?user_id=u&environment=development";
    door.post(batch, json!(["new_ui"])).await.error(403, "forbidden");
    door.get("/api/v1/rulesets/development").await.error(403, "forbidden");
    door.get("/api/v1/rulesets/development/stream").await.error(403, "forbidden");
    door.get("/api/v1/rulesets/nowhere").await.error(403, "forbidden");
    // And nothing can be managed with it.
    for path in [
        "/api/v1/flags",
        "/api/v1/flags/new_ui",
        "/api/v1/feature-flags/new_ui",
        "/api/v1/segments",
        "/api/v1/environments",
        "/api/v1/audit",
        "/api/v1/export",
    ] {
        door.get(path).await.error(403, "forbidden");
    }
    door.delete("/api/v1/flags/new_ui", "*").await.error(403, "forbidden");
    door.post("/api/v1/import", json!({})).await.error(403, "forbidden");
}

#[tokio::test]
async fn keys_end_by_date_and_by_hand() {
    let mut door = Door::open().await;
    let (short, _) = door.make_key(None, Some(NOW + 1_000));
    let (long, id) = door.make_key(None, None);
    door.key = Some(short);
    door.get("/api/v1/flags").await.ok();
    door.clock.store(NOW + 1_000, std::sync::atomic::Ordering::Relaxed);
    assert!(door.get("/api/v1/flags").await.error(401, "unauthorized").contains("expired"));
    door.key = Some(long);
    door.get("/api/v1/flags").await.ok();
    door.service.environments.store().revoke_key(&id, NOW).unwrap();
    door.service.keys.refresh().unwrap();
    door.get("/api/v1/flags").await.error(401, "unauthorized");
    door.key = None;
    assert!(door.get("/api/v1/flags").await.status == 401, "with the last key revoked the door stays shut");
}

#[tokio::test]
async fn a_revoked_key_ends_its_streams() {
    let streams = StreamOptions { ping: std::time::Duration::from_millis(50), ..StreamOptions::default() };
    let mut door = Door::with(FLAGS, ServiceOptions { streams, ..ServiceOptions::default() }).await;
    let (key, id) = door.make_key(Some("development"), None);
    door.key = Some(key);
    let mut events = door.follow("development", &[]).await;
    events.expect("full").await;
    events.expect("ping").await;
    door.service.environments.store().revoke_key(&id, NOW).unwrap();
    door.service.keys.refresh().unwrap();
    loop {
        match events.next().await.expect("a goodbye first") {
            event if event.name == "ping" => {}
            event => break assert_eq!((&*event.name, &event.data["reason"]), ("goodbye", &json!("key_revoked"))),
        }
    }
}

#[tokio::test]
async fn a_key_made_a_moment_ago_by_another_process_opens_at_once() {
    let mut door = Door::open().await;
    door.make_key(None, None);
    let (text, record) = jackstaff_service::keys::generate(None, "fresh", NOW, None).unwrap();
    let store = jackstaff_service::service::open_store(door.folder()).unwrap();
    store.create_key(&record).unwrap();
    door.clock.fetch_add(300, std::sync::atomic::Ordering::Relaxed);
    door.key = Some(text);
    door.get("/api/v1/flags").await.ok();
}

#[tokio::test]
async fn beyond_loopback_keys_are_wanted_unless_it_is_open() {
    let public = Door::with(FLAGS, ServiceOptions { keys_required: true, ..ServiceOptions::default() }).await;
    public.evaluate("new_ui", "u", "development").await.error(401, "unauthorized");
    let open = Door::with(FLAGS, ServiceOptions { keys_required: true, open: true, ..ServiceOptions::default() }).await;
    open.make_key(None, None);
    open.evaluate("new_ui", "u", "development").await.ok();
    let body = json!({"flag_name": "new_ui", "user_id": "u", "environment": "development"}).to_string();
    open.send(Method::POST, EVALUATE, &[("authorization", "Bearer nonsense")], body).await.ok();
}

#[tokio::test]
async fn a_page_of_another_site_cannot_reach_a_service_on_this_machine() {
    let door = Door::open().await;
    let body = json!({"name": "planted", "doc": {}}).to_string();
    let planted =
        door.send(Method::POST, "/api/v1/flags", &[("origin", "https://evil.example"), ("content-type", "text/plain")], body).await;
    planted.error(403, "cross_origin");
    door.get_with("/api/v1/flags", &[("host", "evil.example"), ("sec-fetch-site", "same-origin")]).await.error(403, "cross_origin");
    door.get("/api/v1/flags/planted").await.error(404, "flag_not_found");
    let own = door.url.clone();
    door.get_with("/api/v1/flags", &[("origin", &own)]).await.ok();
}
