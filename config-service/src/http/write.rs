//! What every write has in common: what the writer must have seen, who writes and why, and what comes back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jackstaff::ruleset::Problem;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult};
use super::request::{Admin, header};
use crate::clock::to_rfc3339;
use crate::environments::Outcome;
use crate::environments::plan::Expectation;
use crate::service::Service;
use crate::store::{Note, PartName, Record, Standing};

/// The longest comment, in characters.
const MAX_COMMENT: usize = 1_000;

/// Why something is written.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Comment {
    /// Why, for the audit log: at most 1000 characters.
    #[param(max_length = 1000)]
    pub comment: Option<String>,
}

/// The audit note of a write.
///
/// # Errors
/// 400 if the comment is too long.
pub fn note(service: &Service, caller: &Admin, action: &'static str, target: String, comment: Option<String>) -> ApiResult<Note> {
    if let Some(length) = comment.as_ref().map(|comment| comment.chars().count()).filter(|length| *length > MAX_COMMENT) {
        return Err(ApiError::bad_request(format!("the comment has {length} characters: at most {MAX_COMMENT} are kept")));
    }
    Ok(Note { at: service.environments.now(), actor: caller.0.actor(), action, target, comment })
}

/// What `If-Match` or `If-None-Match: *` says that the writer has seen. `revision` is the one there is.
///
/// # Errors
/// 428 if neither header is there.
pub fn expectation(headers: &HeaderMap, revision: Option<u64>) -> ApiResult<Expectation> {
    if header(headers, &IF_NONE_MATCH).is_some_and(|tags| tags.trim() == "*") {
        return Ok(Expectation::Absent);
    }
    let tags = header(headers, &IF_MATCH).ok_or_else(|| {
        let message = "say what you have seen: If-Match: \"<revision>\" (the ETag of what you got), If-Match: * for whatever is there, or on PUT If-None-Match: * to create";
        ApiError::new(StatusCode::PRECONDITION_REQUIRED, "precondition_required", message)
    })?;
    if tags.trim() == "*" {
        return Ok(Expectation::Present);
    }
    let current = revision.map(etag);
    // A proxy that compresses weakens tags; a revision is the same document whichever way it is coded.
    let matches = tags.split(',').map(|tag| tag.trim()).any(|tag| current.as_deref() == Some(tag.strip_prefix("W/").unwrap_or(tag)));
    // There is no revision 0: it matches nothing.
    Ok(Expectation::Revision(revision.filter(|_| matches).unwrap_or(0)))
}

/// A revision as `ETag`.
pub fn etag(revision: u64) -> String {
    format!("\"{revision}\"")
}

/// A flag or segment.
#[derive(Serialize, ToSchema)]
pub struct Part {
    /// Its name.
    pub name: Arc<str>,
    /// One higher with every write; the `ETag`.
    pub revision: u64,
    /// Archived ones are in no ruleset.
    pub archived: bool,
    /// When it was made.
    #[schema(format = DateTime)]
    pub created_at: String,
    /// When it was last written.
    #[schema(format = DateTime)]
    pub updated_at: String,
    /// The document, as under `flags:` or `segments:` of a flag file.
    #[schema(value_type = std::collections::BTreeMap<String, serde_json::Value>)]
    pub doc: Box<RawValue>,
}

impl Part {
    /// The part as it is shown.
    pub fn new(name: &Arc<str>, record: &Record) -> Self {
        Self {
            name: name.clone(),
            revision: record.revision,
            archived: record.archived,
            created_at: to_rfc3339(record.created_at),
            updated_at: to_rfc3339(record.updated_at),
            doc: raw(&record.doc),
        }
    }
}

/// Kept JSON text as it is; null if somebody's hand in the store has made it something else.
pub fn raw(text: &str) -> Box<RawValue> {
    RawValue::from_string(text.to_owned()).unwrap_or_else(|_| RawValue::NULL.to_owned())
}

/// Where an environment stands.
#[derive(Serialize, ToSchema)]
pub struct Stands {
    /// The life of the environment; versions of different epochs do not compare.
    pub epoch: Arc<str>,
    /// Its version.
    pub version: u64,
}

