//! Who runs everything here, and can be asked to end or to read its configuration again. A file has one such process at a
//! time, which holds the one row of the table; on a server each has a row of its own, and rotations are divided by leases.

use super::durable::{DurableJournal, patiently};
use super::{JournalError, Lease};
use crate::database::{DatabaseError, Row, Transaction, Value};
use crate::model::Timestamp;

/// One that was killed is forgotten so long after its word ran out, in milliseconds.
const FORGOTTEN: u64 = 24 * 3_600_000;

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

impl DurableJournal {
    /// Becomes an attendant. In a file there is one: another whose word has run out, or that is known to have ended, is
    /// taken over.
    ///
    /// # Errors
    /// [`JournalError::Attended`] while another one attends a file, or when the database fails.
    pub async fn attend(&self, lease: &Lease) -> Result<(), JournalError> {
        patiently(|| self.attend_once(lease, false)).await
    }

    /// Stays an attendant.
    ///
    /// # Errors
    /// [`JournalError::Attended`] when another one took a file over, or when the database fails.
    pub async fn keep_attending(&self, lease: &Lease) -> Result<(), JournalError> {
        patiently(|| self.attend_once(lease, true)).await?;
        self.wipe().await;
        Ok(())
    }

    async fn attend_once(&self, lease: &Lease, keeps: bool) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let outcome = match self.database().is_shared() {
            true => self.attend_beside(&mut work, lease).await,
            false => self.attend_alone(&mut work, lease, keeps).await,
        };
        self.end(work, outcome).await
    }

    async fn attend_alone(&self, on: &mut Transaction<'_>, lease: &Lease, keeps: bool) -> Result<(), JournalError> {
        let present = self.attendants_in(on, Timestamp(0)).await?.into_iter().next();
        let attended = |other: &Attendant| {
            let (process, since) = (other.process().to_owned(), other.since);
            Err(JournalError::Attended { process, since })
        };
        match &present {
            Some(own) if keeps && own.holder == lease.holder => {
                let until = lease.now.after(lease.span);
                let done = on.run("UPDATE attendant SET until = $1", &[until.into()]).await;
                return done.map(|_| ()).map_err(self.failed("write"));
            }
            Some(other) if keeps || lease.is_barred_by(&other.holder, other.until, lease.now) => {
                return attended(other);
            }
            _ => {}
        }
        on.run(
            "INSERT INTO attendant (one, holder, since, until) VALUES (1, $1, $2, $3) ON CONFLICT (one) DO UPDATE \
             SET holder = $1, since = $2, until = $3, asked = NULL, answer = NULL",
            &[(&lease.holder).into(), lease.now.into(), lease.now.after(lease.span).into()],
        )
        .await
        .map(|_| ())
        .map_err(self.failed("write"))
    }

    /// One that stood still for long comes back as it is: what it held was taken up, and it is fenced there.
    async fn attend_beside(&self, on: &mut Transaction<'_>, lease: &Lease) -> Result<(), JournalError> {
        let failed = self.failed("write");
        let now = Timestamp(on.now(lease.now.0).await.map_err(&failed)?);
        let forgotten = Timestamp(now.0.saturating_sub(FORGOTTEN));
        on.run("DELETE FROM attendant WHERE until < $1", &[forgotten.into()]).await.map_err(&failed)?;
        on.run(
            "INSERT INTO attendant (holder, since, until) VALUES ($1, $2, $3) ON CONFLICT (holder) DO UPDATE \
             SET until = excluded.until",
            &[(&lease.holder).into(), now.into(), now.after(lease.span).into()],
        )
        .await
        .map(|_| ())
        .map_err(&failed)
    }

    /// What this attendant was asked to do; it is told once.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn asked(&self, holder: &str) -> Result<Option<Ask>, JournalError> {
        let asked = self.said("SELECT asked FROM attendant WHERE holder = $1", holder).await?;
        let Some(asked) = asked else { return Ok(None) };
        let statement = "UPDATE attendant SET asked = NULL WHERE asked = $1 AND holder = $2";
        self.change_attendant(statement, &[(&asked).into(), holder.into()]).await?;
        Ok(Ask::of(&asked))
    }

    /// Ends being an attendant, if `holder` is one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stop_attending(&self, holder: &str) -> Result<(), JournalError> {
        self.change_attendant("DELETE FROM attendant WHERE holder = $1", &[holder.into()]).await
    }

    /// Who attends, as far as their word holds: at `now` in a file, at this moment on a server. Whether such a process
    /// lives is for others to say.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn attendants(&self, now: Timestamp) -> Result<Vec<Attendant>, JournalError> {
        let mut work = self.reading().await?;
        let outcome = self.attendants_in(&mut work, now).await;
        self.end(work, outcome).await
    }

    /// Asks an attendant; what it answered before is forgotten.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ask(&self, attendant: &Attendant, ask: Ask) -> Result<(), JournalError> {
        let statement = "UPDATE attendant SET asked = $1, answer = NULL WHERE holder = $2";
        self.change_attendant(statement, &[ask.word().into(), (&attendant.holder).into()]).await
    }

    /// Answers as an attendant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn answer(&self, holder: &str, answer: &str) -> Result<(), JournalError> {
        let statement = "UPDATE attendant SET answer = $1 WHERE holder = $2";
        self.change_attendant(statement, &[answer.into(), holder.into()]).await
    }

    /// What this attendant answered to the last question; none as long as it has not.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn answered(&self, attendant: &Attendant) -> Result<Option<String>, JournalError> {
        self.said("SELECT answer FROM attendant WHERE holder = $1", &attendant.holder).await
    }

    /// Sees that this machine has the key that the others have who share the journal; the first one says which that is.
    /// Beside a file lies its own.
    ///
    /// # Errors
    /// [`JournalError::Key`] where it is another one, or when the database fails.
    pub async fn recognise(&self, what: &str, name: &str) -> Result<(), JournalError> {
        if !self.database().is_shared() {
            return Ok(());
        }
        let statement = "INSERT INTO keys (what, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        self.change_attendant(statement, &[what.into(), name.into()]).await?;
        match self.said("SELECT name FROM keys WHERE what = $1", what).await? {
            Some(wanted) if wanted != name => {
                Err(JournalError::Key { what: what.to_owned(), wanted, found: name.to_owned() })
            }
            _ => Ok(()),
        }
    }

    /// Where the journal was moved to, if it was.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn moved(&self) -> Result<Option<String>, JournalError> {
        if self.database().is_shared() {
            return Ok(None);
        }
        self.said("SELECT place FROM moved WHERE place <> $1", "").await
    }

    async fn said(&self, statement: &'static str, whose: &str) -> Result<Option<String>, JournalError> {
        let mut work = self.reading().await?;
        let said = work
            .row(statement, &[whose.into()])
            .await
            .and_then(|row| row.map_or(Ok(None), |row| row.some_text(0)))
            .map_err(self.failed("read"));
        self.end(work, said).await
    }

    async fn change_attendant(&self, statement: &'static str, values: &[Value<'_>]) -> Result<(), JournalError> {
        patiently(|| self.change_attendant_once(statement, values)).await
    }

    async fn change_attendant_once(&self, statement: &'static str, values: &[Value<'_>]) -> Result<(), JournalError> {
        let mut work = self.begin().await?;
        let outcome = work.run(statement, values).await.map(|_| ()).map_err(self.failed("write"));
        self.end(work, outcome).await
    }

    pub(super) async fn attendants_in(
        &self,
        on: &mut Transaction<'_>,
        now: Timestamp,
    ) -> Result<Vec<Attendant>, JournalError> {
        let failed = self.failed("read");
        let now = on.now(now.0).await.map_err(&failed)?;
        let statement = "SELECT holder, since, until FROM attendant WHERE until > $1 ORDER BY since, holder";
        let rows = on.rows(statement, &[now.into()]).await.map_err(&failed)?;
        rows.iter().map(attendant_of).collect::<Result<_, _>>().map_err(&failed)
    }
}

fn attendant_of(row: &Row) -> Result<Attendant, DatabaseError> {
    Ok(Attendant { holder: row.text(0)?, since: row.time(1)?, until: row.time(2)? })
}

#[cfg(test)]
mod tests {
    use super::super::contract::lease;
    use super::*;
    use crate::database::Database;
    use std::sync::Arc;

    async fn journal(folder: &tempfile::TempDir) -> DurableJournal {
        DurableJournal::open(Arc::new(Database::open(&folder.path().join("journal.db")).await.unwrap())).await.unwrap()
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
        assert_eq!(other.attendants(Timestamp(0)).await.unwrap()[0].clone().holder, "8:b");
        one.attend(&lease("9:c", 250)).await.unwrap();
        one.stop_attending("9:c").await.unwrap();
        assert_eq!(one.attendants(Timestamp(0)).await.unwrap(), []);
    }

    #[tokio::test]
    async fn a_question_is_told_once_and_its_answer_is_for_the_one_who_asked() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (journal(&folder).await, journal(&folder).await);
        one.attend(&lease("7:a", 0)).await.unwrap();
        let attendant = other.attendants(Timestamp(0)).await.unwrap()[0].clone();
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
