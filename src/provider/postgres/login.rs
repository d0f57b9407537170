//! Logging in: what a server answers to a user and a password, whoever made them.

use crate::model::{Limit, Reason, Secret, TokenId, Verdict};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgDatabaseError, PgSslMode};
use sqlx::{ConnectOptions, Connection, Row};
use std::time::Duration;

/// The name under which our own connections are known to the server; they do not count as use.
pub(super) const OURSELVES: &str = "stanch";

/// For one whole act, connecting included.
pub(super) const LIMIT: Duration = Duration::from_secs(15);

/// The roles that a role is a member of, at any depth, and its attributes.
pub(super) const RIGHTS: &str = "with recursive m(oid) as (select oid from pg_roles where rolname = $1 and $2 <> '' \
     union select a.roleid from pg_auth_members a join m on a.member = m.oid) \
     select 'member of ' || r.rolname::text from m join pg_roles r using (oid) where r.rolname <> $1 \
     union select unnest(array_remove(array[case when rolsuper then 'superuser' end, \
     case when rolcreaterole then 'createrole' end, case when rolcreatedb then 'createdb' end, \
     case when rolreplication then 'replication' end, case when rolbypassrls then 'bypassrls' end], null)) \
     from pg_roles where rolname = $1 order by 1";

/// What a role may do to tables by grants to itself, as the role itself sees it.
const GRANTS: &str = "select distinct lower(privilege_type) || ' on ' || table_schema || '.' || table_name \
     from information_schema.role_table_grants where grantee = session_user order by 1";

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tls {
    /// Encrypted, and the server's name is checked against the system's authorities (or `PGSSLROOTCERT`).
    Verified,
    /// Not at all: for a server on this machine.
    Off,
}

/// Where a server is, and how it is spoken to.
#[derive(Debug)]
pub struct Server {
    /// Name or address.
    pub host: String,
    /// Usually 5432.
    pub port: u16,
    /// The database that is connected to.
    pub database: String,
    /// How the connection is protected.
    pub tls: Tls,
}

impl Server {
    pub(in crate::provider) fn options(&self, user: &str, password: &Secret) -> Option<PgConnectOptions> {
        #[expect(clippy::disallowed_methods, reason = "the password is handed to the client of the database")]
        let password = std::str::from_utf8(password.expose()).ok()?;
        let tls = match self.tls {
            Tls::Verified => PgSslMode::VerifyFull,
            Tls::Off => PgSslMode::Disable,
        };
        let options = PgConnectOptions::new_without_pgpass()
            .host(&self.host)
            .port(self.port)
            .database(&self.database)
            .username(user)
            .password(password)
            .ssl_mode(tls)
            .application_name(OURSELVES)
            .statement_cache_capacity(0);
        // A statement may hold a verifier, which is fit for guessing: none is logged.
        Some(options.disable_statement_logging())
    }

    /// Logs in and runs one constant select, in a read-only session.
    pub(crate) async fn verify(&self, role: &TokenId, password: &Secret) -> Verdict {
        let Some(options) = self.options(role.as_str(), password) else {
            return Verdict::Unknown(Reason::Unreadable);
        };
        let options = options.options([("default_transaction_read_only", "on")]);
        let trying = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            let user = sqlx::query_scalar::<_, String>("select session_user::text").fetch_one(&mut connection).await;
            close(connection).await;
            user
        };
        match tokio::time::timeout(LIMIT, trying).await {
            Ok(Ok(user)) if user == role.as_str() => Verdict::Live(role.clone()),
            Ok(Ok(_)) => Verdict::Unknown(Reason::Unexpected),
            Ok(Err(error)) => refusal(role, &error),
            Err(_) => Verdict::Unknown(Reason::Unreachable),
        }
    }

    /// What a login may do, asked with the login itself; none where it cannot be asked.
    pub(crate) async fn rights(&self, role: &str, password: &Secret) -> Option<Vec<String>> {
        let options = self.options(role, password)?.options([("default_transaction_read_only", "on")]);
        let asking = async {
            let mut connection = PgConnection::connect_with(&options).await?;
            let rights = sqlx::query(RIGHTS).bind(role).bind(OURSELVES).fetch_all(&mut connection).await;
            let grants = sqlx::query(GRANTS).fetch_all(&mut connection).await;
            close(connection).await;
            let rows = rights?.into_iter().chain(grants?);
            rows.map(|row| row.try_get(0)).collect::<Result<Vec<String>, sqlx::Error>>()
        };
        tokio::time::timeout(LIMIT, asking).await.ok()?.ok()
    }
}

/// Says goodbye, so that the session is not left to a timeout. There is nothing to do if that fails.
pub(super) async fn close(connection: PgConnection) {
    drop(tokio::time::timeout(Duration::from_secs(1), connection.close()).await);
}

/// What a refused login says of the credential. Measured on PostgreSQL 15: a wrong password, an expired role and an
/// unknown role are alike; that a role may not log in, or may not use a database, is said after the right password.
fn refusal(role: &TokenId, error: &sqlx::Error) -> Verdict {
    let Some(error) = error.as_database_error().and_then(|error| error.try_downcast_ref::<PgDatabaseError>()) else {
        return Verdict::Unknown(Reason::Unreachable);
    };
    match (error.code(), error.routine()) {
        ("28P01", _) => Verdict::Dead,
        // The other cause of 28000 is the server's access file, which speaks before it has seen a password.
        ("28000", Some("InitializeSessionUserId")) => Verdict::Restricted(role.clone(), Limit::Account),
        ("42501", _) => Verdict::Restricted(role.clone(), Limit::Scope),
        ("3D000", _) => Verdict::WrongPlace,
        ("28000", _) => Verdict::Unknown(Reason::Rejected),
        (code, _) if code.starts_with("53") => Verdict::Unknown(Reason::Throttled),
        (code, _) if code.starts_with("57") => Verdict::Unknown(Reason::Unreachable),
        _ => Verdict::Unknown(Reason::Unexpected),
    }
}
