//! Managing flags, segments and environments: conditional requests, audit, rollback, documents.

use reqwest::Method;
use serde_json::{Value, json};

use super::door::{Door, Reply};

#[tokio::test]
async fn a_flag_lives_from_create_to_archive_and_back() {
    let door = Door::open().await;
    let created = door.post("/api/v1/flags", json!({"name": "beta", "doc": {"type": "boolean"}})).await;
    assert_eq!((created.status, created.header("etag")), (201, "\"1\""));
    assert_eq!(created.ok()["environments"].as_object().unwrap().len(), 4);
    assert_eq!(door.evaluate("beta", "u", "test").await.ok()["enabled"], true);
    let got = door.get("/api/v1/flags/beta").await;
    assert_eq!((got.header("etag"), &got.ok()["doc"], &got.ok()["archived"]), ("\"1\"", &json!({"type": "boolean"}), &json!(false)));
    assert_eq!(door.get_with("/api/v1/flags/beta", &[("if-none-match", "\"1\"")]).await.status, 304);
    let put = door.put("/api/v1/flags/beta", ("if-match", "\"1\""), json!({"type": "boolean", "enabled": false})).await;
    assert_eq!((put.status, put.header("etag"), &put.ok()["revision"]), (200, "\"2\"", &json!(2)));
    assert_eq!(door.evaluate("beta", "u", "test").await.ok()["enabled"], false);
    let patched = door.patch("/api/v1/flags/beta", "\"2\"", json!({"enabled": null, "owner": "web"})).await;
    assert_eq!(patched.ok()["doc"], json!({"type": "boolean", "owner": "web"}));
    let archived = door.delete("/api/v1/flags/beta", "\"3\"").await.ok();
    assert_eq!((&archived["archived"], &archived["revision"]), (&json!(true), &json!(4)));
    door.evaluate("beta", "u", "test").await.error(404, "flag_not_found");
    assert_eq!(door.get("/api/v1/flags/beta").await.ok()["archived"], true);
    door.put("/api/v1/flags/beta", ("if-match", "*"), json!({})).await.error(409, "archived");
    door.post("/api/v1/flags", json!({"name": "beta", "doc": {}})).await.error(409, "archived");
    let restored = door.post("/api/v1/flags/beta/restore", json!(null)).await.ok();
    assert_eq!((&restored["archived"], &restored["revision"]), (&json!(false), &json!(5)));
    assert_eq!(door.evaluate("beta", "u", "test").await.ok()["enabled"], true);
}

