//! Redis or Valkey as an outlet: one message per move on the channel `ff:{environment}`.
//!
//! `PUBLISH` reaches subscribers of any node, of a cluster too. Where the server is a cluster and knows sharded channels (7.0 and later)
//! the message goes out by `SPUBLISH` as well, for readers who subscribe to those. Nobody keeps these messages: who is away
//! misses them, and asks when he is back.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use jackstaff::wire::redis_channel;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, RedisError, cmd};

use super::event::message;
use super::relay::Outlet;
use crate::store::Unsent;

/// How long connecting, and an answer, may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// The way to the channels.
pub struct Redis {
    client: Client,
    link: Option<MultiplexedConnection>,
}

impl Redis {
    /// Connects with the first moves.
    ///
    /// # Errors
    /// The URL is none; it is not shown, since it may hold a password.
    pub fn new(url: &str) -> Result<Self, String> {
        Ok(Self { client: open(url)?, link: None })
    }

    async fn try_send(&mut self, moves: &[Unsent]) -> Result<(), String> {
        if self.link.is_none() {
            self.link = Some(connect(&self.client).await?);
        }
        let Some(link) = &mut self.link else { return Ok(()) };
        for unsent in moves {
            let text = serde_json::to_string(&message(unsent)).map_err(|error| error.to_string())?;
            let channel = redis_channel(&unsent.change.environment);
            let publish = |name: &str| -> Cmd { cmd(name).arg(&channel).arg(&text).to_owned() };
            publish("PUBLISH").query_async::<i64>(link).await.map_err(explain)?;
            // A server that is no cluster, another node's slot, a version before 7.0: those who subscribe there hear it by PUBLISH.
            drop(publish("SPUBLISH").query_async::<i64>(link).await);
        }
        Ok(())
    }
}

impl Outlet for Redis {
    fn send<'a>(&'a mut self, moves: &'a [Unsent]) -> BoxFuture<'a, Result<(), String>> {
        async {
            let sent = self.try_send(moves).await;
            if sent.is_err() {
                self.link = None;
            }
            sent
        }
        .boxed()
    }
}

/// # Errors
/// The URL is none; it is not shown, since it may hold a password.
pub fn open(url: &str) -> Result<Client, String> {
    // TLS to Redis is rustls with ring, as everywhere here.
    drop(rustls::crypto::ring::default_provider().install_default());
    Client::open(url).map_err(|error| {
        format!("the Redis URL cannot be used, it has to look like redis://[user:password@]host:6379/0: {}", error.category())
    })
}

/// # Errors
/// Nobody answers in time, or the server refuses.
pub async fn connect(client: &Client) -> Result<MultiplexedConnection, String> {
    let config = AsyncConnectionConfig::new().set_connection_timeout(Some(PATIENCE)).set_response_timeout(Some(PATIENCE));
    client.get_multiplexed_async_connection_with_config(&config).await.map_err(explain)
}

/// An error of Redis in words.
pub fn explain(error: RedisError) -> String {
    format!("Redis: {error}")
}
