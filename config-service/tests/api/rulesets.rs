//! Rulesets over HTTP: whole, not modified, compressed, as deltas; a client that applies them has what the service has.

use std::io::Read as _;

use jackstaff::ruleset::{Delta, Ruleset};
use serde_json::json;

use super::door::{Door, FLAGS, Reply};
use jackstaff_service::service::ServiceOptions;

const DEVELOPMENT: &str = "/api/v1/rulesets/development";

fn ruleset(reply: &Reply) -> Ruleset {
    assert_eq!((reply.status, reply.header("x-ff-kind")), (200, "full"));
    let ruleset: Ruleset = serde_json::from_slice(&reply.bytes).unwrap();
    assert_eq!(reply.header("etag"), format!("\"{}-{}\"", ruleset.epoch, ruleset.version));
    assert_eq!(ruleset.digest, ruleset.digest(), "the digest is that of the content");
    ruleset
}

fn delta(reply: &Reply) -> Delta {
    assert_eq!((reply.status, reply.header("x-ff-kind")), (200, "delta"), "{}", String::from_utf8_lossy(&reply.bytes));
    serde_json::from_slice(&reply.bytes).unwrap()
}

/// A ruleset as JSON, to be compared.
fn text(ruleset: &Ruleset) -> String {
    serde_json::to_string(ruleset).unwrap()
}

