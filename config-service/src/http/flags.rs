//! Managing flags: list, create, get, replace, patch, archive, restore.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::ApiResult;
use super::parts::{self, Change, Filter, Page, document, named_document};
use super::request::{Admin, Body, Path, Query};
use super::schema;
use super::write::{Comment, Part, WrittenPart};
use crate::service::Service;
use crate::store::Section;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(list, create)).routes(routes!(get, replace, patch, archive)).routes(routes!(restore))
}

/// The same under the guide's spelling. The evaluate paths are below it too, so a flag called `evaluate` is reached as `/flags/evaluate`.
pub fn alias() -> OpenApiRouter<Arc<Service>> {
    use axum::routing::{get as on_get, post};
    OpenApiRouter::new()
        .route("/api/v1/feature-flags", on_get(list).post(create))
        .route("/api/v1/feature-flags/{name}", on_get(get).put(replace).patch(patch).delete(archive))
        .route("/api/v1/feature-flags/{name}/restore", post(restore))
}

/// List flags
#[utoipa::path(
    get, path = "/api/v1/flags", tag = "flags", operation_id = "list_flags", params(Filter),
    responses((status = 200, description = "A page", body = Page), schema::Failures)
)]
async fn list(State(service): State<Arc<Service>>, _: Admin, Query(filter): Query<Filter>) -> ApiResult<Json<Page>> {
    parts::list(&service, Section::Flag, &filter)
}

/// Create a flag
#[utoipa::path(
    post, path = "/api/v1/flags", tag = "flags", operation_id = "create_flag", params(Comment),
    request_body = schema::NewPart,
    responses(
        (status = 201, description = "Created", body = WrittenPart, headers(("ETag" = String, description = "`\"<revision>\"`"))),
        schema::WriteFailures, schema::Failures
    )
)]
async fn create(
    State(service): State<Arc<Service>>,
    caller: Admin,
    Query(why): Query<Comment>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let (name, doc) = named_document(&body)?;
    parts::write(service, caller, (Section::Flag, name), Change::Create(doc), headers, why.comment).await
}

/// Get a flag
#[utoipa::path(
    get, path = "/api/v1/flags/{name}", tag = "flags", operation_id = "get_flag",
    params(
        ("name" = String, Path, description = "The flag", pattern = "^[A-Za-z0-9._-]{1,128}$"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that the client has")
    ),
    responses(
        (status = 200, description = "The flag", body = Part, headers(("ETag" = String, description = "`\"<revision>\"`"))),
        (status = 304, description = "Nothing changed"),
        (status = 404, description = "No such flag", body = schema::ErrorBody),
        schema::Failures
    )
)]
async fn get(State(service): State<Arc<Service>>, _: Admin, Path(name): Path<String>, headers: HeaderMap) -> ApiResult<Response> {
    parts::get(&service, (Section::Flag, name.into()), &headers)
}

/// Replace a flag, or create it with `If-None-Match: *`
#[utoipa::path(
    put, path = "/api/v1/flags/{name}", tag = "flags", operation_id = "replace_flag",
    params(("name" = String, Path, description = "The flag", pattern = "^[A-Za-z0-9._-]{1,128}$"), schema::Seen, Comment),
    request_body = schema::Doc,
    responses(
        (status = 200, description = "Replaced", body = WrittenPart, headers(("ETag" = String, description = "`\"<revision>\"`"))),
        (status = 201, description = "Created", body = WrittenPart, headers(("ETag" = String, description = "`\"<revision>\"`"))),
        schema::WriteFailures, schema::Failures
    )
)]
async fn replace(
    State(service): State<Arc<Service>>,
    caller: Admin,
    Path(name): Path<String>,
    Query(why): Query<Comment>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let doc = document(&body)?;
    parts::write(service, caller, (Section::Flag, name.into()), Change::Replace(doc), headers, why.comment).await
}

/// Change parts of a flag: a JSON merge patch (RFC 7396)
#[utoipa::path(
    patch, path = "/api/v1/flags/{name}", tag = "flags", operation_id = "patch_flag",
    params(("name" = String, Path, description = "The flag", pattern = "^[A-Za-z0-9._-]{1,128}$"), schema::SeenIt, Comment),
    request_body(content = schema::Doc, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "Changed", body = WrittenPart, headers(("ETag" = String, description = "`\"<revision>\"`"))),
        schema::WriteFailures, schema::Failures
    )
)]
async fn patch(
    State(service): State<Arc<Service>>,
    caller: Admin,
    Path(name): Path<String>,
    Query(why): Query<Comment>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Response> {
    let change = Change::Patch(body.json()?);
    parts::write(service, caller, (Section::Flag, name.into()), change, headers, why.comment).await
}

/// Archive a flag: it leaves all rulesets and can be restored
#[utoipa::path(
    delete, path = "/api/v1/flags/{name}", tag = "flags", operation_id = "archive_flag",
    params(("name" = String, Path, description = "The flag", pattern = "^[A-Za-z0-9._-]{1,128}$"), schema::SeenIt, Comment),
    responses(
        (status = 200, description = "Archived", body = WrittenPart, headers(("ETag" = String, description = "`\"<revision>\"`"))),
        schema::WriteFailures, schema::Failures
    )
)]
async fn archive(
    State(service): State<Arc<Service>>,
    caller: Admin,
    Path(name): Path<String>,
    Query(why): Query<Comment>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    parts::write(service, caller, (Section::Flag, name.into()), Change::Archive, headers, why.comment).await
}

/// Bring an archived flag back
#[utoipa::path(
    post, path = "/api/v1/flags/{name}/restore", tag = "flags", operation_id = "restore_flag",
    params(
        ("name" = String, Path, description = "The flag", pattern = "^[A-Za-z0-9._-]{1,128}$"),
        ("If-Match" = Option<String>, Header, description = "The `ETag` of what you got, if it matters"),
        Comment
    ),
    responses(
        (status = 200, description = "Restored", body = WrittenPart, headers(("ETag" = String, description = "`\"<revision>\"`"))),
        schema::WriteFailures, schema::Failures
    )
)]
async fn restore(
    State(service): State<Arc<Service>>,
    caller: Admin,
    Path(name): Path<String>,
    Query(why): Query<Comment>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    parts::write(service, caller, (Section::Flag, name.into()), Change::Restore, headers, why.comment).await
}
