//! Who runs everything here: one process at a time holds the one row of its table, and can be asked through it.

use super::sqlite::{SqliteJournal, count, signed};
use super::{JournalError, Lease};
use crate::model::Timestamp;
use sqlx::Row as _;
use sqlx::sqlite::SqliteConnection;

/// The process that runs everything here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attendant {
    /// Its name as the holder of a lease.
    pub holder: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when its word is good; it renews it long before.
    pub until: Timestamp,
}

impl Attendant {
    /// The number of its process.
    #[must_use]
    pub fn process(&self) -> &str {
        self.holder.split(':').next().unwrap_or(&self.holder)
    }
}

/// What the attendant is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Begin nothing new, bring everything to a record, and end.
    Drain,
    /// Read the configuration again.
    Reload,
}

impl Ask {
    fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Reload => "reload",
        }
    }

    fn of(word: &str) -> Option<Self> {
        [Self::Drain, Self::Reload].into_iter().find(|ask| ask.word() == word)
    }
}

impl SqliteJournal {
    /// Becomes the attendant. One whose lease has run out, or that is known to have ended, is taken over.
    ///
    /// # Errors
    /// [`JournalError::Attended`] while another one attends, or when the database fails.
    pub async fn attend(&self, lease: &Lease) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.attend_in(work.connection(), lease).await;
        self.end(work, outcome).await
    }

    async fn attend_in(&self, on: &mut SqliteConnection, lease: &Lease) -> Result<(), JournalError> {
        if let Some(other) = self.attendant_in(on).await?
            && lease.is_barred_by(&other.holder, other.until)
        {
            let process = other.process().to_owned();
            return Err(JournalError::Attended { process, since: other.since });
        }
        sqlx::query(
            "INSERT INTO attendant (one, holder, since, until) VALUES (1, ?1, ?2, ?3) ON CONFLICT (one) DO UPDATE \
             SET holder = ?1, since = ?2, until = ?3, asked = NULL, answer = NULL",
        )
        .bind(lease.holder.as_str())
        .bind(signed(lease.now.0))
        .bind(signed(lease.now.after(lease.span).0))
        .execute(on)
        .await
        .map(|_| ())
        .map_err(self.failed("write"))
    }

    /// Stays the attendant.
    ///
    /// # Errors
    /// [`JournalError::Attended`] when another one took over, or when the database fails.
    pub async fn keep_attending(&self, lease: &Lease) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let outcome = self.keep_attending_in(work.connection(), lease).await;
        self.end(work, outcome).await
    }

    async fn keep_attending_in(&self, on: &mut SqliteConnection, lease: &Lease) -> Result<(), JournalError> {
        match self.attendant_in(on).await? {
            Some(own) if own.holder == lease.holder => {}
            Some(other) => {
                return Err(JournalError::Attended { process: other.process().to_owned(), since: other.since });
            }
            None => return self.attend_in(on, lease).await,
        }
        sqlx::query("UPDATE attendant SET until = ?")
            .bind(signed(lease.now.after(lease.span).0))
            .execute(on)
            .await
            .map(|_| ())
            .map_err(self.failed("write"))
    }

    /// What this attendant was asked to do; it is told once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn asked(&self, holder: &str) -> Result<Option<Ask>, JournalError> {
        let failed = self.failed("read");
        let mut work = self.reading().await?;
        let asked = sqlx::query_scalar::<_, Option<String>>("SELECT asked FROM attendant WHERE holder = ?")
            .bind(holder)
            .fetch_optional(work.connection())
            .await
            .map_err(failed);
        let Some(asked) = self.end(work, asked).await?.flatten() else { return Ok(None) };
        let statement = "UPDATE attendant SET asked = NULL WHERE asked = ?1 AND holder = ?2";
        self.change_attendant(statement, &asked, holder).await?;
        Ok(Ask::of(&asked))
    }

    /// Ends being the attendant, if `holder` is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stop_attending(&self, holder: &str) -> Result<(), JournalError> {
        self.change_attendant("DELETE FROM attendant WHERE holder = ?2 AND ?1 IS NOT NULL", "", holder).await
    }

    /// Who attends: the row as it stands. Whether that process lives is for others to say.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attendant(&self) -> Result<Option<Attendant>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = self.attendant_in(work.connection()).await;
        self.end(work, outcome).await
    }

    /// Asks the attendant; what it answered before is forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask(&self, attendant: &Attendant, ask: Ask) -> Result<(), JournalError> {
        let statement = "UPDATE attendant SET asked = ?1, answer = NULL WHERE holder = ?2";
        self.change_attendant(statement, ask.word(), &attendant.holder).await
    }

    /// Answers as the attendant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn answer(&self, holder: &str, answer: &str) -> Result<(), JournalError> {
        self.change_attendant("UPDATE attendant SET answer = ?1 WHERE holder = ?2", answer, holder).await
    }

    /// What this attendant answered to the last question; none as long as it has not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn answered(&self, attendant: &Attendant) -> Result<Option<String>, JournalError> {
        let failed = self.failed("read");
        let mut work = self.reading().await?;
        let outcome = sqlx::query_scalar::<_, Option<String>>("SELECT answer FROM attendant WHERE holder = ?")
            .bind(attendant.holder.as_str())
            .fetch_optional(work.connection())
            .await
            .map_err(failed);
        Ok(self.end(work, outcome).await?.flatten())
    }

    async fn change_attendant(&self, statement: &'static str, what: &str, holder: &str) -> Result<(), JournalError> {
        let failed = self.failed("write");
        let mut work = self.begin().await?;
        let outcome =
            sqlx::query(statement).bind(what).bind(holder).execute(work.connection()).await.map(|_| ()).map_err(failed);
        self.end(work, outcome).await
    }

    async fn attendant_in(&self, on: &mut SqliteConnection) -> Result<Option<Attendant>, JournalError> {
        let row = sqlx::query("SELECT holder, since, until FROM attendant").fetch_optional(on).await;
        row.and_then(|row| {
            let Some(row) = row else { return Ok(None) };
            let (since, until) = (Timestamp(count(&row, 1)?), Timestamp(count(&row, 2)?));
            Ok(Some(Attendant { holder: row.try_get(0)?, since, until }))
        })
        .map_err(self.failed("read"))
    }
}

