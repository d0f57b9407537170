PRAGMA user_version = 4;

-- Messages on their way, one row a sink; a key is told once.
CREATE TABLE outbox (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    sink       TEXT NOT NULL,
    key        TEXT NOT NULL,
    notice     TEXT NOT NULL,
    at         INTEGER NOT NULL,
    tried      INTEGER NOT NULL DEFAULT 0,
    not_before INTEGER NOT NULL,
    outcome    TEXT,
    UNIQUE (sink, key)
) STRICT;
CREATE INDEX outbox_waiting ON outbox (not_before) WHERE outcome IS NULL;
