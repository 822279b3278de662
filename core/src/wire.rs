//! Every JSON name of the HTTP API, here only; the service and the clients share these types.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

use crate::context::View;
use crate::evaluation::{ErrorCode, Evaluation, Origin, Reason};
use crate::value::Value;

/// `POST` here to evaluate one flag.
pub const EVALUATE_PATH: &str = "/api/v1/feature-flags/evaluate";
/// `POST` here to evaluate several.
pub const BATCH_PATH: &str = "/api/v1/feature-flags/evaluate/batch";
/// `GET` the ruleset of an environment below here, and its stream at `…/stream`.
pub const RULESETS_PATH: &str = "/api/v1/rulesets";
/// The most flags that one batch may name.
pub const MAX_BATCH: usize = 500;
/// About what an answer about one flag takes.
const ANSWER_BYTES: usize = 192;
/// Ask for an answer of this version or a later one.
pub const MIN_VERSION_HEADER: &str = "x-ff-min-version";
/// `full` or `delta`: what a ruleset response holds.
pub const KIND_HEADER: &str = "x-ff-kind";

/// The names of the stream's events.
pub mod event {
    /// A whole [`crate::ruleset::Ruleset`].
    pub const FULL: &str = "full";
    /// A [`crate::ruleset::Delta`].
    pub const DELTA: &str = "delta";
    /// A [`super::Ping`].
    pub const PING: &str = "ping";
    /// A [`super::Goodbye`].
    pub const GOODBYE: &str = "goodbye";
}

/// The body of an evaluate request.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvaluateRequest {
    /// The flag.
    pub flag_name: String,
    /// The targeting key: text, or a number taken as its digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Value>,
    /// The environment.
    pub environment: String,
    /// The attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
}

/// The body of a batch request in its full form. (The guide's form is a list of names, with the rest in the query.)
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BatchRequest {
    /// The flags; absent for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag_names: Option<Vec<String>>,
    /// The targeting key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Value>,
    /// The environment.
    pub environment: String,
    /// The attributes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
}

/// The answer about one flag. A service that only knows the guide sends `enabled` and `reason`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvaluateResponse {
    /// The flag; absent inside a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flag_name: Option<Arc<str>>,
    /// The environment; absent inside a batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<Arc<str>>,
    /// On or off; absent only in a batch, for a flag that has no answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The value of the variant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// The variant's name.
    #[serde(default)]
    pub variant: Option<Arc<str>>,
    /// [`Reason`] as a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'static, str>>,
    /// The rule that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
    /// [`ErrorCode`] as a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Cow<'static, str>>,
    /// The version of the last change that could have altered this answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The life of the store that `version` counts in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Arc<str>>,
}

/// The answers of a batch, by flag.
pub type BatchResponse = BTreeMap<Arc<str>, EvaluateResponse>;

impl EvaluateResponse {
    /// The answer as it is sent; `environment` for a single one.
    pub fn from_evaluation(evaluation: &Evaluation, environment: Option<&Arc<str>>) -> Self {
        let has_answer = !evaluation.reason.is_default();
        Self {
            flag_name: environment.map(|_| evaluation.flag.clone()),
            environment: environment.cloned(),
            enabled: has_answer.then_some(evaluation.enabled),
            value: has_answer.then(|| evaluation.value.clone()),
            variant: evaluation.variant.clone(),
            reason: Some(evaluation.reason.as_str().into()),
            rule: evaluation.rule.clone(),
            error: evaluation.error.map(|error: ErrorCode| error.as_str().into()),
            version: Some(evaluation.version),
            epoch: Some(evaluation.epoch.clone()),
        }
    }

    /// What came back about `flag`, or `None` if the service has no answer.
    pub fn into_evaluation(self, flag: &str) -> Option<Evaluation> {
        let enabled = self.enabled?;
        Some(Evaluation {
            flag: flag.into(),
            // A service that only knows the guide sends no value: the flag is boolean.
            value: self.value.unwrap_or(Value::Bool(enabled)),
            enabled,
            variant: self.variant,
            reason: self.reason.and_then(|word| Reason::from_name(&word)).unwrap_or(Reason::Fallthrough),
            origin: Origin::Remote,
            rule: self.rule,
            error: None,
            version: self.version.unwrap_or(0),
            epoch: self.epoch.unwrap_or_default(),
            age: std::time::Duration::ZERO,
        })
    }
}

/// An answer's bytes. Here and not where it is sent, as are the two below: what is generic is compiled where it is used, and this crate
/// is compiled as one piece, in which serde's small functions are folded into each other.
///
/// # Errors
/// None that these types can cause.
pub fn answer_json(answer: &EvaluateResponse) -> serde_json::Result<Vec<u8>> {
    let mut text = Vec::with_capacity(ANSWER_BYTES);
    serde_json::to_writer(&mut text, answer)?;
    Ok(text)
}

