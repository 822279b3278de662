//! Answers questions about flags on standard input, one JSON object a line: what the demo and the end-to-end tests ask every
//! language. `tests/harness/probe.py` and `probe.js` do the same.

use std::hint::black_box;
use std::io::{BufRead, Write};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use jackstaff::{Attributes, Client, Context, Options, Value, ValueType};
use serde_json::{Value as Json, json};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut client: Option<Client> = None;
    for line in std::io::stdin().lock().lines() {
        let question: Json = serde_json::from_str(&line?)?;
        let answer = answer(&mut client, &question).unwrap_or_else(|error| json!({ "error": error.to_string() }));
        println!("{answer}");
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn answer(slot: &mut Option<Client>, question: &Json) -> Result<Json, Box<dyn std::error::Error>> {
    let text = |name: &str| question[name].as_str().unwrap_or_default();
    if text("do") == "open" {
        let options: Value = serde_json::from_value(question["options"].clone())?;
        let Value::Map(entries) = &options else { return Err("options are a map".into()) };
        let client = Client::new(Options::from_pairs(entries.iter().map(|(name, value)| (&**name, value.clone())))?)?;
        let ready = client.block_on(client.ready(Duration::from_secs(10))).ok_or("no runtime")?;
        *slot = Some(client);
        return Ok(json!({ "ready": ready.is_ok() }));
    }
    let client = slot.as_ref().ok_or("open a client first")?;
    let context = context(question)?;
    let flag = text("flag");
    match text("do") {
        "evaluate" => {
            let wanted = ValueType::ALL.into_iter().find(|value_type| value_type.as_str() == text("type"));
            let default: Value = serde_json::from_value(question["default"].clone())?;
            let answer = client.block_on(client.evaluate(flag, context.view(), wanted, &default)).ok_or("no runtime")?;
            // What the question is asked with is what is timed: on or off for a boolean flag, the value for others.
            let ns = match wanted {
                Some(ValueType::Boolean) => time(|| {
                    black_box(client.peek_enabled(flag, context.view(), false));
                }),
                _ => time(|| drop(black_box(client.peek(flag, context.view(), wanted, &default)))),
            };
            Ok(json!({
                "value": serde_json::to_value(&answer.value)?, "enabled": answer.enabled, "variant": answer.variant.as_deref(),
                "reason": answer.reason.as_str(), "origin": answer.origin.as_str(), "version": answer.version, "ns": ns,
            }))
        }
        "batch" => {
            let flags: Vec<&str> = question["flags"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
            let answers =
                client.block_on(client.batch(&flags, context.view(), Some(ValueType::Boolean), &Value::Bool(false))).ok_or("no runtime")?;
            Ok(answers
                .iter()
                .map(|answer| (answer.flag.to_string(), json!(answer.value.as_bool())))
                .collect::<serde_json::Map<_, _>>()
                .into())
        }
        "watch" => {
            let wanted = question["until"].as_bool().unwrap_or(true);
            let deadline = Instant::now() + Duration::from_secs(20);
            while client.peek_enabled(flag, context.view(), !wanted) != Some(wanted) {
                if Instant::now() > deadline {
                    return Err("the change did not arrive".into());
                }
                std::thread::sleep(Duration::from_micros(200));
            }
            let at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1000.0;
            Ok(json!({ "at": at, "version": client.stats().version }))
        }
        "stats" => Ok(serde_json::to_value(client.stats().to_value())?),
        other => Err(format!("cannot do \"{other}\"").into()),
    }
}

fn context(question: &Json) -> Result<Context, Box<dyn std::error::Error>> {
    let context = question["user_id"].as_str().map_or_else(|| Ok(Context::anonymous()), Context::new)?;
    let attributes: Value = serde_json::from_value(question["attributes"].clone())?;
    Ok(match attributes {
        Value::Map(entries) => context.with_attributes(Attributes::new(entries.iter().cloned())?),
        _ => context,
    })
}

/// Nanoseconds a call, the best of five rounds.
fn time(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 20_000;
    let rounds = (0..5).map(|_| {
        let begun = Instant::now();
        (0..CALLS).for_each(|_| call());
        begun.elapsed().as_nanos() as f64 / f64::from(CALLS)
    });
    rounds.fold(f64::INFINITY, f64::min)
}
