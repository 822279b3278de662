//! The cache that a fleet shares, with a real Valkey and a service that counts its requests.

#![allow(clippy::unwrap_used)] // clippy knows test functions, not the helpers beside them

#[path = "support/asking.rs"]
mod asking;
#[expect(dead_code, reason = "this service misbehaves less than the other tests' do")]
mod support;
#[path = "support/valkey.rs"]
mod valkey;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use asking::{block, wait};
use jackstaff::client::Evaluate;
use jackstaff::{Attributes, Client, Evaluation, Options, Origin, Reason, Value, ValueType, View};
use support::{Reply, Server};
use valkey::Valkey;

fn options(server: &Server, valkey: &Valkey) -> Options {
    let mut options = Options::new(&server.url, "production");
    options.evaluation = Evaluate::Remote;
    options.timeout = Duration::from_secs(2);
    options.redis_url = Some(valkey.url().as_str().into());
    options.redis_timeout = Duration::from_secs(1); // a loaded machine must not turn hits into misses
    options
}

fn client(server: &Server, valkey: &Valkey) -> Client {
    Client::new(options(server, valkey)).unwrap()
}

fn ask(client: &Client, flag: &str, user: &str, default: bool) -> Evaluation {
    block(client.evaluate(flag, View::of(user), Some(ValueType::Boolean), &Value::Bool(default)))
}

/// A service whose flags are on at `version`, one answer or a batch.
fn service(version: &Arc<AtomicU64>) -> Server {
    let version = version.clone();
    Server::start(move |path, body| {
        let version = version.load(Ordering::SeqCst);
        let answer = format!(r#"{{"enabled":true,"reason":"rollout","variant":"on","version":{version},"epoch":"e1"}}"#);
        if path.ends_with("/batch") {
            let body: serde_json::Value = serde_json::from_str(body).unwrap();
            let names = body["flag_names"].as_array().unwrap();
            let entries: Vec<String> = names.iter().map(|name| format!("{name}:{answer}")).collect();
            return Reply::Json(200, format!("{{{}}}", entries.join(",")));
        }
        Reply::Json(200, answer)
    })
}

fn written(client: &Client, count: u64) {
    wait("written", || client.stats().redis.unwrap().written >= count);
}

#[test]
fn an_answer_of_one_client_is_a_hit_of_another_and_keeps_its_age() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let (first, second) = (client(&server, &valkey), client(&server, &valkey));
    assert_eq!(ask(&first, "f", "ann", false).origin, Origin::Remote);
    written(&first, 1);
    std::thread::sleep(Duration::from_millis(30));
    let answer = ask(&second, "f", "ann", false);
    assert_eq!((answer.value, answer.origin, answer.version, answer.reason), (Value::Bool(true), Origin::Redis, 7, Reason::Rollout));
    assert!(answer.age >= Duration::from_millis(30), "{:?}", answer.age);
    assert_eq!(server.count(), 1);
    let again = ask(&second, "f", "ann", false);
    assert_eq!((again.origin, server.count()), (Origin::Memory, 1));
    assert!(again.age >= answer.age, "the age runs on from the evaluation");
}

#[test]
fn guide_flaw_14_a_batch_is_one_mget_and_one_pipeline() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let names: Vec<String> = (0..50).map(|number| format!("flag{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let batch = |client: &Client| block(client.batch(&names, View::of("ann"), Some(ValueType::Boolean), &Value::Bool(false)));
    let first = client(&server, &valkey);
    assert!(batch(&first).iter().all(|answer| answer.origin == Origin::Remote));
    written(&first, 50);
    let second = client(&server, &valkey);
    assert!(batch(&second).iter().all(|answer| answer.origin == Origin::Redis));
    assert_eq!(server.count(), 1);
    let commands: String = valkey.ask(&["INFO", "commandstats"]);
    let calls = |command: &str| {
        let line = commands.lines().find(|line| line.starts_with(&format!("cmdstat_{command}:"))).unwrap_or_default().to_owned();
        line.split("calls=").nth(1).and_then(|rest| rest.split(',').next()).map_or(0, |calls| calls.parse::<u64>().unwrap())
    };
    assert_eq!((calls("mget"), calls("set"), calls("get"), calls("keys")), (2, 50, 0, 0), "{commands}");
}

#[test]
fn guide_flaw_31_entries_do_not_expire_together() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let client = client(&server, &valkey);
    (0..20).for_each(|user| drop(ask(&client, "f", &user.to_string(), false)));
    written(&client, 20);
    let lives: Vec<i64> = (0..20).map(|user| valkey.ask(&["PTTL", &format!("ff_eval:production:f:{user}")])).collect();
    assert!(lives.iter().all(|life| (265_000..=300_000).contains(life)), "{lives:?}");
    assert!(lives.iter().max().unwrap() - lives.iter().min().unwrap() > 2_000, "{lives:?}");
}

