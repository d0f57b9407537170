PRAGMA application_id = 1937007464;
PRAGMA user_version = 1;

-- What stands, one row a rotation; follows from the records, but for the identity.
CREATE TABLE rotations (
    number     INTEGER PRIMARY KEY,
    rotation   TEXT NOT NULL UNIQUE,
    credential TEXT NOT NULL,
    identity   TEXT NOT NULL,
    opened     INTEGER NOT NULL,
    open       INTEGER NOT NULL DEFAULT 1 CHECK (open IN (0, 1)),
    records    INTEGER NOT NULL,
    head       TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_rotation_per_credential ON rotations (identity) WHERE open = 1;

-- The truth: append-only.
CREATE TABLE records (
    rotation  TEXT NOT NULL REFERENCES rotations (rotation),
    seq       INTEGER NOT NULL,
    epoch     INTEGER NOT NULL,
    monotonic INTEGER NOT NULL,
    event     TEXT NOT NULL,
    previous  TEXT NOT NULL,
    hash      TEXT NOT NULL,
    PRIMARY KEY (rotation, seq)
) STRICT;

-- All records of all rotations in the order of their writing, chained once more.
CREATE TABLE leaves (
    number   INTEGER PRIMARY KEY,
    rotation TEXT NOT NULL,
    seq      INTEGER NOT NULL,
    link     TEXT NOT NULL,
    UNIQUE (rotation, seq)
) STRICT;

CREATE TRIGGER records_stay BEFORE DELETE ON records BEGIN SELECT raise(ABORT, 'records are never deleted'); END;
CREATE TRIGGER records_hold BEFORE UPDATE ON records BEGIN SELECT raise(ABORT, 'records are never changed'); END;
CREATE TRIGGER leaves_stay BEFORE DELETE ON leaves BEGIN SELECT raise(ABORT, 'leaves are never deleted'); END;
CREATE TRIGGER leaves_hold BEFORE UPDATE ON leaves BEGIN SELECT raise(ABORT, 'leaves are never changed'); END;

-- Who runs a rotation. An epoch ends when the next one takes over.
CREATE TABLE leases (
    rotation TEXT PRIMARY KEY REFERENCES rotations (rotation),
    epoch    INTEGER NOT NULL,
    holder   TEXT,
    until    INTEGER NOT NULL
) STRICT;

-- Ciphertext that records refer to by digest; erased when the rotation closes.
CREATE TABLE sealed (
    rotation   TEXT NOT NULL REFERENCES rotations (rotation),
    digest     TEXT NOT NULL,
    key        TEXT NOT NULL,
    wrapped    BLOB NOT NULL,
    ciphertext BLOB NOT NULL,
    PRIMARY KEY (rotation, digest)
) STRICT;

-- People's orders to whoever runs the rotation.
CREATE TABLE inbox (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    rotation TEXT NOT NULL REFERENCES rotations (rotation),
    "order"  TEXT NOT NULL,
    who      TEXT NOT NULL,
    reason   TEXT NOT NULL,
    at       INTEGER NOT NULL,
    outcome  TEXT
) STRICT;
CREATE INDEX inbox_waiting ON inbox (rotation, id) WHERE outcome IS NULL;

-- For people on call: sqlite3 -readonly journal.db 'SELECT * FROM v_open_rotations'
CREATE VIEW v_audit AS
SELECT l.number AS leaf,
       r.rotation,
       r.seq,
       r.epoch,
       strftime('%Y-%m-%dT%H:%M:%SZ', json_extract(r.event, '$.at') / 1000, 'unixepoch') AS at,
       CASE json_type(r.event, '$.fact')
           WHEN 'text' THEN json_extract(r.event, '$.fact')
           ELSE (SELECT key FROM json_each(r.event, '$.fact'))
       END AS fact,
       json_extract(r.event, '$.fact') AS detail,
       r.hash
FROM leaves l JOIN records r ON r.rotation = l.rotation AND r.seq = l.seq
ORDER BY l.number;

CREATE VIEW v_open_rotations AS
SELECT o.rotation,
       o.credential,
       strftime('%Y-%m-%dT%H:%M:%SZ', o.opened / 1000, 'unixepoch') AS opened,
       o.records,
       a.at AS last_at,
       a.fact AS last_fact,
       a.detail AS last_detail,
       s.holder,
       strftime('%Y-%m-%dT%H:%M:%SZ', s.until / 1000, 'unixepoch') AS held_until,
       (SELECT count(*) FROM inbox i WHERE i.rotation = o.rotation AND i.outcome IS NULL) AS orders_waiting
FROM rotations o
JOIN leases s ON s.rotation = o.rotation
LEFT JOIN v_audit a ON a.rotation = o.rotation AND a.seq = o.records
WHERE o.open = 1
ORDER BY o.number;
