//! Nanoseconds per check in Rust, beside a floor measured in the same run: `cargo run --release -p jackstaff-benches --bin check`.
//!
//! Each figure is the best of several rounds, so that what else the machine does counts least.

use std::hint::black_box;
use std::time::Instant;

use jackstaff::eval::evaluate;
use jackstaff::{Client, Context, Value, ValueType, View};

const ROUNDS: usize = 9;

fn time(calls: u32, mut call: impl FnMut()) -> f64 {
    let rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        (0..calls).for_each(|_| call());
        begun.elapsed().as_nanos() as f64 / f64::from(calls)
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// The flags that the benches of all languages share.
const FLAGS: &str = include_str!("../../flags.json");

fn main() {
    let document: Value = serde_json::from_str(FLAGS).expect("the document is JSON");
    let client = Client::from_document(document, "development").expect("the document compiles");
    client.start();
    let snapshot = client.snapshot().expect("a client of a document has a snapshot");
    let attributes = [("country", "DE"), ("plan", "pro"), ("version", "2.4.1")];
    let context = attributes
        .iter()
        .fold(Context::new("user-500").expect("short"), |context, (name, value)| context.with(name, *value).expect("few and short"));
    let users: Vec<String> = (0..1_024).map(|user| format!("user-{user}")).collect();
    let now = || 1_795_305_600_000;

    let mut at = 0;
    let mut next = || {
        at = (at + 1) & 1_023;
        users[at].as_str()
    };
    println!("{:<44} {:>9} {:>9}", "ns per check, one thread", "evaluator", "client");
    let floor = time(200_000, || {
        black_box(snapshot.flag(black_box("on")));
    });
    println!("{:<44} {floor:>9.1}", "floor: the lookup of a name");
    for (title, flag, attributes) in [
        ("on", "on", false),
        ("a list of 1 000 ids", "targets", false),
        ("50 % rollout", "half", false),
        ("three attributes and a 25 % rollout", "rules", true),
    ] {
        let mut view = || if attributes { context.view() } else { View::of(next()) };
        let evaluator = time(200_000, || {
            black_box(evaluate(&snapshot, black_box(flag), view(), &now).is_ok());
        });
        let client = time(200_000, || {
            black_box(client.peek_enabled(black_box(flag), view(), false));
        });
        println!("{title:<44} {evaluator:>9.1} {client:>9.1}");
    }
    let names: Vec<String> = (0..50).map(|at| format!("batch-{at:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let batch = time(5_000, || {
        drop(black_box(client.peek_batch(&names, View::of(next()), Some(ValueType::Boolean), &Value::Bool(false))));
    });
    let singles = time(5_000, || {
        names.iter().for_each(|name| {
            black_box(client.peek_enabled(name, View::of("user-1"), false));
        })
    });
    println!("{:<44} {:>9} {batch:>9.0}", "50 flags, with all that is known", "");
    println!("{:<44} {:>9} {singles:>9.0}", "50 flags, on or off", "");
}
