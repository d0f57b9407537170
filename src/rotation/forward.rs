//! The way forward: what a success means in each stage.

use super::machine::{backoff, between_readings};
use super::steps::unstaged;
use super::{
    Act, Approve, Fact, Old, Outcome, Stage, Staged, State, Step, StoreState, Successor, back, consent, dependents,
    hand, replace, revoke, steps, sweep,
};
use crate::model::{Chooser, Digest, Quota, Reason, Timestamp, TokenId, Verdict, Version};

/// The old token's handle, once the provider named it.
pub(super) fn old_token(old: &Old) -> Option<&TokenId> {
    match old {
        Old::Live(token) | Old::Ending(token) | Old::Dead(Some(token)) => Some(token),
        Old::Unasked | Old::Dead(None) => None,
    }
}

/// The running step worked.
pub(super) fn succeeded(state: &mut State, step: Step, tried: u32, fact: &Fact, at: Timestamp) -> Option<()> {
    match (step, fact) {
        (Step::ReadUsage, Fact::Used { .. }) => {
            state.usage_read = true;
            state.ready(at, 0);
        }
        (Step::Verify, Fact::Verified(verdict)) => assessed(state, verdict, tried, at),
        (Step::Preflight, Fact::Preflighted { saw_old }) => preflighted(state, saw_old, at)?,
        (Step::Count, Fact::Counted(tokens)) => counted(state, tokens, tried, at),
        (Step::Mint, Fact::Minted { token, sealed, .. }) => minted(state, token, sealed, at)?,
        (Step::Try, Fact::Tried(verdict)) => hand::tried(state, verdict, tried, at)?,
        (Step::Seek, Fact::Sought(found)) => back::sought(state, found, at)?,
        (Step::AskOld, Fact::Verified(verdict)) => replace::old_answered(state, verdict, at)?,
        (Step::Twin, Fact::Sought(found)) => twin_sought(state, found, at)?,
        (Step::Prove, Fact::Proved) => proved(state, at),
        (Step::Stage(index), Fact::Staged { store, staged }) if index == *store => {
            was_staged(state, index, staged, at)?
        }
        (Step::Promote(index), Fact::Promoted { store, version }) if index == *store => {
            promoted(state, index, version, at)?
        }
        (Step::Check(index) | Step::CheckBack(index), Fact::Checked { dependent, health }) if index == *dependent => {
            dependents::answered(state, index, Ok(*health), at)?;
        }
        (Step::Recheck(index), Fact::Checked { dependent, health }) if index == *dependent => {
            dependents::rechecked(state, index, *health, at)?;
        }
        (Step::Soak, Fact::Used { explained, foreign, .. }) => soaked(state, explained, !foreign.is_empty(), at)?,
        (Step::Disable, Fact::Disabled) => {
            state.ending.disabled = true;
            state.ready(at, 0);
        }
        (Step::Revoke, Fact::Revoked) => {
            state.ending.revoked = true;
            state.ending.unsure = None;
            state.ready(at, 0);
        }
        (Step::EndSessions, Fact::Ended { .. }) => {
            state.ending.ended = true;
            state.ready(at, 0);
        }
        (Step::Confirm, Fact::Verified(verdict)) => revoke::confirmed(state, verdict, at)?,
        (Step::Watch, Fact::Healthy) => watched(state, at)?,
        _ => return cleared(state, step, tried, fact, at),
    }
    Some(())
}

/// The running step of a way back, or of clearing up, worked.
fn cleared(state: &mut State, step: Step, tried: u32, fact: &Fact, at: Timestamp) -> Option<()> {
    match (step, fact) {
        (Step::Demote(index), Fact::Demoted { store, version }) if index == *store => {
            *state.stores.get_mut(index)? = StoreState::Demoted(version.clone());
            state.ready(at, 0);
        }
        (Step::Discard, Fact::Discarded) => {
            state.orphans.first_mut()?.revoked = true;
            state.streak = 0;
            state.ready(at, tried);
        }
        (Step::ConfirmDiscard, Fact::Verified(verdict)) => discard_confirmed(state, verdict, tried, at)?,
        (Step::Survey, Fact::Surveyed { in_use, there }) => sweep::surveyed(state, in_use, there, at)?,
        (Step::Quarantine, Fact::Quarantined) => sweep::disabled(state, at)?,
        (Step::Unstage(index), Fact::Unstaged { store }) if index == *store => {
            *state.stores.get_mut(index)? = StoreState::Untouched;
            state.ready(at, 0);
        }
        _ => return None,
    }
    Some(())
}

