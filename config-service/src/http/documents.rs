//! Whole documents: export, import, and the JSON Schema they follow.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jackstaff::format::native::SCHEMA;
use jackstaff::ruleset::Syntax;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::request::{Admin, Body, Query, header, off_thread};
use super::schema;
use super::write::{Written, note};
use crate::environments::exchange;
use crate::keys::Caller;
use crate::service::Service;
use crate::store::Section;
use crate::yaml;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(export)).routes(routes!(import)).routes(routes!(document_schema))
}

/// Export all flags, segments and environments
///
/// One native document, without what is archived: JSON, or YAML if `Accept` wants `application/yaml`.
#[utoipa::path(
    get, path = "/api/v1/export", tag = "documents",
    responses(
        (status = 200, description = "The document", content((schema::Document = "application/json"), (String = "application/yaml"))),
        schema::Failures
    )
)]
async fn export(State(service): State<Arc<Service>>, _: Admin, headers: HeaderMap) -> Response {
    let node = service.environments.state().document.to_node();
    if header(&headers, &ACCEPT).is_some_and(|accepted| accepted.contains("yaml")) {
        return ([(CONTENT_TYPE, "application/yaml")], yaml::to_yaml(&node)).into_response();
    }
    Json(node).into_response()
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct ImportQuery {
    /// `true`: say what would change, and change nothing.
    #[serde(default)]
    #[param(required = false)]
    dry_run: bool,
    /// `true`: archive what the document does not name. By default that stays as it is.
    #[serde(default)]
    #[param(required = false)]
    replace: bool,
    /// Why, for the audit log.
    #[param(max_length = 1000)]
    comment: Option<String>,
}

/// What an import did, or would do.
#[derive(Serialize, ToSchema)]
struct Imported {
    /// The flags that changed.
    flags: Vec<Arc<str>>,
    /// The segments that changed.
    segments: Vec<Arc<str>>,
    /// What was done.
    #[serde(flatten)]
    written: Written,
}

/// Import a document in one commit
///
/// JSON, YAML or TOML by its content type. Flags and segments replace those of the same names, missing environments are made.
/// With mistakes nothing is written, and all of them are told.
#[utoipa::path(
    post, path = "/api/v1/import", tag = "documents", params(ImportQuery),
    request_body(content((schema::Document = "application/json"), (String = "application/yaml"), (String = "application/toml"))),
    responses(
        (status = 200, description = "Imported, or what would be", body = Imported),
        (status = 415, description = "Not a content type that can be read", body = schema::ErrorBody),
        (status = 422, description = "The document has mistakes: all are in `details`", body = schema::ErrorBody),
        schema::Failures
    )
)]
async fn import(
    State(service): State<Arc<Service>>,
    caller: Admin,
    Query(query): Query<ImportQuery>,
    headers: HeaderMap,
    body: Body,
) -> ApiResult<Json<Imported>> {
    let syntax = syntax(header(&headers, &CONTENT_TYPE))?;
    body.text()?;
    let note = note(&service, &caller, "import", "document".to_owned(), query.comment)?;
    let outcome = off_thread(&service, move |service| {
        let environments = &service.environments;
        let draft = exchange::import(&environments.state(), body.text()?, syntax, query.replace, note)?;
        Ok(if query.dry_run { environments.rehearse(&draft)? } else { environments.write(&draft)? })
    })
    .await?;
    let of = |wanted| outcome.parts.keys().filter(|(section, _)| *section == wanted).map(|(_, name)| name.clone()).collect();
    Ok(Json(Imported { flags: of(Section::Flag), segments: of(Section::Segment), written: outcome.into() }))
}

/// The syntax that a content type says; JSON if it says none.
fn syntax(content_type: Option<&str>) -> ApiResult<Syntax> {
    let kind = content_type.unwrap_or("application/json").split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.rsplit(['/', '+']).next().unwrap_or_default() {
        // curl says x-www-form-urlencoded when nobody told it otherwise; JSON is what people mean then.
        "json" | "x-www-form-urlencoded" => Ok(Syntax::Json),
        "yaml" | "x-yaml" => Ok(Syntax::Yaml),
        "toml" => Ok(Syntax::Toml),
        _ => {
            let message =
                format!("content type \"{kind}\" cannot be imported: send application/json, application/yaml or application/toml");
            Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message))
        }
    }
}

/// The JSON Schema of flag documents
#[utoipa::path(
    get, path = "/api/v1/schema", tag = "documents", operation_id = "document_schema",
    responses((status = 200, description = "The schema", body = schema::Doc), schema::Failures)
)]
async fn document_schema(_: Caller) -> impl IntoResponse {
    ([(CONTENT_TYPE, "application/json")], SCHEMA)
}
