//! Webhooks that were taken: a redelivery is known by its id.

use crate::database::{Database, DatabaseError};
use crate::model::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How long a delivery is remembered. The forges deliver again within days; what comes later only makes us look.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The deliveries that were taken.
#[derive(Clone)]
pub struct Deliveries {
    database: Arc<Database>,
}

impl Deliveries {
    /// Those in this database.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// True for a delivery that was not taken before; it is now, durably. Those that are older than thirty days are
    /// forgotten.
    ///
    /// # Errors
    /// When the database fails: then it was not taken, and the forge delivers it again if it is told so.
    pub async fn is_new(&self, source: &str, delivery: &str, at: Timestamp) -> Result<bool, DatabaseError> {
        let oldest = Timestamp(at.0.saturating_sub(u64::try_from(REMEMBERED.as_millis()).unwrap_or(u64::MAX)));
        let mut work = self.database.write().await?;
        work.run("DELETE FROM deliveries WHERE at < $1", &[oldest.into()]).await?;
        let statement = "INSERT INTO deliveries (source, delivery, at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        let taken = work.run(statement, &[source.into(), delivery.into(), at.into()]).await?;
        work.commit().await?;
        Ok(taken == 1)
    }

    /// Forgets a delivery that was taken and not acted upon, so that it may come again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forget(&self, source: &str, delivery: &str) -> Result<(), DatabaseError> {
        let mut work = self.database.write().await?;
        let statement = "DELETE FROM deliveries WHERE source = $1 AND delivery = $2";
        work.run(statement, &[source.into(), delivery.into()]).await?;
        work.commit().await
    }
}

impl fmt::Debug for Deliveries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Deliveries").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 3600 * 1000;

    #[tokio::test]
    async fn a_delivery_is_new_once_and_that_outlives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let at = Timestamp(100 * DAY);
        let database = Arc::new(Database::open(&path).await.unwrap());
        let deliveries = Deliveries::new(Arc::clone(&database));
        assert!(deliveries.is_new("shop", "one", at).await.unwrap());
        assert!(!deliveries.is_new("shop", "one", at).await.unwrap());
        assert!(deliveries.is_new("other", "one", at).await.unwrap(), "ids are a source's own");
        database.close().await;
        let deliveries = Deliveries::new(Arc::new(Database::open(&path).await.unwrap()));
        assert!(!deliveries.is_new("shop", "one", Timestamp(130 * DAY)).await.unwrap());
        assert!(deliveries.is_new("shop", "one", Timestamp(131 * DAY)).await.unwrap(), "a month is long enough");
        deliveries.forget("shop", "one").await.unwrap();
        assert!(deliveries.is_new("shop", "one", Timestamp(131 * DAY)).await.unwrap());
    }

    #[tokio::test]
    async fn of_two_at_once_one_is_new() {
        let folder = tempfile::tempdir().unwrap();
        one_is_new(Database::open(&folder.path().join("journal.db")).await.unwrap()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a real PostgreSQL: ./tests/run"]
    async fn on_a_server_too() {
        one_is_new(Database::connect(&crate::database::scratch().await).await.unwrap()).await;
    }

    async fn one_is_new(database: Database) {
        let deliveries = Deliveries::new(Arc::new(database));
        let calls = (0..8).map(|_| deliveries.is_new("shop", "same", Timestamp(DAY)));
        let answers = futures_util::future::join_all(calls).await;
        assert_eq!(answers.into_iter().filter(|new| *new.as_ref().unwrap()).count(), 1);
    }
}