/// A batch's bytes: an object, in the order of the pairs. A map would only be made to be walked once.
///
/// # Errors
/// None that these types can cause.
pub fn batch_json(answers: &[(&str, EvaluateResponse)]) -> serde_json::Result<Vec<u8>> {
    struct InOrder<'a>(&'a [(&'a str, EvaluateResponse)]);
    impl Serialize for InOrder<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map(self.0.iter().map(|(name, answer)| (name, answer)))
        }
    }
    let mut text = Vec::with_capacity(answers.len() * ANSWER_BYTES + 2);
    serde_json::to_writer(&mut text, &InOrder(answers))?;
    Ok(text)
}

impl EvaluateRequest {
    /// From a body.
    ///
    /// # Errors
    /// The parser's, with line and column.
    pub fn from_json(body: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_slice(body)
    }
}

/// The context as the body of a request holds it: the key and the attributes.
pub fn context_of(view: View<'_>) -> (Option<Value>, Option<Value>) {
    let attributes = view.attributes.iter().map(|(name, value)| (Arc::from(name), value.clone()));
    (view.key.map(Value::from), (!view.attributes.is_empty()).then(|| Value::Map(attributes.collect())))
}

/// What every error answer holds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorBody {
    /// The error.
    pub error: ErrorDetail,
}

/// An error as the API tells it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErrorDetail {
    /// A stable word to act on.
    pub code: String,
    /// A sentence to read: what was wrong, with the value, and what would be right.
    pub message: String,
    /// More, by code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<serde_json::Value>,
}

/// The stream is alive.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ping {
    /// The environment's version, so that a lost last event is noticed.
    pub version: u64,
}

/// The service ends the stream.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Goodbye {
    /// Why.
    pub reason: String,
    /// Come back after this many milliseconds.
    pub retry_after_ms: u64,
}

/// The Kafka topic of [`FlagEvent`]s, unless one is named.
pub const KAFKA_TOPIC: &str = "feature-flag-updates";

/// The Redis channel of an environment's [`FlagEvent`]s.
pub fn redis_channel(environment: &str) -> String {
    format!("ff:{environment}")
}

/// A flag was changed: one record of the Kafka topic, one message of the Redis channel.
///
/// `flag_name` and `environment` are the guide's, and other producers may send just these. A version of ours that touches several
/// flags is several records, `part` of `parts`; all of a version follow each other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlagEvent {
    /// The flag; empty if no single flag is meant.
    #[serde(default)]
    pub flag_name: Arc<str>,
    /// The environment.
    pub environment: Arc<str>,
    /// The version of this form: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema: Option<u32>,
    /// `flag.created`, `flag.updated`, `flag.archived` or `segment.updated`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Arc<str>>,
    /// The life of the store that the versions count in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<Arc<str>>,
    /// The environment's version after the change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Its version before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prev_version: Option<u64>,
    /// Which of the version's records this is, from 0.
    #[serde(default)]
    pub part: u32,
    /// How many records the version has.
    #[serde(default = "one")]
    pub parts: u32,
    /// All flags whose answers can have changed, dependants included; left out if they are many.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub affected_flags: Vec<Arc<str>>,
    /// The same if the event comes twice, and different otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<Arc<str>>,
    /// When the change was committed: `2026-11-22T07:00:00.123Z`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occurred_at: Option<Arc<str>>,
}

fn one() -> u32 {
    1
}

/// A ruleset on disk.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Saved<T> {
    /// XXH3 of the ruleset's JSON text, 16 hex digits.
    pub checksum: String,
    /// The ruleset.
    pub ruleset: T,
}

/// An answer in Redis. The guide's clients read `enabled`; ours read nothing that lacks `e` and `k`, which only ours write.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct CachedAnswer {
    /// On or off.
    pub enabled: bool,
    /// When it was evaluated, as in `2026-11-22T07:00:00.123Z`.
    pub cached_at: String,
    /// The version of the last change that could have altered it.
    #[serde(default)]
    pub v: u64,
    /// The epoch that `v` counts in; empty if the service has none. Absent in what others wrote.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e: Option<Arc<str>>,
    /// 16 hex digits that stand for the flag and the whole context: the key alone does not tell `u` with attributes from another id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub k: Option<String>,
    /// The variant's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<Arc<str>>,
    /// The value, unless it is `enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// [`Reason`] as a word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// The rule that decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<Arc<str>>,
}
