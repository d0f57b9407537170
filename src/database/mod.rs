//! The database: a file on this machine, or a PostgreSQL server that several machines share.
//!
//! Both take the same statements and give the same rows, so that whoever keeps something here writes it once. What differs
//! is how writers keep out of each other's way. A file has one writer at a time, in whatever process it is. A server has
//! many: whoever reads something in order to change it locks the row ([`Transaction::lock`]), and nothing relies on more
//! than that, unique keys and `READ COMMITTED`, so that managed and distributed servers do as well as one of one's own.

mod file;
mod reserve;
mod row;
mod schema;
mod server;
mod torn;

pub use reserve::Reserve;
pub use server::{Server, Transport};

pub(crate) use row::{Row, Value};

use file::File;
use server::Pool;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a writer of another process is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Where everything is kept that outlives the process.
pub struct Database {
    at: At,
}

enum At {
    File(Box<File>),
    Server(Pool),
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
    #[error("{place} is not a database: move it away, or name another file")]
    Malformed {
        /// Where.
        place: String,
    },
    /// The database belongs to another program.
    #[error("{place} is the database of another program: name another one")]
    Foreign {
        /// Where.
        place: String,
    },
    /// A newer version of this program made it.
    #[error("{place} has the schema {found}, this version knows {known}: run the newer stanch")]
    Newer {
        /// Where.
        place: String,
        /// The schema it has.
        found: i64,
        /// The newest schema known.
        known: i64,
    },
    /// An older version of this program made it, and it is opened for reading alone.
    #[error("{place} has the older schema {found}: open it once for writing, which brings it to {known}")]
    Older {
        /// Where.
        place: String,
        /// The schema it has.
        found: i64,
        /// The newest schema known.
        known: i64,
    },
    /// The file system cannot share memory between processes, as network file systems cannot.
    #[error("{place} lies on a file system without write-ahead support: use a local disk")]
    Unsupported {
        /// Where.
        place: String,
    },
    /// There is no room.
    #[error("the disk that holds {place} is full: make room, then run the same again")]
    Full {
        /// Where.
        place: String,
    },
    /// Somebody else writes for long.
    #[error("another program has been writing {place} for {} s: end it, or try again", waited.as_secs())]
    Busy {
        /// Where.
        place: String,
        /// How long that was waited for.
        waited: Duration,
    },
    /// The server put this work off for the sake of another's; nothing of it was done.
    #[error("{place} was changed from elsewhere at the same time: nothing was done, try again")]
    Contended {
        /// Where.
        place: String,
    },
    /// It may not be written.
    #[error("{place} cannot be written: check its owner and mode, or what the user may do on the server")]
    ReadOnly {
        /// Where.
        place: String,
    },
    /// The address of a server is none, or holds what does not belong there.
    #[error("the address of the database is not usable: {problem}")]
    Address {
        /// What is wrong and what to write instead.
        problem: String,
    },
    /// The server does not let us in.
    #[error("{place} does not let this user in: check the user, its password and the name of the database")]
    Refused {
        /// Where.
        place: String,
        /// What it said.
        source: sqlx::Error,
    },
    /// The server cannot be reached, or went away.
    #[error("{place} cannot be reached: what was not acknowledged may be done again once it is back")]
    Unreachable {
        /// Where.
        place: String,
        /// What was noticed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The connection would not be private, or not with that server.
    #[error(
        "{place} is not to be trusted: its certificate must be for the host as it is written here, and from an authority that \
         this machine knows or the file after ?sslrootcert= holds; ?sslmode=disable is for loopback"
    )]
    Untrusted {
        /// Where.
        place: String,
        /// What was noticed.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The file is damaged.
    #[error("the database {place} is damaged: restore it from a backup")]
    Damaged {
        /// Where.
        place: String,
        /// What was noticed.
        source: sqlx::Error,
    },
    /// A row is not as this version writes it.
    #[error("a row of the database is not as it was written: restore it from a backup")]
    Row(#[source] sqlx::Error),
    /// Anything else.
    #[error("the database {place} failed")]
    Failed {
        /// Where.
        place: String,
        /// What was noticed.
        source: sqlx::Error,
    },
}

impl Database {
    /// Opens a file for writing; makes it, and its folder, private to their owner where there is none, and brings an
    /// older schema up to date. On a full disk its [`Reserve`] is given up: what was begun must be brought to an end.
    ///
    /// # Errors
    /// When it cannot be made or written, or is not a database that this version knows.
    pub async fn open(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { at: At::File(Box::new(File::open(path).await?)) })
    }

    /// Opens a file, or the copy of one, for reading alone; nothing is made or changed.
    ///
    /// # Errors
    /// When it cannot be read, or is not a database of this version.
    pub async fn open_to_read(path: &Path) -> Result<Self, DatabaseError> {
        Ok(Self { at: At::File(Box::new(File::open_to_read(path).await?)) })
    }

    /// Opens a database on a server; makes the tables where there are none, and brings older ones up to date.
    ///
    /// # Errors
    /// When it cannot be reached or written, or is not a database that this version knows.
    pub async fn connect(server: &Server) -> Result<Self, DatabaseError> {
        Ok(Self { at: At::Server(Pool::open(server).await?) })
    }

    /// Opens a database on a server for reading alone; nothing is made or changed.
    ///
    /// # Errors
    /// When it cannot be reached or read, or is not a database of this version.
    pub async fn connect_to_read(server: &Server) -> Result<Self, DatabaseError> {
        Ok(Self { at: At::Server(Pool::open_to_read(server).await?) })
    }

    /// Where it lies, if it is a file.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match &self.at {
            At::File(file) => Some(file.path()),
            At::Server(_) => None,
        }
    }

    /// Where it lies, in words.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.at {
            At::File(file) => file.path().display().to_string(),
            At::Server(pool) => pool.place().to_owned(),
        }
    }

    /// True where several machines share it: their clocks differ, and none of them can see that another has ended.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        matches!(self.at, At::Server(_))
    }

    /// Begins to write. In a file nobody else does until the end; on a server, what is read in order to be changed is
    /// locked with [`Transaction::lock`].
    ///
    /// # Errors
    /// When somebody else writes for long, or the database fails.
    pub async fn write(&self) -> Result<Transaction<'_>, DatabaseError> {
        Ok(match &self.at {
            At::File(file) => Transaction::File(file.begin("BEGIN IMMEDIATE").await?),
            At::Server(pool) => Transaction::Server(pool.write().await?),
        })
    }

    /// Begins to read: what is seen until the end is of one moment.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(&self) -> Result<Transaction<'_>, DatabaseError> {
        Ok(match &self.at {
            At::File(file) => Transaction::File(file.begin("BEGIN").await?),
            At::Server(pool) => Transaction::Server(pool.read().await?),
        })
    }

    /// Moves everything from a file's write-ahead log into the file and empties the log, so that erased bytes are gone
    /// from both. False where a reader in another process was in the way: then the next call does it. What a server keeps
    /// of erased rows is the server's own.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn flush(&self) -> Result<bool, DatabaseError> {
        match &self.at {
            At::File(file) => file.flush().await,
            At::Server(_) => Ok(true),
        }
    }

    /// Closes it in good order.
    pub async fn close(&self) {
        match &self.at {
            At::File(file) => file.close().await,
            At::Server(pool) => pool.close().await,
        }
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("place", &self.place()).finish_non_exhaustive()
    }
}

