//! What handlers take from a request, with our own errors instead of the framework's.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;

use super::error::{ApiError, ApiResult};
use crate::keys::Caller;
use crate::service::Service;

/// The body, read whole, within the route's limit.
pub struct Body(pub Bytes);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> ApiResult<Self> {
        Bytes::from_request(request, state).await.map(Self).map_err(|rejection| match rejection.status() {
            StatusCode::PAYLOAD_TOO_LARGE => too_large(),
            _ => broken_off(),
        })
    }
}

/// The body of a question: like [`Body`], with the limit of questions. It counts by itself: a layer that tells a route's limit
/// costs every request two allocations and a future in a box.
pub struct Question(pub Body);

impl<S: Send + Sync> FromRequest<S> for Question {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> ApiResult<Self> {
        let told = header(request.headers(), &CONTENT_LENGTH).and_then(|length| length.parse::<usize>().ok());
        if told.is_some_and(|length| length > super::EVALUATE_LIMIT) {
            return Err(too_large());
        }
        axum::body::to_bytes(request.into_body(), super::EVALUATE_LIMIT).await.map(|bytes| Self(Body(bytes))).map_err(|error| {
            let mut cause: Option<&dyn std::error::Error> = Some(&error);
            while let Some(error) = cause {
                if error.is::<http_body_util::LengthLimitError>() {
                    return too_large();
                }
                cause = error.source();
            }
            broken_off()
        })
    }
}

fn too_large() -> ApiError {
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "the body is larger than this path takes")
}

fn broken_off() -> ApiError {
    ApiError::bad_request("the body broke off before its end")
}

impl Body {
    /// The body as text.
    ///
    /// # Errors
    /// 400 if it is not UTF-8.
    pub fn text(&self) -> ApiResult<&str> {
        std::str::from_utf8(&self.0)
            .map_err(|error| ApiError::bad_request(format!("the body is not UTF-8 from byte {} on", error.valid_up_to())))
    }

    /// The body as JSON of this shape.
    ///
    /// # Errors
    /// 400, saying where it stops being one and naming the field.
    pub fn json<T: DeserializeOwned>(&self) -> ApiResult<T> {
        self.parsed(|bytes| serde_json::from_slice(bytes))
    }

    /// What a parser makes of the body.
    ///
    /// # Errors
    /// 400, saying where it stops being JSON and naming the field.
    pub fn parsed<T>(&self, parse: impl FnOnce(&[u8]) -> serde_json::Result<T>) -> ApiResult<T> {
        if self.0.is_empty() {
            return Err(ApiError::bad_request("the body is empty and should be JSON"));
        }
        parse(&self.0).map_err(|error| ApiError::bad_request(format!("the body is not what it should be: {error}")))
    }
}

/// The query, with our error.
pub struct Query<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> ApiResult<Self> {
        let query = axum::extract::Query::<T>::try_from_uri(&parts.uri);
        query
            .map(|query| Self(query.0))
            .map_err(|rejection| ApiError::bad_request(format!("the query is wrong: {}", rejection.body_text())))
    }
}

/// A part of the path, percent-decoded.
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        let path = axum::extract::Path::<T>::from_request_parts(parts, state).await;
        path.map(|path| Self(path.0)).map_err(|rejection| ApiError::bad_request(format!("the path is wrong: {}", rejection.body_text())))
    }
}

impl FromRequestParts<Arc<Service>> for Caller {
    type Rejection = ApiError;

    /// Whom the gate has let in; on a route without the gate this is it.
    async fn from_request_parts(parts: &mut Parts, service: &Arc<Service>) -> ApiResult<Self> {
        match parts.extensions.get::<Self>() {
            Some(caller) => Ok(caller.clone()),
            None => super::gate::admit(service, &parts.headers).await,
        }
    }
}

/// A caller who may manage flags.
pub struct Admin(pub Caller);

impl FromRequestParts<Arc<Service>> for Admin {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &Arc<Service>) -> ApiResult<Self> {
        match Caller::from_request_parts(parts, state).await? {
            Caller::Server(_, environment) => Err(ApiError::forbidden(format!(
                "this is a server key: it evaluates flags of environment \"{environment}\"; managing flags takes an admin key (ffa_…)"
            ))),
            caller => Ok(Self(caller)),
        }
    }
}

/// May the caller read this environment?
///
/// # Errors
/// 403, naming the environment that the key is for.
pub fn require_environment(caller: &Caller, environment: &str) -> ApiResult<()> {
    match caller {
        Caller::Server(_, own) if **own != *environment => {
            let asked: String = environment.chars().take(128).collect();
            Err(ApiError::forbidden(format!("this key is for environment \"{own}\", and the request is about \"{asked}\"")))
        }
        _ => Ok(()),
    }
}

/// A header as text; `None` if it is missing or not text.
pub fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// An answer that was written as JSON.
///
/// # Errors
/// 500 if it could not be, which cannot happen to our types.
pub fn json(written: serde_json::Result<Vec<u8>>) -> ApiResult<Response> {
    let text = written.map_err(|error| {
        tracing::error!(%error, "an answer could not be written");
        internal()
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], text).into_response())
}

/// Runs something that blocks on the store or takes long, off the async threads. It runs to its end even if the client leaves.
///
/// # Errors
/// What `work` says; 500 if it panicked.
pub async fn off_thread<T: Send + 'static>(
    service: &Arc<Service>,
    work: impl FnOnce(&Service) -> ApiResult<T> + Send + 'static,
) -> ApiResult<T> {
    let service = service.clone();
    tokio::task::spawn_blocking(move || work(&service)).await.map_err(|error| {
        tracing::error!(%error, "a request failed inside");
        internal()
    })?
}

/// 500.
pub fn internal() -> ApiError {
    ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the service failed inside; its log says why")
}
