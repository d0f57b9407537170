//! Time that passes only when nothing else is to be done, and what is on its way through it.

use super::super::super::*;
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::AtomicI64;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

/// Something that happens at its time whatever became of whoever wanted it.
type Thing = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct Inner {
    now: u64,
    /// When whoever is asked now wants to be asked again.
    wake: u64,
    sent: u64,
    under_way: BTreeMap<(u64, u64), Thing>,
}

/// One time for everything, in milliseconds.
#[derive(Default)]
pub(super) struct Time(Mutex<Inner>);

impl std::fmt::Debug for Time {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.now())
    }
}

impl Time {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    pub(super) fn now(&self) -> u64 {
        self.inner().now
    }

    pub(super) fn pass_to(&self, at: u64) {
        let mut inner = self.inner();
        inner.now = inner.now.max(at);
    }

    /// From now on it happens then, and nobody can stop it.
    pub(super) fn send(&self, after: u64, thing: Thing) {
        let mut inner = self.inner();
        inner.sent += 1;
        let key = (inner.now + after, inner.sent);
        inner.under_way.insert(key, thing);
    }

    /// When the next thing arrives.
    pub(super) fn next(&self) -> Option<u64> {
        self.inner().under_way.keys().next().map(|(at, _)| *at)
    }

    /// Takes the next thing off its way.
    pub(super) fn arrive(&self) -> Option<Thing> {
        self.inner().under_way.pop_first().map(|(_, thing)| thing)
    }

    pub(super) fn sleep(self: &Arc<Self>, span: u64) -> Sleep {
        Sleep { time: Arc::clone(self), until: self.now() + span }
    }

    /// Asks a future once; when it wants to be asked again, or what came of it.
    pub(super) fn ask<T>(&self, future: Pin<&mut (dyn Future<Output = T> + '_)>) -> Result<T, u64> {
        self.inner().wake = u64::MAX;
        match future.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Ok(done),
            Poll::Pending => Err(self.inner().wake),
        }
    }
}

/// A wait.
pub(super) struct Sleep {
    time: Arc<Time>,
    until: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.time.inner();
        if inner.now >= self.until {
            return Poll::Ready(());
        }
        inner.wake = inner.wake.min(self.until);
        Poll::Pending
    }
}

/// What a future gives that waits for nothing.
pub(super) fn at_once<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(done) => done,
        Poll::Pending => panic!("it waits"),
    }
}

/// One machine's clock: it may stand anywhere, and jump.
#[derive(Clone, Debug)]
pub(super) struct Watch {
    pub(super) time: Arc<Time>,
    pub(super) ahead: Arc<AtomicI64>,
}

/// What all clocks show in the beginning.
const START: u64 = 1_000_000_000;

#[async_trait]
impl Clock for Watch {
    fn now(&self) -> Timestamp {
        Timestamp((START + self.time.now()).saturating_add_signed(self.ahead.load(Ordering::SeqCst)))
    }

    fn monotonic(&self) -> u64 {
        self.time.now()
    }

    async fn sleep_until(&self, at: Timestamp) {
        let span = at.since(self.now());
        self.time.sleep(u64::try_from(span.as_millis()).unwrap()).await;
    }
}
