//! The stream: first event, deltas, resume, ping, goodbye, limits.

use std::time::Duration;

use jackstaff::ruleset::{Delta, Ruleset};
use jackstaff_service::publish::sse::StreamOptions;
use jackstaff_service::service::ServiceOptions;
use reqwest::Method;

use super::door::{Door, FLAGS};

async fn with(streams: StreamOptions) -> Door {
    Door::with(FLAGS, ServiceOptions { streams, ..ServiceOptions::default() }).await
}

#[tokio::test]
async fn first_all_then_what_changes() {
    let door = Door::open().await;
    let mut events = door.follow("development", &[]).await;
    let first = events.expect("full").await;
    let mut ruleset: Ruleset = serde_json::from_value(first.data).unwrap();
    assert_eq!(first.id.unwrap(), format!("{}-1", ruleset.epoch));
    for (version, on) in [(2, false), (3, true)] {
        door.switch("dark_mode", on).await;
        let event = events.expect("delta").await;
        assert_eq!(event.id.unwrap(), format!("{}-{version}", ruleset.epoch));
        let delta: Delta = serde_json::from_value(event.data).unwrap();
        assert_eq!(delta.put_flags.keys().map(|name| &**name).collect::<Vec<_>>(), ["banner", "dark_mode"]);
        ruleset.apply(&delta).unwrap();
    }
    assert_eq!(&ruleset.digest, &door.service.environments.published("development").unwrap().ruleset.digest);
}

#[tokio::test]
async fn other_environments_do_not_disturb() {
    let door = with(StreamOptions { ping: Duration::from_millis(300), ..StreamOptions::default() }).await;
    let mut events = door.follow("production", &[]).await;
    events.expect("full").await;
    door.switch("dark_mode", false).await;
    let ping = events.expect("ping").await;
    assert_eq!(ping.data, serde_json::json!({"version": 1}));
    assert!(ping.id.unwrap().ends_with("-1"));
}