#[tokio::test]
async fn a_ruleset_is_what_an_environment_sees() {
    let door = Door::open().await;
    let full = ruleset(&door.get(DEVELOPMENT).await);
    assert_eq!((full.version, full.flags.len(), full.segments.len()), (1, 3, 1));
    let doc = full.flags["new_ui"].doc.get();
    for private in ["description", "tags", "environments", "production"] {
        assert!(!doc.contains(private), "{private} is nobody's business outside: {doc}");
    }
    let production = ruleset(&door.get("/api/v1/rulesets/production").await);
    assert!(production.flags["new_ui"].doc.get().contains(r#""enabled":false"#));
    door.get("/api/v1/rulesets/nowhere").await.error(404, "environment_not_found");
}

#[tokio::test]
async fn nothing_new_is_said_in_a_few_bytes() {
    let door = Door::open().await;
    let first = door.get(DEVELOPMENT).await;
    let tag = first.header("etag").to_owned();
    for seen in [tag.clone(), format!("W/{tag}"), format!("\"x-1\", {tag}"), "*".to_owned()] {
        let reply = door.get_with(DEVELOPMENT, &[("if-none-match", &seen)]).await;
        assert_eq!((reply.status, reply.bytes.len(), reply.header("etag")), (304, 0, &*tag));
    }
    door.switch("new_ui", false).await;
    let reply = door.get_with(DEVELOPMENT, &[("if-none-match", &tag)]).await;
    assert_eq!(ruleset(&reply).version, 2);
}

#[tokio::test]
async fn compressed_once_and_only_for_those_who_can_read_it() {
    let door = Door::open().await;
    let plain = door.get(DEVELOPMENT).await;
    assert!(plain.headers.get("content-encoding").is_none());
    let gzip = door.get_with(DEVELOPMENT, &[("accept-encoding", "br, gzip")]).await;
    assert_eq!((gzip.header("content-encoding"), gzip.header("vary")), ("gzip", "accept-encoding"));
    assert!(gzip.bytes.len() < plain.bytes.len());
    let mut text = Vec::new();
    flate2::read::GzDecoder::new(&gzip.bytes[..]).read_to_end(&mut text).unwrap();
    assert_eq!(text, plain.bytes);
    let (one, other) =
        (door.service.environments.published("development").unwrap(), door.service.environments.published("development").unwrap());
    assert_eq!(one.gzip().as_ptr(), other.gzip().as_ptr(), "the same bytes for everybody");
    let refused = door.get_with(DEVELOPMENT, &[("accept-encoding", "gzip;q=0")]).await;
    assert_eq!(refused.bytes, plain.bytes);
}

#[tokio::test]
async fn deltas_from_any_version_lead_to_the_same_ruleset() {
    let door = Door::open().await;
    let mut seen = vec![ruleset(&door.get(DEVELOPMENT).await)];
    let note = |door: Door| async move {
        let now = ruleset(&door.get(DEVELOPMENT).await);
        (door, now)
    };
    let mut door = door;
    for step in 0..6 {
        match step {
            0 => drop(door.switch("dark_mode", false).await),
            1 => drop(door.post("/api/v1/flags", json!({"name": "extra", "doc": {"type": "boolean"}})).await.ok()),
            2 => drop(door.put("/api/v1/segments/staff", ("if-match", "*"), json!({"users": ["a"]})).await.ok()),
            3 => drop(door.delete("/api/v1/flags/extra", "*").await.ok()),
            4 => drop(door.post("/api/v1/segments", json!({"name": "more", "doc": {"users": ["b"]}})).await.ok()),
            _ => drop(door.delete("/api/v1/segments/more", "*").await.ok()),
        }
        let now;
        (door, now) = note(door).await;
        assert_eq!(now.version, seen.last().unwrap().version + 1, "gapless");
        seen.push(now);
    }
    let newest = seen.last().unwrap();
    for old in &seen[..seen.len() - 1] {
        let since = format!("{DEVELOPMENT}?since={}-{}", old.epoch, old.version);
        let delta = delta(&door.get(&since).await);
        let mut applied = old.clone();
        applied.apply(&delta).unwrap_or_else(|error| panic!("from {}: {error}", old.version));
        assert_eq!(text(&applied), text(newest), "from version {}", old.version);
    }
    // A delta names what is gone, and holds only what moved.
    let last = &seen[seen.len() - 2];
    let one = delta(&door.get(&format!("{DEVELOPMENT}?since={}-{}", last.epoch, last.version)).await);
    assert_eq!((one.del_segments.len(), one.put_flags.len(), one.put_segments.len()), (1, 0, 0));
}

#[tokio::test]
async fn whoever_cannot_be_helped_with_a_delta_gets_it_all() {
    let door = Door::open().await;
    let first = ruleset(&door.get(DEVELOPMENT).await);
    door.switch("new_ui", false).await;
    for since in [format!("{}-2", first.epoch), format!("{}-99", first.epoch), "otherepoch12-1".to_owned()] {
        assert_eq!(ruleset(&door.get(&format!("{DEVELOPMENT}?since={since}")).await).version, 2, "{since}");
    }
    door.get(&format!("{DEVELOPMENT}?since=yesterday")).await.error(400, "bad_request");
}

#[tokio::test]
async fn versions_and_deltas_outlive_a_restart() {
    let door = Door::open().await;
    let first = ruleset(&door.get(DEVELOPMENT).await);
    door.switch("new_ui", false).await;
    let before = ruleset(&door.get(DEVELOPMENT).await);
    let door = Door::on(door.stop().await, "", ServiceOptions::default()).await;
    let after = ruleset(&door.get(DEVELOPMENT).await);
    assert_eq!(text(&after), text(&before));
    let delta = delta(&door.get(&format!("{DEVELOPMENT}?since={}-1", first.epoch)).await);
    let mut applied = first.clone();
    applied.apply(&delta).unwrap();
    assert_eq!(text(&applied), text(&after), "the outbox remembers what moved");
    let folder = door.stop().await;
    // The same file again: nothing differs from what the switch left except new_ui, which the file turns back on.
    let door = Door::on(folder, FLAGS, ServiceOptions::default()).await;
    assert_eq!(ruleset(&door.get(DEVELOPMENT).await).version, 3);
    let door = Door::on(door.stop().await, FLAGS, ServiceOptions::default()).await;
    assert_eq!(ruleset(&door.get(DEVELOPMENT).await).version, 3, "an import that changes nothing is no commit");
}

#[tokio::test]
async fn another_process_on_the_same_store_is_noticed() {
    let door = Door::open().await;
    let store = jackstaff_service::service::open_store(door.folder()).unwrap();
    let other = jackstaff_service::environments::Environments::open(store, Vec::new(), jackstaff_service::clock::system()).unwrap();
    let note = || jackstaff_service::store::Note { action: "import", ..Default::default() };
    other.import("flags: { from_elsewhere: {} }", jackstaff::ruleset::Syntax::Yaml, false, note()).unwrap();
    door.service.environments.refresh().unwrap();
    assert_eq!(door.evaluate("from_elsewhere", "u", "development").await.ok()["enabled"], true);
    // And one that was not noticed yet: the write meets it, loads, and follows it without a gap.
    other.import("flags: { late: {} }", jackstaff::ruleset::Syntax::Yaml, false, note()).unwrap();
    let moved = door.switch("new_ui", false).await;
    assert_eq!(moved["environments"]["development"]["version"], 4);
    assert_eq!(door.evaluate("late", "u", "development").await.ok()["version"], 3);
}

#[tokio::test]
async fn a_new_epoch_makes_everybody_begin_anew() {
    let door = Door::open().await;
    door.switch("new_ui", false).await;
    let before = ruleset(&door.get(DEVELOPMENT).await);
    let mut events = door.follow("development", &[]).await;
    events.expect("full").await;
    jackstaff_service::service::begin_new_epoch(&door.service).unwrap();
    let full = events.expect("full").await;
    let after = ruleset(&door.get(DEVELOPMENT).await);
    assert_eq!((after.version, full.data["epoch"].as_str().unwrap()), (1, &*after.epoch));
    assert_ne!(after.epoch, before.epoch);
    assert_eq!(after.flags.keys().collect::<Vec<_>>(), before.flags.keys().collect::<Vec<_>>());
    assert_eq!(after.flags["new_ui"].doc.get(), before.flags["new_ui"].doc.get());
    let since = door.get(&format!("{DEVELOPMENT}?since={}-1", before.epoch)).await;
    assert_eq!(since.header("x-ff-kind"), "full");
    let door = Door::on(door.stop().await, "", ServiceOptions::default()).await;
    assert_eq!(text(&ruleset(&door.get(DEVELOPMENT).await)), text(&after));
}
