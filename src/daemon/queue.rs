//! What is to be scanned: each repository at most once, however often it was called for, and never twice at a time. Where
//! several daemons share a server, what lies elsewhere is handed in there, and whoever has time takes it.

use crate::ledger::Jobs;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

pub(super) use crate::ledger::Job;

/// Repositories that may wait.
const MOST: usize = 4096;
/// How long a repository is held without a word of the daemon that scans it, and how often it gives one.
const HELD: Duration = Duration::from_secs(120);
const WORD: Duration = Duration::from_secs(20);
/// How often it is looked what others handed in.
const LOOK: Duration = Duration::from_secs(1);

/// There is no room for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

#[derive(Debug, Default)]
struct Inner {
    order: VecDeque<Job>,
    /// Those that wait, with the time since they do.
    waiting: BTreeMap<Job, u64>,
    running: BTreeSet<Job>,
}

/// Whether a source lies on this machine, where no other daemon reaches it.
type IsHere = Box<dyn Fn(&str) -> bool + Send + Sync>;

pub(super) struct Queue {
    inner: Mutex<Inner>,
    bell: Notify,
    shared: Option<Jobs>,
    is_here: IsHere,
    /// What waits in the shared part, as it was seen last.
    seen: Mutex<(u64, Duration)>,
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl Queue {
    /// An empty one; with what several daemons share, where they do.
    pub(super) fn new(shared: Option<Jobs>, is_here: IsHere) -> Self {
        Self { inner: Mutex::default(), bell: Notify::new(), shared, is_here, seen: Mutex::default() }
    }

    /// Whether other daemons take from it too.
    pub(super) fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        // Nothing under the lock panics half-way through a change.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Calls for a scan; one that waits already stands for this call too. `now` is of the monotonic clock.
    pub(super) fn call(&self, job: Job, now: u64) -> Result<(), Full> {
        let mut inner = self.inner();
        if inner.waiting.contains_key(&job) {
            return Ok(());
        }
        if inner.waiting.len() >= MOST {
            return Err(Full);
        }
        inner.waiting.insert(job.clone(), now);
        inner.order.push_back(job);
        drop(inner);
        self.bell.notify_one();
        Ok(())
    }

    /// The next one that nobody scans at this moment. [`Queue::done`] follows.
    pub(super) async fn next(&self) -> Job {
        loop {
            // Before it is looked, so that no call is missed in between.
            let rung = self.bell.notified();
            if let Some(job) = self.take() {
                return job;
            }
            let Some(shared) = &self.shared else {
                rung.await;
                continue;
            };
            if let Some(job) = self.take_shared(shared).await {
                return job;
            }
            tokio::select! {
                () = rung => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    /// Hands in what was called for here, and takes what waits for longest anywhere.
    async fn take_shared(&self, shared: &Jobs) -> Option<Job> {
        while let Some((job, since)) = self.take_out() {
            if let Err(error) = shared.call(&job).await {
                tracing::warn!(%error, "what is to be scanned could not be handed in yet");
                let mut inner = self.inner();
                if inner.waiting.insert(job.clone(), since).is_none() {
                    inner.order.push_back(job);
                }
                break;
            }
        }
        let taken = match shared.take(HELD).await {
            Ok(taken) => taken,
            Err(error) => {
                tracing::warn!(%error, "what is to be scanned cannot be read");
                return None;
            }
        };
        match shared.depth().await {
            Ok((depth, oldest)) => {
                *self.seen.lock().unwrap_or_else(PoisonError::into_inner) = (depth, oldest.unwrap_or_default());
            }
            Err(error) => tracing::debug!(%error, "how much is to be scanned is not known"),
        }
        let taken = taken?;
        if self.inner().running.insert(taken.clone()) {
            return Some(taken);
        }
        // One that this daemon lost, because it stood still, and still scans: it waits again behind that.
        if let Err(error) = shared.call(&taken).await {
            tracing::warn!(%error, "what is to be scanned again is left to the next poll");
        }
        None
    }

    /// The next one to be handed in. A call that comes from now on is another one.
    fn take_out(&self) -> Option<(Job, u64)> {
        let mut inner = self.inner();
        let at = inner.order.iter().position(|job| !(self.is_here)(&job.source))?;
        let job = inner.order.remove(at)?;
        let since = inner.waiting.remove(&job)?;
        Some((job, since))
    }

    /// Does the work of a scan, and gives word meanwhile that it is being done.
    pub(super) async fn holding<T>(&self, job: &Job, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep(WORD) => {
                    let Some(shared) = self.shared.as_ref().filter(|_| !(self.is_here)(&job.source)) else { continue };
                    match shared.keep(job, HELD).await {
                        Ok(true) => {}
                        Ok(false) => tracing::warn!(source = job.source, "another daemon scans this too: this one stood still"),
                        Err(error) => tracing::warn!(%error, "that a scan is under way could not be said"),
                    }
                }
            }
        }
    }

    /// What other daemons, or this one, scanned whole, and how long ago.
    pub(super) async fn whole_elsewhere(&self) -> Vec<(Job, Duration)> {
        let Some(shared) = &self.shared else { return Vec::new() };
        shared.whole().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "what other daemons scanned is not known");
            Vec::new()
        })
    }

    fn take(&self) -> Option<Job> {
        let mut inner = self.inner();
        let may = |job: &Job| self.shared.is_none() || (self.is_here)(&job.source);
        let at = inner.order.iter().position(|job| !inner.running.contains(job) && may(job))?;
        let job = inner.order.remove(at)?;
        inner.waiting.remove(&job);
        inner.running.insert(job.clone());
        let more = !inner.order.is_empty();
        drop(inner);
        if more {
            self.bell.notify_one();
        }
        Some(job)
    }

    /// It was scanned, `whole` or not; it may be again.
    pub(super) async fn done(&self, job: &Job, whole: bool) {
        self.inner().running.remove(job);
        if let Some(shared) = self.shared.as_ref().filter(|_| !(self.is_here)(&job.source))
            && let Err(error) = shared.done(job, whole).await
        {
            tracing::warn!(%error, "a scan could not be marked as done; it is free again when its time has run out");
        }
        self.bell.notify_one();
    }

    /// How many wait, and for how long the oldest does. `now` is of the monotonic clock.
    pub(super) fn depth(&self, now: u64) -> (usize, Duration) {
        let inner = self.inner();
        let since = inner.waiting.values().min();
        let oldest = since.map_or(Duration::ZERO, |since| Duration::from_millis(now.saturating_sub(*since)));
        let (shared, longest) = *self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (inner.waiting.len().saturating_add(usize::try_from(shared).unwrap_or(usize::MAX)), oldest.max(longest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::database::{Database, scratch};

    fn alone() -> Queue {
        Queue::new(None, Box::new(|_| true))
    }

    fn job(name: &str) -> Job {
        Job { source: "shop".into(), repository: name.into() }
    }

    #[tokio::test]
    async fn many_calls_are_one_scan_and_one_that_runs_is_called_again_afterwards() {
        let queue = alone();
        for now in 0..100 {
            queue.call(job("a"), now).unwrap();
        }
        queue.call(job("b"), 100).unwrap();
        assert_eq!(queue.depth(100), (2, Duration::from_millis(100)));
        assert_eq!(queue.next().await, job("a"));
        queue.call(job("a"), 101).unwrap();
        assert_eq!(queue.next().await, job("b"), "a is being scanned");
        assert_eq!(queue.take(), None);
        queue.done(&job("a"), true).await;
        assert_eq!(queue.next().await, job("a"));
        assert_eq!(queue.depth(200), (0, Duration::ZERO));
    }

    #[tokio::test]
    async fn it_is_bounded_and_says_so() {
        let queue = alone();
        for number in 0..MOST {
            queue.call(job(&number.to_string()), 0).unwrap();
        }
        assert_eq!(queue.call(job("more"), 0), Err(Full));
        assert_eq!(queue.call(job("7"), 0), Ok(()), "one that waits takes no room");
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let queue = std::sync::Arc::new(alone());
        let waiting: Vec<_> = (0..3)
            .map(|_| {
                let queue = std::sync::Arc::clone(&queue);
                tokio::spawn(async move { queue.next().await })
            })
            .collect();
        tokio::task::yield_now().await;
        for name in ["a", "b", "c"] {
            queue.call(job(name), 0).unwrap();
        }
        let mut woken = Vec::new();
        for one in waiting {
            woken.push(one.await.unwrap().repository);
        }
        woken.sort();
        assert_eq!(woken, ["a", "b", "c"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs a real PostgreSQL: ./tests/run"]
    async fn what_one_daemon_is_called_for_another_may_scan_but_not_what_lies_on_its_machine() {
        let database = std::sync::Arc::new(Database::connect(&scratch().await).await.unwrap());
        let daemon = |holder: &str| {
            let jobs = Jobs::shared(std::sync::Arc::clone(&database), holder);
            Queue::new(jobs, Box::new(|source| source == "here"))
        };
        let (one, other) = (daemon("a"), daemon("b"));
        let here = Job { source: "here".into(), repository: "/srv/shop".into() };
        for job in [&job("x"), &job("x"), &job("y"), &here] {
            one.call(job.clone(), 0).unwrap();
        }
        assert_eq!(one.next().await, here, "it is nobody else's");
        assert_eq!(one.next().await, job("x"), "handed in, and taken");
        one.call(job("x"), 0).unwrap();
        assert_eq!(other.holding(&job("y"), other.next()).await, job("y"));
        let shared = other.shared.as_ref().unwrap();
        assert_eq!(other.take_shared(shared).await, None, "x is being scanned");
        assert_eq!(one.take_shared(one.shared.as_ref().unwrap()).await, None, "and was called for again");
        one.done(&job("x"), true).await;
        assert_eq!(other.next().await, job("x"));
        assert_eq!(other.whole_elsewhere().await.into_iter().map(|(job, _)| job).collect::<Vec<_>>(), [job("x")]);
        other.done(&job("x"), true).await;
        other.done(&job("y"), false).await;
        assert_eq!(one.take_shared(one.shared.as_ref().unwrap()).await, None);
        assert_eq!(one.depth(0), (0, Duration::ZERO));
    }
}