#[test]
fn guide_flaw_07_attributes_are_part_of_the_key() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let (first, second) = (client(&server, &valkey), client(&server, &valkey));
    let plans = ["free", "pro"].map(|plan| Attributes::new([("plan", Value::from(plan))]).unwrap());
    let with = |client: &Client, attributes: &Attributes| {
        let view = View { key: Some("ann"), attributes };
        block(client.evaluate("f", view, Some(ValueType::Boolean), &Value::Bool(false))).origin
    };
    assert_eq!((with(&first, &plans[0]), with(&first, &plans[1])), (Origin::Remote, Origin::Remote));
    written(&first, 2);
    assert_eq!((with(&second, &plans[0]), with(&second, &plans[1])), (Origin::Redis, Origin::Redis));
    assert_eq!(ask(&second, "f", "ann", false).origin, Origin::Remote, "without attributes it is another question");
}

#[test]
fn guide_flaw_02_and_27_an_entry_of_the_guides_clients_is_a_miss_and_is_mended() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let theirs = r#"{"enabled": false, "cached_at": "2026-11-22T07:00:00.123456"}"#;
    let _: String = valkey.ask(&["SET", "ff_eval:production:f:ann", theirs]);
    let client = client(&server, &valkey);
    let answer = ask(&client, "f", "ann", false);
    assert_eq!((answer.value, answer.origin), (Value::Bool(true), Origin::Remote));
    written(&client, 1);
    let ours: String = valkey.ask(&["GET", "ff_eval:production:f:ann"]);
    let ours: serde_json::Value = serde_json::from_str(&ours).unwrap();
    assert_eq!((&ours["enabled"], &ours["v"], &ours["e"]), (&true.into(), &7.into(), &"e1".into()), "what theirs read is there");
    assert!(ours["cached_at"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn guide_flaw_23_an_entry_from_before_a_known_change_is_a_miss() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let version = Arc::new(AtomicU64::new(7));
    let server = service(&version);
    let (old, new) = (client(&server, &valkey), client(&server, &valkey));
    ask(&old, "f", "ann", false);
    written(&old, 1);
    version.store(8, Ordering::SeqCst);
    assert_eq!(ask(&new, "f", "bob", false).version, 8);
    let answer = ask(&new, "f", "ann", false);
    assert_eq!((answer.version, answer.origin), (8, Origin::Remote), "version 8 of the flag is known, and the entry is of version 7");
}

#[test]
fn guide_flaw_16_and_17_and_19_without_redis_checks_go_on() {
    let Some(mut valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let breaker = jackstaff::fault::BreakerOptions { failures: 3, reset: Duration::from_millis(300) };
    let client = Client::new(Options { breaker, local_ttl: Duration::ZERO, ..options(&server, &valkey) }).unwrap();
    ask(&client, "f", "0", false);
    written(&client, 1);
    valkey.kill();
    for user in 0..10 {
        let answer = ask(&client, "f", &format!("u{user}"), false);
        assert_eq!((answer.value, answer.origin), (Value::Bool(true), Origin::Remote));
    }
    let stats = client.stats().redis.unwrap();
    assert!(stats.errors >= 3 && stats.unwritten > 0, "{stats:?}");
    valkey.restart();
    wait("it is used again by itself", || {
        ask(&client, "f", "back", false);
        client.stats().redis.unwrap().breaker == "closed" && client.stats().redis.unwrap().written > 1
    });
}

#[test]
fn guide_flaw_19_an_answer_is_not_lost_because_it_cannot_be_written() {
    let Some(valkey) = Valkey::start(&["--maxmemory", "1", "--maxmemory-policy", "noeviction"]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let client = client(&server, &valkey);
    for user in 0..20 {
        assert!(ask(&client, "f", &user.to_string(), false).enabled);
    }
    wait("twenty writes refused", || client.stats().redis.unwrap().unwritten == 20);
    assert_eq!(client.stats().redis.unwrap().breaker, "closed", "a full server can still be read");
}

#[test]
fn guide_flaw_17_a_redis_that_hangs_costs_its_budget_and_no_more() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let quick = Options { redis_timeout: Duration::from_millis(50), timeout: Duration::from_secs(10), ..options(&server, &valkey) };
    let client = Client::new(quick).unwrap();
    wait("connected", || {
        ask(&client, "f", "first", false);
        client.stats().redis.unwrap().written > 0
    });
    let _: String = valkey.ask(&["CLIENT", "PAUSE", "3000", "ALL"]);
    let begun = Instant::now();
    assert_eq!(ask(&client, "f", "other", false).origin, Origin::Remote);
    assert!(begun.elapsed() < Duration::from_millis(2_500), "{:?}", begun.elapsed());
}

#[test]
fn guide_flaw_20_a_crowd_does_not_exhaust_anything() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let client = client(&server, &valkey);
    let answers = block(async {
        let asked = (0..500).map(|user| {
            let client = client.clone();
            async move { client.evaluate("f", View::of(&user.to_string()), Some(ValueType::Boolean), &Value::Bool(false)).await }
        });
        futures_util::future::join_all(asked).await
    });
    assert!(answers.iter().all(|answer| answer.enabled));
    assert_eq!(client.stats().redis.unwrap().connects, 1);
}

#[test]
fn guide_flaw_53_with_a_secret_nobody_else_writes_answers() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let secret = |text: &str| Client::new(Options { redis_secret: Some(text.into()), ..options(&server, &valkey) }).unwrap();
    let (ours, also_ours, theirs) = (secret("a long shared secret"), secret("a long shared secret"), secret("another long secret"));
    ask(&theirs, "f", "ann", false);
    written(&theirs, 1);
    assert_eq!(ask(&ours, "f", "ann", false).origin, Origin::Remote, "signed by somebody else");
    assert_eq!(ours.stats().redis.unwrap().corrupt, 1);
    written(&ours, 1);
    assert_eq!(ask(&also_ours, "f", "ann", false).origin, Origin::Redis);
}

