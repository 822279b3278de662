//! The fill race: an answer that was evaluated before a change must not be served after it, however the threads interleave.

use std::sync::Arc;
use std::time::{Duration, Instant};

use jackstaff::change::Change;
use jackstaff::context::View;
use jackstaff::evaluation::{Evaluation, Reason};
use jackstaff::value::Value;
use jackstaff_races::cache::key::Key;
use jackstaff_races::cache::known::{Fill, Known};
use jackstaff_races::cache::memory::{Held, Lives, Memory};
use shuttle::sync::atomic::{AtomicU64, Ordering};
use shuttle::thread;

const ORDERS: usize = 5_000;

fn answer(version: u64) -> Option<Evaluation> {
    Some(Evaluation { epoch: "e".into(), version, ..Evaluation::default("f", Value::Bool(version.is_multiple_of(2)), Reason::Fallthrough) })
}

fn memory() -> Memory {
    let memory = Memory::new(100, 1 << 20, Lives::new(None, Duration::from_secs(300), Duration::from_secs(60)));
    put(&memory, 1);
    memory
}

fn key() -> Key {
    Key::new("f", View::of("u"))
}

fn put(memory: &Memory, version: u64) -> Fill {
    let (ticket, now) = (memory.read(Known::ticket), Instant::now());
    memory.put(key(), &"f".into(), Held::new(answer(version), now, now, &ticket), &ticket)
}

fn change(version: u64) -> Change {
    Change { environment: "test".into(), epoch: "e".into(), version, previous: Some(version - 1), flags: vec!["f".into()] }
}

fn get(memory: &Memory) -> Option<u64> {
    let hit = memory.get(key(), "f", Instant::now())?;
    hit.held.answer.as_ref().map(|answer| answer.version)
}

/// A store, two threads that fetch from it and fill, one that writes and tells the memory, and one that reads twice.
fn race() {
    let (memory, store, told) = (Arc::new(memory()), Arc::new(AtomicU64::new(1)), Arc::new(AtomicU64::new(1)));
    let mut threads = Vec::new();
    for _ in 0..2 {
        let (memory, store) = (memory.clone(), store.clone());
        threads.push(thread::spawn(move || {
            let version = store.load(Ordering::SeqCst); // the service evaluates
            thread::yield_now(); // the answer is under way
            put(&memory, version);
        }));
    }
    threads.push(thread::spawn({
        let (memory, told) = (memory.clone(), told.clone());
        move || {
            for version in 2..=3 {
                store.store(version, Ordering::SeqCst);
                memory.change(&change(version), 0);
                told.store(version, Ordering::SeqCst);
            }
        }
    }));
    threads.push(thread::spawn(move || {
        let mut last = 0;
        for _ in 0..3 {
            let processed = told.load(Ordering::SeqCst);
            if let Some(version) = get(&memory) {
                assert!(version >= processed, "G1: version {version} was served after version {processed} had been processed");
                assert!(version >= last, "G2: version {version} was served after version {last}");
                last = version;
            }
        }
    }));
    threads.into_iter().for_each(|thread| thread.join().expect("a thread of the race broke a promise"));
}

#[test]
fn guide_flaw_23_no_order_of_threads_serves_what_a_change_made_old() {
    shuttle::check_random(race, ORDERS);
    shuttle::check_pct(race, ORDERS, 3);
}

#[test]
fn the_race_is_there_to_be_lost() {
    // The same without the test at insertion: a map under a lock, as the guide's client has it in Redis. Were no order found that breaks
    // it, the test above would show nothing.
    let lost = std::panic::catch_unwind(|| {
        shuttle::check_random(
            || {
                let (held, store) = (Arc::new(shuttle::sync::RwLock::new(Some(1_u64))), Arc::new(AtomicU64::new(1)));
                let filler = thread::spawn({
                    let (held, store) = (held.clone(), store.clone());
                    move || {
                        let version = store.load(Ordering::SeqCst);
                        thread::yield_now();
                        *held.write().unwrap() = Some(version);
                    }
                });
                store.store(2, Ordering::SeqCst);
                *held.write().unwrap() = None; // the event: DEL
                filler.join().unwrap();
                assert!(held.read().unwrap().is_none_or(|version| version == 2), "the old answer is back");
            },
            ORDERS,
        );
    });
    assert!(lost.is_err(), "{ORDERS} orders, and none in which an answer under way came after the delete");
}
