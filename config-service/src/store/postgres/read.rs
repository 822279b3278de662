//! What is read.

use std::sync::Arc;

use tokio_postgres::{IsolationLevel, Row};

use super::super::{
    AuditEntry, AuditQuery, KeyRecord, Move, OUTBOX_KEEP, RECENT_COMMITS, RECENT_PARTS, Record, Replica, Result, Section, Standing,
    StoreError, Stored, Unsent,
};
use super::session::{Session, store_error};

const HEAD: &str = "SELECT audit FROM head";

/// PostgreSQL has signed numbers only; ours never come near the difference.
pub fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn unsigned(row: &Row, at: usize) -> u64 {
    u64::try_from(row.get::<_, i64>(at)).unwrap_or_default()
}

fn shared(row: &Row, at: usize) -> Arc<str> {
    row.get::<_, &str>(at).into()
}

fn section_of(word: &str) -> Section {
    if word == "segment" { Section::Segment } else { Section::Flag }
}

/// How many commits there were.
pub async fn head(session: &mut Session) -> Result<u64> {
    let [sql] = session.statements([HEAD]).await?;
    Ok(unsigned(&session.client.query_one(&sql, &[]).await.map_err(store_error)?, 0))
}

/// Everything, as of one moment; `stamp` is the head.
pub async fn load(session: &mut Session) -> Result<Stored> {
    let [head, environments, flags, segments, versions, outbox] = session
        .statements([
            HEAD,
            "SELECT name, epoch, version FROM environments",
            "SELECT name, doc, revision, archived, created_at, updated_at FROM flags",
            "SELECT name, doc, revision, archived, created_at, updated_at FROM segments",
            "SELECT environment, section, name, version FROM versions",
            "SELECT outbox.environment, outbox.epoch, outbox.version, touched FROM outbox
             JOIN environments ON name = environment AND outbox.version > environments.version - $1
             ORDER BY outbox.environment, outbox.version",
        ])
        .await?;
    let transaction = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await;
    let transaction = transaction.map_err(store_error)?;
    let stamp = unsigned(&transaction.query_one(&head, &[]).await.map_err(store_error)?, 0);
    let mut stored = Stored { stamp, head: stamp, ..Stored::default() };
    for row in transaction.query(&environments, &[]).await.map_err(store_error)? {
        stored.environments.insert(shared(&row, 0), Standing { epoch: shared(&row, 1), version: unsigned(&row, 2) });
    }
    for (section, query) in [(Section::Flag, flags), (Section::Segment, segments)] {
        for row in transaction.query(&query, &[]).await.map_err(store_error)? {
            stored.parts.insert((section, shared(&row, 0)), record(&row));
        }
    }
    for row in transaction.query(&versions, &[]).await.map_err(store_error)? {
        let part = (section_of(row.get(1)), shared(&row, 2));
        stored.versions.entry(shared(&row, 0)).or_default().insert(part, unsigned(&row, 3));
    }
    for row in transaction.query(&outbox, &[&signed(OUTBOX_KEEP)]).await.map_err(store_error)? {
        stored.outbox.push(moved(&row)?);
    }
    transaction.commit().await.map_err(store_error)?;
    Ok(stored)
}

/// What was written after `since`; `stamp` is the head.
pub async fn load_since(session: &mut Session, since: u64) -> Result<Option<Stored>> {
    let [head, environments, flags, segments, outbox] = session
        .statements([
            HEAD,
            "SELECT name, epoch, version FROM environments",
            "SELECT name, doc, revision, archived, created_at, updated_at FROM flags
             WHERE name IN (SELECT name FROM audit_parts WHERE audit > $1 AND section = 'flag') LIMIT $2",
            "SELECT name, doc, revision, archived, created_at, updated_at FROM segments
             WHERE name IN (SELECT name FROM audit_parts WHERE audit > $1 AND section = 'segment') LIMIT $2",
            "SELECT outbox.environment, outbox.epoch, outbox.version, touched FROM outbox
             JOIN environments ON name = environment AND outbox.epoch = environments.epoch AND outbox.version > environments.version - $1
             ORDER BY outbox.environment, outbox.version",
        ])
        .await?;
    let transaction = session.client.build_transaction().isolation_level(IsolationLevel::RepeatableRead).read_only(true).start().await;
    let transaction = transaction.map_err(store_error)?;
    let stamp = unsigned(&transaction.query_one(&head, &[]).await.map_err(store_error)?, 0);
    let missed = match stamp.checked_sub(since) {
        Some(missed) if missed <= RECENT_COMMITS => missed,
        _ => return Ok(None),
    };
    let mut stored = Stored { stamp, head: stamp, ..Stored::default() };
    for row in transaction.query(&environments, &[]).await.map_err(store_error)? {
        stored.environments.insert(shared(&row, 0), Standing { epoch: shared(&row, 1), version: unsigned(&row, 2) });
    }
    for (section, query) in [(Section::Flag, flags), (Section::Segment, segments)] {
        for row in transaction.query(&query, &[&signed(since), &signed(RECENT_PARTS as u64 + 1)]).await.map_err(store_error)? {
            stored.parts.insert((section, shared(&row, 0)), record(&row));
        }
    }
    // A commit moves an environment by one, so these are the moves since then, and perhaps some before.
    for row in transaction.query(&outbox, &[&signed(missed)]).await.map_err(store_error)? {
        stored.outbox.push(moved(&row)?);
    }
    transaction.commit().await.map_err(store_error)?;
    Ok((stored.parts.len() <= RECENT_PARTS).then_some(stored))
}

