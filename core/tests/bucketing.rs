//! What a rollout promises: nobody who is in drops out when it grows, two flags choose independently, shares are
//! what they say, and the numbers are the same for ever.

use std::collections::HashSet;

use jackstaff::context::View;
use jackstaff::eval::evaluate;
use jackstaff::format::by_name;
use jackstaff::ir::Snapshot;
use jackstaff::ruleset::Syntax;
use jackstaff::{Context, Reason, Value};

const USERS: usize = 20_000;

fn compile(document: &str) -> Snapshot {
    let native = by_name("native").expect("there is a native format");
    (native.compile)(document, Syntax::Yaml, "production").unwrap_or_else(|error| panic!("{error}\n{document}"))
}

fn percentage(share: &str, extra: &str) -> Snapshot {
    compile(&format!(
        "environments: [production]\nflags:\n  new_ui:\n    type: boolean\n    rules: [{{ serve: on, percentage: {share}{extra} }}]\n    fallthrough: off\n  dark_mode:\n    type: boolean\n    rules: [{{ serve: on, percentage: {share} }}]\n    fallthrough: off\n"
    ))
}

fn is_on(snapshot: &Snapshot, flag: &str, user: &str, now: i64) -> bool {
    let answer = evaluate(snapshot, flag, View::of(user), &|| now).expect("the flag is sound");
    answer.value.and_then(Value::as_bool).expect("the flag is boolean")
}

fn users() -> impl Iterator<Item = String> {
    (0..USERS).map(|number| format!("user{number}"))
}

fn inside(snapshot: &Snapshot, flag: &str) -> HashSet<String> {
    users().filter(|user| is_on(snapshot, flag, user, 0)).collect()
}

#[test]
fn raising_a_percentage_never_removes_a_user() {
    let shares = ["0", "0.001", "0.01", "1", "5", "12.5", "25", "50", "75", "99", "99.999", "100"];
    let mut before = HashSet::new();
    for share in shares {
        let after = inside(&percentage(share, ""), "new_ui");
        let lost: Vec<&String> = before.difference(&after).take(3).collect();
        assert!(lost.is_empty(), "{share} % lost {lost:?}");
        before = after;
    }
    assert_eq!(before.len(), USERS, "100 % is everybody");
    assert!(inside(&percentage("0", ""), "new_ui").is_empty(), "0 % is nobody");
}

#[test]
fn a_share_is_what_it_says() {
    for share in [1.0, 10.0, 50.0, 90.0] {
        let got = inside(&percentage(&share.to_string(), ""), "new_ui").len() as f64;
        let users = USERS as f64;
        let (mean, deviation) = (users * share / 100.0, (users * share / 100.0 * (1.0 - share / 100.0)).sqrt());
        assert!((got - mean).abs() < 4.0 * deviation, "{share} %: want {mean} within {deviation}, got {got}");
    }
}

#[test]
fn two_flags_are_independent() {
    let half = percentage("50", "");
    let (one, other) = (inside(&half, "new_ui"), inside(&half, "dark_mode"));
    let both = one.intersection(&other).count() as f64;
    // A quarter, within four standard deviations.
    assert!((both - USERS as f64 / 4.0).abs() < 4.0 * (USERS as f64 * 0.25 * 0.75).sqrt(), "{both} of {USERS} are in both halves");
}

#[test]
fn one_salt_makes_two_flags_agree() {
    let half = compile(
        "environments: [production]\nflags:\n  a: { type: boolean, salt: together, rules: [{ serve: on, percentage: 50 }], fallthrough: off }\n  b: { type: boolean, salt: together, rules: [{ serve: on, percentage: 50 }], fallthrough: off }\n",
    );
    assert_eq!(inside(&half, "a"), inside(&half, "b"));
}

#[test]
fn a_ramp_only_ever_adds() {
    let snapshot = percentage(r#"{ from: 0, to: 100, start: "1970-01-01T00:00:00Z", end: "1970-01-01T00:16:40Z" }"#, "");
    let mut before = 0;
    for now in [-5, 0, 100_000, 250_000, 500_000, 999_999, 1_000_000, 2_000_000] {
        let count = users().filter(|user| is_on(&snapshot, "new_ui", user, now)).count();
        assert!(count >= before, "at {now} ms {count} are in, after {before}");
        before = count;
    }
    assert_eq!(before, USERS);
    let early = users().filter(|user| is_on(&snapshot, "new_ui", user, 250_000)).collect::<HashSet<_>>();
    let lost = early.iter().filter(|user| !is_on(&snapshot, "new_ui", user, 500_000)).count();
    assert_eq!(lost, 0, "somebody dropped out half-way");
}

#[test]
fn weighted_variants_share_out_everybody() {
    let snapshot = compile(
        "environments: [production]\nflags:\n  button:\n    type: string\n    variants: { red: red, green: green, blue: blue }\n    fallthrough: { rollout: { weights: { red: 20000, green: 30000, blue: 50000 } } }\n    off: red\n",
    );
    let mut counts = [0_i32; 3];
    for user in users() {
        let answer = evaluate(&snapshot, "button", View::of(&user), &|| 0).unwrap();
        assert_eq!(answer.reason, Reason::Rollout);
        let name = answer.variant.unwrap().key.clone();
        counts[["red", "green", "blue"].iter().position(|known| **known == *name).unwrap()] += 1;
    }
    assert_eq!(counts.iter().sum::<i32>(), USERS as i32);
    for (count, share) in counts.into_iter().zip([0.2, 0.3, 0.5]) {
        let mean = USERS as f64 * share;
        assert!((f64::from(count) - mean).abs() < 4.0 * (mean * (1.0 - share)).sqrt(), "{counts:?}");
    }
}

#[test]
fn the_border_is_where_the_bucket_is() {
    // The bucket of user123 in new_ui is 49188: pinned, like the buckets in the evaluator's own tests.
    assert!(!is_on(&percentage("49.188", ""), "new_ui", "user123", 0));
    assert!(is_on(&percentage("49.189", ""), "new_ui", "user123", 0));
}

#[test]
fn a_number_and_its_text_fall_into_one_bucket() {
    let snapshot = percentage("50", ", by: account");
    for account in 0..200_i64 {
        let number = Context::new("u").unwrap().with("account", account).unwrap();
        let text = Context::new("u").unwrap().with("account", account.to_string()).unwrap();
        let double = Context::new("u").unwrap().with("account", account as f64).unwrap();
        let on = |context: &Context| evaluate(&snapshot, "new_ui", context.view(), &|| 0).unwrap().value.cloned();
        assert_eq!(on(&number), on(&text), "{account}");
        assert_eq!(on(&number), on(&double), "{account}");
    }
}

#[test]
fn nobody_is_in_a_rollout_by_an_attribute_that_is_missing() {
    let snapshot = percentage("99.999", ", by: account");
    assert!(users().all(|user| !is_on(&snapshot, "new_ui", &user, 0)));
}
