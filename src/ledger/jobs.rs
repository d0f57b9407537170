//! What several daemons have to scan together: each repository is held by one of them while it scans, is free again when
//! that one falls silent, and waits once more where it was called for meanwhile. A daemon that is alone keeps this in its
//! memory.

use crate::database::{Database, DatabaseError, Row};
use crate::model::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A repository of a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Job {
    /// The source in the operator's file.
    pub source: String,
    /// Which of its repositories: its path on this machine, or its name elsewhere.
    pub repository: String,
}

/// The scans that several daemons share.
#[derive(Clone, Debug)]
pub struct Jobs {
    database: Arc<Database>,
    holder: String,
}

impl Jobs {
    /// Those of a database that is shared, for this daemon; none where it is alone.
    #[must_use]
    pub fn shared(database: Arc<Database>, holder: &str) -> Option<Self> {
        database.is_shared().then(|| Self { database, holder: holder.to_owned() })
    }

    /// Calls for a scan; one that waits already stands for this call too.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn call(&self, job: &Job) -> Result<(), DatabaseError> {
        let mut work = self.database.write().await?;
        let now = work.now(0).await?;
        work.run(
            "INSERT INTO jobs (source, repository, called) VALUES ($1, $2, $3) \
             ON CONFLICT (source, repository) DO UPDATE SET calls = jobs.calls + 1, \
             called = CASE WHEN jobs.calls > jobs.taken THEN jobs.called ELSE excluded.called END",
            &[(&job.source).into(), (&job.repository).into(), now.into()],
        )
        .await?;
        work.commit().await
    }

    /// The one that waits for longest and that nobody scans at this moment, for so long; [`Jobs::done`] follows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take(&self, span: Duration) -> Result<Option<Job>, DatabaseError> {
        let mut work = self.database.write().await?;
        let now = Timestamp(work.now(0).await?);
        // One whose daemon fell silent waits too: what it had not finished was not done.
        let statement = "SELECT number, source, repository, calls FROM jobs \
             WHERE (calls > taken OR holder IS NOT NULL) AND (holder IS NULL OR until <= $1) ORDER BY called, number LIMIT 1";
        let Some(row) = work.lock_free(statement, &[now.into()]).await? else {
            work.undo().await?;
            return Ok(None);
        };
        let (number, calls) = (row.number(0)?, row.number(3)?);
        work.run(
            "UPDATE jobs SET taken = $2, holder = $3, until = $4 WHERE number = $1",
            &[number.into(), calls.into(), (&self.holder).into(), now.after(span).into()],
        )
        .await?;
        work.commit().await?;
        Ok(Some(Job { source: row.text(1)?, repository: row.text(2)? }))
    }

    /// Goes on holding one; false where it was taken by another daemon since.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn keep(&self, job: &Job, span: Duration) -> Result<bool, DatabaseError> {
        let mut work = self.database.write().await?;
        let until = Timestamp(work.now(0).await?).after(span);
        let kept = work
            .run(
                "UPDATE jobs SET until = $4 WHERE source = $1 AND repository = $2 AND holder = $3",
                &[(&job.source).into(), (&job.repository).into(), (&self.holder).into(), until.into()],
            )
            .await?;
        work.commit().await?;
        Ok(kept == 1)
    }

    /// It was scanned, `whole` or not; it may be again.
    ///
    /// # Errors
    /// When the database fails: then it is free when its time has run out.
    pub async fn done(&self, job: &Job, whole: bool) -> Result<(), DatabaseError> {
        let mut work = self.database.write().await?;
        let now = work.now(0).await?;
        work.run(
            "UPDATE jobs SET holder = NULL, until = 0, whole = CASE WHEN $4 = 1 THEN $5 ELSE whole END \
             WHERE source = $1 AND repository = $2 AND holder = $3",
            &[(&job.source).into(), (&job.repository).into(), (&self.holder).into(), whole.into(), now.into()],
        )
        .await?;
        work.commit().await
    }

    /// How many wait, and for how long the one that waits for longest has.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn depth(&self) -> Result<(u64, Option<Duration>), DatabaseError> {
        let mut work = self.database.read().await?;
        let now = Timestamp(work.now(0).await?);
        let statement = "SELECT count(*), min(called) FROM jobs WHERE calls > taken";
        let row = work.row(statement, &[]).await?;
        work.undo().await?;
        let Some(row) = row else { return Ok((0, None)) };
        let called = row.some_number(1)?.and_then(|called| u64::try_from(called).ok());
        Ok((row.count(0)?, called.map(|called| now.since(Timestamp(called)))))
    }

    /// Those that some daemon scanned whole, and how long ago.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn whole(&self) -> Result<Vec<(Job, Duration)>, DatabaseError> {
        let mut work = self.database.read().await?;
        let now = Timestamp(work.now(0).await?);
        let rows = work.rows("SELECT source, repository, whole FROM jobs WHERE whole > 0 ORDER BY number", &[]).await?;
        work.undo().await?;
        let one = |row: &Row| {
            let job = Job { source: row.text(0)?, repository: row.text(1)? };
            Ok((job, now.since(row.time(2)?)))
        };
        rows.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::scratch;

    const LONG: Duration = Duration::from_secs(3_600);

    fn job(name: &str) -> Job {
        Job { source: "shop".into(), repository: name.into() }
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a real PostgreSQL: ./tests/run"]
    async fn two_daemons_never_hold_one_repository_and_what_is_called_meanwhile_waits() {
        let database = Arc::new(Database::connect(&scratch().await).await.unwrap());
        let [one, other] = ["a", "b"].map(|holder| Jobs::shared(Arc::clone(&database), holder).unwrap());
        for _ in 0..3 {
            one.call(&job("x")).await.unwrap();
        }
        assert_eq!(one.depth().await.unwrap().0, 1);
        assert_eq!(one.take(LONG).await.unwrap(), Some(job("x")));
        assert_eq!((one.take(LONG).await.unwrap(), other.take(LONG).await.unwrap()), (None, None));
        other.call(&job("x")).await.unwrap();
        assert_eq!(other.take(LONG).await.unwrap(), None, "it is being scanned");
        assert!(one.keep(&job("x"), LONG).await.unwrap() && !other.keep(&job("x"), LONG).await.unwrap());
        one.done(&job("x"), true).await.unwrap();
        assert_eq!(one.whole().await.unwrap()[0].0, job("x"));
        assert_eq!(other.take(Duration::ZERO).await.unwrap(), Some(job("x")), "it was called for meanwhile");
        // The other one falls silent: its time is over, and what it had not finished is done again.
        assert_eq!(one.take(LONG).await.unwrap(), Some(job("x")));
        assert!(!other.keep(&job("x"), LONG).await.unwrap());
        other.done(&job("x"), true).await.unwrap();
        assert_eq!(other.take(LONG).await.unwrap(), None, "who lost it cannot give it back");
        one.done(&job("x"), false).await.unwrap();
        assert_eq!((one.take(LONG).await.unwrap(), one.depth().await.unwrap()), (None, (0, None)));
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a real PostgreSQL: ./tests/run"]
    async fn of_many_that_take_at_once_each_gets_another_one() {
        let database = Arc::new(Database::connect(&scratch().await).await.unwrap());
        let jobs = Jobs::shared(Arc::clone(&database), "a").unwrap();
        for number in 0..12 {
            jobs.call(&job(&number.to_string())).await.unwrap();
        }
        let taking = (0..16).map(|holder| {
            let jobs = Jobs::shared(Arc::clone(&database), &holder.to_string()).unwrap();
            async move { jobs.take(LONG).await.unwrap() }
        });
        let mut taken: Vec<_> = futures_util::future::join_all(taking).await.into_iter().flatten().collect();
        while let Some(job) = jobs.take(LONG).await.unwrap() {
            taken.push(job);
        }
        assert_eq!(taken.len(), 12);
        taken.sort();
        taken.dedup();
        assert_eq!(taken.len(), 12, "none twice");
    }
}
