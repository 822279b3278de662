//! Nanoseconds per check in Rust, beside a floor measured in the same run: `cargo run --release -p jackstaff-benches --bin check`.
//!
//! Each figure is the best of several rounds, so that what else the machine does counts least.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use jackstaff::eval::evaluate;
use jackstaff::format::native::{self, Document};
use jackstaff::ir::Snapshot;
use jackstaff::ruleset::{Ruleset, Syntax};
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
    load();
}

/// The time to load 10 000 flags from the service's JSON, and to apply a change of one of them.
fn load() {
    let flags: Vec<String> = (0..10_000)
        .map(|at| {
            let rules = format!(
                r#"[{{"when":{{"attribute":"country","in":["DE","AT","CH"]}},"serve":"on"}},{{"when":[{{"attribute":"plan","equals":"pro"}},{{"attribute":"seats","at_least":{}}}],"percentage":{}}}]"#,
                at % 50,
                at % 100
            );
            format!(r#""flag-{at:05}":{{"targets":{{"on":["user-{at}","user-{}"]}},"rules":{rules},"fallthrough":"off"}}"#, at + 1)
        })
        .collect();
    let text = format!(r#"{{"flags":{{{}}}}}"#, flags.join(","));
    let mut ruleset = Document::parse(&text, Syntax::Json).expect("the document is JSON").ruleset("development");
    (ruleset.epoch, ruleset.version) = ("e".into(), 1);
    ruleset.flags.values_mut().for_each(|entry| entry.version = 1);
    let sent = serde_json::to_string(&ruleset).expect("a ruleset is JSON");

    let before = live();
    let begun = Instant::now();
    let ruleset: Ruleset = serde_json::from_str(&sent).expect("as it was sent");
    let with_texts = live();
    let snapshot: Snapshot = native::compile(&ruleset, None);
    let took = begun.elapsed();
    println!(
        "10 000 flags, {:.1} MB of JSON: loaded in {:.1} ms; snapshot {:.1} MB, with the texts that changes are applied to {:.1} MB",
        sent.len() as f64 / 1e6,
        took.as_secs_f64() * 1e3,
        (live() - with_texts) / 1e6,
        (live() - before) / 1e6
    );
    let mut newer = ruleset.clone();
    newer.version = 2;
    newer.flags.get_mut("flag-05000").expect("it is there").version = 2;
    let delta = newer.delta_from(&ruleset);
    let update = time(20, || {
        let next = ruleset.apply(&delta).expect("it applies");
        drop(black_box(native::compile(&next, Some(&snapshot))));
    });
    println!("a change of one of them: applied in {:.2} ms", update / 1e6);
}

/// Counts what is allocated and not freed: what the system says of a process includes what it has freed and keeps.
struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator as it came; counting touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`, which is the system's too.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `memory` came from `System.alloc` above, with this layout.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn live() -> f64 {
    LIVE.load(Ordering::Relaxed) as f64
}
