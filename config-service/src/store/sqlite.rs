//! Flags in one SQLite file: no set-up, made when it is not there.
//!
//! One connection behind a mutex does everything: writes are rare and SQLite has one writer anyway; reads of the
//! hot path never come here. WAL lets another process (`jackstaff keys create`, `import --data`) work on the same file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use tokio::sync::watch;

use super::{
    AuditEntry, AuditQuery, Commit, FlagStore, KeyRecord, Line, Move, OUTBOX_KEEP, OUTBOX_UNSENT, PartWrite, RECENT_COMMITS, RECENT_PARTS,
    Record, Replica, Result, Section, Standing, StoreError, Stored, Unsent, backup,
};

/// The migrations; `user_version` counts how many a file has seen.
const MIGRATIONS: &[&str] = &[include_str!("sqlite/1_tables.sql"), include_str!("sqlite/2_relays.sql")];
/// How long to wait for another process that is writing.
const BUSY: Duration = Duration::from_secs(5);

/// A store in a SQLite file.
pub struct SqliteStore {
    connection: Mutex<Connection>,
    /// A file tells nobody that it was written: this never changes.
    news: watch::Sender<u64>,
    /// This process alone: who wants several takes PostgreSQL.
    replica: Mutex<Option<Replica>>,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(format!("SQLite: {error}"))
    }
}

impl SqliteStore {
    /// Opens the file, making it and its folder if they are not there, and brings its tables up to date.
    /// A fresh file gets `environments`, each with an epoch of its own.
    ///
    /// # Errors
    /// The file cannot be made or opened, or a newer Jackstaff wrote it.
    pub fn open(path: &Path, environments: &[(Arc<str>, Arc<str>)]) -> Result<Self> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Failed(format!("cannot open {}: {error}", path.display()));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
        }
        let connection = Connection::open(path).map_err(|error| failed(&error))?;
        Self::prepare(connection, environments).map_err(|error| failed(&error))
    }

    fn prepare(mut connection: Connection, environments: &[(Arc<str>, Arc<str>)]) -> Result<Self> {
        connection.busy_timeout(BUSY)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        // Not "normal": after a power cut it may lose the last commits, and then a version that clients have seen would come
        // again with another content. Flags are written rarely enough to wait for the disk.
        connection.pragma_update(None, "synchronous", "full")?;
        connection.pragma_update(None, "foreign_keys", "on")?;
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let seen: usize = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if seen > MIGRATIONS.len() {
            return Err(StoreError::Failed(format!(
                "its tables are of version {seen} and this jackstaff knows {}; use a newer one",
                MIGRATIONS.len()
            )));
        }
        for migration in &MIGRATIONS[seen..] {
            transaction.execute_batch(migration)?;
        }
        if seen == 0 {
            for (name, epoch) in environments {
                transaction.execute("INSERT INTO environments (name, epoch, version) VALUES (?, ?, 0)", params![name, epoch])?;
            }
        }
        transaction.pragma_update(None, "user_version", MIGRATIONS.len())?;
        transaction.commit()?;
        Ok(Self { connection: Mutex::new(connection), news: watch::Sender::new(0), replica: Mutex::default() })
    }

    /// A panic in another call left no half-done work behind: a transaction that is dropped rolls back.
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn table(section: Section) -> &'static str {
    section.plural()
}

fn section_of(word: &str) -> Section {
    if word == "segment" { Section::Segment } else { Section::Flag }
}

fn shared(row: &Row<'_>, at: usize) -> rusqlite::Result<Arc<str>> {
    row.get::<_, String>(at).map(Into::into)
}

