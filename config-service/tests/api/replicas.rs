//! Several services on one PostgreSQL: `JACKSTAFF_TEST_POSTGRES` names a server, and scripts/test.py starts one.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jackstaff_service::service::{Place, ServiceOptions};
use reqwest::Method;
use serde_json::{Value, json};

use super::door::{Door, FLAGS};

/// The address of a schema that nobody else has; `None`, said loudly, where there is no server.
fn fresh_schema() -> Option<String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Ok(url) = std::env::var("JACKSTAFF_TEST_POSTGRES") else {
        eprintln!("SKIPPED: JACKSTAFF_TEST_POSTGRES names no server; scripts/test.py starts one");
        return None;
    };
    Some(format!("{url}?schema=api{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)))
}

async fn service(url: &str, flags: &str) -> Door {
    let store = Place::Database(url.to_owned()).open().unwrap();
    Door::on_store(store, tempfile::tempdir().unwrap(), flags, ServiceOptions::default()).await
}

async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < Duration::from_secs(40), "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A way to the server that can be cut.
struct Line {
    address: SocketAddr,
    is_cut: Arc<AtomicBool>,
    open: Arc<Mutex<Vec<TcpStream>>>,
}

impl Line {
    fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let line = Self { address: listener.local_addr().unwrap(), is_cut: Arc::default(), open: Arc::default() };
        let (is_cut, open, server) = (line.is_cut.clone(), line.open.clone(), server.to_owned());
        std::thread::spawn(move || {
            for near in listener.incoming().map_while(Result::ok) {
                let Some(far) = TcpStream::connect(&server).ok().filter(|_| !is_cut.load(Ordering::SeqCst)) else { continue };
                for (mut from, mut to) in [(near.try_clone().unwrap(), far.try_clone().unwrap()), (far, near)] {
                    open.lock().unwrap().push(from.try_clone().unwrap());
                    std::thread::spawn(move || {
                        let _ = std::io::copy(&mut from, &mut to);
                        let _ = to.shutdown(Shutdown::Both);
                    });
                }
            }
        });
        line
    }

    fn cut(&self) {
        self.is_cut.store(true, Ordering::SeqCst);
        self.open.lock().unwrap().drain(..).for_each(|stream| drop(stream.shutdown(Shutdown::Both)));
    }

    fn mend(&self) {
        self.is_cut.store(false, Ordering::SeqCst);
    }
}

#[tokio::test]
async fn what_is_written_at_one_service_is_served_and_streamed_by_the_other() {
    let Some(url) = fresh_schema() else { return };
    let one = service(&url, FLAGS).await;
    let other = service(&url, "").await;
    let mut events = other.follow("development", &[]).await;
    let first = events.expect("full").await.data;
    assert_eq!(first["version"], 1, "the other service loaded what the first had imported");
    for version in 2..=6 {
        let written = if version % 2 == 0 { &one } else { &other };
        written.switch("dark_mode", version % 2 == 1).await;
        let delta = events.expect("delta").await.data;
        assert_eq!((&delta["prev"], &delta["version"]), (&json!(version - 1), &json!(version)));
    }
    let ruleset = |door: &Door| door.service.environments.published("development").unwrap().json();
    eventually("both serve the same", async || ruleset(&one) == ruleset(&other)).await;
    let audit = one.get("/api/v1/audit").await.ok();
    assert_eq!(audit["items"].as_array().unwrap().len(), 6, "one log for both");
    let metrics = String::from_utf8(other.get("/metrics").await.bytes).unwrap();
    assert!(metrics.contains("jackstaff_commit_to_applied_seconds_count 5\n"), "{metrics}");
    assert!(metrics.contains("jackstaff_commit_to_sent_seconds_count 5\n"), "{metrics}");
}

#[tokio::test]
async fn whoever_knows_a_version_is_never_answered_from_an_older_one() {
    let Some(url) = fresh_schema() else { return };
    let one = service(&url, FLAGS).await;
    let other = service(&url, "").await;
    let body = json!({"flag_name": "dark_mode", "user_id": "u", "environment": "development"}).to_string();
    for round in 0..10 {
        let on = round % 2 == 1;
        let version = one.switch("dark_mode", on).await["environments"]["development"]["version"].to_string();
        let seen = [("x-ff-min-version", &*version), ("content-type", "application/json")];
        let answer = other.send(Method::POST, "/api/v1/feature-flags/evaluate", &seen, body.clone()).await.ok();
        assert_eq!((answer["enabled"].as_bool(), answer["version"].to_string()), (Some(on), version.clone()));
        let ruleset = other.get_with("/api/v1/rulesets/development", &[("x-ff-min-version", &*version)]).await.ok();
        assert_eq!(ruleset["version"].to_string(), version);
    }
}

