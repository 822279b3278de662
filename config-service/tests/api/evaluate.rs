//! The guide's two endpoints, and what its own clients rely on.

use serde_json::json;

use super::door::{Door, NOW};
use jackstaff_service::service::ServiceOptions;

const EVALUATE: &str = "/api/v1/feature-flags/evaluate";
const BATCH: &str = "/api/v1/feature-flags/evaluate/batch";

#[tokio::test]
async fn an_answer_says_all() {
    let door = Door::open().await;
    let answer = door.evaluate("new_ui", "user123", "development").await.ok();
    let epoch = answer["epoch"].as_str().unwrap().to_owned();
    assert_eq!(
        answer,
        json!({"flag_name": "new_ui", "environment": "development", "enabled": true, "value": true, "variant": "on",
               "reason": "user_targeted", "rule": "targets", "version": 1, "epoch": epoch})
    );
    assert_eq!(epoch.len(), 12);
    let off = door.evaluate("new_ui", "user123", "production").await.ok();
    assert_eq!((&off["enabled"], &off["reason"], &off["value"]), (&json!(false), &json!("disabled"), &json!(false)));
    assert_ne!(off["epoch"], json!(epoch), "environments have epochs of their own");
    let banner = door.evaluate("banner", "u", "development").await.ok();
    assert_eq!((&banner["value"], &banner["variant"], &banner["enabled"]), (&json!("HELLO"), &json!("loud"), &json!(true)));
}

/// What the guide's clients send and how they read what comes: status 200 and `enabled`, everything else is their default.
#[tokio::test]
async fn the_guides_clients_get_what_they_need() {
    let door = Door::open().await;
    // Unknown flag: 404, so that `default=True` stays True and nothing is cached.
    door.evaluate("nobody_made_this", "user123", "development").await.error(404, "flag_not_found");
    // An environment that nobody made: no answer either.
    door.evaluate("new_ui", "user123", "develpment").await.error(404, "environment_not_found");
    // A batch: one key per name asked; without `enabled` both clients take their default.
    let reply = door.post(&format!("{BATCH}?user_id=user123&environment=development"), json!(["new_ui", "gone", "dark_mode"])).await.ok();
    assert_eq!(reply.as_object().unwrap().len(), 3);
    assert_eq!((&reply["new_ui"]["enabled"], &reply["dark_mode"]["enabled"]), (&json!(true), &json!(true)));
    assert_eq!(reply["gone"]["reason"], "flag_not_found");
    assert!(reply["gone"].get("enabled").is_none() && reply["gone"].get("value").is_none());
    // aiohttp, axios and curl say application/json; a client that says nothing is understood too.
    let body = json!({"flag_name": "new_ui", "user_id": "user123", "environment": "development"}).to_string();
    assert_eq!(door.send(reqwest::Method::POST, EVALUATE, &[], body).await.ok()["enabled"], true);
}

#[tokio::test]
async fn users_and_contexts_come_in_all_shapes() {
    let door = Door::open().await;
    let ask = |body: serde_json::Value| {
        let mut body = body;
        body["environment"] = json!("development");
        body["flag_name"] = json!("new_ui");
        let door = &door;
        async move { door.post(EVALUATE, body).await }
    };
    assert_eq!(ask(json!({"user_id": 42})).await.ok()["reason"], "user_targeted", "a number is its digits");
    assert_eq!(ask(json!({"user_id": "nobody"})).await.ok()["reason"], "fallthrough");
    let staff = json!({"email": "a@shop.example"});
    assert_eq!(ask(json!({"user_id": "x", "context": staff})).await.ok()["rule"], "staff first");
    assert_eq!(ask(json!({"context": staff})).await.ok()["rule"], "staff first", "attributes alone will do");
    assert_eq!(ask(json!({"user_id": null, "context": {}})).await.ok()["reason"], "fallthrough");
    assert!(ask(json!({})).await.error(400, "bad_request").contains("user_id is missing"));
    assert!(ask(json!({"user_id": null})).await.error(400, "bad_request").contains("user_id is missing"));
    assert!(ask(json!({"user_id": ["a"]})).await.error(400, "bad_request").contains("list"));
    assert!(ask(json!({"user_id": "a", "context": "b"})).await.error(400, "bad_request").contains("context has to be an object"));
    assert_eq!(ask(json!({"user_id": "пользователь 👤:*?[{/"})).await.ok()["enabled"], false, "ids are free");
}

