//! The password of a Redis user, by way of a URL in the local store.

use super::proxy::Cutter;
use super::service::{Pair, Service};
use super::site::{Site, order};
use super::{random, secret_setting, setting, unique};
use redis::{Client, ConnectionAddr, IntoConnectionInfo, ProtocolVersion, RedisConnectionInfo, RedisError};
use sha2::{Digest as _, Sha256};
use stanch::model::{Credential, Label, Secret, TokenId};
use stanch::wiring::mending::Mending;
use std::path::{Path, PathBuf};

const KIND: &str = "redis.url";
const PATH: &str = "shop/redis";

async fn connect(pair: &Pair) -> Result<redis::aio::MultiplexedConnection, RedisError> {
    let who = RedisConnectionInfo::default().set_username(&pair.name).set_password(&pair.secret);
    let port = setting("STANCH_TEST_REDIS_PORT").parse().unwrap();
    let address = ConnectionAddr::Tcp(setting("STANCH_TEST_REDIS_HOST"), port).into_connection_info()?;
    let who = who.set_protocol(ProtocolVersion::RESP2);
    Client::open(address.set_redis_settings(who))?.get_multiplexed_async_connection().await
}

/// One command as the administrator.
async fn tell(words: &[&str]) {
    let name = setting("STANCH_TEST_REDIS_ADMIN");
    let admin = Pair { name, secret: secret_setting("STANCH_TEST_REDIS_PASSWORD_FILE") };
    let mut connection = connect(&admin).await.unwrap();
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]).exec_async(&mut connection).await.unwrap();
}

fn url(pair: &Pair) -> String {
    let (host, port) = (setting("STANCH_TEST_REDIS_HOST"), setting("STANCH_TEST_REDIS_PORT"));
    format!("redis://{}:{}@{host}:{port}/0", pair.name, pair.secret)
}

/// The pair that the store gives out, as its reader sees it.
fn given_out(file: &Path) -> Pair {
    Pair::given_out(file, url)
}

/// The beginning of the digest that the server keeps of a password.
fn handle(password: &str) -> String {
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(password));
    format!("sha256-{}", &digest[..16])
}

/// A password that leaked, and who uses it.
pub(super) struct Leaked {
    pub(super) site: Site,
    service: Service,
    pub(super) old: Pair,
    file: PathBuf,
}

impl Leaked {
    pub(super) async fn made() -> Self {
        let run = unique();
        let old = Pair { name: format!("shop_{run}"), secret: random(12) };
        let authority = Pair { name: format!("rotator_{run}"), secret: random(12) };
        let password = |pair: &Pair| format!(">{}", pair.secret);
        tell(&["ACL", "SETUSER", &old.name, "on", &password(&old), "~shop:*", "+@all", "-@dangerous"]).await;
        let mut rights = vec!["ACL", "SETUSER", &authority.name, "on"];
        let entry = password(&authority);
        rights.extend([entry.as_str(), "+acl|getuser", "+acl|setuser", "+acl|save", "+config|rewrite", "+config|get"]);
        rights.extend(["+client|list", "+client|kill", "+info"]);
        tell(&rights).await;

        let (site, file) = Site::giving_out(&authority.secret, "redis.url", PATH, url(&old)).await;
        let (read, user) = (file.clone(), old.name.clone());
        let service = Service::start(
            // What tells one version from another is the handle of the password; the user stays the same.
            Box::new(move || {
                let read = read.clone();
                Box::pin(async move {
                    let Pair { secret, .. } = given_out(&read);
                    Pair { name: handle(&secret), secret }
                })
            }),
            // A connection of its own for each use, and no second try.
            Box::new(move |held| {
                let pair = Pair { name: user.clone(), secret: held.secret };
                Box::pin(async move {
                    let told = |error: RedisError| error.to_string();
                    let mut connection = connect(&pair).await.map_err(told)?;
                    redis::cmd("INCR").arg("shop:orders").exec_async(&mut connection).await.map_err(told)
                })
            }),
        )
        .await;
        site.configure(&format!(
            "journal: journal.db
stores:
  local: {{ driver: local, directory: secrets }}
credentials:
  shop-cache:
    kind: {KIND}
    provider:
      driver: redis
      host: {host}
      port: {port}
      user: {user}
      authority: {{ user: {authority}, password: {{ file: rotator }} }}
    stores: [{{ store: local, path: {PATH}, export: redis.url, value: '{shape}' }}]
    dependents:
      - name: shop
        http: {{ url: '{service}/health', expect: {{ body: {{ /token: '{{{{token}}}}' }} }} }}
        reload: {{ post: '{service}/reload' }}
    policy: {policy}
",
            host = setting("STANCH_TEST_REDIS_HOST"),
            port = setting("STANCH_TEST_REDIS_PORT"),
            user = old.name,
            authority = authority.name,
            shape = url(&Pair { name: old.name.clone(), secret: "{{secret}}".to_owned() }),
            service = service.base(),
            policy = super::aws::POLICY,
        ));
        let leaked = Self { site, service, old, file };
        leaked.leak(&leaked.old);
        leaked
    }