#[tokio::test]
async fn what_was_seen_at_one_service_is_written_at_another() {
    let Some(url) = fresh_schema() else { return };
    let one = service(&url, FLAGS).await;
    let other = service(&url, "").await;
    for round in 1..=10 {
        let seen = one.get("/api/v1/flags/dark_mode").await;
        let (tag, body) = (seen.header("etag").to_owned(), json!({"description": format!("round {round}")}));
        // At once, before the other can have heard of the last round.
        let written = other.patch("/api/v1/flags/dark_mode", &tag, body.clone()).await;
        assert_eq!(written.header("etag"), format!("\"{}\"", round + 1));
        one.patch("/api/v1/flags/dark_mode", &tag, body).await.error(412, "revision_mismatch");
    }
}

#[tokio::test]
async fn a_client_that_comes_from_a_service_that_is_ahead_is_not_taken_back() {
    let door = Door::open().await;
    let epoch = door.service.environments.published("development").unwrap().ruleset.epoch.clone();
    let ahead = format!("{epoch}-3");
    let mut events = door.follow("development", &[("last-event-id", &ahead)]).await;
    let ping = events.expect("ping").await;
    assert_eq!((ping.data["version"].as_u64(), ping.id), (Some(3), Some(ahead)), "it keeps what it has");
    for on in [false, true, false] {
        door.switch("dark_mode", on).await;
    }
    let delta = events.expect("delta").await.data;
    assert_eq!((&delta["prev"], &delta["version"]), (&json!(3), &json!(4)), "and hears of what comes after that");
}

#[tokio::test]
async fn while_the_database_is_away_flags_are_served_and_nothing_is_written() {
    let Some(url) = fresh_schema() else { return };
    let (before, after) = url.split_once('@').unwrap();
    let (server, rest) = after.split_once('/').unwrap();
    let line = Line::to(server);
    let door = service(&format!("{before}@{}/{rest}", line.address), FLAGS).await;
    let direct = service(&url, "").await;
    let mut events = door.follow("development", &[]).await;
    events.expect("full").await;
    line.cut();
    eventually("the service says so", async || door.get("/readyz").await.ok()["status"] == "degraded").await;
    assert_eq!(door.evaluate("dark_mode", "u", "development").await.ok()["enabled"], true);
    let patch = json!({"environments": {"development": {"enabled": false}}});
    let refused = door.patch("/api/v1/flags/dark_mode", "*", patch).await;
    assert!(refused.error(503, "store_unreachable").contains("database"));
    assert_eq!(refused.header("retry-after"), "2");
    assert!(String::from_utf8(door.get("/metrics").await.bytes).unwrap().contains("jackstaff_store_up 0\n"));
    // What happens meanwhile arrives when the line is back.
    direct.switch("dark_mode", false).await;
    assert_eq!(door.evaluate("dark_mode", "u", "development").await.ok()["enabled"], true);
    line.mend();
    let delta = events.expect("delta").await.data;
    assert_eq!(delta["version"], 2);
    assert_eq!(door.evaluate("dark_mode", "u", "development").await.ok()["enabled"], false);
    eventually("it says that all is well", async || door.get("/readyz").await.ok()["status"] == "ok").await;
    door.switch("dark_mode", true).await;
}

#[tokio::test]
async fn services_know_of_one_another_until_they_stop() {
    let Some(url) = fresh_schema() else { return };
    let one = service(&url, FLAGS).await;
    let other = service(&url, "").await;
    let mut events = other.follow("development", &[]).await;
    events.expect("full").await;
    one.switch("dark_mode", false).await;
    let has_all = |list: &Value| {
        let items = list["items"].as_array().unwrap();
        items.len() == 2
            && items.iter().all(|item| item["serves"]["development"]["version"] == 2)
            && items.iter().any(|item| item["sent"]["development"]["version"] == 2)
    };
    eventually("both are at version 2, and so is the stream", async || has_all(&one.get("/api/v1/replicas").await.ok())).await;
    drop(events);
    other.stop().await;
    let alone = one.get("/api/v1/replicas").await.ok();
    assert_eq!(alone["items"].as_array().unwrap().len(), 1, "who stops says goodbye: {alone}");
    assert_eq!(alone["items"][0]["is_self"], true);
}

