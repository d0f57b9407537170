//! Messages on their way to those who are told: durable before they leave, told once.
//!
//! A key is put once for each sink, whoever puts it again. A message is marked as taken after the sink took it; a process
//! that ends between the two hands it over once more, so "once" is "at least once" in that instant alone. What it holds
//! is text to this room.

use super::signed;
use crate::database::{Database, DatabaseError, Transaction};
use crate::model::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::sync::Arc;

/// A message that was tried so often lets other threads pass: one that can never be taken must not stand in the way of
/// all.
const SET_ASIDE: u32 = 6;

/// Messages on their way.
#[derive(Clone, Debug)]
pub struct Outbox {
    database: Arc<Database>,
}

/// A message to be put.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// The same key is told once.
    pub key: &'a str,
    /// Messages of one thread stay in order.
    pub thread: &'a str,
    /// The message.
    pub notice: &'a str,
    /// When it was put.
    pub at: Timestamp,
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its number.
    pub id: i64,
    /// Its key.
    pub key: String,
    /// The message.
    pub notice: String,
    /// When it was put.
    pub at: Timestamp,
    /// How often it was tried.
    pub tried: u32,
    /// Not to be tried before.
    pub not_before: Timestamp,
}

/// What waits for one sink.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queue {
    /// Whose.
    pub sink: String,
    /// How many messages.
    pub depth: u64,
    /// Since when the oldest waits.
    pub oldest: Timestamp,
}

/// Why a message will not be tried again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was taken.
    Taken,
    /// It was refused.
    Refused,
    /// It was tried for too long.
    GivenUp,
}

impl End {
    /// As it is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Refused => "refused",
            Self::GivenUp => "given-up",
        }
    }
}

impl Outbox {
    /// The outbox in this database.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Puts a message for each of these sinks, unless its key was put before; on return that is durable. Tells for how
    /// many it is new.
    ///
    /// # Errors
    /// When the database fails: nothing was put.
    pub async fn put(&self, letter: Letter<'_>, sinks: &[&str]) -> Result<u64, DatabaseError> {
        let mut work = self.database.write().await?;
        let mut fresh = 0;
        for sink in sinks {
            let done = sqlx::query(
                "INSERT INTO outbox (sink, key, thread, notice, at, not_before) VALUES (?1, ?2, ?3, ?4, ?5, ?5) \
                 ON CONFLICT (sink, key) DO NOTHING",
            )
            .bind(*sink)
            .bind(letter.key)
            .bind(letter.thread)
            .bind(letter.notice)
            .bind(signed(letter.at))
            .execute(work.connection())
            .await;
            fresh += self.or(done)?.rows_affected();
        }
        if fresh == 0 {
            work.undo().await?
        } else {
            work.commit().await?
        }
        Ok(fresh)
    }

    /// Was this sink told anything of this thread, or will it be?
    ///
    /// # Errors
    /// When the database fails.
    pub async fn knows(&self, sink: &str, thread: &str) -> Result<bool, DatabaseError> {
        let mut work = self.database.read().await?;
        let found = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM outbox WHERE sink = ?1 AND thread = ?2)")
            .bind(sink)
            .bind(thread)
            .fetch_one(work.connection())
            .await;
        self.read(work, found).await
    }

    /// The message of a sink that is next, perhaps not yet: in order, but for those that were set aside.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next(&self, sink: &str) -> Result<Option<Waiting>, DatabaseError> {
        let mut work = self.database.read().await?;
        let found = sqlx::query(
            "SELECT id, key, notice, at, tried, not_before FROM outbox o \
             WHERE sink = ?1 AND outcome IS NULL AND NOT EXISTS ( \
                 SELECT 1 FROM outbox earlier \
                 WHERE earlier.sink = ?1 AND earlier.outcome IS NULL AND earlier.id < o.id \
                     AND (earlier.thread = o.thread OR NOT EXISTS ( \
                         SELECT 1 FROM outbox stuck \
                         WHERE stuck.sink = ?1 AND stuck.outcome IS NULL AND stuck.thread = earlier.thread \
                             AND stuck.tried >= ?2))) \
             ORDER BY not_before, id LIMIT 1",
        )
        .bind(sink)
        .bind(SET_ASIDE)
        .fetch_optional(work.connection())
        .await
        .and_then(|row| row.as_ref().map(waiting).transpose());
        self.read(work, found).await
    }

    /// It was not taken: not to be tried before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn later(&self, id: i64, not_before: Timestamp, why: &str) -> Result<(), DatabaseError> {
        let sql = "UPDATE outbox SET tried = tried + 1, not_before = ?2, note = ?3 WHERE id = ?1 AND outcome IS NULL";
        self.change(sqlx::query(sql).bind(id).bind(signed(not_before)).bind(why)).await
    }

    /// It will not be tried again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(&self, id: i64, end: End, why: &str, now: Timestamp) -> Result<(), DatabaseError> {
        let sql = "UPDATE outbox SET tried = tried + 1, outcome = ?2, note = ?3, ended = ?4 \
                   WHERE id = ?1 AND outcome IS NULL";
        self.change(sqlx::query(sql).bind(id).bind(end.word()).bind(why).bind(signed(now))).await
    }

    /// What waits, sink by sink.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queues(&self) -> Result<Vec<Queue>, DatabaseError> {
        let mut work = self.database.read().await?;
        let sql = "SELECT sink, count(*), min(at) FROM outbox WHERE outcome IS NULL GROUP BY sink ORDER BY sink";
        let rows = sqlx::query(sql).fetch_all(work.connection()).await.and_then(|rows| {
            let queue = |row: &SqliteRow| {
                Ok(Queue {
                    sink: row.try_get(0)?,
                    depth: count(row.try_get(1)?),
                    oldest: Timestamp(count(row.try_get(2)?)),
                })
            };
            rows.iter().map(queue).collect()
        });
        self.read(work, rows).await
    }

    /// Forgets messages that ended before then, and with them that their keys were told.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget(&self, before: Timestamp) -> Result<(), DatabaseError> {
        self.change(sqlx::query("DELETE FROM outbox WHERE ended < ?1").bind(signed(before))).await
    }

    async fn change(
        &self,
        query: sqlx::query::Query<'_, sqlx::Sqlite, sqlx::sqlite::SqliteArguments>,
    ) -> Result<(), DatabaseError> {
        let mut work = self.database.write().await?;
        let done = query.execute(work.connection()).await;
        self.or(done)?;
        work.commit().await
    }

    async fn read<T>(&self, work: Transaction<'_>, found: Result<T, sqlx::Error>) -> Result<T, DatabaseError> {
        let found = self.or(found)?;
        work.undo().await?;
        Ok(found)
    }

    fn or<T>(&self, outcome: Result<T, sqlx::Error>) -> Result<T, DatabaseError> {
        outcome.map_err(|error| self.database.explain(error))
    }
}

