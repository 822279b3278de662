//! What is told to OpenTelemetry, by names that are the same in every language: [`INSTRUMENTS`] over a client's [`Stats`], and the attributes of
//! the event `feature_flag.evaluation`.
//!
//! Here are words and numbers alone. Each language hands them to its own SDK: Python's and Node's do it in the package's `otel` module, Rust's in
//! `client::otel`. There is never a user id among them, so the conventions' `feature_flag.context.id` is left out.

use std::sync::Arc;

use super::Stats;
use crate::evaluation::{ErrorCode, Evaluation, Reason};
use crate::value::Value;

/// The attribute that says which environment a number or an event is about.
pub const ENVIRONMENT: &str = "feature_flag.set.id";
/// The name of the event that a check is, by the semantic conventions.
pub const EVENT: &str = "feature_flag.evaluation";

/// Something that is measured.
#[derive(Debug, PartialEq)]
pub struct Instrument {
    /// Its name.
    pub name: &'static str,
    /// Does it only grow (a counter), or go up and down (a gauge)?
    pub counts: bool,
    /// The unit, as UCUM has it.
    pub unit: &'static str,
    /// What it tells.
    pub description: &'static str,
    /// The attribute that tells its series apart; empty where there is one.
    pub attribute: &'static str,
    /// Where the number stands in [`Stats::to_value`]: names with dots between. One that begins with `feeds.` is a number of each feed.
    place: &'static str,
    /// For a state: the words for it, one series each, 1 for the one that is.
    words: &'static [&'static str],
}

const fn counter(name: &'static str, unit: &'static str, place: &'static str, description: &'static str) -> Instrument {
    Instrument { name, counts: true, unit, description, attribute: "", place, words: &[] }
}

const fn gauge(name: &'static str, unit: &'static str, place: &'static str, description: &'static str) -> Instrument {
    Instrument { counts: false, ..counter(name, unit, place, description) }
}

const fn state(name: &'static str, place: &'static str, words: &'static [&'static str], description: &'static str) -> Instrument {
    Instrument { attribute: name, words, ..gauge(name, "1", place, description) }
}

const fn feed(name: &'static str, unit: &'static str, place: &'static str, description: &'static str) -> Instrument {
    Instrument { attribute: "jackstaff.feed", ..counter(name, unit, place, description) }
}

const BREAKER: &[&str] = &["closed", "open", "half_open"];

/// All instruments.
pub const INSTRUMENTS: &[Instrument] = &[
    Instrument {
        attribute: "jackstaff.origin",
        ..counter("jackstaff.checks", "{check}", "by_origin", "Checks, by where the answer came from")
    },
    counter("jackstaff.changes", "{change}", "changes", "Changes of the flags that were applied"),
    Instrument {
        attribute: "jackstaff.within_ms",
        ..counter("jackstaff.changes.delay", "{change}", "applied_ms", "Changes, by the milliseconds that they took to arrive at most")
    },
    Instrument { attribute: "jackstaff.feed", ..gauge("jackstaff.feed.up", "1", "feeds.up", "1 for a feed that is joined, else 0") },
    feed("jackstaff.feed.joins", "{join}", "feeds.joins", "How often a feed was joined"),
    feed("jackstaff.feed.changes", "{change}", "feeds.changes", "Changes that a feed brought first"),
    feed("jackstaff.feed.duplicates", "{change}", "feeds.duplicates", "Changes that were known already"),
    feed("jackstaff.feed.gaps", "{gap}", "feeds.gaps", "How often changes were missing"),
    feed("jackstaff.feed.unreadable", "{message}", "feeds.unreadable", "Messages that nobody can read"),
    feed("jackstaff.feed.ignored", "{message}", "feeds.ignored", "Messages about nothing of ours"),
    counter("jackstaff.failures", "{failure}", "failures", "Trips to the config service that failed"),
    counter("jackstaff.retries", "{request}", "retries", "Requests to the config service that were sent again"),
    gauge("jackstaff.flags", "{flag}", "flags", "Flags in memory"),
    gauge("jackstaff.version", "{version}", "version", "The version of the flags in memory"),
    gauge("jackstaff.age", "s", "age", "How long ago the config service was last heard of; 0 while a stream is up"),
    gauge("jackstaff.listeners", "{listener}", "listeners", "Change listeners"),
    gauge("jackstaff.cache.entries", "{answer}", "cache_entries", "Answers of the service that are held in memory"),
    gauge("jackstaff.cache.size", "By", "cache_bytes", "About how many bytes they take"),
    state(
        "jackstaff.status",
        "status",
        &["not_ready", "ready", "stale", "closed"],
        "1 for the status that the client has, 0 for the others",
    ),
    state("jackstaff.breaker", "breaker", BREAKER, "1 for the state of the breaker on the way to the config service, 0 for the others"),
    state(
        "jackstaff.redis.breaker",
        "redis.breaker",
        BREAKER,
        "1 for the state of the breaker on the way to the shared cache, 0 for the others",
    ),
    counter("jackstaff.redis.misses", "{key}", "redis.misses", "Keys that held nothing of use"),
    counter("jackstaff.redis.errors", "{request}", "redis.errors", "Requests to the shared cache that failed or took too long"),
    counter("jackstaff.redis.corrupt", "{entry}", "redis.corrupt", "Entries of the shared cache that could not be read"),
    counter("jackstaff.redis.written", "{entry}", "redis.written", "Entries that were written to the shared cache"),
    counter("jackstaff.redis.unwritten", "{entry}", "redis.unwritten", "Entries that could not be written"),
    counter("jackstaff.redis.connects", "{connection}", "redis.connects", "Connections to the shared cache that were made"),
];

