//! Says whether the daemon lives, is ready, has started: a listener of its own, beside the one for webhooks.
//!
//! `/livez` is only that the loop turns; `/readyz` is what its work needs; `/startupz` that recovery is over; `/metrics`
//! the numbers. It answers GET and HEAD, and only to who calls it by its own address: a web page that a browser on this
//! machine shows must not read it under another name.

use super::door::Door;
use super::metrics::{CONTENT_TYPE, Metrics};
use crate::clock::Clock;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::future::BoxFuture;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// How long an answer about something outside holds.
pub const HOLDS: Duration = Duration::from_secs(30);
/// How long one question may take.
const QUESTION: Duration = Duration::from_secs(5);
/// Requests under way at once; more are sent away.
const AT_ONCE: usize = 32;
/// Connections at once, and how long one lasts.
const CONNECTIONS: usize = 64;
const LASTS: Duration = Duration::from_secs(10);

/// One thing that the daemon's work needs.
pub struct Check {
    name: &'static str,
    holds: Duration,
    ask: Ask,
    last: Mutex<Option<(u64, Result<(), String>)>>,
}

type Ask = Box<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;
type Notes = Box<dyn Fn() -> Vec<String> + Send + Sync>;

impl Check {
    /// A check of this name. Its answer holds for a while: [`HOLDS`] for what is outside, nothing for what is in memory.
    /// An error is public text.
    pub fn new<F>(name: &'static str, holds: Duration, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, holds, ask: Box::new(move || Box::pin(ask())), last: Mutex::default() }
    }

    async fn answer(&self, now: u64) -> Result<(), String> {
        let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((at, answer)) = known
            && Duration::from_millis(now.saturating_sub(at)) < self.holds
        {
            return answer;
        }
        let took_long = || Err(format!("no answer within {} s", QUESTION.as_secs()));
        let answer = tokio::time::timeout(QUESTION, (self.ask)()).await.unwrap_or_else(|_| took_long());
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((now, answer.clone()));
        answer
    }
}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

/// How the daemon is.
pub struct Health {
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// By the monotonic clock.
    turned: AtomicU64,
    within: Duration,
    started: AtomicBool,
    stopping: AtomicBool,
    checks: Vec<Check>,
    notes: Notes,
    asked: Semaphore,
}

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Health").field("checks", &self.checks).finish_non_exhaustive()
    }
}

impl Health {
    /// It lives while its loop turns within `within`, and is ready while all checks are good. Notes (a sink that is away,
    /// a configuration that was refused) are shown and change nothing: nobody is helped by a daemon that is taken out
    /// because somebody cannot be told.
    #[must_use]
    pub fn new(
        clock: Arc<dyn Clock>,
        metrics: Arc<Metrics>,
        within: Duration,
        checks: Vec<Check>,
        notes: impl Fn() -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        let turned = AtomicU64::new(clock.monotonic());
        Self {
            clock,
            metrics,
            turned,
            within,
            started: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            checks,
            notes: Box::new(notes),
            asked: Semaphore::new(AT_ONCE),
        }
    }

    /// The daemon's loop came round.
    pub fn turned(&self) {
        self.turned.store(self.clock.monotonic(), Ordering::Relaxed);
    }

    /// Recovery is over: open cases were taken up.
    pub fn started(&self) {
        self.started.store(true, Ordering::Relaxed);
    }

    /// The daemon was told to stop: it is no longer ready.
    pub fn stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// True while the loop turns: what the service manager's watchdog is fed from.
    #[must_use]
    pub fn lives(&self) -> bool {
        let since = self.clock.monotonic().saturating_sub(self.turned.load(Ordering::Relaxed));
        Duration::from_millis(since) <= self.within
    }

    /// Serves until `stop` ends.
    ///
    /// # Errors
    /// When the listener fails.
    pub async fn serve(
        self: Arc<Self>,
        listener: TcpListener,
        stop: impl Future<Output = ()> + Send + 'static,
    ) -> std::io::Result<()> {
        let own = listener.local_addr()?;
        let guard = middleware::from_fn(move |request: Request, next: Next| async move {
            if is_ours(&request, own) {
                next.run(request).await
            } else {
                (StatusCode::MISDIRECTED_REQUEST, "this is not the name of this listener\n").into_response()
            }
        });
        let limit = middleware::from_fn_with_state(Arc::clone(&self), limited);
        let routes = Router::new()
            .route("/livez", get(livez))
            .route("/readyz", get(readyz))
            .route("/startupz", get(startupz))
            .route("/metrics", get(metrics))
            .layer(limit)
            .layer(guard)
            .with_state(self);
        axum::serve(Door::new(listener, CONNECTIONS, LASTS), routes).with_graceful_shutdown(stop).await
    }

    async fn ready(&self) -> (bool, serde_json::Value) {
        let now = self.clock.monotonic();
        let mut good = self.started.load(Ordering::Relaxed) && !self.stopping.load(Ordering::Relaxed);
        let answers = futures_util::future::join_all(self.checks.iter().map(|check| check.answer(now))).await;
        let mut checks = Vec::new();
        for (check, answer) in self.checks.iter().zip(answers) {
            good &= answer.is_ok();
            checks.push(match answer {
                Ok(()) => serde_json::json!({ "name": check.name, "good": true }),
                Err(why) => serde_json::json!({ "name": check.name, "good": false, "why": why }),
            });
        }
        let state = match (good, self.stopping.load(Ordering::Relaxed), self.started.load(Ordering::Relaxed)) {
            (true, ..) => "ready",
            (false, true, _) => "stopping",
            (false, false, false) => "starting",
            (false, false, true) => "not ready",
        };
        (good, serde_json::json!({ "state": state, "checks": checks, "notes": (self.notes)() }))
    }
}

async fn limited(State(health): State<Arc<Health>>, request: Request, next: Next) -> Response {
    match health.asked.try_acquire() {
        Ok(_permit) => next.run(request).await,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "too many questions at once\n").into_response(),
    }
}

async fn livez(State(health): State<Arc<Health>>) -> Response {
    if health.lives() {
        (StatusCode::OK, "alive\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the loop does not turn\n").into_response()
    }
}

async fn readyz(State(health): State<Arc<Health>>) -> Response {
    let (good, said) = health.ready().await;
    let status = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CONTENT_TYPE, "application/json")], format!("{said}\n")).into_response()
}

async fn startupz(State(health): State<Arc<Health>>) -> Response {
    if health.started.load(Ordering::Relaxed) {
        (StatusCode::OK, "started\n").into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "open cases are being taken up\n").into_response()
    }
}

async fn metrics(State(health): State<Arc<Health>>) -> Response {
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], health.metrics.text()).into_response()
}

/// True when the request names this listener: by a loopback name or address, or by the address that it is bound to. One
/// that is bound to every address is called by any of them, and never by a name, which anybody could make lead here.
fn is_ours(request: &Request, own: SocketAddr) -> bool {
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let Some(name) = without_port(host) else { return false };
    if name.eq_ignore_ascii_case("localhost") {
        return true;
    }
    match name.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip == own.ip() || own.ip().is_unspecified(),
        Err(_) => false,
    }
}

fn without_port(host: &str) -> Option<&str> {
    if let Some(rest) = host.strip_prefix('[') {
        let (name, port) = rest.split_once(']')?;
        let plain = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
        return plain.then_some(name);
    }
    match host.split_once(':') {
        None => Some(host),
        Some((name, port)) => port.parse::<u16>().is_ok().then_some(name),
    }
}

#[cfg(test)]
mod tests;
