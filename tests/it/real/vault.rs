//! Vault's key-value engine as a store: written conditionally, and every refusal said once and clearly.

use super::aws::{Leak, Place};
use super::proxy::{Deed, Proxy};
use super::{random, secret_setting, setting, unique};
use reqwest::{Client, Method};
use serde_json::{Value, json};

/// Vault as its other users see it.
#[derive(Clone)]
pub(super) struct Vault {
    http: Client,
    base: String,
    token: String,
}

impl Vault {
    pub(super) fn new() -> Self {
        Self::at(&setting("STANCH_TEST_VAULT_URL"), secret_setting("STANCH_TEST_VAULT_TOKEN_FILE"))
    }

    #[expect(clippy::disallowed_methods, reason = "the test is another client than the program's own")]
    fn at(base: &str, token: String) -> Self {
        let http = Client::builder().no_proxy().tls_certs_only([]).build().unwrap();
        Self { http, base: base.to_owned(), token }
    }

    /// A path on the mount that the tests use.
    pub(super) fn path(name: &str) -> String {
        format!("{}/{name}", setting("STANCH_TEST_VAULT_MOUNT"))
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What it is spoken to with, for the program to use.
    pub(super) fn token_text(&self) -> &str {
        &self.token
    }

    pub(super) async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        let request =
            self.http.request(method, format!("{}/v1/{path}", self.base)).header("x-vault-token", &self.token);
        let reply = request.json(&body).send().await.unwrap();
        let status = reply.status().as_u16();
        (status, reply.json().await.unwrap_or(Value::Null))
    }

    pub(super) async fn put(&self, path: &str, fields: Value) {
        let (mount, name) = path.split_once('/').unwrap();
        let (status, reply) = self.call(Method::POST, &format!("{mount}/data/{name}"), json!({ "data": fields })).await;
        assert_eq!(status, 200, "{reply}");
    }

    pub(super) async fn fields(&self, path: &str) -> Value {
        let (mount, name) = path.split_once('/').unwrap();
        let (status, reply) = self.call(Method::GET, &format!("{mount}/data/{name}"), json!({})).await;
        assert_eq!(status, 200, "{reply}");
        reply["data"]["data"].clone()
    }

    /// A token with these rights on one path.
    async fn token(&self, path: &str, rights: &str) -> String {
        let (mount, name) = path.split_once('/').unwrap();
        let policy = format!("path \"{mount}/data/{name}\" {{ capabilities = [{rights}] }}");
        let called = unique();
        let (status, reply) =
            self.call(Method::PUT, &format!("sys/policies/acl/{called}"), json!({ "policy": policy })).await;
        assert_eq!(status, 204, "{reply}");
        let (status, reply) = self.call(Method::POST, "auth/token/create", json!({ "policies": [called] })).await;
        assert_eq!(status, 200, "{reply}");
        reply["auth"]["client_token"].as_str().unwrap().to_owned()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_somebody_else_wrote_meanwhile_is_not_overwritten() {
    let path = Vault::path(&unique());
    let theirs = json!({ "id": "theirs", "secret": random(20) });
    let (vault, at, value) = (Vault::new(), path.clone(), theirs.clone());
    let write = Box::new(move || {
        let (vault, at, value) = (vault.clone(), at.clone(), value.clone());
        Box::pin(async move { vault.put(&at, value).await }) as _
    });
    // The only request that names the version it leaves.
    let proxy = Proxy::start(&setting("STANCH_TEST_VAULT_URL"), Deed::Before("\"cas\":", write)).await;
    let leak = Leak::of_a_key(&[Place::Vault(path.clone())]).vault(proxy.base(), None).made().await;
    let ran = leak.site.rotate(&leak.fingerprint()).hides(&leak.old.secret);
    let ran = ran.expect(21).says("another writer moved").says("The leak is STILL OPEN");
    assert_eq!(proxy.concerned(), 1, "the write was repeated: {}", ran.stdout);
    assert_eq!(Vault::new().fields(&path).await, theirs);
    assert_eq!(leak.keys().await, [(leak.old.name.clone(), true)], "the new key is gone, the old one lives");
    leak.service.never_failed().await;
    leak.site.audit(&[&leak.old.secret]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vault_refuses_is_said_before_anything_is_changed() {
    let vault = Vault::new();
    let path = Vault::path(&unique());
    let reader = vault.token(&path, "\"read\"").await;
    let leak = Leak::of_a_key(&[Place::Vault(path.clone())]).vault(&vault.base, Some(reader)).made().await;
    let ran = leak.site.rotate(&leak.fingerprint()).expect(22);
    ran.says("capability update").hides(&leak.old.secret);
    assert_eq!(leak.keys().await, [(leak.old.name.clone(), true)], "nothing was minted");
    // A right that was given meanwhile is enough to go on.
    let writer = vault.token(&path, "\"read\", \"update\"").await;
    leak.site.private("vault-token", &writer);
    let ran = leak.site.stanch(&["case", "resume", "1", "--reason", "the right was given"]);
    ran.expect(0).hides(&leak.old.secret).hides(&writer);
    leak.rotated("C-0001").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_vault_that_cannot_be_used_is_one_clear_error() {
    let vault = Vault::new();
    let path = Vault::path(&unique());
    let nobody = random(12);
    let leak = Leak::of_a_key(&[Place::Vault(path.clone())]).vault(&vault.base, Some(nobody.clone())).made().await;
    let fingerprint = leak.fingerprint();
    leak.site.rotate(&fingerprint).expect(4).says("403").says(&path).says("nothing was begun").hides(&nobody);

    let closed = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let nowhere = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    leak.configure(&nowhere);
    leak.site.rotate(&fingerprint).expect(4).says("no usable answer").says(&path).says("nothing was begun");

    let sealed = sealed().await;
    leak.configure(&sealed.0.base);
    leak.site.rotate(&fingerprint).expect(4).says("it is sealed").says(&path).says("nothing was begun");
    leak.site.stanch(&["case", "list"]).expect(0).says("no case");
    assert_eq!(leak.keys().await, [(leak.old.name.clone(), true)]);
}

/// A Vault of its own, sealed; it ends with the second value.
async fn sealed() -> (Vault, Ended) {
    let (vault, ended) = started().await;
    let (status, reply) = vault.call(Method::PUT, "sys/seal", json!({})).await;
    assert_eq!(status, 204, "{reply}");
    (vault, ended)
}

/// A Vault of its own; it ends with the second value.
pub(super) async fn started() -> (Vault, Ended) {
    let directory = tempfile::tempdir().unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/vault.sh");
    let ended = Ended { script, directory };
    ended.run("start");
    let words = std::fs::read_to_string(ended.directory.path().join("vault.env")).unwrap();
    let base = words.lines().find_map(|line| line.strip_prefix("export STANCH_TEST_VAULT_URL=")).unwrap();
    let token = std::fs::read_to_string(ended.directory.path().join("vault.token")).unwrap();
    (Vault::at(base, token.trim().to_owned()), ended)
}

pub(super) struct Ended {
    script: &'static str,
    directory: tempfile::TempDir,
}

impl Ended {
    /// A file that it left for the tests.
    pub(super) fn file(&self, name: &str) -> std::path::PathBuf {
        self.directory.path().join(name)
    }

    fn run(&self, verb: &str) {
        let mut command = std::process::Command::new("bash");
        command.arg(self.script).arg(verb).arg(self.directory.path());
        command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null());
        let status = tokio::task::block_in_place(|| command.status().unwrap());
        assert!(status.success(), "vault.sh {verb} failed");
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.run("stop");
    }
}
