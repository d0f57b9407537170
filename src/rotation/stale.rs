//! A word is given for what its speaker saw. Where that has changed since in a way that matters, it is not taken: whoever
//! said it looks again.

use super::{Fact, Order, State};

/// What has changed since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Stale {
    /// The case has gone on, or waits for something else, or for the same once more.
    #[error("the case does not stand where it stood then")]
    Moved,
    /// There was a way back then.
    #[error("the end of the old token was begun since, or taken back")]
    Pivoted,
    /// More would fail than was said then.
    #[error("a new token, or the proof of a dependent, that there was then is there no more")]
    Worse,
}

/// What stands against a word that was given for an earlier state; nothing where it means what it meant.
#[must_use]
pub fn stale(seen: &State, now: &State, word: &Fact) -> Option<Stale> {
    // Entering a stage anew is another occasion, also where it is the same stage.
    let moved = seen.stage != now.stage || seen.entered != now.entered;
    match word.said() {
        // To stop before the next step changes nothing outside.
        Fact::Ordered(Order::Pause, ..) => None,
        Fact::Ordered(Order::Abort, ..) => (seen.pivoted() != now.pivoted()).then_some(Stale::Pivoted),
        Fact::Ordered(Order::RevokeNow, ..) => is_worse(seen, now).then_some(Stale::Worse),
        _ => moved.then_some(Stale::Moved),
    }
}

/// A revoke out of turn would cut off somebody who would not have been.
fn is_worse(seen: &State, now: &State) -> bool {
    let token = |state: &State| state.successor.as_ref().map(|successor| successor.token.clone());
    let lost = token(seen).is_some_and(|token_then| token(now).as_ref() != Some(&token_then));
    let unproved = seen.dependents.iter().zip(&now.dependents).any(|(then, one)| then.proved && !one.proved);
    lost || unproved
}
