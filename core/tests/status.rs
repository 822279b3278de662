//! Each status of the service is told apart, for the program by its kind and for the person in words.

#![allow(clippy::unwrap_used)] // clippy knows test functions, not the helpers beside them

#[expect(dead_code, reason = "this service answers with a status and nothing else")]
mod support;

use std::time::Duration;

use jackstaff::api::{Api, Fetched};
use jackstaff::fault::{BreakerOptions, RetryOptions};
use jackstaff::{ErrorKind, View};
use support::{Reply, Server};

fn block<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn api(server: &Server) -> Api {
    let url = server.url.as_str().into();
    Api::new(&url, &"test".into(), None, None, Duration::from_secs(30), RetryOptions::off(), BreakerOptions::off()).unwrap()
}

#[test]
fn guide_flaw_39_statuses_are_told_apart() {
    // An application would do something else under each kind: show another key, mend the request, wait.
    for (status, kind, temporary) in [
        (401, ErrorKind::Unauthorized, false),
        (403, ErrorKind::Unauthorized, false),
        (404, ErrorKind::NotFound, false),
        (400, ErrorKind::InvalidArgument, false),
        (413, ErrorKind::InvalidArgument, false),
        (422, ErrorKind::InvalidArgument, false),
        (408, ErrorKind::Unavailable, true),
        (429, ErrorKind::Unavailable, true),
        (500, ErrorKind::Unavailable, true),
        (502, ErrorKind::Unavailable, true),
        (503, ErrorKind::Unavailable, true),
        (302, ErrorKind::InvalidResponse, false),
    ] {
        let server = Server::start(move |_, _| Reply::Json(status, r#"{"error":{"code":"x","message":"no"}}"#.into()));
        let api = api(&server);
        let error = block(api.ruleset(None)).err().unwrap_or_else(|| panic!("{status} is no ruleset"));
        assert_eq!((error.kind(), error.is_temporary()), (kind, temporary), "{status}");
        assert!(error.message().contains(&status.to_string()), "{status}: {}", error.message());
    }
}

#[test]
fn guide_flaw_39_an_unknown_flag_is_no_failure() {
    let server = Server::start(|_, _| Reply::Json(404, r#"{"error":{"code":"flag_not_found","message":"no"}}"#.into()));
    assert!(matches!(block(api(&server).evaluate("f", View::of("u"), None)), Ok(None)));
    let server = Server::start(|_, _| Reply::Json(304, String::new()));
    assert!(matches!(block(api(&server).ruleset(Some(("e", 1)))), Ok(Fetched::Unchanged)));
}
