//! Managing environments: list, create, get, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::IF_MATCH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::request::{Admin, Body, Path, Query, header, off_thread};
use super::rulesets::matches_tag;
use super::schema;
use super::write::{Comment, Written, note, tagged};
use crate::environments::new_epoch;
use crate::environments::plan::Draft;
use crate::environments::published::Published;
use crate::service::Service;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, delete))
}

/// An environment.
#[derive(Serialize, ToSchema)]
struct Environment {
    /// Its name.
    name: Arc<str>,
    /// Made with it; versions of different epochs do not compare.
    epoch: Arc<str>,
    /// One higher with every commit that changed its ruleset.
    version: u64,
    /// How many flags it serves.
    flags: usize,
    /// How many segments it has.
    segments: usize,
}

impl From<&Published> for Environment {
    fn from(published: &Published) -> Self {
        let ruleset = &published.ruleset;
        Self {
            name: ruleset.environment.clone(),
            epoch: ruleset.epoch.clone(),
            version: ruleset.version,
            flags: ruleset.flags.len(),
            segments: ruleset.segments.len(),
        }
    }
}

#[derive(Serialize, ToSchema)]
struct EnvironmentList {
    /// In the order of their names.
    items: Vec<Environment>,
}

/// List environments
#[utoipa::path(
    get, path = "/api/v1/environments", tag = "environments", operation_id = "list_environments",
    responses((status = 200, description = "All", body = EnvironmentList), schema::Failures)
)]
async fn list(State(service): State<Arc<Service>>, _: Admin) -> Json<EnvironmentList> {
    let state = service.environments.state();
    Json(EnvironmentList { items: state.environments.values().map(|published| Environment::from(&**published)).collect() })
}

/// Get an environment
#[utoipa::path(
    get, path = "/api/v1/environments/{environment}", tag = "environments", operation_id = "get_environment",
    params(("environment" = String, Path)),
    responses(
        (status = 200, description = "The environment", body = Environment,
         headers(("ETag" = String, description = "`\"<epoch>-<version>\"`"))),
        (status = 404, description = "No such environment", body = schema::ErrorBody),
        schema::Failures
    )
)]
async fn get(State(service): State<Arc<Service>>, _: Admin, Path(environment): Path<String>) -> ApiResult<Response> {
    let published = service.environments.published(&environment)?;
    Ok(tagged(StatusCode::OK, &format!("\"{}\"", published.tag()), Json(Environment::from(&*published))))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct NewEnvironment {
    /// Its name.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,128}$", example = "preview")]
    name: String,
}

/// Create an environment; all flags are in it at once, with their shared settings
#[utoipa::path(
    post, path = "/api/v1/environments", tag = "environments", operation_id = "create_environment", params(Comment),
    request_body = NewEnvironment,
    responses((status = 201, description = "Created", body = Written), schema::WriteFailures, schema::Failures)
)]
async fn create(
    State(service): State<Arc<Service>>,
    caller: Admin,
    Query(why): Query<Comment>,
    body: Body,
) -> ApiResult<(StatusCode, Json<Written>)> {
    let NewEnvironment { name } = body.json()?;
    let note = note(&service, &caller, "create_environment", format!("environment/{name}"), why.comment)?;
    let draft = Draft { note, create: vec![(name.into(), new_epoch()?)], ..Draft::default() };
    let outcome = off_thread(&service, move |service| Ok(service.environments.write(&draft)?)).await?;
    Ok((StatusCode::CREATED, Json(outcome.into())))
}

/// Delete an environment
///
/// Refused while a flag has settings for it, and for the last environment. Its streams end; an environment of the same name
/// made later has another epoch.
#[utoipa::path(
    delete, path = "/api/v1/environments/{environment}", tag = "environments", operation_id = "delete_environment",
    params(("environment" = String, Path), schema::SeenIt, Comment),
    responses((status = 200, description = "Deleted", body = Written), schema::WriteFailures, schema::Failures)
)]
async fn delete(
    State(service): State<Arc<Service>>,
    caller: Admin,
    Path(environment): Path<String>,
    Query(why): Query<Comment>,
    headers: HeaderMap,
) -> ApiResult<Json<Written>> {
    let published = service.environments.published(&environment)?;
    let seen = header(&headers, &IF_MATCH).ok_or_else(|| {
        let message = "say what you have seen: If-Match: \"<epoch>-<version>\" (the ETag of the environment), or If-Match: *";
        ApiError::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", message)
    })?;
    let tag = format!("\"{}\"", published.tag());
    if !matches_tag(seen, &tag) {
        let message = format!("environment \"{environment}\" is at {tag}: get it and try again");
        return Err(
            ApiError::new(StatusCode::PRECONDITION_FAILED, "revision_mismatch", message).with_header(axum::http::header::ETAG, &tag)
        );
    }
    if service.environments.state().environments.len() == 1 {
        return Err(ApiError::new(StatusCode::CONFLICT, "impossible", "this is the last environment: make another one first"));
    }
    let note = note(&service, &caller, "delete_environment", format!("environment/{environment}"), why.comment)?;
    let draft = Draft { note, delete: vec![environment.into()], ..Draft::default() };
    let outcome = off_thread(&service, move |service| Ok(service.environments.write(&draft)?)).await?;
    Ok(Json(outcome.into()))
}
