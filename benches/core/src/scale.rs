//! What ten thousand flags cost, and how checks fare beside each other and beside updates: `cargo run --release -p jackstaff-benches --bin
//! scale`. Give it another number of flags as its argument.

use std::alloc::{GlobalAlloc, Layout, System};
use std::any::Any;
use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use jackstaff::eval::evaluate;
use jackstaff::format::native;
use jackstaff::ir::Snapshot;
use jackstaff::ruleset::{Delta, Entry, Ruleset};
use jackstaff::{Client, Value, View};

/// What is said of each figure's rounds: the least time, as the rest is what else the machine did.
const ROUNDS: usize = 5;

fn main() {
    let count = std::env::args().nth(1).map_or(10_000, |count| count.parse().expect("the argument is a number of flags"));
    let sent = ruleset(count, ["on", "off", "targets", "rollout", "rules"].as_slice());
    println!("{count} flags, {:.1} MB of JSON as the service sends it", sent.len() as f64 / 1e6);
    load(&sent);
    for kind in ["on", "off", "targets", "rollout", "rules"] {
        let (_, bytes) = weighed(|| Client::from_json(&ruleset(count, &[kind]), "development").expect("it is a ruleset"));
        println!("    if all were like \"{kind}\": {:.0} bytes a flag", bytes / count as f64);
    }
    update(&sent);
    segment();
    threads(&sent);
}

/// What a way is called, and the way: whatever it makes is dropped.
type Way<'w> = (&'w str, &'w dyn Fn() -> Box<dyn Any>);

/// All ways to a snapshot.
fn load(sent: &str) {
    let value: Value = serde_json::from_str(sent).expect("it is JSON");
    let follow = || {
        let ruleset: Ruleset = serde_json::from_str(sent).expect("it is a ruleset");
        let snapshot = native::compile(&ruleset, None);
        (ruleset, snapshot)
    };
    let ways: [Way<'_>; 3] = [
        ("from the text", &|| Box::new(Client::from_json(sent, "development").expect("it is a ruleset"))),
        ("from a value, as the bindings hand it over", &|| {
            Box::new(Client::from_document(value.clone(), "development").expect("it is a ruleset"))
        }),
        ("with the texts that changes are applied to", &|| Box::new(follow())),
    ];
    for (title, way) in ways {
        let took = least(|| drop(black_box(way())), way);
        let (_, bytes) = weighed(way);
        println!("{title:<46} {took:>8.1} ms {:>8.1} MB", bytes / 1e6);
    }
}

/// The least time in milliseconds; what is made is dropped outside of it.
fn least<T>(warm: impl Fn(), make: impl Fn() -> T) -> f64 {
    warm();
    let rounds = (0..ROUNDS).map(|_| {
        let begun = Instant::now();
        let made = make();
        let took = begun.elapsed();
        drop(black_box(made));
        took.as_secs_f64() * 1e3
    });
    rounds.fold(f64::INFINITY, f64::min)
}

/// A change of one flag: from the text of a delta to the snapshot that is swapped in.
fn update(sent: &str) {
    let mut ruleset: Ruleset = serde_json::from_str(sent).expect("it is a ruleset");
    ruleset.digest = ruleset.digest();
    let mut snapshot = native::compile(&ruleset, None);
    let mut worst = Duration::ZERO;
    let rounds = (0..200).map(|_| {
        let text = change(&ruleset);
        let begun = Instant::now();
        let delta: Delta = serde_json::from_str(&text).expect("it is a delta");
        ruleset.apply(&delta).expect("it applies");
        let next: Snapshot = native::compile_after(&ruleset, &delta, &snapshot);
        drop(std::mem::replace(&mut snapshot, next));
        let took = begun.elapsed();
        worst = worst.max(took);
        took.as_secs_f64() * 1e6
    });
    let least = rounds.fold(f64::INFINITY, f64::min);
    println!("a change of one of them: applied in {least:.1} µs, of 200 the slowest in {:.1}", worst.as_secs_f64() * 1e6);
}

fn change(ruleset: &Ruleset) -> String {
    let version = ruleset.version + 1;
    let (name, entry) = ruleset.flags.iter().nth(ruleset.flags.len() / 2).expect("there are flags");
    let mut delta = Delta {
        environment: ruleset.environment.clone(),
        epoch: ruleset.epoch.clone(),
        prev: ruleset.version,
        version,
        put_flags: [(name.clone(), Entry { version, doc: entry.doc.clone() })].into(),
        del_flags: Vec::new(),
        put_segments: Default::default(),
        del_segments: Vec::new(),
        digest: "".into(),
        committed_at: None,
    };
    delta.digest = ruleset.digest_after(&delta);
    serde_json::to_string(&delta).expect("a delta is JSON")
}

/// A segment of a million ids.
fn segment() {
    let ids: Vec<String> = (0..1_000_000).map(|at| format!("\"customer-{at:09}\"")).collect();
    let text = format!(
        r#"{{"environment":"t","epoch":"e","version":1,"flags":{{"f":{{"version":1,"doc":{{"rules":[{{"when":{{"segment":"s"}},"serve":"on"}}]}}}}}},"segments":{{"s":{{"version":1,"doc":{{"users":[{}]}}}}}}}}"#,
        ids.join(",")
    );
    let (client, bytes) = weighed(|| Client::from_json(&text, "t").expect("it is a ruleset"));
    drop(text);
    assert_eq!(client.peek_enabled("f", View::of("customer-000999999"), false), Some(true));
    println!("a segment of a million ids: {:.1} bytes an id", bytes / 1e6);
}

