//! Webhooks that were taken: a redelivery is known by its id.
