//! What a failure means in each stage: again, another way, back, or a person.

use super::back::{mint_another, roll_back};
use super::machine::tries;
use super::{Stage, State, Step, StoreState, dependents, hand, replace, revoke, sweep};
use crate::model::{Chooser, Class, Happened, Reason, Timestamp};

/// A step that did not work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Failure {
    /// Could it have happened?
    pub(super) happened: Happened,
    /// May it be tried again, and are there tries left?
    pub(super) again: bool,
    /// Why.
    pub(super) why: Reason,
    /// Tries so far, this one included.
    pub(super) tried: u32,
}

/// The running step did not work.
pub(super) fn failed(state: &mut State, step: Step, failure: Failure, at: Timestamp) -> Option<()> {
    let Failure { why, tried, .. } = failure;
    if let Step::Promote(store) = step {
        overtaken(state, store, failure)?;
    }
    match step {
        Step::ReadUsage if !failure.again => {
            // What the thief did matters less than ending it.
            state.usage_read = true;
            state.ready(at, 0);
        }
        Step::Mint => mint_failed(state, failure, at)?,
        Step::Prove => unproved(state, why, at),
        Step::Stage(_) if why == Reason::Unreadable && !state.exposed => mint_another(state, at),
        Step::Stage(_) | Step::Promote(_) if !failure.again => roll_back(state, why, at),
        Step::Check(index) | Step::CheckBack(index) => dependents::answered(state, index, Err(why), at)?,
        Step::Recheck(_) if !failure.again => dependents::fell_back(state, at),
        Step::Try if why == Reason::Unreadable => hand::refuse(state, why, at),
        Step::AskOld => replace::unanswered(state, why, at),
        Step::Discard if why == Reason::Unsupported => discard_by_hand(state, at)?,
        Step::Quarantine => sweep::not_disabled(state, why, failure.again, tried, at)?,
        Step::Disable => revoke::disable_failed(state, why, tried, at),
        Step::Revoke => revoke::revoke_failed(state, failure.happened, why, tried, at),
        // Where the revocation was refused, that says more.
        Step::Confirm if why == Reason::StillListed => {
            revoke::revoke_again(state, state.ending.unsure.unwrap_or(why), at)
        }
        Step::Confirm => revoke::unconfirmed(state, at),
        Step::Watch if why == Reason::StillLive => revoke::risen(state, at),
        _ if failure.again => state.ready(at.after(state.plan.policy.pause), tried),
        _ => state.hold(why, at),
    }
    Some(())
}

/// Somebody else moved the store before our value was ever current there: there is nothing to take back, and what they
/// wrote stays.
fn overtaken(state: &mut State, store: usize, failure: Failure) -> Option<()> {
    let first = std::mem::take(&mut state.first_move);
    let one = state.stores.get_mut(store)?;
    if let StoreState::Moving(staged) = one
        && first
        && failure.why == Reason::Conflict
        && failure.happened == Happened::No
    {
        *one = StoreState::Staged(staged.clone());
    }
    Some(())
}

/// A person must end it; going on means that it was done, and the provider is asked.
fn discard_by_hand(state: &mut State, at: Timestamp) -> Option<()> {
    state.orphans.first_mut()?.by_hand = true;
    hand::end_orphan(state, at);
    Some(())
}

/// A token that does not work yet may be spreading still; one with fewer rights never will do.
fn unproved(state: &mut State, why: Reason, at: Timestamp) {
    state.streak = 0;
    if why == Reason::Unreadable {
        mint_another(state, at);
    } else if why == Reason::Scopes {
        roll_back(state, why, at);
    } else if at >= state.entered.after(state.plan.policy.prove_within) {
        roll_back(state, Reason::Unproven, at);
    } else {
        state.ready(at.after(state.plan.policy.pause), 0);
    }
}

fn mint_failed(state: &mut State, failure: Failure, at: Timestamp) -> Option<()> {
    let pending = state.pending.as_mut()?;
    pending.perhaps |= failure.happened == Happened::Perhaps;
    let perhaps = pending.perhaps;
    if state.plan.abilities.chooser == Chooser::Server {
        let may_be_sent_again = guard!(NoResend: !replace::once(&state.plan));
        if !surely_not(state, perhaps) {
            state.go(Stage::Seeking, at);
        } else if may_be_sent_again {
            surely_not_minted(state, failure, at);
        } else {
            replace::refused(state, failure.again, failure.why, at);
        }
    } else if failure.why == Reason::Unreadable {
        value_lost(state, perhaps, at);
    } else if failure.again {
        state.ready(at.after(state.plan.policy.pause), failure.tried);
    } else if perhaps {
        // Going on pushes the same value again; going back does too, so that it can be discarded.
        state.hold(failure.why, at);
    } else {
        surely_not_minted(state, failure, at);
    }
    Some(())
}

/// A mint of unknown outcome is never sent again: what it left is sought first, and where it replaced the old token nothing
/// but that one tells.
fn surely_not(state: &State, perhaps: bool) -> bool {
    if replace::replaces(&state.plan) { guard!(NoResend: !perhaps) } else { guard!(SeekBeforeMint: !perhaps) }
}

fn surely_not_minted(state: &mut State, failure: Failure, at: Timestamp) {
    state.pending = None;
    state.counted = None;
    if failure.why == Reason::Quota {
        state.hold(failure.why, at);
    } else if failure.again {
        state.ready(at.after(state.plan.policy.pause), failure.tried);
    } else {
        roll_back(state, failure.why, at);
    }
}

/// The value chosen here cannot be opened again. A slot takes another value; elsewhere what was perhaps made must be
/// found first.
fn value_lost(state: &mut State, perhaps: bool, at: Timestamp) {
    let Some(pending) = state.pending.as_mut() else { return };
    pending.lost = true;
    let spent = state.mints.saturating_sub(state.mints_resumed) >= tries(&state.plan.policy);
    if !perhaps {
        state.pending = None;
    }
    if matches!(state.stage, Stage::RollingBack(_))
        || matches!(state.plan.abilities.class, Class::TwoSlots | Class::Replace)
    {
        state.ready(at, 0);
    } else {
        state.go(Stage::Seeking, at);
    }
    if spent {
        state.hold(Reason::Unreadable, at);
    }
}

/// Nobody knows whether the mint happened.
pub(super) fn mint_unknown(state: &mut State, at: Timestamp) {
    let Some(pending) = state.pending.as_mut() else { return };
    pending.perhaps = true;
    if state.plan.abilities.chooser == Chooser::Server {
        state.go(Stage::Seeking, at);
    }
}
