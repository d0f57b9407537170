//! The database: one file, one connection that writes, every commit durable.
//!
//! SQLite in write-ahead mode with full synchronisation. The file is private to its owner; a file of another program or
//! of a newer version is refused, never touched.

mod reserve;
mod schema;

pub use reserve::Reserve;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// How long a writer of another process is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// The wait between two tries to switch to write-ahead mode, which the busy timeout does not cover.
const PAUSE: Duration = Duration::from_millis(50);

/// `SQLITE_IOERR_SHMSIZE`: the shared memory of the log lies beside it, and there is no room for it.
const NO_SHARED_MEMORY: u32 = 4874;

/// A database file. All work in this process goes through its one connection.
pub struct Database {
    path: PathBuf,
    options: SqliteConnectOptions,
    /// The connection, while nobody works on it. Whoever fails or is cancelled in the middle of something does not put
    /// it back: it is closed, which undoes what was not committed, and the next one connects anew.
    idle: Mutex<Option<SqliteConnection>>,
}

/// Why the database did not do it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseError {
    /// The file or its folder cannot be made.
    #[error("could not make the database {}: its folder must exist or be writable", path.display())]
    Make {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is not a database.
    #[error("{} is not a database: move it away, or name another file", path.display())]
    Malformed {
        /// Where.
        path: PathBuf,
    },
    /// The database belongs to another program.
    #[error("{} is the database of another program: name another file", path.display())]
    Foreign {
        /// Where.
        path: PathBuf,
    },
    /// A newer version of this program made it.
    #[error("{} has the schema {found}, this version knows {known}: run the newer stanch", path.display())]
    Newer {
        /// Where.
        path: PathBuf,
        /// The schema it has.
        found: i64,
        /// The newest schema known.
        known: i64,
    },
    /// An older version of this program made it, and it is opened for reading alone.
    #[error("{} has the older schema {found}: open it once for writing, which brings it to {known}", path.display())]
    Older {
        /// Where.
        path: PathBuf,
        /// The schema it has.
        found: i64,
        /// The newest schema known.
        known: i64,
    },
    /// The file system cannot share memory between processes, as network file systems cannot.
    #[error("{} lies on a file system without write-ahead support: use a local disk", path.display())]
    Unsupported {
        /// Where.
        path: PathBuf,
    },
    /// There is no room.
    #[error("the disk that holds {} is full: make room, then run the same again", path.display())]
    Full {
        /// Where.
        path: PathBuf,
    },
    /// Somebody else writes for long.
    #[error("another program has been writing {} for {} s: end it, or try again", path.display(), PATIENCE.as_secs())]
    Busy {
        /// Where.
        path: PathBuf,
    },
    /// The file may not be written.
    #[error("{} cannot be written: check the owner and mode of the file and its folder", path.display())]
    ReadOnly {
        /// Where.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error("the database {} is damaged: restore it from a backup", path.display())]
    Damaged {
        /// Where.
        path: PathBuf,
        /// What was noticed.
        source: sqlx::Error,
    },
    /// Anything else.
    #[error("the database {} failed", path.display())]
    Failed {
        /// Where.
        path: PathBuf,
        /// What was noticed.
        source: sqlx::Error,
    },
}

impl Database {
    /// Opens the database for writing; makes it, and its folder, private to their owner where there is none, and brings
    /// an older schema up to date. On a full disk its [`Reserve`] is given up: what was begun must be brought to an end.
    ///
    /// # Errors
    /// When it cannot be made or written, or is not a database that this version knows.
    pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
        match Self::open_to_write(path).await {
            Err(DatabaseError::Full { .. }) => {
                Reserve::beside(path, 0)
                    .spend()
                    .map_err(|source| DatabaseError::Make { path: path.to_owned(), source })?;
                Self::open_to_write(path).await
            }
            outcome => outcome,
        }
    }

    async fn open_to_write(path: &Path) -> Result<Self, DatabaseError> {
        make_private(path).map_err(|source| DatabaseError::Make { path: path.to_owned(), source })?;
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(PATIENCE)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .pragma("secure_delete", "ON")
            .pragma("trusted_schema", "OFF")
            .pragma("fullfsync", "ON")
            .disable_statement_logging();
        let database = Self { path: path.to_owned(), options, idle: Mutex::new(None) };
        let mut connection = database.connect().await?;
        let version = database.version(&mut connection).await?;
        database.write_ahead(&mut connection).await?;
        if version < schema::VERSION {
            schema::migrate(&mut connection).await.map_err(|error| database.explain(error))?;
        }
        *database.idle.lock().await = Some(connection);
        Ok(database)
    }

    /// Opens a database, or the copy of one, for reading alone; nothing is made or changed.
    ///
    /// # Errors
    /// When it cannot be read, or is not a database of this version.
    pub async fn open_to_read(path: &Path) -> Result<Self, DatabaseError> {
        // Without a write-ahead log beside it, a copy is complete as it stands and may lie in a folder without write access.
        let mut log = path.as_os_str().to_owned();
        log.push("-wal");
        let complete = fs::metadata(PathBuf::from(log)).map_or(true, |log| log.len() == 0);
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(PATIENCE)
            .read_only(true)
            .immutable(complete)
            .pragma("query_only", "ON")
            .pragma("trusted_schema", "OFF")
            .disable_statement_logging();
        let database = Self { path: path.to_owned(), options, idle: Mutex::new(None) };
        let mut connection = database.connect().await?;
        let found = database.version(&mut connection).await?;
        if found < schema::VERSION {
            return Err(DatabaseError::Older { path: path.to_owned(), found, known: schema::VERSION });
        }
        *database.idle.lock().await = Some(connection);
        Ok(database)
    }

    /// Where it lies.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Begins to write; until the transaction ends, nobody else does, in this process or another.
    ///
    /// # Errors
    /// When somebody else writes for long, or the database fails.
    pub async fn write(&self) -> Result<Transaction<'_>, DatabaseError> {
        self.begin("BEGIN IMMEDIATE").await
    }

    /// Begins to read: what is seen until the end is of one moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(&self) -> Result<Transaction<'_>, DatabaseError> {
        self.begin("BEGIN").await
    }

    /// Moves everything from the write-ahead log into the file and empties the log, so that erased bytes are gone from
    /// both. A reader in another process may be in the way; then the next call does it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn flush(&self) -> Result<(), DatabaseError> {
        let mut idle = self.idle.lock().await;
        let mut connection = self.take(&mut idle).await?;
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut connection)
            .await
            .map_err(|error| self.explain(error))?;
        *idle = Some(connection);
        Ok(())
    }

    /// Closes the connection in good order; the log is moved into the file.
    pub async fn close(&self) {
        if let Some(connection) = self.idle.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the database did not close in good order; the next opening mends it");
        }
    }

    /// What a failure means for the one who runs this.
    pub(crate) fn explain(&self, error: sqlx::Error) -> DatabaseError {
        let path = self.path.clone();
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        if code == Some(NO_SHARED_MEMORY) {
            return DatabaseError::Full { path };
        }
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => DatabaseError::Busy { path },
            Some(8) => DatabaseError::ReadOnly { path },
            Some(11) => DatabaseError::Damaged { path, source: error },
            Some(13) => DatabaseError::Full { path },
            Some(26) => DatabaseError::Malformed { path },
            _ => DatabaseError::Failed { path, source: error },
        }
    }

    async fn begin(&self, statement: &'static str) -> Result<Transaction<'_>, DatabaseError> {
        let mut idle = self.idle.lock().await;
        let mut connection = self.take(&mut idle).await?;
        sqlx::query(statement).execute(&mut connection).await.map_err(|error| self.explain(error))?;
        Ok(Transaction { database: self, idle, connection })
    }

    async fn take(&self, idle: &mut Option<SqliteConnection>) -> Result<SqliteConnection, DatabaseError> {
        match idle.take() {
            Some(connection) => Ok(connection),
            None => self.connect().await,
        }
    }

    async fn connect(&self) -> Result<SqliteConnection, DatabaseError> {
        self.options.connect().await.map_err(|error| self.explain(error))
    }

    /// The schema's number; 0 of a file that is still empty.
    async fn version(&self, connection: &mut SqliteConnection) -> Result<i64, DatabaseError> {
        let read = |error| self.explain(error);
        let row = sqlx::query(
            "SELECT application_id, user_version, (SELECT count(*) FROM sqlite_master) \
             FROM pragma_application_id, pragma_user_version",
        )
        .fetch_one(connection)
        .await
        .map_err(read)?;
        let (owner, version, tables): (i64, i64, i64) =
            (row.try_get(0).map_err(read)?, row.try_get(1).map_err(read)?, row.try_get(2).map_err(read)?);
        let fresh = owner == 0 && version == 0 && tables == 0;
        if owner != schema::OWNER && !fresh {
            return Err(DatabaseError::Foreign { path: self.path.clone() });
        }
        if version > schema::VERSION {
            return Err(DatabaseError::Newer { path: self.path.clone(), found: version, known: schema::VERSION });
        }
        Ok(version)
    }

    async fn write_ahead(&self, connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
        let mut waited = Duration::ZERO;
        loop {
            let mode = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await;
            match mode.map_err(|error| self.explain(error)) {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(_) => return Err(DatabaseError::Unsupported { path: self.path.clone() }),
                Err(DatabaseError::Busy { .. }) if waited < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                    waited += PAUSE;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Work in progress. Dropped without [`Transaction::commit`], it leaves nothing behind.
pub struct Transaction<'a> {
    database: &'a Database,
    idle: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

impl Transaction<'_> {
    /// The connection to run statements on.
    pub(crate) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    /// Ends the work; on return it is durable.
    ///
    /// # Errors
    /// When the database fails: nothing was done, unless the process learned nothing of it because it was cut off.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        self.end("COMMIT").await
    }

    /// Ends the work as if it had never begun.
    ///
    /// # Errors
    /// When the database fails; the work is undone all the same.
    pub async fn undo(self) -> Result<(), DatabaseError> {
        self.end("ROLLBACK").await
    }

    async fn end(self, statement: &'static str) -> Result<(), DatabaseError> {
        let Self { database, mut idle, mut connection } = self;
        sqlx::query(statement).execute(&mut connection).await.map_err(|error| database.explain(error))?;
        *idle = Some(connection);
        Ok(())
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").field("path", &self.database.path).finish_non_exhaustive()
    }
}

/// Makes the file (0600) and its folder (0700) where there are none; the files that SQLite puts beside it take its mode.
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    match fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => {
            file.sync_all()?;
            fs::File::open(folder)?.sync_all()
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let mode = fs::metadata(path)?.permissions().mode();
            if mode & 0o077 != 0 {
                fs::set_permissions(path, fs::Permissions::from_mode(mode & 0o700))?;
            }
            Ok(())
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests;
