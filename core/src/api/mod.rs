//! The config service as a client sees it: four requests, each with a deadline, a size limit and a strict reading.
//!
//! What is not in the contract (HTML with status 200, half a body, `enabled: "false"`, three gigabytes) is an
//! `InvalidResponse`, and nobody keeps it. User ids travel in bodies, never in addresses.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, IF_NONE_MATCH};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::context::View;
use crate::error::{Error, ErrorKind, Result};
use crate::feed::sse::Events;
use crate::ruleset::{Delta, Ruleset};
use crate::wire::{self, BatchRequest, BatchResponse, EvaluateRequest, EvaluateResponse};

/// The largest answer to an evaluation, in bytes.
const MAX_ANSWER: usize = 8 << 20;
/// The largest ruleset, in bytes, unpacked.
const MAX_RULESET: usize = 512 << 20;
/// A stream that says nothing for this long is dead: three of the service's pings.
const STREAM_SILENCE: Duration = Duration::from_secs(45);

/// A way to one config service, for one environment.
pub struct Api {
    http: reqwest::Client,
    base: Arc<str>,
    environment: Arc<str>,
    timeout: Duration,
}

/// What a question for a ruleset brought.
pub enum Fetched {
    /// Nothing newer.
    Unchanged,
    /// The whole.
    Full(Box<Ruleset>),
    /// What moved.
    Delta(Box<Delta>),
}

impl Api {
    /// A way to `base`; connects when it is first used.
    ///
    /// # Errors
    /// `InvalidArgument` for a key that no header can hold, `Unavailable` if TLS cannot be set up.
    pub fn new(base: &Arc<str>, environment: &Arc<str>, api_key: Option<&str>, timeout: Duration) -> Result<Self> {
        let mut headers = HeaderMap::new();
        if let Some(key) = api_key {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|error| {
                Error::new(ErrorKind::InvalidArgument, "api_key has characters that no header can hold").caused_by(error)
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        // Another library in the process may have chosen its own provider: then that one is used, and the error is of no interest.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeout)
            .read_timeout(STREAM_SILENCE)
            .tcp_keepalive(Duration::from_secs(30))
            .pool_max_idle_per_host(8)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::new(ErrorKind::Unavailable, "the HTTP client could not be set up").caused_by(error))?;
        Ok(Self { http, base: base.clone(), environment: environment.clone(), timeout })
    }

    /// One flag's answer; `None` if the service knows no such flag.
    pub async fn evaluate(&self, flag: &str, context: View<'_>) -> Result<Option<EvaluateResponse>> {
        let (user_id, context) = wire::context_of(context);
        let body = EvaluateRequest { flag_name: flag.to_owned(), user_id, environment: self.environment.to_string(), context };
        let response = self.send(self.post(wire::EVALUATE_PATH, &body)?).await?;
        if response.status() == StatusCode::NOT_FOUND {
            return Ok(None);
        }
        read(accepted(response)?, MAX_ANSWER).await.map(Some)
    }

    /// Several flags' answers; those that the service does not know are absent or without `enabled`.
    pub async fn batch(&self, flags: &[String], context: View<'_>) -> Result<BatchResponse> {
        let (user_id, context) = wire::context_of(context);
        let body = BatchRequest { flag_names: Some(flags.to_vec()), user_id, environment: self.environment.to_string(), context };
        read(accepted(self.send(self.post(wire::BATCH_PATH, &body)?).await?)?, MAX_ANSWER).await
    }

    /// The ruleset, or what moved since `(epoch, version)`.
    ///
    /// # Errors
    /// `NotFound` if the service offers none (or does not know the environment).
    pub async fn ruleset(&self, known: Option<(&str, u64)>) -> Result<Fetched> {
        let mut url = format!("{}{}/{}", self.base, wire::RULESETS_PATH, self.environment);
        let mut headers = HeaderMap::new();
        // An epoch that is no plain word comes from elsewhere and is not asked about; the whole ruleset is.
        if let Some((epoch, version)) = known.filter(|(epoch, _)| epoch.bytes().all(|byte| byte.is_ascii_alphanumeric())) {
            url.push_str(&format!("?since={epoch}-{version}"));
            headers.extend(HeaderValue::from_str(&format!("\"{epoch}-{version}\"")).ok().map(|tag| (IF_NONE_MATCH, tag)));
        }
        let request = self.http.get(url).headers(headers);
        let response = self.send(request).await?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(Fetched::Unchanged);
        }
        let response = accepted(response)?;
        let is_delta = response.headers().get(wire::KIND_HEADER).is_some_and(|kind| kind == wire::event::DELTA);
        if is_delta {
            return read(response, MAX_RULESET).await.map(|delta| Fetched::Delta(Box::new(delta)));
        }
        let ruleset: Ruleset = read(response, MAX_RULESET).await?;
        self.check_environment(&ruleset.environment)?;
        Ok(Fetched::Full(Box::new(ruleset)))
    }