/// Goes to the first stage that still has something to do. After a revoke out of turn that may be any of them.
pub(super) fn advance(state: &mut State, at: Timestamp) {
    let replaced = replace::replaces(&state.plan) && state.pivoted();
    // The users of a token that was replaced wait: what is left over comes after them.
    let urgent = replaced && state.successor.is_some() && state.stale.is_none() && !revoke::complete(state);
    let unknown = state.pending.as_ref().is_some_and(|pending| !steps::pushable(&state.plan, pending));
    let stage = if !urgent && (unknown || !state.orphans.is_empty() || state.stale.is_some()) {
        Stage::Seeking
    } else if state.successor.is_none() {
        Stage::Minting
    } else if !state.proved {
        Stage::Proving
    } else if state.stores.iter().any(unstaged) {
        Stage::Staging
    } else if state.stores.iter().any(|store| !matches!(store, StoreState::Promoted(..))) {
        Stage::Promoting
    } else if dependents::next(state).is_some() {
        Stage::Checking
    } else if revoke::complete(state) {
        Stage::Watching { until: at.after(state.plan.policy.watch) }
    } else if replaced {
        state.ending.since = Some(at);
        Stage::Confirming
    } else {
        Stage::Soaking { until: at.after(state.plan.policy.soak) }
    };
    state.go(stage, at);
}

/// The plan's digest is known.
pub(super) fn planned(state: &mut State, digest: &Digest, at: Timestamp) -> Option<()> {
    if !matches!(state.stage, Stage::Planning) {
        return None;
    }
    state.planned = Some(digest.clone());
    let policy = &state.plan.policy;
    match policy.approve {
        Approve::Never
            if (policy.accept_outage || !replace::replaces(&state.plan)) && !consent::guards_emergency(state) =>
        {
            after_approval(state, at);
        }
        Approve::Never | Approve::Plan | Approve::PlanAndRevoke => {
            state.go(Stage::AwaitingApproval(digest.clone()), at)
        }
    }
    Some(())
}

/// The plan may be carried out.
pub(super) fn after_approval(state: &mut State, at: Timestamp) {
    if state.plan.purpose.is_sweep() {
        sweep::approved(state, at);
    } else if state.plan.emergency {
        revoke::end_first(state, at);
    } else {
        state.go(Stage::Preflighting, at);
    }
}

fn assessed(state: &mut State, verdict: &Verdict, tried: u32, at: Timestamp) {
    let why = match verdict {
        Verdict::Live(token) | Verdict::Restricted(token, _) => {
            state.old = Old::Live(token.clone());
            return state.go(Stage::Planning, at);
        }
        Verdict::Dead => {
            // One refusal may be the provider's bad moment; closing the case on it would leave a leak open.
            state.streak = state.streak.saturating_add(1);
            if state.streak < state.plan.policy.confirms.max(1) {
                return state.ready(at.after(state.plan.policy.confirm_pause), tried);
            }
            state.old = Old::Dead(None);
            return state.go(Stage::Closed(Outcome::AlreadyDead), at);
        }
        Verdict::WrongPlace => Reason::Unexpected,
        Verdict::Unknown(why) => *why,
    };
    state.streak = 0;
    retry_or_hold(state, why, tried, at);
}

pub(super) fn retry_or_hold(state: &mut State, why: Reason, tried: u32, at: Timestamp) {
    if tried < super::machine::tries(&state.plan.policy) {
        state.ready(at.after(state.plan.policy.pause), tried);
    } else {
        state.hold(why, at);
    }
}

