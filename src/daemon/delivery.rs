//! Hands the outbox to the sinks, again and again, until it is taken.
//!
//! Each sink has a loop of its own: one that is away holds up nobody else, and no rotation. The wait between two tries
//! doubles up to [`LONGEST_PAUSE`]; after [`PATIENCE`] a message is given up. One that is refused or given up is logged,
//! counted, and told to the others. A sink is told once; a process that ends between the sink's yes and the mark in the
//! outbox tells it a second time.

use super::metrics::{Delivered, Metrics};
use super::millis;
use crate::alert::{AlertError, Moment, Notice, Route, words};
use crate::clock::Clock;
use crate::database::DatabaseError;
use crate::ledger::{End, Letter, Outbox, Waiting};
use crate::model::Timestamp;
use crate::telemetry;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// The wait after a first failure.
const FIRST_PAUSE: Duration = Duration::from_secs(5);
/// The longest wait between two tries.
pub const LONGEST_PAUSE: Duration = Duration::from_secs(900);
/// For how long a message is tried.
pub const PATIENCE: Duration = Duration::from_secs(3 * 86_400);
/// How long one hand-over may take; longer than any sink's own limits.
const HAND_OVER: Duration = Duration::from_secs(90);
/// A message stays in hand for so much longer, until what became of it is marked.
const MARGIN: Duration = Duration::from_secs(30);
/// When it is looked again for a message that another daemon has in hand.
const ELSEWHERE: Duration = Duration::from_secs(1);
/// How often a loop looks by itself, and the numbers are brought up to date.
const LOOK: Duration = Duration::from_secs(30);
/// How long the end of a hand-over is waited for when the daemon stops.
const FAREWELL: Duration = Duration::from_secs(10);
/// How long it is remembered that a key was told.
const MEMORY: Duration = Duration::from_secs(400 * 86_400);

/// The messages of a daemon.
#[derive(Debug)]
pub struct Delivery {
    outbox: Outbox,
    routes: Vec<Route>,
    clock: Arc<dyn Clock>,
    metrics: Arc<Metrics>,
    /// Changes whenever a message was put.
    put: watch::Sender<u64>,
    troubles: Mutex<BTreeMap<String, Trouble>>,
}

/// What is wrong with a sink.
#[derive(Clone, Debug)]
struct Trouble {
    since: Timestamp,
    failures: u32,
    why: String,
    /// A message was refused or given up; the next one that is taken does not undo that, a day does.
    lost: Option<Timestamp>,
}

impl Delivery {
    /// What is put into this outbox goes to these sinks.
    #[must_use]
    pub fn new(outbox: Outbox, routes: Vec<Route>, clock: Arc<dyn Clock>, metrics: Arc<Metrics>) -> Self {
        let (put, _) = watch::channel(0);
        Self { outbox, routes, clock, metrics, put, troubles: Mutex::default() }
    }

    /// Puts a notice into the outbox, for the sinks that want it; on return that is durable. One that was put before is
    /// not put again. Who was told of a case is also told how it goes on and ends, however urgent that is.
    ///
    /// # Errors
    /// When the database fails; the notice can be made again from the journal and told later.
    pub async fn tell(&self, notice: &Notice) -> Result<(), DatabaseError> {
        self.tell_but(notice, None).await
    }

    async fn tell_but(&self, notice: &Notice, but: Option<&str>) -> Result<(), DatabaseError> {
        let mut notice = notice.clone();
        // Built from what holds no secret; a name or a path may hold one all the same.
        notice.text = telemetry::redacted(&notice.text).into_owned();
        let mut sinks = Vec::new();
        for route in &self.routes {
            let name = route.sink.name();
            let follows = matches!(notice.moment, Moment::Acted | Moment::Done | Moment::RolledBack);
            let wanted = notice.urgency >= route.from
                || (follows && notice.case.is_some() && self.outbox.knows(name, notice.thread()).await?);
            if wanted && but != Some(name) {
                sinks.push(name);
            }
        }
        let Ok(text) = serde_json::to_string(&notice) else { return Ok(()) };
        let letter = Letter { key: &notice.key, thread: notice.thread(), notice: &text, at: self.clock.now() };
        if !sinks.is_empty() && self.outbox.put(letter, &sinks).await? > 0 {
            self.put.send_modify(|count| *count = count.wrapping_add(1));
        }
        Ok(())
    }

