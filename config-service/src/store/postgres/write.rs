//! What is written. A commit is about ten short statements in one transaction, however many flags it brings: lists go as arrays.

use std::collections::BTreeMap;

use tokio_postgres::Transaction;
use tokio_postgres::types::ToSql;

use super::super::backup::{self, Line};
use super::super::{
    AuditEntry, Commit, KeyRecord, Move, OUTBOX_KEEP, OUTBOX_UNSENT, PartWrite, Record, Replica, Result, Section, Standing, StoreError,
};
use super::read::signed;
use super::session::{Session, store_error};

const TAKE_HEAD: &str = "UPDATE head SET audit = audit + 1 RETURNING audit";
const DROP_ENVIRONMENT: &str = "WITH versions AS (DELETE FROM versions WHERE environment = $1),
                                     outbox AS (DELETE FROM outbox WHERE environment = $1)
                                DELETE FROM environments WHERE name = $1";
const MAKE_ENVIRONMENT: &str = "INSERT INTO environments (name, epoch, version) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING";
const MOVE_ENVIRONMENT: &str = "UPDATE environments SET version = version + 1 WHERE name = $1 AND epoch = $2 AND version = $3";
const RAISE_VERSIONS: &str = "INSERT INTO versions (environment, section, name, version)
    SELECT $1, section, name, $4 FROM unnest($2::text[], $3::text[]) AS touched (section, name)
    ON CONFLICT (environment, section, name) DO UPDATE SET version = excluded.version";
const PUT_MOVE: &str = "INSERT INTO outbox (environment, epoch, version, at, touched) VALUES ($1, $2, $3, $4, $5)";
const PRUNE: &str = "DELETE FROM outbox WHERE environment = $1 AND version <= $2 AND (version <= $3 OR NOT EXISTS
    (SELECT 1 FROM relays r WHERE r.environment = $1 AND (r.epoch <> outbox.epoch OR r.version < outbox.version)))";
const PUT_AUDIT: &str = "INSERT INTO audit (id, at, actor, action, target, environments, before, after, comment)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const LINK_AUDIT: &str = "INSERT INTO audit_parts (section, name, audit)
    SELECT section, name, $3 FROM unnest($1::text[], $2::text[]) AS parts (section, name) ON CONFLICT DO NOTHING";
const TELL: &str = "SELECT pg_notify('jackstaff_' || current_schema(), $1)";

/// Takes a commit whole and returns its audit number. With `head`, only if that is how many commits there were.
pub async fn commit(session: &mut Session, commit: &Commit, head: Option<u64>) -> Result<u64> {
    let [take_head, drop_environment, make_environment, tell] =
        session.statements([TAKE_HEAD, DROP_ENVIRONMENT, MAKE_ENVIRONMENT, TELL]).await?;
    let [move_environment, raise_versions, put_move, prune, put_audit, link_audit] =
        session.statements([MOVE_ENVIRONMENT, RAISE_VERSIONS, PUT_MOVE, PRUNE, PUT_AUDIT, LINK_AUDIT]).await?;
    let transaction = session.client.transaction().await.map_err(store_error)?;
    // From here to the end nobody else commits.
    let audit: i64 = transaction.query_one(&take_head, &[]).await.map_err(store_error)?.get(0);
    if head.is_some_and(|head| signed(head) != audit - 1) {
        return Err(StoreError::Stale);
    }
    for name in &commit.delete {
        is_one(transaction.execute(&drop_environment, &[&&**name]).await)?;
    }
    for (name, epoch) in &commit.create {
        is_one(transaction.execute(&make_environment, &[&&**name, &&**epoch]).await)?;
    }
    for section in [Section::Flag, Section::Segment] {
        put_parts(&transaction, section, commit).await?;
    }
    let note = &commit.note;
    for Move { environment, epoch, version, touched } in &commit.moves {
        let (environment, epoch, to) = (&**environment, &**epoch, signed(*version));
        is_one(transaction.execute(&move_environment, &[&environment, &epoch, &(to - 1)]).await)?;
        let flags = touched.flags.iter().map(|name| (Section::Flag, name));
        let (sections, names): (Vec<&str>, Vec<&str>) = flags
            .chain(touched.segments.iter().map(|name| (Section::Segment, name)))
            .map(|(section, name)| (section.as_str(), &**name))
            .unzip();
        transaction.execute(&raise_versions, &[&environment, &sections, &names, &to]).await.map_err(store_error)?;
        let text = serde_json::to_string(touched).map_err(|error| StoreError::Failed(error.to_string()))?;
        transaction.execute(&put_move, &[&environment, &epoch, &to, &note.at, &text]).await.map_err(store_error)?;
        let (keep, most) = (version.saturating_sub(OUTBOX_KEEP), version.saturating_sub(OUTBOX_UNSENT));
        transaction.execute(&prune, &[&environment, &signed(keep), &signed(most)]).await.map_err(store_error)?;
    }
    let moved: BTreeMap<&str, serde_json::Value> = commit
        .moves
        .iter()
        .map(|change| (&*change.environment, serde_json::json!({"epoch": change.epoch, "version": change.version})))
        .collect();
    let moved = serde_json::to_string(&moved).map_err(|error| StoreError::Failed(error.to_string()))?;
    transaction
        .execute(
            &put_audit,
            &[&audit, &note.at, &note.actor, &note.action, &note.target, &moved, &commit.before, &commit.after, &note.comment],
        )
        .await
        .map_err(store_error)?;
    let (sections, names): (Vec<&str>, Vec<&str>) = commit.parts.iter().map(|write| (write.part.0.as_str(), &*write.part.1)).unzip();
    transaction.execute(&link_audit, &[&sections, &names, &audit]).await.map_err(store_error)?;
    transaction.execute(&tell, &[&audit.to_string()]).await.map_err(store_error)?;
    transaction.commit().await.map_err(store_error)?;
    Ok(u64::try_from(audit).unwrap_or_default())
}

