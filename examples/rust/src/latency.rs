//! How long a check takes in each layer, with real servers: `latency jackstaff|jackstaff-remote URL REDIS_URL SECONDS`, as
//! `benches/guide/python_client.py` and `node_client.cjs` measure it; `benches/guide/run.py` runs all of them and says what they mean.

use std::time::{Duration, Instant};

use jackstaff::client::Evaluate;
use jackstaff::{Client, Options, Value, ValueType, View};
use serde_json::{Map, Value as Json, json};

const BLOCKS: usize = 7;
const MOST_TIMED: usize = 20_000;
const SHARED: usize = 3_000;
const KEPT: usize = 10_000;

fn resident_bytes() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.and_then(|line| line.split(' ').nth(1).and_then(|pages| pages.parse::<f64>().ok()));
    resident.unwrap_or(0.0) * 4096.0
}

/// The quantiles of calls that are timed each by itself, and their mean.
fn one_by_one(numbers: std::ops::Range<usize>, call: impl Fn(usize) -> bool) -> Result<(Map<String, Json>, f64), String> {
    let mut each = Vec::with_capacity(numbers.len());
    for at in numbers {
        let begun = Instant::now();
        let is_on = call(at);
        each.push(begun.elapsed().as_nanos() as f64);
        if !is_on {
            return Err("a flag that is on for all was answered off".to_owned());
        }
    }
    each.sort_by(f64::total_cmp);
    let quantiles = [("p50_ns", 0.5), ("p99_ns", 0.99), ("p999_ns", 0.999)];
    let at = |share: f64| each.get(((each.len() as f64 * share) as usize).min(each.len().saturating_sub(1))).copied();
    let mean = each.iter().sum::<f64>() / each.len() as f64;
    Ok((quantiles.iter().map(|&(name, share)| (name.to_owned(), json!(at(share)))).collect(), mean))
}

/// The median and the least of several blocks, and the quantiles of calls timed one by one.
fn timed(seconds: f64, call: impl Fn(usize) -> bool) -> Result<Json, String> {
    let begun = Instant::now();
    let mut at = 10;
    for number in 0..at {
        call(number);
    }
    let each = (begun.elapsed().as_secs_f64() / 10.0).max(1e-7);
    let count = ((seconds / BLOCKS as f64 / each) as usize).max(5);
    let mut walls = Vec::new();
    for _ in 0..BLOCKS {
        let begun = Instant::now();
        for number in at..at + count {
            if !call(number) {
                return Err("a flag that is on for all was answered off".to_owned());
            }
        }
        at += count;
        walls.push(begun.elapsed().as_nanos() as f64 / count as f64);
    }
    walls.sort_by(f64::total_cmp);
    let (mut found, _) = one_by_one(at..at + (count * BLOCKS).min(MOST_TIMED), call)?;
    found.insert("median_ns".to_owned(), json!(walls[BLOCKS / 2]));
    found.insert("min_ns".to_owned(), json!(walls[0]));
    Ok(Json::Object(found))
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let [kind, url, redis_url, seconds] = given.as_slice() else { return Err("latency KIND URL REDIS_URL SECONDS".into()) };
    let seconds: f64 = seconds.parse()?;
    let is_remote = kind == "jackstaff-remote";
    let made = || {
        let mut options = Options::new(url, "production");
        options.redis_url = Some(redis_url.as_str().into());
        options.evaluation = if is_remote { Evaluate::Remote } else { Evaluate::Local };
        let client = Client::new(options)?;
        client.block_on(client.ready(Duration::from_secs(20))).ok_or("the client has no runtime")??;
        Ok::<_, Box<dyn std::error::Error>>(client)
    };
    let client = made()?;
    let check = |client: &Client, user: &str| match client.peek_enabled("on", View::of(user), false) {
        Some(is_on) => is_on,
        None => client.block_on(client.is_enabled("on", View::of(user), false)) == Some(true),
    };
    let users: Vec<String> = (0..500).map(|number| format!("user-{number:011}")).collect();
    let names: Vec<String> = (0..50).map(|number| format!("b{number:05}")).collect();
    let flags: Vec<&str> = names.iter().map(String::as_str).collect();
    let fifty = |_: usize| {
        let (off, boolean) = (Value::Bool(false), Some(ValueType::Boolean));
        let found = client
            .peek_batch(&flags, View::of(&users[0]), boolean, &off)
            .or_else(|| client.block_on(client.batch(&flags, View::of(&users[0]), boolean, &off)));
        found.is_some_and(|found| found.len() == 50 && found.iter().all(|each| each.value == Value::Bool(true)))
    };
    for user in &users {
        check(&client, user);
    }
    fifty(0);
    let run = std::process::id();
    let mut results = Map::new();
    results.insert("hit".to_owned(), timed(seconds, |at| check(&client, &users[at % users.len()]))?);
    results.insert("batch".to_owned(), timed(seconds, fifty)?);
    results.insert("miss".to_owned(), timed(seconds, |at| check(&client, &format!("new-{run}-{at}")))?);
    if is_remote {
        for number in 0..SHARED {
            check(&client, &format!("shared-{number}"));
        }
        std::thread::sleep(Duration::from_millis(500)); // the last are still being written
        let other = made()?;
        check(&other, "shared-0");
        let (mut found, mean) = one_by_one(1..SHARED, |at| check(&other, &format!("shared-{at}")))?;
        found.insert("min_ns".to_owned(), json!(mean));
        results.insert("shared".to_owned(), Json::Object(found));
        let before = resident_bytes();
        for number in 0..KEPT {
            check(&client, &format!("kept-{number:011}"));
        }
        results.insert("memory".to_owned(), json!({ "bytes_an_answer": (resident_bytes() - before) / KEPT as f64 }));
    }
    println!("{}", json!({ "lang": "rust", "peer": kind, "results": results }));
    Ok(())
}
