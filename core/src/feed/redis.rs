//! Changes over Redis or Valkey: a subscription to the channel `ff:{environment}`.
//!
//! Nobody keeps these messages, so each (re)connection is a [`News::Joined`] and the client asks for what it has missed. A connection that
//! died without a word is found by a ping.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, FutureExt};
use redis::aio::{PubSubSink, PubSubStream};
use redis::{Client, RedisError};
use tokio::time::{Instant, sleep_until, timeout};

use super::event::Reader;
use super::{Feed, News};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::redis_channel;

/// How long connecting, subscribing or a ping may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a subscription without messages is looked at.
const PING: Duration = Duration::from_secs(15);

/// Says which server to subscribe at next: any node of a cluster carries the channel, and who is master may have changed.
pub type Servers = Box<dyn FnMut() -> BoxFuture<'static, Result<Client>> + Send>;

/// The feed.
pub struct Redis {
    servers: Servers,
    environment: Arc<str>,
    link: Option<Link>,
}

struct Link {
    sink: PubSubSink,
    messages: PubSubStream,
    reader: Reader,
    ping_at: Instant,
}

impl Redis {
    /// A feed of what concerns `environment`; connects when it is joined, to the next of `servers`.
    pub fn new(servers: Servers, environment: Arc<str>) -> Self {
        Self { servers, environment, link: None }
    }
}

impl Feed for Redis {
    fn name(&self) -> &'static str {
        "redis"
    }

    fn join(&mut self) -> BoxFuture<'_, Result<()>> {
        async {
            self.link = None;
            // Another library in the process may have chosen its own provider: then that one is used.
            drop(rustls::crypto::ring::default_provider().install_default());
            let server = timeout(PATIENCE, (self.servers)()).await;
            let server = server.map_err(|_| Error::new(ErrorKind::Timeout, format!("no Redis was found within {PATIENCE:?}")))??;
            let mut subscription = bounded("connecting", server.get_async_pubsub()).await?;
            bounded("subscribing", subscription.subscribe(redis_channel(&self.environment))).await?;
            let (sink, messages) = subscription.split();
            self.link = Some(Link { sink, messages, reader: Reader::new(self.environment.clone()), ping_at: Instant::now() + PING });
            Ok(())
        }
        .boxed()
    }

    fn next(&mut self) -> BoxFuture<'_, Result<News>> {
        async {
            let Some(link) = &mut self.link else { return Err(Error::new(ErrorKind::Closed, "the Redis feed is not joined")) };
            let heard = link.next().await;
            if heard.is_err() {
                self.link = None;
            }
            heard
        }
        .boxed()
    }
}

impl Link {
    async fn next(&mut self) -> Result<News> {
        loop {
            tokio::select! {
                message = self.messages.next() => {
                    let Some(message) = message else { return Err(Error::new(ErrorKind::Unavailable, "Redis ended the subscription")) };
                    self.ping_at = Instant::now() + PING;
                    // A message of ours is one version, so a gap shows in its versions alone.
                    return Ok(self.reader.read(Some(message.get_payload_bytes())).1);
                }
                () = sleep_until(self.ping_at) => {
                    self.ping_at = Instant::now() + PING;
                    bounded("a ping", self.sink.ping::<redis::Value>()).await?;
                }
            }
        }
    }
}

async fn bounded<T>(what: &str, answer: impl Future<Output = std::result::Result<T, RedisError>>) -> Result<T> {
    match timeout(PATIENCE, answer).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => Err(Error::new(ErrorKind::Unavailable, format!("{what}: Redis: {error}")).caused_by(error)),
        Err(_) => Err(Error::new(ErrorKind::Timeout, format!("{what}: Redis did not answer within {PATIENCE:?}"))),
    }
}
