//! Replacement in place: the new token's making is the old one's end, so the mint is the pivot. Where the provider chooses
//! the value it is never sent again after an unknown outcome: whoever detects reuse would end the new token as well. A value
//! that was chosen here is pushed again, and no other before it is known to have arrived.

use super::machine::{overdue_since, tries};
use super::{Ending, Old, Plan, Stage, State, back, hand, revoke};
use crate::model::{Chooser, Class, Reason, Timestamp, Verdict};

/// True when old and new never live side by side.
pub(super) fn replaces(plan: &Plan) -> bool {
    plan.abilities.class == Class::Replace
}

/// True when a mint of this plan must not be sent twice: the provider chooses the value.
pub(super) fn once(plan: &Plan) -> bool {
    replaces(plan) && plan.abilities.chooser == Chooser::Server
}

/// True when the sessions of the old value are ended after its replacement. Where the provider chose the new one, the old
/// one's handle ended with it, and nothing can be ordered by that.
pub(super) fn ends_sessions(plan: &Plan) -> bool {
    replaces(plan) && plan.abilities.sessions && plan.abilities.chooser == Chooser::Client
}

/// True when only the old token can tell what became of the replacement.
pub(super) fn asks_old(state: &State) -> bool {
    let open = state.returning || (state.pending.is_some() && once(&state.plan));
    replaces(&state.plan) && state.successor.is_none() && open
}

/// True when the replacement is due and nothing has happened yet: what preflight saw holds for one instant alone.
pub(super) fn relies_on_preflight(state: &State) -> bool {
    replaces(&state.plan) && matches!(state.stage, Stage::Minting) && !state.pivoted() && !revoke::early(state)
}

/// Everything is ready. Going on is an outage, however short: a policy or a person has accepted it, or it waits.
pub(super) fn preflighted(state: &mut State, at: Timestamp) {
    let policy = &state.plan.policy;
    let proves_nothing = !state.plan.dependents.iter().any(|one| one.required);
    if !state.outage && !policy.accept_outage {
        return state.hold(Reason::Outage, at);
    }
    if !state.outage && proves_nothing && !policy.accept_unproved {
        return state.hold(Reason::NoDependents, at);
    }
    begin(state, at);
}

/// The next thing ends the old token. Where a person does it, nobody sees when: it counts as begun once they are asked.
pub(super) fn begin(state: &mut State, at: Timestamp) {
    state.outage = true;
    state.go(Stage::Minting, at);
    if hand::makes(state) {
        revoke::pivot(state, at);
    }
}

/// Nobody knows what became of the replacement, or a person wants the old token back in use. The old one was asked.
pub(super) fn old_answered(state: &mut State, verdict: &Verdict, at: Timestamp) -> Option<()> {
    let policy = &state.plan.policy;
    let (confirms, pause) = (policy.confirms.max(1), policy.confirm_pause);
    let (lives, deaths) = (std::mem::take(&mut state.lives), std::mem::take(&mut state.streak));
    // A request that nobody answered may still arrive, but not for ever.
    let begun = state.ending.since.unwrap_or(state.entered);
    let is_open = state.pending.as_ref().is_some_and(|pending| pending.perhaps);
    let settled = !is_open || overdue_since(state, begun, at);
    match verdict {
        Verdict::Live(_) | Verdict::Restricted(..) => {
            state.lives = lives.saturating_add(1);
            if state.lives < confirms || !settled {
                state.ready(at.after(pause), 0);
            } else if state.returning {
                give_back(state, at)?;
            } else if is_open {
                state.hold(Reason::StillLive, at);
            } else {
                again(state, at);
            }
        }
        Verdict::Dead if deaths.saturating_add(1) < confirms => {
            state.streak = deaths.saturating_add(1);
            state.ready(at.after(pause), 0);
        }
        Verdict::Dead => happened(state, at),
        Verdict::WrongPlace => unanswered(state, Reason::Unexpected, at),
        Verdict::Unknown(why) => unanswered(state, *why, at),
    }
    Some(())
}

/// It was refused. Whatever passed the request on may have done so twice, and the refusal may be of the second one: the old
/// token is seen alive before another is sent.
pub(super) fn refused(state: &mut State, again: bool, why: Reason, at: Timestamp) {
    state.go(Stage::Seeking, at);
    state.ready(at.after(state.plan.policy.pause), 0);
    if !again {
        state.hold(why, at);
    }
}

/// It was refused and the old token lives, so it did not happen: another may be sent.
fn again(state: &mut State, at: Timestamp) {
    (state.pending, state.counted) = (None, None);
    let spent = state.mints.saturating_sub(state.mints_resumed) >= tries(&state.plan.policy);
    state.go(Stage::Minting, at);
    if spent {
        state.hold(Reason::Unexpected, at);
    }
}

/// It cannot be asked: not being able to ask is neither life nor death.
pub(super) fn unanswered(state: &mut State, why: Reason, at: Timestamp) {
    (state.lives, state.streak) = (0, 0);
    state.ready(at.after(state.plan.policy.confirm_pause), 0);
    if overdue_since(state, state.entered, at) {
        state.hold(why, at);
    }
}

/// It was replaced. A value that the provider chose is lost with its reply; one that was chosen here is pushed again.
fn happened(state: &mut State, at: Timestamp) {
    state.returning = false;
    if once(&state.plan) {
        state.by_hand = true;
        state.counted = None;
        state.pending = state.pending.take().filter(|_| state.plan.abilities.find);
    }
    state.go(Stage::Minting, at);
}

/// It was not replaced: the old token is in use as before, and a person wants it so.
fn give_back(state: &mut State, at: Timestamp) -> Option<()> {
    let Old::Ending(token) = &state.old else { return None };
    state.old = Old::Live(token.clone());
    state.ending = Ending::default();
    (state.pending, state.counted) = (None, None);
    back::turn_back(state, Reason::Ordered, at);
    Some(())
}

/// True when a person may want the old token back: it may live still, and nothing has taken its place.
pub(super) fn may_return(state: &State, here: &Stage) -> bool {
    let begun = matches!(state.old, Old::Ending(_)) && !state.ending.revoked && !state.ending.disabled;
    let nothing_new = state.successor.is_none() && !state.returning;
    replaces(&state.plan) && begun && nothing_new && matches!(here, Stage::Minting | Stage::Seeking)
}

/// The way back is open only if the provider still takes the old token.
pub(super) fn return_to_old(state: &mut State, at: Timestamp) {
    state.returning = true;
    state.go(Stage::Seeking, at);
}
