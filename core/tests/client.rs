//! The client through its public door: without a service, with one that offers only the guide's two endpoints, and with one that
//! sends what is in no contract. (What a client does about failures is in failure.rs; the real service is in the end-to-end tests.)

#![allow(clippy::unwrap_used)] // clippy knows test functions, not the helpers beside them

#[path = "support/asking.rs"]
mod asking;
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use asking::{ask, block, json, on, options, remote, wait};
use jackstaff::client::{Evaluate, Status};
use jackstaff::{Client, Context, ErrorKind, Options, Origin, Reason, Value, ValueType, View};
use support::{Reply, Server};

fn html() -> Reply {
    let body = "<html>please log in</html>";
    Reply::Raw(
        format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len())
            .into_bytes(),
    )
}

// --- without a service --------------------------------------------------------------------------

#[test]
fn a_document_answers_at_once_and_types_are_checked_at_the_getter() {
    let document = r#"{"flags":{"new_ui":{},"limit":{"type":"integer","variants":{"a":5},"fallthrough":"a"}}}"#;
    let client = Client::from_document(json(document), "development").unwrap();
    let answer = ask(&client, "new_ui", false);
    assert_eq!((answer.value, answer.origin, answer.reason), (Value::Bool(true), Origin::Local, Reason::Fallthrough));
    let answer = ask(&client, "limit", true);
    assert_eq!((answer.value, answer.origin, answer.reason), (Value::Bool(true), Origin::Default, Reason::TypeMismatch));
    assert_eq!(client.peek_enabled("limit", View::of("u"), true), Some(true));
    assert_eq!(client.peek_enabled("unknown", View::of("u"), true), Some(true));
    assert_eq!(client.peek_enabled("new_ui", View::of("u"), false), Some(true));
    let stats = client.stats();
    assert_eq!((stats.checks, stats.by_origin[0], stats.by_origin[4], stats.status), (5, 2, 3, Status::Ready));
}

#[test]
fn a_file_is_watched_and_a_broken_one_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flags.yaml");
    std::fs::write(&path, "flags:\n  f: { fallthrough: off }\n").unwrap();
    let client = Client::from_file(&path, "development", "native").unwrap();
    let changes = Arc::new(AtomicUsize::new(0));
    let seen = changes.clone();
    client
        .on_change(move |_| {
            seen.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap();
    assert!(!ask(&client, "f", true).enabled);
    std::fs::write(&path, "flags:\n  f: { fallthrough: offf }\n").unwrap();
    wait("the file was read", || client.stats().last_error.is_some());
    assert!(client.stats().last_error.unwrap().contains("flags.yaml:2:21: flags.f.fallthrough: there is no variant \"offf\""));
    assert_eq!((ask(&client, "f", true).enabled, client.stats().status), (false, Status::Stale));
    std::fs::write(&path, "flags:\n  f: { fallthrough: on }  # better\n").unwrap();
    wait("the file was read", || ask(&client, "f", false).enabled);
    assert_eq!((changes.load(Ordering::SeqCst) > 0, client.stats().status), (true, Status::Ready));
}

#[test]
fn a_file_with_mistakes_is_refused_with_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flags.yaml");
    std::fs::write(&path, "flags:\n  a: { enabled: 1 }\n  b: { enabled: 2 }\n").unwrap();
    let error = Client::from_file(&path, "development", "native").unwrap_err();
    assert_eq!((error.kind(), error.message().lines().count()), (ErrorKind::InvalidDocument, 2));
    let error = Client::from_file(&path, "development", "nativ").unwrap_err();
    assert!(error.message().contains("\"nativ\"") && error.message().contains("native"), "{error}");
    assert_eq!(Client::from_file(folder.path().join("none"), "d", "native").unwrap_err().kind(), ErrorKind::Io);
}

