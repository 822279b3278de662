//! `X-FF-Min-Version`: an answer that is not older than what the caller knows, whichever service was asked.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName};
use jackstaff::wire::MIN_VERSION_HEADER;

use super::error::{ApiError, ApiResult};
use super::request::{header, off_thread};
use crate::environments::published::Published;
use crate::service::Service;

/// How long a request waits for the version that it wants at least, before it looks into the store itself.
const WAIT: Duration = Duration::from_secs(2);

/// What a request's header asks for, if it has one.
pub struct Wanted(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for Wanted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl Wanted {
    /// What these headers ask for.
    pub fn of(headers: &HeaderMap) -> Self {
        Self(header(headers, &HeaderName::from_static(MIN_VERSION_HEADER)).map(str::to_owned))
    }
}

/// What the environment serves, not older than the header asks. Somebody who knows another epoch is answered at once: waiting would
/// not bring it back, and the answer says which epoch it is of.
///
/// # Errors
/// 404 for no such environment, 400 for a header that is none, 503 if the version is not to be had.
pub async fn at_least(service: &Arc<Service>, environment: &str, wanted: Wanted) -> ApiResult<Arc<Published>> {
    let Some(wanted) = wanted.0 else { return Ok(service.environments.published(environment)?) };
    let (epoch, version) = wanted.rsplit_once('-').map_or((None, &*wanted), |(epoch, version)| (Some(epoch), version));
    let version: u64 = version
        .parse()
        .map_err(|_| ApiError::bad_request("X-FF-Min-Version has to be <epoch>-<number> or <number>, as an answer's epoch and version"))?;
    let published = reach(service, environment, epoch, version).await?;
    if is_there(&published, epoch, version) {
        return Ok(published);
    }
    let message = format!("version {version} of environment \"{environment}\" is not here yet; it is at {}", published.ruleset.version);
    Err(ApiError::unavailable("version_not_reached", message, 1))
}

/// What the environment serves, after waiting for a version that another service has told of; older if it does not come.
///
/// # Errors
/// 404 for no such environment.
pub async fn reach(service: &Arc<Service>, environment: &str, epoch: Option<&str>, version: u64) -> ApiResult<Arc<Published>> {
    let mut installed = service.environments.installed();
    let published = service.environments.published(environment)?;
    if is_there(&published, epoch, version) {
        return Ok(published);
    }
    service.look_now();
    let came = tokio::time::timeout(WAIT, async {
        while installed.changed().await.is_ok() {
            let published = service.environments.published(environment)?;
            if is_there(&published, epoch, version) {
                return Ok(published);
            }
        }
        Err(super::request::internal())
    });
    if let Ok(published) = came.await {
        return published;
    }
    // If the store does not answer, what is known is the answer.
    drop(off_thread(service, |service| Ok(service.environments.refresh()?)).await);
    Ok(service.environments.published(environment)?)
}

fn is_there(published: &Published, epoch: Option<&str>, version: u64) -> bool {
    published.ruleset.version >= version || epoch.is_some_and(|epoch| *epoch != *published.ruleset.epoch)
}