fn is_one(done: std::result::Result<u64, tokio_postgres::Error>) -> Result<()> {
    if done.map_err(store_error)? == 1 { Ok(()) } else { Err(StoreError::Stale) }
}

async fn put_parts(transaction: &Transaction<'_>, section: Section, commit: &Commit) -> Result<()> {
    let (table, at) = (section.plural(), commit.note.at);
    let (new, old): (Vec<&PartWrite>, Vec<&PartWrite>) =
        commit.parts.iter().filter(|write| write.part.0 == section).partition(|write| write.seen == 0);
    for (writes, is_new) in [(new, true), (old, false)] {
        if writes.is_empty() {
            continue;
        }
        let names: Vec<&str> = writes.iter().map(|write| &*write.part.1).collect();
        let docs: Vec<&str> = writes.iter().map(|write| &*write.doc).collect();
        let archived: Vec<bool> = writes.iter().map(|write| write.archived).collect();
        let seen: Vec<i64> = writes.iter().map(|write| signed(write.seen)).collect();
        let done = if is_new {
            let sql = format!(
                "INSERT INTO {table} (name, doc, revision, archived, created_at, updated_at)
                 SELECT name, doc, 1, archived, $4, $4 FROM unnest($1::text[], $2::text[], $3::bool[]) AS written (name, doc, archived)
                 ON CONFLICT DO NOTHING"
            );
            transaction.execute(&sql, &[&names, &docs, &archived, &at]).await
        } else {
            let sql = format!(
                "UPDATE {table} SET doc = written.doc, archived = written.archived, revision = revision + 1, updated_at = $4
                 FROM unnest($1::text[], $2::text[], $3::bool[], $5::bigint[]) AS written (name, doc, archived, seen)
                 WHERE {table}.name = written.name AND {table}.revision = written.seen"
            );
            transaction.execute(&sql, &[&names, &docs, &archived, &at, &seen]).await
        };
        if done.map_err(store_error)? != writes.len() as u64 {
            return Err(StoreError::Stale);
        }
    }
    Ok(())
}