    /// Delivers until `stop` says true; what is not delivered then stays in the outbox.
    pub async fn run(self: Arc<Self>, stop: watch::Receiver<bool>) {
        let mut loops = tokio::task::JoinSet::new();
        for route in &self.routes {
            loops.spawn(Arc::clone(&self).serve(route.clone(), stop.clone()));
        }
        loops.spawn(Arc::clone(&self).count(stop));
        while let Some(ended) = loops.join_next().await {
            if let Err(error) = ended {
                tracing::error!(%error, "a loop that delivers messages ended");
            }
        }
    }

    /// What is wrong with sinks, in words; nothing where all is well.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let now = self.clock.now();
        let day = Duration::from_secs(86_400);
        let note = |(sink, trouble): (&String, &Trouble)| {
            if trouble.failures > 0 {
                return Some(format!("'{sink}' takes no messages since {}: {}", trouble.since, trouble.why));
            }
            let lost = trouble.lost.filter(|at| now.since(*at) < day)?;
            Some(format!("'{sink}' was not told something at {lost}: {}", trouble.why))
        };
        self.troubles().iter().filter_map(note).collect()
    }

    async fn serve(self: Arc<Self>, route: Route, mut stop: watch::Receiver<bool>) {
        let mut put = self.put.subscribe();
        let mut not_before = Timestamp(0);
        while !*stop.borrow_and_update() {
            put.mark_unchanged();
            let next = match self.outbox.next(route.sink.name()).await {
                Ok(next) => next,
                Err(error) => {
                    tracing::error!(%error, sink = route.sink.name(), "the messages that wait cannot be read");
                    self.metrics.journal_failed();
                    not_before = self.clock.now().after(FIRST_PAUSE);
                    None
                }
            };
            let now = self.clock.now();
            let until = match &next {
                Some(waiting) => waiting.not_before.max(not_before),
                None => now.after(LOOK).max(not_before),
            };
            match next {
                Some(waiting) if until <= now && !self.is_in_hand(&waiting).await => {
                    // Another daemon hands it over; what comes after it waits for that.
                    not_before = now.after(ELSEWHERE);
                }
                Some(waiting) if until <= now => {
                    let work = self.hand_over(&route, &waiting);
                    not_before = match ending(work, &mut stop).await {
                        Some(pause) => self.clock.now().after(pause),
                        None => return,
                    };
                }
                _ => tokio::select! {
                    () = self.clock.sleep_until(until.min(now.after(LOOK))) => {}
                    // The sender lives as long as this loop.
                    Ok(()) = put.changed() => {}
                    _ = stop.changed() => {}
                },
            }
        }
    }

    /// Takes a message in hand; false while another daemon has it, or that is not known.
    async fn is_in_hand(&self, waiting: &Waiting) -> bool {
        match self.outbox.take_in_hand(waiting.id, HAND_OVER + MARGIN).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::error!(%error, key = waiting.key, "a message cannot be taken in hand");
                self.metrics.journal_failed();
                false
            }
        }
    }

    /// Hands one message over and marks what became of it. Gives the pause after it.
    async fn hand_over(&self, route: &Route, waiting: &Waiting) -> Duration {
        let sink = route.sink.name();
        let outcome = match serde_json::from_str::<Notice>(&waiting.notice) {
            Ok(notice) => match tokio::time::timeout(HAND_OVER, route.sink.deliver(&notice)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(later(sink, "it took too long")),
            },
            Err(_) => Err(AlertError::Refused {
                sink: sink.to_owned(),
                code: "what waits was written by another version".to_owned(),
            }),
        };
        let now = self.clock.now();
        let (marked, pause) = match outcome {
            Ok(()) => (self.taken(sink, waiting, now).await, Duration::ZERO),
            Err(AlertError::Later { why, after, .. }) => self.put_off(sink, waiting, &why, after, now).await,
            Err(error) => (self.lost(sink, waiting, End::Refused, &error.to_string(), now).await, Duration::ZERO),
        };
        match marked {
            Ok(()) => pause,
            Err(error) => {
                tracing::error!(%error, sink, key = waiting.key, "what became of a message could not be recorded");
                self.metrics.journal_failed();
                pause.max(FIRST_PAUSE)
            }
        }
    }

    async fn taken(&self, sink: &str, waiting: &Waiting, now: Timestamp) -> Result<(), DatabaseError> {
        self.metrics.notified(sink, Delivered::Taken);
        let failures = {
            let mut troubles = self.troubles();
            troubles.get_mut(sink).map_or(0, |trouble| std::mem::take(&mut trouble.failures))
        };
        if failures > 0 {
            tracing::info!(sink, failures, "messages are taken again");
        }
        self.outbox.end(waiting.id, End::Taken, "", now).await
    }

    async fn put_off(
        &self,
        sink: &str,
        waiting: &Waiting,
        why: &str,
        after: Option<Duration>,
        now: Timestamp,
    ) -> (Result<(), DatabaseError>, Duration) {
        let failures = self.failed(sink, why, now);
        if now.since(waiting.at) >= PATIENCE {
            return (self.lost(sink, waiting, End::GivenUp, why, now).await, pause(failures));
        }
        self.metrics.notified(sink, Delivered::Later);
        tracing::warn!(
            sink,
            key = waiting.key,
            tried = waiting.tried.saturating_add(1),
            why,
            "a message was not taken yet"
        );
        let own = pause(waiting.tried.saturating_add(1)).max(after.unwrap_or_default());
        let pause = pause(failures).max(after.unwrap_or_default());
        (self.outbox.later(waiting.id, now.after(own), why).await, pause)
    }

    async fn lost(
        &self,
        sink: &str,
        waiting: &Waiting,
        end: End,
        why: &str,
        now: Timestamp,
    ) -> Result<(), DatabaseError> {
        let outcome = if end == End::GivenUp { Delivered::GivenUp } else { Delivered::Refused };
        self.metrics.notified(sink, outcome);
        tracing::error!(sink, key = waiting.key, outcome = end.word(), why, "a message will not arrive");
        {
            let mut troubles = self.troubles();
            let trouble = troubles.entry(sink.to_owned()).or_insert_with(|| Trouble::new(now));
            (trouble.lost, trouble.why) = (Some(now), why.to_owned());
        }
        let headline = serde_json::from_str::<Notice>(&waiting.notice).map(|notice| notice.headline().to_owned());
        let said = words::undelivered(sink, headline.as_deref().unwrap_or(&waiting.key), why, now);
        self.tell_but(&said, Some(sink)).await?;
        self.outbox.end(waiting.id, end, why, now).await
    }

    fn failed(&self, sink: &str, why: &str, now: Timestamp) -> u32 {
        let mut troubles = self.troubles();
        let trouble = troubles.entry(sink.to_owned()).or_insert_with(|| Trouble::new(now));
        if trouble.failures == 0 {
            trouble.since = now;
        }
        trouble.failures = trouble.failures.saturating_add(1);
        why.clone_into(&mut trouble.why);
        trouble.failures
    }

    /// Keeps the numbers of what waits up to date, and the memory of what was told bounded.
    async fn count(self: Arc<Self>, mut stop: watch::Receiver<bool>) {
        while !*stop.borrow_and_update() {
            let now = self.clock.now();
            match self.outbox.queues().await {
                Ok(queues) => {
                    for route in &self.routes {
                        let sink = route.sink.name();
                        let queue = queues.iter().find(|queue| queue.sink == sink);
                        let depth = queue.map_or(0, |queue| queue.depth);
                        let oldest = queue.map_or(Duration::ZERO, |queue| now.since(queue.oldest));
                        self.metrics.notifications(sink, depth, oldest);
                    }
                    let gone =
                        |queue: &&crate::ledger::Queue| self.routes.iter().all(|route| route.sink.name() != queue.sink);
                    for queue in queues.iter().filter(gone) {
                        tracing::warn!(
                            sink = queue.sink,
                            messages = queue.depth,
                            "messages wait for a sink that the configuration no longer names"
                        );
                    }
                    if let Err(error) = self.outbox.forget(Timestamp(now.0.saturating_sub(millis(MEMORY)))).await {
                        tracing::warn!(%error, "old messages could not be forgotten");
                    }
                }
                Err(error) => tracing::warn!(%error, "the messages that wait cannot be counted"),
            }
            tokio::select! {
                () = self.clock.sleep_until(now.after(LOOK)) => {}
                _ = stop.changed() => {}
            }
        }
    }

    fn troubles(&self) -> MutexGuard<'_, BTreeMap<String, Trouble>> {
        self.troubles.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    fn new(now: Timestamp) -> Self {
        Self { since: now, failures: 0, why: String::new(), lost: None }
    }
}

/// Brings work to its end; none where the daemon stops and it takes too long.
async fn ending<T>(work: impl Future<Output = T>, stop: &mut watch::Receiver<bool>) -> Option<T> {
    tokio::pin!(work);
    tokio::select! {
        done = &mut work => return Some(done),
        _ = stop.wait_for(|stop| *stop) => {}
    }
    tokio::time::timeout(FAREWELL, work).await.ok()
}

fn later(sink: &str, why: &str) -> AlertError {
    AlertError::Later { sink: sink.to_owned(), why: why.to_owned(), after: None }
}

/// The wait after so many failures in a row.
fn pause(failures: u32) -> Duration {
    let doublings = failures.saturating_sub(1).min(16);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests;