    /// The stream of events from `(epoch, version)` on.
    pub async fn stream(&self, known: Option<(&str, u64)>) -> Result<Events> {
        let mut request = self.http.get(format!("{}{}/{}/stream", self.base, wire::RULESETS_PATH, self.environment));
        request = request.header(ACCEPT, "text/event-stream");
        if let Some((epoch, version)) = known {
            request = request.header("last-event-id", format!("{epoch}-{version}"));
        }
        let response = accepted(self.send(request).await?)?;
        let is_stream = response.headers().get("content-type").is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
        if !is_stream {
            return Err(Error::new(ErrorKind::InvalidResponse, "the service's stream is not an event stream"));
        }
        Ok(Events::new(response, MAX_RULESET))
    }

    /// Is a ruleset for the environment that was asked for?
    pub fn check_environment(&self, environment: &str) -> Result<()> {
        if *environment == *self.environment {
            return Ok(());
        }
        Err(Error::new(ErrorKind::InvalidResponse, format!("asked for environment \"{}\" and got \"{environment}\"", self.environment)))
    }

    fn post(&self, path: &str, body: &impl serde::Serialize) -> Result<RequestBuilder> {
        let body =
            serde_json::to_vec(body).map_err(|error| Error::new(ErrorKind::InvalidArgument, "the context is not JSON").caused_by(error))?;
        Ok(self.http.post(format!("{}{path}", self.base)).header("content-type", "application/json").timeout(self.timeout).body(body))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let again = request.try_clone();
        let trip = async {
            match (request.send().await, again) {
                // The service closed a connection that was idle, just as it was used again. All our requests only ask, so a second
                // try is safe; it gets a new connection.
                (Err(error), Some(again)) if !error.is_connect() && !error.is_timeout() => again.send().await,
                (sent, _) => sent,
            }
        };
        match tokio::time::timeout(self.timeout, trip).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(failed(&self.base, error)),
            Err(_) => Err(Error::new(ErrorKind::Timeout, format!("{} did not answer within {:?}", self.base, self.timeout))),
        }
    }
}

fn failed(base: &str, error: reqwest::Error) -> Error {
    let kind = if error.is_timeout() { ErrorKind::Timeout } else { ErrorKind::Unavailable };
    // The innermost cause is the one that says what happened ("connection refused"); the outer ones say that it did.
    let mut cause: &dyn std::error::Error = &error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    Error::new(kind, format!("{base}: {cause}")).caused_by(error)
}

fn accepted(response: Response) -> Result<Response> {
    let status = response.status();
    if status.is_success() {
        return Ok(response);
    }
    let kind = match status {
        StatusCode::NOT_FOUND => ErrorKind::NotFound,
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ErrorKind::Unauthorized,
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => ErrorKind::Unavailable,
        status if status.is_server_error() => ErrorKind::Unavailable,
        status if status.is_client_error() => ErrorKind::InvalidArgument,
        _ => ErrorKind::InvalidResponse,
    };
    Err(Error::new(kind, format!("{} answered {status}", response.url().path())))
}

async fn read<T: DeserializeOwned>(mut response: Response, limit: usize) -> Result<T> {
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > limit => {
                return Err(Error::new(ErrorKind::InvalidResponse, format!("the answer is longer than {limit} bytes")));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break,
            Err(error) => return Err(failed("reading the answer", error)),
        }
    }
    serde_json::from_slice(&body)
        .map_err(|error| Error::new(ErrorKind::InvalidResponse, format!("the answer is not in the contract: {error}")).caused_by(error))
}