#[tokio::test]
async fn what_is_missing_is_named() {
    let door = Door::open().await;
    let refused = |body: serde_json::Value| {
        let door = &door;
        async move { door.post(EVALUATE, body).await.error(400, "bad_request") }
    };
    assert!(refused(json!({"flag_name": "a", "user_id": "u"})).await.contains("environment"));
    assert!(refused(json!({"user_id": "u", "environment": "development"})).await.contains("flag_name"));
    assert!(refused(json!({"flag_name": 7, "user_id": "u", "environment": "development"})).await.contains("string"));
    assert!(refused(json!({"flag_name": "a b*", "user_id": "u", "environment": "development"})).await.contains("a b*"));
    assert!(refused(json!([])).await.contains("body"));
    let reply = door.send(reqwest::Method::POST, EVALUATE, &[], "{\"flag_name\": ").await;
    assert!(reply.error(400, "bad_request").contains("line 1"));
    assert!(door.send(reqwest::Method::POST, EVALUATE, &[], "").await.error(400, "bad_request").contains("empty"));
    assert!(door.post(&format!("{BATCH}?user_id=u"), json!(["a"])).await.error(400, "bad_request").contains("environment"));
    assert!(door.post(&format!("{BATCH}?environment=test"), json!(["a"])).await.error(400, "bad_request").contains("user_id"));
    let mixed = door.post(&format!("{BATCH}?environment=test&user_id=u"), json!(["a", 1])).await;
    mixed.error(400, "bad_request");
}

#[tokio::test]
async fn guide_flaw_15_a_batch_may_say_everything_in_its_body() {
    let door = Door::open().await;
    let all = door.post(BATCH, json!({"user_id": "u", "environment": "development"})).await.ok();
    let names: Vec<&str> = all.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["banner", "dark_mode", "new_ui"], "no names: all flags");
    let body = json!({"flag_names": ["new_ui", "new_ui"], "environment": "development", "context": {"email": "b@shop.example"}});
    let one = door.post(BATCH, body).await.ok();
    assert_eq!((one.as_object().unwrap().len(), &one["new_ui"]["reason"]), (1, &json!("rule_matched")));
    assert_eq!(one["new_ui"]["version"], 1);
    let none = door.post(&format!("{BATCH}?user_id=u&environment=development"), json!([])).await.ok();
    assert_eq!(none, json!({}));
}

#[tokio::test]
async fn an_answer_is_not_older_than_asked() {
    let door = Door::open().await;
    let epoch = door.evaluate("new_ui", "u", "development").await.ok()["epoch"].as_str().unwrap().to_owned();
    let body = json!({"flag_name": "new_ui", "user_id": "u", "environment": "development"}).to_string();
    let ask = |wanted: String| {
        let (door, body) = (&door, body.clone());
        async move { door.send(reqwest::Method::POST, EVALUATE, &[("x-ff-min-version", &wanted)], body).await }
    };
    assert_eq!(ask("1".into()).await.status, 200);
    assert_eq!(ask(format!("{epoch}-1")).await.status, 200);
    assert_eq!(ask("other-77".into()).await.status, 200, "another epoch never comes: the answer says which this is");
    ask("one".into()).await.error(400, "bad_request");
    let late = ask(format!("{epoch}-2")).await;
    assert!(late.error(503, "version_not_reached").contains("version 2"));
    assert_eq!(late.header("retry-after"), "1");
    // A version that arrives while somebody waits is served.
    let (waited, _) = tokio::join!(ask("2".into()), async {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        door.switch("new_ui", false).await
    });
    assert_eq!((&waited.ok()["version"], &waited.ok()["reason"]), (&json!(2), &json!("disabled")));
}

