//! The password of the one role of a service, replaced in place by way of PostgreSQL, into the local store.

use super::postgres::{admin, connect, sessions};
use super::proxy::{Cut, Cutter};
use super::service::{Pair, Service};
use super::site::{Site, order};
use super::{eventually, random, setting, unique};
use crate::crash::say;
use crate::mishaps::{End, end_of};
use crate::world::Ran;
use crate::world::shop::seed;
use sha2::{Digest as _, Sha256};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use std::path::{Path, PathBuf};

const KIND: &str = "postgres.url";
const PATH: &str = "shop/database";
const APPROVED: &str = "accept_outage: true, ";

fn url(pair: &Pair) -> String {
    let (host, port) = (setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
    format!("postgres://{}:{}@{host}:{port}/{}", pair.name, pair.secret, setting("STANCH_TEST_PG_DATABASE"))
}

/// The pair that the store gives out, as its reader sees it.
fn given_out(file: &Path) -> Pair {
    Pair::given_out(file, url)
}

fn digest(secret: &str) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(secret))
}

async fn tell(statements: String) {
    let mut administrator = connect(&admin(), "setup").await.unwrap();
    administrator.execute(AssertSqlSafe(statements)).await.unwrap();
    administrator.close().await.unwrap();
}

/// A password that leaked, and who uses it.
pub(super) struct Leaked {
    pub(super) site: Site,
    service: Service,
    pub(super) old: Pair,
    file: PathBuf,
}

impl Leaked {
    /// The outage is accepted by the policy.
    pub(super) async fn made() -> Self {
        Self::under(APPROVED).await
    }

    async fn under(accepted: &str) -> Self {
        let run = unique();
        let old = Pair { name: format!("shop_{run}"), secret: random(12) };
        let authority = Pair { name: format!("rotator_{run}"), secret: random(12) };
        tell(format!(
            "create role {} login password '{}'; create role {} login createrole password '{}';
             grant {} to {} with admin option; grant pg_signal_backend to {};",
            old.name, old.secret, authority.name, authority.secret, old.name, authority.name, authority.name
        ))
        .await;

        let (site, file) = Site::giving_out(&authority.secret, "database.url", PATH, url(&old)).await;
        let (read, user) = (file.clone(), old.name.clone());
        let service = Service::start(
            // What tells one version from another is the digest of the password; the role stays the same.
            Box::new(move || {
                let read = read.clone();
                Box::pin(async move {
                    let Pair { secret, .. } = given_out(&read);
                    Pair { name: digest(&secret), secret }
                })
            }),
            // A connection of its own for each use, and no second try.
            Box::new(move |held| {
                let pair = Pair { name: user.clone(), secret: held.secret };
                Box::pin(async move {
                    let told = |error: sqlx::Error| error.to_string();
                    let mut connection = connect(&pair, "shop").await.map_err(told)?;
                    connection.execute("create temp table t (id int)").await.map_err(told)?;
                    connection.close().await.map_err(told)
                })
            }),
        )
        .await;
        let leaked = Self { site, service, old, file };
        leaked.configure(accepted, &setting("STANCH_TEST_PG_PORT"));
        leaked.leak(&leaked.old);
        leaked
    }

    /// The program reaches the server on this port.
    fn configure(&self, accepted: &str, port: &str) {
        self.site.configure(&format!(
            "journal: journal.db
stores:
  local: {{ driver: local, directory: secrets }}
credentials:
  shop-db:
    kind: {KIND}
    provider:
      driver: postgres
      host: {host}
      port: {port}
      database: {database}
      tls: disable
      role: {role}
      authority: {{ user: {authority}, password: {{ file: rotator }} }}
    stores: [{{ store: local, path: {PATH}, export: database.url, value: '{shape}' }}]
    dependents:
      - name: shop
        http: {{ url: '{service}/health', expect: {{ body: {{ /token: '{{{{digest}}}}' }} }} }}
        reload: {{ post: '{service}/reload' }}
    policy: {policy}
",
            host = setting("STANCH_TEST_PG_HOST"),
            database = setting("STANCH_TEST_PG_DATABASE"),
            role = self.old.name,
            authority = self.authority(),
            shape = url(&Pair { name: self.old.name.clone(), secret: "{{secret}}".to_owned() }),
            service = self.service.base(),
            policy = super::aws::POLICY.replacen('{', &format!("{{ {accepted}"), 1),
        ));
    }

    fn authority(&self) -> String {
        self.old.name.replace("shop_", "rotator_")
    }

    fn leak(&self, pair: &Pair) {
        self.site.leak("shop/settings.py", &format!("DATABASE_URL = '{}'\n", url(pair)));
    }

    fn rotate(&self) -> Ran {
        self.site.stanch(&["rotate", "--credential", "shop-db", "--yes", "-v"]).hides(&self.old.secret)
    }

    /// The store and the client have a new password, the old one is refused, and who used the role failed in between at
    /// most.
    pub(super) async fn replaced(&self, from: &Pair) -> Pair {
        self.service.forgives_an_outage();
        self.service.never_failed().await;
        let new = given_out(&self.file);
        assert_eq!(new.name, from.name);
        assert_ne!(new.secret, from.secret);
        let refused = connect(from, "late").await.expect_err("the old password is accepted");
        let code = refused.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
        assert_eq!(code.as_deref(), Some("28P01"), "{refused}");
        connect(&new, "late").await.unwrap().close().await.unwrap();
        self.site.audit(&[&from.secret, &new.secret]);
        let log = String::from_utf8_lossy(&std::fs::read(setting("STANCH_TEST_PG_LOG")).unwrap()).into_owned();
        assert!(!log.contains(&new.secret), "the server's log holds the new password");
        new
    }

