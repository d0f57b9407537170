//! What the process that runs everything here asks of the mending wing, and those who want to know whether there is one.

use super::alerts::{self, AlertsError};
use super::mending::{Mending, MendingError, catalogue};
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
            catalogue: catalogue(&operator.rules)?,
            operator,
            journal: self.journal.clone(),
            sealer: Sealer::new(FileKey::load_or_create(&self.key)?),
            clock: self.clock,
            egress: self.egress.clone(),
            key: self.key.clone(),
            path: self.path.clone(),
            holder: self.holder.clone(),
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
        let attendant = self.journal.attendant().await?;
        let now = self.clock.now();
        Ok(attendant.filter(|one| one.until > now && !runner::has_ended(&one.holder)))
    }

    /// Becomes the process that runs everything here. One that was killed is taken over at once.
    ///
    /// # Errors
    /// [`JournalError::Attended`] while another one does.
    pub async fn attend(&self, span: Duration) -> Result<(), JournalError> {
        let ended = self.journal.attendant().await?.map(|one| one.holder).filter(|holder| runner::has_ended(holder));
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
