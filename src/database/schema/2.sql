PRAGMA user_version = 2;

-- The words of people to whoever runs the rotation: any fact of the machine, with a sealed value where it brings one.
DROP VIEW v_open_rotations;
CREATE TABLE words (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    rotation TEXT NOT NULL REFERENCES rotations (rotation),
    fact     TEXT NOT NULL,
    sealed   TEXT,
    who      TEXT NOT NULL,
    at       INTEGER NOT NULL,
    outcome  TEXT
) STRICT;
INSERT INTO words (id, rotation, fact, who, at, outcome)
SELECT id, rotation, json_object('ordered', json_array("order", who, reason)), who, at, outcome FROM inbox;
DROP TABLE inbox;
ALTER TABLE words RENAME TO inbox;
CREATE INDEX inbox_waiting ON inbox (rotation, id) WHERE outcome IS NULL;

-- Why a rotation is not carried on, as long as it is not; whoever runs everything here writes it.
CREATE TABLE troubles (
    rotation TEXT PRIMARY KEY REFERENCES rotations (rotation),
    what     TEXT NOT NULL,
    at       INTEGER NOT NULL
) STRICT;

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
       (SELECT count(*) FROM inbox i WHERE i.rotation = o.rotation AND i.outcome IS NULL) AS words_waiting,
       t.what AS trouble
FROM rotations o
JOIN leases s ON s.rotation = o.rotation
LEFT JOIN v_audit a ON a.rotation = o.rotation AND a.seq = o.records
LEFT JOIN troubles t ON t.rotation = o.rotation
WHERE o.open = 1
ORDER BY o.number;

-- Who runs everything here: one process at a time. What it was asked to do, and what it answered.
CREATE TABLE attendant (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    holder TEXT NOT NULL,
    since  INTEGER NOT NULL,
    until  INTEGER NOT NULL,
    asked  TEXT,
    answer TEXT
) STRICT;

-- What scans saw: a leak is a secret of a source, by its fingerprint. The digest is the secret's under the key of this
-- installation, so that one secret is known again in every source.
CREATE TABLE leaks (
    source      TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    digest      TEXT NOT NULL,
    kind        TEXT NOT NULL,
    place       TEXT NOT NULL,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    verdict     TEXT,
    decision    TEXT,
    rotation    TEXT REFERENCES rotations (rotation),
    PRIMARY KEY (source, fingerprint)
) STRICT;
CREATE INDEX leaks_by_digest ON leaks (digest);
CREATE INDEX leaks_by_rotation ON leaks (rotation) WHERE rotation IS NOT NULL;

-- How far the history of every reference was scanned.
CREATE TABLE tips (
    source     TEXT NOT NULL,
    repository TEXT NOT NULL,
    reference  TEXT NOT NULL,
    object     TEXT NOT NULL,
    scanned    INTEGER NOT NULL,
    PRIMARY KEY (source, repository, reference)
) STRICT;
