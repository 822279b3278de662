//! The one error of the API and the only one that becomes a response: `{"error":{"code","message","details"}}`.

use axum::Json;
use axum::http::header::{ALLOW, CONNECTION, ETAG, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use jackstaff::wire::{ErrorBody, ErrorDetail};
use serde_json::{Value, json};

use crate::environments::refusal::Refusal;
use crate::store::StoreError;

/// `Result` with [`ApiError`].
pub type ApiResult<T> = Result<T, ApiError>;

/// An error as a client sees it.
#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    code: &'static str,
    message: String,
    // Boxed, so that the results of all handlers stay small.
    details: Option<Box<Value>>,
    header: Option<Box<(HeaderName, HeaderValue)>>,
}

impl ApiError {
    /// An error of this status; `code` is a stable word, `message` names the value that was wrong and what would be right.
    pub fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), details: None, header: None }
    }

    /// 400: the request is wrong.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 401: no key, or not a good one.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", message).with_header(WWW_AUTHENTICATE, "Bearer")
    }

    /// 403: a key for something else.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", message)
    }

    /// 503: come back in `seconds`.
    pub fn unavailable(code: &'static str, message: impl Into<String>, seconds: u32) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, message).with_header(RETRY_AFTER, &seconds.to_string())
    }

    /// 408: the body did not arrive in time. The connection is of no more use.
    pub fn timeout() -> Self {
        let message = "the request took too long: send its body faster, or less of it";
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", message).with_header(CONNECTION, "close")
    }

    /// The same error with more for the program.
    #[must_use]
    pub fn with_details(mut self, details: Value) -> Self {
        self.details = Some(Box::new(details));
        self
    }

    /// The same error with a header; a value that is not one is left out.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.header = HeaderValue::from_str(value).ok().map(|value| Box::new((name, value)));
        self
    }

    /// The status.
    pub fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> Self {
        let message = refusal.to_string();
        match refusal {
            Refusal::NoPart((section, _)) => Self::new(StatusCode::NOT_FOUND, not_found(section.as_str()), message),
            Refusal::NoEnvironment(_) => Self::new(StatusCode::NOT_FOUND, "environment_not_found", message),
            Refusal::NoAuditEntry(_) => Self::new(StatusCode::NOT_FOUND, "audit_entry_not_found", message),
            Refusal::Exists(_) => Self::new(StatusCode::CONFLICT, "already_exists", message),
            Refusal::Archived(_) => Self::new(StatusCode::CONFLICT, "archived", message),
            Refusal::Impossible(_) => Self::new(StatusCode::CONFLICT, "impossible", message),
            Refusal::Changed(_, record) => Self::new(StatusCode::PRECONDITION_FAILED, "revision_mismatch", message)
                .with_details(json!({"revision": record.revision}))
                .with_header(ETAG, &format!("\"{}\"", record.revision)),
            Refusal::Invalid(problems) => {
                let message = match problems.len() {
                    1 => message,
                    count => format!("{count} mistakes; the first: {}", problems.first().map(ToString::to_string).unwrap_or_default()),
                };
                Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid_document", message).with_details(json!(problems))
            }
            Refusal::BadArgument(_) => Self::bad_request(message),
            Refusal::Store(error) => error.into(),
        }
    }
}

fn not_found(section: &str) -> &'static str {
    if section == "flag" { "flag_not_found" } else { "segment_not_found" }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stale => Self::unavailable("busy", "others keep writing: try again", 1),
            StoreError::Away(message) => {
                tracing::debug!(error = message, "the store does not answer");
                let message = "the database does not answer, so nothing can be written now; flags are served on from memory";
                Self::unavailable("store_unreachable", message, 2)
            }
            StoreError::Failed(message) => {
                // The message may name files of this machine: it is for the log, not for the client.
                tracing::error!(error = message, "the store failed");
                Self::unavailable("store_failed", "the store cannot do this now; the service's log says why", 5)
            }
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let body = ErrorBody {
            error: ErrorDetail { code: self.code.to_owned(), message: self.message, details: self.details.map(|details| *details) },
        };
        let mut response = (self.status, Json(body)).into_response();
        response.headers_mut().extend(self.header.map(|header| *header));
        response
    }
}

/// Any path that is none of ours.
pub async fn unknown_path(uri: axum::http::Uri) -> ApiError {
    let shown: String = uri.path().chars().take(200).collect();
    ApiError::new(StatusCode::NOT_FOUND, "path_not_found", format!("there is nothing at {shown}; /openapi.json lists what there is"))
}

/// A path of ours with another method. The router adds which ones there are.
pub async fn unknown_method(method: axum::http::Method, uri: axum::http::Uri) -> ApiError {
    let shown: String = uri.path().chars().take(200).collect();
    let message = format!("{method} is not possible at {shown}; the {ALLOW} header says what is");
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}
