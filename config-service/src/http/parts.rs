//! Flags and segments are managed alike: what `flags.rs` and `segments.rs` describe is done here.

use std::sync::Arc;

use axum::Json;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use jackstaff::ruleset::{Node, Syntax};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::error::{ApiError, ApiResult};
use super::request::{Admin, Body, header, off_thread};
use super::rulesets::matches_tag;
use super::write::{Part, WrittenPart, etag, expectation, note, tagged};
use crate::environments::Outcome;
use crate::environments::plan::{Action, Draft, Edit, Expectation};
use crate::environments::refusal::Refusal;
use crate::service::Service;
use crate::store::{Note, PartName, Record, Section};

/// How many a list shows if nobody says.
const PAGE: usize = 100;
/// How many a list shows at most.
const MAX_PAGE: usize = 1_000;

/// How often a write that takes whatever is there is tried again when that changes under it.
const ATTEMPTS: usize = 10;

/// What a list shows.
#[derive(Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Filter {
    /// How many: 1 to 1000; default 100.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// Only what comes after this name: the `next` of the page before.
    after: Option<String>,
    /// Only those with this tag.
    tag: Option<String>,
    /// `true`: only archived ones; `false`, the default: only live ones.
    archived: Option<bool>,
    /// Only those with this in name or description, in any case.
    q: Option<String>,
}

/// A page of a list.
#[derive(Serialize, ToSchema)]
pub struct Page {
    /// In the order of their names.
    items: Vec<Part>,
    /// To be sent as `after` for the next page; null on the last one.
    #[schema(required)]
    next: Option<Arc<str>>,
}

/// The length of a page.
///
/// # Errors
/// 400 if it is not 1 to 1000.
pub fn page_length(limit: Option<usize>) -> ApiResult<usize> {
    match limit.unwrap_or(PAGE) {
        limit @ 1..=MAX_PAGE => Ok(limit),
        limit => Err(ApiError::bad_request(format!("limit is {limit}, and a page has 1 to {MAX_PAGE}"))),
    }
}

/// Lists.
///
/// # Errors
/// 400 if the limit is none.
pub fn list(service: &Service, section: Section, filter: &Filter) -> ApiResult<Json<Page>> {
    let limit = page_length(filter.limit)?;
    let state = service.environments.state();
    let q = filter.q.as_ref().map(|q| q.to_lowercase());
    let wanted = |name: &str, record: &Record| {
        record.archived == filter.archived.unwrap_or(false)
            && filter.after.as_deref().is_none_or(|after| name > after)
            && (filter.tag.is_none() && q.is_none() || describes(name, &record.doc, filter.tag.as_deref(), q.as_deref()))
    };
    let mut found = state.parts.iter().filter(|((of, name), record)| *of == section && wanted(name, record));
    let items: Vec<Part> = found.by_ref().take(limit).map(|((_, name), record)| Part::new(name, record)).collect();
    let next = if found.next().is_some() { items.last().map(|part| part.name.clone()) } else { None };
    Ok(Json(Page { items, next }))
}

/// Does a part have the tag and the text?
fn describes(name: &str, doc: &str, tag: Option<&str>, q: Option<&str>) -> bool {
    #[derive(Default, Deserialize)]
    struct Notes {
        #[serde(default)]
        tags: Vec<String>,
        description: Option<String>,
    }
    let notes: Notes = serde_json::from_str(doc).unwrap_or_default();
    let has_text =
        |q: &str| name.to_lowercase().contains(q) || notes.description.as_ref().is_some_and(|text| text.to_lowercase().contains(q));
    tag.is_none_or(|tag| notes.tags.iter().any(|other| other == tag)) && q.is_none_or(has_text)
}

/// Gets one.
///
/// # Errors
/// 404 if there is none.
pub fn get(service: &Service, part: PartName, headers: &HeaderMap) -> ApiResult<Response> {
    let state = service.environments.state();
    let record = state.parts.get(&part).ok_or_else(|| shortened(part.clone()))?;
    let tag = etag(record.revision);
    if header(headers, &IF_NONE_MATCH).is_some_and(|wanted| matches_tag(wanted, &tag)) {
        return Ok(tagged(StatusCode::NOT_MODIFIED, &tag, ()).into_response());
    }
    Ok(tagged(StatusCode::OK, &tag, Json(Part::new(&part.1, record))))
}

/// A name out of a path may be of any length; an answer repeats only its beginning.
fn shortened((section, name): PartName) -> Refusal {
    Refusal::NoPart((section, name.chars().take(128).collect::<String>().into()))
}

/// The document in a body.
///
/// # Errors
/// 400 if it is not JSON, with the place.
pub fn document(body: &Body) -> ApiResult<Node> {
    Node::parse(body.text()?, Syntax::Json).map_err(|problem| ApiError::bad_request(format!("the body is not JSON: {problem}")))
}

