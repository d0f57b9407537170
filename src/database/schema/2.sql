PRAGMA user_version = 2;

-- What scans saw: a leak is a secret of a source, by its fingerprint.
CREATE TABLE leaks (
    source      TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    kind        TEXT NOT NULL,
    place       TEXT NOT NULL,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    verdict     TEXT,
    decision    TEXT,
    rotation    TEXT REFERENCES rotations (rotation),
    PRIMARY KEY (source, fingerprint)
) STRICT;

-- How far the history of every reference was scanned.
CREATE TABLE tips (
    source     TEXT NOT NULL,
    repository TEXT NOT NULL,
    reference  TEXT NOT NULL,
    object     TEXT NOT NULL,
    scanned    INTEGER NOT NULL,
    PRIMARY KEY (source, repository, reference)
) STRICT;
