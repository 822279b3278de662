//! What stands before every handler: who is it, how long may it take, and one line in the log after.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::StatusCode;
use axum::http::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, ORIGIN};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;

use super::error::{ApiError, ApiResult};
use super::request::{header, internal, off_thread};
use crate::keys::Caller;
use crate::service::Service;

static API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Finds out who is calling and puts it into the request.
///
/// # Errors
/// 401 if keys are wanted and there is no good one.
pub async fn identify(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> ApiResult<Response> {
    let caller = admit(&service, request.headers()).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// Who sent a request with these headers.
///
/// # Errors
/// 401 if keys are wanted and there is no good one, 403 for a page of another site.
pub async fn admit(service: &Arc<Service>, headers: &HeaderMap) -> ApiResult<Caller> {
    // Where keys are wanted, a page would have to know one.
    if !service.wants_keys() && is_foreign(headers, !service.options.open) {
        let message = "a web page of another site sent this: browsers may use this service only from its own address";
        return Err(ApiError::new(StatusCode::FORBIDDEN, "cross_origin", message));
    }
    caller(service, shown_key(headers)).await
}

/// Does this come from a page of another site? A service on loopback without keys trusts whoever is on this machine, and that must
/// not include every page that its browser shows: such pages can send a `POST` without asking (so `Origin` has to be
/// ours), or give their own name our address (so on loopback the name has to be a local one). Programs send neither header.
fn is_foreign(headers: &HeaderMap, is_local: bool) -> bool {
    let (origin, host) = (header(headers, &ORIGIN), header(headers, &HOST).unwrap_or_default());
    let site = origin.map(|origin| origin.split_once("://").map_or(origin, |(_, site)| site));
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    let is_local_name = matches!(name, "localhost" | "127.0.0.1" | "[::1]") || name.ends_with(".localhost");
    let is_browser = origin.is_some() || headers.contains_key("sec-fetch-site");
    site.is_some_and(|site| !site.eq_ignore_ascii_case(host)) || (is_local && is_browser && !is_local_name)
}

/// The key that a request shows, in either header.
fn shown_key(headers: &HeaderMap) -> Option<&str> {
    let bearer = header(headers, &AUTHORIZATION).map(|value| match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        _ => value,
    });
    bearer.or_else(|| header(headers, &API_KEY))
}

async fn caller(service: &Arc<Service>, key: Option<&str>) -> ApiResult<Caller> {
    if !service.wants_keys() {
        return Ok(Caller::Open);
    }
    let Some(key) = key else {
        return Err(ApiError::unauthorized("an API key is needed: send Authorization: Bearer ffs_… (or ffa_… to manage flags)"));
    };
    if service.keys.may_be_new(key) {
        off_thread(service, |service| Ok(service.keys.refresh()?)).await?;
    }
    service.keys.caller(key).map_err(ApiError::unauthorized)
}

/// Bounds the time of a request, makes a panic an answer, and writes one line about it: method, route and status; no query, no body, no
/// user id.
pub async fn watch(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    // The route and not the path: a path is what somebody typed, and may hold anything.
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let route = matched.as_ref().map_or("unknown", MatchedPath::as_str);
    let options = &service.options;
    let patience = if route == super::IMPORT_PATH { options.import_timeout } else { options.request_timeout };
    let answer = tokio::time::timeout(patience, AssertUnwindSafe(next.run(request)).catch_unwind()).await;
    let response = match answer {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            // The panic's own message stays in the log: it may hold what a client sent.
            tracing::error!("a handler panicked");
            internal().into_response()
        }
        Err(_) => ApiError::timeout().into_response(),
    };
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    service.metrics.request(&method, route, status, elapsed);
    let micros = elapsed.as_micros() as u64;
    if response.status().is_server_error() {
        tracing::warn!(%method, route, status, micros, "request");
    } else {
        tracing::debug!(%method, route, status, micros, "request");
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_other_sites_are_told_from_programs() {
        let foreign = |pairs: &[(&'static str, &str)], is_local| {
            let headers = pairs.iter().map(|(name, value)| (HeaderName::from_static(name), value.parse().unwrap()));
            is_foreign(&headers.collect(), is_local)
        };
        assert!(!foreign(&[("host", "config-service:8082")], true), "a program");
        assert!(!foreign(&[("host", "127.0.0.1:8082"), ("origin", "http://127.0.0.1:8082")], true), "our own page");
        assert!(!foreign(&[("host", "[::1]:8082"), ("origin", "http://[::1]:8082")], true));
        assert!(foreign(&[("host", "127.0.0.1:8082"), ("origin", "https://evil.example")], true));
        assert!(foreign(&[("host", "127.0.0.1:8082"), ("origin", "null")], true));
        assert!(foreign(&[("host", "evil.example:8082"), ("origin", "http://evil.example:8082")], true), "rebound");
        assert!(foreign(&[("host", "evil.example:8082"), ("sec-fetch-site", "same-origin")], true), "rebound, reading");
        assert!(!foreign(&[("host", "flags.example"), ("origin", "https://flags.example")], false), "a public service");
        assert!(foreign(&[("host", "flags.example"), ("origin", "https://evil.example")], false));
    }
}