/// A number at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Measure {
    /// Which of [`INSTRUMENTS`] it is of.
    pub instrument: usize,
    /// The value of the instrument's attribute, if it has one.
    pub series: Option<Arc<str>>,
    /// An integer or a float.
    pub number: Value,
}

impl Stats {
    /// The numbers as measures. What a client does not have (a shared cache) has none.
    pub fn measures(&self) -> Vec<Measure> {
        let whole = self.to_value();
        let mut measures = Vec::with_capacity(40);
        for (instrument, about) in INSTRUMENTS.iter().enumerate() {
            if let (Some(name), Some(Value::Map(feeds))) = (about.place.strip_prefix("feeds."), whole.get("feeds")) {
                measures.extend(feeds.iter().filter_map(|(feed, numbers)| {
                    let number = match numbers.get(name)? {
                        Value::Bool(is_so) => Value::Int(i64::from(*is_so)),
                        number => number.clone(),
                    };
                    Some(Measure { instrument, series: Some(feed.clone()), number })
                }));
                continue;
            }
            match about.place.split('.').try_fold(&whole, |value, name| value.get(name)) {
                Some(Value::Map(parts)) => measures.extend(parts.iter().map(|(name, number)| Measure {
                    instrument,
                    series: Some(name.clone()),
                    number: number.clone(),
                })),
                Some(Value::Text(state)) => measures.extend(about.words.iter().map(|word| Measure {
                    instrument,
                    series: Some(Arc::from(*word)),
                    number: Value::Int(i64::from(**state == **word)),
                })),
                Some(number @ (Value::Int(_) | Value::Float(_))) => {
                    measures.push(Measure { instrument, series: None, number: number.clone() });
                }
                _ => {}
            }
        }
        measures
    }
}

impl Evaluation {
    /// The attributes of the event [`EVENT`] about this answer. The variant says which value it is; the value itself is told only where there is none, and never
    /// if it is text or more: that may be the caller's own default, and whose name that is nobody knows.
    pub fn event(&self, environment: &str) -> Vec<(&'static str, Value)> {
        let mut said = vec![
            ("feature_flag.key", Value::from(&*self.flag)),
            ("feature_flag.provider.name", Value::from("jackstaff")),
            (ENVIRONMENT, Value::from(environment)),
            ("feature_flag.result.reason", Value::from(reason(self.reason))),
        ];
        match (&self.variant, &self.value) {
            (Some(variant), _) => said.push(("feature_flag.result.variant", Value::from(&**variant))),
            (None, value @ (Value::Bool(_) | Value::Int(_) | Value::Float(_))) => said.push(("feature_flag.result.value", value.clone())),
            _ => {}
        }
        if self.version > 0 {
            said.push(("feature_flag.version", Value::from(self.version.to_string())));
        }
        if self.reason.is_default() {
            said.push(("error.type", Value::from(error_type(self.reason, self.error))));
        }
        said
    }
}

/// The conventions' word for a reason.
fn reason(reason: Reason) -> &'static str {
    match reason {
        Reason::UserTargeted | Reason::RuleMatched => "targeting_match",
        Reason::Rollout => "split",
        Reason::Fallthrough | Reason::PrerequisiteFailed => "default",
        Reason::Disabled => "disabled",
        Reason::FlagNotFound | Reason::TypeMismatch | Reason::NotReady | Reason::Error => "error",
    }
}

/// The conventions' word for what was wrong.
fn error_type(reason: Reason, error: Option<ErrorCode>) -> &'static str {
    match (reason, error) {
        (Reason::NotReady, _) => "provider_not_ready",
        (Reason::Error, Some(error)) => error.as_str(),
        (Reason::Error, None) => "general",
        (reason, _) => reason.as_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;

    #[test]
    fn every_number_of_the_stats_is_measured() {
        let client = Client::mock(&serde_json::from_str(r#"{"f":true}"#).unwrap()).unwrap();
        let stats = client.stats();
        let Value::Map(numbers) = stats.to_value() else { unreachable!() };
        let measured: Vec<&str> = INSTRUMENTS.iter().map(|about| about.place.split('.').next().unwrap()).collect();
        // The sum of what is measured by origin; and two words that are no numbers.
        let left_out = ["checks", "epoch", "last_error"];
        for (name, _) in numbers.iter().filter(|(name, _)| !left_out.contains(&&**name)) {
            assert!(measured.contains(&&**name), "{name} has no instrument");
        }
        let measures = stats.measures();
        assert!(measures.iter().all(|measure| measure.series.is_some() != INSTRUMENTS[measure.instrument].attribute.is_empty()));
        let ready = measures.iter().find(|measure| measure.series.as_deref() == Some("ready")).unwrap();
        assert_eq!(ready.number, Value::Int(1));
    }

    #[test]
    fn an_event_tells_no_text_but_names() {
        let view = crate::context::View::of("somebody");
        let client = Client::mock(&serde_json::from_str(r#"{"f":true,"theme":"dark"}"#).unwrap()).unwrap();
        let default = Value::from("the caller's own");
        let of = |flag, wanted| client.peek(flag, view, wanted, &default).unwrap().event("test");
        assert!(of("f", None).contains(&("feature_flag.result.variant", Value::from("on"))) || of("f", None).len() >= 5);
        let unknown = of("no_such", None);
        assert!(unknown.contains(&("error.type", Value::from("flag_not_found"))));
        assert!(unknown.contains(&("feature_flag.result.reason", Value::from("error"))));
        for said in [of("theme", None), unknown, of("theme", Some(crate::ir::ValueType::Boolean))] {
            assert!(said.iter().all(|(_, value)| *value != default && *value != Value::from("somebody")), "{said:?}");
        }
    }
}