/// Checks on one thread and on two, and the slowest of them while all flags are replaced over and over.
fn threads(sent: &str) {
    let client = Client::from_json(sent, "development").expect("it is a ruleset");
    let names: Vec<String> = (0..1_000).map(|at| format!("f{at:05}")).collect();
    let users: Vec<String> = (0..1_024).map(|user| format!("user-{user}")).collect();
    let value: Value = serde_json::from_str(sent).expect("it is JSON");
    let run = |threads: usize, updates: bool| -> (f64, Duration, usize) {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let work = || {
                let (mut checks, mut slowest, mut at) = (0_u64, Duration::ZERO, 0);
                let begun = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    // A hundred at a time: looking at the clock costs as much as a check.
                    let before = Instant::now();
                    for _ in 0..100 {
                        at += 1;
                        black_box(client.peek_enabled(&names[at % 1_000], View::of(&users[at & 1_023]), false));
                    }
                    slowest = slowest.max(before.elapsed());
                    checks += 100;
                }
                (checks as f64 / begun.elapsed().as_secs_f64(), slowest)
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let mut replaced = 0;
            let end = Instant::now() + Duration::from_secs(1);
            while Instant::now() < end {
                if updates {
                    client.replace_document(&value).expect("it is a ruleset");
                    replaced += 1;
                } else {
                    std::thread::sleep(Duration::from_millis(10));
                }
            }
            stop.store(true, Ordering::Relaxed);
            let done: Vec<_> = workers.into_iter().map(|worker| worker.join().expect("it does not panic")).collect();
            let slowest = done.iter().map(|(_, slowest)| *slowest).max().unwrap_or_default();
            (done.iter().map(|(rate, _)| rate).sum(), slowest, replaced)
        })
    };
    let quiet = || (0..3).map(|_| run(1, false)).max_by(|a, b| a.0.total_cmp(&b.0)).expect("three runs");
    let (one, slowest_one, _) = quiet();
    let (two, ..) = (0..3).map(|_| run(2, false)).max_by(|a, b| a.0.total_cmp(&b.0)).expect("three runs");
    let (beside, slowest_beside, replaced) = run(1, true);
    println!("checks of 1 000 flags in turn: one thread {:.1} million a second, two {:.1}: {:.2} times", one / 1e6, two / 1e6, two / one);
    println!(
        "beside {replaced} replacements of all flags in a second: {:.1} million; the slowest hundred checks took {} µs, {} µs without",
        beside / 1e6,
        slowest_beside.as_micros(),
        slowest_one.as_micros()
    );
    // A floor for the ratio: what the machine gives two threads that share nothing.
    let snapshot = client.snapshot().expect("there is one");
    let alone = |threads: usize| -> f64 {
        std::thread::scope(|scope| {
            let work = || {
                let begun = Instant::now();
                for at in 0..2_000_000_usize {
                    _ = black_box(evaluate(&snapshot, &names[at % 1_000], View::of(&users[at & 1_023]), &|| 0).is_ok());
                }
                2e6 / begun.elapsed().as_secs_f64()
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            workers.into_iter().map(|worker| worker.join().expect("it does not panic")).sum()
        })
    };
    let best = |threads| (0..3).map(|_| alone(threads)).fold(0.0, f64::max);
    println!("the evaluator alone, which writes nothing: two threads {:.2} times", best(2) / best(1));
}

/// A ruleset as the service sends it: of so many flags, of these kinds in turn.
fn ruleset(count: usize, kinds: &[&str]) -> String {
    let flags = (0..count).map(|at| {
        let doc = match kinds[at % kinds.len()] {
            "on" => r#""enabled":true,"fallthrough":"on","rules":[],"targets":{}"#.to_owned(),
            "off" => r#""enabled":false,"fallthrough":"off","rules":[],"targets":{}"#.to_owned(),
            "targets" => {
                let ids: Vec<String> = (0..20).map(|id| format!("\"user-{:011x}\"", (at * 7 + id * 13) % 1_000 * 7_919)).collect();
                format!(r#""enabled":true,"fallthrough":"off","rules":[],"targets":{{"on":[{}]}}"#, ids.join(","))
            }
            "rollout" => r#""enabled":true,"fallthrough":"off","rules":[{"percentage":50}],"targets":{}"#.to_owned(),
            _ => r#""enabled":true,"fallthrough":"off","rules":[{"when":[{"attribute":"country","in":["US","DE","FR","GB","ES"]},{"attribute":"plan","equals":"pro"},{"attribute":"appVersion","version_at_least":"2.3.0"}],"percentage":25}],"targets":{}"#.to_owned(),
        };
        format!(r#""f{at:05}":{{"version":1,"doc":{{"type":"boolean",{doc}}}}}"#)
    });
    let flags: Vec<String> = flags.collect();
    format!(r#"{{"environment":"development","epoch":"bench","version":1,"flags":{{{}}},"segments":{{}}}}"#, flags.join(","))
}

/// What is made, and how many bytes it holds.
fn weighed<T>(make: impl FnOnce() -> T) -> (T, f64) {
    let before = LIVE.load(Ordering::Relaxed);
    let made = make();
    (made, LIVE.load(Ordering::Relaxed) as f64 - before as f64)
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

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Ordering::Relaxed);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: `memory` came from `System.alloc` above, with this layout; `size` is the caller's part of the contract.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