/// Work in progress. Dropped without [`Transaction::commit`], it leaves nothing behind.
pub enum Transaction<'a> {
    /// On a file.
    #[doc(hidden)]
    File(file::Work<'a>),
    /// On a server.
    #[doc(hidden)]
    Server(server::Work<'a>),
}

impl Transaction<'_> {
    /// Runs a statement; how many rows it changed. Values are named `$1`, `$2` and so on.
    pub(crate) async fn run(&mut self, statement: &'static str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        match self {
            Self::File(work) => work.run(statement, values).await,
            Self::Server(work) => work.run(statement, values).await,
        }
    }

    /// The first row.
    pub(crate) async fn row(
        &mut self,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, DatabaseError> {
        self.first(statement, "", values).await
    }

    /// The first row; who writes to a file has all of it, so only a server is told what to lock.
    async fn first(
        &mut self,
        statement: &'static str,
        lock: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, DatabaseError> {
        match self {
            Self::File(work) => work.row(statement, values).await,
            Self::Server(work) => work.row(format!("{statement}{lock}"), values).await,
        }
    }

    /// All rows.
    pub(crate) async fn rows(
        &mut self,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, DatabaseError> {
        match self {
            Self::File(work) => work.rows(statement, values).await,
            Self::Server(work) => work.rows(statement, values).await,
        }
    }

    /// The first row, which stays as it is until this work ends: whoever wants to change it waits.
    pub(crate) async fn lock(
        &mut self,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, DatabaseError> {
        self.first(statement, " FOR UPDATE", values).await
    }

    /// The first row that nobody has locked, locked.
    pub(crate) async fn lock_free(
        &mut self,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<Row>, DatabaseError> {
        self.first(statement, " FOR UPDATE SKIP LOCKED", values).await
    }

    /// Waits until nobody else continues the chain of all records, and keeps others from it until this work ends.
    ///
    /// # Errors
    /// [`DatabaseError::Newer`] when a newer version has changed the tables since this one opened them.
    pub(crate) async fn take_turn(&mut self) -> Result<(), DatabaseError> {
        match self {
            // Who writes to a file has it.
            Self::File(_) => Ok(()),
            Self::Server(work) => work.take_turn().await,
        }
    }

    /// Now, in milliseconds: by the clock of the server, which is the same for all who share it; by that of this machine
    /// (`here`) for a file, which all who use it have.
    pub(crate) async fn now(&mut self, here: u64) -> Result<u64, DatabaseError> {
        match self {
            Self::File(_) => Ok(here),
            Self::Server(work) => work.now().await,
        }
    }

    /// Sees that the next number of a table is a free one, after rows were put there with numbers of their own.
    pub(crate) async fn number_on(&mut self, statement: &'static str) -> Result<(), DatabaseError> {
        match self {
            // A file goes on after the largest.
            Self::File(_) => Ok(()),
            Self::Server(work) => work.row(statement.into(), &[]).await.map(|_| ()),
        }
    }

    /// Ends the work; on return it is durable.
    ///
    /// # Errors
    /// When the database fails: nothing was done, unless the process learned nothing of it because it was cut off.
    pub async fn commit(self) -> Result<(), DatabaseError> {
        match self {
            Self::File(work) => work.end("COMMIT").await,
            Self::Server(work) => work.commit().await,
        }
    }

    /// Ends the work as if it had never begun.
    ///
    /// # Errors
    /// When the database fails; the work is undone all the same.
    pub async fn undo(self) -> Result<(), DatabaseError> {
        match self {
            Self::File(work) => work.end("ROLLBACK").await,
            Self::Server(work) => work.undo().await,
        }
    }

    /// The connection to a file, for what only tests do to it.
    #[cfg(test)]
    pub(crate) fn connection(&mut self) -> &mut sqlx::sqlite::SqliteConnection {
        match self {
            Self::File(work) => work.connection(),
            Self::Server(_) => panic!("this is a server"),
        }
    }
}

impl fmt::Debug for Transaction<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transaction").finish_non_exhaustive()
    }
}

#[cfg(test)]
pub(crate) use server::tests::{copied, scratch, server_of_tests, taken_over};
