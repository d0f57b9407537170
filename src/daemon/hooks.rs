//! Webhooks: a call that is proved to be the forge's makes us look, once. What it says beyond that is not believed.

use super::afar::Afar;
use super::chain_of;
use super::house::House;
use super::queue::Queue;
use crate::clock::Clock as _;
use crate::config::service::{Forge, Watched, Webhook};
use crate::fetch::{Event, WebhookError, webhook};
use crate::ledger::Deliveries;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;

/// Calls whose bodies are held at the same time.
const AT_ONCE: usize = 8;
/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a call is held against.
pub(super) struct Desk {
    pub(super) house: Arc<House>,
    pub(super) queue: Arc<Queue>,
    pub(super) afar: Arc<Afar>,
    pub(super) deliveries: Deliveries,
    /// Rung when a call names a repository that is not known yet.
    pub(super) unknown: Arc<Notify>,
    room: Semaphore,
}

impl Desk {
    pub(super) fn new(
        house: Arc<House>,
        queue: Arc<Queue>,
        afar: Arc<Afar>,
        deliveries: Deliveries,
        unknown: Arc<Notify>,
    ) -> Self {
        Self { house, queue, afar, deliveries, unknown, room: Semaphore::new(AT_ONCE) }
    }
}

/// The listener; it ends when it is dropped.
pub(super) struct Hooks {
    pub(super) address: SocketAddr,
    task: JoinHandle<()>,
}

impl Hooks {
    /// Begins to listen.
    ///
    /// # Errors
    /// When the address cannot be listened at.
    pub(super) async fn listen(address: SocketAddr, desk: Arc<Desk>) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let bound = listener.local_addr()?;
        tracing::info!(address = %bound, "webhooks are received");
        let router = Router::new()
            .route("/hooks/{source}", post(receive))
            .layer(DefaultBodyLimit::max(webhook::LARGEST_BODY))
            .with_state(desk);
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "webhooks are not received any more");
            }
        });
        Ok(Self { address, task })
    }
}

impl Drop for Hooks {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn receive(
    State(desk): State<Arc<Desk>>,
    Path(source): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> (StatusCode, &'static str) {
    let (status, words) = desk.answer(&source, &headers, body).await;
    desk.house.metrics.webhook(forge_of(&desk.house, &source), outcome_of(status));
    if status.is_success() {
        tracing::info!(source, status = status.as_u16(), words, "webhook");
    } else {
        tracing::warn!(source, status = status.as_u16(), words, "webhook");
    }
    (status, words)
}

impl Desk {
    async fn answer(&self, source: &str, headers: &HeaderMap, body: Body) -> (StatusCode, &'static str) {
        let (forge, secret) = match self.house.config().webhook(source) {
            Ok(Some(webhook)) => webhook,
            Ok(None) => return (StatusCode::NOT_FOUND, "nobody calls about such a source"),
            Err(error) => {
                tracing::error!(error = chain_of(&error), "the secret of a webhook cannot be read");
                return (StatusCode::SERVICE_UNAVAILABLE, "the call cannot be proved now");
            }
        };
        let Ok(_room) = self.room.try_acquire() else {
            return (StatusCode::SERVICE_UNAVAILABLE, "too many calls at once: deliver it again");
        };
        let body = match tokio::time::timeout(PATIENCE, to_bytes(body, webhook::LARGEST_BODY)).await {
            Ok(Ok(body)) => body,
            Ok(Err(_)) => return (StatusCode::PAYLOAD_TOO_LARGE, "the call is too large, or was cut off"),
            Err(_) => return (StatusCode::REQUEST_TIMEOUT, "the call took too long"),
        };
        let header = |name: &str| headers.get(name)?.to_str().ok().map(ToOwned::to_owned);
        let call = match webhook::read(forge, &header, &body, &secret) {
            Ok(call) => call,
            Err(error) => return refusal(error),
        };
        let named = match call.event {
            Event::Push(named) | Event::Look(named) => named,
            Event::Ping => return (StatusCode::OK, "well received"),
            Event::Other => return (StatusCode::ACCEPTED, "nothing to do"),
        };
        match self.deliveries.is_new(source, &call.delivery, self.house.clock.now()).await {
            Ok(true) => {}
            Ok(false) => return (StatusCode::ACCEPTED, "known already"),
            Err(error) => {
                tracing::warn!(error = chain_of(&error), "a webhook could not be noted");
                return (StatusCode::SERVICE_UNAVAILABLE, "the call cannot be noted now: deliver it again");
            }
        }
        let jobs = self.afar.named(source, &named);
        if jobs.is_empty() {
            // A repository that was made since they were listed.
            self.unknown.notify_waiters();
            return (StatusCode::ACCEPTED, "not one that is known: they are listed again");
        }
        let now = self.house.clock.monotonic();
        if jobs.into_iter().any(|job| self.queue.call(job, now).is_err()) {
            if let Err(error) = self.deliveries.forget(source, &call.delivery).await {
                tracing::warn!(
                    error = chain_of(&error),
                    "a webhook is known that was not acted upon; the poll finds it"
                );
            }
            return (StatusCode::SERVICE_UNAVAILABLE, "too much waits to be scanned: deliver it again");
        }
        (StatusCode::ACCEPTED, "looked at")
    }
}

/// Few words for the numbers: never the name of a source, which may be anything.
fn forge_of(house: &House, source: &str) -> &'static str {
    match house.config().operator.sources.get(source).map(|watched| &watched.value) {
        Some(Watched::Git { webhook: Some(Webhook { from: forge, .. }), .. } | Watched::Forge { forge, .. }) => {
            match forge {
                Forge::Github => "github",
                Forge::Gitlab => "gitlab",
                Forge::Bitbucket => "bitbucket",
                Forge::Gitea => "gitea",
            }
        }
        _ => "unknown",
    }
}

fn outcome_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::OK | StatusCode::ACCEPTED => "taken",
        StatusCode::UNAUTHORIZED => "forged",
        StatusCode::SERVICE_UNAVAILABLE => "deferred",
        _ => "refused",
    }
}

fn refusal(error: WebhookError) -> (StatusCode, &'static str) {
    match error {
        WebhookError::Unsigned => (StatusCode::UNAUTHORIZED, "the call is not signed"),
        WebhookError::Forged => (StatusCode::UNAUTHORIZED, "the signature is wrong"),
        WebhookError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the call is too large"),
        WebhookError::Secret => (StatusCode::SERVICE_UNAVAILABLE, "the secret of this webhook cannot be used"),
        _ => (StatusCode::BAD_REQUEST, "the call is not what its forge documents"),
    }
}
