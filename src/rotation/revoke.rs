//! The end of the old token: the only place that writes a warrant for it.

use super::machine::{backoff, overdue_since, tries};
use super::{Effect, Grounds, Old, Stage, State, Step, StoreState, Warrant, dependents, forward, hand, replace};
use crate::model::{Happened, Reason, Timestamp, Verdict};

/// True when the old token is ended before its successor is proved: by a person's order or an emergency plan.
pub(super) fn early(state: &State) -> bool {
    state.ordered.is_some() || state.plan.emergency
}

/// Proof at this instant, then disable, revoke, end sessions.
pub(super) fn next(state: &State) -> Option<(Step, Effect)> {
    let is_sure = guard!(Recheck: early(state) || state.pivoted());
    if !is_sure && let Some(dependent) = dependents::next_recheck(state) {
        return Some((Step::Recheck(dependent), Effect::Recheck(dependent)));
    }
    let (abilities, ending) = (&state.plan.abilities, &state.ending);
    // Where both have one handle, a call might end the new one.
    let own_handle = !state.shares_handle();
    if abilities.disable && own_handle && !ending.disabled {
        return Some((Step::Disable, Effect::Disable(warrant(state)?)));
    }
    if (abilities.revoke || !abilities.disable || !own_handle) && !ending.revoked {
        return Some((Step::Revoke, Effect::Revoke(warrant(state)?)));
    }
    if abilities.sessions && own_handle && !ending.ended {
        return Some((Step::EndSessions, Effect::EndSessions(warrant(state)?)));
    }
    None
}

/// What a value opened that was replaced in place by one chosen here: its sessions live on without it. Everybody is on the
/// new one by now.
pub(super) fn sessions(state: &State) -> Option<(Step, Effect)> {
    let is_left = replace::ends_sessions(&state.plan) && is_replaced(state) && !state.ending.ended;
    is_left.then(|| warrant(state)).flatten().map(|warrant| (Step::EndSessions, Effect::EndSessions(warrant)))
}

/// The right to end the old token. No order and a store or a required dependent that is not on the successor: no
/// warrant.
fn warrant(state: &State) -> Option<Warrant> {
    let token = forward::old_token(&state.old)?.clone();
    let grounds = match (&state.ordered, state.plan.emergency) {
        (Some(person), _) => Grounds::Ordered(person.clone()),
        (None, true) => Grounds::Policy(state.planned.clone()?),
        (None, false) => {
            let unproved = |(plan, one): (&super::DependentPlan, &super::DependentState)| plan.required && !one.proved;
            if state.plan.dependents.iter().zip(&state.dependents).any(unproved) {
                return None;
            }
            let version = |store: &StoreState| match store {
                StoreState::Promoted(_, version) => Some(version.clone()),
                _ => None,
            };
            Grounds::Succeeded(state.stores.iter().map(version).collect::<Option<Vec<_>>>()?)
        }
    };
    Some(Warrant::new(token, grounds))
}

/// The old token is ended before anything else, on a person's or a policy's word. Where its replacement does that, the
/// replacement comes first.
pub(super) fn end_first(state: &mut State, at: Timestamp) {
    if replace::replaces(&state.plan) && !hand::makes(state) {
        replace::begin(state, at);
    } else {
        enter(state, at);
    }
}

/// Enters the stage (again): everything that may be repeated is.
pub(super) fn enter(state: &mut State, at: Timestamp) {
    dependents::forget_rechecks(state);
    state.ending.disabled = false;
    state.ending.revoked = false;
    state.ending.unsure = None;
    state.ending.ended = false;
    state.go(Stage::Revoking, at);
}

/// The pivot: from here there is no way back.
pub(super) fn pivot(state: &mut State, at: Timestamp) {
    if let Old::Live(token) = &state.old {
        state.old = Old::Ending(token.clone());
    }
    state.ending.since.get_or_insert(at);
    // Out of turn, a store may be caught between the two values: it is read and staged again, which changes nothing
    // where the new value is current already.
    for store in state.stores.iter_mut().filter(|store| matches!(store, StoreState::Moving(_))) {
        *store = StoreState::Touched;
    }
}

/// The provider spoke of the old token after its revocation was sent.
pub(super) fn confirmed(state: &mut State, verdict: &Verdict, at: Timestamp) -> Option<()> {
    match verdict {
        verdict if guard!(DeadProbe: *verdict == Verdict::Dead) => {
            state.streak = state.streak.saturating_add(1);
            let is_sure = guard!(ConsecutiveRefusals: state.streak >= state.plan.policy.confirms.max(1));
            if !is_sure {
                state.ready(at.after(state.plan.policy.confirm_pause), 0);
            } else if let Some(why) = state.ending.unsure.filter(|_| may_return(state)) {
                revoke_again(state, why, at);
            } else {
                state.old = Old::Dead(Some(forward::old_token(&state.old)?.clone()));
                forward::advance(state, at);
            }
        }
        // Its replacement is its end: it is never revoked by a handle that its successor may have.
        Verdict::Live(_) | Verdict::Restricted(..) if is_replaced(state) => unconfirmed(state, at),
        Verdict::Live(_) | Verdict::Restricted(..) if state.ends_by_hand() => not_ended_by_hand(state, at),
        Verdict::Live(_) | Verdict::Restricted(..) => {
            state.streak = 0;
            state.ending.resends = state.ending.resends.saturating_add(1);
            let wait = backoff(&state.plan.policy, state.ending.resends);
            let overdue = overdue(state, at);
            enter(state, at);
            state.ready(at.after(wait), 0);
            if overdue {
                state.hold(Reason::StillLive, at);
            }
        }
        Verdict::Dead | Verdict::WrongPlace | Verdict::Unknown(_) => unconfirmed(state, at),
    }
    Some(())
}

