//! On a real server: `JACKSTAFF_TEST_POSTGRES` is the address of a database that may be filled with schemas.

use std::sync::atomic::{AtomicU32, Ordering};

use super::super::contract::{FRESH, check_all};
use super::super::{Move, Note, Touched};
use super::*;

/// The address of a schema that nobody else has; `None`, said loudly, where there is no server.
fn fresh_schema() -> Option<String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let Ok(url) = std::env::var("JACKSTAFF_TEST_POSTGRES") else {
        eprintln!("SKIPPED: JACKSTAFF_TEST_POSTGRES names no server; scripts/test.py starts one");
        return None;
    };
    let schema = format!("t{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let join = if url.contains('?') { '&' } else { '?' };
    Some(format!("{url}{join}application_name={schema}&schema={schema}"))
}

fn open(url: &str) -> PostgresStore {
    PostgresStore::open(url, &[(FRESH.0.into(), FRESH.1.into())]).unwrap()
}

/// Runs SQL by hand, as an operator would.
fn by_hand(store: &PostgresStore, sql: &str) -> Result<()> {
    store.sessions.with(async |session| session.client.batch_execute(sql).await.map_err(store_error))
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !is_so() {
        assert!(started.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn advance(version: u64) -> Commit {
    let touched = Touched { flags: vec!["a".into()], ..Touched::default() };
    let moves = vec![Move { environment: FRESH.0.into(), epoch: FRESH.1.into(), version, touched }];
    Commit { note: Note::default(), moves, before: "{}".into(), after: "{}".into(), ..Commit::default() }
}

/// Ends all connections of this schema's stores, as a restart of the server does.
fn cut(url: &str) {
    let name = url.rsplit_once("schema=").unwrap().1;
    let sql =
        format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '{name}' AND pid <> pg_backend_pid()");
    by_hand(&open(url), &sql).unwrap();
}

#[test]
fn postgres_keeps_the_contract() {
    if fresh_schema().is_none() {
        return;
    }
    check_all(|| {
        let url = fresh_schema().unwrap();
        (open(&url), open(&url))
    });
}

#[test]
fn services_that_start_together_make_the_tables_once() {
    let Some(url) = fresh_schema() else { return };
    std::thread::scope(|scope| {
        let started: Vec<_> = (0..4).map(|_| scope.spawn(|| open(&url))).collect();
        for store in started {
            let store = store.join().unwrap();
            assert_eq!(&*store.load().unwrap().environments[FRESH.0].epoch, FRESH.1);
        }
    });
    by_hand(&open(&url), "INSERT INTO migrations (version) VALUES (99)").unwrap();
    let error = PostgresStore::open(&url, &[]).err().unwrap().to_string();
    assert!(error.contains("use a newer one"), "{error}");
}

#[test]
fn the_audit_log_cannot_be_changed_by_hand_either() {
    let Some(url) = fresh_schema() else { return };
    let store = open(&url);
    store.commit(&advance(1)).unwrap();
    for sql in ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit", "TRUNCATE audit"] {
        assert!(by_hand(&store, sql).unwrap_err().to_string().contains("append-only"), "{sql}");
    }
}

#[test]
fn a_commit_is_heard_of_at_once() {
    let Some(url) = fresh_schema() else { return };
    let (one, other) = (open(&url), open(&url));
    let news = other.news();
    one.commit(&advance(1)).unwrap();
    eventually("the commit is heard of", || news.has_changed().unwrap());
}

#[test]
fn one_leads_and_another_follows_when_it_is_gone() {
    let Some(url) = fresh_schema() else { return };
    let (one, other) = (open(&url), open(&url));
    assert!(one.lead("kafka").unwrap());
    assert!(!other.lead("kafka").unwrap() && one.lead("kafka").unwrap());
    drop(one);
    eventually("the other takes over", || other.lead("kafka").unwrap());
}

#[test]
fn a_lost_connection_comes_back_by_itself() {
    let Some(url) = fresh_schema() else { return };
    let store = open(&url);
    store.commit(&advance(1)).unwrap();
    let mut news = store.news();
    assert!(store.lead("kafka").unwrap());
    news.borrow_and_update();
    cut(&url);
    eventually("the listener says that it may have missed something", || news.has_changed().unwrap());
    eventually("writes go on", || match store.commit(&advance(2)) {
        Ok(_) => true,
        Err(StoreError::Away(_)) => false,
        Err(error) => panic!("{error}"),
    });
    eventually("it leads again", || store.lead("kafka").unwrap_or(false));
    assert_eq!(store.load().unwrap().environments[FRESH.0].version, 2);
}

#[test]
fn a_database_that_is_not_there_is_named() {
    let started = std::time::Instant::now();
    let error = PostgresStore::open("postgresql://me:secret@127.0.0.1:1/flags", &[]).err().unwrap();
    assert!(matches!(error, StoreError::Away(_)));
    assert!(error.to_string().contains("PostgreSQL") && !error.to_string().contains("secret"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(20));
}
