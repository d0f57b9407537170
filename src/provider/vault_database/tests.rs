//! Tests of leases, on a real Vault before a real PostgreSQL.

use super::super::contract::{credential, keeps_the_contract, like, server, server_file};
use super::*;
use crate::clock::SystemClock;
use crate::egress::{Limits, Request, endpoint};
use crate::provider::ask;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use sqlx::Connection as _;
use std::sync::atomic::{AtomicU32, Ordering};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// A role of the engine, and whose it is.
struct World {
    base: String,
    role: String,
    /// What its logins may read; one of its own, for rights to one thing cannot be given and taken at the same time.
    table: String,
}

fn database() -> Server {
    Server {
        host: server("STANCH_TEST_PG_HOST"),
        port: server("STANCH_TEST_PG_PORT").parse().unwrap(),
        database: server("STANCH_TEST_PG_DATABASE"),
        tls: super::super::postgres::Tls::Off,
    }
}

fn egress() -> Arc<Egress> {
    Arc::new(Egress::new(Limits::default()).unwrap())
}

/// What Vault answers to its administrator.
#[expect(clippy::disallowed_methods, reason = "the test reads what it set up")]
async fn vault(method: &'static str, path: &str, body: Value) -> (u16, Value) {
    let base = server("STANCH_TEST_VAULT_URL");
    let request = Request {
        method,
        url: Secret::new(format!("{base}/v1/{path}").into_bytes()),
        headers: vec![("x-vault-token".to_owned(), server_file("STANCH_TEST_VAULT_TOKEN_FILE"))],
        body: Some(Secret::new(body.to_string().into_bytes())),
    };
    let reply =
        egress().send(&crate::egress::Allowed::default().and(&endpoint(&base).unwrap()), request).await.unwrap();
    (reply.status, serde_json::from_slice(reply.body.expose()).unwrap_or(Value::Null))
}

