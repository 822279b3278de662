//! Many clients in one process, who follow one flag that only ever counts up: what the tests and benches of several services ask.
//! One JSON object a line on standard input, one answer a line.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jackstaff::context::View;
use jackstaff::{Client, Options, Value, ValueType};
use serde_json::{Value as Json, json};

/// One client and what was seen of it.
struct Follower {
    client: Client,
    value: AtomicI64,
    version: AtomicU64,
    went_back: AtomicU64,
}

/// When each version was applied, in milliseconds since 1970, once per client.
type Times = Arc<Mutex<BTreeMap<u64, Vec<f64>>>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut followers: Vec<Arc<Follower>> = Vec::new();
    let times = Times::default();
    let stop = Arc::new(AtomicBool::new(false));
    for line in std::io::stdin().lock().lines() {
        let question: Json = serde_json::from_str(&line?)?;
        let answer = match question["do"].as_str() {
            Some("open") => open(&question, &mut followers, &times, &stop).unwrap_or_else(|error| json!({ "error": error.to_string() })),
            Some("report") => report(&followers, &times, question["times"].as_bool() == Some(true)),
            _ => json!({"error": "open or report"}),
        };
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    stop.store(true, Ordering::Relaxed);
    Ok(())
}

/// Opens `count` clients, spread over `urls`, and begins to watch them.
fn open(
    question: &Json,
    followers: &mut Vec<Arc<Follower>>,
    times: &Times,
    stop: &Arc<AtomicBool>,
) -> Result<Json, Box<dyn std::error::Error>> {
    let urls: Vec<&str> = question["urls"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
    let environment = question["environment"].as_str().unwrap_or("production");
    let flag = question["flag"].as_str().unwrap_or("counter").to_owned();
    for at in 0..question["count"].as_u64().unwrap_or(1) as usize {
        let url = urls.get(at % urls.len().max(1)).ok_or("no urls")?;
        let client = Client::new(Options::new(url, environment))?;
        let heard = times.clone();
        client.on_change(move |change| {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64() * 1e3);
            heard.lock().unwrap_or_else(PoisonError::into_inner).entry(change.version).or_default().push(now);
        })?;
        let follower = Follower { client, value: AtomicI64::new(0), version: AtomicU64::new(0), went_back: AtomicU64::new(0) };
        followers.push(Arc::new(follower));
    }
    let mut ready = 0;
    for follower in followers.iter() {
        let client = &follower.client;
        ready += usize::from(client.block_on(client.ready(Duration::from_secs(30))).ok_or("no runtime")?.is_ok());
    }
    let (watched, stop) = (followers.clone(), stop.clone());
    std::thread::spawn(move || {
        while !stop.load(Ordering::Relaxed) {
            watched.iter().for_each(|follower| look(follower, &flag));
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    Ok(json!({ "ready": ready }))
}

/// Asks a client for the flag, and notes if its value or version is lower than before.
fn look(follower: &Follower, flag: &str) {
    let Some(answer) = follower.client.peek(flag, View::of("user"), Some(ValueType::Integer), &Value::Int(-1)) else { return };
    let Some(value) = answer.value.as_i64() else { return };
    let version = answer.version;
    let (last, before) = (follower.value.swap(value, Ordering::Relaxed), follower.version.swap(version, Ordering::Relaxed));
    if value < last || version < before {
        follower.went_back.fetch_add(1, Ordering::Relaxed);
    }
}

fn report(followers: &[Arc<Follower>], times: &Times, with_times: bool) -> Json {
    let one = |follower: &Arc<Follower>| {
        let stats = follower.client.stats();
        json!({
            "version": stats.version, "value": follower.value.load(Ordering::Relaxed), "went_back": follower.went_back.load(Ordering::Relaxed),
            "changes": stats.changes, "failures": stats.failures, "status": stats.status.as_str(),
        })
    };
    let times = times.lock().unwrap_or_else(PoisonError::into_inner);
    let times = if with_times { json!(*times) } else { Json::Null };
    json!({ "clients": followers.iter().map(one).collect::<Vec<_>>(), "times": times })
}
