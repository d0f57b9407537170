PRAGMA user_version = 4;

-- Messages on their way, one row a sink; a key is told once.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    sink       TEXT NOT NULL,
    key        TEXT NOT NULL,
    thread     TEXT NOT NULL,
    notice     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    tried      INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL,
    outcome    TEXT CHECK (outcome IN ('taken', 'refused', 'given-up')),
    note       TEXT,
    ended      INTEGER,
    UNIQUE (sink, key)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (sink, id) WHERE outcome IS NULL;
CREATE INDEX outbox_threads ON outbox (sink, thread);
