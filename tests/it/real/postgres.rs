//! Two database roles that take turns, by way of PostgreSQL, into Vault and Secrets Manager.

use super::aws::{Aws, POLICY};
use super::proxy::Cutter;
use super::service::{Pair, Service};
use super::site::{Site, order};
use super::vault::Vault;
use super::{eventually, random, secret_setting, setting, unique};
use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};
use std::sync::Arc;
use tokio::sync::Mutex;

const KIND: &str = "postgres.url";

fn login(pair: &Pair, application: &str) -> PgConnectOptions {
    PgConnectOptions::new_without_pgpass()
        .host(&setting("STANCH_TEST_PG_HOST"))
        .port(setting("STANCH_TEST_PG_PORT").parse().unwrap())
        .database(&setting("STANCH_TEST_PG_DATABASE"))
        .username(&pair.name)
        .password(&pair.secret)
        .ssl_mode(PgSslMode::Disable)
        .application_name(application)
}

pub(super) async fn connect(pair: &Pair, application: &str) -> Result<PgConnection, sqlx::Error> {
    login(pair, application).connect().await
}

pub(super) fn admin() -> Pair {
    Pair { name: setting("STANCH_TEST_PG_ADMIN"), secret: secret_setting("STANCH_TEST_PG_PASSWORD_FILE") }
}

/// Where the good copy lives, and its shape.
#[derive(Clone)]
enum Place {
    Vault(String),
    Aws(String),
}

impl Place {
    async fn put(&self, pair: &Pair) {
        match self {
            Self::Vault(path) => Vault::new().put(path, json!({ "user": pair.name, "password": pair.secret })).await,
            Self::Aws(path) => {
                let made = Aws::new().secrets.create_secret().name(path).secret_string(url(pair)).send().await;
                drop(made.unwrap());
            }
        }
    }

    async fn pair(&self) -> Pair {
        match self {
            Self::Vault(path) => {
                let fields = Vault::new().fields(path).await;
                let text = |name: &str| fields[name].as_str().unwrap().to_owned();
                Pair { name: text("user"), secret: text("password") }
            }
            Self::Aws(path) => {
                let value = Aws::new().value(path).await;
                let (name, rest) = value.strip_prefix("postgres://").unwrap().split_once(':').unwrap();
                let secret = rest.split_once('@').unwrap().0.to_owned();
                let pair = Pair { name: name.to_owned(), secret };
                assert_eq!(value, url(&pair), "the shape changed");
                pair
            }
        }
    }

    fn entry(&self) -> String {
        match self {
            Self::Vault(path) => {
                format!(
                    r#"{{ store: vault, path: "{path}", value: '{{"user":"{{{{token}}}}","password":"{{{{secret}}}}"}}' }}"#
                )
            }
            Self::Aws(path) => {
                let pair = Pair { name: "{{token}}".to_owned(), secret: "{{secret}}".to_owned() };
                format!("{{ store: aws, path: \"{path}\", value: '{}' }}", url(&pair))
            }
        }
    }
}

