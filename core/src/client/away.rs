//! The ways out of this process: the service that is asked, and the Redis that answers and rulesets are shared in.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;

use super::{Inner, Options, now_ms};
use crate::api::Api;
use crate::cache::{Lives, Memory, Redis};
use crate::error::{Error, ErrorKind, Result};
use crate::format::native;
use crate::source::Remote;

/// How long the service has before the ruleset that the fleet left in Redis is looked for.
const HEAD_START: Duration = Duration::from_millis(500);

impl Options {
    /// The Redis that these options name, if they name one.
    ///
    /// # Errors
    /// `InvalidArgument` for a URL that cannot be read, `Io` for a file of certificates that cannot.
    #[cfg(feature = "redis")]
    pub(super) fn redis(&self) -> Result<Option<crate::cache::redis::RedisOptions>> {
        use crate::cache::redis::{Place, RedisOptions, Secret};

        // Nothing is to be kept: then nothing is to be shared either.
        let Some(url) = self.redis_url.as_deref().filter(|_| !self.cache_ttl.is_zero()) else { return Ok(None) };
        Ok(Some(RedisOptions {
            place: Place::parse(url)?,
            ca: self.redis_certificates()?,
            timeout: self.redis_timeout.min(self.timeout),
            ttl: self.cache_ttl,
            secret: self.redis_secret.as_deref().and_then(Secret::new),
            breaker: self.breaker.clone(),
        }))
    }

    /// The certificates to trust for the service, if the options name some.
    ///
    /// # Errors
    /// `Io` for a file that cannot be read, `InvalidArgument` for what holds no certificate, or where there is no TLS to trust anybody by.
    pub(super) fn service_certificates(&self) -> Result<Option<Vec<reqwest::Certificate>>> {
        let refuse = |message: String| Err(Error::new(ErrorKind::InvalidArgument, message));
        let Some(ca) = &self.service_ca else { return Ok(None) };
        if self.config_service_url.as_ref().is_some_and(|url| !url.starts_with("https://")) {
            return refuse("service_ca names certificates, but config_service_url is no https:// URL".to_owned());
        }
        let shown = if ca.contains("-----BEGIN") { "the text given" } else { ca };
        match reqwest::Certificate::from_pem_bundle(&pem("service_ca", ca)?) {
            Ok(certificates) if certificates.is_empty() => refuse(format!("service_ca: there is no certificate (PEM) in {shown}")),
            Ok(certificates) => Ok(Some(certificates)),
            Err(error) => refuse(format!("service_ca: {shown} cannot be read as certificates (PEM): {error}")),
        }
    }

    /// The certificates to trust for Redis, if the options name some.
    ///
    /// # Errors
    /// `Io` for a file that cannot be read, `InvalidArgument` where there is no TLS to trust anybody by.
    #[cfg(feature = "redis")]
    pub(super) fn redis_certificates(&self) -> Result<Option<Vec<u8>>> {
        let Some(ca) = &self.redis_ca else { return Ok(None) };
        let scheme = self.redis_url.as_deref().and_then(|url| url.split_once("://")).map_or("", |(scheme, _)| scheme);
        if !scheme.starts_with("rediss") && !scheme.starts_with("valkeys") {
            let what = format!("redis_ca names certificates, but redis_url has the scheme \"{scheme}\": for TLS it has to be rediss://");
            return Err(Error::new(ErrorKind::InvalidArgument, what));
        }
        pem("redis_ca", ca).map(Some)
    }
}

/// The bytes of certificates: `given` itself, or the file that it names.
fn pem(option: &str, given: &str) -> Result<Vec<u8>> {
    if given.contains("-----BEGIN") {
        return Ok(given.as_bytes().to_vec());
    }
    std::fs::read(given).map_err(|error| Error::new(ErrorKind::Io, format!("{option}: {given} cannot be read: {error}")).caused_by(error))
}

impl Inner {
    /// The shared cache that the options name; `None` if they name none.
    #[cfg(feature = "redis")]
    pub(super) fn shared(&self, runtime: &Handle) -> Result<Option<Arc<Redis>>> {
        let environment = self.options.environment.clone();
        Ok(self.options.redis()?.map(|options| Arc::new(Redis::new(options, environment, runtime.clone()))))
    }

    /// There is none without the feature, and the options refuse its URL.
    #[cfg(not(feature = "redis"))]
    pub(super) fn shared(&self, _: &Handle) -> Result<Option<Arc<Redis>>> {
        Ok(None)
    }

    /// The service as a source of answers.
    pub(super) fn remote(&self, api: Arc<Api>, shared: Option<Arc<Redis>>, runtime: &Handle) -> Remote {
        let options = &self.options;
        // Without a layer above it the memory alone must not outlive its own time.
        let hard = if shared.is_some() { options.cache_ttl } else { options.cache_ttl.min(options.local_ttl) };
        let lives = Lives::new(options.soft_ttl, hard, options.local_ttl);
        let memory = Memory::new(options.cache_entries, options.cache_bytes, lives);
        Remote::new(api, memory, shared, runtime.clone(), options.timeout, options.max_stale, now_ms)
    }
}

/// Starts from the ruleset that the fleet left in Redis, if the service has not sent one by then.
pub(super) async fn start_from_shared(client: Weak<Inner>, shared: Arc<Redis>) {
    tokio::time::sleep(HEAD_START).await;
    let is_needed = || client.upgrade().filter(|client| client.snapshot.load().is_none());
    if is_needed().is_none() {
        return;
    }
    let Some(ruleset) = shared.ruleset().await else { return };
    let Some(client) = is_needed() else { return };
    // What the service has answered meanwhile may be newer than what was left here: answers never go back.
    let known = client.process().remote.load().as_ref().map(|remote| remote.known());
    if known.is_some_and(|(epoch, version)| version > 0 && (epoch != ruleset.epoch || version > ruleset.version)) {
        return;
    }
    client.install_first(native::compile(&ruleset, None));
    tracing::info!(version = ruleset.version, environment = &*ruleset.environment, "began with the ruleset that was left in Redis");
}
