//! The config service as a client sees it: four requests, each with a deadline, a size limit and a strict reading.
//!
//! The two that a check waits for are sent again and given up by the rules of [`crate::fault`]; loading and following have a
//! patience of their own ([`crate::client`]).
//!
//! What is not in the contract (HTML with status 200, half a body, `enabled: "false"`, three gigabytes) is an
//! `InvalidResponse`, and nobody keeps it. User ids travel in bodies, never in addresses.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue, IF_NONE_MATCH, RETRY_AFTER};
use reqwest::{RequestBuilder, Response, StatusCode};
use serde::de::DeserializeOwned;

use crate::context::View;
use crate::error::{Error, ErrorKind, Result};
use crate::fault::{Breaker, BreakerOptions, Pass, Retry, RetryOptions, chance};
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
    /// Made by the first request: it reads the system's certificates, which takes longer than all else in a start and would be the first
    /// check's to wait for.
    http: OnceLock<reqwest::Client>,
    headers: HeaderMap,
    /// Trusted instead of the system's.
    certificates: Option<Vec<reqwest::Certificate>>,
    base: Arc<str>,
    environment: Arc<str>,
    timeout: Duration,
    retry: Retry,
    breaker: Breaker,
}

/// An answer of this version or a later one is wanted.
#[derive(Clone, Debug)]
pub struct AtLeast {
    /// The epoch that it counts in.
    pub epoch: Arc<str>,
    /// The version.
    pub version: u64,
}

/// A request under way, as the breaker sees it. One that is given up by whoever waits for it has failed too: a service that hangs would
/// otherwise never open the breaker.
struct Trial<'a> {
    breaker: &'a Breaker,
    is_over: bool,
}

impl Trial<'_> {
    fn end(mut self, went_well: bool) {
        self.is_over = true;
        if went_well {
            self.breaker.success();
        } else {
            self.breaker.failure(Instant::now(), chance());
        }
    }
}