/// Nothing outside has changed. A person is asked here if no probe would prove anything, rather than at the revoke.
fn preflighted(state: &mut State, saw_old: &[bool], at: Timestamp) -> Option<()> {
    if saw_old.len() != state.dependents.len() {
        return None;
    }
    for (one, saw) in state.dependents.iter_mut().zip(saw_old) {
        one.saw_old = *saw;
    }
    if replace::replaces(&state.plan) {
        replace::preflighted(state, at);
        return Some(());
    }
    let mut required = state.plan.dependents.iter().zip(saw_old).filter(|(plan, _)| plan.required).peekable();
    let unproved = if required.peek().is_none() {
        Some(Reason::NoDependents)
    } else {
        required.any(|(_, saw)| !saw).then_some(Reason::Unprobeable)
    };
    state.go(Stage::Minting, at);
    if let Some(why) = unproved.filter(|_| !state.plan.policy.accept_unproved) {
        state.hold(why, at);
    }
    Some(())
}

/// Where nothing can be labelled, what was not counted before a mint counts as that mint's: a list that lacks the old token,
/// which lives, lacks others too.
fn is_whole(state: &State, tokens: &[TokenId]) -> bool {
    let decides = !state.plan.abilities.find && !replace::replaces(&state.plan);
    match &state.old {
        Old::Live(old) if decides => tokens.contains(old),
        _ => true,
    }
}

/// Counting is the first half of a mint, so it does not end the count of its tries.
fn counted(state: &mut State, tokens: &[TokenId], tried: u32, at: Timestamp) {
    if !(guard!(WholeList: is_whole(state, tokens))) {
        state.counted = None;
        return retry_or_hold(state, Reason::Unexpected, tried, at);
    }
    let room = match state.plan.abilities.quota {
        Quota::Unlimited => true,
        // What replaces another needs no room.
        Quota::AtMost(_) if replace::replaces(&state.plan) => true,
        Quota::AtMost(most) => u32::try_from(tokens.len()).is_ok_and(|there| there < most),
    };
    if room {
        state.counted = Some(tokens.to_vec());
        state.ready(at, tried.saturating_sub(1));
    } else {
        state.counted = None;
        state.hold(Reason::Quota, at);
    }
}

fn minted(state: &mut State, token: &TokenId, sealed: &Digest, at: Timestamp) -> Option<()> {
    let pending = state.pending.take()?;
    state.counted = None;
    if old_token(&state.old) == Some(token) && !replace::replaces(&state.plan) {
        // Ending one would end the other.
        state.hold(Reason::Unexpected, at);
        return Some(());
    }
    state.successor = Some(Successor {
        token: token.clone(),
        attempt: pending.attempt,
        label: pending.label,
        sealed: sealed.clone(),
        is_alone: !can_have_twin(state),
    });
    state.proved = false;
    if matches!(state.stage, Stage::RollingBack(_)) {
        state.ready(at, 0);
    } else {
        advance(state, at);
    }
    Some(())
}

/// A request that something on the way delivered twice may have made two tokens, and a label tells.
fn can_have_twin(state: &State) -> bool {
    let abilities = &state.plan.abilities;
    abilities.chooser == Chooser::Server && abilities.find && !replace::replaces(&state.plan)
}

/// The label of the new token was looked for. Where it has a twin neither is used: both are ended, and another is made.
fn twin_sought(state: &mut State, found: &[TokenId], at: Timestamp) -> Option<()> {
    let successor = state.successor.as_mut()?;
    if found.iter().all(|token| *token == successor.token) {
        successor.is_alone = true;
        state.ready(at, 0);
    } else {
        back::mint_another(state, at);
    }
    Some(())
}

fn proved(state: &mut State, at: Timestamp) {
    state.streak = state.streak.saturating_add(1);
    if state.streak >= state.plan.policy.proofs.max(1) {
        state.proved = true;
        advance(state, at);
    } else {
        state.ready(at.after(state.plan.policy.pause), 0);
    }
}

