//! What the process that runs everything here asks of the mending wing, and those who want to know whether there is one.

use super::alerts::{self, AlertsError};
use super::kinds::gather;
use super::mending::{Mending, MendingError};
use crate::alert::Route;
use crate::clock::Clock;
use crate::config::operator::{Operator, OperatorError};
use crate::journal::{Attendant, JournalError, Lease};
use crate::runner;
use crate::seal::{FileKey, Sealer};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

impl Mending {
    /// The operator's file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// This process, as it names itself in every lease.
    #[must_use]
    pub fn holder(&self) -> &str {
        &self.holder
    }

    /// The folder of the journal, where everything is kept that must outlive the process.
    #[must_use]
    pub fn state(&self) -> &Path {
        self.key.parent().unwrap_or(Path::new("."))
    }

    /// The same, with the operator's file as it stands now. The journal stays the one that is open.
    ///
    /// # Errors
    /// [`MendingError`]; a journal at another place is refused.
    pub fn reread(&self) -> Result<Self, MendingError> {
        let operator = Operator::load(&self.path)?;
        if operator.journal != self.operator.journal {
            let message = "the journal cannot be moved while it is in use: stop the daemon, then start it again";
            let path = self.path.display().to_string();
            return Err(OperatorError::Mistake { path, line: 1, column: 1, message: message.to_owned() }.into());
        }
        Ok(Self {
            catalogue: gather(&operator.rules)?,
            operator,
            journal: self.journal.clone(),
            sealer: Sealer::new(FileKey::load_or_create(&self.key)?),
            clock: self.clock,
            egress: self.egress.clone(),
            key: self.key.clone(),
            path: self.path.clone(),
            holder: self.holder.clone(),
            envelope: self.envelope.clone(),
        })
    }

    /// Whom the operator's file tells.
    ///
    /// # Errors
    /// [`AlertsError`] when one of them cannot be set up.
    pub fn routes(&self) -> Result<Vec<Route>, AlertsError> {
        let clock: Arc<dyn Clock> = Arc::new(self.clock);
        alerts::routes(&self.operator, &self.egress, &clock)
    }

    /// The process that runs everything here, if there is one and it has not ended.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn attended(&self) -> Result<Option<Attendant>, JournalError> {
        Ok(self.attendants().await?.into_iter().next())
    }

    /// The same on this machine, which is where one is asked to end or to read its file again.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn attended_here(&self) -> Result<Option<Attendant>, JournalError> {
        let shared = self.journal.database().is_shared();
        let here = |one: &Attendant| !shared || runner::is_of_this_machine(&one.holder);
        Ok(self.attendants().await?.into_iter().find(here))
    }

    /// Whether this one still does.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn attends(&self, attendant: &Attendant) -> Result<bool, JournalError> {
        Ok(self.attendants().await?.iter().any(|one| one.holder == attendant.holder))
    }

    async fn attendants(&self) -> Result<Vec<Attendant>, JournalError> {
        let mut attendants = self.journal.attendants(self.clock.now()).await?;
        attendants.retain(|one| !runner::has_ended(&one.holder));
        Ok(attendants)
    }

    /// Becomes the process that runs everything here. One that was killed is taken over at once.
    ///
    /// # Errors
    /// [`JournalError::Attended`] while another one does.
    pub async fn attend(&self, span: Duration) -> Result<(), JournalError> {
        let present = self.journal.attendants(self.clock.now()).await?;
        let ended = present.into_iter().map(|one| one.holder).find(|holder| runner::has_ended(holder));
        self.journal.attend(&Lease { ended, ..self.attendance(span) }).await
    }

    /// Stays it.
    ///
    /// # Errors
    /// [`JournalError::Attended`] when another one took over.
    pub async fn keep_attending(&self, span: Duration) -> Result<(), JournalError> {
        self.journal.keep_attending(&self.attendance(span)).await
    }

    fn attendance(&self, span: Duration) -> Lease {
        Lease { holder: self.holder.clone(), now: self.clock.now(), span, ended: None }
    }
}