/// It was observed dead and is accepted again: it is ended like one that never died.
pub(super) fn risen(state: &mut State, at: Timestamp) {
    if let Old::Dead(Some(token)) = &state.old {
        state.old = Old::Ending(token.clone());
    }
    state.ending.since = Some(at);
    state.ending.resends = 0;
    if is_replaced(state) {
        state.ending.ended = false;
        state.go(Stage::Confirming, at);
    } else {
        enter(state, at);
    }
}

/// A token that is refused may be so for a while only, where it was disabled or its revocation has parts.
fn may_return(state: &State) -> bool {
    let abilities = &state.plan.abilities;
    abilities.disable || abilities.in_parts
}

fn is_replaced(state: &State) -> bool {
    replace::replaces(&state.plan) && state.successor.is_some()
}

/// What a person ended a moment ago may be accepted for another one; then that person is asked again.
fn not_ended_by_hand(state: &mut State, at: Timestamp) {
    state.ending.resends = state.ending.resends.saturating_add(1);
    if state.ending.resends < tries(&state.plan.policy) {
        state.streak = 0;
        state.ready(at.after(state.plan.policy.confirm_pause), 0);
    } else {
        enter(state, at);
        ask_for_hand(state, at);
    }
}

/// A person's to do; going on means that it was done, and the provider is asked.
fn ask_for_hand(state: &mut State, at: Timestamp) {
    state.ending.revoked = true;
    state.ending.resends = 0;
    state.ready(at, 0);
    state.hold(Reason::ByHand, at);
}

/// Not being able to ask is not being dead.
pub(super) fn unconfirmed(state: &mut State, at: Timestamp) {
    state.streak = 0;
    state.ready(at.after(state.plan.policy.confirm_pause), 0);
    if overdue(state, at) {
        state.hold(Reason::StillLive, at);
    }
}

/// It is refused, perhaps by being disabled alone or until the server starts again: a disabled token can be enabled and
/// fills a place, so the revocation is sent once more, now that the provider was asked.
pub(super) fn revoke_again(state: &mut State, why: Reason, at: Timestamp) {
    state.ending.resends = state.ending.resends.saturating_add(1);
    let wait = backoff(&state.plan.policy, state.ending.resends);
    let overdue = overdue(state, at);
    state.ending.revoked = false;
    state.ending.unsure = None;
    state.ending.ended = false;
    state.go(Stage::Revoking, at);
    state.ready(at.after(wait), 0);
    if overdue {
        state.hold(why, at);
    }
}

fn overdue(state: &State, at: Timestamp) -> bool {
    overdue_since(state, state.ending.since.unwrap_or(state.entered), at)
}

/// Disabling is the gentler half of a revocation: it is tried again, then stepped over.
pub(super) fn disable_failed(state: &mut State, why: Reason, tried: u32, at: Timestamp) {
    if why == Reason::Unsupported || tried >= tries(&state.plan.policy) {
        state.ending.disabled = true;
        state.ready(at, 0);
    } else {
        state.ready(at.after(backoff(&state.plan.policy, tried)), tried);
    }
}

/// It may have happened, or has failed often: ask whether the token is dead, and come back if it lives.
pub(super) fn revoke_failed(state: &mut State, happened: Happened, why: Reason, tried: u32, at: Timestamp) {
    if matches!(why, Reason::Unsupported | Reason::ByHand) {
        ask_for_hand(state, at);
    } else if happened == Happened::Perhaps || tried >= tries(&state.plan.policy) {
        unsure(state, why);
        state.ready(at, 0);
    } else {
        state.ready(at.after(backoff(&state.plan.policy, tried)), tried);
    }
}

/// Never sent again before the provider was asked.
pub(super) fn unsure(state: &mut State, why: Reason) {
    state.ending.revoked = true;
    state.ending.unsure = Some(why);
}

/// True when stores and required dependents are on the successor and the old token was observed dead.
pub(super) fn complete(state: &State) -> bool {
    let stores = state.stores.iter().all(|store| matches!(store, StoreState::Promoted(..)));
    let proved = state.plan.dependents.iter().zip(&state.dependents).all(|(plan, one)| !plan.required || one.proved);
    stores && proved && state.successor.is_some() && matches!(state.old, Old::Dead(Some(_)))
}
