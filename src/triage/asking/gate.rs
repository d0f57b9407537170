//! What one address is spared: a budget, pauses that it asks for, and questions after it has proved unable to answer.

use crate::clock::Clock;
use crate::model::{Reason, Timestamp, Verdict};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The longest pause that a run makes; what asks for more is not asked again.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The shortest one.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// So many questions in a row without an answer, and there are no more.
const MOST_UNANSWERED: u32 = 3;

/// The gate before one address.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    spent: u64,
    until: Option<Timestamp>,
    unanswered: u32,
    closed: Option<Reason>,
}

impl Gate {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests that were sent or have their place.
    pub(super) fn spent(&self) -> u64 {
        self.state().spent
    }

    /// Whether so many more fit.
    pub(super) fn has_room(&self, more: u64, budget: u64) -> bool {
        self.state().spent.saturating_add(more) <= budget
    }

    /// Takes their place.
    pub(super) fn spend(&self, more: u64) {
        let mut state = self.state();
        state.spent = state.spent.saturating_add(more);
    }

    /// Waits for the end of a pause. Why nobody may be asked any more, if that is so.
    pub(super) async fn pass(&self, clock: &dyn Clock) -> Option<Reason> {
        loop {
            let (closed, until) = {
                let state = self.state();
                (state.closed, state.until)
            };
            match until {
                Some(until) if closed.is_none() && clock.now() < until => clock.sleep_until(until).await,
                _ => return closed,
            }
        }
    }

    /// Counts what stays unanswered.
    pub(super) fn heard(&self, verdict: &Verdict) {
        let mut state = self.state();
        state.unanswered = if *verdict == Verdict::Unknown(Reason::Unreachable) { state.unanswered + 1 } else { 0 };
        if state.unanswered >= MOST_UNANSWERED {
            state.closed.get_or_insert(Reason::Unreachable);
        }
    }

    /// Nobody asks before this time is over. False where that is too long to wait for.
    pub(super) fn pause(&self, now: Timestamp, wait: Duration) -> bool {
        if wait > LONGEST_PAUSE {
            return false;
        }
        let mut state = self.state();
        state.until = state.until.max(Some(now.after(wait.max(SHORTEST_PAUSE))));
        true
    }

    /// Nobody is asked any more.
    pub(super) fn close(&self, why: Reason) {
        self.state().closed.get_or_insert(why);
    }
}
