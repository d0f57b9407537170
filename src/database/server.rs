//! A database on a PostgreSQL server.
//!
//! Sessions are few, are shared by everything in this process, and come back by themselves after the server was away.
//! The server ends work whose process stands still in the middle of it: it holds locks that others wait for.

use super::{DatabaseError, Row, Value, schema};
use crate::model::Secret;
use sqlx::postgres::{PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Executor as _, Postgres, Row as _};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Sessions of one process.
const SESSIONS: u32 = 8;
/// How long a session is waited for, while the server starts again or all of them are at work.
const AWAY: Duration = Duration::from_secs(10);
/// How long a lock of somebody else is waited for; longer than the server lets anybody stand still with one.
const LOCKED: Duration = Duration::from_secs(20);
/// The longest statement, on the way there and back too.
const LONGEST: Duration = Duration::from_secs(75);
/// Processes that make the tables at the same time get into each other's way; each tries again so often.
const TRIES: u32 = 8;

/// What every session is told first. Whoever stands still in the middle of something is undone; a commit that was
/// acknowledged is on the disk, whatever the server's default is.
const MANNERS: &str = "SET lock_timeout = '20s'; SET statement_timeout = '60s'; \
     SET idle_in_transaction_session_timeout = '10s'; SET client_min_messages = 'warning'; \
     SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit', true) = 'off'";

/// How the server is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Transport {
    /// Encrypted, its certificate and name checked, against this file of authorities if there is one.
    Verified(Option<PathBuf>),
    /// In clear: for loopback.
    Clear,
}

/// A database on a server, and how to get there.
#[derive(Clone)]
pub struct Server {
    host: String,
    port: u16,
    user: String,
    database: String,
    transport: Transport,
    password: Option<Arc<Secret>>,
}

impl Server {
    /// Reads `postgres://USER@HOST:PORT/DATABASE?sslmode=verify-full&sslrootcert=FILE`; whatever can be left out may be.
    ///
    /// # Errors
    /// [`DatabaseError::Address`] where it is none, or holds a password, which has no place in an address. Its text is
    /// not repeated.
    pub fn parse(address: &str) -> Result<Self, DatabaseError> {
        let problem = |problem: &str| DatabaseError::Address { problem: problem.to_owned() };
        let form = "write postgres://USER@HOST:PORT/DATABASE";
        let url = Url::parse(address).map_err(|_| problem(form))?;
        if !matches!(url.scheme(), "postgres" | "postgresql") {
            return Err(problem(form));
        }
        if url.password().is_some() {
            return Err(problem("it holds a password: name a file that holds it instead"));
        }
        let text = |part: &str| {
            let decoded: Vec<u8> = percent_decoded(part);
            String::from_utf8(decoded).map_err(|_| problem("it is no text"))
        };
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| problem("it names no host"))?;
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let user = text(url.username())?;
        if user.is_empty() {
            return Err(problem("it names no user"));
        }
        let database = match text(url.path().trim_start_matches('/'))? {
            none if none.is_empty() => user.clone(),
            database => database,
        };
        let (mut transport, mut authorities) = (Transport::Verified(None), None);
        for (key, value) in url.query_pairs() {
            match (key.as_ref(), value.as_ref()) {
                ("sslmode", "verify-full") => transport = Transport::Verified(None),
                ("sslmode", "disable") => transport = Transport::Clear,
                ("sslmode", _) => return Err(problem("sslmode is verify-full, or disable on loopback")),
                ("sslrootcert", file) => authorities = Some(PathBuf::from(file)),
                _ => return Err(problem("besides sslmode and sslrootcert it takes no parameters")),
            }
        }
        if let Transport::Verified(of) = &mut transport {
            *of = authorities;
        }
        let port = url.port().unwrap_or(5432);
        Ok(Self { host: host.to_owned(), port, user, database, transport, password: None })
    }

    /// With the password of its user.
    #[must_use]
    pub fn with_password(self, password: Secret) -> Self {
        Self { password: Some(Arc::new(password)), ..self }
    }

    /// How it is named in words: without the password.
    #[must_use]
    pub fn place(&self) -> String {
        let Self { host, port, user, database, .. } = self;
        if host.contains(':') {
            return format!("postgres://{user}@[{host}]:{port}/{database}");
        }
        format!("postgres://{user}@{host}:{port}/{database}")
    }

    fn options(&self) -> Result<PgConnectOptions, DatabaseError> {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .username(&self.user)
            .database(&self.database)
            .application_name("stanch")
            .disable_statement_logging();
        let options = match &self.transport {
            Transport::Verified(None) => options.ssl_mode(PgSslMode::VerifyFull),
            Transport::Verified(Some(file)) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(file),
            Transport::Clear => options.ssl_mode(PgSslMode::Disable),
        };
        let Some(password) = &self.password else { return Ok(options) };
        #[expect(clippy::disallowed_methods, reason = "the server asks for it when a session begins")]
        let password = std::str::from_utf8(password.expose());
        let unreadable = |_| DatabaseError::Address { problem: "the password of its user is no text".to_owned() };
        Ok(options.password(password.map_err(unreadable)?))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").field("place", &self.place()).finish_non_exhaustive()
    }
}