impl From<&Standing> for Stands {
    fn from(standing: &Standing) -> Self {
        Self { epoch: standing.epoch.clone(), version: standing.version }
    }
}

/// A mistake, or something to look at.
#[derive(Serialize, ToSchema)]
pub struct Warning {
    /// The steps to it.
    path: String,
    /// The line, from 1; 0 if unknown.
    line: u32,
    /// The column, from 1; 0 if unknown.
    column: u32,
    /// What it is.
    message: String,
}

impl From<Problem> for Warning {
    fn from(problem: Problem) -> Self {
        Self { path: problem.path, line: problem.at.line, column: problem.at.column, message: problem.message }
    }
}

/// What a write did.
#[derive(Serialize, ToSchema)]
pub struct Written {
    /// Its number in the audit log; null if nothing changed.
    #[schema(required)]
    pub audit: Option<u64>,
    /// The environments that moved and where they stand now.
    pub environments: BTreeMap<Arc<str>, Stands>,
    /// What somebody should look at.
    pub warnings: Vec<Warning>,
}

impl From<Outcome> for Written {
    fn from(outcome: Outcome) -> Self {
        Self {
            audit: outcome.audit,
            environments: outcome.moved.iter().map(|(name, standing)| (name.clone(), standing.into())).collect(),
            warnings: outcome.warnings.into_iter().map(Warning::from).collect(),
        }
    }
}

/// What a write of one part did, and what the part is now.
#[derive(Serialize, ToSchema)]
pub struct WrittenPart {
    /// The part.
    #[serde(flatten)]
    pub part: Part,
    /// What was done.
    #[serde(flatten)]
    pub written: Written,
}

impl WrittenPart {
    /// The answer to a write of `part`, with its `ETag`. Warnings about other parts are left out: whoever wrote this
    /// flag need not hear at every write what others have left lying about.
    ///
    /// # Errors
    /// The part is gone, which only another process could have done in this moment: 503, try again.
    pub fn answer(service: &Service, status: StatusCode, part: &PartName, mut outcome: Outcome) -> ApiResult<Response> {
        let record = outcome.parts.remove(part).or_else(|| service.environments.state().parts.get(part).cloned());
        let record = record.ok_or_else(|| ApiError::from(crate::store::StoreError::Stale))?;
        let own = format!("{}.{}", part.0.plural(), part.1);
        outcome
            .warnings
            .retain(|problem| problem.path.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])));
        let revision = record.revision;
        let body = Self { part: Part::new(&part.1, &record), written: outcome.into() };
        Ok(tagged(status, &etag(revision), Json(body)))
    }
}

/// A response with an `ETag`.
pub fn tagged(status: StatusCode, tag: &str, body: impl IntoResponse) -> Response {
    let mut response = (status, body).into_response();
    // Epochs and revisions are plain ASCII; were one not, the response goes without a tag.
    response.headers_mut().extend(HeaderValue::from_str(tag).ok().map(|value| (ETAG, value)));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_writer_has_seen() {
        let seen = |name, value: &str, revision| expectation(&HeaderMap::from_iter([(name, value.parse().unwrap())]), revision).unwrap();
        assert_eq!(seen(IF_MATCH, "\"3\"", Some(3)), Expectation::Revision(3));
        assert_eq!(seen(IF_MATCH, "W/\"3\"", Some(3)), Expectation::Revision(3));
        assert_eq!(seen(IF_MATCH, "\"1\", \"3\"", Some(3)), Expectation::Revision(3));
        assert_eq!(seen(IF_MATCH, "\"2\"", Some(3)), Expectation::Revision(0));
        assert_eq!(seen(IF_MATCH, "3", Some(3)), Expectation::Revision(0));
        assert_eq!(seen(IF_MATCH, "*", Some(3)), Expectation::Present);
        assert_eq!(seen(IF_NONE_MATCH, "*", None), Expectation::Absent);
        assert_eq!(expectation(&HeaderMap::new(), Some(1)).unwrap_err().status(), StatusCode::PRECONDITION_REQUIRED);
    }
}
