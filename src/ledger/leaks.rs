//! Leaks over time: when each was seen first and last, what its provider said, what was decided. No row holds a secret.

use crate::database::{Database, DatabaseError, Row};
use crate::model::{Digest, Fingerprint, KindId, RotationId, Timestamp};
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
        let row = work
            .row(
                "INSERT INTO leaks (source, fingerprint, digest, kind, place, first_seen, last_seen) \
                 VALUES ($1, $2, $3, $4, $5, $6, $6) ON CONFLICT (source, fingerprint) DO UPDATE \
                 SET last_seen = CASE WHEN leaks.last_seen < excluded.last_seen THEN excluded.last_seen \
                                 ELSE leaks.last_seen END, digest = excluded.digest \
                 RETURNING decision",
                &[
                    seen.source.into(),
                    seen.fingerprint.as_str().into(),
                    seen.digest.as_str().into(),
                    seen.kind.as_str().into(),
                    seen.place.into(),
                    seen.at.into(),
                ],
            )
            .await?;
        let decision = row.map_or(Ok(None), |row| row.some_text(0))?;
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
        work.run(
            "UPDATE leaks SET verdict = coalesce($3, verdict), decision = $4, rotation = coalesce($5, rotation) \
             WHERE source = $1 AND fingerprint = $2",
            &[
                seen.source.into(),
                seen.fingerprint.as_str().into(),
                verdict.into(),
                decision.into(),
                rotation.map(RotationId::as_str).into(),
            ],
        )
        .await?;
        work.commit().await
    }

    /// Notes what is known of the tokens of a case.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn learned(&self, rotation: &RotationId, verdict: &str) -> Result<(), DatabaseError> {
        let mut work = self.database.write().await?;
        let statement = "UPDATE leaks SET verdict = $1 WHERE rotation = $2 AND (verdict IS NULL OR verdict <> $1)";
        work.run(statement, &[verdict.into(), rotation.as_str().into()]).await?;
        work.commit().await
    }

    /// Where and how one secret is known, in all sources, first seen first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of(&self, digest: &Digest) -> Result<Vec<Leak>, DatabaseError> {
        let mut work = self.database.read().await?;
        let rows = work
            .rows(
                "SELECT source, fingerprint, kind, place, first_seen, last_seen, verdict, decision, rotation FROM leaks \
                 WHERE digest = $1 ORDER BY first_seen, source",
                &[digest.as_str().into()],
            )
            .await?;
        work.undo().await?;
        rows.iter().map(leak).collect()
    }
}

fn leak(row: &Row) -> Result<Leak, DatabaseError> {
    Ok(Leak {
        source: row.text(0)?,
        fingerprint: row.text(1)?,
        kind: KindId::new(row.text(2)?),
        place: row.text(3)?,
        first_seen: row.time(4)?,
        last_seen: row.time(5)?,
        verdict: row.some_text(6)?,
        decision: row.some_text(7)?,
        rotation: row.some_text(8)?.map(RotationId::new),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FingerprintKey, Secret};

    #[tokio::test]
    async fn a_leak_is_new_once_in_every_source_and_known_in_all() {
        let folder = tempfile::tempdir().unwrap();
        is_new_once_and_known_in_all(Database::open(&folder.path().join("journal.db")).await.unwrap()).await;
    }

    #[tokio::test]
    #[ignore = "needs a real PostgreSQL: ./tests/run"]
    async fn on_a_server_too() {
        is_new_once_and_known_in_all(Database::connect(&crate::database::scratch().await).await.unwrap()).await;
    }

    async fn is_new_once_and_known_in_all(database: Database) {
        let leaks = Leaks::new(Arc::new(database));
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
        leaks.learned(&RotationId::new("C-0001"), "dead").await.unwrap();
        assert_eq!(leaks.of(&digest).await.unwrap()[0].verdict.as_deref(), Some("live"), "of another case");
    }
}
