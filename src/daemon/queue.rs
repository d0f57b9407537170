//! What is to be scanned: each repository at most once, however often it was called for, and never twice at a time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Repositories that may wait.
const MOST: usize = 4096;

/// A repository of a source.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Job {
    /// The source in the operator's file.
    pub(super) source: String,
    /// Which of its repositories: its path on this machine, or its name elsewhere.
    pub(super) repository: String,
}

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

#[derive(Debug, Default)]
pub(super) struct Queue {
    inner: Mutex<Inner>,
    bell: Notify,
}

impl Queue {
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
            rung.await;
        }
    }

    fn take(&self) -> Option<Job> {
        let mut inner = self.inner();
        let at = inner.order.iter().position(|job| !inner.running.contains(job))?;
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

    /// It was scanned; it may be again.
    pub(super) fn done(&self, job: &Job) {
        self.inner().running.remove(job);
        self.bell.notify_one();
    }

    /// How many wait, and since when the oldest does.
    pub(super) fn depth(&self) -> (usize, Option<u64>) {
        let inner = self.inner();
        (inner.waiting.len(), inner.waiting.values().min().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(name: &str) -> Job {
        Job { source: "shop".into(), repository: name.into() }
    }

    #[tokio::test]
    async fn many_calls_are_one_scan_and_one_that_runs_is_called_again_afterwards() {
        let queue = Queue::default();
        for now in 0..100 {
            queue.call(job("a"), now).unwrap();
        }
        queue.call(job("b"), 100).unwrap();
        assert_eq!(queue.depth(), (2, Some(0)));
        assert_eq!(queue.next().await, job("a"));
        queue.call(job("a"), 101).unwrap();
        assert_eq!(queue.next().await, job("b"), "a is being scanned");
        assert_eq!(queue.take(), None);
        queue.done(&job("a"));
        assert_eq!(queue.next().await, job("a"));
        assert_eq!(queue.depth(), (0, None));
    }

    #[tokio::test]
    async fn it_is_bounded_and_says_so() {
        let queue = Queue::default();
        for number in 0..MOST {
            queue.call(job(&number.to_string()), 0).unwrap();
        }
        assert_eq!(queue.call(job("more"), 0), Err(Full));
        assert_eq!(queue.call(job("7"), 0), Ok(()), "one that waits takes no room");
    }

    #[tokio::test]
    async fn whoever_waits_is_woken() {
        let queue = std::sync::Arc::new(Queue::default());
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
}