    fn leak(&self, pair: &Pair) {
        self.site.leak("shop/settings.py", &format!("CACHE = '{}'\n", url(pair)));
    }

    /// The store and the client have a new password, the old one is refused, and nobody noticed.
    pub(super) async fn replaced(&self, from: &Pair) -> Pair {
        self.service.never_failed().await;
        let new = given_out(&self.file);
        assert_eq!(new.name, from.name);
        assert_ne!(new.secret, from.secret);
        let refused = connect(from).await.expect_err("the old password is accepted");
        assert!(refused.to_string().contains("Password authentication failed") || refused.code() == Some("WRONGPASS"));
        drop(connect(&new).await.unwrap());
        self.site.audit(&[&from.secret, &new.secret]);
        self.one_in_the_file();
        new
    }

    /// When the server starts again, the user has one password.
    fn one_in_the_file(&self) {
        let users = std::fs::read_to_string(setting("STANCH_TEST_REDIS_ACL")).unwrap();
        let own = users.lines().find(|line| line.contains(&self.old.name)).unwrap();
        assert_eq!(own.matches(" #").count(), 1, "{own}");
    }

    /// The provider ends connections that were open when the old password went; on a busy machine one of them may be
    /// between two words of a client that has the new one.
    pub(super) fn forgives_ended_connections(&self) {
        self.service.forgives_ended_connections();
    }

    /// The same, and the case tells it in the right order.
    async fn rotated(&self, case: &str, from: &Pair) -> Pair {
        let new = self.replaced(from).await;
        let facts = self.site.facts(case);
        let ends = ["minted", "promoted", "revoked", "ended", "healthy"];
        assert_eq!(order(&facts, &ends), ends, "{facts:?}");
        new
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_password_is_rotated_while_its_user_works_and_again() {
    let leak = Leaked::made().await;
    let mut stray = connect(&leak.old).await.unwrap();
    redis::cmd("PING").exec_async(&mut stray).await.unwrap();
    let first = leak.site.fingerprint(KIND, &[]);
    let ran = leak.site.rotate(&first).expect(0).hides(&leak.old.secret);
    let new = leak.rotated("C-0001", &leak.old).await;
    ran.hides(&new.secret);
    let ping = redis::cmd("PING").exec_async(&mut stray).await;
    assert!(ping.is_err(), "a connection that was opened with the old password lives on");
    leak.leak(&new);
    let second = leak.site.fingerprint(KIND, &[first]);
    let ran = leak.site.rotate(&second).expect(0).hides(&new.secret);
    let newest = leak.rotated("C-0002", &new).await;
    ran.hides(&newest.secret);
}

/// The server takes the old password from its memory, and the connection is cut before it is told to write its file: the
/// password is refused, and would be back when the server starts again.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_from_memory_alone_is_taken_from_the_file_too() {
    let server = format!("{}:{}", setting("STANCH_TEST_REDIS_HOST"), setting("STANCH_TEST_REDIS_PORT"));
    let cutter = Cutter::start(server, &["\r\n$65\r\n!"]).await;
    let leak = Leaked::made().await;
    leak.turn_to_port(&cutter.port().to_string());
    leak.site.rotate(&leak.site.fingerprint(KIND, &[])).expect(0).hides(&leak.old.secret);
    assert!(cutter.left().is_empty(), "nothing was cut");
    leak.rotated("C-0001", &leak.old).await;
    let facts = leak.site.facts("C-0001");
    assert_eq!(facts.iter().filter(|fact| *fact == "revoked").count(), 1, "{facts:?}");
}

/// A server of this test alone, that knows the same two users.
struct Other {
    process: std::process::Child,
    port: String,
}

impl Drop for Other {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Other {
    /// With these arguments beside its port.
    async fn start(port: &str, arguments: &[&str]) -> Self {
        let mut command = std::process::Command::new("redis-server");
        command.args(arguments).args(["--port", port, "--bind", "127.0.0.1", "--save", ""]);
        let process = command.stdout(std::process::Stdio::null()).spawn().unwrap();
        let other = Self { process, port: port.to_owned() };
        super::eventually("the server answers", || async { other.connection().await.is_some() }).await;
        other
    }