impl FlagStore for SqliteStore {
    fn load(&self) -> Result<Stored> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let mut stored = Stored { stamp: stamp(&transaction)?, head: head(&transaction)?, ..Stored::default() };
        {
            let mut query = transaction.prepare("SELECT name, epoch, version FROM environments")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                stored.environments.insert(shared(row, 0)?, Standing { epoch: shared(row, 1)?, version: row.get(2)? });
            }
        }
        for section in [Section::Flag, Section::Segment] {
            let mut query =
                transaction.prepare(&format!("SELECT name, doc, revision, archived, created_at, updated_at FROM {}", table(section)))?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                stored.parts.insert((section, shared(row, 0)?), record(row)?);
            }
        }
        {
            let mut query = transaction.prepare("SELECT environment, section, name, version FROM versions")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let part = (section_of(row.get_ref(1)?.as_str().unwrap_or_default()), shared(row, 2)?);
                stored.versions.entry(shared(row, 0)?).or_default().insert(part, row.get(3)?);
            }
        }
        {
            let mut query = transaction.prepare(
                "SELECT outbox.environment, outbox.epoch, outbox.version, touched FROM outbox
                 JOIN environments ON name = environment AND outbox.version > environments.version - ? ORDER BY id",
            )?;
            let mut rows = query.query([OUTBOX_KEEP])?;
            while let Some(row) = rows.next()? {
                stored.outbox.push(move_row(row)?);
            }
        }
        Ok(stored)
    }

    fn load_since(&self, since: u64) -> Result<Option<Stored>> {
        let mut connection = self.connection();
        let transaction = connection.transaction()?;
        let mut stored = Stored { stamp: stamp(&transaction)?, head: head(&transaction)?, ..Stored::default() };
        let missed = match stored.head.checked_sub(since) {
            Some(missed) if missed <= RECENT_COMMITS => missed,
            _ => return Ok(None),
        };
        {
            let mut query = transaction.prepare("SELECT name, epoch, version FROM environments")?;
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                stored.environments.insert(shared(row, 0)?, Standing { epoch: shared(row, 1)?, version: row.get(2)? });
            }
        }
        for section in [Section::Flag, Section::Segment] {
            let mut query = transaction.prepare(&format!(
                "SELECT name, doc, revision, archived, created_at, updated_at FROM {}
                 WHERE name IN (SELECT name FROM audit_parts WHERE audit > ? AND section = ?) LIMIT ?",
                table(section)
            ))?;
            let mut rows = query.query(params![since, section.as_str(), RECENT_PARTS + 1])?;
            while let Some(row) = rows.next()? {
                stored.parts.insert((section, shared(row, 0)?), record(row)?);
            }
        }
        {
            // A commit moves an environment by one, so these are the moves since then, and perhaps some before.
            let mut query = transaction.prepare(
                "SELECT outbox.environment, outbox.epoch, outbox.version, touched FROM outbox
                 JOIN environments ON name = environment AND outbox.epoch = environments.epoch AND outbox.version > environments.version - ?
                 ORDER BY id",
            )?;
            let mut rows = query.query([missed])?;
            while let Some(row) = rows.next()? {
                stored.outbox.push(move_row(row)?);
            }
        }
        Ok((stored.parts.len() <= RECENT_PARTS).then_some(stored))
    }

    fn commit(&self, commit: &Commit) -> Result<u64> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if commit.seen.is_some_and(|seen| stamp(&transaction).is_ok_and(|now| now != seen)) {
            return Err(StoreError::Stale);
        }
        for name in &commit.delete {
            if transaction.execute("DELETE FROM environments WHERE name = ?", params![name])? == 0 {
                return Err(StoreError::Stale);
            }
            transaction.execute("DELETE FROM versions WHERE environment = ?", params![name])?;
            transaction.execute("DELETE FROM outbox WHERE environment = ?", params![name])?;
        }
        for (name, epoch) in &commit.create {
            let sql = "INSERT INTO environments (name, epoch, version) VALUES (?, ?, 0) ON CONFLICT DO NOTHING";
            if transaction.execute(sql, params![name, epoch])? == 0 {
                return Err(StoreError::Stale);
            }
        }
        for write in &commit.parts {
            put(&transaction, write, commit.note.at)?;
        }
        for change in &commit.moves {
            advance(&transaction, change, commit.note.at)?;
        }
        let audit = write_audit(&transaction, commit)?;
        transaction.commit()?;
        Ok(audit)
    }

    fn stamp(&self) -> Result<u64> {
        stamp(&self.connection())
    }

    fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    fn report(&self, replica: &Replica) -> Result<()> {
        *self.replica.lock().unwrap_or_else(PoisonError::into_inner) = Some(replica.clone());
        Ok(())
    }

    fn replicas(&self, since: i64) -> Result<Vec<Replica>> {
        let replica = self.replica.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(replica.iter().filter(|replica| replica.seen_at > since).cloned().collect())
    }

    fn restore(&self, lines: &mut dyn Iterator<Item = Result<Line>>) -> Result<()> {
        let mut connection = self.connection();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let sql = "SELECT (SELECT count(*) FROM audit) + (SELECT count(*) FROM api_keys)";
        if transaction.query_row(sql, [], |row| row.get::<_, u64>(0))? > 0 {
            return Err(StoreError::Failed("there is something in this store already: restore into a fresh one".to_owned()));
        }
        transaction.execute("DELETE FROM environments", [])?;
        for line in lines {
            restore(&transaction, line?)?;
        }
        Ok(transaction.commit()?)
    }

    fn lead(&self, _office: &str) -> Result<bool> {
        Ok(true) // the file is this process's; a second service on it would send twice, which every reader must stand anyway
    }

    fn unsent(&self, relay: &str, limit: usize) -> Result<Vec<Unsent>> {
        let connection = self.connection();
        let sql = "SELECT o.environment, o.epoch, o.version, o.touched, o.at FROM outbox o
                   LEFT JOIN relays r ON r.relay = ? AND r.environment = o.environment AND r.epoch = o.epoch
                   WHERE r.version IS NULL OR o.version > r.version ORDER BY o.environment, o.version LIMIT ?";
        let mut query = connection.prepare_cached(sql)?;
        let mut rows = query.query(params![relay, limit as u64])?;
        let mut unsent = Vec::new();
        while let Some(row) = rows.next()? {
            unsent.push(Unsent { at: row.get(4)?, change: move_row(row)? });
        }
        Ok(unsent)
    }

    fn mark_sent(&self, relay: &str, environment: &str, standing: &Standing) -> Result<()> {
        let sql = "INSERT INTO relays (relay, environment, epoch, version)
                   SELECT ?1, name, epoch, ?4 FROM environments WHERE name = ?2 AND epoch = ?3
                   ON CONFLICT (relay, environment) DO UPDATE SET epoch = excluded.epoch, version = excluded.version
                   WHERE relays.epoch <> excluded.epoch OR relays.version < excluded.version";
        self.connection().execute(sql, params![relay, environment, standing.epoch, standing.version])?;
        Ok(())
    }

    fn audit(&self, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
        let connection = self.connection();
        let before = query.before.unwrap_or(i64::MAX as u64);
        let limit = query.limit as u64;
        let entries = match &query.part {
            None => {
                let sql = format!("SELECT {AUDIT} FROM audit WHERE id < ? ORDER BY id DESC LIMIT ?");
                let mut query = connection.prepare_cached(&sql)?;
                query.query_map(params![before, limit], audit_row)?.collect::<rusqlite::Result<_>>()?
            }
            Some((section, name)) => {
                let sql = format!(
                    "SELECT {AUDIT} FROM audit JOIN audit_parts ON audit_parts.audit = audit.id
                     WHERE section = ? AND name = ? AND id < ? ORDER BY id DESC LIMIT ?"
                );
                let mut query = connection.prepare_cached(&sql)?;
                query.query_map(params![section.as_str(), name, before, limit], audit_row)?.collect::<rusqlite::Result<_>>()?
            }
        };
        Ok(entries)
    }

    fn audit_entry(&self, id: u64) -> Result<Option<AuditEntry>> {
        let Ok(id) = i64::try_from(id) else { return Ok(None) };
        let sql = format!("SELECT {AUDIT} FROM audit WHERE id = ?");
        Ok(self.connection().query_row(&sql, params![id], audit_row).optional()?)
    }

    fn keys(&self) -> Result<Vec<KeyRecord>> {
        let connection = self.connection();
        let sql = "SELECT id, environment, name, hash, created_at, expires_at, revoked_at FROM api_keys ORDER BY created_at, id";
        let mut query = connection.prepare_cached(sql)?;
        let rows = query.query_map([], |row| {
            Ok(KeyRecord {
                id: row.get(0)?,
                environment: row.get::<_, Option<String>>(1)?.map(Into::into),
                name: row.get(2)?,
                hash: row.get(3)?,
                created_at: row.get(4)?,
                expires_at: row.get(5)?,
                revoked_at: row.get(6)?,
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn create_key(&self, key: &KeyRecord) -> Result<()> {
        put_key(&self.connection(), key)
    }

    fn revoke_key(&self, id: &str, at: i64) -> Result<bool> {
        let sql = "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL";
        Ok(self.connection().execute(sql, params![at, id])? == 1)
    }
}

fn stamp(connection: &Connection) -> Result<u64> {
    Ok(connection.pragma_query_value(None, "data_version", |row| row.get(0))?)
}

/// The number of the last audit entry. It is asked for in the transaction of what it belongs to.
fn head(connection: &Connection) -> Result<u64> {
    Ok(connection.query_row("SELECT coalesce(max(id), 0) FROM audit", [], |row| row.get(0))?)
}

/// A row of name, document, revision, archived, created and updated.
fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record { doc: shared(row, 1)?, revision: row.get(2)?, archived: row.get(3)?, created_at: row.get(4)?, updated_at: row.get(5)? })
}

/// A row that begins with environment, epoch, version and touched.
fn move_row(row: &Row<'_>) -> Result<Move> {
    let touched = serde_json::from_str(&row.get::<_, String>(3)?)
        .map_err(|error| StoreError::Failed(format!("an outbox row cannot be read: {error}")))?;
    Ok(Move { environment: shared(row, 0)?, epoch: shared(row, 1)?, version: row.get(2)?, touched })
}

fn put_key(connection: &Connection, key: &KeyRecord) -> Result<()> {
    let sql = "INSERT INTO api_keys (id, environment, name, hash, created_at, expires_at, revoked_at) VALUES (?, ?, ?, ?, ?, ?, ?)";
    let values = params![key.id, key.environment, key.name, key.hash, key.created_at, key.expires_at, key.revoked_at];
    connection.execute(sql, values)?;
    Ok(())
}

fn put(transaction: &Transaction<'_>, write: &PartWrite, at: i64) -> Result<()> {
    let (section, name) = &write.part;
    let table = table(*section);
    let changed = if write.seen == 0 {
        let sql = format!(
            "INSERT INTO {table} (name, doc, revision, archived, created_at, updated_at) VALUES (?, ?, 1, ?, ?, ?) ON CONFLICT DO NOTHING"
        );
        transaction.prepare_cached(&sql)?.execute(params![name, write.doc, write.archived, at, at])?
    } else {
        let sql =
            format!("UPDATE {table} SET doc = ?, revision = revision + 1, archived = ?, updated_at = ? WHERE name = ? AND revision = ?");
        transaction.prepare_cached(&sql)?.execute(params![write.doc, write.archived, at, name, write.seen])?
    };
    if changed == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

fn advance(transaction: &Transaction<'_>, change: &Move, at: i64) -> Result<()> {
    let Move { environment, epoch, version, touched } = change;
    let sql = "UPDATE environments SET version = version + 1 WHERE name = ? AND epoch = ? AND version = ?";
    if transaction.execute(sql, params![environment, epoch, version.saturating_sub(1)])? == 0 {
        return Err(StoreError::Stale);
    }
    let sql = "INSERT INTO versions (environment, section, name, version) VALUES (?, ?, ?, ?)
               ON CONFLICT (environment, section, name) DO UPDATE SET version = excluded.version";
    let mut raise = transaction.prepare_cached(sql)?;
    for (section, names) in [(Section::Flag, &touched.flags), (Section::Segment, &touched.segments)] {
        for name in names {
            raise.execute(params![environment, section.as_str(), name, version])?;
        }
    }
    put_move(transaction, change, at)?;
    // What a relay has yet to send stays, as long as that is not without end.
    let sql = "DELETE FROM outbox WHERE environment = ?1 AND version <= ?2 AND (version <= ?3 OR NOT EXISTS
               (SELECT 1 FROM relays r WHERE r.environment = ?1 AND (r.epoch <> outbox.epoch OR r.version < outbox.version)))";
    transaction.execute(sql, params![environment, version.saturating_sub(OUTBOX_KEEP), version.saturating_sub(OUTBOX_UNSENT)])?;
    Ok(())
}

fn put_move(transaction: &Transaction<'_>, change: &Move, at: i64) -> Result<()> {
    let Move { environment, epoch, version, touched } = change;
    let text = serde_json::to_string(touched).map_err(|error| StoreError::Failed(error.to_string()))?;
    let sql = "INSERT INTO outbox (at, environment, epoch, version, touched) VALUES (?, ?, ?, ?, ?)";
    transaction.prepare_cached(sql)?.execute(params![at, environment, epoch, version, text])?;
    Ok(())
}

fn restore(transaction: &Transaction<'_>, line: Line) -> Result<()> {
    match line {
        Line::Jackstaff { .. } => {}
        Line::Environment { name, standing: Standing { epoch, version } } => {
            let sql = "INSERT INTO environments (name, epoch, version) VALUES (?, ?, ?)";
            transaction.execute(sql, params![name, epoch, version])?;
        }
        Line::Part { section, name, record } => {
            let Record { doc, revision, archived, created_at, updated_at } = record;
            let sql =
                format!("INSERT INTO {} (name, doc, revision, archived, created_at, updated_at) VALUES (?, ?, ?, ?, ?, ?)", table(section));
            transaction.prepare_cached(&sql)?.execute(params![name, doc, revision, archived, created_at, updated_at])?;
        }
        Line::Version { environment, section, name, version } => {
            let sql = "INSERT INTO versions (environment, section, name, version) VALUES (?, ?, ?, ?)";
            transaction.prepare_cached(sql)?.execute(params![environment, section.as_str(), name, version])?;
        }
        Line::Move { environment, epoch, version, touched } => {
            put_move(transaction, &Move { environment, epoch, version, touched }, 0)?;
        }
        Line::Audit(entry) => {
            let sql = "INSERT INTO audit (id, at, actor, action, target, environments, before, after, comment) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)";
            let AuditEntry { id, at, actor, action, target, environments, before, after, comment } = &entry;
            let values = params![id, at, actor, action, target, environments, before, after, comment];
            transaction.prepare_cached(sql)?.execute(values)?;
            let mut link = transaction.prepare_cached("INSERT INTO audit_parts (section, name, audit) VALUES (?, ?, ?)")?;
            for (section, name) in backup::parts_of(&entry)? {
                link.execute(params![section.as_str(), name, id])?;
            }
        }
        Line::Key(key) => put_key(transaction, &key)?,
    }
    Ok(())
}

fn write_audit(transaction: &Transaction<'_>, commit: &Commit) -> Result<u64> {
    let note = &commit.note;
    let moved: BTreeMap<&str, serde_json::Value> = commit
        .moves
        .iter()
        .map(|change| (&*change.environment, serde_json::json!({"epoch": change.epoch, "version": change.version})))
        .collect();
    let moved = serde_json::to_string(&moved).map_err(|error| StoreError::Failed(error.to_string()))?;
    let sql = "INSERT INTO audit (at, actor, action, target, environments, before, after, comment) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";
    let values = params![note.at, note.actor, note.action, note.target, moved, commit.before, commit.after, note.comment];
    transaction.execute(sql, values)?;
    let audit = transaction.last_insert_rowid();
    let mut link = transaction.prepare_cached("INSERT OR IGNORE INTO audit_parts (section, name, audit) VALUES (?, ?, ?)")?;
    for write in &commit.parts {
        link.execute(params![write.part.0.as_str(), write.part.1, audit])?;
    }
    Ok(audit as u64)
}

const AUDIT: &str = "id, at, actor, action, target, environments, before, after, comment";

fn audit_row(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.get(0)?,
        at: row.get(1)?,
        actor: row.get(2)?,
        action: row.get(3)?,
        target: row.get(4)?,
        environments: row.get(5)?,
        before: row.get(6)?,
        after: row.get(7)?,
        comment: row.get(8)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Touched;
    use super::super::contract::{FRESH, check_all};
    use super::*;

    fn memory() -> SqliteStore {
        SqliteStore::prepare(Connection::open_in_memory().unwrap(), &[(FRESH.0.into(), FRESH.1.into())]).unwrap()
    }

    #[test]
    fn sqlite_keeps_the_contract() {
        let folders = std::cell::RefCell::new(Vec::new());
        check_all(|| {
            let folder = tempfile::tempdir().unwrap();
            let open = || SqliteStore::open(&folder.path().join("deep/er/flags.db"), &[(FRESH.0.into(), FRESH.1.into())]).unwrap();
            let both = (open(), open());
            folders.borrow_mut().push(folder);
            both
        });
    }

    #[test]
    fn a_store_that_is_opened_again_is_not_made_anew() {
        let folder = tempfile::tempdir().unwrap();
        let open = |epoch: &str| SqliteStore::open(&folder.path().join("flags.db"), &[(FRESH.0.into(), epoch.into())]).unwrap();
        let touched = Touched { flags: vec!["a".into()], ..Touched::default() };
        let change = Move { environment: FRESH.0.into(), epoch: FRESH.1.into(), version: 1, touched };
        open(FRESH.1).commit(&Commit { moves: vec![change], ..Commit::default() }).unwrap();
        let stored = open("other").load().unwrap();
        assert_eq!((stored.environments[FRESH.0].version, &*stored.environments[FRESH.0].epoch), (1, FRESH.1));
    }

    #[test]
    fn the_audit_log_cannot_be_changed() {
        let store = memory();
        store.commit(&Commit::default()).unwrap();
        assert!(store.connection().execute("UPDATE audit SET actor = 'nobody'", []).is_err());
        assert!(store.connection().execute("DELETE FROM audit", []).is_err());
    }

    #[test]
    fn tables_of_a_newer_version_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flags.db");
        drop(SqliteStore::open(&path, &[]).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = SqliteStore::open(&path, &[]).err().unwrap().to_string();
        assert!(error.contains("version 99") && error.contains("flags.db"), "{error}");
    }
}
