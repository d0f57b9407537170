//! A dependent that holds sessions at a PostgreSQL server: its probe asks the server, with an authority of its own,
//! under which roles the sessions with its application name are open.
//!
//! The token's handle is the role's name, or the user of a login that is made anew. All sessions under the expected role: good. One under another role: stale, for
//! an open session outlives a changed password. No session at all: bad; a dependent that is not connected proves
//! nothing, and one that connects on demand needs another probe.

use super::reload::Reload;
use super::{Dependent, DependentError, Expected};
use crate::model::{Health, Secret};
use async_trait::async_trait;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use std::str::FromStr as _;
use std::time::Duration;

/// How to ask a PostgreSQL server for a dependent's sessions.
#[derive(Debug)]
pub struct PostgresSettings {
    /// The dependent's name in the inventory.
    pub name: String,
    /// The server and the authority to look at its sessions with: `postgres://user:password@host/database`. Any role
    /// that may log in sees names and roles of all sessions.
    pub authority: Secret,
    /// The `application_name` of the dependent's sessions, whole.
    pub application: String,
    /// How long the question may take.
    pub within: Duration,
    /// How to make the dependent read its store again.
    pub reload: Option<Reload>,
}

/// A dependent that holds sessions at a PostgreSQL server.
pub struct PostgresDependent {
    name: String,
    authority: PgConnectOptions,
    application: String,
    within: Duration,
    reload: Option<Reload>,
}

impl std::fmt::Debug for PostgresDependent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PostgresDependent").field("name", &self.name).finish_non_exhaustive()
    }
}

impl PostgresDependent {
    /// A dependent with these settings; connects to nothing yet.
    ///
    /// # Errors
    /// The authority is not a connection string, or no application is named.
    #[expect(clippy::disallowed_methods, reason = "the connection is opened with it")]
    pub fn new(settings: PostgresSettings) -> Result<Self, DependentError> {
        let PostgresSettings { name, authority, application, within, reload } = settings;
        let options = std::str::from_utf8(authority.expose()).ok().map(str::trim);
        // The error would repeat parts of the connection string.
        let options = options.and_then(|text| PgConnectOptions::from_str(text).ok());
        match (options, application.is_empty()) {
            (Some(options), false) => {
                let authority = options.application_name("stanch").disable_statement_logging();
                Ok(Self { name, authority, application, within, reload })
            }
            (None, _) => {
                let problem = "the authority is not like postgres://user:password@host/database".to_owned();
                Err(DependentError::Settings { name, problem })
            }
            (_, true) => {
                let problem = "no application name tells its sessions apart: name one".to_owned();
                Err(DependentError::Settings { name, problem })
            }
        }
    }

    /// How many sessions are open, and how many of them under `role`.
    async fn sessions(&self, role: &str) -> Result<(i64, i64), sqlx::Error> {
        let mut connection: PgConnection = self.authority.connect().await?;
        let counted = sqlx::query_as(
            "select count(*), count(*) filter (where usename = $2) from pg_stat_activity \
             where application_name = $1 and usename is not null and pid <> pg_backend_pid()",
        );
        let counts = counted.bind(&self.application).bind(role).fetch_one(&mut connection).await?;
        connection.close().await?;
        Ok(counts)
    }
}

#[async_trait]
impl Dependent for PostgresDependent {
    fn name(&self) -> &str {
        &self.name
    }

    fn reloads(&self) -> bool {
        self.reload.is_some()
    }

    async fn reload(&self) -> Result<(), DependentError> {
        match &self.reload {
            Some(reload) => reload.run(&self.name).await,
            None => Ok(()),
        }
    }

