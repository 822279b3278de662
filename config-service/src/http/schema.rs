//! The API's JSON as the OpenAPI describes it.
//!
//! The types that are really read and written are the core's `wire` and `ruleset`, which know nothing of OpenAPI; a test holds
//! both against each other, so that this description cannot drift away.

#![allow(dead_code, reason = "these types describe; nothing makes one")]

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::{IntoResponses, Modify, ToSchema};

/// How callers show their key.
pub struct Security;

impl Modify for Security {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        components.add_security_scheme("api_key", SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new("X-API-Key"))));
    }
}

/// Ask about one flag.
#[derive(Serialize, ToSchema)]
pub struct EvaluateRequest {
    /// The flag.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,128}$", example = "new_ui")]
    flag_name: String,
    /// The targeting key; a number is taken as its digits. May be missing where a context is given.
    #[schema(example = "user123")]
    user_id: Option<UserId>,
    /// The environment.
    #[schema(example = "production")]
    environment: String,
    /// The attributes: at most 256.
    context: Option<BTreeMap<String, Value>>,
}

/// A targeting key.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum UserId {
    /// As text.
    Text(String),
    /// As a number.
    Number(f64),
}

/// The answer about one flag.
#[derive(Serialize, ToSchema)]
pub struct EvaluateResponse {
    /// The flag.
    flag_name: String,
    /// The environment.
    environment: String,
    /// Is it on?
    enabled: bool,
    /// The value of the variant that is served.
    value: Value,
    /// The variant that is served.
    #[schema(required)]
    variant: Option<String>,
    /// Why.
    reason: Reason,
    /// The rule that decided, where one did and has a name.
    rule: Option<String>,
    /// The version of the last change that could have altered this answer.
    version: u64,
    /// The life of the store that `version` counts in.
    epoch: String,
}

/// Why a flag answered as it did.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The user is listed.
    UserTargeted,
    /// A rule matched.
    RuleMatched,
    /// A percentage or weights decided.
    Rollout,
    /// No rule matched.
    Fallthrough,
    /// The flag is off, or outside its schedule.
    Disabled,
    /// Another flag did not answer as this one needs.
    PrerequisiteFailed,
    /// There is no such flag.
    FlagNotFound,
    /// The flag holds another type.
    TypeMismatch,
    /// There is no ruleset yet.
    NotReady,
    /// The flag cannot be evaluated.
    Error,
}

/// A batch: the guide's list of names, or an object.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum BatchBody {
    /// The flags; user and environment are in the query.
    Names(Vec<String>),
    /// Everything in the body.
    Full(BatchRequest),
}

/// Ask about several flags.
#[derive(Serialize, ToSchema)]
pub struct BatchRequest {
    /// The flags, at most 500; missing for all.
    #[schema(max_items = 500)]
    flag_names: Option<Vec<String>>,
    /// The targeting key.
    user_id: Option<UserId>,
    /// The environment, unless the query names it.
    environment: Option<String>,
    /// The attributes.
    context: Option<BTreeMap<String, Value>>,
}

/// The answer about one flag of a batch.
#[derive(Serialize, ToSchema)]
pub struct BatchAnswer {
    /// Is it on? Missing if there is no answer: the caller's default applies.
    enabled: Option<bool>,
    /// The value of the variant that is served.
    value: Option<Value>,
    /// The variant that is served.
    #[schema(required)]
    variant: Option<String>,
    /// Why.
    reason: Reason,
    /// The rule that decided.
    rule: Option<String>,
    /// What is wrong with the flag, if something is.
    error: Option<String>,
    /// The version of the last change that could have altered this answer.
    version: u64,
    /// The life of the store that `version` counts in.
    epoch: String,
}

/// An error.
#[derive(Serialize, ToSchema)]
pub struct ErrorBody {
    /// The error.
    error: ErrorDetail,
}

/// What an error says.
#[derive(Serialize, ToSchema)]
pub struct ErrorDetail {
    /// A stable word to act on.
    code: String,
    /// What was wrong and what would be right.
    message: String,
    /// More, by code. For `invalid_document` a list of `{severity, path, line, column, message}`.
    details: Option<Value>,
}