#[test]
fn guide_flaw_29_without_a_cache_redis_is_not_used() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let client = Client::new(Options { cache_ttl: Duration::ZERO, ..options(&server, &valkey) }).unwrap();
    (0..3).for_each(|_| assert_eq!(ask(&client, "f", "ann", false).origin, Origin::Remote));
    assert_eq!((server.count(), client.stats().redis), (3, None));
    assert_eq!(valkey.ask::<i64>(&["DBSIZE"]), 0);
}

#[test]
fn a_client_starts_from_the_ruleset_in_redis_while_the_service_is_away() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let ruleset = r#"{"environment":"production","epoch":"e1","version":7,"flags":{"f":{"version":7,"doc":{}}},"segments":{}}"#;
    let server =
        Server::start(|path, _| if path.contains("/stream") { Reply::Json(404, "{}".into()) } else { Reply::Json(200, ruleset.into()) });
    let local = Options { evaluation: Evaluate::Local, ..options(&server, &valkey) };
    let first = Client::new(local.clone()).unwrap();
    block(first.ready(Duration::from_secs(10))).unwrap();
    wait("offered", || valkey.ask::<i64>(&["EXISTS", "ff_snapshot:production"]) == 1);
    server.become_(|_, _| Reply::Json(503, "{}".into()));
    let second = Client::new(local).unwrap();
    block(second.ready(Duration::from_secs(10))).unwrap();
    let answer = ask(&second, "f", "ann", false);
    assert_eq!((answer.value, answer.origin, answer.version), (Value::Bool(true), Origin::Local, 7));
}

#[test]
fn what_expires_soon_is_refreshed_while_it_is_served() {
    let Some(valkey) = Valkey::start(&[]) else { return };
    let server = service(&Arc::new(AtomicU64::new(7)));
    let soft = Options { soft_ttl: Some(Duration::from_millis(100)), ..options(&server, &valkey) };
    let client = Client::new(soft).unwrap();
    ask(&client, "f", "ann", false);
    std::thread::sleep(Duration::from_millis(150));
    assert_eq!(ask(&client, "f", "ann", false).origin, Origin::Memory, "nobody waits");
    wait("refreshed", || server.count() == 2);
    wait("younger", || ask(&client, "f", "ann", false).age < Duration::from_millis(100));
}

#[test]
fn certificates_for_a_redis_without_tls_are_refused_at_once() {
    let mut options = Options::new("http://127.0.0.1:9", "production");
    options.redis_url = Some("redis://127.0.0.1:6379/0".into());
    options.redis_ca = Some("-----BEGIN CERTIFICATE-----".into());
    let refused = Client::new(options).expect_err("there is no TLS to trust anybody by").to_string();
    assert!(refused.contains("redis_ca") && refused.contains("rediss://"), "{refused}");
}
