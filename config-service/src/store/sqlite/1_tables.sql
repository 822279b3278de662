-- Version 1. Times are milliseconds since 1970.
CREATE TABLE environments (
    name       TEXT PRIMARY KEY,
    epoch      TEXT NOT NULL,
    version    INTEGER NOT NULL CHECK (version >= 0)
) STRICT;

CREATE TABLE flags (
    name       TEXT PRIMARY KEY,
    doc        TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    archived   INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE segments (
    name       TEXT PRIMARY KEY,
    doc        TEXT NOT NULL,
    revision   INTEGER NOT NULL,
    archived   INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

-- ev(f): the version of the last commit that can have changed what a flag (or segment) answers in an environment.
CREATE TABLE versions (
    environment TEXT NOT NULL,
    section     TEXT NOT NULL,
    name        TEXT NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (environment, section, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    at           INTEGER NOT NULL,
    actor        TEXT NOT NULL,
    action       TEXT NOT NULL,
    target       TEXT NOT NULL,
    environments TEXT NOT NULL,
    before       TEXT NOT NULL,
    after        TEXT NOT NULL,
    comment      TEXT
) STRICT;
CREATE TRIGGER audit_keeps BEFORE UPDATE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
CREATE TRIGGER audit_stays BEFORE DELETE ON audit BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

-- Which parts an audit entry touched: an import touches many.
CREATE TABLE audit_parts (
    section TEXT NOT NULL,
    name    TEXT NOT NULL,
    audit   INTEGER NOT NULL,
    PRIMARY KEY (section, name, audit)
) STRICT, WITHOUT ROWID;

-- One row per commit and environment: deltas are made of it, and publishers relay it.
CREATE TABLE outbox (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    environment TEXT NOT NULL,
    epoch       TEXT NOT NULL,
    version     INTEGER NOT NULL,
    touched     TEXT NOT NULL,
    UNIQUE (environment, epoch, version)
) STRICT;

CREATE TABLE api_keys (
    id          TEXT PRIMARY KEY,
    environment TEXT,
    name        TEXT NOT NULL,
    hash        BLOB NOT NULL,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER,
    revoked_at  INTEGER
) STRICT;
