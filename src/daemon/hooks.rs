//! Webhooks: a call that is proved to be the forge's makes us look, once. What it says beyond that is not believed.

use super::afar::Afar;
use super::chain_of;
use super::door::Door;
use super::house::House;
use super::queue::Queue;
use crate::clock::Clock as _;
use crate::config::service::{Forge, Watched, Webhook};
use crate::fetch::{Event, WebhookError, webhook};
use crate::ledger::Deliveries;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::routing::post;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// Mebibytes of bodies that are held at the same time.
const ROOM: usize = 200;
/// A mebibyte.
const PART: usize = 1 << 20;
/// How long a call waits for room: the forges wait for ten seconds and longer.
const TURN: Duration = Duration::from_secs(5);
/// How long a body may take to come.
const PATIENCE: Duration = Duration::from_secs(20);
/// Connections at once, and how long one lasts.
const AT_ONCE: usize = 256;
const LASTS: Duration = Duration::from_secs(30);

/// Rung when a call names a repository of a source that is not known yet. Whoever was busy meanwhile hears of it later.
#[derive(Clone, Debug, Default)]
pub(super) struct Bell {
    rings: Arc<watch::Sender<BTreeMap<String, u64>>>,
}

impl Bell {
    fn ring(&self, source: &str) {
        self.rings.send_modify(|rings| {
            let count = rings.entry(source.to_owned()).or_default();
            *count = count.wrapping_add(1);
        });
    }

    /// How often it was rung for a source.
    pub(super) fn rings(&self, source: &str) -> u64 {
        self.rings.borrow().get(source).copied().unwrap_or(0)
    }

    /// Waits until it was rung again for a source, since it had been `before` times.
    pub(super) async fn heard(&self, source: &str, before: u64) -> u64 {
        let count = |rings: &BTreeMap<String, u64>| rings.get(source).copied().unwrap_or(0);
        let mut listening = self.rings.subscribe();
        // The sender lives for as long as this does.
        let heard = listening.wait_for(|rings| count(rings) != before).await;
        heard.map_or(before, |rings| count(&rings))
    }
}

/// What a call is held against.
pub(super) struct Desk {
    pub(super) house: Arc<House>,
    pub(super) queue: Arc<Queue>,
    pub(super) afar: Arc<Afar>,
    pub(super) deliveries: Deliveries,
    /// Rung when a call names a repository that is not known yet.
    pub(super) unknown: Bell,
    room: Semaphore,
}

impl Desk {
    pub(super) fn new(
        house: Arc<House>,
        queue: Arc<Queue>,
        afar: Arc<Afar>,
        deliveries: Deliveries,
        unknown: Bell,
    ) -> Self {
        Self { house, queue, afar, deliveries, unknown, room: Semaphore::new(ROOM) }
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
            if let Err(error) = axum::serve(Door::new(listener, AT_ONCE, LASTS), router).await {
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
) -> (StatusCode, [(HeaderName, &'static str); 1], &'static str) {
    let (status, words) = desk.answer(&source, &headers, body).await;
    desk.house.metrics.webhook(forge_of(&desk.house, &source), outcome_of(status));
    if status.is_success() {
        tracing::info!(source, status = status.as_u16(), words, "webhook");
    } else {
        tracing::warn!(source, status = status.as_u16(), words, "webhook");
    }
    // One call a connection: one that is kept is ended at some time, and the next call on it would be lost.
    (status, [(header::CONNECTION, "close")], words)
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
        // What says how long it is takes that much room; what does not say it may be as long as any.
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let parts = length.unwrap_or(webhook::LARGEST_BODY).min(webhook::LARGEST_BODY).div_ceil(PART).max(1);
        let room = self.room.acquire_many(u32::try_from(parts).unwrap_or(u32::MAX));
        let Ok(Ok(_room)) = tokio::time::timeout(TURN, room).await else {
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
            self.unknown.ring(source);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_bell_is_heard_by_whoever_was_busy_and_by_nobody_else() {
        let bell = Bell::default();
        let before = bell.rings("shop");
        bell.ring("shop");
        let heard = bell.heard("shop", before).await;
        assert_ne!(heard, before);
        let again = tokio::time::timeout(Duration::from_millis(50), bell.heard("shop", heard)).await;
        assert!(again.is_err(), "once a ring");
        let other = tokio::time::timeout(Duration::from_millis(50), bell.heard("other", bell.rings("other"))).await;
        assert!(other.is_err());
    }
}
