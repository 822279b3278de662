//! OpenTelemetry with its real SDK: what a client counts, what spans are told, and what nobody is ever told.

#![allow(clippy::unwrap_used)] // clippy knows test functions, not the helpers beside them

use jackstaff::client::{Client, otel};
use jackstaff::{Value, View};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry::trace::{Tracer as _, TracerProvider as _};
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, MetricData};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider};

const SECRET: &str = "a-secret-user";

fn client() -> Client {
    Client::mock(&serde_json::from_str(r#"{"new_ui":true,"theme":"dark"}"#).unwrap()).unwrap()
}

/// Every point there is: name, attributes and value in words.
fn points(exporter: &InMemoryMetricExporter, provider: &SdkMeterProvider) -> Vec<String> {
    exporter.reset();
    provider.force_flush().unwrap();
    let mut found = Vec::new();
    for metric in exporter.get_finished_metrics().unwrap().iter().flat_map(|all| all.scope_metrics()).flat_map(|scope| scope.metrics()) {
        let mut take = |attributes: Vec<String>, value: f64| found.push(format!("{} {} {value}", metric.name(), attributes.join(" ")));
        let words = |attributes: &mut dyn Iterator<Item = &opentelemetry::KeyValue>| {
            let mut words: Vec<String> = attributes.map(|pair| pair.value.to_string()).collect();
            words.sort();
            words
        };
        match metric.data() {
            AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                sum.data_points().for_each(|point| take(words(&mut point.attributes()), point.value() as f64));
            }
            AggregatedMetrics::F64(MetricData::Gauge(gauge)) => {
                gauge.data_points().for_each(|point| take(words(&mut point.attributes()), point.value()));
            }
            other => panic!("{}: {other:?}", metric.name()),
        }
    }
    found
}

#[test]
fn what_a_client_counts_is_shown_as_metrics() {
    let exporter = InMemoryMetricExporter::default();
    let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
    let client = client();
    otel::observe(&client, &provider.meter("a service"));
    for _ in 0..3 {
        assert_eq!(client.peek_enabled("new_ui", View::of(SECRET), false), Some(true));
    }
    client.peek_enabled("no_such", View::of(SECRET), false);
    let found = points(&exporter, &provider);
    for expected in [
        "jackstaff.checks local test 3",
        "jackstaff.checks default test 1",
        "jackstaff.flags test 2",
        "jackstaff.status ready test 1",
        "jackstaff.status stale test 0",
        "jackstaff.breaker closed test 1",
    ] {
        assert!(found.iter().any(|point| point == expected), "{expected} is not in {found:#?}");
    }
    assert!(found.iter().all(|point| !point.contains(SECRET)));
    client.peek_enabled("new_ui", View::of(SECRET), false);
    assert!(points(&exporter, &provider).iter().any(|point| point == "jackstaff.checks local test 4"));
    drop(client);
    assert_eq!(points(&exporter, &provider), Vec::<String>::new(), "a client that is gone is not kept");
}

#[test]
fn guide_flaw_54_answers_are_events_of_the_active_span_without_user_ids() {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(exporter.clone()).build();
    let client = client();
    provider.tracer("a service").in_span("request", |_| {
        for flag in ["new_ui", "theme", "no_such"] {
            otel::tell(&client, &client.peek(flag, View::of(SECRET), None, &Value::from(SECRET)).unwrap());
        }
    });
    otel::tell(&client, &client.peek("new_ui", View::of(SECRET), None, &Value::Null).unwrap()); // no span: nothing
    let spans = exporter.get_finished_spans().unwrap();
    let events = &spans[0].events.events;
    assert_eq!((spans.len(), events.len()), (1, 3));
    assert!(events.iter().all(|event| event.name == "feature_flag.evaluation"));
    let said = format!("{events:?}");
    assert!(said.contains("flag_not_found") && said.contains("feature_flag.result.variant") && !said.contains(SECRET), "{said}");
}
