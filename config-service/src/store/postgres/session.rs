//! Connections to the database, and how a call that may block waits for them.
//!
//! The store's trait is synchronous, and the client is not. The connections live on a runtime of one thread that
//! the store owns; the futures of a call only send to them and wait for answers, so they are polled where the call was made, on a
//! thread that may block anyway, until its deadline. Nothing has to be `'static`, and the service's runtime never waits.
//! (The road not taken, an `async` trait, would have made SQLite pretend.)

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Thread;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tokio_postgres::{AsyncMessage, Client, Statement};

use super::super::{Result, StoreError};
use super::options::Options;

/// The longest that a call may take. Shorter than a request may: whoever waits gets an answer and not a broken connection.
pub const CALL: Duration = Duration::from_secs(8);
/// How many connections there may be, the one that listens apart.
const MOST: usize = 6;
/// A connection that was idle for longer is asked whether it is still there before it is trusted with a commit.
const TRUST: Duration = Duration::from_millis(500);
/// After a connection could not be made, how long that is taken for granted.
const PAUSE: Duration = Duration::from_millis(300);

/// Waits for a future on this thread; `None` if it is not done by `deadline`.
pub fn wait<T>(future: impl Future<Output = T>, deadline: Instant) -> Option<T> {
    struct Unpark(Thread);
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Some(done);
        }
        let left = deadline.checked_duration_since(Instant::now())?;
        std::thread::park_timeout(left);
    }
}

/// A connection and the statements that it knows.
pub struct Session {
    /// The connection.
    pub client: Client,
    prepared: HashMap<String, Statement>,
    idle_since: Instant,
}

impl Session {
    /// Sees to it that these statements are prepared, and yields them.
    ///
    /// # Errors
    /// One of them is wrong, or the connection is gone.
    pub async fn statements<const N: usize>(&mut self, texts: [&str; N]) -> Result<[Statement; N]> {
        for text in texts {
            if !self.prepared.contains_key(text) {
                let statement = self.client.prepare(text).await.map_err(store_error)?;
                self.prepared.insert(text.to_owned(), statement);
            }
        }
        Ok(texts.map(|text| self.prepared[text].clone()))
    }
}

/// What a failure means to the service: is the database away, or was it asked for something wrong?
pub fn store_error(error: tokio_postgres::Error) -> StoreError {
    let message = error.as_db_error().map_or_else(|| chain(&error), |error| format!("{} ({})", error.message(), error.code().code()));
    let Some(code) = error.code().map(tokio_postgres::error::SqlState::code) else {
        let is_away = error.is_closed() || is_of_network(&error);
        let kind = if is_away { StoreError::Away } else { StoreError::Failed };
        return kind(format!("PostgreSQL: {message}"));
    };
    match code {
        // Serialisation failures and deadlocks.
        "40001" | "40P01" => StoreError::Stale,
        // Shutting down, starting up, out of connections, a lock or a statement that took too long, a standby.
        "57P01" | "57P02" | "57P03" | "57014" | "53300" | "55P03" | "25006" | "25P03" => StoreError::Away(format!("PostgreSQL: {message}")),
        code if code.starts_with("08") => StoreError::Away(format!("PostgreSQL: {message}")),
        _ => StoreError::Failed(format!("PostgreSQL: {message}")),
    }
}

fn is_of_network(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut error = Some(error);
    while let Some(cause) = error {
        if cause.is::<std::io::Error>() || cause.to_string().contains("timeout") {
            return true;
        }
        error = cause.source();
    }
    false
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message = format!("{message}: {cause}");
        source = cause.source();
    }
    message
}

/// Connects, and drives the connection on the runtime that this is called on. Notifications go to `news`.
/// Returns what ends when the connection does.
///
/// # Errors
/// There is no such database, it does not let us in, or does not answer.
pub async fn connect(options: &Options, news: Option<watch::Sender<u64>>) -> Result<(Client, oneshot::Receiver<()>)> {
    let (client, mut connection) = options.config.connect(options.tls.clone()).await.map_err(store_error)?;
    let (alive, ended) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let _alive = alive;
        while let Some(message) = std::future::poll_fn(|cx| connection.poll_message(cx)).await {
            match message {
                Ok(AsyncMessage::Notification(_)) => {
                    if let Some(news) = &news {
                        news.send_modify(|count| *count += 1);
                    }
                }
                Ok(_) => {} // a notice for people
                Err(error) => {
                    tracing::debug!(error = chain(&error), "a connection to PostgreSQL broke off");
                    break;
                }
            }
        }
    });
    // A statement that hangs must not hold the lock that all writers wait for.
    let setup = format!(
        "SET search_path TO {}; SET statement_timeout TO 60000; SET lock_timeout TO 5000;
         SET idle_in_transaction_session_timeout TO 10000",
        options.schema
    );
    client.batch_execute(&setup).await.map_err(store_error)?;
    Ok((client, ended))
}

