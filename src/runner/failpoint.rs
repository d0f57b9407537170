//! Where a test kills the program: on both sides of every record, and so on both sides of every effect. With `STANCH_FAIL_AT`
//! the program tells every such boundary that it passes, and at the one that is named there it dies. Builds without debug
//! assertions, as releases are, hold none of it.

use crate::rotation::{Event, State};

/// A side of a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum Side {
    /// It is not durable yet.
    Before,
    /// It is.
    After,
}

/// Tells where the program is, and kills the process without unwinding if the environment names this place. `state` is what
/// the event is applied to; none is there before the first.
#[cfg(debug_assertions)]
pub(super) fn boundary(side: Side, state: Option<&State>, event: &Event) {
    use rustix::process::{Signal, getpid, kill_process};
    use std::collections::BTreeMap;
    use std::sync::{LazyLock, Mutex, PoisonError};

    static FATAL: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("STANCH_FAIL_AT").ok());
    static PASSED: Mutex<BTreeMap<String, u64>> = Mutex::new(BTreeMap::new());

    let Some(fatal) = &*FATAL else { return };
    let place = format!("{side:?} {}", record(state, event));
    let times = {
        let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
        let times = passed.entry(place.clone()).or_default();
        *times = times.saturating_add(1);
        *times
    };
    let place = format!("{place} {times}");
    if place != *fatal {
        tracing::error!("passed a boundary: {place}");
        return;
    }
    tracing::error!("killed at a boundary: {place}");
    if let Err(error) = kill_process(getpid(), Signal::KILL) {
        tracing::error!(%error, "the process could not be killed");
    }
}

/// What the record is: the intent or the outcome of a step, or a word that changes nothing outside.
#[cfg(debug_assertions)]
fn record(state: Option<&State>, event: &Event) -> String {
    use crate::rotation::{Fact, Pace};
    match (&event.fact, state.map(|state| &state.pace)) {
        (Fact::Began { step, .. }, _) => format!("intent {step:?}"),
        (Fact::Restarted | Fact::Ordered(..) | Fact::Signed(..), _) | (_, None | Some(Pace::Ready { .. })) => {
            let fact = format!("{:?}", event.fact);
            format!("word {}", fact.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default())
        }
        (_, Some(Pace::Running { step, .. })) => format!("outcome {step:?}"),
    }
}

#[cfg(not(debug_assertions))]
pub(super) fn boundary(_: Side, _: Option<&State>, _: &Event) {}