    /// The same, and the case tells it in the right order.
    async fn rotated(&self, case: &str, from: &Pair) -> Pair {
        let new = self.replaced(from).await;
        let facts = self.site.facts(case);
        let ends = ["minted", "promoted", "ended", "healthy"];
        assert_eq!(order(&facts, &ends), ends, "{facts:?}");
        assert!(!facts.iter().any(|fact| fact == "revoked" || fact == "disabled"), "{facts:?}");
        new
    }

    /// As it was, without a moment's outage: the store, the client and the server have the old password.
    async fn as_before(&self) {
        self.service.never_failed().await;
        assert!(given_out(&self.file) == self.old, "the store was changed");
        connect(&self.old, "late").await.unwrap().close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn a_leaked_password_of_one_role_is_replaced_in_place_and_again() {
    let leak = Leaked::made().await;
    let mut stray = connect(&leak.old, "stray").await.unwrap();
    stray.ping().await.unwrap();
    let first = leak.site.fingerprint(KIND, &[]);
    let ran = leak.site.rotate(&first).expect(0).hides(&leak.old.secret);
    let new = leak.rotated("C-0001", &leak.old).await;
    ran.hides(&new.secret);
    assert!(stray.ping().await.is_err(), "a session of the old password lives on");
    leak.leak(&new);
    let second = leak.site.fingerprint(KIND, &[first]);
    let ran = leak.site.rotate(&second).expect(0).hides(&new.secret);
    let newest = leak.rotated("C-0002", &new).await;
    ran.hides(&newest.secret);
    assert_ne!(newest.secret, leak.old.secret, "the leaked password came back");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn the_outage_is_said_beforehand_and_waits_for_a_person() {
    let leak = Leaked::under("").await;
    let plan = leak.site.stanch(&["rotate", "--credential", "shop-db", "--plan"]).expect(0).hides(&leak.old.secret);
    plan.says("REPLACE the old token by a new one").says("END the sessions that the old token opened");
    leak.as_before().await;
    leak.rotate().expect(22).says("accepts the outage");
    leak.as_before().await;
    leak.site.stanch(&["case", "resume", "C-0001", "--reason", "the shop is closed"]).expect(0);
    leak.rotated("C-0001", &leak.old).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn who_may_not_change_the_role_changes_nothing() {
    let leak = Leaked::made().await;
    tell(format!("revoke {} from {}; alter role {} nocreaterole", leak.old.name, leak.authority(), leak.authority()))
        .await;
    leak.rotate().expect(22).says("42501");
    leak.as_before().await;
    // What was missing is granted, and it goes on.
    tell(format!(
        "alter role {} createrole; grant {} to {} with admin option",
        leak.authority(),
        leak.old.name,
        leak.authority()
    ))
    .await;
    leak.site.stanch(&["case", "resume", "C-0001", "-v"]).expect(0);
    leak.rotated("C-0001", &leak.old).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn the_answer_to_every_statement_may_be_lost() {
    let server = format!("{}:{}", setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
    let cutter = Cutter::start(server, &["SCRAM-SHA-256$", "BEGIN; ALTER", "pg_terminate_backend"]).await;
    let leak = Leaked::made().await;
    leak.configure(APPROVED, &cutter.port().to_string());
    leak.rotate().expect(0);
    assert_eq!(cutter.left(), [""; 0], "statements that were never said");
    leak.rotated("C-0001", &leak.old).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn a_connection_is_cut_anywhere_and_before_and_after_the_change() {
    let server = || format!("{}:{}", setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
    let one = async |cut: Option<Cut>| {
        let cutter = Cutter::at(server(), cut).await;
        let leak = Leaked::made().await;
        leak.configure(APPROVED, &cutter.port().to_string());
        let ran = leak.rotate();
        let end = end_of(&ran, &format!("{cut:?}"));
        let right = matches!(end, End::Rotated | End::Back);
        let code = if right { ran.code } else { super::mishaps::carried_on(&leak.site, "shop-db") };
        match code {
            0 => drop(leak.replaced(&leak.old).await),
            _ => leak.as_before().await,
        }
        cutter.said()
    };
    let said = one(None).await;
    say(&format!("cuts of one role: seed {}, {said} things are said\n", seed()));
    assert!(said > 20, "{said}");
    for cut in super::mishaps::cuts(said, 16) {
        one(Some(cut)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a real PostgreSQL: ./tests/run"]
async fn sessions_are_left_alone_where_the_file_says_so() {
    let leak = Leaked::made().await;
    let operator = leak.file.parent().unwrap().join("operator.yaml");
    let text = std::fs::read_to_string(&operator).unwrap();
    leak.site.configure(&text.replace("      tls: disable\n", "      tls: disable\n      end_sessions: false\n"));
    let mut kept = connect(&leak.old, "kept").await.unwrap();
    leak.rotate().expect(0);
    leak.replaced(&leak.old).await;
    kept.ping().await.unwrap();
    kept.close().await.unwrap();
    eventually("no session is left but the client's", || async { sessions(&leak.old.name).await <= 2 }).await;
}