fn url(pair: &Pair) -> String {
    let (host, port) = (setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
    format!("postgres://{}:{}@{host}:{port}/{}", pair.name, pair.secret, setting("STANCH_TEST_PG_DATABASE"))
}

/// The session that a dependent keeps open; it is replaced when it reloads, and never otherwise.
#[derive(Default)]
struct Kept {
    session: Mutex<Option<PgConnection>>,
    failures: std::sync::Mutex<Vec<String>>,
}

impl Kept {
    async fn replace(&self, pair: &Pair, application: &str) {
        let fresh = connect(pair, application).await.unwrap();
        let left = self.session.lock().await.replace(fresh);
        if let Some(left) = left {
            left.close().await.unwrap();
        }
    }

    async fn work(&self, table: &str) {
        loop {
            if let Some(session) = self.session.lock().await.as_mut() {
                let counted = session.fetch_one(AssertSqlSafe(format!("select count(*) from {table}"))).await;
                if let Err(error) = counted {
                    self.failures.lock().unwrap().push(error.to_string());
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }
}

/// A database login that leaked, and who uses it.
pub(super) struct Leaked {
    pub(super) site: Site,
    service: Service,
    kept: Arc<Kept>,
    pub(super) old: Pair,
    pub(super) run: String,
    place: Place,
    working: tokio::task::JoinHandle<()>,
}

impl Drop for Leaked {
    fn drop(&mut self) {
        self.working.abort();
    }
}

/// The roles as an administrator prepares them once: an owner, two logins in it, and the authority, which is no
/// superuser.
async fn prepare(run: &str, old: &Pair, authority: &Pair) {
    let mut administrator = connect(&admin(), "setup").await.unwrap();
    let statements = format!(
        "create role shop_{run};
         create role shop_{run}_a login in role shop_{run} password '{}';
         create role shop_{run}_b nologin in role shop_{run};
         alter role shop_{run}_a set role shop_{run};
         alter role shop_{run}_b set role shop_{run};
         create table orders_{run} (id int);
         alter table orders_{run} owner to shop_{run};
         create role {} login createrole password '{}';
         grant shop_{run}_a, shop_{run}_b to {} with admin option;
         grant pg_signal_backend to {};",
        old.secret, authority.name, authority.secret, authority.name, authority.name
    );
    administrator.execute(AssertSqlSafe(statements)).await.unwrap();
    administrator.close().await.unwrap();
}

impl Leaked {
    pub(super) async fn into_vault() -> Self {
        Self::made(Place::Vault(Vault::path(&unique()))).await
    }

    async fn made(place: Place) -> Self {
        let run = unique();
        let old = Pair { name: format!("shop_{run}_a"), secret: random(12) };
        let authority = Pair { name: format!("rotator_{run}"), secret: random(12) };
        prepare(&run, &old, &authority).await;
        place.put(&old).await;

        let (kept, table) = (Arc::new(Kept::default()), format!("orders_{run}"));
        let (sessions, reading, keeping) = (Arc::clone(&kept), place.clone(), format!("billing-{run}"));
        let (querying, queried) = (format!("shop-{run}"), table.clone());
        let service = Service::start(
            Box::new(move || {
                let (kept, place, application) = (Arc::clone(&sessions), reading.clone(), keeping.clone());
                Box::pin(async move {
                    let pair = place.pair().await;
                    kept.replace(&pair, &application).await;
                    pair
                })
            }),
            // A connection of its own for each query; the owner's table can be used, whichever role it is.
            Box::new(move |pair| {
                let (application, table) = (querying.clone(), queried.clone());
                Box::pin(async move {
                    let told = |error: sqlx::Error| error.to_string();
                    let mut connection = connect(&pair, &application).await.map_err(told)?;
                    let statement = format!("create temp table t (id int); insert into {table} values (1)");
                    connection.execute(AssertSqlSafe(statement)).await.map_err(told)?;
                    connection.close().await.map_err(told)
                })
            }),
        )
        .await;
        let (sessions, counted) = (Arc::clone(&kept), table);
        let working = tokio::spawn(async move { sessions.work(&counted).await });

        let site = Site::new();
        site.private("rotator", &authority.secret);
        site.private("aws-secret", &secret_setting("STANCH_TEST_AWS_ADMIN_SECRET_FILE"));
        site.private("vault-token", &secret_setting("STANCH_TEST_VAULT_TOKEN_FILE"));
        let leaked = Self { site, service, kept, old, run, place, working };
        leaked.leak(&leaked.old);
        leaked.configure(setting("STANCH_TEST_PG_PORT").parse().unwrap());
        leaked
    }

    fn leak(&self, pair: &Pair) {
        self.site.leak("shop/settings.py", &format!("DATABASE_URL = '{}'\n", url(pair)));
    }

    /// The program reaches the server on this port, to change roles.
    pub(super) fn configure(&self, provider: u16) {
        let (host, port) = (setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
        let database = setting("STANCH_TEST_PG_DATABASE");
        let run = &self.run;
        let server = |port: &str| {
            format!(
                "host: {host}, port: {port}, database: {database}, tls: disable, authority: {{ user: rotator_{run}, password: {{ file: rotator }} }}"
            )
        };
        self.site.configure(&format!(
            "journal: journal.db
stores:
  aws: {{ driver: aws, region: {region}, endpoint: '{aws}', authority: {{ id: {admin}, secret: {{ file: aws-secret }} }} }}
  vault: {{ driver: vault, address: '{vault}', token: {{ file: vault-token }} }}
credentials:
  shop-db:
    kind: {KIND}
    provider: {{ driver: postgres, {changed}, roles: [shop_{run}_a, shop_{run}_b], owner: shop_{run} }}
    stores: [{store}]
    dependents:
      - name: billing
        postgres: {{ {looked_at}, application: billing-{run} }}
        reload: {{ post: '{service}/reload' }}
        sources: [billing-{run}, legacy-{run}]
      - name: shop
        http: {{ url: '{service}/health', expect: {{ body: {{ /token: '{{{{token}}}}' }} }} }}
        reload: {{ post: '{service}/reload' }}
    policy: {POLICY}
",
            changed = server(&provider.to_string()),
            looked_at = server(&port),
            region = setting("STANCH_TEST_AWS_REGION"),
            aws = setting("STANCH_TEST_AWS_URL"),
            admin = setting("STANCH_TEST_AWS_ADMIN_ID"),
            vault = setting("STANCH_TEST_VAULT_URL"),
            store = self.place.entry(),
            service = self.service.base(),
        ));
    }

    pub(super) fn fingerprint(&self) -> String {
        self.site.fingerprint(KIND, &[])
    }

    /// From one role to the other: the store and the client have the new one, the old one is refused, its sessions are
    /// over, and nobody noticed.
    pub(super) async fn replaced(&self, from: &Pair, to: &str) -> Pair {
        self.service.never_failed().await;
        let failures = self.kept.failures.lock().unwrap().clone();
        assert!(failures.is_empty(), "the session that was kept failed: {failures:?}");
        let refused = connect(from, "late").await.unwrap_err();
        let code = refused.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        assert_eq!(code.as_deref(), Some("28P01"), "{refused}");
        let new = self.place.pair().await;
        assert_eq!(new.name, format!("shop_{}_{to}", self.run));
        assert_ne!(new.secret, from.secret);
        connect(&new, "late").await.unwrap().close().await.unwrap();
        eventually("no session under the old role", || async { sessions(&from.name).await == 0 }).await;
        assert!(sessions(&new.name).await > 0);
        self.site.audit(&[&from.secret, &new.secret]);
        let log = String::from_utf8_lossy(&std::fs::read(setting("STANCH_TEST_PG_LOG")).unwrap()).into_owned();
        assert!(!log.contains(&new.secret), "the server's log holds the new password");
        new
    }

    /// The same, and the case tells it in the right order.
    pub(super) async fn rotated(&self, case: &str, from: &Pair, to: &str) -> Pair {
        let new = self.replaced(from, to).await;
        let facts = self.site.facts(case);
        let ends = ["minted", "promoted", "disabled", "revoked", "ended", "healthy"];
        assert_eq!(order(&facts, &ends), ends, "{facts:?}");
        new
    }
}

impl Leaked {
    /// As it was: the store, the client and the server have the old password.
    pub(super) async fn as_before(&self) {
        self.service.never_failed().await;
        assert!(self.place.pair().await == self.old, "the store was changed");
        connect(&self.old, "late").await.unwrap().close().await.unwrap();
    }
}

pub(super) async fn sessions(role: &str) -> i64 {
    let mut administrator = connect(&admin(), "looks").await.unwrap();
    let counting = sqlx::query_scalar("select count(*) from pg_stat_activity where usename = $1").bind(role);
    let count = counting.fetch_one(&mut administrator).await.unwrap();
    administrator.close().await.unwrap();
    count
}

async fn a_leaked_password_is_rotated_and_again(place: Place) {
    let leak = Leaked::made(place).await;
    // Nobody declared this session, so it does not hold the revoke; and it does not outlive it.
    let mut stray = connect(&leak.old, "stray").await.unwrap();
    stray.ping().await.unwrap();
    let first = leak.fingerprint();
    let ran = leak.site.rotate(&first).expect(0).hides(&leak.old.secret);
    let new = leak.rotated("C-0001", &leak.old, "b").await;
    ran.hides(&new.secret);
    assert!(stray.ping().await.is_err(), "a session of the old role lives on");
    // It leaks again: the roles take turns.
    leak.leak(&new);
    let second = leak.site.fingerprint(KIND, &[first]);
    let ran = leak.site.rotate(&second).expect(0).hides(&new.secret);
    let newest = leak.rotated("C-0002", &new, "a").await;
    ran.hides(&newest.secret);
    assert_ne!(newest.secret, leak.old.secret, "the leaked password came back");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_password_is_rotated_into_vault_and_the_roles_take_turns() {
    a_leaked_password_is_rotated_and_again(Place::Vault(Vault::path(&unique()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_password_is_rotated_into_secrets_manager_as_a_url() {
    a_leaked_password_is_rotated_and_again(Place::Aws(format!("shop/{}", unique()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_session_that_stays_on_the_old_role_holds_the_revoke() {
    let leak = Leaked::into_vault().await;
    let mut lingering = connect(&leak.old, &format!("legacy-{}", leak.run)).await.unwrap();
    lingering.ping().await.unwrap();
    let ran = leak.site.rotate(&leak.fingerprint()).expect(22).hides(&leak.old.secret);
    ran.says("explained by billing").says("held while ").says("stanch case resume C-0001");
    lingering.ping().await.unwrap();
    connect(&leak.old, "looks").await.unwrap().close().await.unwrap();
    // A person decides.
    leak.site.stanch(&["case", "resume", "C-0001", "--reason", "legacy is being switched off"]).expect(0);
    leak.rotated("C-0001", &leak.old, "b").await;
    assert!(lingering.ping().await.is_err(), "a session of the old role lives on");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answer_to_every_statement_may_be_lost() {
    let server = format!("{}:{}", setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
    let marks = ["SCRAM-SHA-256$", " NOLOGIN PASSWORD NULL", " NOLOGIN", "pg_terminate_backend", "pg_auth_members"];
    let cutter = Cutter::start(server, &marks).await;
    let leak = Leaked::into_vault().await;
    leak.configure(cutter.port());
    leak.site.rotate(&leak.fingerprint()).expect(0).hides(&leak.old.secret);
    assert_eq!(cutter.left(), [""; 0], "statements that were never said");
    leak.rotated("C-0001", &leak.old, "b").await;
}
