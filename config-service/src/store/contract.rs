//! What every [`FlagStore`] must do. An implementation calls [`check_all`] with a way to make a fresh store and open it twice,
//! as two processes do.

use std::sync::Arc;

use super::{
    AuditQuery, Commit, FlagStore, KeyRecord, Move, Note, OUTBOX_KEEP, PartWrite, RECENT_COMMITS, RECENT_PARTS, Section, Standing,
    StoreError, Stored, Touched, backup,
};

/// The environment that a fresh store of these tests has, and its epoch.
pub const FRESH: (&str, &str) = ("production", "e1");

/// Runs all checks, each on a store of its own.
pub fn check_all<S: FlagStore>(fresh: impl Fn() -> (S, S)) {
    a_fresh_store_is_empty(&fresh().0);
    a_commit_is_kept_whole(&fresh().0);
    a_late_writer_is_told(&fresh().0);
    a_refused_commit_leaves_no_trace(&fresh().0);
    environments_come_and_go(&fresh().0);
    the_outbox_is_bounded(&fresh().0);
    relays_read_on_where_they_were(&fresh().0);
    what_is_not_sent_yet_is_kept(&fresh().0);
    one_process_leads(&fresh().0);
    the_audit_log_is_read_newest_first(&fresh().0);
    keys_are_kept_and_revoked(&fresh().0);
    let (one, other) = fresh();
    two_processes_see_each_other(&one, &other);
    let (one, other) = fresh();
    what_others_wrote_is_told_apart(&one, &other);
    let (one, other) = fresh();
    of_many_who_write_at_once_one_wins(&one, &other);
    let (from, to) = (fresh().0, fresh().0);
    a_backup_brings_everything(&from, &to);
}

fn write(name: &str, seen: u64, doc: &str) -> PartWrite {
    PartWrite { part: (Section::Flag, name.into()), seen, doc: doc.into(), archived: false }
}

fn advance(version: u64, flags: &[&str]) -> Move {
    let touched = Touched { flags: flags.iter().map(|name| (*name).into()).collect(), ..Touched::default() };
    Move { environment: FRESH.0.into(), epoch: FRESH.1.into(), version, touched }
}