async fn sql(text: &str) {
    let options = database().options(&server("STANCH_TEST_PG_ADMIN"), &server_file("STANCH_TEST_PG_PASSWORD_FILE"));
    let mut connection = sqlx::postgres::PgConnection::connect_with(&options.unwrap()).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(text.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

impl World {
    /// A role of its own; `more` is added to what it says.
    #[expect(clippy::disallowed_methods, reason = "the engine is given the password of the database")]
    async fn new(more: Value) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let role = format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let at = format!("{}:{}/{}", server("STANCH_TEST_PG_HOST"), server("STANCH_TEST_PG_PORT"), database().database);
        let password = server_file("STANCH_TEST_PG_PASSWORD_FILE");
        let config = json!({
            "plugin_name": "postgresql-database-plugin", "allowed_roles": "*",
            "connection_url": format!("postgresql://{{{{username}}}}:{{{{password}}}}@{at}?sslmode=disable"),
            "username": server("STANCH_TEST_PG_ADMIN"), "password": std::str::from_utf8(password.expose()).unwrap(),
        });
        assert_eq!(vault("POST", &format!("database/config/{role}"), config).await.0, 204);
        let table = format!("public.read_{}", role.replace('-', "_"));
        sql(&format!("create table {table} (at int)")).await;
        let world = Self { base: server("STANCH_TEST_VAULT_URL"), role, table };
        world.says(more).await;
        world
    }

    /// What the role says.
    async fn says(&self, more: Value) {
        let create = "create role \"{{name}}\" login password '{{password}}' valid until '{{expiration}}'; \
                      grant select on TABLE to \"{{name}}\"";
        let revoke = "revoke all on TABLE from \"{{name}}\"; drop role if exists \"{{name}}\"";
        let mut entry = json!({
            "db_name": self.role, "default_ttl": "48h", "max_ttl": "96h",
            "creation_statements": [create.replace("TABLE", &self.table)],
            "revocation_statements": [revoke.replace("TABLE", &self.table)],
        });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(vault("POST", &format!("database/roles/{}", self.role), entry).await.0, 204);
    }

    fn setting(&self) -> Setting {
        Setting {
            address: endpoint(&self.base).unwrap(),
            namespace: None,
            token: server_file("STANCH_TEST_VAULT_TOKEN_FILE"),
            mount: "database".to_owned(),
            role: self.role.clone(),
            shared: false,
            renewed: false,
            server: database(),
        }
    }

    fn provider(&self) -> VaultDatabaseProvider {
        made(self.setting())
    }

    /// A token that may do this alone, for so long.
    async fn token(&self, rules: &str, ttl: &str) -> Secret {
        let rules = rules.replace("ROLE", &self.role);
        assert_eq!(vault("PUT", &format!("sys/policies/acl/{}", self.role), json!({ "policy": rules })).await.0, 204);
        let (_, reply) = vault("POST", "auth/token/create", json!({ "policies": [self.role], "ttl": ttl })).await;
        Secret::new(reply["auth"]["client_token"].as_str().unwrap().as_bytes().to_vec())
    }

    /// A login, as somebody else draws it.
    async fn drawn(&self) -> (TokenId, String) {
        let (status, made) = vault("GET", &format!("database/creds/{}", self.role), json!({})).await;
        assert_eq!(status, 200, "{made}");
        let text = |at: &str| made.pointer(at).unwrap().as_str().unwrap().to_owned();
        (TokenId::new(text("/lease_id")), format!("{}:{}", text("/data/username"), text("/data/password")))
    }
}

fn made(setting: Setting) -> VaultDatabaseProvider {
    VaultDatabaseProvider::new(setting, egress(), Arc::new(SystemClock::new())).unwrap()
}

fn user(login: &str) -> &str {
    login.split(':').next().unwrap()
}

/// What the documentation says that the token needs.
const NEEDED: &str = r#"
path "database/creds/ROLE" { capabilities = ["read"] }
path "database/roles/ROLE" { capabilities = ["read"] }
path "sys/leases/lookup" { capabilities = ["update"] }
path "sys/leases/revoke" { capabilities = ["update"] }
path "sys/leases/lookup/database/creds/ROLE" { capabilities = ["list", "sudo"] }
"#;

#[tokio::test]
async fn the_contract_is_kept_on_servers() {
    let world = World::new(json!({})).await;
    let (lease, login) = world.drawn().await;
    keeps_the_contract(&world.provider(), &lease, &login).await;
    // And with no more rights than the documentation asks for.
    let (lease, login) = world.drawn().await;
    let token = world.token(NEEDED, "200h").await;
    let provider = made(Setting { token, ..world.setting() });
    provider.ready(&lease, DAY).await.unwrap();
    keeps_the_contract(&provider, &lease, &login).await;
}

#[tokio::test]
async fn what_a_login_may_do_is_read_and_its_end_is_said() {
    let world = World::new(json!({})).await;
    let (lease, login) = world.drawn().await;
    let provider = world.provider();
    match provider.scopes(&credential(&lease, &login)).await.unwrap() {
        Scopes::Known(scopes) => assert_eq!(scopes, [format!("select on {}", world.table)]),
        Scopes::CannotKnow => panic!("a live login can be asked"),
    }
    assert_eq!(provider.scopes(&credential(&lease, "nobody:nothing")).await.unwrap(), Scopes::CannotKnow);
    let minted = provider.mint(&like(&lease), &Label::new("unused"), None).await.unwrap();
    let left = minted.ends.unwrap().since(SystemClock::new().now());
    assert!(left > DAY && left <= 2 * DAY, "{left:?}");
    // The token ends sooner, and the login with it.
    let token = world.token(NEEDED, "1h").await;
    let short = made(Setting { token, ..world.setting() });
    let minted = short.mint(&like(&lease), &Label::new("unused"), None).await.unwrap();
    assert!(minted.ends.unwrap().since(SystemClock::new().now()) <= Duration::from_secs(3600));
}

#[tokio::test]
async fn what_would_go_wrong_later_is_refused_beforehand() {
    let world = World::new(json!({})).await;
    let (lease, _) = world.drawn().await;
    let provider = world.provider();
    provider.ready(&lease, DAY).await.unwrap();
    let says = |refused: Result<(), ProviderError>, words: &str| {
        let error = refused.unwrap_err();
        assert_eq!((error.happened(), error.retry_after()), (crate::model::Happened::No, None), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    says(provider.ready(&TokenId::new("database/creds/other/x1"), DAY).await, "no lease of database/creds/");
    says(provider.ready(&lease, 3 * DAY).await, "raise default_ttl");
    let renewed = made(Setting { renewed: true, ..world.setting() });
    renewed.ready(&lease, 3 * DAY).await.unwrap();
    says(renewed.ready(&lease, 5 * DAY).await, "raise max_ttl");
    for (without, words) in [
        ("[\"list\", \"sudo\"]", "no capability list"),
        ("path \"sys/leases/revoke\" { capabilities = [\"update\"] }", "no capability update on sys/leases/revoke"),
        ("path \"database/roles/ROLE\" { capabilities = [\"read\"] }", "let it"),
    ] {
        let with = if without.starts_with('[') { "[\"read\"]" } else { "" };
        let token = world.token(&NEEDED.replace(without, with), "200h").await;
        says(made(Setting { token, ..world.setting() }).ready(&lease, DAY).await, words);
    }
    // Others draw from the role: then nothing is listed, and the right is not needed.
    let token = world.token(&NEEDED.replace("[\"list\", \"sudo\"]", "[\"read\"]"), "200h").await;
    let shared = made(Setting { token, shared: true, ..world.setting() });
    shared.ready(&lease, DAY).await.unwrap();
    assert!(!shared.abilities().list);
    let token = world.token(NEEDED, "2h").await;
    says(made(Setting { token, ..world.setting() }).ready(&lease, DAY).await, "ends with it");
    world.says(json!({ "credential_type": "rsa_private_key" })).await;
    says(provider.ready(&lease, DAY).await, "'rsa_private_key'");
}

#[tokio::test]
async fn a_revocation_that_does_nothing_is_seen_through() {
    let world = World::new(json!({ "revocation_statements": ["select 1"] })).await;
    let (lease, login) = world.drawn().await;
    let provider = world.provider();
    let old = || credential(&lease, &login);
    let answer = provider.revoke(&Warrant::for_test(lease.as_str()), &old()).await.unwrap();
    assert_eq!(answer, Revoked::Accepted);
    assert!(!provider.list(&lease).await.unwrap().iter().any(|one| one.token == lease), "Vault says that it is gone");
    assert_eq!(ask(&provider, &old()).await, Verdict::Live(lease.clone()), "and the user lives");
    sql(&format!("alter role \"{}\" nologin", user(&login))).await;
    assert_eq!(ask(&provider, &old()).await, Verdict::Dead);
}

#[tokio::test]
async fn a_database_that_refuses_is_believed_only_when_the_lease_is_gone() {
    let world = World::new(json!({})).await;
    let (lease, login) = world.drawn().await;
    let provider = world.provider();
    let old = || credential(&lease, &login);
    assert_eq!(ask(&provider, &old()).await, Verdict::Live(lease.clone()));
    // First aid at the database, while Vault has the lease.
    sql(&format!("alter role \"{}\" nologin", user(&login))).await;
    assert_eq!(ask(&provider, &old()).await, Verdict::Restricted(lease.clone(), Limit::Account));
    sql(&format!("revoke all on {1} from \"{0}\"; drop role \"{0}\"", user(&login), world.table)).await;
    assert_eq!(ask(&provider, &old()).await, Verdict::Unknown(Reason::Rejected));
    // The role's statements want the user to be there; an administrator repairs them.
    provider.revoke(&Warrant::for_test(lease.as_str()), &old()).await.unwrap_err();
    world.says(json!({ "revocation_statements": ["drop role if exists \"{{name}}\""] })).await;
    provider.revoke(&Warrant::for_test(lease.as_str()), &old()).await.unwrap();
    assert_eq!(ask(&provider, &old()).await, Verdict::Dead);
    // Nobody says which lease it was.
    let of_nobody = Credential { token: None, ..credential(&lease, &login) };
    assert_eq!(ask(&provider, &of_nobody).await, Verdict::Dead);
    let (_, login) = world.drawn().await;
    let of_nobody = Credential { token: None, ..credential(&lease, &login) };
    assert_eq!(ask(&provider, &of_nobody).await, Verdict::Unknown(Reason::Missing));
}

#[tokio::test]
async fn a_lease_that_ran_out_by_itself_is_dead() {
    let world = World::new(json!({ "default_ttl": "1s", "max_ttl": "1s" })).await;
    let (lease, login) = world.drawn().await;
    let provider = world.provider();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while ask(&provider, &credential(&lease, &login)).await != Verdict::Dead {
        assert!(tokio::time::Instant::now() < deadline, "it lives on");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn what_the_database_refuses_in_a_revocation_may_be_tried_again() {
    let world = World::new(json!({ "revocation_statements": ["select 1/0"] })).await;
    let (lease, login) = world.drawn().await;
    let provider = world.provider();
    let error = provider.revoke(&Warrant::for_test(lease.as_str()), &credential(&lease, &login)).await.unwrap_err();
    assert_eq!((error.happened(), error.retry_after().is_some()), (crate::model::Happened::Perhaps, true), "{error}");
    assert!(!error.to_string().contains("zero"), "the database's words are not repeated: {error}");
}

#[tokio::test]
async fn no_lease_of_another_role_is_ended_or_asked_about() {
    let (world, others) = (World::new(json!({})).await, World::new(json!({})).await);
    let (theirs, login) = others.drawn().await;
    let provider = world.provider();
    let warrant = Warrant::for_test(theirs.as_str());
    let error = provider.revoke(&warrant, &credential(&theirs, &login)).await.unwrap_err();
    assert!(matches!(error, ProviderError::Refused { .. }), "{error}");
    assert!(provider.mint(&like(&theirs), &Label::new("unused"), None).await.is_err());
    for odd in ["", "/", "/../sys", "/a/b", "/a b"] {
        let odd = TokenId::new(format!("database/creds/{}{odd}", world.role));
        assert!(provider.revoke(&Warrant::for_test(odd.as_str()), &like(&odd)).await.is_err(), "{odd}");
    }
    assert_eq!(ask(&others.provider(), &credential(&theirs, &login)).await, Verdict::Live(theirs));
}

#[tokio::test]
async fn what_cannot_be_reached_is_unknown_and_not_done() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let nowhere = || Server {
        host: "127.0.0.1".to_owned(),
        port: address.port(),
        database: "none".to_owned(),
        tls: super::super::postgres::Tls::Off,
    };
    let setting = || Setting {
        address: endpoint(&format!("http://{address}")).unwrap(),
        namespace: None,
        token: Secret::new(b"token".to_vec()),
        mount: "database".to_owned(),
        role: "shop".to_owned(),
        shared: false,
        renewed: false,
        server: nowhere(),
    };
    let provider = made(setting());
    let lease = TokenId::new("database/creds/shop/x1");
    assert_eq!(ask(&provider, &credential(&lease, "u:p")).await, Verdict::Unknown(Reason::Unreachable));
    let error = provider.mint(&like(&lease), &Label::new("unused"), None).await.unwrap_err();
    assert_eq!((error.happened(), error.reason()), (crate::model::Happened::No, Reason::Unreachable));
    for (mount, role) in
        [("database/", "shop"), ("", "shop"), ("a/../b", "shop"), ("database", "sh op"), ("database", "")]
    {
        let setting = Setting { mount: mount.to_owned(), role: role.to_owned(), ..setting() };
        assert!(VaultDatabaseProvider::new(setting, egress(), Arc::new(SystemClock::new())).is_err(), "{mount} {role}");
    }
}
