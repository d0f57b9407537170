//! A database file: one connection that writes, every commit durable.
//!
//! SQLite in write-ahead mode with full synchronisation. The file is private to its owner; a file of another program or
//! of a newer version is refused, never touched.

use super::{DatabaseError, PATIENCE, Reserve, Row, Value, schema, torn};
use sqlx::sqlite::{SqliteArguments, SqliteConnectOptions, SqliteConnection, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, Row as _, Sqlite};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::sync::{Mutex, MutexGuard};

/// The wait between two tries to switch to write-ahead mode, which the busy timeout does not cover.
const PAUSE: Duration = Duration::from_millis(50);

/// `SQLITE_IOERR_SHMSIZE`: the shared memory of the log lies beside it, and there is no room for it.
const NO_SHARED_MEMORY: u32 = 4874;

/// A database file. All work in this process goes through its one connection.
pub(super) struct File {
    path: PathBuf,
    options: SqliteConnectOptions,
    /// The connection, while nobody works on it. Whoever fails or is cancelled in the middle of something does not put
    /// it back: it is closed, which undoes what was not committed, and the next one connects anew.
    idle: Mutex<Option<SqliteConnection>>,
}

impl File {
    pub(super) async fn open(path: &Path) -> Result<Self, DatabaseError> {
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
        database.tell_of_cut_write().await;
        let mut connection = database.connect().await?;
        let version = database.version(&mut connection).await?;
        database.write_ahead(&mut connection).await?;
        if version < schema::VERSION {
            schema::migrate(&mut connection).await.map_err(|error| database.explain(error))?;
        }
        *database.idle.lock().await = Some(connection);
        Ok(database)
    }

    pub(super) async fn open_to_read(path: &Path) -> Result<Self, DatabaseError> {
        // Without a write-ahead log beside it, a copy is complete as it stands and may lie in a folder without write access.
        let complete = fs::metadata(log_of(path)).map_or(true, |log| log.len() == 0);
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
            return Err(DatabaseError::Older { place: path.display().to_string(), found, known: schema::VERSION });
        }
        *database.idle.lock().await = Some(connection);
        Ok(database)
    }

    /// Says when a crash cut the last write: it is dropped, as nobody was told that it is durable.
    async fn tell_of_cut_write(&self) {
        let log = log_of(&self.path);
        let cut = || torn::cut_bytes(&log).unwrap_or(0);
        let bytes = cut();
        if bytes == 0 {
            return;
        }
        // Another process may be in the middle of it.
        tokio::time::sleep(PAUSE).await;
        if cut() == bytes {
            let place = self.place();
            tracing::warn!(
                place,
                bytes,
                "a crash cut the last write, which is dropped: it was never acknowledged, and all before it is there"
            );
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) async fn flush(&self) -> Result<bool, DatabaseError> {
        let mut idle = self.idle.lock().await;
        let mut connection = self.take(&mut idle).await?;
        let failed = |error| self.explain(error);
        // Nobody waits for readers with this one connection in hand; the patience is what `PATIENCE` says again after it.
        sqlx::raw_sql("PRAGMA busy_timeout = 20").execute(&mut connection).await.map_err(failed)?;
        let row = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection).await.map_err(failed)?;
        let is_busy: i64 = row.try_get(0).map_err(failed)?;
        sqlx::raw_sql("PRAGMA busy_timeout = 5000").execute(&mut connection).await.map_err(failed)?;
        *idle = Some(connection);
        Ok(is_busy == 0)
    }

    /// The log is moved into the file.
    pub(super) async fn close(&self) {
        if let Some(connection) = self.idle.lock().await.take()
            && let Err(error) = connection.close().await
        {
            tracing::debug!(%error, "the database did not close in good order; the next opening mends it");
        }
    }

    /// What a failure means for the one who runs this.
    pub(super) fn explain(&self, error: sqlx::Error) -> DatabaseError {
        let place = self.place();
        let code = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        if code == Some(NO_SHARED_MEMORY) {
            return DatabaseError::Full { place };
        }
        match code.map(|code| code & 0xff) {
            Some(5 | 6) => DatabaseError::Busy { place, waited: PATIENCE },
            Some(8) => DatabaseError::ReadOnly { place },
            Some(11) => DatabaseError::Damaged { place, source: error },
            Some(13) => DatabaseError::Full { place },
            Some(26) => DatabaseError::Malformed { place },
            _ => DatabaseError::Failed { place, source: error },
        }
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    /// Begins a piece of work; until it ends, nobody else in this process works here.
    pub(super) async fn begin(&self, statement: &'static str) -> Result<Work<'_>, DatabaseError> {
        let mut idle = self.idle.lock().await;
        let mut connection = self.take(&mut idle).await?;
        sqlx::query(statement).execute(&mut connection).await.map_err(|error| self.explain(error))?;
        Ok(Work { file: self, idle, connection })
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
            return Err(DatabaseError::Foreign { place: self.place() });
        }
        if version > schema::VERSION {
            return Err(DatabaseError::Newer { place: self.place(), found: version, known: schema::VERSION });
        }
        Ok(version)
    }

    async fn write_ahead(&self, connection: &mut SqliteConnection) -> Result<(), DatabaseError> {
        let mut waited = Duration::ZERO;
        loop {
            let mode = sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *connection).await;
            match mode.map_err(|error| self.explain(error)) {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(_) => return Err(DatabaseError::Unsupported { place: self.place() }),
                Err(DatabaseError::Busy { .. }) if waited < PATIENCE => {
                    tokio::time::sleep(PAUSE).await;
                    waited += PAUSE;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

/// Work in progress on the one connection. Dropped without its end, it takes the connection with it.
pub struct Work<'a> {
    file: &'a File,
    idle: MutexGuard<'a, Option<SqliteConnection>>,
    connection: SqliteConnection,
}

type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

impl Work<'_> {
    pub(super) async fn run(&mut self, statement: &'static str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let done = query(statement, values).execute(&mut self.connection).await;
        done.map(|done| done.rows_affected()).map_err(|error| self.file.explain(error))
    }

    pub(super) async fn row(
        &mut self,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, DatabaseError> {
        let row = query(statement, values).fetch_optional(&mut self.connection).await;
        row.map(|row| row.map(Row::File)).map_err(|error| self.file.explain(error))
    }

    pub(super) async fn rows(
        &mut self,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, DatabaseError> {
        let rows = query(statement, values).fetch_all(&mut self.connection).await;
        rows.map(|rows| rows.into_iter().map(Row::File).collect()).map_err(|error| self.file.explain(error))
    }

    #[cfg(test)]
    pub(super) fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(super) async fn end(self, statement: &'static str) -> Result<(), DatabaseError> {
        let Self { file, mut idle, mut connection } = self;
        sqlx::query(statement).execute(&mut connection).await.map_err(|error| file.explain(error))?;
        *idle = Some(connection);
        Ok(())
    }
}

fn query(statement: &'static str, values: &[Value<'_>]) -> Query {
    values.iter().fold(sqlx::query(statement), |query, value| match value {
        Value::Text(text) => query.bind(text.map(str::to_owned)),
        Value::Number(number) => query.bind(*number),
        Value::Bytes(bytes) => query.bind(bytes.to_vec()),
    })
}

/// The write-ahead log of a file.
fn log_of(path: &Path) -> PathBuf {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    log.into()
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
