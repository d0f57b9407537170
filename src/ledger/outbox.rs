//! Messages on their way to those who are told: durable before they leave, told once.
//!
//! A key is put once for each sink, whoever puts it again. A message is marked as taken after the sink took it; a process
//! that ends between the two hands it over once more, so "once" is "at least once" in that instant alone. Where several
//! daemons share an outbox, the one that hands a message over holds it while it does. What it holds is text to this room.

use crate::database::{Database, DatabaseError, Row, Value};
use crate::model::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A message that was tried so often lets other threads pass: one that can never be taken must not stand in the way of
/// all.
const SET_ASIDE: u32 = 6;

/// Messages on their way.
#[derive(Clone, Debug)]
pub struct Outbox {
    database: Arc<Database>,
    /// Who takes messages in hand.
    holder: String,
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
        Self { database, holder: String::new() }
    }

    /// The same, its messages taken in hand under this name: unique where several daemons share it.
    #[must_use]
    pub fn in_hands_of(self, holder: &str) -> Self {
        Self { holder: holder.to_owned(), ..self }
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
            fresh += work
                .run(
                    "INSERT INTO outbox (sink, key, thread, notice, at, not_before) VALUES ($1, $2, $3, $4, $5, $5) \
                     ON CONFLICT (sink, key) DO NOTHING",
                    &[(*sink).into(), letter.key.into(), letter.thread.into(), letter.notice.into(), letter.at.into()],
                )
                .await?;
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
        let statement = "SELECT id FROM outbox WHERE sink = $1 AND thread = $2 LIMIT 1";
        Ok(self.row(statement, &[sink.into(), thread.into()]).await?.is_some())
    }

    /// The message of a sink that is next, perhaps not yet: in order, but for those that were set aside.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next(&self, sink: &str) -> Result<Option<Waiting>, DatabaseError> {
        let found = self
            .row(
                "SELECT id, key, notice, at, tried, not_before FROM outbox o \
                 WHERE sink = $1 AND outcome IS NULL AND NOT EXISTS ( \
                     SELECT 1 FROM outbox earlier \
                     WHERE earlier.sink = $1 AND earlier.outcome IS NULL AND earlier.id < o.id \
                         AND (earlier.thread = o.thread OR NOT EXISTS ( \
                             SELECT 1 FROM outbox stuck \
                             WHERE stuck.sink = $1 AND stuck.outcome IS NULL AND stuck.thread = earlier.thread \
                                 AND stuck.tried >= $2))) \
                 ORDER BY not_before, id LIMIT 1",
                &[sink.into(), i64::from(SET_ASIDE).into()],
            )
            .await?;
        found.as_ref().map(waiting).transpose()
    }

    /// Takes a message in hand for so long, unless another daemon has it; true where it is in this one's hands. Alone,
    /// nobody has to be asked.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_in_hand(&self, id: i64, span: Duration) -> Result<bool, DatabaseError> {
        if !self.database.is_shared() {
            return Ok(true);
        }
        let mut work = self.database.write().await?;
        let now = Timestamp(work.now(0).await?);
        let taken = work
            .run(
                "UPDATE outbox SET holder = $2, until = $3 \
                 WHERE id = $1 AND outcome IS NULL AND (holder IS NULL OR holder = $2 OR until <= $4)",
                &[id.into(), (&self.holder).into(), now.after(span).into(), now.into()],
            )
            .await?;
        work.commit().await?;
        Ok(taken == 1)
    }

    /// It was not taken: not to be tried before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn later(&self, id: i64, not_before: Timestamp, why: &str) -> Result<(), DatabaseError> {
        let statement = "UPDATE outbox SET tried = tried + 1, not_before = $2, note = $3, holder = NULL, until = 0 \
                         WHERE id = $1 AND outcome IS NULL";
        self.change(statement, &[id.into(), not_before.into(), why.into()]).await
    }

    /// It will not be tried again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn end(&self, id: i64, end: End, why: &str, now: Timestamp) -> Result<(), DatabaseError> {
        let statement = "UPDATE outbox SET tried = tried + 1, outcome = $2, note = $3, ended = $4, holder = NULL \
                         WHERE id = $1 AND outcome IS NULL";
        self.change(statement, &[id.into(), end.word().into(), why.into(), now.into()]).await
    }

    /// What waits, sink by sink.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn queues(&self) -> Result<Vec<Queue>, DatabaseError> {
        let mut work = self.database.read().await?;
        let statement = "SELECT sink, count(*), min(at) FROM outbox WHERE outcome IS NULL GROUP BY sink ORDER BY sink";
        let rows = work.rows(statement, &[]).await?;
        work.undo().await?;
        let queue = |row: &Row| Ok(Queue { sink: row.text(0)?, depth: row.count(1)?, oldest: row.time(2)? });
        rows.iter().map(queue).collect()
    }

    /// Forgets messages that ended before then, and with them that their keys were told.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget(&self, before: Timestamp) -> Result<(), DatabaseError> {
        self.change("DELETE FROM outbox WHERE ended < $1", &[before.into()]).await
    }

    async fn change(&self, statement: &'static str, values: &[Value<'_>]) -> Result<(), DatabaseError> {
        let mut work = self.database.write().await?;
        work.run(statement, values).await?;
        work.commit().await
    }

    async fn row(&self, statement: &'static str, values: &[Value<'_>]) -> Result<Option<Row>, DatabaseError> {
        let mut work = self.database.read().await?;
        let row = work.row(statement, values).await?;
        work.undo().await?;
        Ok(row)
    }
}