#[tokio::test]
async fn writers_say_what_they_have_seen() {
    let door = Door::open().await;
    let path = "/api/v1/flags/dark_mode";
    for method in [Method::PUT, Method::PATCH, Method::DELETE] {
        door.send(method, path, &[], "{}").await.error(428, "precondition_required");
    }
    let late = door.put(path, ("if-match", "\"7\""), json!({})).await;
    late.error(412, "revision_mismatch");
    assert_eq!((late.header("etag"), &late.json()["error"]["details"]["revision"]), ("\"1\"", &json!(1)));
    door.delete(path, "\"0\"").await.error(412, "revision_mismatch");
    door.put(path, ("if-none-match", "*"), json!({})).await.error(409, "already_exists");
    door.put("/api/v1/flags/none", ("if-match", "*"), json!({})).await.error(404, "flag_not_found");
    door.patch("/api/v1/flags/none", "*", json!({})).await.error(404, "flag_not_found");
    assert_eq!(door.put("/api/v1/flags/made", ("if-none-match", "*"), json!({})).await.status, 201);
    // Two writers who saw the same: one is told.
    let (one, other) = tokio::join!(
        door.put(path, ("if-match", "\"1\""), json!({"type": "boolean", "salt": "one"})),
        door.put(path, ("if-match", "\"1\""), json!({"type": "boolean", "salt": "other"})),
    );
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn writing_the_same_again_is_no_commit() {
    let door = Door::open().await;
    let before = door.get("/api/v1/audit").await.ok()["items"].as_array().unwrap().len();
    let doc = door.get("/api/v1/flags/dark_mode").await.ok()["doc"].clone();
    let reply = door.put("/api/v1/flags/dark_mode", ("if-match", "\"1\""), doc).await;
    assert_eq!((reply.header("etag"), &reply.ok()["audit"], &reply.ok()["environments"]), ("\"1\"", &Value::Null, &json!({})));
    // A description is for people: a new revision, but no environment moves.
    let reply = door.patch("/api/v1/flags/dark_mode", "\"1\"", json!({"description": "night"})).await.ok();
    assert_eq!((&reply["revision"], &reply["environments"]), (&json!(2), &json!({})));
    assert_eq!(door.get("/api/v1/audit").await.ok()["items"].as_array().unwrap().len(), before + 1);
}

#[tokio::test]
async fn a_bad_flag_is_refused_whole_with_every_mistake() {
    let door = Door::open().await;
    let body = "{\"type\": \"boolean\",\n \"fallthroug\": \"on\",\n \"rules\": [{\"when\": {\"segment\": \"stuff\"}, \"serve\": \"onn\"}]}";
    let refused = door.send(Method::PUT, "/api/v1/flags/new_ui", &[("if-match", "*")], body).await;
    refused.error(422, "invalid_document");
    let details = refused.json()["error"]["details"].clone();
    let paths: Vec<&str> = details.as_array().unwrap().iter().map(|problem| problem["path"].as_str().unwrap()).collect();
    assert_eq!(paths.len(), 3, "{details:#}");
    assert!(paths.iter().all(|path| path.starts_with("flags.new_ui")));
    assert_eq!((&details[0]["line"], &details[1]["line"], &details[2]["line"]), (&json!(2), &json!(3), &json!(3)), "{details:#}");
    let messages = details.to_string();
    assert!(messages.contains("fallthrough") && messages.contains("staff") && messages.contains("onn"), "{messages}");
    assert_eq!(door.get("/api/v1/flags/new_ui").await.header("etag"), "\"1\"", "nothing was written");
    // A segment that is in use cannot go, and a flag that others need cannot either.
    let used = door.delete("/api/v1/segments/staff", "*").await;
    assert!(used.error(422, "invalid_document").contains("staff"));
    assert_eq!(used.json()["error"]["details"][0]["line"], 0, "no place in a text that is not being written");
    door.delete("/api/v1/flags/dark_mode", "*").await.error(422, "invalid_document");
    // So with an environment that a flag has settings for.
    door.delete("/api/v1/environments/production", "*").await.error(422, "invalid_document");
    for (body, word) in [("[1]", "map"), ("{\"a\": 1, \"a\": 2}", "twice"), ("{", "JSON"), ("\u{feff}", "JSON")] {
        let reply = door.send(Method::PUT, "/api/v1/flags/x", &[("if-none-match", "*")], body.to_owned()).await;
        assert!((400..=422).contains(&reply.status) && reply.json().to_string().contains(word), "{body}: {}", reply.json());
    }
    let reply = door.put("/api/v1/flags/a%20b", ("if-none-match", "*"), json!({})).await;
    assert!(reply.error(400, "bad_request").contains("a b"));
    door.post("/api/v1/flags", json!({"name": "x"})).await.error(400, "bad_request");
    door.post("/api/v1/flags", json!({"name": "x", "doc": {}, "flag": 1})).await.error(400, "bad_request");
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    let door = Door::open().await;
    let names = |reply: Reply| -> Vec<String> {
        reply.ok()["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(door.get("/api/v1/flags").await), ["banner", "dark_mode", "new_ui"]);
    assert_eq!(names(door.get("/api/v1/flags?tag=web").await), ["dark_mode", "new_ui"]);
    assert_eq!(names(door.get("/api/v1/flags?q=DASHBOARD").await), ["new_ui"]);
    assert_eq!(names(door.get("/api/v1/flags?q=ark&tag=web").await), ["dark_mode"]);
    assert_eq!(names(door.get("/api/v1/feature-flags").await).len(), 3, "the guide's spelling");
    let page = door.get("/api/v1/flags?limit=2").await;
    assert_eq!(page.ok()["next"], "dark_mode");
    let last = door.get("/api/v1/flags?limit=2&after=dark_mode").await;
    assert_eq!((names(last).len(), &door.get("/api/v1/flags?limit=3").await.ok()["next"]), (1, &Value::Null));
    door.delete("/api/v1/flags/banner", "*").await.ok();
    assert_eq!(names(door.get("/api/v1/flags?archived=true").await), ["banner"]);
    assert_eq!(names(door.get("/api/v1/flags").await), ["dark_mode", "new_ui"]);
    assert_eq!(names(door.get("/api/v1/segments").await), ["staff"]);
    assert_eq!(door.get("/api/v1/feature-flags/new_ui").await.ok()["name"], "new_ui");
}

#[tokio::test]
async fn the_audit_log_tells_and_takes_back() {
    let door = Door::open().await;
    door.patch("/api/v1/flags/new_ui?comment=the%20launch", "*", json!({"fallthrough": "on"})).await.ok();
    door.switch("dark_mode", false).await;
    let log = door.get("/api/v1/audit?flag=new_ui").await.ok();
    let entry = &log["items"][0];
    assert_eq!(log["items"].as_array().unwrap().len(), 2, "the import and the patch");
    assert_eq!(
        (&entry["action"], &entry["target"], &entry["comment"], &entry["actor"]),
        (&json!("patch"), &json!("flag/new_ui"), &json!("the launch"), &json!("local"))
    );
    assert_eq!(entry["at"], "2026-11-22T12:00:00Z");
    assert_eq!(
        (&entry["before"]["flags"]["new_ui"]["fallthrough"], &entry["after"]["flags"]["new_ui"]["fallthrough"]),
        (&json!("off"), &json!("on"))
    );
    assert_eq!(entry["environments"]["development"]["version"], 2);
    assert_eq!(door.evaluate("new_ui", "u", "development").await.ok()["enabled"], true);
    let undone = door.post(&format!("/api/v1/audit/{}/rollback", entry["id"]), json!(null)).await.ok();
    assert_eq!(undone["environments"]["development"]["version"], 4, "a new commit, not the old version");
    assert_eq!(door.evaluate("new_ui", "u", "development").await.ok()["enabled"], false);
    assert_eq!(door.evaluate("dark_mode", "u", "development").await.ok()["enabled"], false, "what came after stays");
    // Undoing a create archives; undoing an archive brings back.
    door.post("/api/v1/flags", json!({"name": "beta", "doc": {}})).await.ok();
    let newest = |log: Value| log["items"][0]["id"].as_u64().unwrap();
    let created = newest(door.get("/api/v1/audit?limit=1").await.ok());
    door.post(&format!("/api/v1/audit/{created}/rollback"), json!(null)).await.ok();
    assert_eq!(door.get("/api/v1/flags/beta").await.ok()["archived"], true);
    let archived = newest(door.get("/api/v1/audit?limit=1").await.ok());
    door.post(&format!("/api/v1/audit/{archived}/rollback"), json!(null)).await.ok();
    assert_eq!(door.get("/api/v1/flags/beta").await.ok()["archived"], false);
    door.post("/api/v1/audit/9999/rollback", json!(null)).await.error(404, "audit_entry_not_found");
    let page = door.get("/api/v1/audit?limit=2").await.ok();
    let next = door.get(&format!("/api/v1/audit?limit=100&after={}", page["next"])).await.ok();
    assert_eq!((next["items"].as_array().unwrap().len(), &next["next"]), (5, &Value::Null));
    door.get("/api/v1/audit?flag=a&segment=b").await.error(400, "bad_request");
    door.patch(&format!("/api/v1/flags/new_ui?comment={}", "x".repeat(1001)), "*", json!({"owner": "a"})).await.error(400, "bad_request");
}

#[tokio::test]
async fn environments_are_made_and_deleted() {
    let door = Door::open().await;
    let made = door.post("/api/v1/environments", json!({"name": "preview"})).await;
    assert_eq!((made.status, &made.ok()["environments"]["preview"]["version"]), (201, &json!(1)));
    assert_eq!(door.evaluate("dark_mode", "u", "preview").await.ok()["enabled"], true, "flags are there with their shared settings");
    door.post("/api/v1/environments", json!({"name": "preview"})).await.error(409, "already_exists");
    door.post("/api/v1/environments", json!({"name": "a:b"})).await.error(400, "bad_request");
    let listed = door.get("/api/v1/environments").await.ok();
    assert_eq!(listed["items"].as_array().unwrap().len(), 5);
    let one = door.get("/api/v1/environments/preview").await;
    assert_eq!(one.ok()["flags"], 3);
    let tag = one.header("etag").to_owned();
    let path = "/api/v1/environments/preview";
    door.send(Method::DELETE, path, &[], "").await.error(428, "precondition_required");
    door.delete(path, "\"x-1\"").await.error(412, "revision_mismatch");
    door.delete(path, &tag).await.ok();
    door.get(path).await.error(404, "environment_not_found");
    let entry = &door.get("/api/v1/audit?limit=1").await.ok()["items"][0];
    assert_eq!(entry["target"], "environment/preview");
    door.post(&format!("/api/v1/audit/{}/rollback", entry["id"]), json!(null)).await.error(409, "impossible");
}

#[tokio::test]
async fn documents_go_out_and_come_in() {
    let door = Door::open().await;
    let exported = door.get("/api/v1/export").await.ok();
    assert_eq!(exported["environments"], json!(["development", "production", "staging", "test"]));
    assert_eq!(exported["flags"]["new_ui"]["environments"]["production"], json!({"enabled": false}));
    let yaml = door.get_with("/api/v1/export", &[("accept", "application/yaml")]).await;
    assert_eq!(yaml.header("content-type"), "application/yaml");
    // What was exported says nothing new, in either spelling.
    let same = door.post("/api/v1/import", exported.clone()).await.ok();
    assert_eq!((&same["audit"], &same["flags"]), (&Value::Null, &json!([])));
    let same = door.send(Method::POST, "/api/v1/import", &[("content-type", "application/yaml")], yaml.bytes).await.ok();
    assert_eq!(same["audit"], Value::Null);
    let toml = "environments = [\"preview\"]\n[flags.from_toml]\ntype = \"boolean\"\n[flags.dark_mode]\nenabled = false\n";
    let send = |query: &'static str| {
        let door = &door;
        async move { door.send(Method::POST, &format!("/api/v1/import?{query}"), &[("content-type", "application/toml")], toml).await }
    };
    let would = send("dry_run=true").await.ok();
    assert_eq!((&would["flags"], &would["audit"]), (&json!(["dark_mode", "from_toml"]), &Value::Null));
    door.get("/api/v1/flags/from_toml").await.error(404, "flag_not_found");
    let did = send("comment=nightly").await.ok();
    assert_eq!(did["flags"], would["flags"]);
    assert_eq!(did["environments"].as_object().unwrap().len(), 5, "preview is made");
    assert_eq!(door.evaluate("dark_mode", "u", "preview").await.ok()["enabled"], false);
    assert_eq!(door.get("/api/v1/flags").await.ok()["items"].as_array().unwrap().len(), 4, "what it does not name stays");
    let bad = door
        .send(
            Method::POST,
            "/api/v1/import?dry_run=true",
            &[("content-type", "application/yaml")],
            "flags:\n  a: { typ: x }\n  b: { type: y }\n",
        )
        .await;
    bad.error(422, "invalid_document");
    assert_eq!(bad.json()["error"]["details"].as_array().unwrap().len(), 2, "{}", bad.json());
    assert_eq!(bad.json()["error"]["details"][0]["line"], 2);
    let slip = "flags:\n  a: { environments: { prodution: { enabled: false } } }\n";
    let slip = door.send(Method::POST, "/api/v1/import", &[("content-type", "application/yaml")], slip).await;
    assert!(slip.error(422, "invalid_document").contains("did you mean \"production\""), "an environment is listed, not made by a slip");
    door.send(Method::POST, "/api/v1/import", &[("content-type", "text/csv")], "a,b").await.error(415, "unsupported_media_type");
    let replaced =
        door.send(Method::POST, "/api/v1/import?replace=true", &[("content-type", "application/yaml")], "flags: { only: {} }").await.ok();
    assert_eq!(replaced["flags"].as_array().unwrap().len(), 5);
    assert_eq!(door.get("/api/v1/flags").await.ok()["items"].as_array().unwrap().len(), 1);
    assert!(door.get("/api/v1/schema").await.ok()["$schema"].is_string());
}