#[test]
fn a_mock_answers_per_user_and_remembers_the_checks() {
    let flags = r#"{"new_ui":true,"off":false,"limit":20,"theme":{"value":"dark","users":{"u1":"light"}},"rule":{"rules":[{"when":{"attribute":"plan","equals":"pro"},"serve":"on"}]}}"#;
    let client = Client::mock(&json(flags)).unwrap();
    assert!(client.peek_enabled("new_ui", View::of("u"), false).unwrap());
    assert!(!client.peek_enabled("off", View::of("u"), true).unwrap());
    let theme = |user| client.peek("theme", View::of(user), Some(ValueType::String), &Value::Null).unwrap().value;
    assert_eq!((theme("u1"), theme("u2")), (Value::from("light"), Value::from("dark")));
    let pro = Context::new("u").unwrap().with("plan", "pro").unwrap();
    assert!(client.peek_enabled("rule", pro.view(), false).unwrap());
    let checks = client.recorded();
    assert_eq!(checks.len(), 5);
    assert_eq!((checks[0].flag.as_str(), checks[0].user_id.as_deref(), checks[0].enabled), ("new_ui", Some("u"), true));
    client.set_mock(&json(r#"{"new_ui":false}"#)).unwrap();
    assert!(!client.peek_enabled("new_ui", View::of("u"), true).unwrap());
    assert!(Client::mock(&json("[1]")).unwrap_err().message().contains("map from names to values"));
}

#[test]
fn options_are_judged_at_the_door() {
    let refused = |pairs: &[(&str, Value)]| Options::from_pairs(pairs.iter().cloned()).unwrap_err().to_string();
    let good = [("config_service_url", Value::from("http://x:1")), ("environment", Value::from("production"))];
    let with = |name: &'static str, value: Value| [good[0].clone(), good[1].clone(), (name, value)];
    assert!(refused(&with("chache_ttl", Value::Int(1))).contains("there is no option \"chache_ttl\""));
    assert!(refused(&with("cache_ttl", Value::Int(-1))).contains("cache_ttl is -1"));
    assert!(refused(&with("timeout", Value::from("5"))).contains("timeout is \"5\""));
    assert!(refused(&with("evaluation", Value::from("locally"))).contains("auto, local or remote"));
    assert!(refused(&with("api_key", Value::from("a b"))).contains("api_key has characters"));
    assert!(refused(&[("config_service_url", Value::from("config-service:8082")), good[1].clone()]).contains("a URL such as"));
    assert!(refused(&[good[0].clone(), ("environment", Value::from("pro duction"))]).contains("\"pro duction\" is not a name"));
    let options = Options::from_pairs([
        ("configServiceUrl", Value::from("http://x:1/")),
        ("environment", Value::from("e")),
        ("cacheTtl", Value::Int(0)),
    ])
    .unwrap();
    assert_eq!((options.config_service_url.as_deref(), options.cache_ttl), (Some("http://x:1"), Duration::ZERO));
}

/// Flaws 52 and 65: an environment or an address that is not set is said at once, not guessed.
#[test]
fn guide_flaw_52_and_65_nothing_is_guessed() {
    if std::env::var_os("ENVIRONMENT").is_none() {
        let error = Options::from_pairs([("config_service_url", Value::from("http://x:1"))]).unwrap_err();
        assert!(error.message().contains("environment is not set"), "{error}");
    }
    if std::env::var_os("CONFIG_SERVICE_URL").is_none() {
        let error = Options::from_pairs([("environment", Value::from("production")), ("config_service_url", Value::Null)]).unwrap_err();
        assert!(error.message().contains("CONFIG_SERVICE_URL"), "{error}");
    }
}

// --- a service that offers only the guide's two endpoints ---------------------------------------------

#[test]
fn auto_stays_remote_where_the_service_offers_no_rulesets() {
    let server = Server::start(|path, _| if path.ends_with("/evaluate") { on() } else { Reply::Json(404, "{}".into()) });
    let client = Client::new(options(&server)).unwrap();
    block(client.ready(Duration::from_secs(5))).unwrap();
    let first = ask(&client, "f", false);
    let second = ask(&client, "f", false);
    assert_eq!((first.value.clone(), first.origin, first.reason), (Value::Bool(true), Origin::Remote, Reason::UserTargeted));
    assert_eq!((second.value, second.origin), (Value::Bool(true), Origin::Memory));
    assert_eq!(client.stats().status, Status::Ready);
}

/// Flaw 1: a flag that is off is off, whatever the default; flaw 2: and nothing else is remembered of it.
#[test]
fn guide_flaw_01_and_02_off_is_off() {
    let server = Server::start(|_, _| Reply::Json(200, r#"{"enabled":false}"#.into()));
    let client = remote(&server);
    assert!(!ask(&client, "f", true).enabled);
    assert!(!ask(&client, "f", true).enabled);
    assert_eq!(server.count(), 1);
}

/// Flaws 3 to 6: an answer that is not in the contract is the default of the one who asks, and is never kept.
#[test]
fn guide_flaw_03_to_06_what_is_not_in_the_contract_is_not_an_answer() {
    let bad: Vec<(&str, Reply)> = vec![
        ("HTML", html()),
        ("no enabled", Reply::Json(200, r#"{"flag_name":"f"}"#.into())),
        ("enabled is null", Reply::Json(200, r#"{"enabled":null}"#.into())),
        ("enabled is text", Reply::Json(200, r#"{"enabled":"false"}"#.into())),
        ("enabled is a number", Reply::Json(200, r#"{"enabled":1}"#.into())),
        ("a list", Reply::Json(200, "[]".into())),
        (
            "half a body",
            Reply::Raw(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"enabled\": tr".to_vec()),
        ),
        ("nothing at all", Reply::Raw(Vec::new())),
        ("500", Reply::Json(500, r#"{"enabled":true}"#.into())),
        ("503", Reply::Json(503, "busy".into())),
        ("401", Reply::Json(401, "{}".into())),
        ("429", Reply::Json(429, "{}".into())),
        ("a redirect", Reply::Raw(b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n".to_vec())),
    ];
    for (what, reply) in bad {
        let server = Server::start(move |_, _| reply.clone());
        let client = remote(&server);
        for default in [true, false] {
            let answer = ask(&client, "f", default);
            assert_eq!((answer.value, answer.reason, answer.origin), (Value::Bool(default), Reason::Error, Origin::Default), "{what}");
        }
        assert!(server.count() >= 2, "{what} was kept");
        server.become_(|_, _| on());
        assert!(ask(&client, "f", false).enabled, "{what}: recovered");
    }
}

#[test]
fn an_answer_without_end_ends() {
    let server = Server::start(|_, _| Reply::Endless);
    let client = remote(&server);
    let begun = Instant::now();
    assert_eq!(ask(&client, "f", true).reason, Reason::Error);
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
}

/// Flaw 37: a check has a deadline, whatever the service does.
#[test]
fn guide_flaw_37_a_silent_service_costs_no_more_than_the_deadline() {
    let server = Server::start(|_, _| Reply::Silence(Duration::from_secs(20)));
    let client = remote(&server);
    let begun = Instant::now();
    let answer = ask(&client, "f", true);
    assert_eq!((answer.value, answer.reason), (Value::Bool(true), Reason::Error));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    assert_eq!(client.stats().status, Status::Stale);
}

/// Flaw 22: when the service fails, the last known answer is served, and its age is on it.
#[test]
fn guide_flaw_22_the_last_known_answer_beats_the_default() {
    let server = Server::start(|_, _| on());
    let client = Client::new(Options { evaluation: Evaluate::Remote, local_ttl: Duration::from_millis(50), ..options(&server) }).unwrap();
    assert!(ask(&client, "f", false).enabled);
    server.become_(|_, _| Reply::Json(500, "{}".into()));
    std::thread::sleep(Duration::from_millis(80));
    let answer = ask(&client, "f", false);
    assert_eq!((answer.value, answer.origin), (Value::Bool(true), Origin::Memory));
    assert!(answer.age >= Duration::from_millis(50));

    let strict = Options {
        evaluation: Evaluate::Remote,
        local_ttl: Duration::from_millis(50),
        max_stale: Some(Duration::from_millis(60)),
        ..options(&server)
    };
    let client = Client::new(strict).unwrap();
    server.become_(|_, _| on());
    assert!(ask(&client, "f", false).enabled);
    server.become_(|_, _| Reply::Json(500, "{}".into()));
    std::thread::sleep(Duration::from_millis(100));
    assert_eq!(ask(&client, "f", false).reason, Reason::Error);
}

/// Flaw 7: an answer depends on the attributes; flaw 8: and names with colons do not collide.
#[test]
fn guide_flaw_07_and_08_answers_are_kept_apart() {
    let server =
        Server::start(|_, body| Reply::Json(200, format!(r#"{{"enabled":{}}}"#, body.contains("\"pro\"") || body.contains("a:b"))));
    let client = remote(&server);
    let plan = |plan: &str| Context::new("u").unwrap().with("plan", plan).unwrap();
    let enabled = |context: &Context| block(client.is_enabled("f", context.view(), false));
    assert!(enabled(&plan("pro")));
    assert!(!enabled(&plan("free")));
    assert!(enabled(&plan("pro")));
    assert_eq!(server.count(), 2);
    assert!(block(client.is_enabled("a:b", View::of("c"), false)));
    assert!(!block(client.is_enabled("a", View::of("b:c"), false)));
}

/// Flaw 21: the same question asked by many at once is one request.
#[test]
fn guide_flaw_21_many_that_ask_the_same_are_one_request() {
    let server = Server::start(|_, _| {
        std::thread::sleep(Duration::from_millis(100));
        on()
    });
    let client = remote(&server);
    let asked = std::iter::repeat_with(|| client.is_enabled("f", View::of("u"), false)).take(200);
    let answers = block(futures_util::future::join_all(asked));
    assert!(answers.into_iter().all(|enabled| enabled));
    assert_eq!(server.count(), 1);
}

/// Flaws 10 to 12 and 14: a batch has one entry per name asked, in order, and no other; flaw 13 and 15: ids stay out of the address.
#[test]
fn guide_flaw_10_to_15_a_batch_is_whole() {
    let server = Server::start(|path, body| {
        assert_eq!(path, "/api/v1/feature-flags/evaluate/batch");
        assert!(body.contains("u&environment=production#x"));
        Reply::Json(200, r#"{"a":{"enabled":true},"c":{"reason":"flag_not_found"},"unasked":{"enabled":true}}"#.into())
    });
    let client = remote(&server);
    let view = View::of("u&environment=production#x");
    let answers = block(client.batch(&["a", "b", "c", "a"], view, Some(ValueType::Boolean), &Value::Bool(true)));
    let got: Vec<_> = answers.iter().map(|answer| (&*answer.flag, answer.value.clone(), answer.reason)).collect();
    let unknown = |name| (name, Value::Bool(true), Reason::FlagNotFound);
    let a = ("a", Value::Bool(true), Reason::Fallthrough);
    assert_eq!(got, [a.clone(), unknown("b"), unknown("c"), a]);
    assert!(client.peek("unasked", view, None, &Value::Null).is_none(), "what was not asked for is not kept");
    server.become_(|_, _| Reply::Json(503, "{}".into()));
    let answers = block(client.batch(&["x", "y"], view, Some(ValueType::Boolean), &Value::Bool(true)));
    assert!(answers.len() == 2 && answers.iter().all(|answer| answer.value == Value::Bool(true) && answer.reason == Reason::Error));
}

/// Flaw 29: no time to live means no cache.
#[test]
fn guide_flaw_29_zero_turns_the_cache_off() {
    let server = Server::start(|_, _| on());
    let client = Client::new(Options { evaluation: Evaluate::Remote, cache_ttl: Duration::ZERO, ..options(&server) }).unwrap();
    assert!(ask(&client, "f", false).enabled && ask(&client, "f", false).enabled);
    assert_eq!(server.count(), 2);
}

/// Flaw 23: an answer that was under way while a newer one came is not put over it.
#[test]
fn guide_flaw_23_an_older_answer_never_replaces_a_newer_one() {
    let answer = |enabled: bool, version: u64| Reply::Json(200, format!(r#"{{"enabled":{enabled},"version":{version},"epoch":"e"}}"#));
    let server = Server::start(move |_, body| {
        if body.contains("slow") {
            std::thread::sleep(Duration::from_millis(200));
            return answer(true, 1);
        }
        answer(false, 2)
    });
    let client = remote(&server);
    let slow = Context::new("slow").unwrap();
    let late = {
        let (client, slow) = (client.clone(), slow.clone());
        std::thread::spawn(move || block(client.is_enabled("f", slow.view(), false)))
    };
    std::thread::sleep(Duration::from_millis(50));
    assert_eq!(ask(&client, "f", true).version, 2);
    late.join().unwrap();
    assert!(
        client.peek("f", slow.view(), None, &Value::Null).is_none(),
        "an answer of version 1 was kept though version 2 of the flag is known"
    );
}

#[test]
fn many_threads_may_be_the_first() {
    let server = Server::start(|_, _| on());
    let client = remote(&server);
    let threads: Vec<_> = (0..32)
        .map(|_| {
            let client = client.clone();
            std::thread::spawn(move || ask(&client, "f", false).enabled)
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
}

#[test]
fn a_local_client_says_that_it_is_not_ready_and_does_not_wait() {
    let server = Server::start(|_, _| Reply::Silence(Duration::from_secs(20)));
    let client = Client::new(Options { evaluation: Evaluate::Local, ..options(&server) }).unwrap();
    let begun = Instant::now();
    let answer = ask(&client, "f", true);
    assert_eq!((answer.value, answer.reason), (Value::Bool(true), Reason::NotReady));
    assert!(begun.elapsed() < Duration::from_millis(400));
    let error = block(client.ready(Duration::from_millis(50))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Timeout);
    assert_eq!(client.stats().status, Status::NotReady);
}

#[test]
fn a_closed_client_answers_with_defaults() {
    let client = Client::from_document(json(r#"{"flags":{"f":{}}}"#), "development").unwrap();
    assert!(ask(&client, "f", false).enabled);
    client.close();
    client.close();
    let answer = ask(&client, "f", false);
    assert_eq!((answer.value, answer.reason), (Value::Bool(false), Reason::NotReady));
    assert_eq!(client.stats().status, Status::Closed);
    assert_eq!(block(client.ready(Duration::from_secs(1))).unwrap_err().kind(), ErrorKind::Closed);
}

// --- rulesets -----------------------------------------------------------------------------------

fn ruleset(version: u64, enabled: bool) -> String {
    format!(
        r#"{{"environment":"production","epoch":"e1","version":{version},"flags":{{"f":{{"version":{version},"doc":{{"enabled":{enabled}}}}}}},"segments":{{}}}}"#
    )
}

#[test]
fn a_ruleset_that_was_saved_starts_a_client_without_the_service() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("flags.snapshot");
    let server =
        Server::start(|path, _| if path.contains("/stream") { Reply::Json(404, "{}".into()) } else { Reply::Json(200, ruleset(7, true)) });
    let saving = Options { snapshot_path: Some(path.clone()), ..options(&server) };
    let client = Client::new(saving.clone()).unwrap();
    block(client.ready(Duration::from_secs(5))).unwrap();
    assert_eq!(client.stats().version, 7);
    wait("the ruleset is saved", || path.exists());
    client.close();

    server.become_(|_, _| Reply::Json(503, "{}".into()));
    let client = Client::new(saving.clone()).unwrap();
    let answer = ask(&client, "f", false);
    assert_eq!((answer.value, answer.origin, answer.version), (Value::Bool(true), Origin::Local, 7));

    let mut text = std::fs::read_to_string(&path).unwrap();
    text = text.replace("true", "false");
    std::fs::write(&path, text).unwrap();
    let client = Client::new(saving).unwrap();
    assert_eq!(ask(&client, "f", true).origin, Origin::Default, "a file whose checksum is wrong is not used");
}

#[test]
fn polling_brings_changes_where_there_is_no_stream_and_older_rulesets_are_left_alone() {
    let server =
        Server::start(|path, _| if path.contains("/stream") { Reply::Json(404, "{}".into()) } else { Reply::Json(200, ruleset(2, false)) });
    let client = Client::new(Options { poll_interval: Duration::from_millis(60), ..options(&server) }).unwrap();
    block(client.ready(Duration::from_secs(5))).unwrap();
    assert!(!ask(&client, "f", true).enabled);
    server.become_(|path, _| if path.contains("/stream") { Reply::Json(404, "{}".into()) } else { Reply::Json(200, ruleset(1, true)) });
    std::thread::sleep(Duration::from_millis(250));
    assert_eq!((ask(&client, "f", true).enabled, client.stats().version), (false, 2), "version 1 came after version 2");
    server.become_(|path, _| if path.contains("/stream") { Reply::Json(404, "{}".into()) } else { Reply::Json(200, ruleset(3, true)) });
    block(client.wait_for_version(3, Duration::from_secs(5))).unwrap();
    assert!(ask(&client, "f", false).enabled);
}

#[test]
fn another_environments_ruleset_is_refused() {
    let server = Server::start(|_, _| Reply::Json(200, ruleset(2, true).replace("production", "development")));
    let client = Client::new(Options { evaluation: Evaluate::Local, ..options(&server) }).unwrap();
    let error = block(client.ready(Duration::from_millis(800))).unwrap_err();
    assert!(error.message().contains("got \"development\""), "{error}");
}