fn jackstaff(arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jackstaff"));
    command.args(arguments).env_remove("ENVIRONMENT").env_remove("DATABASE_URL").output().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn set_waits_until_every_service_has_it() {
    let Some(url) = fresh_schema() else { return };
    let one = service(&url, FLAGS).await;
    let other = service(&url, "").await;
    let mut events = other.follow("development", &[]).await;
    events.expect("full").await;
    eventually("they know of one another", async || one.get("/api/v1/replicas").await.ok()["items"].as_array().unwrap().len() == 2).await;
    let set = jackstaff(&["set", "dark_mode", "off", "-e", "development", "--url", &one.url, "--wait", "--json", "--comment", "a & b"]);
    assert!(set.status.success(), "{}", String::from_utf8_lossy(&set.stderr));
    let line: Value = serde_json::from_slice(&set.stdout).unwrap();
    assert_eq!(line["version"], 2);
    assert_eq!(other.service.environments.published("development").unwrap().ruleset.version, 2, "the other has it when set returns");
    assert_eq!(other.service.streams.slowest()["development"].version, 2, "and so have all who follow");
    events.expect("delta").await;
    let again = jackstaff(&["set", "dark_mode", "off", "--url", &one.url, "--wait", "--json"]);
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).unwrap()["version"], 2, "nothing to do");
    assert!(jackstaff(&["set", "banner", "HELLO", "-e", "production", "--url", &one.url]).status.success());
    let banner = one.get("/api/v1/flags/banner").await.ok();
    assert_eq!(banner["doc"]["environments"]["production"], json!({"enabled": true, "fallthrough": "loud"}), "by its value");
    for (wrong, code, word) in [
        (["set", "banner", "huge", "-e", "development"], 1, "plain, loud"),
        (["set", "nope", "on", "-e", "development"], 1, "nope"),
        (["set", "banner", "on", "-e", "nowhere"], 1, "nowhere"),
    ] {
        let output = jackstaff(&[&wrong[..], &["--url", &one.url]].concat());
        assert_eq!(output.status.code(), Some(code), "{wrong:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(word), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_moves_a_store_from_sqlite_to_postgres() {
    let Some(url) = fresh_schema() else { return };
    let old = Door::open().await;
    old.switch("dark_mode", false).await;
    old.delete("/api/v1/flags/new_ui", "*").await.ok();
    old.make_key(Some("production"), None);
    let data = old.folder().to_str().unwrap().to_owned();
    let file = old.folder().join("everything.jsonl");
    let exported = jackstaff(&["export", "--backup", "--data", &data]);
    assert!(exported.status.success(), "{}", String::from_utf8_lossy(&exported.stderr));
    std::fs::write(&file, &exported.stdout).unwrap();
    let import = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jackstaff"));
        let input = std::fs::File::open(&file).unwrap();
        command.arg("import").args(more).env("DATABASE_URL", &url).env_remove("ENVIRONMENT").stdin(input).output().unwrap()
    };
    let imported = import(&["--json"]);
    assert!(imported.status.success(), "{}", String::from_utf8_lossy(&imported.stderr));
    let counts: Value = serde_json::from_slice(&imported.stdout).unwrap();
    assert_eq!((&counts["audit entries"], &counts["keys"], &counts["flags"]), (&json!(3), &json!(1), &json!(3)));
    let again = import(&[]);
    assert_eq!(again.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&again.stderr).contains("already"), "{}", String::from_utf8_lossy(&again.stderr));
    assert!(String::from_utf8_lossy(&import(&["--service", "http://127.0.0.1:1"]).stderr).contains("not into a service"));
    let new = service(&url, "").await;
    let of = |door: &Door| {
        let state = door.service.environments.state();
        let rulesets: Vec<_> = state.environments.values().map(|published| published.json()).collect();
        (state.parts.clone(), rulesets, door.service.environments.store().keys().unwrap())
    };
    assert_eq!(of(&old), of(&new), "clients notice nothing: the same epochs, versions, digests");
    let audit =
        |door: &Door| door.service.environments.store().audit(&jackstaff_service::store::AuditQuery { limit: 100, ..Default::default() });
    assert_eq!(audit(&old).unwrap(), audit(&new).unwrap());
    let exported = jackstaff(&["export", "--database-url", &url]);
    assert!(String::from_utf8_lossy(&exported.stdout).contains("dark_mode:"));
}
