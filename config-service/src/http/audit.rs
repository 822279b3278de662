//! Who changed what, when and why; and the way back.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::error::{ApiError, ApiResult};
use super::parts::page_length;
use super::request::{Admin, Path, Query, off_thread};
use super::schema;
use super::write::{Comment, Written, note, raw};
use crate::clock::to_rfc3339;
use crate::environments::exchange;
use crate::environments::refusal::Refusal;
use crate::service::Service;
use crate::store::{AuditEntry, AuditQuery, Section};

/// The routes.
pub fn router() -> OpenApiRouter<Arc<Service>> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(rollback))
}

#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct AuditFilter {
    /// Only what touched this flag.
    flag: Option<String>,
    /// Only what touched this segment.
    segment: Option<String>,
    /// Only what comes after this entry in the list, which begins with the newest.
    after: Option<u64>,
    /// How many: 1 to 1000; default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
}

/// One change.
#[derive(Serialize, ToSchema)]
struct AuditItem {
    /// Its number.
    id: u64,
    /// When.
    #[schema(format = DateTime)]
    at: String,
    /// Who: `key/<id>`, or `local` where no keys are wanted.
    actor: String,
    /// What was done.
    action: String,
    /// To what.
    target: String,
    /// The environments that moved by it, and the versions they got.
    #[schema(value_type = std::collections::BTreeMap<String, super::write::Stands>)]
    environments: Box<RawValue>,
    /// The changed flags and segments before; null where there was none.
    #[schema(value_type = schema::AuditParts)]
    before: Box<RawValue>,
    /// The same after; null where there is none any more.
    #[schema(value_type = schema::AuditParts)]
    after: Box<RawValue>,
    /// Why.
    #[schema(required)]
    comment: Option<String>,
}

impl From<AuditEntry> for AuditItem {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: to_rfc3339(entry.at),
            actor: entry.actor,
            action: entry.action,
            target: entry.target,
            environments: raw(&entry.environments),
            before: raw(&entry.before),
            after: raw(&entry.after),
            comment: entry.comment,
        }
    }
}

#[derive(Serialize, ToSchema)]
struct AuditPage {
    /// Newest first.
    items: Vec<AuditItem>,
    /// To be sent as `after` for the next page; null on the last one.
    #[schema(required)]
    next: Option<u64>,
}

/// Read the audit log
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", operation_id = "list_audit", params(AuditFilter),
    responses((status = 200, description = "A page", body = AuditPage), schema::Failures)
)]
async fn list(State(service): State<Arc<Service>>, _: Admin, Query(filter): Query<AuditFilter>) -> ApiResult<Json<AuditPage>> {
    let limit = page_length(filter.limit)?;
    let part = match (filter.flag, filter.segment) {
        (Some(_), Some(_)) => return Err(ApiError::bad_request("ask for a flag or for a segment, not for both")),
        (Some(flag), None) => Some((Section::Flag, flag.into())),
        (None, Some(segment)) => Some((Section::Segment, segment.into())),
        (None, None) => None,
    };
    let before = filter.after.map(|after| after.min(i64::MAX as u64));
    // One more than asked tells whether there is another page.
    let query = AuditQuery { part, before, limit: limit + 1 };
    let mut entries = off_thread(&service, move |service| Ok(service.environments.store().audit(&query)?)).await?;
    let has_more = entries.len() > limit;
    entries.truncate(limit);
    let next = if has_more { entries.last().map(|entry| entry.id) } else { None };
    Ok(Json(AuditPage { items: entries.into_iter().map(AuditItem::from).collect(), next }))
}

/// Undo a change
///
/// A new commit: the flags and segments of that change go back to what they were before it, whatever came after.
#[utoipa::path(
    post, path = "/api/v1/audit/{id}/rollback", tag = "audit", operation_id = "rollback",
    params(("id" = u64, Path, description = "The number of the entry"), Comment),
    responses((status = 200, description = "Undone", body = Written), schema::WriteFailures, schema::Failures)
)]
async fn rollback(
    State(service): State<Arc<Service>>,
    caller: Admin,
    Path(id): Path<u64>,
    Query(why): Query<Comment>,
) -> ApiResult<Json<Written>> {
    let note = note(&service, &caller, "rollback", format!("audit/{id}"), why.comment)?;
    let outcome = off_thread(&service, move |service| {
        let entry = service.environments.store().audit_entry(id)?.ok_or(Refusal::NoAuditEntry(id))?;
        let draft = exchange::rollback(&entry, note)?;
        Ok(service.environments.write(&draft)?)
    })
    .await?;
    Ok(Json(outcome.into()))
}