impl Drop for Trial<'_> {
    fn drop(&mut self) {
        if !self.is_over {
            self.breaker.failure(Instant::now(), chance());
        }
    }
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
    /// A way to `base`; connects when it is first used. `certificates` are trusted instead of the system's.
    ///
    /// # Errors
    /// `InvalidArgument` for a key that no header can hold.
    pub fn new(
        base: &Arc<str>,
        environment: &Arc<str>,
        api_key: Option<&str>,
        certificates: Option<Vec<reqwest::Certificate>>,
        timeout: Duration,
        retry: RetryOptions,
        breaker: BreakerOptions,
    ) -> Result<Self> {
        let mut headers = HeaderMap::new();
        if let Some(key) = api_key {
            let mut value = HeaderValue::from_str(&format!("Bearer {key}")).map_err(|error| {
                Error::new(ErrorKind::InvalidArgument, "api_key has characters that no header can hold").caused_by(error)
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let (retry, breaker) = (Retry::new(retry), Breaker::new(breaker, Instant::now()));
        Ok(Self {
            http: OnceLock::new(),
            headers,
            certificates,
            base: base.clone(),
            environment: environment.clone(),
            timeout,
            retry,
            breaker,
        })
    }

    /// The HTTP client.
    ///
    /// # Errors
    /// `Unavailable` if TLS cannot be set up.
    fn http(&self) -> Result<&reqwest::Client> {
        if let Some(http) = self.http.get() {
            return Ok(http);
        }
        // Another library in the process may have chosen its own provider: then that one is used, and the error is of no interest.
        drop(rustls::crypto::ring::default_provider().install_default());
        let builder = match self.certificates.clone() {
            Some(certificates) => reqwest::Client::builder().tls_certs_only(certificates),
            None => reqwest::Client::builder(),
        };
        let http = builder
            .default_headers(self.headers.clone())
            .user_agent(concat!("jackstaff/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(self.timeout)
            .read_timeout(STREAM_SILENCE)
            .tcp_keepalive(Duration::from_secs(30))
            .pool_max_idle_per_host(8)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| Error::new(ErrorKind::Unavailable, "the HTTP client could not be set up").caused_by(error))?;
        // Two requests at the same time may both have made one: then one of them is thrown away.
        Ok(self.http.get_or_init(|| http))
    }

    /// The breaker's state as a word, and how many requests were sent again.
    pub fn patience(&self) -> (&'static str, u64) {
        (self.breaker.state(Instant::now()), self.retry.retries())
    }

    /// One flag's answer; `None` if the service knows no such flag.
    pub async fn evaluate(&self, flag: &str, context: View<'_>, at_least: Option<&AtLeast>) -> Result<Option<EvaluateResponse>> {
        let (user_id, context) = wire::context_of(context);
        let body = EvaluateRequest { flag_name: flag.to_owned(), user_id, environment: self.environment.to_string(), context };
        let response = self.ask(wire::EVALUATE_PATH, &body, at_least).await;
        match response {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            response => response.map(Some),
        }
    }

    /// Several flags' answers; those that the service does not know are absent or without `enabled`.
    pub async fn batch(&self, flags: &[String], context: View<'_>, at_least: Option<&AtLeast>) -> Result<BatchResponse> {
        let (user_id, context) = wire::context_of(context);
        let body = BatchRequest { flag_names: Some(flags.to_vec()), user_id, environment: self.environment.to_string(), context };
        self.ask(wire::BATCH_PATH, &body, at_least).await
    }

    /// Asks, and asks again, until there is an answer or the deadline leaves no time for another try.
    async fn ask<T: DeserializeOwned>(&self, path: &str, body: &impl serde::Serialize, at_least: Option<&AtLeast>) -> Result<T> {
        let deadline = Instant::now() + self.timeout;
        let body =
            serde_json::to_vec(body).map_err(|error| Error::new(ErrorKind::InvalidArgument, "the context is not JSON").caused_by(error))?;
        self.retry.begin();
        for attempt in 1.. {
            if let Pass::Stop(left) = self.breaker.pass(Instant::now()) {
                let message = format!("{} failed several times in a row and is left alone for another {left:?}", self.base);
                return Err(Error::new(ErrorKind::Unavailable, message));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let trial = Trial { breaker: &self.breaker, is_over: false };
            let asked = tokio::time::timeout(left, self.ask_once(path, &body, at_least)).await;
            let error = match asked {
                Ok(Ok(answer)) => {
                    trial.end(true);
                    return Ok(answer);
                }
                Ok(Err(error)) => error,
                Err(_) => Error::new(ErrorKind::Timeout, format!("{} did not answer within {:?}", self.base, self.timeout)),
            };
            // A service that refuses is there; one that answers nonsense is not.
            trial.end(!error.is_temporary() && error.kind() != ErrorKind::InvalidResponse);
            if let Some(pause) = error.retry_after() {
                self.breaker.hold(Instant::now(), pause);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.retry.pause(attempt, &error, left, chance()) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
        Err(Error::new(ErrorKind::Unavailable, "no attempt was made"))
    }

    async fn ask_once<T: DeserializeOwned>(&self, path: &str, body: &[u8], at_least: Option<&AtLeast>) -> Result<T> {
        let mut request = self.http()?.post(format!("{}{path}", self.base)).header("content-type", "application/json").body(body.to_vec());
        if let Some(AtLeast { epoch, version }) = at_least {
            request = request.header(wire::MIN_VERSION_HEADER, format!("{epoch}-{version}"));
        }
        read(accepted(self.send(request).await?)?, MAX_ANSWER).await
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
        let request = self.http()?.get(url).headers(headers);
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
        let mut request = self.http()?.get(format!("{}{}/{}/stream", self.base, wire::RULESETS_PATH, self.environment));
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
    let error = Error::new(kind, format!("{} answered {status}", response.url().path()));
    Err(match retry_after(&response) {
        Some(pause) if error.is_temporary() => error.after(pause),
        _ => error,
    })
}

/// `Retry-After` as RFC 9110 has it: seconds, or a date.
fn retry_after(response: &Response) -> Option<Duration> {
    let text = response.headers().get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    Duration::try_from(at.duration_since(jiff::Timestamp::now())).ok()
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
