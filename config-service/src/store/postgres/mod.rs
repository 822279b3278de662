//! Flags in PostgreSQL: any number of services share them.
//!
//! [`options`] reads the address, [`session`] keeps connections and waits for them, [`read`] and [`write`] are the queries, and
//! [`listen`] hears of other services' commits and holds offices, such as that of publishing. Commits queue at one row (`head`), so they follow one another
//! whatever they touch: versions are gapless and in commit order, and a commit can tell whether anybody came before it. `NOTIFY` is a
//! hint: it says "look now", and whoever does not hear it looks every few seconds anyway.
//!
//! While the database is away calls fail with [`StoreError::Away`] and connections are made again when it is back; what was loaded is
//! served on. Tables are in a schema of their own, made and brought up to date at the start by whoever comes first.

mod listen;
mod options;
mod read;
mod session;
#[cfg(test)]
mod tests;
mod write;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use super::backup::Line;
use super::{AuditEntry, AuditQuery, Commit, FlagStore, KeyRecord, Replica, Result, Standing, StoreError, Stored, Unsent};
use listen::Listener;
use options::Options;
use session::{Session, Sessions, store_error};

/// The migrations; the table `migrations` counts how many a schema has seen.
const MIGRATIONS: &[&str] = &[include_str!("1_tables.sql")];
/// How long a migration or a restore may take.
const LONG: Duration = Duration::from_secs(600);

/// A store in a PostgreSQL database.
pub struct PostgresStore {
    // Before the sessions, so that it lets go of its connection before their runtime ends.
    listener: Arc<Listener>,
    sessions: Sessions,
    /// How many commits this process has made: its own are no news to it.
    own: AtomicU64,
}

impl PostgresStore {
    /// Connects, and brings the tables up to date. A fresh schema gets `environments`, each with its epoch. `url` is what
    /// [`Options::parse`] reads: `postgresql://user:password@host:5432/database?sslmode=verify-full`.
    ///
    /// # Errors
    /// The address is none, the database cannot be reached or lets us not in, or a newer Jackstaff has been there.
    pub fn open(url: &str, environments: &[(Arc<str>, Arc<str>)]) -> Result<Self> {
        let options = Arc::new(Options::parse(url)?);
        let sessions = Sessions::new(options.clone())?;
        let schema = options.schema.clone();
        sessions.with_patience(LONG, async |session| migrate(session, &schema, environments).await)?;
        let listener = Listener::start(&sessions, options)?;
        Ok(Self { listener, sessions, own: AtomicU64::new(0) })
    }

    fn own(&self) -> u64 {
        self.own.load(Ordering::Acquire)
    }
}

/// Makes the schema and its tables, or brings them up to date. Services that start together wait for one another.
async fn migrate(session: &mut Session, schema: &str, environments: &[(Arc<str>, Arc<str>)]) -> Result<()> {
    let transaction = session.client.transaction().await.map_err(store_error)?;
    let lock = "SELECT pg_advisory_xact_lock(hashtext('jackstaff migrations'), hashtext($1))";
    transaction.execute(lock, &[&schema]).await.map_err(store_error)?;
    // Asked first: who may not make schemas may still use one that somebody made for them.
    let found = transaction.query_opt("SELECT 1 FROM pg_namespace WHERE nspname = $1", &[&schema]).await.map_err(store_error)?;
    if found.is_none() {
        transaction.batch_execute(&format!("CREATE SCHEMA {schema}")).await.map_err(store_error)?;
    }
    let table = "CREATE TABLE IF NOT EXISTS migrations (version integer PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())";
    transaction.batch_execute(table).await.map_err(store_error)?;
    let seen = transaction.query_one("SELECT count(*) FROM migrations", &[]).await.map_err(store_error)?;
    let seen = usize::try_from(seen.get::<_, i64>(0)).unwrap_or_default();
    if seen > MIGRATIONS.len() {
        return Err(StoreError::Failed(format!(
            "the tables in schema \"{schema}\" are of version {seen} and this jackstaff knows {}; use a newer one",
            MIGRATIONS.len()
        )));
    }
    for (at, migration) in MIGRATIONS.iter().enumerate().skip(seen) {
        transaction.batch_execute(migration).await.map_err(store_error)?;
        let version = at as i32 + 1;
        transaction.execute("INSERT INTO migrations (version) VALUES ($1)", &[&version]).await.map_err(store_error)?;
    }
    if seen == 0 {
        for (name, epoch) in environments {
            let sql = "INSERT INTO environments (name, epoch, version) VALUES ($1, $2, 0)";
            transaction.execute(sql, &[&&**name, &&**epoch]).await.map_err(store_error)?;
        }
    }
    transaction.commit().await.map_err(store_error)
}

impl FlagStore for PostgresStore {
    fn load(&self) -> Result<Stored> {
        let mut stored = self.sessions.with(async |session| read::load(session).await)?;
        stored.stamp -= self.own().min(stored.stamp);
        Ok(stored)
    }

    fn load_since(&self, head: u64) -> Result<Option<Stored>> {
        let stored = self.sessions.with(async |session| read::load_since(session, head).await)?;
        Ok(stored.map(|stored| Stored { stamp: stored.stamp - self.own().min(stored.stamp), ..stored }))
    }

    fn commit(&self, commit: &Commit) -> Result<u64> {
        let head = commit.seen.map(|seen| seen + self.own());
        let audit = self.sessions.with(async |session| write::commit(session, commit, head).await)?;
        self.own.fetch_add(1, Ordering::AcqRel);
        Ok(audit)
    }

    /// The number of commits, less one's own.
    fn stamp(&self) -> Result<u64> {
        let head = self.sessions.with(async |session| read::head(session).await)?;
        Ok(head - self.own().min(head))
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.listener.news()
    }

    fn lead(&self, office: &str) -> Result<bool> {
        self.listener.lead(office)
    }

    fn unsent(&self, relay: &str, limit: usize) -> Result<Vec<Unsent>> {
        self.sessions.with(async |session| read::unsent(session, relay, limit).await)
    }

    fn mark_sent(&self, relay: &str, environment: &str, standing: &Standing) -> Result<()> {
        self.sessions.with(async |session| write::mark_sent(session, relay, environment, standing).await)
    }

    fn report(&self, replica: &Replica) -> Result<()> {
        self.sessions.with(async |session| write::report(session, replica).await)
    }

    fn replicas(&self, since: i64) -> Result<Vec<Replica>> {
        self.sessions.with(async |session| read::replicas(session, since).await)
    }

    fn restore(&self, lines: &mut dyn Iterator<Item = Result<Line>>) -> Result<()> {
        self.sessions.with_patience(LONG, async |session| write::restore(session, lines).await)
    }

    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        self.sessions.with(async |session| read::audit(session, query).await)
    }

    fn audit_entry(&self, id: u64) -> Result<Option<AuditEntry>> {
        self.sessions.with(async |session| read::audit_entry(session, id).await)
    }

    fn keys(&self) -> Result<Vec<KeyRecord>> {
        self.sessions.with(async |session| read::keys(session).await)
    }

    fn create_key(&self, key: &KeyRecord) -> Result<()> {
        self.sessions.with(async |session| write::create_key(session, key).await)
    }

    fn revoke_key(&self, id: &str, at: i64) -> Result<bool> {
        self.sessions.with(async |session| write::revoke_key(session, id, at).await)
    }
}