fn record(row: &Row) -> Record {
    Record { doc: shared(row, 1), revision: unsigned(row, 2), archived: row.get(3), created_at: row.get(4), updated_at: row.get(5) }
}

fn moved(row: &Row) -> Result<Move> {
    let touched = serde_json::from_str(row.get(3)).map_err(|error| StoreError::Failed(format!("an outbox row cannot be read: {error}")))?;
    Ok(Move { environment: shared(row, 0), epoch: shared(row, 1), version: unsigned(row, 2), touched })
}

/// The moves that a relay has not marked as sent.
pub async fn unsent(session: &mut Session, relay: &str, limit: usize) -> Result<Vec<Unsent>> {
    let [sql] = session
        .statements(["SELECT o.environment, o.epoch, o.version, o.touched, o.at FROM outbox o
             LEFT JOIN relays r ON r.relay = $1 AND r.environment = o.environment AND r.epoch = o.epoch
             WHERE r.version IS NULL OR o.version > r.version ORDER BY o.environment COLLATE \"C\", o.version LIMIT $2"])
        .await?;
    let rows = session.client.query(&sql, &[&relay, &signed(limit as u64)]).await.map_err(store_error)?;
    rows.iter().map(|row| Ok(Unsent { at: row.get(4), change: moved(row)? })).collect()
}

/// What the services reported after `since`.
pub async fn replicas(session: &mut Session, since: i64) -> Result<Vec<Replica>> {
    let [sql] = session.statements(["SELECT id, seen_at, serves, sent FROM replicas WHERE seen_at > $1 ORDER BY id"]).await?;
    let rows = session.client.query(&sql, &[&since]).await.map_err(store_error)?;
    Ok(rows.iter().map(|row| Replica { id: row.get(0), seen_at: row.get(1), serves: row.get(2), sent: row.get(3) }).collect())
}

fn entry(row: &Row) -> AuditEntry {
    AuditEntry {
        id: unsigned(row, 0),
        at: row.get(1),
        actor: row.get(2),
        action: row.get(3),
        target: row.get(4),
        environments: row.get(5),
        before: row.get(6),
        after: row.get(7),
        comment: row.get(8),
    }
}

/// Audit entries, newest first.
pub async fn audit(session: &mut Session, query: &AuditQuery) -> Result<Vec<AuditEntry>> {
    let before = query.before.map_or(i64::MAX, signed);
    let limit = signed(query.limit as u64);
    let rows = match &query.part {
        None => {
            let [sql] = session
                .statements(["SELECT id, at, actor, action, target, environments, before, after, comment FROM audit
                     WHERE id < $1 ORDER BY id DESC LIMIT $2"])
                .await?;
            session.client.query(&sql, &[&before, &limit]).await
        }
        Some((section, name)) => {
            let [sql] = session
                .statements(["SELECT id, at, actor, action, target, environments, before, after, comment FROM audit
                     JOIN audit_parts ON audit_parts.audit = audit.id
                     WHERE section = $3 AND name = $4 AND id < $1 ORDER BY id DESC LIMIT $2"])
                .await?;
            session.client.query(&sql, &[&before, &limit, &section.as_str(), &&**name]).await
        }
    };
    Ok(rows.map_err(store_error)?.iter().map(entry).collect())
}

/// The audit entry of that number.
pub async fn audit_entry(session: &mut Session, id: u64) -> Result<Option<AuditEntry>> {
    let Ok(id) = i64::try_from(id) else { return Ok(None) };
    let [sql] =
        session.statements(["SELECT id, at, actor, action, target, environments, before, after, comment FROM audit WHERE id = $1"]).await?;
    Ok(session.client.query_opt(&sql, &[&id]).await.map_err(store_error)?.as_ref().map(entry))
}

/// All keys, oldest first.
pub async fn keys(session: &mut Session) -> Result<Vec<KeyRecord>> {
    let [sql] = session
        .statements(["SELECT id, environment, name, hash, created_at, expires_at, revoked_at FROM api_keys ORDER BY created_at, id"])
        .await?;
    let rows = session.client.query(&sql, &[]).await.map_err(store_error)?;
    let key = |row: &Row| KeyRecord {
        id: row.get(0),
        environment: row.get::<_, Option<&str>>(1).map(Into::into),
        name: row.get(2),
        hash: row.get(3),
        created_at: row.get(4),
        expires_at: row.get(5),
        revoked_at: row.get(6),
    };
    Ok(rows.iter().map(key).collect())
}
