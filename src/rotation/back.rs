//! The way back, and what must die on every way: nothing that was made is forgotten.

use super::machine::tries;
use super::steps::{can_seek, checks_back, moved, next, pushable};
use super::{
    DependentState, Orphan, Outcome, Pace, Pending, Stage, State, Step, StoreState, Successor, dependents, forward,
    hand, replace, sweep,
};
use crate::model::{Reason, Timestamp, TokenId};

/// A stage failed for good. Before the pivot that is the way back; after it there is none, so a person must choose.
pub(super) fn roll_back(state: &mut State, why: Reason, at: Timestamp) {
    if guard!(Pivot: !state.pivoted()) {
        return turn_back(state, why, at);
    }
    if matches!(state.stage, Stage::Proving) && !replace::replaces(&state.plan) {
        // Going on means another token: this one did not work in the time it had.
        forsake(state);
        state.go(Stage::Seeking, at);
    }
    state.hold(why, at);
}

/// Goes back: stores, dependents, then the new token.
pub(super) fn turn_back(state: &mut State, why: Reason, at: Timestamp) {
    state.ordered = None;
    state.returning = false;
    hand::give_up_offer(state);
    if state.pending.as_ref().is_some_and(|pending| !pending.perhaps) {
        state.pending = None;
    }
    dependents::reset(state);
    state.go(Stage::RollingBack(why), at);
}

/// The successor is given up: it must die, and the stores must drop what they hold of it.
pub(super) fn forsake(state: &mut State) {
    let by_hand = !state.plan.abilities.revoke || state.shares_handle();
    if let Some(Successor { token, attempt, label, sealed, is_alone }) = state.successor.take() {
        if !is_alone && state.pending.is_none() {
            // A twin of it may live under its label.
            let label = label.clone();
            state.pending = Some(Pending { attempt, label, sealed: None, perhaps: true, lost: false });
        }
        state.stale = Some(label.clone());
        state.orphans.push(Orphan { sealed: Some(sealed), by_hand, ..Orphan::new(token, label) });
    }
    state.proved = false;
    state.exposed = false;
    dependents::reset(state);
}

/// The new token is no good and no dependent reads it yet: discard it, mint another. What replaced the old one in place
/// stays until a person hands another over.
pub(super) fn mint_another(state: &mut State, at: Timestamp) {
    if replace::replaces(&state.plan) {
        return state.hold(Reason::Unreadable, at);
    }
    forsake(state);
    state.go(Stage::Seeking, at);
}

/// What an interrupted mint left was looked for. The old token is never taken for it.
pub(super) fn sought(state: &mut State, found: &[TokenId], at: Timestamp) -> Option<()> {
    let abilities = state.plan.abilities;
    let before = state.counted.as_deref().unwrap_or_default();
    let new = state.successor.as_ref().map(|successor| &successor.token);
    let known = |token: &TokenId| {
        let is_new = guard!(OnlyOurs: !before.contains(token));
        forward::old_token(&state.old) == Some(token)
            || new == Some(token)
            || state.orphans.iter().any(|orphan| orphan.token == *token)
            || (!abilities.find && !is_new)
    };
    let by_hand = !abilities.revoke;
    let label = state.pending.as_ref()?.label.clone();
    let left: Vec<Orphan> = found
        .iter()
        .filter(|token| !known(token))
        .map(|token| Orphan { by_hand, ..Orphan::new(token.clone(), label.clone()) })
        .collect();
    if !abilities.find && left.len() > 1 {
        state.hold(Reason::Ambiguous, at);
        return Some(());
    }
    state.streak = if left.is_empty() { state.streak.saturating_add(1) } else { 0 };
    if left.is_empty() && state.streak < state.plan.policy.confirms.max(1) {
        // Lists lag behind, and a request that nobody answered may still be on its way.
        state.ready(at.after(state.plan.policy.confirm_pause), 0);
        return Some(());
    }
    state.streak = 0;
    state.orphans.extend(left);
    state.pending = None;
    state.counted = None;
    state.ready(at, 0);
    Some(())
}

/// The first orphan was observed dead.
pub(super) fn buried(state: &mut State, at: Timestamp) {
    if !state.orphans.is_empty() {
        state.orphans.remove(0);
    }
    state.streak = 0;
    state.ready(at, 0);
}

/// Follows every step of the fold: stages that have nothing left to do pass on by themselves.
pub(super) fn settle(state: &mut State, at: Timestamp) {
    if matches!(state.pace, Pace::Running { .. }) {
        return;
    }
    match state.stage.clone() {
        Stage::RollingBack(why) => settle_back(state, why, at),
        Stage::Seeking => settle_seeking(state, at),
        Stage::Sweeping => sweep::settle(state, at),
        Stage::Revoking if state.pivoted() && next(state).is_none() => state.go(Stage::Confirming, at),
        Stage::Checking if next(state).is_none() => forward::advance(state, at),
        _ => {}
    }
    if let Some((Step::Discard, _)) = next(state)
        && state.orphans.first().is_some_and(|orphan| orphan.by_hand)
    {
        hand::end_orphan(state, at);
    }
}

fn settle_back(state: &mut State, why: Reason, at: Timestamp) {
    if unseekable(state) {
        return state.hold(Reason::Unsupported, at);
    }
    let read = state.stores.iter().any(moved) || (checks_back(state) && dependents::next(state).is_some());
    if state.pending.is_none() && !read {
        forsake(state);
    }
    settle_stale(state);
    if next(state).is_none() {
        state.go(Stage::Closed(Outcome::RolledBack(why)), at);
    }
}

fn settle_seeking(state: &mut State, at: Timestamp) {
    settle_stale(state);
    if next(state).is_none() {
        let spent = state.mints.saturating_sub(state.mints_resumed) >= tries(&state.plan.policy);
        forward::advance(state, at);
        if spent && matches!(state.stage, Stage::Minting) && !hand::makes(state) {
            state.hold(Reason::Unexpected, at);
        }
    } else if unseekable(state) {
        state.hold(Reason::Unsupported, at);
    }
}

fn settle_stale(state: &mut State) {
    if state.orphans.is_empty() && state.stores.iter().all(|store| *store == StoreState::Untouched) {
        state.stale = None;
    }
}

/// A mint may have left something, and nothing can tell what.
pub(super) fn unseekable(state: &State) -> bool {
    !replace::asks_old(state)
        && state.orphans.is_empty()
        && state.stale.is_none()
        && !can_seek(state)
        && state.pending.as_ref().is_some_and(|pending| !pushable(&state.plan, pending))
}

/// All dependents before any probe.
pub(super) fn unprobed(count: usize) -> Vec<DependentState> {
    vec![DependentState::default(); count]
}
