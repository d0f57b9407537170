//! Logins that Vault's database engine makes of a PostgreSQL: each a lease with a user of its own, replaced by another.

use super::aws::POLICY;
use super::proxy::{Deed, Proxy};
use super::service::{Pair, Service};
use super::site::{Site, order};
use super::vault::{Ended, Vault, started};
use super::{secret_setting, setting, unique};
use crate::world::Ran;
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

const KIND: &str = "postgres.url";
/// What the role says of the end of a login; sessions outlive a user that is merely dropped.
const ENDS: &str = "select pg_terminate_backend(pid) from pg_stat_activity where usename = '{{name}}'; \
                    drop role if exists \"{{name}}\"";

async fn connect(pair: &Pair) -> Result<PgConnection, sqlx::Error> {
    let options = PgConnectOptions::new_without_pgpass()
        .host(&setting("STANCH_TEST_PG_HOST"))
        .port(setting("STANCH_TEST_PG_PORT").parse().unwrap())
        .database(&setting("STANCH_TEST_PG_DATABASE"))
        .username(&pair.name)
        .password(&pair.secret)
        .ssl_mode(PgSslMode::Disable);
    options.connect().await
}

/// What the database answers to its administrator.
async fn administrator() -> PgConnection {
    let secret = secret_setting("STANCH_TEST_PG_PASSWORD_FILE");
    connect(&Pair { name: setting("STANCH_TEST_PG_ADMIN"), secret }).await.unwrap()
}

async fn run_sql(text: String) {
    let mut session = administrator().await;
    session.execute(AssertSqlSafe(text)).await.unwrap();
    session.close().await.unwrap();
}

/// A login, and the lease that it is.
pub(super) struct Lease {
    id: String,
    login: Pair,
}

impl Lease {
    fn url(&self) -> String {
        let (host, port) = (setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"));
        let Pair { name, secret } = &self.login;
        format!("postgres://{name}:{secret}@{host}:{port}/{}", setting("STANCH_TEST_PG_DATABASE"))
    }
}

/// A lease whose login leaked, and who uses it.
pub(super) struct Leaked {
    pub(super) site: Site,
    service: Service,
    vault: Vault,
    pub(super) old: Lease,
    run: String,
    path: String,
}

impl Leaked {
    pub(super) async fn new() -> Self {
        Self::at(Vault::new()).await
    }

