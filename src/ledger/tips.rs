//! How far the history of every reference was scanned.

use super::signed;
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
        let rows: Vec<(String, String)> =
            sqlx::query_as("SELECT reference, object FROM tips WHERE source = ? AND repository = ?")
                .bind(source)
                .bind(repository)
                .fetch_all(work.connection())
                .await
                .map_err(|error| self.database.explain(error))?;
        work.undo().await?;
        Ok(rows.into_iter().collect())
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
        let failed = |error| self.database.explain(error);
        let mut work = self.database.write().await?;
        sqlx::query("DELETE FROM tips WHERE source = ? AND repository = ?")
            .bind(source)
            .bind(repository)
            .execute(work.connection())
            .await
            .map_err(failed)?;
        for (reference, object) in tips {
            sqlx::query("INSERT INTO tips (source, repository, reference, object, scanned) VALUES (?, ?, ?, ?, ?)")
                .bind(source)
                .bind(repository)
                .bind(reference)
                .bind(object)
                .bind(signed(at))
                .execute(work.connection())
                .await
                .map_err(failed)?;
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
        let tips = Tips::new(Arc::new(Database::open(&folder.path().join("journal.db")).await.unwrap()));
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
