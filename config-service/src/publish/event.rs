//! A move of an environment as the events that Kafka and Redis carry.
//!
//! Names of flags and versions, and nothing else: no rules, no segments' members, no people. Whoever reads the topic need not be
//! somebody who may read targeting.

use std::sync::Arc;

use jackstaff::wire::FlagEvent;

use crate::clock::to_rfc3339;
use crate::store::Unsent;

/// More names than this are not listed in each record: a record of a version that touches thousands stays small.
const MAX_LISTED: usize = 20;
/// More names than this are not listed in a Redis message; its readers take it for "any flag".
const MAX_NAMED: usize = 500;

/// The records of the Kafka topic for a move, in their order: one per flag, and one without a flag if only segments moved, so that every
/// version is there and readers see no gap.
pub fn records(unsent: &Unsent) -> Vec<FlagEvent> {
    let touched = &unsent.change.touched;
    let listed = if touched.flags.len() <= MAX_LISTED { touched.flags.clone() } else { Vec::new() };
    let parts = touched.flags.len().max(1) as u32;
    let record = |part: u32, flag_name: Arc<str>, kind: &str| FlagEvent {
        flag_name,
        kind: Some(kind.into()),
        part,
        parts,
        affected_flags: listed.clone(),
        event_id: Some(format!("{}-{}-{part}", unsent.change.epoch, unsent.change.version).into()),
        ..of(unsent)
    };
    if touched.flags.is_empty() {
        return vec![record(0, "".into(), "segment.updated")];
    }
    let kind = |flag| match () {
        () if touched.created.contains(flag) => "flag.created",
        () if touched.gone.contains(flag) => "flag.archived",
        () => "flag.updated",
    };
    (0..).zip(&touched.flags).map(|(part, flag)| record(part, flag.clone(), kind(flag))).collect()
}

/// The one message of the Redis channel for a move.
pub fn message(unsent: &Unsent) -> FlagEvent {
    let touched = &unsent.change.touched;
    let all = records(unsent);
    let only = if touched.flags.len() == 1 { all.into_iter().next() } else { None };
    FlagEvent {
        flag_name: only.as_ref().map_or_else(|| "".into(), |only| only.flag_name.clone()),
        kind: Some(only.and_then(|only| only.kind).unwrap_or_else(|| "flag.updated".into())),
        parts: 1,
        affected_flags: if touched.flags.len() <= MAX_NAMED { touched.flags.clone() } else { Vec::new() },
        event_id: Some(format!("{}-{}", unsent.change.epoch, unsent.change.version).into()),
        ..of(unsent)
    }
}

fn of(unsent: &Unsent) -> FlagEvent {
    let change = &unsent.change;
    FlagEvent {
        environment: change.environment.clone(),
        schema: Some(1),
        epoch: Some(change.epoch.clone()),
        version: Some(change.version),
        prev_version: Some(change.version.saturating_sub(1)),
        occurred_at: Some(to_rfc3339(unsent.at).into()),
        ..FlagEvent::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Move, Touched};

    fn unsent(flags: &[&str], created: &[&str], gone: &[&str]) -> Unsent {
        let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        let touched = Touched { flags: names(flags), created: names(created), gone: names(gone), ..Touched::default() };
        Unsent { at: 1_795_330_800_123, change: Move { environment: "production".into(), epoch: "e".into(), version: 7, touched } }
    }

    #[test]
    fn a_record_per_flag_and_never_a_version_without_one() {
        let records = records(&unsent(&["a", "b", "c"], &["b"], &["c"]));
        let kinds: Vec<_> = records.iter().map(|record| (&*record.flag_name, record.kind.as_deref().unwrap(), record.part)).collect();
        assert_eq!(kinds, [("a", "flag.updated", 0), ("b", "flag.created", 1), ("c", "flag.archived", 2)]);
        assert_eq!(
            serde_json::to_string(&records[1]).unwrap(),
            r#"{"flag_name":"b","environment":"production","schema":1,"type":"flag.created","epoch":"e","version":7,"prev_version":6,"part":1,"parts":3,"affected_flags":["a","b","c"],"event_id":"e-7-1","occurred_at":"2026-11-22T07:00:00.123Z"}"#
        );
        let segment = super::records(&unsent(&[], &[], &[]));
        assert_eq!((segment.len(), segment[0].kind.as_deref(), segment[0].parts), (1, Some("segment.updated"), 1));
    }

    #[test]
    fn many_flags_make_many_small_records_and_one_bounded_message() {
        let names: Vec<String> = (0..1_000).map(|at| format!("flag-{at:03}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let many = unsent(&names, &[], &[]);
        let records = records(&many);
        assert_eq!(records.len(), 1_000);
        assert!(records.iter().all(|record| serde_json::to_string(record).unwrap().len() < 1_024));
        assert!(message(&many).affected_flags.is_empty());
        let one = message(&unsent(&["a"], &["a"], &[]));
        assert_eq!((&*one.flag_name, one.kind.as_deref(), one.affected_flags.len()), ("a", Some("flag.created"), 1));
        assert_eq!(message(&unsent(&["a", "b"], &[], &[])).affected_flags.len(), 2);
    }
}