/// A part of an address, its escapes undone; one that is no escape stands for itself.
fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped = after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match escaped.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = after.get(2..).unwrap_or_default();
            }
            None => {
                decoded.push(*first);
                rest = after;
            }
        }
    }
    decoded
}

/// The sessions with a server.
pub(super) struct Pool {
    place: String,
    sessions: PgPool,
}

impl Pool {
    pub(super) async fn open(server: &Server) -> Result<Self, DatabaseError> {
        let pool = Self::of(server)?;
        pool.make().await?;
        Ok(pool)
    }

    pub(super) async fn open_to_read(server: &Server) -> Result<Self, DatabaseError> {
        let pool = Self::of(server)?;
        let place = pool.place.clone();
        match pool.version().await? {
            None => Err(DatabaseError::Foreign { place }),
            Some(found) if schema::known(&place, found)? < schema::VERSION_OF_SERVERS => {
                Err(DatabaseError::Older { place, found, known: schema::VERSION_OF_SERVERS })
            }
            Some(_) => Ok(pool),
        }
    }

    fn of(server: &Server) -> Result<Self, DatabaseError> {
        if let Transport::Verified(Some(file)) = &server.transport
            && let Err(error) = std::fs::File::open(file)
        {
            let source = format!("{}: {error}", file.display()).into();
            return Err(DatabaseError::Untrusted { place: server.place(), source });
        }
        let sessions = PgPoolOptions::new()
            .max_connections(SESSIONS)
            .acquire_timeout(AWAY)
            .after_connect(|session, _| Box::pin(async move { session.execute(MANNERS).await.map(|_| ()) }))
            .connect_lazy_with(server.options()?);
        Ok(Self { place: server.place(), sessions })
    }

    pub(super) fn place(&self) -> &str {
        &self.place
    }

    pub(super) async fn write(&self) -> Result<Work<'_>, DatabaseError> {
        self.begin("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE").await
    }

    pub(super) async fn read(&self) -> Result<Work<'_>, DatabaseError> {
        self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await
    }

    pub(super) async fn close(&self) {
        self.sessions.close().await;
    }

    async fn begin(&self, statement: &'static str) -> Result<Work<'_>, DatabaseError> {
        let transaction = self.within(self.sessions.begin_with(statement)).await?;
        Ok(Work { pool: self, transaction })
    }

    /// Sees that the tables are there, as this version knows them. Of several processes, each waits for the one that
    /// makes them.
    async fn make(&self) -> Result<(), DatabaseError> {
        let mut tried = 0;
        loop {
            match self.version().await {
                Ok(Some(found)) if schema::known(&self.place, found)? == schema::VERSION_OF_SERVERS => return Ok(()),
                Ok(_) => {}
                Err(error) => return Err(error),
            }
            let outcome = self.make_once().await;
            tried += 1;
            match outcome {
                // Somebody else made some of it at the same time, or it is there and is not ours.
                Err(DatabaseError::Foreign { .. } | DatabaseError::Contended { .. }) if tried < TRIES => {
                    tokio::time::sleep(Duration::from_millis(50 * u64::from(tried))).await;
                }
                Err(error) => return Err(error),
                Ok(()) => {}
            }
        }
    }

    /// The number of the tables that are there; none where there are none.
    async fn version(&self) -> Result<Option<i64>, DatabaseError> {
        let query = sqlx::query("SELECT version FROM stanch WHERE one = 1");
        match self.sessions.fetch_optional(query).await {
            Ok(row) => row.map(|row| row.try_get(0).map_err(DatabaseError::Row)).transpose(),
            Err(error) if code(&error).as_deref() == Some("42P01") => Ok(None),
            Err(error) => Err(self.explain(error)),
        }
    }

    async fn make_once(&self) -> Result<(), DatabaseError> {
        let mut work = self.write().await?;
        let failed = |error| self.explain(error);
        for statement in [
            "CREATE TABLE IF NOT EXISTS stanch (one BIGINT PRIMARY KEY CHECK (one = 1), version BIGINT NOT NULL)",
            "INSERT INTO stanch (one, version) VALUES (1, 0) ON CONFLICT DO NOTHING",
        ] {
            work.transaction.execute(statement).await.map_err(failed)?;
        }
        let found = work.version().await?;
        for script in schema::OF_SERVERS.iter().skip(usize::try_from(found).unwrap_or(usize::MAX)) {
            work.transaction.execute(sqlx::raw_sql(*script)).await.map_err(failed)?;
        }
        work.run("UPDATE stanch SET version = $1", &[schema::VERSION_OF_SERVERS.into()]).await?;
        work.commit().await
    }

    /// What a failure means for the one who runs this.
    fn explain(&self, error: sqlx::Error) -> DatabaseError {
        let place = self.place.clone();
        match code(&error).as_deref() {
            Some("28000" | "28P01" | "3D000") => DatabaseError::Refused { place, source: error },
            Some("53100") => DatabaseError::Full { place },
            Some("55P03") => DatabaseError::Busy { place, waited: LOCKED },
            Some("40001" | "40P01") => DatabaseError::Contended { place },
            Some("25006" | "42501") => DatabaseError::ReadOnly { place },
            // Tables, types and functions of these names, made by another program or at this very moment.
            Some("42P07" | "42710" | "42723" | "23505") => DatabaseError::Foreign { place },
            // Shut down, crashed, starting, too many sessions, and work that stood still.
            Some("57P01" | "57P02" | "57P03" | "53300" | "25P03" | "08006" | "08003") => {
                DatabaseError::Unreachable { place, source: Box::new(error) }
            }
            Some(_) => DatabaseError::Failed { place, source: error },
            None => match error {
                sqlx::Error::Tls(error) => DatabaseError::Untrusted { place, source: error },
                // So the handshake says that a certificate does not hold.
                sqlx::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                    DatabaseError::Untrusted { place, source: Box::new(error) }
                }
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::BeginFailed => DatabaseError::Unreachable { place, source: Box::new(error) },
                error => DatabaseError::Failed { place, source: error },
            },
        }
    }

    /// A server that says nothing at all is one that cannot be reached.
    async fn within<T>(&self, work: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, DatabaseError> {
        match tokio::time::timeout(LONGEST, work).await {
            Ok(outcome) => outcome.map_err(|error| self.explain(error)),
            Err(silence) => Err(DatabaseError::Unreachable { place: self.place.clone(), source: Box::new(silence) }),
        }
    }
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

/// Work in progress in one session. Dropped without its end, it is undone.
pub struct Work<'a> {
    pool: &'a Pool,
    transaction: sqlx::Transaction<'static, Postgres>,
}