#[cfg(test)]
mod tests {
    use super::super::contract::lease;
    use super::*;
    use crate::database::Database;
    use std::sync::Arc;

    async fn journal(folder: &tempfile::TempDir) -> SqliteJournal {
        SqliteJournal::open(Arc::new(Database::open(&folder.path().join("journal.db")).await.unwrap())).await.unwrap()
    }

    #[tokio::test]
    async fn one_attends_until_its_word_runs_out_or_it_is_known_to_have_ended() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (journal(&folder).await, journal(&folder).await);
        one.attend(&lease("7:a", 0)).await.unwrap();
        one.attend(&lease("7:a", 10)).await.unwrap();
        let refused = other.attend(&lease("8:b", 20)).await;
        let Err(JournalError::Attended { process, since }) = refused else { panic!("{refused:?}") };
        assert_eq!((process.as_str(), since), ("7", Timestamp(10)));
        one.keep_attending(&lease("7:a", 90)).await.unwrap();
        assert!(other.attend(&lease("8:b", 150)).await.is_err(), "it was renewed");
        let over = Lease { ended: Some("7:a".into()), ..lease("8:b", 150) };
        other.attend(&over).await.unwrap();
        let lost = one.keep_attending(&lease("7:a", 160)).await;
        assert!(matches!(&lost, Err(JournalError::Attended { process, .. }) if process == "8"), "{lost:?}");
        one.stop_attending("7:a").await.unwrap();
        assert_eq!(other.attendant().await.unwrap().unwrap().holder, "8:b");
        one.attend(&lease("9:c", 250)).await.unwrap();
        one.stop_attending("9:c").await.unwrap();
        assert_eq!(one.attendant().await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_question_is_told_once_and_its_answer_is_for_the_one_who_asked() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (journal(&folder).await, journal(&folder).await);
        one.attend(&lease("7:a", 0)).await.unwrap();
        let attendant = other.attendant().await.unwrap().unwrap();
        assert_eq!(one.asked("7:a").await.unwrap(), None);
        other.ask(&attendant, Ask::Reload).await.unwrap();
        assert_eq!(one.asked("8:b").await.unwrap(), None);
        assert_eq!(one.asked("7:a").await.unwrap(), Some(Ask::Reload));
        assert_eq!(one.asked("7:a").await.unwrap(), None);
        assert_eq!(other.answered(&attendant).await.unwrap(), None);
        one.answer("7:a", "reloaded").await.unwrap();
        assert_eq!(other.answered(&attendant).await.unwrap().as_deref(), Some("reloaded"));
        other.ask(&attendant, Ask::Drain).await.unwrap();
        assert_eq!(other.answered(&attendant).await.unwrap(), None);
    }
}