/// What may go wrong everywhere.
#[derive(IntoResponses)]
pub enum Failures {
    /// The request is wrong; the message names what.
    #[response(status = 400)]
    BadRequest(#[to_schema] ErrorBody),
    /// An API key is needed, or this one is not good.
    #[response(status = 401)]
    Unauthorized(#[to_schema] ErrorBody),
    /// The key is for something else.
    #[response(status = 403)]
    Forbidden(#[to_schema] ErrorBody),
    /// The body did not arrive in time.
    #[response(status = 408)]
    Timeout(#[to_schema] ErrorBody),
    /// The body is too large.
    #[response(status = 413)]
    TooLarge(#[to_schema] ErrorBody),
    /// The service cannot do this now; `Retry-After` says when to come back.
    #[response(status = 503)]
    Unavailable(#[to_schema] ErrorBody),
}

/// A flag or segment in a ruleset.
#[derive(Serialize, ToSchema)]
pub struct Entry {
    /// The version of the last commit that could change what it answers.
    version: u64,
    /// Its document, with this environment's settings laid over the shared ones.
    doc: Value,
}

/// All that is needed to evaluate an environment's flags.
#[derive(Serialize, ToSchema)]
pub struct Ruleset {
    /// The environment.
    environment: String,
    /// The life of the store; versions of different epochs do not compare.
    epoch: String,
    /// One higher with every commit that changed this.
    version: u64,
    /// The flags by name.
    flags: BTreeMap<String, Entry>,
    /// The segments by name.
    segments: BTreeMap<String, Entry>,
    /// A fingerprint of names and versions.
    digest: Option<String>,
}

/// What moved between two versions of a ruleset.
#[derive(Serialize, ToSchema)]
pub struct Delta {
    /// The environment.
    environment: String,
    /// The epoch of both versions.
    epoch: String,
    /// The version to apply it to.
    prev: u64,
    /// The version that comes out.
    version: u64,
    /// Flags that are new or different.
    put_flags: BTreeMap<String, Entry>,
    /// Flags that are gone.
    del_flags: Vec<String>,
    /// Segments that are new or different.
    put_segments: BTreeMap<String, Entry>,
    /// Segments that are gone.
    del_segments: Vec<String>,
    /// The digest of what comes out.
    digest: String,
    /// When the last of its changes was committed, in milliseconds since 1970 by the clock of the service that took it.
    committed_at: Option<i64>,
}

/// A ruleset, or what leads to it from an older one; the header `X-FF-Kind` says which.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum RulesetOrDelta {
    /// `full`
    Full(Ruleset),
    /// `delta`
    Delta(Delta),
}

/// A flag or segment as under `flags:` or `segments:` of a flag file.
#[derive(Serialize, ToSchema)]
pub struct Doc(BTreeMap<String, Value>);

/// A new flag or segment.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPart {
    /// Its name.
    #[schema(pattern = "^[A-Za-z0-9._-]{1,128}$", example = "new_ui")]
    name: String,
    /// Its document.
    doc: Doc,
}

/// A flag document, as in a file.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The JSON Schema, for editors; the service does not read it.
    #[serde(rename = "$schema")]
    #[schema(nullable = false)]
    schema: Option<String>,
    /// The environments that it is for.
    #[schema(nullable = false)]
    environments: Option<Vec<String>>,
    /// Segments by name.
    #[schema(nullable = false)]
    segments: Option<BTreeMap<String, Doc>>,
    /// Flags by name.
    #[schema(nullable = false)]
    flags: Option<BTreeMap<String, Doc>>,
}

/// What the writer has seen.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
pub struct SeenIt {
    /// The `ETag` of what you got, or `*` for whatever is there.
    #[param(rename = "If-Match")]
    if_match: String,
}

/// What the writer has seen: one of both.
#[derive(utoipa::IntoParams)]
#[into_params(parameter_in = Header)]
pub struct Seen {
    /// The `ETag` of what you got, or `*` for whatever is there.
    #[param(rename = "If-Match")]
    if_match: Option<String>,
    /// `*` to create what must not be there (`PUT`).
    #[param(rename = "If-None-Match")]
    if_none_match: Option<String>,
}

/// What may go wrong with a write; nothing is written then.
#[derive(IntoResponses)]
pub enum WriteFailures {
    /// There is none.
    #[response(status = 404)]
    NotFound(#[to_schema] ErrorBody),
    /// It is there already, or archived.
    #[response(status = 409)]
    Conflict(#[to_schema] ErrorBody),
    /// Somebody else wrote first: the `ETag` and `details.revision` say where it stands.
    #[response(status = 412)]
    Changed(#[to_schema] ErrorBody),
    /// The flags that would come out have mistakes: all are in `details`.
    #[response(status = 422)]
    Invalid(#[to_schema] ErrorBody),
    /// `If-Match` or `If-None-Match` is needed.
    #[response(status = 428)]
    PreconditionRequired(#[to_schema] ErrorBody),
}

/// Flags and segments that a change touched.
#[derive(Serialize, ToSchema)]
pub struct AuditParts {
    /// Flags by name; null where there is none.
    flags: BTreeMap<String, Value>,
    /// Segments by name; null where there is none.
    segments: BTreeMap<String, Value>,
}