fn commit(at: i64, parts: Vec<PartWrite>, moves: Vec<Move>) -> Commit {
    let note = Note { at, actor: "key/abc".into(), action: "replace", target: "flag/a".into(), comment: Some("why".into()) };
    Commit { note, parts, moves, before: r#"{"flags":{},"segments":{}}"#.into(), after: "{}".into(), ..Commit::default() }
}

fn is_stale<T>(result: Result<T, StoreError>) -> bool {
    matches!(result, Err(StoreError::Stale))
}

fn a_fresh_store_is_empty(store: &dyn FlagStore) {
    let stored = store.load().unwrap();
    assert_eq!(stored.environments.len(), 1);
    assert_eq!(stored.environments[FRESH.0].version, 0);
    assert_eq!(&*stored.environments[FRESH.0].epoch, FRESH.1);
    assert!(stored.parts.is_empty() && stored.outbox.is_empty() && stored.versions.is_empty());
    assert!(store.keys().unwrap().is_empty());
}

fn a_commit_is_kept_whole(store: &dyn FlagStore) {
    let segment = PartWrite { part: (Section::Segment, "s".into()), seen: 0, doc: "{}".into(), archived: true };
    store.commit(&commit(5, vec![write("a", 0, r#"{"n":1}"#), segment], vec![advance(1, &["a", "b"])])).unwrap();
    store.commit(&commit(9, vec![write("a", 1, r#"{"n":2}"#)], vec![advance(2, &["a"])])).unwrap();
    let stored = store.load().unwrap();
    let flag = &stored.parts[&(Section::Flag, "a".into())];
    assert_eq!((&*flag.doc, flag.revision, flag.archived, flag.created_at, flag.updated_at), (r#"{"n":2}"#, 2, false, 5, 9));
    let segment = &stored.parts[&(Section::Segment, "s".into())];
    assert_eq!((segment.revision, segment.archived), (1, true));
    assert_eq!(stored.environments[FRESH.0].version, 2);
    assert_eq!(stored.versions[FRESH.0][&(Section::Flag, "a".into())], 2);
    assert_eq!(stored.versions[FRESH.0][&(Section::Flag, "b".into())], 1);
    assert_eq!(stored.outbox, [advance(1, &["a", "b"]), advance(2, &["a"])]);
}

fn a_late_writer_is_told(store: &dyn FlagStore) {
    store.commit(&commit(1, vec![write("a", 0, "{}")], vec![advance(1, &["a"])])).unwrap();
    assert!(is_stale(store.commit(&commit(2, vec![write("a", 0, "{}")], vec![]))), "made by another");
    assert!(is_stale(store.commit(&commit(2, vec![write("a", 7, "{}")], vec![]))), "changed by another");
    assert!(is_stale(store.commit(&commit(2, vec![write("a", 1, "{}")], vec![advance(1, &["a"])]))), "the environment moved");
    assert!(is_stale(store.commit(&commit(2, vec![], vec![advance(3, &["a"])]))), "a version would be left out");
    let other_life = Move { epoch: "e2".into(), ..advance(2, &["a"]) };
    assert!(is_stale(store.commit(&commit(2, vec![], vec![other_life]))), "the environment was made anew");
}

fn a_refused_commit_leaves_no_trace(store: &dyn FlagStore) {
    let refused = commit(1, vec![write("a", 0, "{}"), write("b", 4, "{}")], vec![advance(1, &["a"])]);
    assert!(is_stale(store.commit(&refused)));
    let stored = store.load().unwrap();
    assert!(stored.parts.is_empty() && stored.outbox.is_empty());
    assert_eq!(stored.environments[FRESH.0].version, 0);
    assert!(store.audit(&AuditQuery { limit: 10, ..AuditQuery::default() }).unwrap().is_empty());
}

fn environments_come_and_go(store: &dyn FlagStore) {
    let make = Commit { create: vec![("preview".into(), "p1".into())], ..commit(1, vec![], vec![]) };
    store.commit(&make).unwrap();
    assert!(is_stale(store.commit(&make)), "it is there already");
    let preview = |version| Move { environment: "preview".into(), epoch: "p1".into(), ..advance(version, &["a"]) };
    store.commit(&commit(2, vec![], vec![preview(1)])).unwrap();
    let drop = Commit { delete: vec!["preview".into()], ..commit(3, vec![], vec![]) };
    store.commit(&drop).unwrap();
    assert!(is_stale(store.commit(&drop)), "it is gone already");
    let stored = store.load().unwrap();
    assert!(!stored.environments.contains_key("preview") && !stored.versions.contains_key("preview") && stored.outbox.is_empty());
    // Made, moved and dropped again in one commit each, and the versions begin anew.
    let again = Commit {
        create: vec![("preview".into(), "p2".into())],
        moves: vec![Move { epoch: "p2".into(), ..preview(1) }],
        ..commit(4, vec![], vec![])
    };
    store.commit(&again).unwrap();
    assert_eq!(store.load().unwrap().environments["preview"].version, 1);
    // Dropped and made anew in one commit: a new epoch.
    let moves = vec![Move { epoch: "p3".into(), ..preview(1) }];
    let anew = Commit {
        delete: vec!["preview".into()],
        create: vec![("preview".into(), "p3".into())],
        moves: moves.clone(),
        ..commit(5, vec![], vec![])
    };
    store.commit(&anew).unwrap();
    let stored = store.load().unwrap();
    assert_eq!((&*stored.environments["preview"].epoch, stored.environments["preview"].version), ("p3", 1));
    assert_eq!(stored.outbox, moves, "what the old one did is forgotten");
}

fn the_outbox_is_bounded(store: &dyn FlagStore) {
    for version in 1..=OUTBOX_KEEP + 3 {
        store.commit(&commit(1, vec![], vec![advance(version, &["a"])])).unwrap();
    }
    let outbox = store.load().unwrap().outbox;
    assert_eq!(outbox.len() as u64, OUTBOX_KEEP);
    assert_eq!((outbox[0].version, outbox.last().unwrap().version), (4, OUTBOX_KEEP + 3));
}

fn unsent(store: &dyn FlagStore, relay: &str, limit: usize) -> Vec<(String, u64)> {
    let unsent = store.unsent(relay, limit).unwrap();
    unsent.iter().map(|unsent| (unsent.change.environment.to_string(), unsent.change.version)).collect()
}

fn standing(epoch: &str, version: u64) -> Standing {
    Standing { epoch: epoch.into(), version }
}

fn relays_read_on_where_they_were(store: &dyn FlagStore) {
    let (here, other) = (FRESH.0.to_owned(), "alpha".to_owned());
    store.commit(&Commit { create: vec![("alpha".into(), "a1".into())], ..commit(1, vec![], vec![]) }).unwrap();
    let alpha = |version| Move { environment: "alpha".into(), epoch: "a1".into(), ..advance(version, &["b"]) };
    for version in 1..=3 {
        store.commit(&commit(version as i64, vec![], vec![advance(version, &["a"]), alpha(version)])).unwrap();
    }
    let all: Vec<_> = [&other, &here].iter().flat_map(|name| (1..=3).map(move |version| ((*name).clone(), version))).collect();
    assert_eq!(unsent(store, "kafka", 100), all, "by environment and version, from what is there");
    assert_eq!(unsent(store, "kafka", 2), all[..2]);
    let first = &store.unsent("kafka", 1).unwrap()[0];
    assert_eq!((first.at, &first.change), (1, &alpha(1)));
    store.mark_sent("kafka", FRESH.0, &standing(FRESH.1, 2)).unwrap();
    store.mark_sent("kafka", FRESH.0, &standing(FRESH.1, 1)).unwrap(); // late, and of no effect
    store.mark_sent("kafka", FRESH.0, &standing("another life", 9)).unwrap();
    store.mark_sent("kafka", "no such environment", &standing("e", 1)).unwrap();
    store.mark_sent("kafka", "alpha", &standing("a1", 3)).unwrap();
    assert_eq!(unsent(store, "kafka", 100), [(here, 3)]);
    assert_eq!(unsent(store, "redis", 100), all, "each relay has a place of its own");
    let anew = Commit {
        delete: vec!["alpha".into()],
        create: vec![("alpha".into(), "a2".into())],
        moves: vec![Move { epoch: "a2".into(), ..alpha(1) }],
        ..commit(9, vec![], vec![])
    };
    store.commit(&anew).unwrap();
    assert_eq!(unsent(store, "kafka", 100)[0], (other, 1), "another life begins at its beginning");
}

fn what_is_not_sent_yet_is_kept(store: &dyn FlagStore) {
    store.commit(&commit(1, vec![], vec![advance(1, &["a"])])).unwrap();
    store.mark_sent("kafka", FRESH.0, &standing(FRESH.1, 1)).unwrap();
    let last = OUTBOX_KEEP + 5;
    for version in 2..=last {
        store.commit(&commit(1, vec![], vec![advance(version, &["a"])])).unwrap();
    }
    assert_eq!(store.unsent("kafka", usize::MAX >> 1).unwrap().len() as u64, last - 1, "the relay is behind, and nothing is lost");
    store.mark_sent("kafka", FRESH.0, &standing(FRESH.1, last)).unwrap();
    store.commit(&commit(1, vec![], vec![advance(last + 1, &["a"])])).unwrap();
    assert_eq!(store.load().unwrap().outbox.len() as u64, OUTBOX_KEEP);
}

fn one_process_leads(store: &dyn FlagStore) {
    assert!(store.lead("kafka").unwrap() && store.lead("kafka").unwrap() && store.lead("redis").unwrap());
}

fn the_audit_log_is_read_newest_first(store: &dyn FlagStore) {
    let first = store.commit(&commit(1, vec![write("a", 0, "{}")], vec![advance(1, &["a"])])).unwrap();
    let second = store.commit(&commit(2, vec![write("b", 0, "{}")], vec![])).unwrap();
    let third = store.commit(&commit(3, vec![write("a", 1, "{}"), write("c", 0, "{}")], vec![])).unwrap();
    let read = |query: AuditQuery| store.audit(&query).unwrap().iter().map(|entry| entry.id).collect::<Vec<_>>();
    assert_eq!(read(AuditQuery { limit: 10, ..AuditQuery::default() }), [third, second, first]);
    assert_eq!(read(AuditQuery { limit: 1, before: Some(third), ..AuditQuery::default() }), [second]);
    let part = Some((Section::Flag, Arc::from("a")));
    assert_eq!(read(AuditQuery { part: part.clone(), limit: 10, before: None }), [third, first]);
    assert_eq!(read(AuditQuery { part, limit: 10, before: Some(third) }), [first]);
    assert!(read(AuditQuery { part: Some((Section::Segment, "a".into())), limit: 10, before: None }).is_empty());
    let entry = store.audit_entry(first).unwrap().unwrap();
    assert_eq!((entry.at, &*entry.actor, &*entry.action, &*entry.target), (1, "key/abc", "replace", "flag/a"));
    assert_eq!(entry.comment.as_deref(), Some("why"));
    assert_eq!(entry.environments, r#"{"production":{"epoch":"e1","version":1}}"#);
    assert!(store.audit_entry(u64::MAX).unwrap().is_none());
}

fn keys_are_kept_and_revoked(store: &dyn FlagStore) {
    let key = KeyRecord {
        id: "id".into(),
        environment: Some("production".into()),
        name: "shop".into(),
        hash: vec![1, 2, 255],
        created_at: 5,
        expires_at: Some(9),
        revoked_at: None,
    };
    store.create_key(&key).unwrap();
    assert!(store.create_key(&key).is_err(), "the id is taken");
    assert_eq!(store.keys().unwrap(), std::slice::from_ref(&key));
    assert!(!store.revoke_key("other", 6).unwrap());
    assert!(store.revoke_key("id", 6).unwrap());
    assert!(!store.revoke_key("id", 7).unwrap(), "once is enough");
    assert_eq!(store.keys().unwrap()[0].revoked_at, Some(6));
}

fn two_processes_see_each_other(one: &dyn FlagStore, other: &dyn FlagStore) {
    let before = (one.load().unwrap().stamp, other.load().unwrap().stamp);
    assert_eq!(before, (one.stamp().unwrap(), other.stamp().unwrap()));
    let seen = |store: &dyn FlagStore, commit: Commit| Commit { seen: Some(store.stamp().unwrap()), ..commit };
    one.commit(&seen(one, commit(1, vec![write("a", 0, "{}")], vec![advance(1, &["a"])]))).unwrap();
    assert_eq!(one.stamp().unwrap(), before.0, "one's own writes are no news");
    assert_ne!(other.stamp().unwrap(), before.1);
    let unrelated = Commit { seen: Some(before.1), ..commit(2, vec![write("b", 0, "{}")], vec![]) };
    assert!(is_stale(other.commit(&unrelated)), "planned on what is no more, even if it touches nothing that changed");
    assert!(is_stale(other.commit(&commit(2, vec![], vec![advance(1, &["a"])]))));
    assert!(other.load().unwrap().parts.contains_key(&(Section::Flag, "a".into())));
    other.commit(&seen(other, unrelated)).unwrap();
    assert_eq!(one.load().unwrap().parts.len(), 2);
}

fn what_others_wrote_is_told_apart(one: &dyn FlagStore, other: &dyn FlagStore) {
    let names: Vec<String> = (0..RECENT_PARTS).map(|at| format!("many-{at:04}")).collect();
    one.commit(&commit(1, vec![write("a", 0, "{}"), write("b", 0, "{}")], vec![advance(1, &["a", "b"])])).unwrap();
    let known = other.load().unwrap();
    let nothing = other.load_since(known.head).unwrap().unwrap();
    assert_eq!((nothing.head, nothing.stamp, nothing.parts.len(), nothing.outbox.len()), (known.head, known.stamp, 0, 0));

    one.commit(&commit(2, vec![write("a", 1, r#"{"n":1}"#)], vec![advance(2, &["a"])])).unwrap();
    one.commit(&commit(3, vec![PartWrite { archived: true, ..write("a", 2, r#"{"n":2}"#) }], vec![advance(3, &["a"])])).unwrap();
    let (recent, all) = (other.load_since(known.head).unwrap().unwrap(), other.load().unwrap());
    assert_eq!((recent.head, recent.stamp, &recent.environments), (all.head, all.stamp, &all.environments));
    assert_eq!(recent.parts.keys().map(|(_, name)| &**name).collect::<Vec<_>>(), ["a"], "b was not written");
    assert_eq!(recent.parts[&(Section::Flag, "a".into())], all.parts[&(Section::Flag, "a".into())]);
    assert_eq!(recent.outbox, [advance(2, &["a"]), advance(3, &["a"])]);
    assert_eq!(other.load_since(all.head).unwrap().unwrap().parts.len(), 0);

    assert!(other.load_since(all.head + 1).unwrap().is_none(), "a store that was taken back");
    let parts = names.iter().map(|name| write(name, 0, "{}")).collect();
    one.commit(&commit(4, parts, vec![])).unwrap();
    assert!(other.load_since(all.head).unwrap().is_some());
    one.commit(&commit(4, vec![write("one-more", 0, "{}")], vec![])).unwrap();
    assert!(other.load_since(all.head).unwrap().is_none(), "too many parts");
    let head = other.load().unwrap().head;
    for revision in 1..=RECENT_COMMITS {
        one.commit(&commit(5, vec![write("b", revision, &format!(r#"{{"n":{revision}}}"#))], vec![])).unwrap();
    }
    assert!(other.load_since(head).unwrap().is_some());
    one.commit(&commit(6, vec![write("b", RECENT_COMMITS + 1, "{}")], vec![])).unwrap();
    assert!(other.load_since(head).unwrap().is_none(), "too many commits");
}

fn of_many_who_write_at_once_one_wins(one: &dyn FlagStore, other: &dyn FlagStore) {
    let rounds = 20;
    std::thread::scope(|scope| {
        for store in [one, other, one, other] {
            scope.spawn(move || {
                let mut won = 0;
                while won < rounds {
                    let Stored { stamp, environments, .. } = store.load().unwrap();
                    let next = advance(environments[FRESH.0].version + 1, &["a"]);
                    match store.commit(&Commit { seen: Some(stamp), ..commit(1, vec![], vec![next]) }) {
                        Ok(_) => won += 1,
                        Err(StoreError::Stale) => {}
                        Err(error) => panic!("{error}"),
                    }
                }
            });
        }
    });
    let stored = one.load().unwrap();
    assert_eq!(stored.environments[FRESH.0].version, 4 * rounds);
    assert_eq!(stored.outbox.iter().map(|change| change.version).collect::<Vec<_>>(), (1..=4 * rounds).collect::<Vec<_>>());
    let audit = other.audit(&AuditQuery { limit: 1_000, ..AuditQuery::default() }).unwrap();
    let version = |entry: &super::AuditEntry| entry.environments.clone();
    assert_eq!(audit.len() as u64, 4 * rounds);
    for (at, entry) in audit.iter().rev().enumerate() {
        assert!(version(entry).contains(&format!("\"version\":{}}}", at + 1)), "the log is in the order of the commits: {entry:?}");
    }
}

fn a_backup_brings_everything(from: &dyn FlagStore, to: &dyn FlagStore) {
    let segment = PartWrite { part: (Section::Segment, "s".into()), seen: 0, doc: "{}".into(), archived: true };
    from.commit(&Commit {
        before: r#"{"flags":{"a":null},"segments":{"s":null}}"#.into(),
        after: r#"{"flags":{"a":{"n":1}},"segments":{"s":{}}}"#.into(),
        ..commit(5, vec![write("a", 0, r#"{"n":1}"#), segment], vec![advance(1, &["a", "b"])])
    })
    .unwrap();
    from.commit(&commit(9, vec![write("a", 1, r#"{"n":2}"#)], vec![advance(2, &["a"])])).unwrap();
    let key = KeyRecord {
        id: "id".into(),
        environment: None,
        name: "me".into(),
        hash: vec![0, 9, 255],
        created_at: 5,
        expires_at: None,
        revoked_at: Some(6),
    };
    from.create_key(&key).unwrap();
    let mut bytes = Vec::new();
    backup::write(from, &mut bytes).unwrap();
    let half = bytes[..bytes.len() / 2].to_vec();
    assert!(to.restore(&mut backup::read(&*half)).is_err(), "it breaks off in the middle of a line");
    assert!(to.restore(&mut backup::read(&b"{}\n"[..])).is_err());
    to.restore(&mut backup::read(&*bytes)).unwrap();
    let (old, new) = (from.load().unwrap(), to.load().unwrap());
    assert_eq!((old.environments, old.parts, old.versions, old.outbox), (new.environments, new.parts, new.versions, new.outbox));
    assert_eq!(from.keys().unwrap(), to.keys().unwrap());
    let all = AuditQuery { limit: 10, ..AuditQuery::default() };
    assert_eq!(from.audit(&all).unwrap(), to.audit(&all).unwrap());
    let of_segment = AuditQuery { part: Some((Section::Segment, "s".into())), ..all };
    assert_eq!(to.audit(&of_segment).unwrap().len(), 1);
    let again = to.restore(&mut backup::read(&*bytes));
    assert!(again.unwrap_err().to_string().contains("already"), "what is there is not written over");
    let next = to.commit(&commit(10, vec![], vec![advance(3, &["a"])])).unwrap();
    assert!(next > 2, "the log goes on behind what was brought");
}
