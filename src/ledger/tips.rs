//! How far the history of every reference was scanned.

use crate::database::{Database, DatabaseError};
use crate::model::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The tips of a database: for each repository, what its references stood at when all of it had been scanned.
#[derive(Clone, Debug)]
pub struct Tips {
    database: Arc<Database>,
}

impl Tips {
    /// Those in this database.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// What was scanned of a repository: the objects by the names that led to them; empty for one never scanned whole.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(&self, source: &str, repository: &str) -> Result<BTreeMap<String, String>, DatabaseError> {
        let mut work = self.database.read().await?;
        let statement = "SELECT reference, object FROM tips WHERE source = $1 AND repository = $2";
        let rows = work.rows(statement, &[source.into(), repository.into()]).await?;
        work.undo().await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// All of this was scanned: it takes the place of what was there before.
    ///
    /// # Errors
    /// When the database fails: then what was there before stands.
    pub async fn record(
        &self,
        source: &str,
        repository: &str,
        tips: &BTreeMap<String, String>,
        at: Timestamp,
    ) -> Result<(), DatabaseError> {
        let mut work = self.database.write().await?;
        let of = [source.into(), repository.into()];
        work.run("DELETE FROM tips WHERE source = $1 AND repository = $2", &of).await?;
        for (reference, object) in tips {
            work.run(
                "INSERT INTO tips (source, repository, reference, object, scanned) VALUES ($1, $2, $3, $4, $5) \
                 ON CONFLICT (source, repository, reference) DO UPDATE SET object = excluded.object",
                &[source.into(), repository.into(), reference.into(), object.into(), at.into()],
            )
            .await?;
        }
        work.commit().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_was_scanned_takes_the_place_of_what_was_before() {
        let folder = tempfile::tempdir().unwrap();
        takes_the_place(Database::open(&folder.path().join("journal.db")).await.unwrap()).await;
    }

    #[tokio::test]
    #[ignore = "needs a real PostgreSQL: ./tests/run"]
    async fn on_a_server_too() {
        takes_the_place(Database::connect(&crate::database::scratch().await).await.unwrap()).await;
    }

    async fn takes_the_place(database: Database) {
        let tips = Tips::new(Arc::new(database));
        let at = |names: &[(&str, &str)]| -> BTreeMap<String, String> {
            names.iter().map(|(name, id)| ((*name).to_owned(), (*id).to_owned())).collect()
        };
        let (first, second) = (at(&[("main", "a"), ("old", "b")]), at(&[("main", "c")]));
        tips.record("shop", "one", &first, Timestamp(1)).await.unwrap();
        tips.record("shop", "two", &first, Timestamp(1)).await.unwrap();
        tips.record("shop", "one", &second, Timestamp(2)).await.unwrap();
        assert_eq!(tips.of("shop", "one").await.unwrap(), second);
        assert_eq!(tips.of("shop", "two").await.unwrap(), first);
        assert!(tips.of("site", "one").await.unwrap().is_empty());
    }
}
