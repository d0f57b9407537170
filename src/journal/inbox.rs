//! The words of people to whoever runs a rotation, and the rotations that somebody should look at.

use super::durable::{DurableJournal, listed_of, patiently};
use super::{JournalError, Listed};
use crate::database::{DatabaseError, Row, Transaction};
use crate::model::{Person, RotationId, Timestamp};
use crate::rotation::Fact;
use crate::seal::Sealed;

/// What became of a word that was applied.
pub const APPLIED: &str = "applied";

/// What became of a word that came, or was left, when the rotation was over.
pub(super) const TOO_LATE: &str = "the case is closed: there is nothing left to decide";

/// A person's word that waits in the inbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Its number in the inbox.
    pub id: i64,
    /// What is said.
    pub fact: Fact,
    /// The sealed value that it brings.
    pub sealed: Option<Sealed>,
    /// Who says it.
    pub who: Person,
    /// When it was put there.
    pub at: Timestamp,
}

impl Waiting {
    pub(super) fn of(row: &Row) -> Result<Self, DatabaseError> {
        let decode = |error: serde_json::Error| DatabaseError::Row(sqlx::Error::Decode(Box::new(error)));
        let sealed = row.some_text(2)?;
        Ok(Self {
            id: row.number(0)?,
            fact: serde_json::from_str(&row.text(1)?).map_err(decode)?,
            sealed: sealed.map(|sealed| serde_json::from_str(&sealed)).transpose().map_err(decode)?,
            who: Person::new(row.text(3)?),
            at: row.time(4)?,
        })
    }
}

/// How a rotation stands in the tables around it, without its records being read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Which, and how many records it has.
    pub listed: Listed,
    /// Words that wait in its inbox.
    pub words: u64,
    /// Why it is not carried on, and since when that is known.
    pub trouble: Option<(String, Timestamp)>,
    /// Who runs it at this moment, as far as the lease says; of a single one that is not asked.
    pub holder: Option<String>,
    /// What a version must know to carry it on; see [`super::FORMAT`].
    pub format: u64,
}

macro_rules! standing {
    ($rest:literal) => {
        concat!(
            "SELECT r.rotation, r.credential, r.open, r.opened, r.records, \
             (SELECT count(*) FROM inbox i WHERE i.rotation = r.rotation AND i.outcome IS NULL), t.what, t.at, \
             CASE WHEN l.until > $1 THEN l.holder END, r.format \
             FROM rotations r JOIN leases l ON l.rotation = r.rotation \
             LEFT JOIN troubles t ON t.rotation = r.rotation ",
            $rest
        )
    };
}

fn standing(row: &Row) -> Result<Standing, DatabaseError> {
    let trouble = row.some_text(6)?.zip(row.some_number(7)?);
    let since = |at: i64| Timestamp(u64::try_from(at).unwrap_or(0));
    Ok(Standing {
        listed: listed_of(row)?,
        words: row.count(5)?,
        trouble: trouble.map(|(what, at)| (what, since(at))),
        holder: row.some_text(8)?,
        format: row.count(9)?,
    })
}

impl DurableJournal {
    /// The rotations that are open, oldest first. `now` is what leases in a file are held against.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_ones(&self, now: Timestamp) -> Result<Vec<Standing>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = open_in(&mut work, now).await.map_err(self.failed("read"));
        self.end(work, outcome).await
    }

    /// How one rotation stands.
    ///
    /// # Errors
    /// [`JournalError::Missing`], or when the database fails.
    pub async fn standing(&self, rotation: &RotationId) -> Result<Standing, JournalError> {
        let mut work = self.reading().await?;
        let outcome = standing_in(&mut work, rotation).await.map_err(self.failed("read"));
        self.end(work, outcome).await?.ok_or_else(|| JournalError::Missing { rotation: rotation.clone() })
    }

    /// What became of a word: none while it waits, else `applied` or the reason why not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn became(&self, id: i64) -> Result<Option<String>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = work
            .row("SELECT outcome FROM inbox WHERE id = $1", &[id.into()])
            .await
            .and_then(|row| row.map_or(Ok(None), |row| row.some_text(0)))
            .map_err(self.failed("read"));
        self.end(work, outcome).await
    }

    /// Notes why a rotation is not carried on, or that it is again.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn trouble(&self, rotation: &RotationId, what: Option<&str>, at: Timestamp) -> Result<(), JournalError> {
        patiently(|| self.trouble_once(rotation, what, at)).await
    }

    async fn trouble_once(&self, rotation: &RotationId, what: Option<&str>, at: Timestamp) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let of = rotation.as_str().into();
        let outcome = match what {
            Some(what) => {
                let statement = "INSERT INTO troubles (rotation, what, at) VALUES ($1, $2, $3) \
                                 ON CONFLICT (rotation) DO UPDATE SET what = excluded.what, at = excluded.at";
                work.run(statement, &[of, what.into(), at.into()]).await
            }
            None => work.run("DELETE FROM troubles WHERE rotation = $1", &[of]).await,
        };
        let outcome = outcome.map(|_| ()).map_err(self.failed("write"));
        self.end(work, outcome).await
    }
}

