use super::*;
use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::any;
use std::sync::atomic::{AtomicUsize, Ordering};

fn at() -> StorePath {
    StorePath::new("kv/shop/db")
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

fn settings(address: &str, login: VaultLogin) -> VaultSettings {
    VaultSettings {
        address: address.to_owned(),
        namespace: None,
        login,
        authorities: None,
        timeout: Duration::from_secs(5),
    }
}

fn store(address: &str) -> VaultStore {
    VaultStore::new(settings(address, VaultLogin::Token(secret("root")))).unwrap()
}

/// Serves on a free loopback port until the test ends.
async fn serve(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

fn answers(status: u16, body: Value) -> Router {
    let status = StatusCode::from_u16(status).unwrap();
    Router::new().fallback(any(move || async move { (status, Json(body)) }))
}

#[test]
fn settings_that_cannot_be_sent_are_refused() {
    let refused =
        |address: &str, token: &str| VaultStore::new(settings(address, VaultLogin::Token(secret(token)))).is_err();
    assert!(refused("vault.example", "root"));
    assert!(refused("mailto:x@y.example", "root"));
    assert!(refused("http://user@127.0.0.1:1", "root"));
    assert!(refused("http://127.0.0.1:1", "two\nlines"));
    assert!(refused("http://127.0.0.1:1", ""));
    assert!(!refused("http://127.0.0.1:1", "root\n"), "the newline at the end of a token file is no part of it");
    let odd = VaultSettings { namespace: Some("a\nb".into()), ..settings("http://h", VaultLogin::Token(secret("t"))) };
    assert!(VaultStore::new(odd).is_err());
}

#[test]
fn paths_have_a_mount_and_no_segment_that_an_address_swallows() {
    assert_eq!(split(&at()).unwrap(), ("kv".to_owned(), "shop/db".to_owned()));
    for odd in ["kv", "", "/", "kv/", "/kv/a", "kv//a", "kv/../sys", "kv/./a", "kv/a\nb"] {
        assert!(split(&StorePath::new(odd)).is_err(), "{odd:?}");
    }
}

#[test]
fn a_value_comes_back_as_it_is_kept() {
    let round = |text: &str| Fields::of(&secret(text), &at()).unwrap().value();
    assert!(round("plain text").same_as(&secret("plain text")));
    assert!(round(r#"{"user": "u", "password": "p"}"#).same_as(&secret(r#"{"password":"p","user":"u"}"#)));
    assert!(round("[1]").same_as(&secret("[1]")));
    assert!(Fields::of(&Secret::new(vec![0xff]), &at()).is_err());
}

#[tokio::test]
async fn statuses_have_their_meaning() {
    let cases = [
        (403, json!({"errors": ["permission denied"]}), "refused"),
        (404, json!({"errors": []}), "missing"),
        (404, json!({"data": {"data": null, "metadata": {"version": 3}}}), "missing"),
        (503, json!({"errors": ["Vault is sealed"]}), "out of service"),
        (500, json!({"errors": ["internal error"]}), "no answer"),
        (429, json!({"errors": ["slow down"]}), "no answer"),
        (307, json!({}), "no answer"),
        (200, json!({"surprise": true}), "no answer"),
    ];
    for (status, body, means) in cases {
        let store = store(&serve(answers(status, body)).await);
        let error = store.ready(&at()).await.unwrap_err();
        let meant = match error {
            StoreError::Refused { .. } => "refused",
            StoreError::Missing { .. } => "missing",
            StoreError::NoAnswer { .. } => "no answer",
            StoreError::OutOfService { .. } => "out of service",
            _ => "something else",
        };
        assert_eq!(meant, means, "status {status}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_did_nothing() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = store(&address).read(&at(), &Which::Current).await.unwrap_err();
    assert!(matches!(error, StoreError::NoAnswer { happened: Happened::No, .. }), "{error:?}");
}

fn version_reply(version: u64, data: Value) -> Value {
    json!({
        "request_id": "r", "lease_id": "", "renewable": false, "lease_duration": 0, "wrap_info": null,
        "warnings": null, "auth": null,
        "data": { "data": data, "metadata": {
            "created_time": "t", "custom_metadata": null, "deletion_time": "", "destroyed": false, "version": version } },
    })
}

#[tokio::test]
async fn a_login_that_ran_out_is_renewed_once() {
    let logins = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&logins);
    let login = move || async move {
        let count = counted.fetch_add(1, Ordering::SeqCst) + 1;
        Json(json!({
            "request_id": "r", "lease_id": "", "renewable": false, "lease_duration": 0, "wrap_info": null,
            "warnings": null, "data": null,
            "auth": { "client_token": format!("token-{count}"), "accessor": "a", "policies": [], "token_policies": [],
                "metadata": null, "lease_duration": 60, "renewable": true, "entity_id": "", "token_type": "service",
                "orphan": true },
        }))
    };
    let data = |headers: axum::http::HeaderMap| async move {
        // The first token is not good any more; the second is.
        if headers.get("x-vault-token").is_some_and(|token| token == "token-2") {
            (StatusCode::OK, Json(version_reply(7, json!({"value": "x"}))))
        } else {
            (StatusCode::FORBIDDEN, Json(json!({"errors": ["permission denied"]})))
        }
    };
    let router = Router::new().route("/v1/auth/approle/login", any(login)).fallback(any(data));
    let login = VaultLogin::AppRole { mount: "approle".into(), role: "role".into(), secret: secret("secret-id") };
    let store = VaultStore::new(settings(&serve(router).await, login)).unwrap();
    // Logging in and being refused at once is a refusal, not a loop.
    let refused = store.read(&at(), &Which::Current).await.unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "{refused:?}");
    let (version, value) = store.read(&at(), &Which::Current).await.unwrap();
    assert_eq!(version, Version::new("7"));
    assert!(value.same_as(&secret("x")));
    assert_eq!(logins.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn what_the_library_says_of_requests_is_not_logged() {
    let written = Arc::new(std::sync::Mutex::new(Vec::new()));
    let into = Arc::clone(&written);
    struct Log(Arc<std::sync::Mutex<Vec<u8>>>);
    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || Log(Arc::clone(&into)))
        .finish();
    let store = store(&serve(answers(400, json!({"errors": ["canary-in-an-answer"]}))).await);
    let error = async {
        tracing::info!("the log works");
        store.promote(&at(), &Staged { version: None, previous: Version::new("1") }, &secret("canary-value")).await
    };
    let error = error.with_subscriber(subscriber).await.unwrap_err();
    let log = String::from_utf8(written.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the log works"));
    assert!(!log.contains("canary"), "{log}");
    assert!(!format!("{error:?} {error}").contains("canary"));
}

/// Against the Vault that `tests/real` starts.
mod real {
    use super::super::super::contract::{self, real};
    use super::*;
    use vaultrs::api::auth::approle::requests::{GenerateNewSecretIDRequest, SetAppRoleRequest};

    fn at() -> StorePath {
        StorePath::new(format!("{}/shop/{}", real::setting("STANCH_TEST_VAULT_MOUNT"), real::unique()))
    }

    fn reach(login: VaultLogin) -> VaultStore {
        VaultStore::new(settings(&real::setting("STANCH_TEST_VAULT_URL"), login)).unwrap()
    }

    fn root() -> VaultStore {
        reach(VaultLogin::Token(real::secret("STANCH_TEST_VAULT_TOKEN_FILE")))
    }

    /// Writes as somebody else would.
    async fn put(store: &VaultStore, at: &StorePath, fields: Value) {
        let (mount, path) = split(at).unwrap();
        let (client, _) = store.client().await.unwrap();
        vaultrs::kv2::set(client.as_ref(), &mount, &path, &fields).await.unwrap();
    }

    #[tokio::test]
    async fn the_contract_is_kept() {
        if !real::wanted() {
            return;
        }
        let (store, at) = (root(), at());
        put(&store, &at, json!({"value": "old"})).await;
        contract::check(&store, &at, &real::unique()).await;
    }

    #[tokio::test]
    async fn an_object_is_kept_as_fields_and_a_foreign_write_is_seen() {
        if !real::wanted() {
            return;
        }
        let (store, at) = (root(), at());
        put(&store, &at, json!({"user": "a", "password": "one"})).await;
        let value = secret(r#"{"user": "b", "password": "two"}"#);
        let staged = store.stage(&at, &value, &Label::new("l")).await.unwrap();
        assert_eq!(staged.previous, Version::new("1"));
        let version = store.promote(&at, &staged, &value).await.unwrap();
        assert_eq!(version, Version::new("2"));
        let (_, read) = store.read(&at, &Which::Current).await.unwrap();
        assert!(read.same_as(&secret(r#"{"password":"two","user":"b"}"#)));
        assert!(super::super::super::same_value(&read, &value));
        put(&store, &at, json!({"user": "theirs"})).await;
        let late = store.promote(&at, &Staged { version: None, previous: version }, &secret("x")).await;
        assert!(matches!(late, Err(StoreError::Conflict { .. })), "{late:?}");
    }

    #[tokio::test]
    async fn of_two_writers_at_once_one_wins() {
        if !real::wanted() {
            return;
        }
        let (store, at) = (Arc::new(root()), at());
        put(&store, &at, json!({"value": "old"})).await;
        let staged = store.stage(&at, &secret("x"), &Label::new("l")).await.unwrap();
        let mut tasks = tokio::task::JoinSet::new();
        for index in 0..6 {
            let (store, at, staged) = (Arc::clone(&store), at.clone(), staged.clone());
            tasks.spawn(async move { store.promote(&at, &staged, &secret(&format!("value-{index}"))).await });
        }
        let results = tasks.join_all().await;
        let conflicts = results.iter().filter(|result| matches!(result, Err(StoreError::Conflict { .. }))).count();
        assert_eq!((results.iter().filter(|result| result.is_ok()).count(), conflicts), (1, 5), "{results:?}");
        assert_eq!(store.ready(&at).await.unwrap(), Version::new("2"));
    }

    #[tokio::test]
    async fn what_was_deleted_is_missing() {
        if !real::wanted() {
            return;
        }
        let (store, at) = (root(), at());
        put(&store, &at, json!({"value": "old"})).await;
        let (mount, path) = split(&at).unwrap();
        let (client, _) = store.client().await.unwrap();
        vaultrs::kv2::delete_latest(client.as_ref(), &mount, &path).await.unwrap();
        assert!(matches!(store.ready(&at).await, Err(StoreError::Missing { .. })));
        assert!(matches!(store.read(&at, &Which::Exactly(Version::new("1"))).await, Err(StoreError::Missing { .. })));
    }

    #[tokio::test]
    async fn an_application_that_may_only_read_is_not_ready_and_one_that_may_write_is() {
        if !real::wanted() {
            return;
        }
        let (store, at) = (root(), at());
        put(&store, &at, json!({"value": "old"})).await;
        let (mount, path) = split(&at).unwrap();
        let (client, _) = store.client().await.unwrap();
        for (capabilities, allowed) in [(r#""read""#, false), (r#""read", "update""#, true)] {
            let name = format!("app-{}", real::unique());
            let policy = format!("path \"{mount}/data/{path}\" {{ capabilities = [{capabilities}] }}");
            vaultrs::sys::policy::set(client.as_ref(), &name, &policy).await.unwrap();
            let create = SetAppRoleRequest::builder()
                .mount("approle")
                .role_name(&name)
                .token_policies(vec![name.clone()])
                .build()
                .unwrap();
            vaultrs::api::exec_with_empty(client.as_ref(), create).await.unwrap();
            let role = vaultrs::auth::approle::role::read_id(client.as_ref(), "approle", &name).await.unwrap().role_id;
            let issue = GenerateNewSecretIDRequest::builder().mount("approle").role_name(&name).build().unwrap();
            let issued = vaultrs::api::exec_with_result(client.as_ref(), issue).await.unwrap().secret_id;
            let login = VaultLogin::AppRole { mount: "approle".into(), role, secret: secret(&issued) };
            let application = reach(login);
            let ready = application.ready(&at).await;
            assert_eq!(ready.is_ok(), allowed, "{ready:?}");
            let staged = application.stage(&at, &secret("new"), &Label::new("l")).await.unwrap();
            let promoted = application.promote(&at, &staged, &secret("new")).await;
            assert_eq!(promoted.is_ok(), allowed, "{promoted:?}");
            if !allowed {
                assert!(matches!(ready, Err(StoreError::Refused { .. })));
                assert!(matches!(promoted, Err(StoreError::Refused { .. })));
            }
        }
        let stranger = reach(VaultLogin::Token(secret("no-such-token"))).ready(&at).await;
        assert!(matches!(stranger, Err(StoreError::Refused { .. })), "{stranger:?}");
    }

    #[tokio::test]
    async fn a_lost_reply_is_one_write() {
        if !real::wanted() {
            return;
        }
        let (store, at) = (root(), at());
        put(&store, &at, json!({"value": "old"})).await;
        let address = real::losing(&real::setting("STANCH_TEST_VAULT_URL"), "POST /v1/kv/data").await;
        let login = VaultLogin::Token(real::secret("STANCH_TEST_VAULT_TOKEN_FILE"));
        let lossy = VaultStore::new(settings(&address, login)).unwrap();
        let staged = lossy.stage(&at, &secret("new"), &Label::new("l")).await.unwrap();
        let promoted = lossy.promote(&at, &staged, &secret("new")).await.unwrap();
        assert_eq!(promoted, Version::new("2"), "it looks before it gives up");
        assert_eq!(store.ready(&at).await.unwrap(), promoted);
    }
}
