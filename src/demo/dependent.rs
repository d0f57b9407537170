//! A service on loopback that uses the token all the time, without a retry, and tells which one it holds.

use crate::egress::{Allowed, Egress, Request};
use crate::model::Secret;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::Duration;

/// The pause between two uses of the token.
const PACE: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Service {
    file: PathBuf,
    issuer: String,
    egress: Arc<Egress>,
    allowed: Allowed,
    token: RwLock<Arc<Secret>>,
    served: AtomicU64,
    failed: AtomicU64,
}

/// A running service; it stops when this is dropped.
#[derive(Debug)]
pub struct Dependent {
    address: SocketAddr,
    service: Arc<Service>,
    tasks: [tokio::task::JoinHandle<()>; 2],
}

impl Drop for Dependent {
    fn drop(&mut self) {
        self.tasks.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

impl Dependent {
    /// Starts the service on a free port of 127.0.0.1; it reads its token from a file, now and at every reload.
    ///
    /// # Errors
    /// When no port can be had or the file cannot be read.
    pub async fn start(file: &Path, issuer: &str, egress: Arc<Egress>, allowed: Allowed) -> std::io::Result<Self> {
        let service = Arc::new(Service {
            file: file.to_owned(),
            issuer: issuer.to_owned(),
            egress,
            allowed,
            token: RwLock::new(Arc::new(read(file)?)),
            served: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        });
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let app =
            Router::new().route("/health", get(health)).route("/reload", post(reload)).with_state(Arc::clone(&service));
        let serving = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::warn!(%error, "the service stopped");
            }
        });
        let working = tokio::spawn(work(Arc::clone(&service)));
        Ok(Self { address, service, tasks: [serving, working] })
    }

    /// The base address.
    #[must_use]
    pub fn base(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Requests that worked, and requests that did not.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.service.served.load(Ordering::SeqCst), self.service.failed.load(Ordering::SeqCst))
    }
}

fn read(file: &Path) -> std::io::Result<Secret> {
    let mut bytes = std::fs::read(file)?;
    while bytes.last().is_some_and(u8::is_ascii_whitespace) {
        bytes.pop();
    }
    Ok(Secret::new(bytes))
}

fn bearer(token: &Secret) -> Secret {
    #[expect(clippy::disallowed_methods, reason = "the token is used")]
    Secret::new([b"Bearer ", token.expose()].concat())
}

impl Service {
    /// One use of the token; the id that the issuer knows it by.
    async fn call(&self) -> Option<String> {
        let token = Arc::clone(&*self.token.read().ok()?);
        let mut request = Request::get(&format!("{}/v1/token", self.issuer));
        request.headers.push(("authorization".to_owned(), bearer(&token)));
        let reply = self.egress.send(&self.allowed, request).await.ok()?;
        if reply.status != 200 {
            return None;
        }
        #[expect(clippy::disallowed_methods, reason = "the reply names the token, it does not hold it")]
        let body: Value = serde_json::from_slice(reply.body.expose()).ok()?;
        body.get("id").and_then(Value::as_str).map(str::to_owned)
    }
}

async fn work(service: Arc<Service>) {
    loop {
        let counter = if service.call().await.is_some() { &service.served } else { &service.failed };
        counter.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(PACE).await;
    }
}

async fn health(State(service): State<Arc<Service>>) -> (StatusCode, Json<Value>) {
    match service.call().await {
        Some(token) => (StatusCode::OK, Json(json!({ "status": "ok", "token": token }))),
        None => (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "the token is refused" }))),
    }
}

async fn reload(State(service): State<Arc<Service>>) -> StatusCode {
    let Ok(token) = read(&service.file) else { return StatusCode::INTERNAL_SERVER_ERROR };
    match service.token.write() {
        Ok(mut held) => {
            *held = Arc::new(token);
            StatusCode::NO_CONTENT
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}