async fn open_in(on: &mut Transaction<'_>, now: Timestamp) -> Result<Vec<Standing>, DatabaseError> {
    let now = on.now(now.0).await?;
    let rows = on.rows(standing!("WHERE r.open = 1 ORDER BY r.number"), &[now.into()]).await?;
    rows.iter().map(standing).collect()
}

async fn standing_in(on: &mut Transaction<'_>, rotation: &RotationId) -> Result<Option<Standing>, DatabaseError> {
    let row = on.row(standing!("WHERE r.rotation = $2"), &[i64::MAX.into(), rotation.as_str().into()]).await?;
    row.as_ref().map(standing).transpose()
}

#[cfg(test)]
mod tests {
    use super::super::Journal as _;
    use super::super::contract::{lease, opened, rotation, sealed};
    use super::*;
    use crate::database::Database;
    use crate::rotation::Order;
    use sqlx::{ConnectOptions as _, Connection as _};
    use std::path::Path;
    use std::sync::Arc;

    async fn keep(path: &Path) -> DurableJournal {
        DurableJournal::open(Arc::new(Database::open(path).await.unwrap())).await.unwrap()
    }

    #[tokio::test]
    async fn orders_of_the_first_version_still_wait() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut old = options.connect().await.unwrap();
        sqlx::raw_sql(include_str!("../database/schema/1.sql")).execute(&mut old).await.unwrap();
        let rows = r#"INSERT INTO rotations (rotation, credential, identity, opened, records, head)
            VALUES ('C-0001', 'c', 'i', 0, 0, '');
            INSERT INTO inbox (rotation, "order", who, reason, at, outcome) VALUES
            ('C-0001', 'pause', 'ada', 'done with', 1, 'applied'),
            ('C-0001', 'revoke-now', 'ada', 'it''s "abused"', 2, NULL)"#;
        sqlx::raw_sql(rows).execute(&mut old).await.unwrap();
        old.close().await.unwrap();
        let journal = keep(&path).await;
        let waiting = journal.waiting(&rotation(1)).await.unwrap().unwrap();
        let fact = Fact::Ordered(Order::RevokeNow, Person::new("ada"), "it's \"abused\"".into());
        let expected = Waiting { id: 2, fact, sealed: None, who: Person::new("ada"), at: Timestamp(2) };
        assert_eq!(waiting, expected);
        assert_eq!(journal.became(1).await.unwrap().as_deref(), Some(APPLIED));
        journal.settle(2, "refused").await.unwrap();
        assert_eq!(journal.waiting(&rotation(1)).await.unwrap(), None);
    }

    #[tokio::test]
    async fn what_should_be_looked_at_is_listed_with_its_words_and_its_trouble() {
        let folder = tempfile::tempdir().unwrap();
        let journal = keep(&folder.path().join("journal.db")).await;
        for number in [1, 2] {
            let at = journal.open(&format!("{number}"), &opened(number), &[], &lease("a", 0), 0).await.unwrap();
            if number == 2 {
                journal.append(&at, &[super::super::contract::event(1, Fact::Healthy)], &[], true, 0).await.unwrap();
            }
        }
        let (ada, value) = (Person::new("ada"), sealed("from ada"));
        let fact = Fact::Ordered(Order::Pause, ada.clone(), String::new());
        let id = journal.leave_word(&rotation(1), &fact, Some(&value), &ada, Timestamp(3)).await.unwrap();
        journal.trouble(&rotation(1), Some("no such kind"), Timestamp(4)).await.unwrap();
        let open = journal.open_ones(Timestamp(50)).await.unwrap();
        let [one] = open.as_slice() else { panic!("{open:?}") };
        assert_eq!((one.listed.rotation.as_str(), one.listed.records, one.words), ("C-0001", 1, 1));
        assert_eq!(one.holder.as_deref(), Some("a"), "its lease runs to 100");
        assert_eq!(journal.open_ones(Timestamp(100)).await.unwrap()[0].holder, None);
        assert_eq!(one.trouble, Some(("no such kind".to_owned(), Timestamp(4))));
        assert_eq!(journal.became(id).await.unwrap(), None);
        journal.trouble(&rotation(1), None, Timestamp(5)).await.unwrap();
        assert_eq!(journal.standing(&rotation(1)).await.unwrap().trouble, None);
        assert!(!journal.standing(&rotation(2)).await.unwrap().listed.open);
        assert!(matches!(journal.standing(&rotation(9)).await, Err(JournalError::Missing { .. })));
    }
}