/// The name and the document in the body of a create.
///
/// # Errors
/// 400 if it is not `{"name": …, "doc": {…}}`.
pub fn named_document(body: &Body) -> ApiResult<(Arc<str>, Node)> {
    let node = document(body)?;
    if let Some((key, _)) = node.entries().iter().find(|(key, _)| !matches!(&*key.text, "name" | "doc")) {
        return Err(ApiError::bad_request(format!("there is no \"{}\" here: send {{\"name\": …, \"doc\": {{…}}}}", key.text)));
    }
    let (Some(name), Some(doc)) = (node.get("name").and_then(Node::as_str), node.get("doc")) else {
        return Err(ApiError::bad_request("name (text) or doc (an object) is missing: send {\"name\": …, \"doc\": {…}}"));
    };
    Ok((name.into(), doc.clone()))
}

/// What to do to a part, by name for the audit log.
pub enum Change {
    /// Make it.
    Create(Node),
    /// Replace it, or make it.
    Replace(Node),
    /// Merge this into it: RFC 7396.
    Patch(Value),
    /// Archive it.
    Archive,
    /// Bring it back.
    Restore,
}

impl Change {
    fn word(&self) -> &'static str {
        match self {
            Self::Create(_) => "create",
            Self::Replace(_) => "replace",
            Self::Patch(_) => "patch",
            Self::Archive => "archive",
            Self::Restore => "restore",
        }
    }
}

/// Writes one part.
///
/// # Errors
/// 404, 409, 412, 422, 428: see [`Refusal`]; nothing was written then.
pub async fn write(
    service: Arc<Service>,
    caller: Admin,
    part: PartName,
    change: Change,
    headers: HeaderMap,
    comment: Option<String>,
) -> ApiResult<Response> {
    let note = note(&service, &caller, change.word(), format!("{}/{}", part.0.as_str(), part.1), comment)?;
    let seen_any = header(&headers, &IF_MATCH).is_some_and(|tags| tags.trim() == "*");
    off_thread(&service, move |service| {
        for attempt in 1.. {
            // The caller may have seen it at another service, where it is newer than here.
            service.environments.refresh()?;
            match write_once(service, &part, &change, &headers, &note) {
                // Whoever takes whatever is there does not care that it changed in between.
                Err(Refused::Write(Refusal::Changed(..))) if seen_any && attempt < ATTEMPTS => {}
                Err(Refused::Write(refusal)) => return Err(refusal.into()),
                Err(Refused::Request(error)) => return Err(error),
                Ok((status, outcome)) => return WrittenPart::answer(service, status, &part, outcome),
            }
        }
        Err(super::request::internal())
    })
    .await
}

/// Why a part was not written: by the request itself, or by what is there.
enum Refused {
    Request(ApiError),
    Write(Refusal),
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Self {
        Self::Request(error)
    }
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Write(refusal)
    }
}

fn write_once(
    service: &Service,
    part: &PartName,
    change: &Change,
    headers: &HeaderMap,
    note: &Note,
) -> Result<(StatusCode, Outcome), Refused> {
    let state = service.environments.state();
    let record = state.parts.get(part);
    let expected = match change {
        Change::Create(_) => Expectation::Absent,
        // Restoring is what it is whatever the revision; whoever cares may say so.
        Change::Restore => expectation(headers, record.map(|record| record.revision)).unwrap_or(Expectation::Present),
        _ => expectation(headers, record.map(|record| record.revision))?,
    };
    // Against a lost race as well: what was seen here must still be there when it is written.
    let expected = match (change, expected, record) {
        (Change::Patch(_), Expectation::Present, Some(record)) => Expectation::Revision(record.revision),
        _ => expected,
    };
    let action = match change {
        Change::Create(node) | Change::Replace(node) => Action::Put(node.clone()),
        Change::Patch(patch) => Action::Put(patched(record.ok_or_else(|| shortened(part.clone()))?, patch.clone())?),
        Change::Archive => Action::Archive,
        Change::Restore => Action::Restore,
    };
    let status = if record.is_none() { StatusCode::CREATED } else { StatusCode::OK };
    let edit = Edit { part: part.clone(), expected, action };
    Ok((status, service.environments.write(&Draft { note: note.clone(), edits: vec![edit], ..Draft::default() })?))
}

fn patched(record: &Record, patch: Value) -> ApiResult<Node> {
    if !patch.is_object() {
        return Err(ApiError::bad_request("a patch is a JSON object: what it names is replaced, what it sets to null goes (RFC 7396)"));
    }
    let mut doc: Value = serde_json::from_str(&record.doc).unwrap_or_default();
    merge(&mut doc, patch);
    let text = doc.to_string();
    Node::from_json(&text).map_err(|problem| ApiError::bad_request(problem.to_string()))
}

/// RFC 7396.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(target) = target else { return };
    for (key, value) in patch {
        if value.is_null() {
            target.shift_remove(&key); // keeps the order of the others
        } else {
            merge(target.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn merge_is_that_of_the_rfc() {
        // The examples of RFC 7396, appendix A, as far as the patch is an object.
        for (mut target, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ] {
            merge(&mut target, patch);
            assert_eq!(target, result);
        }
    }
}
