//! The guide's two endpoints: one flag, or several, for one user.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use jackstaff::context::Context;
use jackstaff::eval;
use jackstaff::evaluation::{ErrorCode, Evaluation};
use jackstaff::format::native::is_name;
use jackstaff::ir::Snapshot;
use jackstaff::value::Value;
use jackstaff::wire::{BatchRequest, EvaluateRequest, EvaluateResponse, MAX_BATCH, answer_json, batch_json};
use serde::Deserialize;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::fresh::{Wanted, at_least};
use super::request::{Body, Query, Question, json, require_environment};
use super::schema;
use crate::context::context_of;
use crate::keys::Caller;
use crate::service::Service;

/// The routes.
pub fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(evaluate)).routes(routes!(evaluate_batch))
}

/// Evaluate one flag
#[utoipa::path(
    post, path = "/api/v1/feature-flags/evaluate", tag = "evaluate",
    params(("X-FF-Min-Version" = Option<String>, Header, description = "`<epoch>-<n>` or `<n>`: not an answer older than this")),
    request_body = schema::EvaluateRequest,
    responses(
        (status = 200, description = "The answer", body = schema::EvaluateResponse),
        (status = 404, description = "No such flag or environment: the caller's default applies", body = schema::ErrorBody),
        (status = 422, description = "The flag cannot be evaluated: the caller's default applies", body = schema::ErrorBody),
        schema::Failures
    )
)]
async fn evaluate(State(service): State<Arc<Service>>, caller: Caller, wanted: Wanted, Question(body): Question) -> ApiResult<Response> {
    let request = body.parsed(EvaluateRequest::from_json)?;
    require_environment(&caller, &request.environment)?;
    if !is_name(&request.flag_name) {
        let shown: String = request.flag_name.chars().take(60).collect();
        return Err(ApiError::bad_request(format!(
            "flag_name \"{shown}\" is not a name: 1 to 128 letters, digits, dots, hyphens and underscores"
        )));
    }
    let context = context(request.user_id, request.context)?;
    let published = at_least(&service, &request.environment, wanted).await?;
    let snapshot = &*published.snapshot;
    let evaluation = answer(&service, snapshot, &request.flag_name, &context);
    service.metrics.evaluation(evaluation.reason);
    match evaluation.error {
        None => json(answer_json(&EvaluateResponse::from_evaluation(&evaluation, Some(&snapshot.environment)))),
        Some(ErrorCode::FlagNotFound) => {
            let message = format!("there is no flag \"{}\" in environment \"{}\"", request.flag_name, request.environment);
            Err(ApiError::new(StatusCode::NOT_FOUND, "flag_not_found", message))
        }
        Some(error) => Err(invalid(snapshot, &request.flag_name, error)),
    }
}

/// Evaluate several flags
///
/// The guide's form is a list of names, with `user_id` and `environment` in the query. The other form, an object, keeps ids out
/// of access logs and takes attributes. A flag without an answer keeps its key and has no `enabled`.
#[utoipa::path(
    post, path = "/api/v1/feature-flags/evaluate/batch", tag = "evaluate",
    params(
        BatchQuery,
        ("X-FF-Min-Version" = Option<String>, Header, description = "`<epoch>-<n>` or `<n>`: no answers older than this")
    ),
    request_body = schema::BatchBody,
    responses(
        (status = 200, description = "The answers by flag", body = std::collections::BTreeMap<String, schema::BatchAnswer>),
        (status = 404, description = "No such environment", body = schema::ErrorBody),
        schema::Failures
    )
)]
async fn evaluate_batch(
    State(service): State<Arc<Service>>,
    caller: Caller,
    wanted: Wanted,
    Query(query): Query<BatchQuery>,
    Question(body): Question,
) -> ApiResult<Response> {
    let request = batch_request(&body, query)?;
    require_environment(&caller, &request.environment)?;
    let names = request.flag_names.map(|mut names| {
        names.sort_unstable();
        names.dedup();
        names
    });
    let asked = names.as_ref().map_or(0, Vec::len);
    if asked > MAX_BATCH {
        return Err(ApiError::bad_request(format!("{asked} flags are too many for one batch: ask for at most {MAX_BATCH}")));
    }
    let context = context(request.user_id, request.context)?;
    let published = at_least(&service, &request.environment, wanted).await?;
    let snapshot = &*published.snapshot;
    let every = || {
        let mut names: Vec<&str> = snapshot.flags().map(|flag| &*flag.key).collect();
        names.sort_unstable();
        names
    };
    let names: Vec<&str> = names.as_ref().map_or_else(every, |names| names.iter().map(String::as_str).collect());
    let answers = names.into_iter().map(|name| {
        let evaluation = answer(&service, snapshot, name, &context);
        service.metrics.evaluation(evaluation.reason);
        (name, EvaluateResponse::from_evaluation(&evaluation, None))
    });
    json(batch_json(&answers.collect::<Vec<_>>()))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct BatchQuery {
    /// The targeting key, for the form with a list.
    user_id: Option<String>,
    /// The environment, for the form with a list.
    environment: Option<String>,
}

/// Both forms of a batch, made one. What the body says goes before what the query says.
fn batch_request(body: &Body, query: BatchQuery) -> ApiResult<BatchRequest> {
    let is_object = body.0.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{');
    let mut request: PartialBatch =
        if is_object { body.json()? } else { PartialBatch { flag_names: Some(body.json()?), ..PartialBatch::default() } };
    let environment =
        request.environment.take().or(query.environment).ok_or_else(|| {
            ApiError::bad_request("environment is missing: put it into the query (?environment=production) or into the body")
        })?;
    let user_id = request.user_id.or_else(|| query.user_id.map(Value::from));
    Ok(BatchRequest { flag_names: request.flag_names, user_id, environment, context: request.context })
}

#[derive(Default, Deserialize)]
struct PartialBatch {
    flag_names: Option<Vec<String>>,
    user_id: Option<Value>,
    environment: Option<String>,
    context: Option<Value>,
}

fn context(user_id: Option<Value>, attributes: Option<Value>) -> ApiResult<Context> {
    context_of(user_id, attributes).map_err(ApiError::bad_request)
}

fn answer(service: &Service, snapshot: &Snapshot, flag: &str, context: &Context) -> Evaluation {
    let now = || service.environments.now();
    eval::finish(eval::evaluate(snapshot, flag, context.view(), &now), snapshot, flag, None, &Value::Null)
}

fn invalid(snapshot: &Snapshot, name: &str, error: ErrorCode) -> ApiError {
    let why = snapshot.flag(name).and_then(|flag| flag.body.as_ref().err()).map(|invalid| invalid.message.clone());
    let message = format!("flag \"{name}\" cannot be evaluated: {}", why.as_deref().unwrap_or(error.as_str()));
    ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "flag_invalid", message).with_details(serde_json::json!({"error": error.as_str()}))
}
