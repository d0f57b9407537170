PRAGMA user_version = 6;

-- The last checkpoint that was signed, and what is needed to go on from it.
CREATE TABLE checkpoints (
    size  INTEGER PRIMARY KEY,
    peaks TEXT NOT NULL,
    note  TEXT NOT NULL,
    at    INTEGER NOT NULL
) STRICT;

-- The keys that belong to this journal, by their public names.
CREATE TABLE keys (
    what TEXT PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;

-- Envelope keys under which nothing is kept any more, ever.
CREATE TABLE forgotten_keys (
    key TEXT PRIMARY KEY,
    at  INTEGER NOT NULL
) STRICT;