#[derive(Default)]
struct Places {
    idle: Vec<Session>,
    taken: usize,
    failed: Option<(Instant, String)>,
}

/// The connections.
pub struct Sessions {
    /// What they run on; `None` only while it is dropped.
    runtime: Option<Runtime>,
    options: Arc<Options>,
    places: Mutex<Places>,
    freed: Condvar,
}

impl Sessions {
    /// No connections yet.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub fn new(options: Arc<Options>) -> Result<Self> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("jackstaff-postgres").enable_all().build();
        let runtime = runtime.map_err(|error| StoreError::Failed(format!("cannot start a thread: {error}")))?;
        Ok(Self { runtime: Some(runtime), options, places: Mutex::default(), freed: Condvar::new() })
    }

    /// Runs something on the runtime of the connections until the store is dropped.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        if let Some(runtime) = &self.runtime {
            runtime.spawn(work);
        }
    }

    /// Does `work` with a connection. If it fails half-way, what it began is rolled back.
    ///
    /// # Errors
    /// What `work` says; [`StoreError::Away`] if there is no connection, or it took too long.
    pub fn with<T>(&self, work: impl AsyncFnOnce(&mut Session) -> Result<T>) -> Result<T> {
        self.with_patience(CALL, work)
    }

    /// The same with another limit of time.
    ///
    /// # Errors
    /// As [`Sessions::with`].
    pub fn with_patience<T>(&self, patience: Duration, work: impl AsyncFnOnce(&mut Session) -> Result<T>) -> Result<T> {
        let deadline = Instant::now() + patience;
        let place = self.place(deadline)?;
        let mut session = self.session(deadline)?;
        let done = wait(work(&mut session), deadline);
        if done.is_some() && !session.client.is_closed() && !matches!(done, Some(Err(StoreError::Away(_)))) {
            session.idle_since = Instant::now();
            self.places().idle.push(session);
        }
        drop(place);
        done.unwrap_or_else(|| Err(StoreError::Away(format!("PostgreSQL did not answer within {} s", patience.as_secs()))))
    }

    fn places(&self) -> std::sync::MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn place(&self, deadline: Instant) -> Result<impl Drop + '_> {
        struct Place<'a>(&'a Sessions);
        impl Drop for Place<'_> {
            fn drop(&mut self) {
                self.0.places().taken -= 1;
                self.0.freed.notify_one();
            }
        }
        let mut places = self.places();
        while places.taken >= MOST {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return Err(StoreError::Away("all connections to PostgreSQL are busy".to_owned()));
            };
            places = self.freed.wait_timeout(places, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        places.taken += 1;
        Ok(Place(self))
    }

    fn session(&self, deadline: Instant) -> Result<Session> {
        loop {
            let idle = self.places().idle.pop();
            let Some(session) = idle else { break };
            let is_fresh = session.idle_since.elapsed() < TRUST;
            if !session.client.is_closed()
                && (is_fresh || wait(session.client.check_connection(), deadline).is_some_and(|checked| checked.is_ok()))
            {
                return Ok(session);
            }
        }
        if let Some((_, message)) = self.places().failed.as_ref().filter(|(at, _)| at.elapsed() < PAUSE) {
            return Err(StoreError::Away(message.clone()));
        }
        let (reply, connected) = oneshot::channel();
        let options = self.options.clone();
        self.spawn(async move {
            let _ = reply.send(connect(&options, None).await); // whoever waited may have gone
        });
        let connected = wait(connected, deadline).and_then(std::result::Result::ok);
        match connected.unwrap_or_else(|| Err(StoreError::Away("PostgreSQL did not answer in time".to_owned()))) {
            Ok((client, _)) => {
                self.places().failed = None;
                Ok(Session { client, prepared: HashMap::new(), idle_since: Instant::now() })
            }
            Err(error) => {
                if let StoreError::Away(message) = &error {
                    self.places().failed = Some((Instant::now(), message.clone()));
                }
                Err(error)
            }
        }
    }
}

impl Drop for Sessions {
    /// Not by dropping the runtime: that panics where it must not block.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