    async fn connection(&self) -> Option<redis::aio::MultiplexedConnection> {
        let client = Client::open(format!("redis://127.0.0.1:{}/", self.port)).unwrap();
        client.get_multiplexed_async_connection().await.ok()
    }

    async fn enrol(&self, leak: &Leaked) {
        let rotator = Pair {
            name: leak.old.name.replace("shop_", "rotator_"),
            secret: std::fs::read_to_string(leak.root().join("rotator")).unwrap(),
        };
        let mut open = self.connection().await.unwrap();
        for Pair { name, secret } in [&leak.old, &rotator] {
            let mut making = redis::cmd("ACL");
            making.arg("SETUSER").arg(name).arg("on").arg(format!(">{secret}")).arg("~*").arg("+@all");
            making.exec_async(&mut open).await.unwrap();
        }
    }

    async fn accepts(&self, pair: &Pair) -> bool {
        let mut open = self.connection().await.unwrap();
        redis::cmd("AUTH").arg(&pair.name).arg(&pair.secret).exec_async(&mut open).await.is_ok()
    }
}

impl Leaked {
    fn root(&self) -> &Path {
        self.file.parent().unwrap()
    }

    /// As it was: the store, the client and the server have the old password.
    pub(super) async fn as_before(&self) {
        self.service.never_failed().await;
        assert!(given_out(&self.file) == self.old, "the store was changed");
        drop(connect(&self.old).await.unwrap());
        self.one_in_the_file();
    }

    /// The program speaks to another server than the client does.
    fn turn_to(&self, other: &Other) {
        self.turn_to_port(&other.port);
    }

    pub(super) fn turn_to_port(&self, port: &str) {
        let operator = self.root().join("operator.yaml");
        let text = std::fs::read_to_string(&operator).unwrap();
        let own = format!("port: {}\n", setting("STANCH_TEST_REDIS_PORT"));
        let turned = text.replace(&own, &format!("port: {port}\n"));
        assert_ne!(turned, text);
        std::fs::write(&operator, turned).unwrap();
    }
}

fn free_port() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_would_forget_the_change_is_not_changed() {
    let leak = Leaked::made().await;
    // Without any file of its own.
    let other = Other::start(&free_port(), &["--dir", leak.root().to_str().unwrap()]).await;
    other.enrol(&leak).await;
    leak.turn_to(&other);
    let ran = leak.site.rotate(&leak.site.fingerprint(KIND, &[]));
    ran.expect(21).says("would forget the change").hides(&leak.old.secret);
    assert!(given_out(&leak.file) == leak.old, "the store was changed");
    assert!(other.accepts(&leak.old).await);
}

/// Users that stand in the server's configuration are written there.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_remembers_the_change_when_it_starts_again() {
    let leak = Leaked::made().await;
    let (file, port) = (leak.root().join("redis.conf"), free_port());
    std::fs::write(&file, "appendonly no\n").unwrap();
    let arguments = [file.to_str().unwrap(), "--dir", leak.root().to_str().unwrap()];
    let other = Other::start(&port, &arguments).await;
    other.enrol(&leak).await;
    leak.turn_to(&other);
    // The client works on the other server, where the new password means nothing: the provider alone is asked here.
    let mending = Mending::open(Some(&leak.root().join("operator.yaml"))).await.unwrap();
    let provider = mending.managed("shop-cache").await.unwrap().provider;
    let token = Some(TokenId::new(handle(&leak.old.secret)));
    let old = Credential { token, ..Credential::default() };
    let new = Pair { name: leak.old.name.clone(), secret: random(16) };
    let chosen = Secret::new(new.secret.clone().into_bytes());
    provider.mint(&old, &Label::new("unused"), Some(&chosen)).await.unwrap();
    drop(other);
    let again = Other::start(&port, &arguments).await;
    assert!(again.accepts(&new).await && again.accepts(&leak.old).await, "what was added is forgotten");
    assert!(!std::fs::read_to_string(&file).unwrap().contains(&new.secret), "a password in clear");
}
