//! The journal, opened where the operator's file says: in a file with its key beside it, or on a server that several
//! machines share, each with a copy of the same keys.

use super::mending::{Mending, MendingError, secret_for};
use crate::clock::Clock as _;
use crate::config::installation;
use crate::config::operator::{JournalPlace, SecretSource};
use crate::database::{Database, Server};
use crate::journal::durable::DurableJournal;
use crate::journal::{EvidenceFolder, JournalError, MarkError, Marked, MigrateError, Moved, migrate};
use crate::runner;
use crate::seal::{KeyError, Signer};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that holds the key which seals what the journal keeps.
const KEY: &str = "envelope.key";

/// The file beside it in which is noted what a journal on a server acknowledged to this machine. For one in a file it is
/// called after that.
const SEEN: &str = "journal.seen";

/// Opens the journal; with it, the path of its key.
pub(super) async fn open(place: Option<&JournalPlace>) -> Result<(DurableJournal, PathBuf), MendingError> {
    let (database, key, seen) = match place {
        Some(JournalPlace::Server(on)) => {
            let server = server(&on.server, on.password.as_ref())?;
            let state = match &on.state {
                Some(state) => state.clone(),
                None => installation::state_directory().ok_or(MendingError::NoState)?,
            };
            (Database::connect(&server).await?, state.join(KEY), state.join(SEEN))
        }
        place => {
            let path = match place {
                Some(JournalPlace::File(path)) => path.clone(),
                _ => installation::state_directory().ok_or(MendingError::NoState)?.join("journal.db"),
            };
            let mut seen = path.clone().into_os_string();
            seen.push(".seen");
            (Database::open(&path).await?, path.with_file_name(KEY), PathBuf::from(seen))
        }
    };
    let journal = DurableJournal::open(Arc::new(database)).await?;
    Ok((journal.witnessed(&seen)?, key))
}

/// A server by its address; `password` is the file that holds the password of its user.
///
/// # Errors
/// When the address is none, or the file cannot be read.
pub fn server_at(address: &str, password: Option<&Path>) -> Result<Server, MendingError> {
    server(address, password.map(|path| SecretSource::File(path.to_owned())).as_ref())
}

fn server(address: &str, password: Option<&SecretSource>) -> Result<Server, MendingError> {
    let server = Server::parse(address)?;
    Ok(match password {
        Some(password) => server.with_password(secret_for("the journal", password)?),
        None => server,
    })
}

impl Mending {
    /// Moves the journal from its file to a server, whole: see [`migrate`]. `password` is the file that holds the password
    /// of the server's user.
    ///
    /// # Errors
    /// When the server cannot be used, the envelope key is not that of its journal, or what is there cannot be moved.
    pub async fn move_journal(&self, address: &str, password: Option<&Path>) -> Result<Moved, MigrateError> {
        let server = server_at(address, password).map_err(|error| MigrateError::Server(Box::new(error)))?;
        let database = Database::connect(&server).await.map_err(|error| MigrateError::Server(Box::new(error)))?;
        let to = DurableJournal::open(Arc::new(database)).await?;
        to.recognise(ENVELOPE, &self.envelope).await?;
        migrate(&self.journal, &to, self.clock.now(), &runner::has_ended).await
    }

    /// Who signs checkpoints of this journal; its key is made the first time.
    ///
    /// # Errors
    /// When the key cannot be used.
    pub fn signer(&self) -> Result<Signer, KeyError> {
        let name = self.operator.checkpoints.as_ref().and_then(|checkpoints| checkpoints.value.name.as_deref());
        Signer::load_or_create(&self.state().join(SIGNING_KEY), name)
    }

    /// Signs what the journal holds now, and publishes it in a folder. Nothing where nothing is recorded yet.
    ///
    /// # Errors
    /// [`MarkError`].
    pub async fn mark(
        &self,
        signer: &Signer,
        folder: Option<&mut EvidenceFolder>,
    ) -> Result<Option<Marked>, MarkError> {
        self.journal.recognise(CHECKPOINT, &signer.key().to_string()).await?;
        self.journal.mark(signer, folder, self.clock.now()).await
    }

    /// The journal cannot be used when it lies elsewhere now, or this machine lacks its key.
    pub(super) async fn check_journal(&self) -> Result<(), JournalError> {
        if let Some(place) = self.journal.moved().await? {
            return Err(JournalError::Moved { place });
        }
        match self.journal.recognise(ENVELOPE, &self.envelope).await {
            // The key was changed on this machine, and the change was interrupted.
            Err(JournalError::Key { wanted, .. }) if self.sealer.holds(&wanted) => Ok(()),
            outcome => outcome,
        }
    }
}

/// What the key is called that seals what the journal keeps.
const ENVELOPE: &str = "envelope key";

/// The file that holds the key which signs checkpoints.
const SIGNING_KEY: &str = "checkpoint.key";

/// What that key is called.
const CHECKPOINT: &str = "checkpoint key";
