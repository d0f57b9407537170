//! A provider on this machine that answers what it is told to, and remembers what it was asked.

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// One request as it came in.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) address: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
}

/// What is answered, one after the other; the last one for ever.
#[derive(Debug, Default)]
struct Script {
    answers: Vec<(u16, String)>,
    asked: Vec<Asked>,
}

type Shared = Arc<Mutex<Script>>;

/// The provider; it stops when this is dropped.
#[derive(Debug)]
pub(super) struct StandIn {
    base: String,
    script: Shared,
    task: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl StandIn {
    /// Starts it on a free port of 127.0.0.1.
    pub(super) async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let base = format!("http://{}", listener.local_addr()?);
        let script = Shared::default();
        let routes = Router::new().fallback(answer).with_state(Arc::clone(&script));
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::warn!(%error, "the provider on this machine stopped");
            }
        });
        Ok(Self { base, script, task })
    }

    /// Where it is.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// Answers so from now on, and forgets what it was asked.
    pub(super) fn answer(&self, answers: Vec<(u16, String)>) {
        *lock(&self.script) = Script { answers, asked: Vec::new() };
    }

    /// What it was asked since.
    pub(super) fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut lock(&self.script).asked)
    }
}

fn lock(script: &Shared) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn answer(
    State(script): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, String) {
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut script = lock(&script);
    let answer = script.answers.get(script.asked.len()).or(script.answers.last()).cloned();
    script.asked.push(Asked {
        method: method.to_string(),
        address: uri.to_string(),
        headers: headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect(),
        body: String::from_utf8_lossy(&body).into_owned(),
    });
    let (status, body) = answer.unwrap_or_default();
    (StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), body)
}
