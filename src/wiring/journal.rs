//! The journal, opened where the operator's file says: in a file with its key beside it, or on a server that several
//! machines share, each with a copy of the same keys.

use super::mending::{Mending, MendingError, secret_for};
use crate::clock::Clock as _;
use crate::config::installation;
use crate::config::operator::{JournalPlace, SecretSource};
use crate::database::{Database, Server};
use crate::journal::durable::DurableJournal;
use crate::journal::{JournalError, MigrateError, Moved, migrate};
use crate::runner;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file that holds the key which seals what the journal keeps.
const KEY: &str = "envelope.key";

/// Opens the journal; with it, the path of its key.
pub(super) async fn open(place: Option<&JournalPlace>) -> Result<(DurableJournal, PathBuf), MendingError> {
    let (database, key) = match place {
        Some(JournalPlace::Server(on)) => {
            let server = server(&on.server, on.password.as_ref())?;
            let state = match &on.state {
                Some(state) => state.clone(),
                None => installation::state_directory().ok_or(MendingError::NoState)?,
            };
            (Database::connect(&server).await?, state.join(KEY))
        }
        place => {
            let path = match place {
                Some(JournalPlace::File(path)) => path.clone(),
                _ => installation::state_directory().ok_or(MendingError::NoState)?.join("journal.db"),
            };
            (Database::open(&path).await?, path.with_file_name(KEY))
        }
    };
    Ok((DurableJournal::open(Arc::new(database)).await?, key))
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
        let password = password.map(|path| SecretSource::File(path.to_owned()));
        let server = server(address, password.as_ref()).map_err(|error| MigrateError::Server(Box::new(error)))?;
        let database = Database::connect(&server).await.map_err(|error| MigrateError::Server(Box::new(error)))?;
        let to = DurableJournal::open(Arc::new(database)).await?;
        to.recognise(ENVELOPE, &self.envelope).await?;
        migrate(&self.journal, &to, self.clock.now(), &runner::has_ended).await
    }

    /// The journal cannot be used when it lies elsewhere now, or this machine lacks its key.
    pub(super) async fn check_journal(&self) -> Result<(), JournalError> {
        if let Some(place) = self.journal.moved().await? {
            return Err(JournalError::Moved { place });
        }
        self.journal.recognise(ENVELOPE, &self.envelope).await
    }
}

/// What the key is called that seals what the journal keeps.
const ENVELOPE: &str = "envelope key";
