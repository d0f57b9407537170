PRAGMA user_version = 5;

-- How new a version must be to carry a rotation on: the number of its plan's format.
ALTER TABLE rotations ADD COLUMN format INTEGER NOT NULL DEFAULT 1;

-- Who delivers a message at this moment, where several daemons share an outbox.
ALTER TABLE outbox ADD COLUMN holder TEXT;
ALTER TABLE outbox ADD COLUMN until INTEGER NOT NULL DEFAULT 0;

-- Where the whole journal was moved to. Nothing is written here any more, whatever still has this file open.
CREATE TABLE moved (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    place TEXT NOT NULL,
    at    INTEGER NOT NULL
) STRICT;
CREATE TRIGGER rotations_moved BEFORE INSERT ON rotations WHEN EXISTS (SELECT 1 FROM moved)
BEGIN SELECT raise(ABORT, 'this journal was moved to a server'); END;
CREATE TRIGGER records_moved BEFORE INSERT ON records WHEN EXISTS (SELECT 1 FROM moved)
BEGIN SELECT raise(ABORT, 'this journal was moved to a server'); END;
CREATE TRIGGER inbox_moved BEFORE INSERT ON inbox WHEN EXISTS (SELECT 1 FROM moved)
BEGIN SELECT raise(ABORT, 'this journal was moved to a server'); END;
CREATE TRIGGER leases_moved BEFORE UPDATE ON leases WHEN EXISTS (SELECT 1 FROM moved)
BEGIN SELECT raise(ABORT, 'this journal was moved to a server'); END;
