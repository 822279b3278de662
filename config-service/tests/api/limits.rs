//! What is too much, too long, unknown or wrong: always our own JSON, never a crash. (Flaw 56 of the guide's samples:
//! nothing has a limit.)

use std::time::Duration;

use jackstaff_service::publish::sse::StreamOptions;
use jackstaff_service::service::ServiceOptions;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::door::{Door, FLAGS};

const EVALUATE: &str = "/api/v1/feature-flags/evaluate";

#[tokio::test]
async fn guide_flaw_56_everything_has_a_limit() {
    let door = Door::open().await;
    let body = |context: Value| json!({"flag_name": "new_ui", "user_id": "u", "environment": "development", "context": context});
    door.post(EVALUATE, body(json!({"a": "x".repeat(70_000)}))).await.error(413, "body_too_large");
    let many: serde_json::Map<String, Value> = (0..300).map(|at| (format!("a{at}"), json!(1))).collect();
    assert!(door.post(EVALUATE, body(many.into())).await.error(400, "bad_request").contains("256"));
    let mut deep = json!(1);
    (0..12).for_each(|_| deep = json!([deep]));
    assert!(door.post(EVALUATE, body(json!({"deep": deep}))).await.error(400, "bad_request").contains("deep"));
    door.evaluate(&"n".repeat(129), "u", "development").await.error(400, "bad_request");
    assert_eq!(door.evaluate(&"n".repeat(128), "u", "development").await.status, 404);
    let batch = "/api/v1/feature-flags/evaluate/batch?user_id=u&environment=development";
    let names: Vec<String> = (0..501).map(|at| format!("f{at}")).collect();
    assert!(door.post(batch, json!(names)).await.error(400, "bad_request").contains("500"));
    assert_eq!(door.post(batch, json!(names[..500])).await.ok().as_object().unwrap().len(), 500);
    let repeated: Vec<&str> = std::iter::repeat_n("new_ui", 900).collect();
    assert_eq!(door.post(batch, json!(repeated)).await.ok().as_object().unwrap().len(), 1, "a name counts once");
    let flag = json!({"name": "big", "doc": {"type": "boolean", "description": "x".repeat(1_100_000)}});
    door.post("/api/v1/flags", flag).await.error(413, "body_too_large");
    let page = door.get("/api/v1/flags?limit=1001").await.error(400, "bad_request");
    assert!(page.contains("1001"));
    door.get("/api/v1/flags?limit=0").await.error(400, "bad_request");
    door.get("/api/v1/flags?limit=many").await.error(400, "bad_request");
}

#[tokio::test]
async fn unknown_paths_and_methods_are_answered_in_json() {
    let door = Door::open().await;
    assert!(door.get("/api/v2/flags").await.error(404, "path_not_found").contains("/api/v2/flags"));
    let wrong = door.get(EVALUATE).await;
    wrong.error(405, "method_not_allowed");
    assert!(wrong.header("allow").contains("POST"));
    door.send(Method::PUT, "/healthz", &[], "").await.error(405, "method_not_allowed");
    door.get("/api/v1/flags/%ff").await.error(400, "bad_request");
}

#[tokio::test]
async fn a_body_that_never_ends_is_not_waited_for() {
    let options = ServiceOptions { request_timeout: Duration::from_millis(200), ..ServiceOptions::default() };
    let door = Door::with(FLAGS, options).await;
    let mut socket = tokio::net::TcpStream::connect(door.url.trim_start_matches("http://")).await.unwrap();
    let head = format!("POST {EVALUATE} HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{{\"flag_name\":");
    socket.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(Duration::from_secs(5), socket.read_to_string(&mut answer)).await.expect("it hangs up").unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("\"timeout\""), "{answer}");
}

/// A socket on which `text` was sent.
async fn socket(door: &Door, text: &str) -> tokio::net::TcpStream {
    let mut socket = tokio::net::TcpStream::connect(door.url.trim_start_matches("http://")).await.unwrap();
    socket.write_all(text.as_bytes()).await.unwrap();
    socket
}

/// All that is sent until the other side hangs up.
async fn until_it_hangs_up(mut socket: tokio::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    // A connection that is cut off may end with a reset, which is as good.
    let _ = tokio::time::timeout(PATIENCE, socket.read_to_end(&mut bytes)).await.expect("it hangs up");
    String::from_utf8(bytes).unwrap()
}

