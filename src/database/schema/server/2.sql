-- The last checkpoint that was signed, and what is needed to go on from it.
CREATE TABLE checkpoints (
    size  BIGINT PRIMARY KEY,
    peaks TEXT NOT NULL,
    note  TEXT NOT NULL,
    at    BIGINT NOT NULL
);

-- Envelope keys under which nothing is kept any more, ever.
CREATE TABLE forgotten_keys (
    key TEXT PRIMARY KEY,
    at  BIGINT NOT NULL
);
