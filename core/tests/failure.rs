//! What a client does when the service fails: tries again, leaves it alone, keeps its deadline, and tells a failure from a refusal.

#![allow(clippy::unwrap_used)] // clippy knows test functions, not the helpers beside them

#[path = "support/asking.rs"]
mod asking;
#[expect(dead_code, reason = "this service misbehaves less than the other tests' do")]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use asking::{ask, block, json, on, options, wait};
use jackstaff::client::{Evaluate, Status};
use jackstaff::fault::{BreakerOptions, RetryOptions};
use jackstaff::{Client, Options, Origin, Reason, Value, ValueType, View};
use support::{Reply, Server};

/// A client that never waits long between two tries.
fn impatient(server: &Server) -> Options {
    let retry = RetryOptions { min: Duration::from_millis(1), ..RetryOptions::default() };
    Options { evaluation: Evaluate::Remote, timeout: Duration::from_secs(10), retry, ..options(server) }
}

fn status(code: u16, headers: &str) -> Reply {
    Reply::Raw(format!("HTTP/1.1 {code} No\r\n{headers}content-length: 2\r\nconnection: close\r\n\r\n{{}}").into_bytes())
}

#[test]
fn guide_flaw_35_a_failure_is_tried_again_and_the_answer_is_the_last_ones() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let server = Server::start(move |_, _| if counter.fetch_add(1, Ordering::SeqCst) < 2 { status(503, "") } else { on() });
    let client = Client::new(impatient(&server)).unwrap();
    let answer = ask(&client, "f", false);
    assert_eq!((answer.value, answer.origin), (Value::Bool(true), Origin::Remote));
    assert_eq!((calls.load(Ordering::SeqCst), client.stats().retries), (3, 2));
}

#[test]
fn guide_flaw_39_a_refusal_is_not_tried_again_and_a_service_that_says_when_is_left_alone_until_then() {
    for (code, headers, requests) in [(401, "", 1), (403, "", 1), (404, "", 1), (400, "", 1), (500, "", 3), (503, "", 3), (429, "", 3)] {
        let server = Server::start(move |_, _| status(code, headers));
        let client = Client::new(impatient(&server)).unwrap();
        assert!(ask(&client, "f", true).value.as_bool().unwrap(), "{code}");
        assert_eq!(server.count(), requests, "{code}");
    }
    let server = Server::start(|_, _| status(429, "retry-after: 30\r\n"));
    let client = Client::new(impatient(&server)).unwrap();
    (0..5).for_each(|_| assert_eq!(ask(&client, "f", true).origin, Origin::Default));
    assert_eq!((server.count(), client.stats().breaker), (1, "open"));
}

#[test]
fn guide_flaw_36_after_five_failures_the_service_is_left_alone_and_checks_keep_their_defaults() {
    let server = Server::start(|_, _| status(500, ""));
    let breaker = BreakerOptions { reset: Duration::from_millis(400), ..BreakerOptions::default() };
    let client = Client::new(Options { retry: RetryOptions::off(), breaker, ..impatient(&server) }).unwrap();
    for _ in 0..50 {
        assert!(ask(&client, "f", true).value.as_bool().unwrap(), "the caller's own default");
    }
    assert_eq!(client.stats().breaker, "open");
    // One probe may have come by on a slow machine, fifty checks have not.
    assert!((5..10).contains(&server.count()), "{}", server.count());
    server.become_(|_, _| on());
    wait("the service is asked again", || ask(&client, "f", false).origin != Origin::Default);
    assert_eq!(client.stats().breaker, "closed");
}

#[test]
fn guide_flaw_37_a_hanging_service_is_left_alone_after_five_deadlines() {
    let server = Server::start(|_, _| Reply::Silence(Duration::from_secs(60)));
    let client = Client::new(Options { timeout: Duration::from_millis(100), ..impatient(&server) }).unwrap();
    for user in 0..5 {
        block(client.evaluate("f", View::of(&user.to_string()), Some(ValueType::Boolean), &Value::Bool(false)));
    }
    assert_eq!(client.stats().breaker, "open");
    let before = server.count();
    assert_eq!(ask(&client, "f", true).origin, Origin::Default);
    assert_eq!(server.count(), before);
}

#[test]
fn guide_flaw_61_and_a_large_batch_keeps_one_deadline() {
    let server = Server::start(|_, _| Reply::Silence(Duration::from_secs(30)));
    let client = Client::new(Options { retry: RetryOptions::off(), timeout: Duration::from_secs(1), ..impatient(&server) }).unwrap();
    let names: Vec<String> = (0..2_000).map(|number| format!("f{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let begun = Instant::now();
    let answers = block(client.batch(&names, View::of("u"), Some(ValueType::Boolean), &Value::Bool(true)));
    assert!(answers.len() == 2_000 && answers.iter().all(|answer| answer.enabled));
    assert!(begun.elapsed() < Duration::from_millis(3_500), "four parts, one deadline: {:?}", begun.elapsed());
}

#[test]
fn a_service_that_lags_behind_what_is_known_is_asked_for_the_known_version() {
    let calls = Arc::new(AtomicUsize::new(0));
    let counter = calls.clone();
    let answer = |version: u64| Reply::Json(200, format!(r#"{{"enabled":true,"reason":"rollout","version":{version},"epoch":"e1"}}"#));
    // The second question, for another user, meets a replica that lags; asked again, one that does not.
    let server = Server::start(move |_, _| answer([9, 8, 9][counter.fetch_add(1, Ordering::SeqCst).min(2)]));
    let client = Client::new(impatient(&server)).unwrap();
    let of = |user| block(client.evaluate("f", View::of(user), Some(ValueType::Boolean), &Value::Bool(false)));
    assert_eq!(of("ann").version, 9);
    assert_eq!((of("bob").version, calls.load(Ordering::SeqCst)), (9, 3));
}

#[test]
fn a_question_that_is_refused_is_no_outage() {
    let server = Server::start(|_, body| if body.contains("no name") { status(400, "") } else { on() });
    let client = Client::new(impatient(&server)).unwrap();
    assert!(ask(&client, "f", false).enabled);
    assert_eq!(ask(&client, "no name", true).reason, Reason::Error);
    assert_eq!(client.stats().status, Status::Ready);
    server.become_(|_, _| status(401, ""));
    ask(&client, "g", true);
    assert_eq!(client.stats().status, Status::Stale);
    assert!(client.stats().last_error.unwrap().contains("401"));
}

#[test]
fn retry_and_breaker_are_judged_at_the_door() {
    let of = |name: &str, value: &str| {
        let pairs = [("config_service_url", Value::from("http://x:1")), ("environment", Value::from("test")), (name, json(value))];
        Options::from_pairs(pairs)
    };
    assert_eq!(of("retry", "false").unwrap().retry.attempts, 1);
    assert_eq!(of("retry", r#"{"attempts":5,"max":2}"#).unwrap().retry.max, Duration::from_secs(2));
    assert_eq!(of("breaker", r#"{"failures":2,"reset":5}"#).unwrap().breaker.failures, 2);
    for (name, value, part) in [
        ("retry", r#"{"attempts":0}"#, "retry.attempts is 0"),
        ("retry", r#"{"tries":3}"#, "retry has no \"tries\""),
        ("retry", "3", "retry is 3"),
        ("breaker", r#"{"reset":0}"#, "breaker.reset is 0"),
        ("redis_url", "\"cache:6379\"", "redis_url has no scheme"),
        ("redis_secret", "\"short\"", "redis_secret is shorter"),
    ] {
        let error = of(name, value).unwrap_err();
        assert!(error.message().contains(part), "{error}");
    }
}
