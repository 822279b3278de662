//! The one connection that stays: it hears of other services' commits, and holds offices.
//!
//! An office is an advisory lock of this connection's session: PostgreSQL gives it to one, and frees it when the connection ends,
//! however that happens.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use tokio::sync::{oneshot, watch};
use tokio_postgres::Client;

use super::super::{Result, StoreError};
use super::options::Options;
use super::session::{CALL, Sessions, connect, store_error, wait};
use crate::random::jitter;

/// The shortest and the longest pause before connecting again.
const PAUSE: (u64, u64) = (100, 3_000);

/// Hears and leads.
pub struct Listener {
    news: watch::Sender<u64>,
    schema: String,
    session: Mutex<Leading>,
}

#[derive(Default)]
struct Leading {
    client: Option<Arc<Client>>,
    offices: BTreeSet<String>,
}

impl Listener {
    /// Connects and listens, and does so again whenever the connection ends, for as long as the listener is held.
    ///
    /// # Errors
    /// It cannot connect this first time.
    pub fn start(sessions: &Sessions, options: Arc<Options>) -> Result<Arc<Self>> {
        let listener = Arc::new(Self { news: watch::Sender::new(0), schema: options.schema.clone(), session: Mutex::default() });
        let (first, begun) = oneshot::channel();
        sessions.spawn(keep_listening(Arc::downgrade(&listener), options, first));
        let away = || StoreError::Away("PostgreSQL does not answer".to_owned());
        wait(begun, Instant::now() + CALL).and_then(std::result::Result::ok).ok_or_else(away)??;
        Ok(listener)
    }

    async fn listen(&self, options: &Options) -> Result<oneshot::Receiver<()>> {
        let (client, ended) = connect(options, Some(self.news.clone())).await?;
        client.batch_execute(&format!("LISTEN jackstaff_{}", self.schema)).await.map_err(store_error)?;
        *self.session() = Leading { client: Some(Arc::new(client)), offices: BTreeSet::new() };
        Ok(ended)
    }

    fn session(&self) -> std::sync::MutexGuard<'_, Leading> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes when somebody has written.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Takes or keeps an office. Asks the database every time: it is not to be believed in on a connection that nobody answers
    /// any more.
    ///
    /// # Errors
    /// There is no connection, or it does not answer.
    pub fn lead(&self, office: &str) -> Result<bool> {
        let away = || StoreError::Away("PostgreSQL does not answer, so nobody here leads".to_owned());
        let (client, has_it) = {
            let session = self.session();
            (session.client.clone().ok_or_else(away)?, session.offices.contains(office))
        };
        let deadline = Instant::now() + CALL;
        if has_it {
            wait(client.check_connection(), deadline).ok_or_else(away)?.map_err(store_error)?;
            return Ok(true);
        }
        let sql = "SELECT pg_try_advisory_lock(hashtext('jackstaff ' || current_schema()), hashtext($1))";
        let row = wait(client.query_one(sql, &[&office]), deadline).ok_or_else(away)?.map_err(store_error)?;
        let has_it: bool = row.get(0);
        let mut session = self.session();
        // If the connection was replaced meanwhile, the lock went with the old one.
        let is_same = session.client.as_ref().is_some_and(|now| Arc::ptr_eq(now, &client));
        if has_it && is_same {
            session.offices.insert(office.to_owned());
        }
        Ok(has_it && is_same)
    }
}

async fn keep_listening(listener: Weak<Listener>, options: Arc<Options>, first: oneshot::Sender<Result<()>>) {
    let mut first = Some(first);
    let mut pause = PAUSE.0;
    loop {
        let Some(held) = listener.upgrade() else { return };
        let listening = held.listen(&options).await;
        match first.take() {
            Some(first) => drop(first.send(listening.as_ref().map(drop).map_err(|error| StoreError::Away(error.to_string())))),
            // What was told meanwhile went unheard.
            None if listening.is_ok() => held.news.send_modify(|count| *count += 1),
            None => {}
        }
        drop(held);
        if let Ok(ended) = listening {
            pause = PAUSE.0;
            let _ = ended.await; // an error is how it ends
            if let Some(held) = listener.upgrade() {
                *held.session() = Leading::default();
            }
        }
        tokio::time::sleep(Duration::from_millis(pause / 2 + jitter(pause / 2 + 1))).await;
        pause = (pause * 2).min(PAUSE.1);
    }
}