fn waiting(row: &Row) -> Result<Waiting, DatabaseError> {
    Ok(Waiting {
        id: row.number(0)?,
        key: row.text(1)?,
        notice: row.text(2)?,
        at: row.time(3)?,
        tried: u32::try_from(row.number(4)?).unwrap_or(u32::MAX),
        not_before: row.time(5)?,
    })
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

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a real PostgreSQL: ./tests/run"]
    async fn on_a_server_one_daemon_hands_a_message_over_while_the_others_wait() {
        let database = Arc::new(Database::connect(&crate::database::scratch().await).await.unwrap());
        let of = |holder: &str| Outbox::new(Arc::clone(&database)).in_hands_of(holder);
        let (one, other, long) = (of("a"), of("b"), Duration::from_secs(3_600));
        let put = futures_util::future::join_all((0..6).map(|_| one.put(letter("k", "C-1"), &["chat", "mail"]))).await;
        assert_eq!(put.into_iter().map(Result::unwrap).sum::<u64>(), 2, "a key is put once, whoever puts it");
        one.put(letter("l", "C-1"), &["chat"]).await.unwrap();
        let next = other.next("chat").await.unwrap().unwrap();
        assert!(one.take_in_hand(next.id, long).await.unwrap());
        assert!(!other.take_in_hand(next.id, long).await.unwrap());
        assert_eq!(other.next("chat").await.unwrap().unwrap().id, next.id, "what comes after it waits");
        one.later(next.id, Timestamp(9_000), "away").await.unwrap();
        assert!(other.take_in_hand(next.id, Duration::ZERO).await.unwrap());
        assert!(one.take_in_hand(next.id, long).await.unwrap(), "the other one fell silent");
        one.end(next.id, End::Taken, "", Timestamp(9_000)).await.unwrap();
        assert!(!one.take_in_hand(next.id, long).await.unwrap());
        let after = other.next("chat").await.unwrap().unwrap();
        assert_eq!((after.key.as_str(), after.tried), ("l", 0));
        let queues = other.queues().await.unwrap();
        assert_eq!(queues.iter().map(|queue| queue.depth).collect::<Vec<_>>(), [1, 1]);
        assert!(one.knows("mail", "C-1").await.unwrap() && !one.knows("mail", "C-2").await.unwrap());
        one.forget(Timestamp(9_001)).await.unwrap();
        assert_eq!(one.put(letter("k", "C-1"), &["chat"]).await.unwrap(), 1);
    }
}