#[tokio::test]
async fn versions_rise_for_a_flag_and_its_dependants_only() {
    let door = Door::open().await;
    let moved = door.switch("dark_mode", false).await;
    assert_eq!(moved["environments"].as_object().unwrap().keys().collect::<Vec<_>>(), ["development"], "only where it says otherwise");
    let version = |flag: &'static str| {
        let door = &door;
        async move { door.evaluate(flag, "u", "development").await.ok()["version"].as_u64().unwrap() }
    };
    assert_eq!(version("dark_mode").await, 2);
    assert_eq!(version("banner").await, 2, "it has dark_mode for a prerequisite");
    assert_eq!(version("new_ui").await, 1, "it has nothing to do with it");
    assert_eq!(door.evaluate("banner", "u", "development").await.ok()["reason"], "prerequisite_failed");
    assert_eq!(door.evaluate("banner", "u", "production").await.ok()["version"], 1);
    let segment = json!({"users": ["newcomer"]});
    door.put("/api/v1/segments/staff", ("if-match", "*"), segment).await.ok();
    assert_eq!((version("new_ui").await, version("dark_mode").await), (3, 2), "users of a changed segment");
    assert_eq!(door.evaluate("new_ui", "newcomer", "development").await.ok()["rule"], "staff first");
}

#[tokio::test]
async fn the_clock_is_the_services() {
    let flags = "flags: { sale: { schedule: { from: 2026-11-22T13:00:00Z } } }";
    let door = Door::with(flags, ServiceOptions::default()).await;
    assert_eq!(door.evaluate("sale", "u", "development").await.ok()["reason"], "disabled");
    door.clock.store(NOW + 3_600_000, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(door.evaluate("sale", "u", "development").await.ok()["enabled"], true);
}

/// An older or newer Jackstaff, or somebody's hand, may have left a flag in the store that this one cannot read.
#[tokio::test]
async fn a_flag_that_cannot_be_read_spoils_no_other() {
    use jackstaff_service::store::{Commit, Move, PartWrite, Section, Touched};
    let door = Door::open().await;
    let epoch = door.service.environments.published("development").unwrap().ruleset.epoch.clone();
    let part = PartWrite { part: (Section::Flag, "future".into()), seen: 0, doc: r#"{"type": "hologram"}"#.into(), archived: false };
    let touched = Touched { flags: vec!["future".into()], ..Touched::default() };
    let moves = vec![Move { environment: "development".into(), epoch, version: 2, touched }];
    let store = jackstaff_service::service::open_store(door.folder()).unwrap();
    store.commit(&Commit { parts: vec![part], moves, ..Commit::default() }).unwrap();
    door.service.environments.refresh().unwrap();
    // The guide's clients take anything but 200 as "use my default".
    assert!(door.evaluate("future", "u", "development").await.error(422, "flag_invalid").contains("hologram"));
    let batch = door.post(&format!("{BATCH}?user_id=u&environment=development"), json!(["future", "dark_mode"])).await.ok();
    assert_eq!((&batch["future"]["reason"], &batch["future"]["error"]), (&json!("error"), &json!("malformed_flag")));
    assert!(batch["future"].get("enabled").is_none());
    assert_eq!(batch["dark_mode"]["enabled"], true);
    // Others can still be written, and the broken one can be mended.
    door.switch("dark_mode", false).await;
    door.put("/api/v1/flags/future", ("if-match", "*"), json!({"type": "boolean"})).await.ok();
    assert_eq!(door.evaluate("future", "u", "development").await.ok()["enabled"], true);
}
