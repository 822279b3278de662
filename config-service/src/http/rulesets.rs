//! Rulesets: whole, as a delta, not modified, or as a stream.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use futures_util::StreamExt;
use jackstaff::wire::KIND_HEADER;
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::fresh::{Wanted, at_least, reach};
use super::request::{Path, Query, header, off_thread, require_environment};
use super::schema;
use crate::environments::published::Published;
use crate::keys::Caller;
use crate::service::Service;
use crate::store::Standing;

static LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
/// Below this, compressing costs more than it saves.
const GZIP_FROM: usize = 512;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(ruleset)).routes(routes!(stream))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct Since {
    /// `<epoch>-<version>` that the client has: what comes is then a delta, where that is possible.
    since: Option<String>,
}

/// Get a ruleset
#[utoipa::path(
    get, path = "/api/v1/rulesets/{environment}", tag = "rulesets",
    params(
        ("environment" = String, Path),
        Since,
        ("X-FF-Min-Version" = Option<String>, Header, description = "`<epoch>-<n>` or `<n>`: not a ruleset older than this"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that the client has")
    ),
    responses(
        (status = 200, description = "The ruleset, or a delta; `X-FF-Kind` says which", body = schema::RulesetOrDelta,
         headers(("ETag" = String, description = "`\"<epoch>-<version>\"`"), ("X-FF-Kind" = String, description = "`full` or `delta`"))),
        (status = 304, description = "Nothing changed"),
        (status = 404, description = "No such environment", body = schema::ErrorBody),
        schema::Failures
    )
)]
async fn ruleset(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(environment): Path<String>,
    Query(query): Query<Since>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    require_environment(&caller, &environment)?;
    let known = query.since.as_deref().map(standing).transpose()?;
    // A client that was at another service may know more than this one does yet.
    let published = match &known {
        Some(known) => reach(&service, &environment, Some(&known.epoch), known.version).await?,
        None => at_least(&service, &environment, Wanted::of(&headers)).await?,
    };
    let tag = format!("\"{}\"", published.tag());
    if header(&headers, &IF_NONE_MATCH).is_some_and(|wanted| matches_tag(wanted, &tag)) {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response.headers_mut().insert(ETAG, value(&tag)?);
        return Ok(response);
    }
    let delta = known.and_then(|known| published.delta_json(&known));
    let (kind, body, is_gzip) = match delta {
        Some(delta) => ("delta", delta, false),
        None => full(&service, published, accepts_gzip(&headers)).await?,
    };
    let mut response = Response::new(Body::from(body));
    let answer = response.headers_mut();
    answer.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    answer.insert(ETAG, value(&tag)?);
    answer.insert(HeaderName::from_static(KIND_HEADER), HeaderValue::from_static(kind));
    answer.insert(VARY, HeaderValue::from_static("accept-encoding"));
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    if is_gzip {
        answer.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

async fn full(service: &Arc<Service>, published: Arc<Published>, gzip: bool) -> ApiResult<(&'static str, Bytes, bool)> {
    let json = published.json();
    if !gzip || json.len() < GZIP_FROM {
        return Ok(("full", json, false));
    }
    let gzip = match published.gzip_made() {
        Some(made) => made,
        None => off_thread(service, move |_| Ok(published.gzip())).await?,
    };
    Ok(("full", gzip, true))
}

/// Follow a ruleset
///
/// Server-sent events. First `full` or `delta` (or `ping`, if the client is current), then `delta` per change, `ping` every 15 s, and
/// `goodbye` before the service ends the stream. Event ids are `<epoch>-<version>`; a client that comes back with `Last-Event-ID`
/// gets what it missed.
#[utoipa::path(
    get, path = "/api/v1/rulesets/{environment}/stream", tag = "rulesets",
    params(
        ("environment" = String, Path),
        Since,
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that the client has")
    ),
    responses(
        (status = 200, description = "Events", body = String, content_type = "text/event-stream"),
        (status = 404, description = "No such environment", body = schema::ErrorBody),
        schema::Failures
    )
)]
async fn stream(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(environment): Path<String>,
    Query(query): Query<Since>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    require_environment(&caller, &environment)?;
    let published = service.environments.published(&environment)?;
    // What a client says about itself here only saves bytes: if it cannot be read, the whole ruleset comes.
    let known = header(&headers, &LAST_EVENT_ID).or(query.since.as_deref()).and_then(|text| standing(text).ok());
    if known.as_ref().is_some_and(|known| known.epoch == published.ruleset.epoch && known.version > published.ruleset.version) {
        service.look_now();
    }
    let keys = service.clone();
    let events = service.streams.stream(&environment, known, Box::new(move || keys.keys.is_live(&caller)));
    let events =
        events.ok_or_else(|| ApiError::unavailable("too_many_streams", "there are too many streams open: poll, or come back later", 30))?;
    let mut response = Response::new(Body::from_stream(events.map(Ok::<_, std::convert::Infallible>)));
    let answer = response.headers_mut();
    answer.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    answer.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // Proxies that buffer would hold events back; nginx listens to this.
    answer.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    Ok(response)
}

fn value(text: &str) -> ApiResult<HeaderValue> {
    HeaderValue::from_str(text).map_err(|_| super::request::internal())
}

/// Reads `<epoch>-<version>`.
fn standing(text: &str) -> ApiResult<Standing> {
    let parts = text.rsplit_once('-').and_then(|(epoch, version)| Some((epoch, version.parse().ok()?)));
    let (epoch, version) = parts.ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        ApiError::bad_request(format!("\"{shown}\" is not <epoch>-<version>, as an ETag or an event id says it"))
    })?;
    Ok(Standing { epoch: epoch.into(), version })
}

/// Does an `If-None-Match` hold this tag? Weak tags count, as the RFC wants it here.
pub fn matches_tag(wanted: &str, tag: &str) -> bool {
    wanted.split(',').map(str::trim).any(|wanted| wanted == "*" || wanted.strip_prefix("W/").unwrap_or(wanted) == tag)
}

fn accepts_gzip(headers: &HeaderMap) -> bool {
    header(headers, &ACCEPT_ENCODING).is_some_and(|accepted| {
        accepted.split(',').any(|coding| {
            let mut parts = coding.split(';').map(str::trim);
            let is_gzip = parts.next().is_some_and(|name| name.eq_ignore_ascii_case("gzip") || name == "*");
            let refused = parts.any(|part| part.strip_prefix("q=").is_some_and(|q| q.parse::<f32>().is_ok_and(|q| q <= 0.0)));
            is_gzip && !refused
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_codings_are_read_as_the_rfc_says() {
        assert!(matches_tag("\"a-1\", W/\"b-2\"", "\"b-2\""));
        assert!(matches_tag("*", "\"x\""));
        assert!(!matches_tag("\"a-1\"", "\"a-11\""));
        let accepts = |text: &str| accepts_gzip(&HeaderMap::from_iter([(ACCEPT_ENCODING, text.parse().unwrap())]));
        assert!(accepts("br, gzip;q=0.5") && accepts("*") && accepts("GZIP"));
        assert!(!accepts("gzip;q=0") && !accepts("br") && !accepts(""));
        assert_eq!(standing("abc-12").unwrap(), Standing { epoch: "abc".into(), version: 12 });
        assert!(standing("abc").is_err() && standing("abc-x").is_err());
    }
}
