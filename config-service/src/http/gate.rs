//! What stands before every handler: who is it, how long may it take, and one line in the log after.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{AUTHORIZATION, HeaderMap, HeaderName};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::{ApiError, ApiResult};
use super::request::{header, off_thread};
use crate::keys::Caller;
use crate::service::Service;

static API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// Finds out who is calling and puts it into the request.
///
/// # Errors
/// 401 if keys are wanted and there is no good one.
pub async fn identify(State(service): State<Arc<Service>>, mut request: Request, next: Next) -> ApiResult<Response> {
    let caller = caller(&service, shown_key(request.headers()).map(str::to_owned)).await?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

/// The key that a request shows, in either header.
fn shown_key(headers: &HeaderMap) -> Option<&str> {
    let bearer = header(headers, &AUTHORIZATION).map(|value| match value.split_once(' ') {
        Some((scheme, key)) if scheme.eq_ignore_ascii_case("bearer") => key.trim(),
        _ => value,
    });
    bearer.or_else(|| header(headers, &API_KEY))
}

async fn caller(service: &Arc<Service>, key: Option<String>) -> ApiResult<Caller> {
    if !service.wants_keys() {
        return Ok(Caller::Open);
    }
    let Some(key) = key else {
        return Err(ApiError::unauthorized("an API key is needed: send Authorization: Bearer ffs_… (or ffa_… to manage flags)"));
    };
    if service.keys.may_be_new(&key) {
        off_thread(service, |service| Ok(service.keys.refresh()?)).await?;
    }
    service.keys.caller(&key).map_err(ApiError::unauthorized)
}

/// Bounds the time of a request and writes one line about it: method, route and status; no query, no body, no user id.
pub async fn watch(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    // The route and not the path: a path is what somebody typed, and may hold anything.
    let route: Arc<str> = request.extensions().get::<MatchedPath>().map_or_else(|| "unknown".into(), |path| path.as_str().into());
    let answer = tokio::time::timeout(service.options.request_timeout, next.run(request)).await;
    let response = answer.unwrap_or_else(|_| ApiError::timeout().into_response());
    let (status, elapsed) = (response.status().as_u16(), started.elapsed());
    service.metrics.request(&method, &route, status, elapsed);
    let micros = elapsed.as_micros() as u64;
    if response.status().is_server_error() {
        tracing::warn!(%method, route = &*route, status, micros, "request");
    } else {
        tracing::debug!(%method, route = &*route, status, micros, "request");
    }
    response
}
