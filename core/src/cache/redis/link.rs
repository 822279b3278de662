//! The connection: made in the background when it is first wanted, given up when it breaks, found again by itself.
//!
//! A check waits for it as long as it would wait for an answer and no longer; whoever comes later finds it made. One multiplexed
//! connection carries everything: a pool would only let a crowd exhaust it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{AsyncConnectionConfig, Client, ConnectionInfo, TlsCertificates};
use tokio::runtime::Handle;
use tokio::sync::Notify;

use super::place::Place;
use crate::error::{Error, ErrorKind, Result};

/// How long making a connection may take, names, TLS and log-in included.
const CONNECT: Duration = Duration::from_secs(5);
/// A write or a read that takes longer has failed, whatever the caller was willing to wait.
const RESPONSE: Duration = Duration::from_secs(5);

/// A connection to use.
#[derive(Clone)]
pub enum Connection {
    /// To one server.
    Single(MultiplexedConnection),
    /// To the nodes of a cluster.
    Cluster(ClusterConnection),
}

/// The way to a Redis.
pub struct Link {
    place: Place,
    certificates: Option<TlsCertificates>,
    runtime: Handle,
    current: Mutex<Current>,
    connecting: AtomicBool,
    changed: Notify,
    connects: AtomicU64,
}

#[derive(Default)]
struct Current {
    connection: Option<Connection>,
    /// Counts connections, so that a report about a former one does not end its successor.
    number: u64,
    failure: Option<Arc<str>>,
}

impl Link {
    /// A way to `place`; connects when it is first used. `certificates` are trusted instead of the system's.
    pub fn new(place: Place, certificates: Option<TlsCertificates>, runtime: Handle) -> Self {
        // Another library in the process may have chosen its own provider: then that one is used.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self {
            place,
            certificates,
            runtime,
            current: Mutex::default(),
            connecting: AtomicBool::new(false),
            changed: Notify::new(),
            connects: AtomicU64::new(0),
        }
    }

    /// Where it is, for a log.
    pub fn shown(&self) -> String {
        self.place.shown()
    }

    /// How many connections were made.
    pub fn connects(&self) -> u64 {
        self.connects.load(Ordering::Relaxed)
    }

    /// The connection and its number. Waits until it is made or cannot be; the caller sets the limit.
    ///
    /// # Errors
    /// `Unavailable`, with what the attempt met.
    pub async fn connection(self: &Arc<Self>) -> Result<(Connection, u64)> {
        loop {
            // Before the look, or a change in between would go unheard.
            let mut changed = std::pin::pin!(self.changed.notified());
            changed.as_mut().enable();
            {
                let mut current = self.current();
                if let Some(connection) = &current.connection {
                    return Ok((connection.clone(), current.number));
                }
                if let Some(failure) = current.failure.take() {
                    return Err(Error::new(ErrorKind::Unavailable, &*failure));
                }
            }
            self.connect();
            changed.await;
        }
    }

    /// The connection of that number is of no use any more.
    pub fn give_up(&self, number: u64) {
        let mut current = self.current();
        if current.number == number {
            current.connection = None;
        }
    }

    /// Connects in the background, unless somebody is at it.
    fn connect(self: &Arc<Self>) {
        if self.connecting.swap(true, Ordering::AcqRel) {
            return;
        }
        let me = self.clone();
        self.runtime.spawn(async move {
            let made = match tokio::time::timeout(CONNECT, me.make()).await {
                Ok(made) => made.map_err(|error| error.to_string()),
                Err(_) => Err(format!("no connection within {CONNECT:?}")),
            };
            let mut current = me.current();
            match made {
                Ok(connection) => {
                    me.connects.fetch_add(1, Ordering::Relaxed);
                    *current = Current { connection: Some(connection), number: current.number + 1, failure: None };
                }
                Err(message) => current.failure = Some(message.into()),
            }
            me.connecting.store(false, Ordering::Release);
            drop(current);
            me.changed.notify_waiters();
        });
    }

    async fn make(&self) -> redis::RedisResult<Connection> {
        let wrong = |error: Error| redis::RedisError::from((redis::ErrorKind::InvalidClientConfig, "sentinel", error.to_string()));
        match &self.place {
            Place::Single(info) => {
                let mut connection = self.client((**info).clone())?.get_multiplexed_async_connection_with_config(&config()).await?;
                if is_cluster(&mut connection).await {
                    return self.cluster(vec![(**info).clone()]).await;
                }
                Ok(Connection::Single(connection))
            }
            Place::Cluster(nodes) => self.cluster(nodes.clone()).await,
            Place::Sentinel(sentinel) => {
                // Asked anew for each connection: the master may have changed, and that may be why the last one broke.
                let mut client = sentinel.builder(self.certificates.clone()).map_err(wrong)?.build()?;
                client.get_async_connection_with_config(&config()).await.map(Connection::Single)
            }
        }
    }

    async fn cluster(&self, nodes: Vec<ConnectionInfo>) -> redis::RedisResult<Connection> {
        let mut builder = ClusterClient::builder(nodes).connection_timeout(CONNECT).response_timeout(RESPONSE).retries(2);
        if let Some(certificates) = &self.certificates {
            builder = builder.certs(certificates.clone());
        }
        builder.build()?.get_async_connection().await.map(Connection::Cluster)
    }

    fn client(&self, info: ConnectionInfo) -> redis::RedisResult<Client> {
        match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        }
    }

    fn current(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn config() -> AsyncConnectionConfig {
    AsyncConnectionConfig::new().set_connection_timeout(Some(CONNECT)).set_response_timeout(Some(RESPONSE))
}

/// A node of a cluster answers most keys with MOVED. Who may not ask is taken to be no cluster.
async fn is_cluster(connection: &mut MultiplexedConnection) -> bool {
    let about: redis::RedisResult<String> = redis::cmd("INFO").arg("cluster").query_async(connection).await;
    about.is_ok_and(|about| about.contains("cluster_enabled:1"))
}

impl Connection {
    /// Sends one command; on a cluster it is split by slots where it has to be.
    pub async fn ask<T: redis::FromRedisValue>(&mut self, command: &redis::Cmd) -> redis::RedisResult<T> {
        match self {
            Self::Single(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }

    /// Sends several commands at once: one pipeline, or on a cluster each to its node. The first error, if there is one.
    pub async fn send(&mut self, commands: Vec<redis::Cmd>) -> redis::RedisResult<()> {
        match self {
            Self::Single(connection) => {
                let mut pipeline = redis::Pipeline::with_capacity(commands.len());
                for command in commands {
                    pipeline.add_command(command).ignore();
                }
                pipeline.query_async(connection).await
            }
            Self::Cluster(connection) => {
                let sent = commands.into_iter().map(|command| {
                    let mut connection = connection.clone();
                    async move { connection.req_packed_command(&command).await.map(drop) }
                });
                futures_util::future::join_all(sent).await.into_iter().collect()
            }
        }
    }
}
