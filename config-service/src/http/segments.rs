//! Managing segments: list, create, get, replace, patch, archive, restore.

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

/// List segments
#[utoipa::path(
    get, path = "/api/v1/segments", tag = "segments", operation_id = "list_segments", params(Filter),
    responses((status = 200, description = "A page", body = Page), schema::Failures)
)]
async fn list(State(service): State<Arc<Service>>, _: Admin, Query(filter): Query<Filter>) -> ApiResult<Json<Page>> {
    parts::list(&service, Section::Segment, &filter)
}

/// Create a segment
#[utoipa::path(
    post, path = "/api/v1/segments", tag = "segments", operation_id = "create_segment", params(Comment),
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
    parts::write(service, caller, (Section::Segment, name), Change::Create(doc), headers, why.comment).await
}

/// Get a segment
#[utoipa::path(
    get, path = "/api/v1/segments/{name}", tag = "segments", operation_id = "get_segment",
    params(
        ("name" = String, Path, description = "The segment", pattern = "^[A-Za-z0-9._-]{1,128}$"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` that the client has")
    ),
    responses(
        (status = 200, description = "The segment", body = Part, headers(("ETag" = String, description = "`\"<revision>\"`"))),
        (status = 304, description = "Nothing changed"),
        (status = 404, description = "No such segment", body = schema::ErrorBody),
        schema::Failures
    )
)]
async fn get(State(service): State<Arc<Service>>, _: Admin, Path(name): Path<String>, headers: HeaderMap) -> ApiResult<Response> {
    parts::get(&service, (Section::Segment, name.into()), &headers)
}

/// Replace a segment, or create it with `If-None-Match: *`
#[utoipa::path(
    put, path = "/api/v1/segments/{name}", tag = "segments", operation_id = "replace_segment",
    params(("name" = String, Path, description = "The segment", pattern = "^[A-Za-z0-9._-]{1,128}$"), schema::Seen, Comment),
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
    parts::write(service, caller, (Section::Segment, name.into()), Change::Replace(doc), headers, why.comment).await
}

/// Change parts of a segment: a JSON merge patch (RFC 7396)
#[utoipa::path(
    patch, path = "/api/v1/segments/{name}", tag = "segments", operation_id = "patch_segment",
    params(("name" = String, Path, description = "The segment", pattern = "^[A-Za-z0-9._-]{1,128}$"), schema::SeenIt, Comment),
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
    parts::write(service, caller, (Section::Segment, name.into()), change, headers, why.comment).await
}

/// Archive a segment: it leaves all rulesets and can be restored
#[utoipa::path(
    delete, path = "/api/v1/segments/{name}", tag = "segments", operation_id = "archive_segment",
    params(("name" = String, Path, description = "The segment", pattern = "^[A-Za-z0-9._-]{1,128}$"), schema::SeenIt, Comment),
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
    parts::write(service, caller, (Section::Segment, name.into()), Change::Archive, headers, why.comment).await
}

/// Bring an archived segment back
#[utoipa::path(
    post, path = "/api/v1/segments/{name}/restore", tag = "segments", operation_id = "restore_segment",
    params(
        ("name" = String, Path, description = "The segment", pattern = "^[A-Za-z0-9._-]{1,128}$"),
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
    parts::write(service, caller, (Section::Segment, name.into()), Change::Restore, headers, why.comment).await
}
