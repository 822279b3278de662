//! Asking a running service: one request, one answer.

use std::time::Duration;

use jackstaff::wire::ErrorBody;
use reqwest::{Method, StatusCode};

use super::Failure;
use crate::config::Remote;

/// How long a service may take. An import of 64 MiB is the longest thing there is to ask.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What a service answered.
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The body of a success.
    ///
    /// # Errors
    /// What the service said went wrong: a finding for flags that are not there or have mistakes, wrong input otherwise.
    pub fn accepted(self) -> Result<String, Failure> {
        if self.status.is_success() {
            return Ok(self.body);
        }
        let Ok(ErrorBody { error }) = serde_json::from_str(&self.body) else {
            return Err(Failure::unreachable(format!(
                "this is no Jackstaff service: it answered {} with something else than its errors",
                self.status
            )));
        };
        let details = error.details.as_ref().and_then(serde_json::Value::as_array).into_iter().flatten();
        let lines = details.map(|detail| {
            let text = |key: &str| {
                detail.get(key).map_or_else(String::new, |value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            };
            format!("\n  {}:{}: {}: {}", text("line"), text("column"), text("path"), text("message"))
        });
        let message = format!("{}{}", error.message, lines.collect::<String>());
        Err(match self.status {
            StatusCode::NOT_FOUND | StatusCode::UNPROCESSABLE_ENTITY => Failure::finding(message),
            status if status.is_server_error() => Failure::unreachable(message),
            _ => Failure::usage(message),
        })
    }
}

/// Sends one request to `path` of the service that `remote` names.
///
/// # Errors
/// The URL is none, or nobody answers there.
pub fn ask(remote: &Remote, method: Method, path: &str, headers: &[(&str, &str)], body: Option<String>) -> Result<Answer, Failure> {
    let base = remote.service.as_deref().unwrap_or_default().trim_end_matches('/');
    if !base.starts_with("http://") && !base.starts_with("https://") {
        return Err(Failure::usage(format!("--service \"{base}\" is not a URL: write http://127.0.0.1:8082")));
    }
    // Only one provider of cryptography is linked; whether it was installed before is of no interest.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::usage(format!("cannot start: {error}")))?;
    let mut client = reqwest::Client::builder().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none());
    if let Some(file) = &remote.service_ca {
        let refuse = |error: &dyn std::fmt::Display| Failure::usage(format!("--service-ca {}: {error}", file.display()));
        let text = std::fs::read(file).map_err(|error| refuse(&error))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&text).map_err(|error| refuse(&error))?;
        if certificates.is_empty() {
            return Err(refuse(&"there is no certificate (PEM) in it"));
        }
        client = client.tls_certs_only(certificates);
    }
    runtime.block_on(async {
        let failed = |error: reqwest::Error| {
            // The whole chain: "connection refused" is at its end. The URL is left out, it may hold a password.
            let mut message = format!("cannot reach the service: {}", error.to_string().replace(base, "…"));
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                message = format!("{message}: {cause}");
                source = cause.source();
            }
            Failure::unreachable(message)
        };
        let client = client.build().map_err(failed)?;
        let mut request = client.request(method, format!("{base}{path}"));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(key) = &remote.api_key {
            request = request.bearer_auth(key);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let response = request.send().await.map_err(failed)?;
        let status = response.status();
        Ok(Answer { status, body: response.text().await.map_err(failed)? })
    })
}