fn waiting(row: &SqliteRow) -> Result<Waiting, sqlx::Error> {
    Ok(Waiting {
        id: row.try_get("id")?,
        key: row.try_get("key")?,
        notice: row.try_get("notice")?,
        at: Timestamp(count(row.try_get("at")?)),
        tried: u32::try_from(row.try_get::<i64, _>("tried")?).unwrap_or(u32::MAX),
        not_before: Timestamp(count(row.try_get("not_before")?)),
    })
}

fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn outbox(directory: &tempfile::TempDir) -> Outbox {
        Outbox::new(Arc::new(Database::open(&directory.path().join("journal.db")).await.unwrap()))
    }

    fn letter<'a>(key: &'a str, thread: &'a str) -> Letter<'a> {
        Letter { key, thread, notice: "{}", at: Timestamp(1000) }
    }

    #[tokio::test]
    async fn a_key_is_told_once_and_survives() {
        let directory = tempfile::tempdir().unwrap();
        let box_ = outbox(&directory).await;
        assert_eq!(box_.put(letter("a", "C-1"), &["chat", "pager"]).await.unwrap(), 2);
        drop(box_);
        let box_ = outbox(&directory).await;
        assert_eq!(box_.put(letter("a", "C-1"), &["chat", "mail"]).await.unwrap(), 1);
        let next = box_.next("chat").await.unwrap().unwrap();
        box_.end(next.id, End::Taken, "", Timestamp(2000)).await.unwrap();
        assert_eq!(box_.next("chat").await.unwrap(), None);
        assert_eq!(box_.put(letter("a", "C-1"), &["chat"]).await.unwrap(), 0);
        assert!(box_.knows("chat", "C-1").await.unwrap() && !box_.knows("chat", "C-2").await.unwrap());
        let queues = box_.queues().await.unwrap();
        assert_eq!(
            queues.iter().map(|queue| (queue.sink.as_str(), queue.depth)).collect::<Vec<_>>(),
            [("mail", 1), ("pager", 1)]
        );
        box_.forget(Timestamp(2001)).await.unwrap();
        assert_eq!(box_.put(letter("a", "C-1"), &["chat"]).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn order_is_kept_until_one_is_set_aside_and_always_within_a_thread() {
        let directory = tempfile::tempdir().unwrap();
        let outbox = outbox(&directory).await;
        for (key, thread) in [("1", "a"), ("2", "a"), ("3", "b")] {
            outbox.put(letter(key, thread), &["chat"]).await.unwrap();
        }
        for tried in 0..SET_ASIDE {
            let next = outbox.next("chat").await.unwrap().unwrap();
            assert_eq!((next.key.as_str(), next.tried), ("1", tried));
            outbox.later(next.id, Timestamp(9_000), "away").await.unwrap();
        }
        let next = outbox.next("chat").await.unwrap().unwrap();
        assert_eq!(next.key, "3");
        outbox.end(next.id, End::Refused, "no", Timestamp(9_000)).await.unwrap();
        let next = outbox.next("chat").await.unwrap().unwrap();
        assert_eq!((next.key.as_str(), next.not_before), ("1", Timestamp(9_000)));
        outbox.end(next.id, End::GivenUp, "no", Timestamp(9_000)).await.unwrap();
        assert_eq!(outbox.next("chat").await.unwrap().unwrap().key, "2");
    }
}
