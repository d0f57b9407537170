//! Time: the only place that reads the system's clocks.

use crate::model::Timestamp;

/// Where the program takes the time from; tests hold their own.
#[cfg_attr(feature = "rotate", async_trait::async_trait)]
pub trait Clock: std::fmt::Debug + Send + Sync {
    /// The wall clock, UTC.
    fn now(&self) -> Timestamp;

    /// Milliseconds of a clock that never goes back, from some start of its own.
    fn monotonic(&self) -> u64;

    /// Returns when [`Clock::now`] has reached `at`.
    #[cfg(feature = "rotate")]
    async fn sleep_until(&self, at: Timestamp);
}

/// The system's clocks.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: std::time::Instant,
}

impl SystemClock {
    /// Starts the monotonic clock.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub fn new() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg_attr(feature = "rotate", async_trait::async_trait)]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }

    fn monotonic(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    #[cfg(feature = "rotate")]
    async fn sleep_until(&self, at: Timestamp) {
        tokio::time::sleep(at.since(self.now())).await;
    }
}