    async fn verify(&self, expected: &Expected) -> Result<Health, DependentError> {
        let unreachable = || DependentError::Unreachable { name: self.name.clone() };
        let role = expected.user.as_deref().unwrap_or(expected.token.as_str());
        let asked = tokio::time::timeout(self.within, self.sessions(role)).await;
        let (all, expected) = asked.map_err(|_| unreachable())?.map_err(|_| unreachable())?;
        Ok(match (all, expected) {
            (0, _) => Health::Bad,
            (all, expected) if all == expected => Health::Good,
            _ => Health::Stale,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::TokenId;

    fn settings(authority: &str, application: &str) -> PostgresSettings {
        PostgresSettings {
            name: "billing".into(),
            authority: Secret::new(authority.as_bytes().to_vec()),
            application: application.into(),
            within: Duration::from_secs(10),
            reload: None,
        }
    }

    #[test]
    fn settings_that_cannot_be_used_are_refused_without_repeating_them() {
        let error = PostgresDependent::new(settings("canary-word", "billing")).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"));
        assert!(PostgresDependent::new(settings("postgres://a@127.0.0.1/b", "")).is_err());
    }

    #[tokio::test]
    async fn a_server_that_is_not_there_is_unreachable() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = format!("postgres://a:b@{}/c", listener.local_addr().unwrap());
        drop(listener);
        let dependent = PostgresDependent::new(settings(&authority, "billing")).unwrap();
        let expected = Expected { version: None, token: TokenId::new("a"), digest: None, user: None };
        assert!(matches!(dependent.verify(&expected).await, Err(DependentError::Unreachable { .. })));
    }

    /// Against the PostgreSQL that `tests/real` starts.
    mod real {
        use super::*;
        use sqlx::{AssertSqlSafe, Executor as _};

        /// True in a run that has started the servers; a setting that is missing then fails the test.
        fn wanted() -> bool {
            std::env::var_os("STANCH_TEST_REAL").is_some()
        }

        fn setting(name: &str) -> String {
            std::env::var(name).unwrap_or_else(|_| {
                panic!("{name} is not set: start the servers of tests/real and load the settings that they write")
            })
        }

        fn server(role: &str, password: &str) -> String {
            let (host, port) = (setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
            format!("postgres://{role}:{password}@{host}:{port}/{}", setting("STANCH_TEST_PG_DATABASE"))
        }

        async fn session(role: &str, password: &str, application: &str) -> PgConnection {
            let options = PgConnectOptions::from_str(&server(role, password)).unwrap().application_name(application);
            options.connect().await.unwrap()
        }

        #[tokio::test]
        async fn sessions_tell_which_role_a_dependent_works_with() {
            if !wanted() {
                return;
            }
            let password = std::fs::read_to_string(setting("STANCH_TEST_PG_PASSWORD_FILE")).unwrap();
            let (admin, password) = (setting("STANCH_TEST_PG_ADMIN"), password.trim());
            let mut bytes = [0; 8];
            getrandom::fill(&mut bytes).unwrap();
            let run = data_encoding::HEXLOWER.encode(&bytes);
            let (old, new, viewer, application) =
                (format!("old_{run}"), format!("new_{run}"), format!("viewer_{run}"), format!("billing-{run}"));
            let mut administrator = session(&admin, password, "setup").await;
            for role in [&old, &new, &viewer] {
                let statement = format!("create role {role} login password '{run}'");
                administrator.execute(AssertSqlSafe(statement)).await.unwrap();
            }
            // An ordinary role sees enough.
            let dependent = PostgresDependent::new(settings(&server(&viewer, &run), &application)).unwrap();
            let expected = |role: &str| Expected { version: None, token: TokenId::new(role), digest: None, user: None };
            assert_eq!(dependent.verify(&expected(&old)).await.unwrap(), Health::Bad, "no session proves nothing");
            let first = session(&old, &run, &application).await;
            let _other = session(&admin, password, "another application").await;
            assert_eq!(dependent.verify(&expected(&old)).await.unwrap(), Health::Good);
            assert_eq!(dependent.verify(&expected(&new)).await.unwrap(), Health::Stale);
            let second = session(&new, &run, &application).await;
            assert_eq!(dependent.verify(&expected(&new)).await.unwrap(), Health::Stale, "one session still on the old");
            first.close().await.unwrap();
            // The server notices the end of a session in its own time.
            let mut health = dependent.verify(&expected(&new)).await.unwrap();
            for _ in 0..200 {
                if health == Health::Good {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
                health = dependent.verify(&expected(&new)).await.unwrap();
            }
            assert_eq!(health, Health::Good);
            second.close().await.unwrap();
            let refused = PostgresDependent::new(settings(&server(&viewer, "wrong"), &application)).unwrap();
            assert!(matches!(refused.verify(&expected(&new)).await, Err(DependentError::Unreachable { .. })));
        }
    }
}
