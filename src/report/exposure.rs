//! What is still exposed: leaks whose token is not known to be dead, whoever works on them or nobody.

use crate::model::Timestamp;
use crate::rotation::{Old, Outcome, Purpose, Stage, State};
use std::time::Duration;

/// A leak that is open still.
#[derive(Clone, Copy, Debug)]
pub struct Exposed<'a> {
    /// Its case.
    pub state: &'a State,
    /// How long it has been known.
    pub age: Duration,
}

impl Exposed<'_> {
    /// Why it is open still.
    #[must_use]
    pub fn why(&self) -> &'static str {
        match &self.state.stage {
            Stage::Closed(Outcome::Abandoned) => "given up: nobody works on it",
            Stage::Closed(Outcome::RolledBack(_)) => "rolled back: the old token is in use",
            Stage::Closed(_) => "closed",
            _ => "a case is open",
        }
    }
}

/// All of them, the oldest first. What was given up leaves the list when another case of the credential sees the same
/// token dead.
#[must_use]
pub fn exposed<'a>(states: impl IntoIterator<Item = &'a State>, now: Timestamp) -> Vec<Exposed<'a>> {
    let states: Vec<&State> = states.into_iter().collect();
    // A token that has merely become old, or that nobody ever had, has not leaked.
    let is_leak = |state: &State| matches!(state.plan.purpose, Purpose::Leak | Purpose::Offboarding(_));
    let is_dead = |state: &State| matches!(state.old, Old::Dead(_));
    let died_elsewhere = |state: &State| {
        let (Old::Live(token) | Old::Ending(token)) = &state.old else { return false };
        states.iter().any(|other| {
            other.plan.credential == state.plan.credential
                && matches!(&other.old, Old::Dead(Some(dead)) if dead == token)
        })
    };
    let mut open: Vec<_> = states
        .iter()
        .filter(|state| is_leak(state) && !is_dead(state) && !died_elsewhere(state))
        .map(|state| Exposed { state, age: now.since(state.plan.leaked) })
        .collect();
    open.sort_by(|a, b| b.age.cmp(&a.age).then_with(|| a.state.plan.rotation.cmp(&b.state.plan.rotation)));
    open
}
