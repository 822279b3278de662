-- Version 1. Times are milliseconds since 1970. The same tables as SQLite has, and two more: head and replicas.

-- One row. A commit takes it first and lets go of it last, so commits follow one another, whatever they touch, and no two of them can
-- wait for each other. Its number is that of the last entry in the audit log.
CREATE TABLE head (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    audit bigint NOT NULL
);
INSERT INTO head (audit) VALUES (0);

CREATE TABLE environments (
    name    text PRIMARY KEY,
    epoch   text NOT NULL,
    version bigint NOT NULL CHECK (version >= 0)
);

-- Documents are text, not jsonb: jsonb would reorder keys, and what a flag's digest is made of is the text.
CREATE TABLE flags (
    name       text PRIMARY KEY,
    doc        text NOT NULL,
    revision   bigint NOT NULL,
    archived   boolean NOT NULL DEFAULT false,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

CREATE TABLE segments (
    name       text PRIMARY KEY,
    doc        text NOT NULL,
    revision   bigint NOT NULL,
    archived   boolean NOT NULL DEFAULT false,
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL
);

-- ev(f): the version of the last commit that can have changed what a flag (or segment) answers in an environment.
CREATE TABLE versions (
    environment text NOT NULL,
    section     text NOT NULL,
    name        text NOT NULL,
    version     bigint NOT NULL,
    PRIMARY KEY (environment, section, name)
);

CREATE TABLE audit (
    id           bigint PRIMARY KEY,
    at           bigint NOT NULL,
    actor        text NOT NULL,
    action       text NOT NULL,
    target       text NOT NULL,
    environments text NOT NULL,
    before       text NOT NULL,
    after        text NOT NULL,
    comment      text
);
CREATE FUNCTION audit_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON audit EXECUTE FUNCTION audit_is_kept();

-- Which parts an audit entry touched: an import touches many.
CREATE TABLE audit_parts (
    section text NOT NULL,
    name    text NOT NULL,
    audit   bigint NOT NULL,
    PRIMARY KEY (section, name, audit)
);
CREATE INDEX audit_parts_by_audit ON audit_parts (audit);

-- One row per commit and environment: deltas are made of it, and publishers relay it.
CREATE TABLE outbox (
    environment text NOT NULL,
    epoch       text NOT NULL,
    version     bigint NOT NULL,
    at          bigint NOT NULL,
    touched     text NOT NULL,
    PRIMARY KEY (environment, epoch, version)
);

-- How far each relay of the outbox has come. Its rows go with the environment.
CREATE TABLE relays (
    relay       text NOT NULL,
    environment text NOT NULL REFERENCES environments (name) ON DELETE CASCADE,
    epoch       text NOT NULL,
    version     bigint NOT NULL,
    PRIMARY KEY (relay, environment)
);

CREATE TABLE api_keys (
    id          text PRIMARY KEY,
    environment text,
    name        text NOT NULL,
    hash        bytea NOT NULL,
    created_at  bigint NOT NULL,
    expires_at  bigint,
    revoked_at  bigint
);

-- How far each service is. Unlogged: after a crash of the server all of it is stale anyway.
CREATE UNLOGGED TABLE replicas (
    id      text PRIMARY KEY,
    seen_at bigint NOT NULL,
    serves  text NOT NULL,
    sent    text NOT NULL
);
