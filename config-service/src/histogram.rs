//! How long something took, in buckets: constant memory, one atomic addition a measurement.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};

/// The upper ends of the buckets, in milliseconds.
const ENDS: [u64; 14] = [1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

/// Durations since the start.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; ENDS.len() + 1],
    milliseconds: AtomicU64,
}

impl Histogram {
    /// Something took this many milliseconds. Less than none, which clocks of two machines can make of it, is none.
    pub fn observe(&self, milliseconds: i64) {
        let took = u64::try_from(milliseconds).unwrap_or(0);
        self.milliseconds.fetch_add(took, Ordering::Relaxed);
        if let Some(bucket) = self.buckets.get(ENDS.partition_point(|end| *end < took)) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Writes it in Prometheus' text format.
    pub fn render(&self, text: &mut String, name: &str, help: &str) {
        let mut say = |line: std::fmt::Arguments<'_>| {
            let _ = writeln!(text, "{line}"); // writing to a String cannot fail
        };
        say(format_args!("# HELP {name} {help}\n# TYPE {name} histogram"));
        let mut count = 0;
        for (at, bucket) in self.buckets.iter().enumerate() {
            count += bucket.load(Ordering::Relaxed);
            match ENDS.get(at) {
                Some(end) => say(format_args!("{name}_bucket{{le=\"{}\"}} {count}", *end as f64 / 1e3)),
                None => say(format_args!("{name}_bucket{{le=\"+Inf\"}} {count}")),
            }
        }
        say(format_args!("{name}_sum {}", self.milliseconds.load(Ordering::Relaxed) as f64 / 1e3));
        say(format_args!("{name}_count {count}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_hold_what_is_not_longer_than_their_end() {
        let histogram = Histogram::default();
        [-5, 1, 2, 250, 251, 99_999].into_iter().for_each(|took| histogram.observe(took));
        let mut text = String::new();
        histogram.render(&mut text, "x_seconds", "Help.");
        for line in [
            "le=\"0.001\"} 2",
            "le=\"0.25\"} 4",
            "le=\"0.5\"} 5",
            "le=\"30\"} 5",
            "le=\"+Inf\"} 6",
            "x_seconds_sum 100.503",
            "x_seconds_count 6",
        ] {
            assert!(text.contains(line), "{line} in {text}");
        }
    }
}