#[tokio::test]
async fn whoever_comes_back_gets_what_was_missed() {
    let door = Door::open().await;
    let epoch = door.service.environments.published("development").unwrap().ruleset.epoch.clone();
    let current = format!("{epoch}-1");
    door.follow("development", &[("last-event-id", &current)]).await.expect("ping").await;
    door.switch("dark_mode", false).await;
    door.switch("new_ui", false).await;
    let delta = door.follow("development", &[("last-event-id", &current)]).await.expect("delta").await;
    assert_eq!((&delta.data["prev"], &delta.data["version"]), (&1.into(), &3.into()), "one delta for all that was missed");
    for lost in ["nonsense", "otherepoch-1", "otherepoch-3"] {
        door.follow("development", &[("last-event-id", lost)]).await.expect("full").await;
    }
    let response =
        door.request(Method::GET, &format!("/api/v1/rulesets/development/stream?since={epoch}-2"), &[], "").send().await.unwrap();
    let mut response = response;
    let text = String::from_utf8(response.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(text.starts_with("event: delta"), "{text}");
}

#[tokio::test]
async fn a_stop_says_goodbye_and_does_not_wait_for_streams() {
    let mut door = Door::open().await;
    let mut events = door.follow("development", &[]).await;
    events.expect("full").await;
    door.ask_to_stop();
    let goodbye = events.expect("goodbye").await;
    assert_eq!(goodbye.data["reason"], "shutdown");
    assert!(goodbye.data["retry_after_ms"].as_u64().unwrap() < 10_000);
    assert!(goodbye.id.is_none(), "a goodbye does not move the client's place");
    assert!(events.next().await.is_none());
    let started = std::time::Instant::now();
    door.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn streams_end_of_old_age() {
    let door = with(StreamOptions { min_age: Duration::from_millis(20), ..StreamOptions::default() }).await;
    let mut events = door.follow("development", &[]).await;
    events.expect("full").await;
    assert_eq!(events.expect("goodbye").await.data["reason"], "max_age");
    assert!(events.next().await.is_none());
}

#[tokio::test]
async fn there_are_only_so_many_streams() {
    let door = with(StreamOptions { max_streams: 1, ..StreamOptions::default() }).await;
    let mut first = door.follow("development", &[]).await;
    first.expect("full").await;
    let full = door.get("/api/v1/rulesets/development/stream").await;
    full.error(503, "too_many_streams");
    assert_eq!(full.header("retry-after"), "30");
    assert!(String::from_utf8(door.get("/metrics").await.bytes).unwrap().contains("jackstaff_streams 1\n"));
    drop(first);
    // The place is free as soon as the service has noticed that nobody reads.
    for _ in 0..100 {
        if door.service.streams.open() == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    door.follow("development", &[]).await.expect("full").await;
    door.get("/api/v1/rulesets/nowhere/stream").await.error(404, "environment_not_found");
}

#[tokio::test]
async fn the_stream_of_a_deleted_environment_ends() {
    let door = Door::open().await;
    let mut events = door.follow("staging", &[]).await;
    let epoch = events.expect("full").await.data["epoch"].clone();
    door.delete("/api/v1/environments/staging", "*").await.ok();
    assert_eq!(events.expect("goodbye").await.data["reason"], "environment_deleted");
    door.evaluate("new_ui", "u", "staging").await.error(404, "environment_not_found");
    let again = door.post("/api/v1/environments", serde_json::json!({"name": "staging"})).await.ok();
    assert_ne!(again["environments"]["staging"]["epoch"], epoch, "a new life has a new epoch");
    assert_eq!(again["environments"]["staging"]["version"], 1);
    door.follow("staging", &[]).await.expect("full").await;
}

#[tokio::test]
async fn a_slow_reader_gets_one_merged_delta() {
    let door = Door::open().await;
    let mut events = door.follow("development", &[]).await;
    events.expect("full").await;
    // The reader sleeps while fifty versions pass; the service keeps one pointer for it, not fifty deltas.
    let environments = door.service.clone();
    tokio::task::spawn_blocking(move || {
        for at in 0..50 {
            let note = jackstaff_service::store::Note { action: "import", ..Default::default() };
            let text = format!("{{\"flags\": {{\"dark_mode\": {{\"description\": \"{at}\", \"salt\": \"{at}\"}}}}}}");
            environments.environments.import(&text, jackstaff::ruleset::Syntax::Json, false, note).unwrap();
        }
    })
    .await
    .unwrap();
    let (mut at, mut deltas) = (1, 0);
    while at < 51 {
        let delta = events.expect("delta").await.data;
        assert_eq!(delta["prev"], at, "deltas join");
        at = delta["version"].as_u64().unwrap();
        deltas += 1;
    }
    assert!(deltas <= 50);
}

#[tokio::test]
async fn a_stop_refuses_newcomers_and_lets_requests_end() {
    let mut door = Door::open().await;
    // A request that is still waiting for a version when the stop comes gets its answer.
    let body = serde_json::json!({"flag_name": "new_ui", "user_id": "u", "environment": "development"}).to_string();
    let waiting = door.request(Method::POST, "/api/v1/feature-flags/evaluate", &[("x-ff-min-version", "2")], body).send();
    let waiting = tokio::spawn(waiting);
    tokio::time::sleep(Duration::from_millis(200)).await;
    door.ask_to_stop();
    assert_eq!(waiting.await.unwrap().unwrap().status(), 503, "the answer it would have got anyway");
    let address = door.url.trim_start_matches("http://").to_owned();
    assert!(tokio::net::TcpStream::connect(address).await.is_err(), "nobody listens any more");
    door.stop().await;
}

#[tokio::test]
async fn a_stop_does_not_wait_for_ever() {
    let options = ServiceOptions {
        shutdown_timeout: Duration::from_millis(200),
        request_timeout: Duration::from_secs(60),
        ..ServiceOptions::default()
    };
    let door = Door::with(FLAGS, options).await;
    let mut socket = tokio::net::TcpStream::connect(door.url.trim_start_matches("http://")).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut socket, b"POST /api/v1/flags HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let started = std::time::Instant::now();
    door.stop().await;
    assert!(started.elapsed() < Duration::from_secs(5), "a body that never comes is left alone");
}
