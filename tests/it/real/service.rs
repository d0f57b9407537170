//! A dependent on loopback. A client in it uses the current credential all the time, without a retry, and counts.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A credential: what it is known by, and its secret.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Pair {
    pub(super) name: String,
    pub(super) secret: String,
}

impl Pair {
    /// The pair in the URL that a store gives out in a file, as its reader sees it; `url` says how it must stand there.
    pub(super) fn given_out(file: &Path, url: impl Fn(&Self) -> String) -> Self {
        let text = std::fs::read_to_string(file).unwrap();
        let (name, rest) = text.split_once("://").unwrap().1.split_once(':').unwrap();
        let pair = Self { name: name.to_owned(), secret: rest.split_once('@').unwrap().0.to_owned() };
        assert_eq!(text, url(&pair), "the shape changed");
        pair
    }
}

/// Reads the store.
pub(super) type Load = Box<dyn Fn() -> BoxFuture<'static, Pair> + Send + Sync>;
/// Uses the credential once.
pub(super) type Use = Box<dyn Fn(Pair) -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

struct Inner {
    load: Load,
    work: Use,
    held: Mutex<Pair>,
    served: AtomicU64,
    failures: Mutex<Vec<String>>,
}

/// A running dependent; it stops when this is dropped.
pub(super) struct Service {
    base: String,
    inner: Arc<Inner>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Drop for Service {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Service {
    pub(super) async fn start(load: Load, work: Use) -> Self {
        let held = Mutex::new(load().await);
        let inner = Arc::new(Inner { load, work, held, served: AtomicU64::new(0), failures: Mutex::default() });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let app =
            Router::new().route("/health", get(health)).route("/reload", post(reload)).with_state(Arc::clone(&inner));
        let serving = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        let client = tokio::spawn(client(Arc::clone(&inner)));
        Self { base, inner, tasks: [serving, client] }
    }

    pub(super) fn base(&self) -> &str {
        &self.base
    }

    fn served(&self) -> u64 {
        self.inner.served.load(Ordering::SeqCst)
    }

    pub(super) fn failures(&self) -> Vec<String> {
        self.inner.failures.lock().unwrap().clone()
    }

    /// Connections that the server ended count as no failure.
    pub(super) fn forgives_ended_connections(&self) {
        let ended = |failure: &String| {
            let failure = failure.to_ascii_lowercase();
            ["broken pipe", "connection reset", "unexpected end", "terminated", "terminating connection"]
                .iter()
                .any(|word| failure.contains(word))
        };
        self.inner.failures.lock().unwrap().retain(|failure| !ended(failure));
    }

    /// Refused logins count as no failure: the password was replaced in place, which is an outage and was said to be one.
    pub(super) fn forgives_an_outage(&self) {
        let refused = |failure: &String| failure.contains("password authentication failed");
        self.inner.failures.lock().unwrap().retain(|failure| !refused(failure));
        self.forgives_ended_connections();
    }

    /// The client worked before and works now, and not one of its requests failed.
    #[track_caller]
    pub(super) fn never_failed(&self) -> impl Future<Output = ()> + '_ {
        let before = self.served();
        assert!(before > 0, "the client was not at work");
        let more = super::eventually("more requests of the client", move || async move { self.served() > before + 3 });
        async move {
            more.await;
            let failures = self.failures();
            assert!(failures.is_empty(), "{} of {} requests failed: {failures:?}", failures.len(), self.served());
        }
    }
}

impl Inner {
    async fn once(&self) -> Result<String, String> {
        let pair = self.held.lock().unwrap().clone();
        let name = pair.name.clone();
        (self.work)(pair).await.map(|()| name)
    }
}

async fn client(inner: Arc<Inner>) {
    loop {
        match inner.once().await {
            Ok(_) => drop(inner.served.fetch_add(1, Ordering::SeqCst)),
            Err(failure) => inner.failures.lock().unwrap().push(failure),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn health(State(inner): State<Arc<Inner>>) -> (StatusCode, Json<Value>) {
    match inner.once().await {
        Ok(name) => (StatusCode::OK, Json(json!({ "token": name }))),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({}))),
    }
}

async fn reload(State(inner): State<Arc<Inner>>) -> StatusCode {
    let pair = (inner.load)().await;
    *inner.held.lock().unwrap() = pair;
    StatusCode::NO_CONTENT
}