    async fn at(vault: Vault) -> Self {
        let run = unique();
        run_sql(format!(
            "create role shop_{run}; create table orders_{run} (id int); alter table orders_{run} owner to shop_{run}"
        ))
        .await;
        let (host, port, database) =
            (setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"), setting("STANCH_TEST_PG_DATABASE"));
        let config = json!({
            "plugin_name": "postgresql-database-plugin", "allowed_roles": format!("shop-{run}"),
            "connection_url": format!("postgresql://{{{{username}}}}:{{{{password}}}}@{host}:{port}/{database}?sslmode=disable"),
            "username": setting("STANCH_TEST_PG_ADMIN"), "password": secret_setting("STANCH_TEST_PG_PASSWORD_FILE"),
        });
        let (status, reply) = vault.call(Method::POST, &format!("database/config/{run}"), config).await;
        assert_eq!(status, 204, "{reply}");
        ends_by(&vault, &run, ENDS).await;
        let old = drawn(&vault, &run).await;
        let path = Vault::path(&run);
        vault.put(&path, fields(&old)).await;

        let (reading, at, table) = (vault.clone(), path.clone(), format!("orders_{run}"));
        let service = Service::start(
            Box::new(move || {
                let (vault, path) = (reading.clone(), at.clone());
                Box::pin(async move { stored(&vault, &path).await.login })
            }),
            // A connection of its own for each use, on a table of the owner.
            Box::new(move |pair| {
                let statement = format!("insert into {table} values (1)");
                Box::pin(async move {
                    let told = |error: sqlx::Error| error.to_string();
                    let mut connection = connect(&pair).await.map_err(told)?;
                    connection.execute(AssertSqlSafe(statement)).await.map_err(told)?;
                    connection.close().await.map_err(told)
                })
            }),
        )
        .await;
        let site = Site::new();
        let leaked = Self { site, service, vault, old, run, path };
        leaked.site.private("vault-token", leaked.vault.token_text());
        leaked.site.leak("shop/settings.py", &format!("DATABASE_URL = '{}'\n", leaked.old.url()));
        leaked.configure(leaked.vault.base(), POLICY);
        leaked
    }

    /// The program reaches the database engine here, and the store where it is.
    fn configure(&self, engine: &str, policy: &str) {
        let (run, store, service) = (&self.run, self.vault.base(), self.service.base());
        let (host, port, database) =
            (setting("STANCH_TEST_PG_HOST"), setting("STANCH_TEST_PG_PORT"), setting("STANCH_TEST_PG_DATABASE"));
        self.site.configure(&format!(
            "journal: journal.db
stores:
  vault: {{ driver: vault, address: '{store}', token: {{ file: vault-token }} }}
credentials:
  shop-db:
    kind: {KIND}
    provider: {{ driver: vault-database, address: '{engine}', token: {{ file: vault-token }}, role: shop-{run},
                host: {host}, port: {port}, database: {database}, tls: disable }}
    stores:
      - {{ store: vault, path: {path}, value: '{{\"lease\":\"{{{{token}}}}\",\"username\":\"{{{{user}}}}\",\"password\":\"{{{{secret}}}}\"}}' }}
    dependents:
      - name: shop
        http: {{ url: '{service}/health', expect: {{ body: {{ /token: '{{{{user}}}}' }} }} }}
        reload: {{ post: '{service}/reload' }}
    policy: {policy}
",
            path = self.path,
        ));
    }

    fn rotate(&self) -> Ran {
        self.site.rotate(&self.site.fingerprint(KIND, &[])).hides(&self.old.login.secret)
    }

    /// The leases of the role, by Vault's word.
    async fn leases(&self) -> Vec<String> {
        let (status, reply) = self
            .vault
            .call(Method::GET, &format!("sys/leases/lookup/database/creds/shop-{}?list=true", self.run), json!({}))
            .await;
        let keys = reply.pointer("/data/keys").and_then(Value::as_array).cloned().unwrap_or_default();
        assert!(status == 200 || (status == 404 && keys.is_empty()), "{reply}");
        keys.iter().map(|key| format!("database/creds/shop-{}/{}", self.run, key.as_str().unwrap())).collect()
    }

    /// How many users of the role the database has.
    async fn users(&self) -> i64 {
        let mut session = administrator().await;
        let counting =
            "select count(*) from pg_auth_members m join pg_roles r on r.oid = m.roleid where r.rolname = $1";
        let count = sqlx::query_scalar(counting).bind(format!("shop_{}", self.run)).fetch_one(&mut session).await;
        session.close().await.unwrap();
        count.unwrap()
    }

    /// The program reaches the engine through something that counts how often a login is asked for.
    pub(super) async fn counting_logins(&self) -> Proxy {
        let proxy = Proxy::start(self.vault.base(), Deed::Count("GET /v1/database/creds/")).await;
        self.configure(proxy.base(), POLICY);
        proxy
    }

    /// Another login is in use, it is the only one, and the old one is refused; nobody noticed.
    pub(super) async fn replaced(&self, from: &Lease) -> Lease {
        self.service.never_failed().await;
        refused(&from.login).await;
        let new = stored(&self.vault, &self.path).await;
        assert!(new.id != from.id && new.login.name != from.login.name && new.login.secret != from.login.secret);
        connect(&new.login).await.unwrap().close().await.unwrap();
        assert_eq!(self.leases().await, std::slice::from_ref(&new.id));
        assert_eq!(self.users().await, 1, "users of the role");
        self.site.audit(&[&from.login.secret, &new.login.secret]);
        new
    }

    /// The same, and the case tells it in the right order.
    async fn rotated(&self, case: &str, from: &Lease) -> Lease {
        let new = self.replaced(from).await;
        let ends = ["counted", "minted", "promoted", "revoked", "healthy"];
        let facts = self.site.facts(case);
        assert_eq!(order(&facts, &ends), ends, "{facts:?}");
        new
    }
}

/// What the role does at the end of a login.
async fn ends_by(vault: &Vault, run: &str, statement: &str) {
    let role = json!({
        "db_name": run, "default_ttl": "1h", "max_ttl": "4h", "revocation_statements": [statement],
        "creation_statements": [format!("create role \"{{{{name}}}}\" login password '{{{{password}}}}' \
                                         valid until '{{{{expiration}}}}' in role shop_{run}")],
    });
    let (status, reply) = vault.call(Method::POST, &format!("database/roles/shop-{run}"), role).await;
    assert_eq!(status, 204, "{reply}");
}

/// A login, as an application draws it.
async fn drawn(vault: &Vault, run: &str) -> Lease {
    let (status, made) = vault.call(Method::GET, &format!("database/creds/shop-{run}"), json!({})).await;
    assert_eq!(status, 200, "{made}");
    let text = |at: &str| made.pointer(at).unwrap().as_str().unwrap().to_owned();
    Lease { id: text("/lease_id"), login: Pair { name: text("/data/username"), secret: text("/data/password") } }
}

fn fields(lease: &Lease) -> Value {
    json!({ "lease": lease.id, "username": lease.login.name, "password": lease.login.secret })
}

/// What the store holds: one version has all three.
async fn stored(vault: &Vault, path: &str) -> Lease {
    let fields = vault.fields(path).await;
    let text = |name: &str| fields[name].as_str().unwrap().to_owned();
    Lease { id: text("lease"), login: Pair { name: text("username"), secret: text("password") } }
}

async fn refused(login: &Pair) {
    let refused = connect(login).await.unwrap_err();
    let code = refused.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
    assert_eq!(code.as_deref(), Some("28P01"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_login_is_replaced_by_another_lease_and_again() {
    let leak = Leaked::new().await;
    let mut stray = connect(&leak.old.login).await.unwrap();
    stray.ping().await.unwrap();
    let first = leak.site.fingerprint(KIND, &[]);
    leak.site.stanch(&["rotate", &first, "--repo", ".", "--rehearse"]).expect(0).hides(&leak.old.login.secret);
    assert_eq!(leak.leases().await, std::slice::from_ref(&leak.old.id), "a rehearsal touches nothing");
    let ran = leak.rotate().expect(0).says("ephemeral (D)").says("ends by itself at").says(&leak.old.id);
    let new = leak.rotated("C-0001", &leak.old).await;
    ran.hides(&new.login.secret);
    assert!(stray.ping().await.is_err(), "a session of the old user lives on");
    // It leaks again.
    leak.site.leak("shop/settings.py", &format!("DATABASE_URL = '{}'\n", new.url()));
    let second = leak.site.fingerprint(KIND, &[first]);
    let ran = leak.site.rotate(&second).expect(0).hides(&new.login.secret);
    ran.hides(&leak.rotated("C-0002", &new).await.login.secret);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_reply_was_lost_is_told_by_its_lease_and_ended() {
    let leak = Leaked::new().await;
    let proxy = Proxy::start(leak.vault.base(), Deed::Lose("GET /v1/database/creds/")).await;
    leak.configure(proxy.base(), POLICY);
    let ran = leak.rotate().expect(0);
    assert_eq!(proxy.concerned(), 2, "minted twice: {}", ran.stdout);
    leak.rotated("C-0001", &leak.old).await;
    let facts = leak.site.facts("C-0001");
    assert_eq!(order(&facts, &["sought", "discarded", "minted"]), ["sought", "discarded", "minted"], "{facts:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reply_of_the_engine_may_be_lost() {
    let leak = Leaked::new().await;
    let proxy = Proxy::start(leak.vault.base(), Deed::LoseOneOfEach).await;
    leak.configure(proxy.base(), POLICY);
    // A question that nobody answers before anything began holds the case, and a person goes on.
    let mut ran = leak.rotate();
    for _ in 0..6 {
        if ran.code == 0 {
            break;
        }
        ran.expect(22);
        ran = leak.site.stanch(&["case", "resume", "C-0001", "--reason", "the way is free"]);
    }
    ran.expect(0);
    leak.rotated("C-0001", &leak.old).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revocation_that_leaves_the_user_alive_is_never_done() {
    let leak = Leaked::new().await;
    // Vault answers 204 and forgets the lease; the user lives.
    ends_by(&leak.vault, &leak.run, "select 1").await;
    leak.configure(leak.vault.base(), &POLICY.replace("confirm_within: 30s", "confirm_within: 1s"));
    let ran = leak.rotate().expect(22).says("Revoke sent").says("LIVE");
    assert!(!leak.leases().await.contains(&leak.old.id), "{}", ran.stdout);
    connect(&leak.old.login).await.unwrap().close().await.unwrap();
    leak.site.stanch(&["case", "list", "--exposed"]).says("C-0001");
    // Still alive, so still not done, whoever says resume.
    let resume = || leak.site.stanch(&["case", "resume", "C-0001", "--reason", "look again"]);
    resume().expect(22);
    // What a person can do: end it at the database.
    run_sql(format!("drop role \"{}\"", leak.old.login.name)).await;
    resume().expect(0).says("old token observed dead");
    leak.rotated("C-0001", &leak.old).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_is_sealed_before_the_revoke_is_waited_for() {
    let (vault, ended) = started().await;
    let leak = Leaked::at(vault.clone()).await;
    let key = std::fs::read_to_string(ended.file("vault.key")).unwrap();
    let seal = Box::new(move || {
        let (vault, key) = (vault.clone(), key.trim().to_owned());
        Box::pin(async move {
            let (status, reply) = vault.call(Method::PUT, "sys/seal", json!({})).await;
            assert_eq!(status, 204, "{reply}");
            tokio::spawn(async move {
                tokio::time::sleep(std::time::Duration::from_millis(700)).await;
                let (status, reply) = vault.call(Method::PUT, "sys/unseal", json!({ "key": key })).await;
                assert_eq!((status, &reply["sealed"]), (200, &json!(false)), "{reply}");
            });
        }) as _
    });
    let proxy = Proxy::start(leak.vault.base(), Deed::Before("/v1/sys/leases/revoke", seal)).await;
    leak.configure(proxy.base(), POLICY);
    let ran = leak.rotate().expect(0);
    assert!(proxy.concerned() > 1, "sent once, to a sealed server: {}", ran.stdout);
    leak.rotated("C-0001", &leak.old).await;
    drop::<Ended>(ended);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_that_outlives_the_login_is_refused_before_anything_changes() {
    let leak = Leaked::new().await;
    leak.configure(leak.vault.base(), &POLICY.replace("soak: 400ms", "soak: 2h"));
    leak.rotate().expect(22).says("raise default_ttl");
    assert_eq!(leak.leases().await, std::slice::from_ref(&leak.old.id), "nothing was minted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_lease_nobody_knows_is_a_persons_to_end() {
    let leak = Leaked::new().await;
    let other = drawn(&leak.vault, &leak.run).await;
    let said = leak.site.private("unknown", &format!("{}:{}", other.login.name, other.login.secret));
    let mut command = leak.site.command(&["rotate", "--credential", "shop-db", "--secret", "-", "--yes"]);
    command.stdin(std::fs::File::open(said).unwrap());
    let ran = tokio::task::block_in_place(|| command.output().unwrap());
    let words = format!("{}{}", String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert_eq!(ran.status.code(), Some(22), "{words}");
    assert!(words.contains("whose lease is not known") && !words.contains(&other.login.secret), "{words}");
    assert_eq!(leak.leases().await.len(), 2, "no lease was ended");
    run_sql(format!("drop role \"{}\"", other.login.name)).await;
    let ran = leak.site.stanch(&["case", "resume", "C-0001", "--reason", "dropped at the database"]).expect(0);
    ran.says("DEAD").hides(&other.login.secret);
}