type Query = sqlx::query::Query<'static, Postgres, PgArguments>;

impl Work<'_> {
    pub(super) async fn run(&mut self, statement: &'static str, values: &[Value<'_>]) -> Result<u64, DatabaseError> {
        let work = self.transaction.execute(bound(sqlx::query(statement), values));
        self.pool.within(work).await.map(|done| done.rows_affected())
    }

    pub(super) async fn row(&mut self, statement: String, values: &[Value<'_>]) -> Result<Option<Row>, DatabaseError> {
        let query = bound(sqlx::query(AssertSqlSafe(statement)), values);
        self.pool.within(self.transaction.fetch_optional(query)).await.map(|row| row.map(Row::Server))
    }

    pub(super) async fn rows(
        &mut self,
        statement: &'static str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, DatabaseError> {
        let work = self.transaction.fetch_all(bound(sqlx::query(statement), values));
        self.pool.within(work).await.map(|rows| rows.into_iter().map(Row::Server).collect())
    }

    pub(super) async fn take_turn(&mut self) -> Result<(), DatabaseError> {
        let found = self.version().await?;
        schema::known(&self.pool.place, found).map(|_| ())
    }

    pub(super) async fn now(&mut self) -> Result<u64, DatabaseError> {
        let statement = "SELECT CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)".to_owned();
        match self.row(statement, &[]).await? {
            Some(row) => row.count(0),
            None => Ok(0),
        }
    }

    pub(super) async fn commit(self) -> Result<(), DatabaseError> {
        let Self { pool, transaction } = self;
        pool.within(transaction.commit()).await
    }

    pub(super) async fn undo(self) -> Result<(), DatabaseError> {
        let Self { pool, transaction } = self;
        pool.within(transaction.rollback()).await
    }

    /// The number of the tables, in the one row that everybody locks who continues the chain of all records.
    async fn version(&mut self) -> Result<i64, DatabaseError> {
        let row = self.row("SELECT version FROM stanch WHERE one = 1 FOR UPDATE".to_owned(), &[]).await?;
        row.map_or(Ok(0), |row| row.number(0))
    }
}

fn bound(query: Query, values: &[Value<'_>]) -> Query {
    values.iter().fold(query, |query, value| match value {
        Value::Text(text) => query.bind(text.map(str::to_owned)),
        Value::Number(number) => query.bind(*number),
        Value::Bytes(bytes) => query.bind(bytes.to_vec()),
    })
}

#[cfg(test)]
pub(super) mod tests;