/// Far longer than anything here takes; a test that waits this long has failed.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn whoever_opens_a_connection_and_says_nothing_is_hung_up_on() {
    let options = ServiceOptions { head_timeout: Duration::from_millis(200), ..ServiceOptions::default() };
    let door = Door::with(FLAGS, options).await;
    for text in ["", "GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: "] {
        let answer = until_it_hangs_up(socket(&door, text).await).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
    // Idle after an answer is no better than idle before one.
    let answer = until_it_hangs_up(socket(&door, "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert_eq!(door.get("/healthz").await.status, 200, "and others are served on");
}

#[tokio::test]
async fn guide_flaw_61_connections_are_bounded_and_more_wait_their_turn() {
    let streams = StreamOptions { max_streams: 1, ..StreamOptions::default() };
    let door = Door::with(FLAGS, ServiceOptions { streams, max_connections: 1, ..ServiceOptions::default() }).await;
    let ask = "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
    let answer = async |socket: &mut tokio::net::TcpStream| {
        let mut first = [0; 15];
        tokio::time::timeout(PATIENCE, socket.read_exact(&mut first)).await.expect("an answer").unwrap();
        assert_eq!(&first, b"HTTP/1.1 200 OK");
    };
    // Two places, held by connections that were answered and stay open.
    let (mut a, mut b) = (socket(&door, ask).await, socket(&door, ask).await);
    answer(&mut a).await;
    answer(&mut b).await;
    let mut third = socket(&door, ask).await;
    let early = tokio::time::timeout(Duration::from_millis(300), third.read_u8()).await;
    assert!(early.is_err(), "the third is not served while the two are there");
    drop(a);
    answer(&mut third).await;
}

#[tokio::test]
async fn an_import_has_a_time_limit_of_its_own() {
    let slow = |path: &str, body: &str| {
        format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len())
    };
    let body = r#"{"flags":{"imported":{"type":"boolean"}}}"#;
    // What is slower than other requests may be is in time for an import.
    let (request_timeout, import_timeout) = (Duration::from_millis(100), PATIENCE);
    let door = Door::with(FLAGS, ServiceOptions { request_timeout, import_timeout, ..ServiceOptions::default() }).await;
    let late = until_it_hangs_up(socket(&door, &slow(EVALUATE, body)).await).await;
    assert!(late.starts_with("HTTP/1.1 408"), "{late}");
    let mut import = socket(&door, &slow("/api/v1/import", body)).await;
    tokio::time::sleep(3 * request_timeout).await;
    import.write_all(body.as_bytes()).await.unwrap();
    let mut first = [0; 12];
    tokio::time::timeout(PATIENCE, import.read_exact(&mut first)).await.expect("an answer").unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");
    // And one that never ends is not waited for.
    let (request_timeout, import_timeout) = (PATIENCE, Duration::from_millis(200));
    let door = Door::with(FLAGS, ServiceOptions { request_timeout, import_timeout, ..ServiceOptions::default() }).await;
    let endless = until_it_hangs_up(socket(&door, &slow("/api/v1/import", body)).await).await;
    assert!(endless.starts_with("HTTP/1.1 408") && endless.contains("\"timeout\""), "{endless}");
}

#[tokio::test]
async fn the_description_describes_what_is_sent() {
    let door = Door::open().await;
    let api = door.get("/openapi.json").await.ok();
    let paths = api["paths"].as_object().unwrap();
    for path in [
        EVALUATE,
        "/api/v1/feature-flags/evaluate/batch",
        "/api/v1/flags",
        "/api/v1/flags/{name}",
        "/api/v1/flags/{name}/restore",
        "/api/v1/segments",
        "/api/v1/environments/{environment}",
        "/api/v1/rulesets/{environment}",
        "/api/v1/rulesets/{environment}/stream",
        "/api/v1/audit",
        "/api/v1/audit/{id}/rollback",
        "/api/v1/replicas",
        "/api/v1/import",
        "/api/v1/export",
        "/api/v1/schema",
        "/healthz",
        "/readyz",
        "/metrics",
    ] {
        assert!(paths.contains_key(path), "{path} is not described");
    }
    // The description's types mirror the core's; what really goes over the wire must have just the described names.
    let schema = |name: &str| &api["components"]["schemas"][name];
    let check = |name: &str, sent: &Value| {
        // What is flattened into a type is described as `allOf` its parts.
        let parts: Vec<&Value> = match schema(name)["allOf"].as_array() {
            Some(all) => {
                all.iter().map(|part| part["$ref"].as_str().map_or(part, |path| schema(path.rsplit('/').next().unwrap()))).collect()
            }
            None => vec![schema(name)],
        };
        for key in sent.as_object().unwrap().keys() {
            assert!(parts.iter().any(|part| part["properties"].get(key).is_some()), "{name} has an undescribed {key}");
        }
        for required in parts.iter().flat_map(|part| part["required"].as_array().into_iter().flatten()) {
            assert!(sent.get(required.as_str().unwrap()).is_some(), "{name} lacks {required}: {sent}");
        }
    };
    check("EvaluateResponse", &door.evaluate("new_ui", "user123", "development").await.ok());
    check("EvaluateResponse", &door.evaluate("banner", "u", "development").await.ok());
    let batch = door.post("/api/v1/feature-flags/evaluate/batch?user_id=u&environment=development", json!(["new_ui", "gone"])).await.ok();
    check("BatchAnswer", &batch["new_ui"]);
    check("BatchAnswer", &batch["gone"]);
    check("Ruleset", &door.get("/api/v1/rulesets/development").await.ok());
    let epoch = batch["new_ui"]["epoch"].as_str().unwrap().to_owned();
    check("WrittenPart", &door.switch("new_ui", false).await);
    check("Delta", &door.get(&format!("/api/v1/rulesets/development?since={epoch}-1")).await.ok());
    check("Part", &door.get("/api/v1/flags/new_ui").await.ok());
    check("ErrorBody", &door.get("/api/v1/flags/none").await.json());
    let reasons = api["components"]["schemas"]["Reason"].to_string();
    assert!(jackstaff::evaluation::Reason::ALL.iter().all(|reason| reasons.contains(&format!("\"{}\"", reason.as_str()))), "{reasons}");
}

#[tokio::test]
async fn figures_name_no_user_and_no_flag() {
    let door = Door::open().await;
    door.evaluate("new_ui", "very-private-user", "development").await.ok();
    door.get("/some/very-private-user/path").await;
    let text = String::from_utf8(door.get("/metrics").await.bytes).unwrap();
    assert!(text.contains("jackstaff_evaluations_total{reason=\"fallthrough\"} 1"), "{text}");
    assert!(text.contains("jackstaff_environment_version{environment=\"development\"} 1"));
    assert!(!text.contains("very-private-user") && !text.contains("new_ui"), "{text}");
}
