PRAGMA user_version = 3;

-- Webhooks that were taken, so that a redelivery is known.
CREATE TABLE deliveries (
    source   TEXT NOT NULL,
    delivery TEXT NOT NULL,
    at       INTEGER NOT NULL,
    PRIMARY KEY (source, delivery)
) STRICT;
