//! Leaks over time: when each was seen first and last, what its provider said, what was decided. No row holds a secret.

use super::signed;
use crate::database::{Database, DatabaseError};
use crate::model::{Digest, Fingerprint, KindId, RotationId, Timestamp};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;
use std::sync::Arc;

/// Something that a scan saw.
#[derive(Clone, Copy, Debug)]
pub struct Seen<'a> {
    /// The source in the operator's file.
    pub source: &'a str,
    /// Its name in reports.
    pub fingerprint: &'a Fingerprint,
    /// What the secret is known by in every source of this installation.
    pub digest: &'a Digest,
    /// The kind.
    pub kind: &'a KindId,
    /// Where, in words.
    pub place: &'a str,
    /// When.
    pub at: Timestamp,
}

/// A leak as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leak {
    /// The source in the operator's file.
    pub source: String,
    /// Its name in reports.
    pub fingerprint: String,
    /// The kind.
    pub kind: KindId,
    /// Where it was seen first, in words.
    pub place: String,
    /// When it was seen first.
    pub first_seen: Timestamp,
    /// When it was seen last.
    pub last_seen: Timestamp,
    /// What its provider said, in a word.
    pub verdict: Option<String>,
    /// What was decided, in words.
    pub decision: Option<String>,
    /// The case that was opened for it.
    pub rotation: Option<RotationId>,
}

/// The leaks of a database.
#[derive(Clone, Debug)]
pub struct Leaks {
    database: Arc<Database>,
}

const COLUMNS: &str = "source, fingerprint, kind, place, first_seen, last_seen, verdict, decision, rotation FROM leaks";

impl Leaks {
    /// Those in this database.
    #[must_use]
    pub fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    /// Notes that something was seen; what was decided about it before in this source.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, seen: Seen<'_>) -> Result<Option<String>, DatabaseError> {
        let mut work = self.database.write().await?;
        let decision = sqlx::query_scalar::<_, Option<String>>(
            "INSERT INTO leaks (source, fingerprint, digest, kind, place, first_seen, last_seen) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6) ON CONFLICT (source, fingerprint) DO UPDATE \
             SET last_seen = max(last_seen, excluded.last_seen), digest = excluded.digest \
             RETURNING decision",
        )
        .bind(seen.source)
        .bind(seen.fingerprint.as_str())
        .bind(seen.digest.as_str())
        .bind(seen.kind.as_str())
        .bind(seen.place)
        .bind(signed(seen.at))
        .fetch_one(work.connection())
        .await
        .map_err(|error| self.database.explain(error))?;
        work.commit().await?;
        Ok(decision)
    }

    /// Notes what was decided; a verdict or a case that is known already stays where there is no newer one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decide(
        &self,
        seen: Seen<'_>,
        verdict: Option<&str>,
        decision: &str,
        rotation: Option<&RotationId>,
    ) -> Result<(), DatabaseError> {
        let mut work = self.database.write().await?;
        sqlx::query(
            "UPDATE leaks SET verdict = coalesce(?3, verdict), decision = ?4, rotation = coalesce(?5, rotation) \
             WHERE source = ?1 AND fingerprint = ?2",
        )
        .bind(seen.source)
        .bind(seen.fingerprint.as_str())
        .bind(verdict)
        .bind(decision)
        .bind(rotation.map(RotationId::as_str))
        .execute(work.connection())
        .await
        .map_err(|error| self.database.explain(error))?;
        work.commit().await
    }

    /// Notes what is known of the tokens of a case.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn learned(&self, rotation: &RotationId, verdict: &str) -> Result<(), DatabaseError> {
        let mut work = self.database.write().await?;
        sqlx::query("UPDATE leaks SET verdict = ? WHERE rotation = ? AND verdict IS NOT ?1")
            .bind(verdict)
            .bind(rotation.as_str())
            .execute(work.connection())
            .await
            .map_err(|error| self.database.explain(error))?;
        work.commit().await
    }

    /// Where and how one secret is known, in all sources, first seen first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(&self, digest: &Digest) -> Result<Vec<Leak>, DatabaseError> {
        let mut work = self.database.read().await?;
        let statement = format!("SELECT {COLUMNS} WHERE digest = ? ORDER BY first_seen, source");
        let found = sqlx::query(sqlx::AssertSqlSafe(statement))
            .bind(digest.as_str())
            .fetch_all(work.connection())
            .await
            .and_then(|rows| rows.iter().map(leak).collect())
            .map_err(|error| self.database.explain(error))?;
        work.undo().await?;
        Ok(found)
    }
}

fn leak(row: &SqliteRow) -> Result<Leak, sqlx::Error> {
    let time = |column| row.try_get::<i64, _>(column).map(|at| Timestamp(u64::try_from(at).unwrap_or(0)));
    Ok(Leak {
        source: row.try_get(0)?,
        fingerprint: row.try_get(1)?,
        kind: KindId::new(row.try_get::<String, _>(2)?),
        place: row.try_get(3)?,
        first_seen: time(4)?,
        last_seen: time(5)?,
        verdict: row.try_get(6)?,
        decision: row.try_get(7)?,
        rotation: row.try_get::<Option<String>, _>(8)?.map(RotationId::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FingerprintKey, Secret};

    #[tokio::test]
    async fn a_leak_is_new_once_in_every_source_and_known_in_all() {
        let folder = tempfile::tempdir().unwrap();
        let leaks = Leaks::new(Arc::new(Database::open(&folder.path().join("journal.db")).await.unwrap()));
        let key = FingerprintKey::of_repository(vec![1; 32]);
        let secret = Secret::new(b"a leaked value".to_vec());
        let (print, digest, kind) = (key.fingerprint(&secret), key.digest("leak", &secret), KindId::new("acme.key"));
        let seen = |source, at| Seen {
            source,
            fingerprint: &print,
            digest: &digest,
            kind: &kind,
            place: "settings.py",
            at: Timestamp(at),
        };
        assert_eq!(leaks.note(seen("shop", 5)).await.unwrap(), None);
        leaks.decide(seen("shop", 5), Some("live"), "reported", None).await.unwrap();
        assert_eq!(leaks.note(seen("shop", 9)).await.unwrap().as_deref(), Some("reported"));
        assert_eq!(leaks.note(seen("site", 7)).await.unwrap(), None);
        leaks.decide(seen("shop", 9), None, "reported again", None).await.unwrap();
        let known = leaks.of(&digest).await.unwrap();
        let shown: Vec<_> =
            known.iter().map(|leak| (leak.source.as_str(), leak.first_seen.0, leak.last_seen.0)).collect();
        assert_eq!(shown, [("shop", 5, 9), ("site", 7, 7)]);
        assert_eq!(known[0].verdict.as_deref(), Some("live"));
        assert_eq!((known[0].decision.as_deref(), known[1].decision.as_deref()), (Some("reported again"), None));
        assert!(leaks.of(&Digest::new("another")).await.unwrap().is_empty());
    }
}
