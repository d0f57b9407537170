//! Who may change roles, and what the server's answers to that mean.

use super::super::ProviderError;
use super::login::{LIMIT, OURSELVES, Server};
use super::scram;
use crate::model::{Happened, Reason, Secret};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};
use std::time::Duration;

/// A statement that waits for a lock longer than we wait for its answer would be carried out when nobody reckons with it
/// any more: the server gives up first.
const GIVES_UP: &str = "10s";

/// The role that may change others. All of it comes from the configuration, none from scanned text.
#[derive(Debug)]
pub struct Authority {
    /// The server, and the database that is connected to.
    pub server: Server,
    /// The role.
    pub user: String,
    /// Its password.
    pub password: Secret,
}

impl Authority {
    /// Connects. Whatever fails here, nothing has happened yet.
    pub(super) async fn connect(&self, act: &'static str) -> Result<PgConnection, ProviderError> {
        let options = self.server.options(&self.user, &self.password);
        let options = options
            .ok_or_else(|| ProviderError::Refused { act, code: "the authority's password is not text".to_owned() })?
            .options([("statement_timeout", GIVES_UP)]);
        match tokio::time::timeout(LIMIT, PgConnection::connect_with(&options)).await {
            Ok(Ok(connection)) => Ok(connection),
            Ok(Err(error)) => Err(failed(act, Happened::No, &error)),
            Err(_) => Err(ProviderError::NoAnswer { act, happened: Happened::No, why: Reason::Unreachable }),
        }
    }

    /// Runs one statement for a role and returns its rows.
    pub(super) async fn ask(
        &self,
        act: &'static str,
        connection: &mut PgConnection,
        statement: &'static str,
        role: &str,
    ) -> Result<Vec<sqlx::postgres::PgRow>, ProviderError> {
        let running = sqlx::query(statement).bind(role).bind(OURSELVES).fetch_all(connection);
        in_time(act, running).await
    }

    /// Runs one `ALTER ROLE`; [`None`] where there is no such role.
    pub(super) async fn alter(
        &self,
        act: &'static str,
        connection: &mut PgConnection,
        role: &str,
        change: &str,
    ) -> Result<Option<()>, ProviderError> {
        self.run(act, connection, format!("ALTER ROLE {} {change}", quoted(role))).await
    }

    /// Tries one `ALTER ROLE` and takes it back in the same breath; [`None`] where there is no such role.
    pub(super) async fn rehearse(
        &self,
        act: &'static str,
        connection: &mut PgConnection,
        role: &str,
        change: &str,
    ) -> Result<Option<()>, ProviderError> {
        let statement = format!("BEGIN; ALTER ROLE {} {change}; ROLLBACK", quoted(role));
        self.run(act, connection, statement).await.map_err(unchanged)
    }

    async fn run(
        &self,
        act: &'static str,
        connection: &mut PgConnection,
        statement: String,
    ) -> Result<Option<()>, ProviderError> {
        let running = sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection);
        match tokio::time::timeout(LIMIT, running).await {
            Ok(Ok(_)) => Ok(Some(())),
            Ok(Err(error)) if code(&error).as_deref() == Some("42704") => Ok(None),
            Ok(Err(error)) => Err(failed(act, Happened::Perhaps, &error)),
            Err(_) => Err(ProviderError::NoAnswer { act, happened: Happened::Perhaps, why: Reason::Unreachable }),
        }
    }
}

/// An answer in time, or what its absence means.
pub(super) async fn in_time<T>(
    act: &'static str,
    running: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, ProviderError> {
    match tokio::time::timeout(LIMIT, running).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => Err(failed(act, Happened::Perhaps, &error)),
        Err(_) => Err(ProviderError::NoAnswer { act, happened: Happened::Perhaps, why: Reason::Unreachable }),
    }
}

/// What gives a role a password: its verifier, so that the password itself is never sent.
pub(super) fn altered(act: &'static str, password: &Secret) -> Result<String, ProviderError> {
    let refuse = |code: &str| ProviderError::Refused { act, code: code.to_owned() };
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|_| refuse("the system gives no random bytes"))?;
    let verifier =
        scram::verifier(password, &salt).ok_or_else(|| refuse("the value is not printable ASCII; choose another"))?;
    Ok(format!("PASSWORD '{verifier}'"))
}

/// A name as an SQL identifier.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\"").replace('\0', ""))
}

fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned())
}

/// What an error of the client means. A statement that the server answers with an error did not happen.
fn failed(act: &'static str, happened: Happened, error: &sqlx::Error) -> ProviderError {
    match code(error) {
        Some(code) if code.starts_with("57") || code.starts_with("08") => {
            ProviderError::NoAnswer { act, happened, why: Reason::Unreachable }
        }
        Some(code) if code.starts_with("53") => ProviderError::Throttled { act, after: Duration::from_secs(5) },
        Some(code) => ProviderError::Refused { act, code },
        None => ProviderError::NoAnswer { act, happened, why: Reason::Unreachable },
    }
}

pub(super) fn unchanged(error: ProviderError) -> ProviderError {
    match error {
        ProviderError::NoAnswer { act, why, .. } => ProviderError::NoAnswer { act, happened: Happened::No, why },
        other => other,
    }
}
