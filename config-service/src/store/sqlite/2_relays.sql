-- Version 2. How far each relay of the outbox has come. Its rows go with the environment.
CREATE TABLE relays (
    relay       TEXT NOT NULL,
    environment TEXT NOT NULL REFERENCES environments (name) ON DELETE CASCADE,
    epoch       TEXT NOT NULL,
    version     INTEGER NOT NULL,
    PRIMARY KEY (relay, environment)
) STRICT, WITHOUT ROWID;