fn was_staged(state: &mut State, index: usize, staged: &Staged, at: Timestamp) -> Option<()> {
    *state.stores.get_mut(index)? = StoreState::Staged(staged.clone());
    next_store(state, at);
    Some(())
}

fn promoted(state: &mut State, index: usize, version: &Version, at: Timestamp) -> Option<()> {
    let store = state.stores.get_mut(index)?;
    let StoreState::Moving(staged) = store else { return None };
    *store = StoreState::Promoted(staged.clone(), version.clone());
    state.first_move = false;
    next_store(state, at);
    Some(())
}

fn next_store(state: &mut State, at: Timestamp) {
    if steps::next(state).is_some() {
        state.ready(at, 0);
    } else {
        advance(state, at);
    }
}

/// Explained use is a dependent that nobody moved: it holds the revoke. Any other use does not, and that of a thief ends the
/// wait where the policy says so and every dependent attested the new one: each further minute is then the thief's.
fn soaked(state: &mut State, explained: &[String], abused: bool, at: Timestamp) -> Option<()> {
    let Stage::Soaking { until } = state.stage else { return None };
    state.explained = explained.to_vec();
    let over = abused && explained.is_empty() && state.plan.ends_soak_on_abuse() && dependents::all_attested(state);
    if at < until && !over {
        let policy = &state.plan.policy;
        state.ready(until.min(at.after(between_readings(policy, policy.soak))), 0);
    } else if explained.is_empty() {
        after_soak(state, at);
    } else {
        state.ready(at, 0);
        state.hold(Reason::InUse, at);
    }
    Some(())
}

/// The window is over, or a person overrode what it showed.
pub(super) fn after_soak(state: &mut State, at: Timestamp) {
    match state.plan.policy.approve {
        Approve::PlanAndRevoke => {
            // Who agreed to an earlier revoke has not seen what was seen since.
            consent::forget(state, Act::Revoke);
            state.go(Stage::AwaitingRevokeApproval, at);
        }
        Approve::Never | Approve::Plan => revoke::enter(state, at),
    }
}

fn watched(state: &mut State, at: Timestamp) -> Option<()> {
    let Stage::Watching { until } = state.stage else { return None };
    if at < until {
        let policy = &state.plan.policy;
        state.ready(until.min(at.after(between_readings(policy, policy.watch))), 0);
    } else if revoke::complete(state) {
        state.go(Stage::Closed(Outcome::Rotated), at);
    } else {
        return None;
    }
    Some(())
}

/// Accepted is not dead, and one refusal of a token that may not work yet is not dead either.
fn discard_confirmed(state: &mut State, verdict: &Verdict, tried: u32, at: Timestamp) -> Option<()> {
    match verdict {
        verdict if guard!(OrphanDead: *verdict == Verdict::Dead) => {
            state.streak = state.streak.saturating_add(1);
            if state.streak >= state.plan.policy.confirms.max(1) {
                back::buried(state, at);
            } else {
                state.ready(at.after(state.plan.policy.confirm_pause), 0);
            }
        }
        Verdict::Live(_) | Verdict::Restricted(..) => {
            state.streak = 0;
            let orphan = state.orphans.first_mut()?;
            if orphan.by_hand && tried < super::machine::tries(&state.plan.policy) {
                // What a person ended a moment ago may be accepted for another one.
                state.ready(at.after(state.plan.policy.confirm_pause), tried);
                return Some(());
            }
            orphan.revoked = false;
            let policy = &state.plan.policy;
            if at >= state.entered.after(policy.confirm_within) {
                state.hold(Reason::StillLive, at);
            } else {
                // The count goes through both steps, so that what is revoked in vain is revoked ever more rarely.
                state.ready(at.after(backoff(policy, tried)), tried);
            }
        }
        Verdict::Dead | Verdict::WrongPlace => unburied(state, Reason::Unexpected, tried, at),
        Verdict::Unknown(why) => unburied(state, *why, tried, at),
    }
    Some(())
}

fn unburied(state: &mut State, why: Reason, tried: u32, at: Timestamp) {
    state.streak = 0;
    retry_or_hold(state, why, tried, at);
}