/// Notes what a relay has sent; never backwards.
pub async fn mark_sent(session: &mut Session, relay: &str, environment: &str, standing: &Standing) -> Result<()> {
    let [sql] = session
        .statements(["INSERT INTO relays (relay, environment, epoch, version)
             SELECT $1, name, epoch, $4 FROM environments WHERE name = $2 AND epoch = $3
             ON CONFLICT (relay, environment) DO UPDATE SET epoch = excluded.epoch, version = excluded.version
             WHERE relays.epoch <> excluded.epoch OR relays.version < excluded.version"])
        .await?;
    let values: [&(dyn ToSql + Sync); 4] = [&relay, &environment, &&*standing.epoch, &signed(standing.version)];
    session.client.execute(&sql, &values).await.map_err(store_error)?;
    Ok(())
}

/// Notes how far a service is, and forgets those that have not been heard of for a day.
pub async fn report(session: &mut Session, replica: &Replica) -> Result<()> {
    let [sql] = session
        .statements(["WITH gone AS (DELETE FROM replicas WHERE seen_at < $2::bigint - 86400000)
             INSERT INTO replicas (id, seen_at, serves, sent) VALUES ($1, $2, $3, $4)
             ON CONFLICT (id) DO UPDATE SET seen_at = excluded.seen_at, serves = excluded.serves, sent = excluded.sent"])
        .await?;
    let Replica { id, seen_at, serves, sent } = replica;
    session.client.execute(&sql, &[id, seen_at, serves, sent]).await.map_err(store_error)?;
    Ok(())
}

const PUT_KEY: &str = "INSERT INTO api_keys (id, environment, name, hash, created_at, expires_at, revoked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";

/// Keeps a new key, and tells the other services.
pub async fn create_key(session: &mut Session, key: &KeyRecord) -> Result<()> {
    let transaction = session.client.transaction().await.map_err(store_error)?;
    put_key(&transaction, key).await?;
    transaction.execute(TELL, &[&"key"]).await.map_err(store_error)?;
    transaction.commit().await.map_err(store_error)
}

async fn put_key(transaction: &Transaction<'_>, key: &KeyRecord) -> Result<()> {
    let KeyRecord { id, environment, name, hash, created_at, expires_at, revoked_at } = key;
    transaction
        .execute(PUT_KEY, &[id, &environment.as_deref(), name, hash, created_at, expires_at, revoked_at])
        .await
        .map_err(store_error)?;
    Ok(())
}

/// Revokes a key, and tells the other services.
pub async fn revoke_key(session: &mut Session, id: &str, at: i64) -> Result<bool> {
    let transaction = session.client.transaction().await.map_err(store_error)?;
    let sql = "UPDATE api_keys SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    let done = transaction.execute(sql, &[&id, &at]).await.map_err(store_error)?;
    transaction.execute(TELL, &[&"key"]).await.map_err(store_error)?;
    transaction.commit().await.map_err(store_error)?;
    Ok(done == 1)
}

/// Fills a store that nobody has written to.
pub async fn restore(session: &mut Session, lines: &mut dyn Iterator<Item = Result<Line>>) -> Result<()> {
    let [take_head, put_audit, link_audit, put_move, tell] = session.statements([TAKE_HEAD, PUT_AUDIT, LINK_AUDIT, PUT_MOVE, TELL]).await?;
    let [put_flag, put_segment, put_version] = session
        .statements([
            "INSERT INTO flags (name, doc, revision, archived, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)",
            "INSERT INTO segments (name, doc, revision, archived, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6)",
            "INSERT INTO versions (environment, section, name, version) VALUES ($1, $2, $3, $4)",
        ])
        .await?;
    let transaction = session.client.transaction().await.map_err(store_error)?;
    let before: i64 = transaction.query_one(&take_head, &[]).await.map_err(store_error)?.get(0);
    let keys: i64 = transaction.query_one("SELECT count(*) FROM api_keys", &[]).await.map_err(store_error)?.get(0);
    if before > 1 || keys > 0 {
        return Err(StoreError::Failed("there is something in this store already: restore into a fresh one".to_owned()));
    }
    transaction.execute("DELETE FROM environments", &[]).await.map_err(store_error)?;
    let mut last = 0;
    for line in lines {
        match line? {
            Line::Jackstaff { .. } => {}
            Line::Environment { name, standing: Standing { epoch, version } } => {
                let sql = "INSERT INTO environments (name, epoch, version) VALUES ($1, $2, $3)";
                transaction.execute(sql, &[&&*name, &&*epoch, &signed(version)]).await.map_err(store_error)?;
            }
            Line::Part { section, name, record: Record { doc, revision, archived, created_at, updated_at } } => {
                let put = if section == Section::Flag { &put_flag } else { &put_segment };
                transaction
                    .execute(put, &[&&*name, &&*doc, &signed(revision), &archived, &created_at, &updated_at])
                    .await
                    .map_err(store_error)?;
            }
            Line::Version { environment, section, name, version } => {
                let values: [&(dyn ToSql + Sync); 4] = [&&*environment, &section.as_str(), &&*name, &signed(version)];
                transaction.execute(&put_version, &values).await.map_err(store_error)?;
            }
            Line::Move { environment, epoch, version, touched } => {
                let text = serde_json::to_string(&touched).map_err(|error| StoreError::Failed(error.to_string()))?;
                transaction.execute(&put_move, &[&&*environment, &&*epoch, &signed(version), &0_i64, &text]).await.map_err(store_error)?;
            }
            Line::Audit(entry) => {
                let AuditEntry { id, at, actor, action, target, environments, before, after, comment } = &entry;
                last = last.max(*id);
                let id = signed(*id);
                transaction
                    .execute(&put_audit, &[&id, at, actor, action, target, environments, before, after, comment])
                    .await
                    .map_err(store_error)?;
                let parts = backup::parts_of(&entry)?;
                let (sections, names): (Vec<&str>, Vec<&str>) = parts.iter().map(|(section, name)| (section.as_str(), &**name)).unzip();
                transaction.execute(&link_audit, &[&sections, &names, &id]).await.map_err(store_error)?;
            }
            Line::Key(key) => put_key(&transaction, &key).await?,
        }
    }
    // One more than the last number, so that whoever has this store open sees that it was written.
    transaction.execute("UPDATE head SET audit = greatest($1, audit)", &[&signed(last + 1)]).await.map_err(store_error)?;
    transaction.execute(&tell, &[&"restored"]).await.map_err(store_error)?;
    transaction.commit().await.map_err(store_error)
}
