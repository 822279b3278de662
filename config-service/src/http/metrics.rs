//! Figures for Prometheus: a few counters of our own, since a metrics crate with its exporter would be larger than the rest of this folder.
//!
//! Labels are bounded: routes, methods that we know, statuses, reasons, environments. Never a flag or a user.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::Method;
use jackstaff::evaluation::Reason;

/// Method and status.
type Kind = (&'static str, u16);

#[derive(Default)]
struct Sum {
    count: u64,
    seconds: f64,
}

/// Counters since the start.
#[derive(Default)]
pub struct Metrics {
    evaluations: [AtomicU64; Reason::ALL.len()],
    /// By route.
    requests: Mutex<BTreeMap<Arc<str>, BTreeMap<Kind, Sum>>>,
}

impl Metrics {
    /// A flag was evaluated.
    pub fn evaluation(&self, reason: Reason) {
        let at = Reason::ALL.iter().position(|other| *other == reason);
        if let Some(counter) = at.and_then(|at| self.evaluations.get(at)) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A request was answered. `route` is a pattern of ours, never a path.
    pub fn request(&self, method: &Method, route: &str, status: u16, elapsed: Duration) {
        let method = match method.as_str() {
            "GET" => "GET",
            "POST" => "POST",
            "PUT" => "PUT",
            "PATCH" => "PATCH",
            "DELETE" => "DELETE",
            _ => "other",
        };
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let of_route = match requests.get_mut(route) {
            Some(of_route) => of_route,
            None => requests.entry(route.into()).or_default(),
        };
        let sum = of_route.entry((method, status)).or_default();
        sum.count += 1;
        sum.seconds += elapsed.as_secs_f64();
    }

    /// All figures as text.
    pub fn render(&self, versions: &BTreeMap<&str, u64>, streams: usize) -> String {
        let mut text = String::new();
        let mut say = |line: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{line}"); // writing to a String cannot fail
        };
        say(format_args!("# HELP jackstaff_evaluations_total Flags evaluated, by reason.\n# TYPE jackstaff_evaluations_total counter"));
        for (reason, count) in Reason::ALL.iter().zip(&self.evaluations) {
            say(format_args!("jackstaff_evaluations_total{{reason=\"{}\"}} {}", reason.as_str(), count.load(Ordering::Relaxed)));
        }
        say(format_args!(
            "# HELP jackstaff_http_request_seconds Time from a request's head to its answer's head.\n# TYPE jackstaff_http_request_seconds summary"
        ));
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        for (route, (method, status), sum) in
            requests.iter().flat_map(|(route, kinds)| kinds.iter().map(move |(kind, sum)| (route, kind, sum)))
        {
            let labels = format!("method=\"{method}\",route=\"{route}\",status=\"{status}\"");
            say(format_args!("jackstaff_http_request_seconds_count{{{labels}}} {}", sum.count));
            say(format_args!("jackstaff_http_request_seconds_sum{{{labels}}} {:.6}", sum.seconds));
        }
        say(format_args!("# HELP jackstaff_streams Streams open now.\n# TYPE jackstaff_streams gauge\njackstaff_streams {streams}"));
        say(format_args!(
            "# HELP jackstaff_environment_version The version that an environment is at.\n# TYPE jackstaff_environment_version gauge"
        ));
        for (environment, version) in versions {
            say(format_args!("jackstaff_environment_version{{environment=\"{environment}\"}} {version}"));
        }
        text
    }
}
