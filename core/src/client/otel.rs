//! A client's numbers and answers for the OpenTelemetry SDK of a Rust service.
//!
//! ```
//! use jackstaff::client::{Client, otel};
//! use opentelemetry::global;
//!
//! let client = Client::mock(&serde_json::from_str(r#"{"new_ui": true}"#)?)?;
//! otel::observe(&client, &global::meter("my-service"));    // metrics; costs a check nothing
//! let found = client.peek("new_ui", jackstaff::View::of("user123"), None, &jackstaff::Value::Null);
//! found.iter().for_each(|found| otel::tell(&client, found)); // opt-in: an event of the span around it
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Log lines are `tracing` events of the target `jackstaff`; the crate `opentelemetry-appender-tracing` carries them on.

use std::sync::{Arc, Weak};

use opentelemetry::metrics::{AsyncInstrument, Meter};
use opentelemetry::trace::get_active_span;
use opentelemetry::{KeyValue, StringValue};

use super::telemetry::{ENVIRONMENT, EVENT, INSTRUMENTS};
use super::{Client, Inner};
use crate::evaluation::Evaluation;
use crate::value::Value;

/// Shows what the client counts as metrics of `meter`, for as long as the client lives: see [`INSTRUMENTS`] for the names. The numbers are read when somebody
/// collects. One client for each environment and meter: the numbers of a second would be taken for corrections of the first's.
pub fn observe(client: &Client, meter: &Meter) {
    for (at, about) in INSTRUMENTS.iter().enumerate() {
        let client = Arc::downgrade(&client.inner);
        if about.counts {
            let counter = meter.u64_observable_counter(about.name).with_unit(about.unit).with_description(about.description);
            counter
                .with_callback(move |observer| look(&client, at, observer, |number| number.as_i64().unwrap_or(0).unsigned_abs()))
                .build();
        } else {
            let gauge = meter.f64_observable_gauge(about.name).with_unit(about.unit).with_description(about.description);
            gauge.with_callback(move |observer| look(&client, at, observer, |number| number.as_f64().unwrap_or(0.0))).build();
        }
    }
}

fn look<T>(client: &Weak<Inner>, instrument: usize, observer: &dyn AsyncInstrument<T>, number: impl Fn(&Value) -> T) {
    let Some(inner) = client.upgrade() else { return };
    let client = Client { inner };
    let environment = KeyValue::new(ENVIRONMENT, client.options().environment.to_string());
    for measure in client.stats().measures().into_iter().filter(|measure| measure.instrument == instrument) {
        let series = measure.series.map(|series| KeyValue::new(INSTRUMENTS[instrument].attribute, series.to_string()));
        let attributes: Vec<KeyValue> = series.into_iter().chain([environment.clone()]).collect();
        observer.observe(number(&measure.number), &attributes);
    }
}

/// Writes an answer as an event `feature_flag.evaluation` of the span that is active in this thread, by the semantic conventions; nothing
/// where none is recorded. Never a user id.
pub fn tell(client: &Client, found: &Evaluation) {
    get_active_span(|span| {
        if span.is_recording() {
            let said = found.event(&client.options().environment);
            span.add_event(EVENT, said.into_iter().map(|(name, value)| KeyValue::new(name, attribute(value))).collect());
        }
    });
}

fn attribute(value: Value) -> opentelemetry::Value {
    match value {
        Value::Bool(bool) => bool.into(),
        Value::Int(int) => int.into(),
        Value::Float(float) => float.into(),
        Value::Text(text) => StringValue::from(text).into(),
        other => other.to_json().into(),
    }
}
